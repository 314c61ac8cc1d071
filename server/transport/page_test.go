package transport_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"petitiond/server/answerbudget"
	"petitiond/server/responsecache"
	"petitiond/server/transport"
)

// leaf is a page of some text.
type leaf string

func (l leaf) Size() int { return len(l) }

// sheaf renders pages that say how often the number was moved, and counts them.
type sheaf struct {
	*transport.Transport
	number   atomic.Int64
	rendered atomic.Int64
	keep     bool
}

func newSheaf(adjust func(*transport.Options)) *sheaf {
	opt := sharing(newCounter())
	opt.Limits = transport.DefaultLimits()
	adjust(&opt)
	return &sheaf{Transport: transport.New(opt), keep: true}
}

// share returns what is sent.
func (s *sheaf) share(
	ctx context.Context, name string, render func(context.Context) (transport.Page, bool),
) (page transport.Page, status string, err error) {
	err = s.Share(ctx, name, render, func(sent transport.Page, how string) { page, status = sent, how })
	return page, status, err
}

func (s *sheaf) get(t *testing.T, name string) string {
	t.Helper()
	page, status, err := s.share(t.Context(), name, func(ctx context.Context) (transport.Page, bool) {
		s.rendered.Add(1)
		responsecache.On(ctx, number)
		return leaf(fmt.Sprint(name, s.number.Load())), s.keep
	})
	if err != nil {
		return err.Error()
	}
	return fmt.Sprint(page, " ", strings.TrimPrefix(status, "petitiond; "))
}

func TestSharedPages(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSheaf(func(*transport.Options) {})
		for i, step := range []struct {
			do         func()
			name, want string
		}{
			{nil, "a", "a0 fwd=miss"},
			{nil, "a", "a0 hit"},
			{nil, "b", "b0 fwd=miss"},
			{func() { s.number.Add(1); s.Responses().Drop(number) }, "a", "a1 fwd=miss"},
			{nil, "a", "a1 hit"},
			{func() { s.number.Add(1); s.Responses().Clear() }, "a", "a2 fwd=miss"},
			{func() { time.Sleep(6 * time.Second) }, "a", "a2 fwd=miss"},
			{func() { s.keep = false }, "c", "c2 fwd=miss"},
			{nil, "c", "c2 fwd=miss"},
		} {
			if step.do != nil {
				step.do()
			}
			if got := s.get(t, step.name); got != step.want {
				t.Errorf("step %d: %s, want %s", i, got, step.want)
			}
		}
	})
}

func TestPagesThatAreNotShared(t *testing.T) {
	t.Parallel()
	s := newSheaf(func(o *transport.Options) { o.ShareAnswers = false })
	for range 2 {
		if got := s.get(t, "a"); got != "a0 fwd=bypass" {
			t.Error(got)
		}
	}
	if n := s.rendered.Load(); n != 2 {
		t.Errorf("rendered %d times, want twice", n)
	}
}

// TestPagesInACrowd lets many ask for one page while it is rendered, and for others: the gate is full, who finds a page
// in memory does not come to it, and the one who hung up had begun for all.
func TestPagesInACrowd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSheaf(func(o *transport.Options) { o.Limits.InFlight, o.Limits.Wait = 1, time.Second })
		if got := s.get(t, "known"); got != "known0 fwd=miss" {
			t.Fatal(got)
		}
		var crowd sync.WaitGroup
		first, hangUp := context.WithCancel(t.Context())
		more := make(chan struct{})
		for n := range 20 {
			ctx := t.Context()
			if n == 0 {
				ctx = first
			}
			crowd.Go(func() {
				page, _, err := s.share(ctx, "long", func(ctx context.Context) (transport.Page, bool) {
					s.rendered.Add(1)
					<-more
					return leaf(fmt.Sprint("long, error ", ctx.Err())), true
				})
				if page != leaf("long, error <nil>") || err != nil {
					t.Errorf("got %v, %v", page, err)
				}
			})
			synctest.Wait()
		}
		hangUp()
		began := time.Now()
		if got := s.get(t, "other"); !strings.Contains(got, "is busy") || time.Since(began) != time.Second {
			t.Errorf("with a full gate: %s after %s", got, time.Since(began))
		}
		if got := s.get(t, "known"); got != "known0 hit" {
			t.Errorf("what is in memory: %s", got)
		}
		close(more)
		crowd.Wait()
		if n := s.rendered.Load(); n != 2 {
			t.Errorf("rendered %d times, want once each that was known and long", n)
		}
		if got := s.get(t, "other"); got != "other0 fwd=miss" {
			t.Errorf("when there is room: %s", got)
		}
	})
}

// TestPagesInTime holds pages to the time of an operation.
func TestPagesInTime(t *testing.T) {
	t.Parallel()
	for _, shared := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			s := newSheaf(func(o *transport.Options) { o.ShareAnswers, o.Limits.Operation = shared, 2*time.Second })
			began := time.Now()
			page, _, err := s.share(t.Context(), "slow", func(ctx context.Context) (transport.Page, bool) {
				<-ctx.Done()
				return leaf(ctx.Err().Error()), false
			})
			if page != leaf(context.DeadlineExceeded.Error()) || err != nil || time.Since(began) != 2*time.Second {
				t.Errorf("shared %t: %v, %v after %s", shared, page, err, time.Since(began))
			}
		})
	}
}

// TestPagesAreBounded renders more than there is memory for.
func TestPagesAreBounded(t *testing.T) {
	t.Parallel()
	s := newSheaf(func(o *transport.Options) { o.Limits.AnswerBytes = 1 << 20 })
	share := func(name string, size int) (status string) {
		_, status, _ = s.share(t.Context(), name, func(context.Context) (transport.Page, bool) {
			return leaf(strings.Repeat("x", size)), true
		})
		return status
	}
	for n := range 50 {
		share(fmt.Sprint(n), 100<<10)
		if stats := s.Responses().Stats(); stats.Bytes > 1<<20 {
			t.Fatalf("%d bytes are kept", stats.Bytes)
		}
	}
	if share("49", 0) != hit || share("0", 100<<10) != miss {
		t.Error("the last page is not kept, or the first still is")
	}
	share("huge", 1<<20)
	if share("huge", 1<<20) != miss || share("49", 0) != hit {
		t.Error("a page that takes all memory is kept")
	}
}

// TestPagesTakeMemory sends a page for as long as its clients take: meanwhile there is no memory for another one, but
// for the same.
func TestPagesTakeMemory(t *testing.T) {
	t.Parallel()
	s := newSheaf(func(o *transport.Options) { o.Memory = 300 << 10 })
	share := func(name string, sending func()) error {
		return s.Share(t.Context(), name, func(context.Context) (transport.Page, bool) {
			return leaf(strings.Repeat("x", 200<<10)), true
		}, func(transport.Page, string) { sending() })
	}
	err := share("a", func() {
		if err := share("b", func() { t.Error("b was sent") }); err == nil {
			t.Error("there is memory for b")
		}
		if err := share("a", func() {}); err != nil {
			t.Errorf("a once more: %v", err)
		}
	})
	if err != nil {
		t.Error(err)
	}
	if err := share("b", func() {}); err != nil {
		t.Errorf("b after a: %v", err)
	}
	if got, _, err := s.share(t.Context(), "c", func(ctx context.Context) (transport.Page, bool) {
		return leaf("c"), answerbudget.From(ctx).Hold(1<<20) == nil
	}); err == nil {
		t.Errorf("what was read had no room, and %v was sent", got)
	}
}

// TestPageThatPanics frees its place, and lets those who wait render for themselves.
func TestPageThatPanics(t *testing.T) {
	t.Parallel()
	s := newSheaf(func(o *transport.Options) { o.Limits.InFlight, o.Limits.Wait = 1, time.Millisecond })
	for _, fail := range []func(){func() { panic(errors.New("canary")) }, func() {}} {
		func() {
			defer func() { _ = recover() }()
			_, _, err := s.share(t.Context(), "bad", func(context.Context) (transport.Page, bool) {
				fail()
				return leaf("good"), true
			})
			if err != nil {
				t.Error(err)
			}
		}()
	}
	if got := s.get(t, "after"); got != "after0 fwd=miss" {
		t.Error(got)
	}
}
