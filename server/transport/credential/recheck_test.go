package credential

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"petitiond/server/errcode"
	"petitiond/server/operation"
)

// newChecked returns an empty registry whose credentials are checked by check.
func newChecked(check func(ctx context.Context, bearer string) (context.Context, error)) *Registry {
	return NewRegistry(&Authority{
		Authenticate: check, Expires: func(context.Context) time.Time { return time.Time{} },
		Same:  func(context.Context, context.Context) bool { return true },
		Alive: context.Background(), Patience: 5 * time.Second, Now: time.Now, Logger: slog.New(slog.DiscardHandler),
	}, new(sync.WaitGroup))
}

// However many bear a credential, it is asked once a minute, and forgotten with the last of them.
func TestCredentialIsAskedOnceForAll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		all := newChecked(func(ctx context.Context, _ string) (context.Context, error) {
			asked++
			return ctx, nil
		})
		var held []*Credential
		for range 30 {
			who := all.identity(t.Context(), "key")
			held = append(held, all.Hold(who))
		}
		for second := range 180 {
			all.Check()
			synctest.Wait()
			if want := second / 60; asked != want {
				t.Fatalf("asked %d times after %d s, want %d", asked, second, want)
			}
			time.Sleep(time.Second)
		}
		for i, c := range held {
			if got := len(all.known); got != 1 {
				t.Fatalf("%d credentials are known while %d bear it", got, len(held)-i)
			}
			all.Release(c)
		}
		if got := len(all.known); got != 0 {
			t.Errorf("%d credentials are known that nobody bears", got)
		}
	})
}

// Whoever shows a credential that has other rights by now ends what is open under it with those that it had.
func TestCredentialIsShownWithOtherRights(t *testing.T) {
	t.Parallel()
	type rights struct{}
	all := newChecked(nil)
	all.Same = func(before, now context.Context) bool { return before.Value(rights{}) == now.Value(rights{}) }
	show := func(may string) *Credential {
		return all.Hold(all.identity(context.WithValue(t.Context(), rights{}, may), "key"))
	}
	first, same, second := show("all"), show("all"), show("less")
	if first != same || first.Fault() == nil || second.Fault() != nil {
		t.Errorf("first %v, second %v", first.Fault(), second.Fault())
	}
	all.Release(first)
	all.Release(same)
	if third := show("less"); third != second {
		t.Error("the second was forgotten with the first")
	}
}

// A few are asked at once, however many are due.
func TestCredentialsAreAskedAFewAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var running, most, asked atomic.Int64
		all := newChecked(func(ctx context.Context, _ string) (context.Context, error) {
			if n := running.Add(1); n > most.Load() {
				most.Store(n)
			}
			time.Sleep(time.Second)
			running.Add(-1)
			asked.Add(1)
			return ctx, nil
		})
		for i := range 100 {
			all.Hold(all.identity(t.Context(), fmt.Sprint(i)))
		}
		time.Sleep(recheck)
		for range 20 {
			all.Check()
			time.Sleep(time.Second)
		}
		synctest.Wait()
		if asked.Load() != 100 || most.Load() != checkers {
			t.Errorf("asked for %d, up to %d at once; want 100 and %d", asked.Load(), most.Load(), checkers)
		}
	})
}

// What cannot be checked is asked again each second, but not for longer than unchecked.
func TestCredentialIsNotUncheckedForLong(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		asked, failing := 0, true
		all := newChecked(func(ctx context.Context, _ string) (context.Context, error) {
			asked++
			if failing {
				return nil, fmt.Errorf("no database: %w", ErrUnavailable)
			}
			return ctx, nil
		})
		wait := func(d time.Duration) {
			for end := time.Now().Add(d); time.Now().Before(end); {
				time.Sleep(100 * time.Millisecond)
				all.Check()
				synctest.Wait()
			}
		}
		c := all.Hold(all.identity(t.Context(), "key"))
		wait(recheck + 10*time.Second)
		if asked != 11 || c.Fault() != nil {
			t.Errorf("asked %d times in the first 10 s, with %v; want 11, and nothing", asked, c.Fault())
		}
		failing = false
		wait(2 * time.Second)
		failing, asked = true, 0
		wait(unchecked - 2*time.Second)
		if c.Fault() != nil {
			t.Errorf("ended too early: %v", c.Fault().Errors)
		}
		wait(3 * time.Second)
		if f := c.Fault(); f == nil || operation.CodeOf(f.Errors[0]) != errcode.Unavailable {
			t.Errorf("not ended after %v: %v", unchecked, f)
		}
		asked = 0
		wait(recheck)
		if asked != 0 || len(all.known) != 0 {
			t.Errorf("what has ended was asked %d times", asked)
		}
	})
}

// A credential that has ended is another's business when it is shown again, and found to hold.
func TestCredentialIsShownAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var err error
		all := newChecked(func(ctx context.Context, _ string) (context.Context, error) { return ctx, err })
		first := all.Hold(all.identity(t.Context(), "key"))
		time.Sleep(recheck)
		err = errors.New("unknown")
		all.Check()
		synctest.Wait()
		err = nil
		second := all.Hold(all.identity(t.Context(), "key"))
		if first.Fault() == nil || second.Fault() != nil {
			t.Errorf("first %v, second %v", first.Fault(), second.Fault())
		}
		all.Release(first)
		if len(all.known) != 1 {
			t.Error("the second was forgotten with the first")
		}
		all.Release(second)
		if len(all.known) != 0 {
			t.Error("the second was not forgotten")
		}
	})
}
