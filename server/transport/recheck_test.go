package transport

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"petitiond/server/operation"
)

// newChecked returns a transport without connections whose credentials are checked by check.
func newChecked(check func(ctx context.Context, bearer string) (context.Context, error)) *Transport {
	return New(Options{Schema: unused(), Authenticate: check})
}

// However many bear a credential, it is asked once a minute, and forgotten with the last of them.
func TestCredentialIsAskedOnceForAll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		asked, tr := 0, (*Transport)(nil)
		tr = newChecked(func(ctx context.Context, _ string) (context.Context, error) {
			asked++
			return ctx, nil
		})
		defer tr.die()
		var held []*credential
		for range 30 {
			who := tr.known(t.Context(), "key")
			held = append(held, tr.credentials.hold(who))
		}
		for second := range 180 {
			tr.credentials.check()
			synctest.Wait()
			if want := second / 60; asked != want {
				t.Fatalf("asked %d times after %d s, want %d", asked, second, want)
			}
			time.Sleep(time.Second)
		}
		for i, c := range held {
			if got := len(tr.credentials.known); got != 1 {
				t.Fatalf("%d credentials are known while %d bear it", got, len(held)-i)
			}
			tr.credentials.release(c)
		}
		if got := len(tr.credentials.known); got != 0 {
			t.Errorf("%d credentials are known that nobody bears", got)
		}
	})
}

// Whoever shows a credential that has other rights by now ends what is open under it with those that it had.
func TestCredentialIsShownWithOtherRights(t *testing.T) {
	t.Parallel()
	type rights struct{}
	tr := newChecked(nil)
	tr.same = func(before, now context.Context) bool { return before.Value(rights{}) == now.Value(rights{}) }
	show := func(may string) *credential {
		return tr.credentials.hold(tr.known(context.WithValue(t.Context(), rights{}, may), "key"))
	}
	first, same, second := show("all"), show("all"), show("less")
	if first != same || first.fault() == nil || second.fault() != nil {
		t.Errorf("first %v, second %v", first.fault(), second.fault())
	}
	tr.credentials.release(first)
	tr.credentials.release(same)
	if third := show("less"); third != second {
		t.Error("the second was forgotten with the first")
	}
}

// A few are asked at once, however many are due.
func TestCredentialsAreAskedAFewAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var running, most, asked atomic.Int64
		tr := newChecked(func(ctx context.Context, _ string) (context.Context, error) {
			if n := running.Add(1); n > most.Load() {
				most.Store(n)
			}
			time.Sleep(time.Second)
			running.Add(-1)
			asked.Add(1)
			return ctx, nil
		})
		defer tr.die()
		for i := range 100 {
			tr.credentials.hold(tr.known(t.Context(), fmt.Sprint(i)))
		}
		time.Sleep(recheck)
		for range 20 {
			tr.credentials.check()
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
		tr := newChecked(func(ctx context.Context, _ string) (context.Context, error) {
			asked++
			if failing {
				return nil, fmt.Errorf("no database: %w", ErrUnavailable)
			}
			return ctx, nil
		})
		defer tr.die()
		wait := func(d time.Duration) {
			for end := now().Add(d); now().Before(end); {
				time.Sleep(100 * time.Millisecond)
				tr.credentials.check()
				synctest.Wait()
			}
		}
		c := tr.credentials.hold(tr.known(t.Context(), "key"))
		wait(recheck + 10*time.Second)
		if asked != 11 || c.fault() != nil {
			t.Errorf("asked %d times in the first 10 s, with %v; want 11, and nothing", asked, c.fault())
		}
		failing = false
		wait(2 * time.Second)
		failing, asked = true, 0
		wait(unchecked - 2*time.Second)
		if c.fault() != nil {
			t.Errorf("ended too early: %v", c.fault().errs)
		}
		wait(3 * time.Second)
		if f := c.fault(); f == nil || operation.CodeOf(f.errs[0]) != unavailable {
			t.Errorf("not ended after %v: %v", unchecked, f)
		}
		asked = 0
		wait(recheck)
		if asked != 0 || len(tr.credentials.known) != 0 {
			t.Errorf("what has ended was asked %d times", asked)
		}
	})
}

// A credential that has ended is another's business when it is shown again, and found to hold.
func TestCredentialIsShownAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var err error
		tr := newChecked(func(ctx context.Context, _ string) (context.Context, error) { return ctx, err })
		defer tr.die()
		first := tr.credentials.hold(tr.known(t.Context(), "key"))
		time.Sleep(recheck)
		err = errors.New("unknown")
		tr.credentials.check()
		synctest.Wait()
		err = nil
		second := tr.credentials.hold(tr.known(t.Context(), "key"))
		if first.fault() == nil || second.fault() != nil {
			t.Errorf("first %v, second %v", first.fault(), second.fault())
		}
		tr.credentials.release(first)
		if len(tr.credentials.known) != 1 {
			t.Error("the second was forgotten with the first")
		}
		tr.credentials.release(second)
		if len(tr.credentials.known) != 0 {
			t.Error("the second was not forgotten")
		}
	})
}
