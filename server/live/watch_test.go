package live_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"petitiond/server/figures"
	"petitiond/server/live"
)

func TestPresentValueFirst(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h, _ := start(t, newStore(at(1, 0), at(2, 7)), live.Options{})
		w := watch(t, h, figures.Count, id(2), id(1), id(2))
		got := []figures.Value{next(t, w), next(t, w)}
		if diff := cmp.Diff([]figures.Value{at(2, 7), at(1, 0)}, got); diff != "" {
			t.Errorf("first values (-want +got):\n%s", diff)
		}
		if len(w.Baseline()) != 0 {
			t.Errorf("Baseline() = %v, want none for a watcher of counts", w.Baseline())
		}
		silent(t, w, time.Minute)
	})
}

func TestAspects(t *testing.T) {
	count, comment, edition := figures.Value{Version: 2, Goal: 9}, figures.Value{Comment: 2}, figures.Value{Edition: 2}
	tests := map[string]struct {
		aspect figures.Aspect
		news   figures.Value
		wakes  bool
	}{
		"CountByCount":         {figures.Count, count, true},
		"CountByComment":       {figures.Count, comment, false},
		"CountByEdition":       {figures.Count, edition, false},
		"CommentsByCount":      {figures.Comments, count, false},
		"CommentsByComment":    {figures.Comments, comment, true},
		"CommentsByEdition":    {figures.Comments, edition, false},
		"EditionByCount":       {figures.Edition, count, false},
		"EditionByComment":     {figures.Edition, comment, false},
		"EditionByEdition":     {figures.Edition, edition, true},
		"TwoByOneOfThem":       {figures.Count | figures.Edition, edition, true},
		"TwoByTheOther":        {figures.Count | figures.Edition, count, true},
		"TwoByNeither":         {figures.Count | figures.Edition, comment, false},
		"NothingByEverything":  {0, at(1, 2), false},
		"CommentsByEverything": {figures.Comments, figures.Value{Version: 2, Comment: 2, Edition: 2}, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				h, _ := start(t, newStore(at(1, 1)), live.Options{})
				w := watch(t, h, test.aspect, id(1))
				if test.aspect&figures.Count != 0 {
					next(t, w)
				}
				test.news.Petition = id(1)
				h.Publish(test.news)
				if test.wakes {
					next(t, w)
				}
				silent(t, w, time.Second)
			})
		})
	}
}

func TestBaseline(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h, _ := start(t, newStore(at(1, 1), at(2, 1)), live.Options{})
		w := watch(t, h, figures.Comments, id(2), id(1))
		if diff := cmp.Diff([]figures.Value{at(2, 1), at(1, 1)}, w.Baseline()); diff != "" {
			t.Errorf("Baseline() (-want +got):\n%s", diff)
		}
		h.Publish(figures.Value{Petition: id(1), Comment: 7})
		synctest.Wait() // told before anybody asked
		want := at(1, 1)
		want.Comment = 7
		if diff := cmp.Diff(want, next(t, w)); diff != "" {
			t.Errorf("Next() (-want +got):\n%s", diff)
		}
		silent(t, w, time.Minute)
	})
}

func TestSlowWatcherSkips(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h, _ := start(t, newStore(at(1, 1), at(2, 1)), live.Options{})
		w := watch(t, h, figures.Count, id(1), id(2))
		for version := 2; version < 10; version++ {
			h.Publish(at(1, version), at(2, version))
			time.Sleep(time.Second)
		}
		got := []figures.Value{next(t, w), next(t, w)}
		if diff := cmp.Diff([]figures.Value{at(1, 9), at(2, 9)}, got); diff != "" {
			t.Errorf("after a pause (-want +got):\n%s", diff)
		}
		silent(t, w, time.Second)
	})
}

func TestNextWithContext(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h, _ := start(t, newStore(at(1, 1)), live.Options{})
		w := watch(t, h, figures.Count, id(1))
		next(t, w)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := w.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Next() = %v, want the context's error", err)
		}
		h.Publish(at(1, 2))
		if got := next(t, w); got.Version != 2 {
			t.Errorf("version = %d, want that giving up loses nothing", got.Version)
		}
	})
}

func TestCloseEndsNext(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h, _ := start(t, newStore(at(1, 1)), live.Options{})
		w := watch(t, h, figures.Comments, id(1))
		go func() {
			synctest.Wait()
			w.Close()
		}()
		if _, err := w.Next(t.Context()); !errors.Is(err, live.ErrClosed) {
			t.Errorf("Next() = %v, want ErrClosed", err)
		}
	})
}

func TestNotify(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h, _ := start(t, newStore(at(1, 1), at(2, 1)), live.Options{})
		w := watch(t, h, figures.Count, id(1), id(2))
		told := 0
		w.Notify(func() { told++ })
		check := func(what string, want int) {
			t.Helper()
			synctest.Wait()
			if told != want {
				t.Errorf("told %d times %s, want %d", told, what, want)
			}
		}
		check("of the first values", 1)
		h.Publish(at(1, 2), at(2, 2))
		check("while they were not fetched", 1)
		h.Publish(at(1, 3), at(2, 3))
		if got := drain(t, w); len(got) != 2 || got[0].Version != 3 || got[1].Version != 3 {
			t.Errorf("got %+v, want the newest of each", got)
		}
		time.Sleep(long)
		check("of what was fetched early", 1)
		h.Publish(figures.Value{Petition: id(1), Edition: 2})
		time.Sleep(time.Minute)
		check("of what is not watched", 1)
		h.Publish(at(1, 4), at(2, 4))
		check("of two changes at once", 2)
		drain(t, w)
		time.Sleep(time.Minute)
		check("of nothing", 2)
		w.Close()
		check("of the end", 3)
	})
}

// The owner may fetch within the call, as a transport does that has no goroutine for each watcher.
func TestPollWithinNotify(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h, _ := start(t, newStore(at(1, 1)), live.Options{})
		w := watch(t, h, figures.Count, id(1))
		var got []int
		w.Notify(func() {
			for _, v := range drain(t, w) {
				got = append(got, v.Version)
			}
		})
		for version := 2; version < 5; version++ {
			h.Publish(at(1, version))
			time.Sleep(long)
		}
		synctest.Wait()
		if diff := cmp.Diff([]int{1, 2, 3, 4}, got); diff != "" {
			t.Errorf("versions (-want +got):\n%s", diff)
		}
	})
}

// What changes between registering and reading is not lost, and an older read does not take it back.
func TestChangeWhileReading(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newStore(at(1, 1))
		s.gate = make(chan struct{})
		h, _ := start(t, s, live.Options{Timeout: time.Hour})
		watchers := make(chan *live.Watcher)
		go func() { watchers <- watch(t, h, figures.Count, id(1)) }()
		synctest.Wait()
		h.Publish(figures.Value{Petition: id(1), Version: 2, Total: 20, Goal: 100, Comment: 5})
		s.gate <- struct{}{}
		got := next(t, <-watchers)
		want := figures.Value{Petition: id(1), Version: 2, Total: 20, Goal: 100, Comment: 5, Edition: 1}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("Next() (-want +got):\n%s", diff)
		}
		close(s.gate)
	})
}

func TestWatchFails(t *testing.T) {
	broken := errors.New("broken")
	tests := map[string]struct {
		err  error
		ids  []uuid.UUID
		hang bool
		want error
	}{
		"Unknown":      {nil, []uuid.UUID{id(1), id(9)}, false, live.ErrUnknown},
		"ReadFails":    {broken, []uuid.UUID{id(1)}, false, broken},
		"ReadHangs":    {nil, []uuid.UUID{id(1)}, true, context.DeadlineExceeded},
		"NothingAsked": {broken, nil, true, nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				s := newStore(at(1, 1))
				s.err = test.err
				if test.hang {
					s.gate = make(chan struct{})
				}
				h, _ := start(t, s, live.Options{})
				w, err := h.Watch(t.Context(), figures.Count, test.ids...)
				if !errors.Is(err, test.want) {
					t.Fatalf("Watch() = %v, want %v", err, test.want)
				}
				if w != nil {
					w.Close()
				}
				checkSize(t, h, 0, 0)
			})
		})
	}
}

// News alone do not make a petition known: they may be partial.
func TestUnknownThoughPublished(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newStore()
		s.gate = make(chan struct{})
		h, _ := start(t, s, live.Options{})
		go func() {
			synctest.Wait()
			h.Publish(at(1, 2))
			close(s.gate)
		}()
		if _, err := h.Watch(t.Context(), figures.Count, id(1)); !errors.Is(err, live.ErrUnknown) {
			t.Errorf("Watch() = %v, want ErrUnknown", err)
		}
	})
}

// A read that failed is not waited for by those who come later, even while one who waited for it is still there.
func TestAskedAgainAfterFailure(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newStore(at(1, 1), at(2, 1))
		s.gate = make(chan struct{})
		s.err = errors.New("broken")
		h, _ := start(t, s, live.Options{Timeout: time.Hour})
		failed := make(chan error)
		come := func(ids ...uuid.UUID) {
			go func() {
				_, err := h.Watch(t.Context(), figures.Count, ids...)
				failed <- err
			}()
			synctest.Wait()
		}
		come(id(1))        // is being read
		come(id(2), id(1)) // waits for a second read, and only then for the first
		s.fail(nil)
		s.gate <- struct{}{}
		if err := <-failed; err == nil {
			t.Error("Watch() = nil, want the error of the first read")
		}
		close(s.gate)
		next(t, watch(t, h, figures.Count, id(1)))
		if err := <-failed; err == nil {
			t.Error("Watch() = nil, want the error of the first read too")
		}
	})
}

// Who gives up waiting does not spoil the read for others who wait for it too.
func TestWatchGivesUp(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newStore(at(1, 1))
		s.gate = make(chan struct{})
		h, _ := start(t, s, live.Options{Timeout: time.Hour})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		patient := make(chan *live.Watcher)
		go func() { patient <- watch(t, h, figures.Count, id(1)) }()
		if _, err := h.Watch(ctx, figures.Count, id(1)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Watch() = %v, want the context's error", err)
		}
		close(s.gate)
		next(t, <-patient)
		checkSize(t, h, 1, 1)
	})
}

// drain polls until there is nothing.
func drain(tb testing.TB, w *live.Watcher) []figures.Value {
	tb.Helper()
	var values []figures.Value
	for {
		v, ok, err := w.Poll()
		if !ok || err != nil {
			return values
		}
		values = append(values, v)
	}
}
