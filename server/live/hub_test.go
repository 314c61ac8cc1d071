package live_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"petitiond/server/live"
)

const interval = 250 * time.Millisecond

func TestFirstChangeAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h, _ := start(t, newStore(at(1, 1)), live.Options{})
		w := watch(t, h, live.Count, id(1))
		next(t, w)
		for version := int64(2); version < 5; version++ {
			before := time.Now()
			h.Publish(at(1, version))
			if diff := cmp.Diff(at(1, version), next(t, w)); diff != "" {
				t.Errorf("Next() (-want +got):\n%s", diff)
			}
			if took := time.Since(before); took != 0 {
				t.Errorf("version %d took %v, want it at once", version, took)
			}
			time.Sleep(interval)
		}
	})
}

func TestPace(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h, _ := start(t, newStore(at(1, 1)), live.Options{})
		w := watch(t, h, live.Count, id(1))
		next(t, w)
		go func() {
			for version := int64(2); version <= 1000; version++ {
				h.Publish(at(1, version))
				time.Sleep(3 * time.Millisecond)
			}
		}()
		var times []time.Time
		for version := int64(1); version < 1000; {
			version = next(t, w).Version
			times = append(times, time.Now())
		}
		for i := 1; i < len(times); i++ {
			if gap := times[i].Sub(times[i-1]); gap != interval {
				t.Errorf("wake %d came %v after the one before, want %v", i, gap, interval)
			}
		}
		if len(times) != 13 { // 0, 250, … 3000 ms
			t.Errorf("%d wakes in three seconds, want 13", len(times))
		}
	})
}

func TestPaceIsPerPetition(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h, _ := start(t, newStore(at(1, 1), at(2, 1)), live.Options{})
		w := watch(t, h, live.Count, id(1), id(2))
		next(t, w)
		next(t, w)
		h.Publish(at(1, 2))
		next(t, w)
		time.Sleep(interval / 2)
		before := time.Now()
		h.Publish(at(1, 3))
		h.Publish(at(2, 2))
		if got := next(t, w); got.Petition != id(2) || time.Since(before) != 0 {
			t.Errorf("petition %v after %v, want the one at rest at once", got.Petition, time.Since(before))
		}
		if got := next(t, w); got.Version != 3 || time.Since(before) != interval/2 {
			t.Errorf("version %d after %v, want 3 when the interval is over", got.Version, time.Since(before))
		}
	})
}

// A burst of 500 changes a second for three seconds with 1,000 watchers, some of them slow.
func TestBurst(t *testing.T) {
	bubble(t, func(t *testing.T) {
		const last = 1500
		h, _ := start(t, newStore(at(1, 0)), live.Options{})
		var finished time.Time
		var watchers sync.WaitGroup
		for i := range 1000 {
			w := watch(t, h, live.Count, id(1))
			watchers.Go(func() {
				seen := int64(-1)
				for seen < last {
					v, err := w.Next(t.Context())
					if err != nil || v.Version <= seen || v.Total != int(v.Version)*10 {
						t.Errorf("after version %d: Next() = %+v, %v", seen, v, err)
						return
					}
					seen = v.Version
					if i%10 == 0 && seen < last/2 {
						time.Sleep(time.Duration(i) * time.Millisecond)
					}
				}
				if late := time.Since(finished); late > interval {
					t.Errorf("the last value came %v after it was published", late)
				}
			})
		}
		for version := int64(1); version <= last; version++ {
			time.Sleep(2 * time.Millisecond)
			finished = time.Now()
			h.Publish(at(1, version))
		}
		watchers.Wait()
	})
}

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
			w := watch(t, h, live.Count, id(n))
			busy.Go(func() {
				for next(t, w).Version < last {
				}
			})
		}
		for n := range publishers {
			busy.Go(func() {
				for version := int64(2); version <= last; version++ {
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
		w := watch(t, h, live.Count|live.Comments|live.Edition, id(1))
		next(t, w)
		h.Publish(at(1, 5), at(1, 3), live.Value{Petition: id(1)}, live.Value{Petition: id(1), Edition: 1})
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
		one, two := watch(t, h, live.Count, id(1)), watch(t, h, live.Count, id(1), id(2), id(2))
		checkSize(t, h, 2, 2)
		two.Close()
		two.Close()
		checkSize(t, h, 1, 1)
		one.Close()
		h.Publish(at(1, 9), at(3, 9))
		checkSize(t, h, 0, 0)
		if got := next(t, watch(t, h, live.Count, id(1))); got.Version != 1 {
			t.Errorf("version = %d, want what was read anew", got.Version)
		}
	})
}

func TestCrowdLeaves(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h, _ := start(t, newStore(at(1, 1)), live.Options{})
		var crowd []*live.Watcher
		for range 5000 {
			crowd = append(crowd, watch(t, h, live.Count, id(1)))
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
		waiting, polling := watch(t, h, live.Count, id(1)), watch(t, h, live.Count, id(1))
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
				_, err := h.Watch(context.Background(), live.Count, id(2+n))
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
		if _, err := h.Watch(context.Background(), live.Count, id(1)); !errors.Is(err, live.ErrClosed) {
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
