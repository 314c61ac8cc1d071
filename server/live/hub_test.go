package live_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"petitiond/server/figures"
	"petitiond/server/live"
)

// Many publish at once what many watch, while the hub is waking: nobody is forgotten.
func TestManyPublishers(t *testing.T) {
	bubble(t, func(t *testing.T) {
		const petitions, publishers, last = 300, 8, 50
		s := newStore()
		for n := range petitions {
			s.put(at(n, 1))
		}
		h, _ := start(t, s, live.Options{Interval: time.Microsecond, Reread: 1000 * time.Hour})
		var busy sync.WaitGroup
		for n := range petitions {
			w := watch(t, h, figures.Count, id(n))
			busy.Go(func() {
				for next(t, w).Version < last {
				}
			})
		}
		for n := range publishers {
			busy.Go(func() {
				for version := 2; version <= last; version++ {
					for i := range petitions {
						h.Publish(at((i*7+n)%petitions, version))
					}
					time.Sleep(time.Microsecond)
				}
			})
		}
		busy.Wait()
	})
}

func TestLateNewsAreHarmless(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h, _ := start(t, newStore(at(1, 5)), live.Options{})
		w := watch(t, h, figures.Count|figures.Comments|figures.Edition, id(1))
		next(t, w)
		h.Publish(at(1, 5), at(1, 3), figures.Value{Petition: id(1)}, figures.Value{Petition: id(1), Edition: 1})
		silent(t, w, time.Second)
		h.Publish(at(1, 6), at(1, 5), at(1, 6))
		if got := next(t, w); got.Version != 6 {
			t.Errorf("version = %d, want 6", got.Version)
		}
		silent(t, w, time.Second)
	})
}

func TestUnwatchedIsForgotten(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newStore(at(1, 1), at(2, 1))
		h, _ := start(t, s, live.Options{})
		one, two := watch(t, h, figures.Count, id(1)), watch(t, h, figures.Count, id(1), id(2), id(2))
		checkSize(t, h, 2, 2)
		two.Close()
		two.Close()
		checkSize(t, h, 1, 1)
		one.Close()
		h.Publish(at(1, 9), at(3, 9))
		checkSize(t, h, 0, 0)
		if got := next(t, watch(t, h, figures.Count, id(1))); got.Version != 1 {
			t.Errorf("version = %d, want what was read anew", got.Version)
		}
	})
}

func TestCrowdLeaves(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h, _ := start(t, newStore(at(1, 1)), live.Options{})
		var crowd []*live.Watcher
		for range 5000 {
			crowd = append(crowd, watch(t, h, figures.Count, id(1)))
		}
		stays := crowd[2500]
		for i, w := range crowd {
			next(t, w)
			if i != 2500 {
				w.Close()
			}
		}
		h.Publish(at(1, 2))
		if got := next(t, stays); got.Version != 2 {
			t.Errorf("version = %d, want 2", got.Version)
		}
		checkSize(t, h, 1, 1)
	})
}

func TestRunEnds(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newStore(at(1, 1))
		h, stop := start(t, s, live.Options{})
		waiting, polling := watch(t, h, figures.Count, id(1)), watch(t, h, figures.Count, id(1))
		next(t, waiting)
		told := 0
		polling.Notify(func() { told++ })
		failed := make(chan error)
		go func() {
			_, err := waiting.Next(context.Background())
			failed <- err
		}()
		s.gate = make(chan struct{}) // the next read hangs until the hub gives it up

		for n := range 2 { // the second read waits for the first
			go func() {
				_, err := h.Watch(context.Background(), figures.Count, id(2+n))
				failed <- err
			}()
			synctest.Wait()
		}
		stop()
		for range 3 {
			if err := <-failed; !errors.Is(err, live.ErrClosed) {
				t.Errorf("waiting ended with %v, want ErrClosed", err)
			}
		}
		if _, ok, err := polling.Poll(); ok || !errors.Is(err, live.ErrClosed) || told != 2 {
			t.Errorf("Poll() = %v, %v, told %d times; want ErrClosed, told twice", ok, err, told)
		}
		if _, err := h.Watch(context.Background(), figures.Count, id(1)); !errors.Is(err, live.ErrClosed) {
			t.Errorf("Watch() = %v, want ErrClosed", err)
		}
		h.Publish(at(1, 2))
		h.Reread()
		polling.Close()
		checkSize(t, h, 0, 0)
	})
}

func checkSize(tb testing.TB, h *live.Hub, petitions, watchers int) {
	tb.Helper()
	p, w := h.Size()
	if diff := cmp.Diff([]int{petitions, watchers}, []int{p, w}); diff != "" {
		tb.Errorf("Size() (-want +got):\n%s", diff)
	}
}
