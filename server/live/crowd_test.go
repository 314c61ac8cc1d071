package live_test

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"petitiond/server/figures"
	"petitiond/server/live"
)

// A hundred thousand watch one petition, or one each of as many: nobody takes a goroutine, and everybody gets the last
// value, told or read. It does not run beside other tests, since it counts goroutines.
func TestCrowd(t *testing.T) { //nolint:paralleltest // see above
	for name, petitions := range map[string]int{"OfOnePetition": 1, "OfAsManyPetitions": crowd} {
		t.Run(name, func(t *testing.T) {
			s := newStore()
			for n := range petitions {
				s.put(at(n, 1))
			}
			h, _ := start(t, s, live.Options{})
			before := runtime.NumGoroutine()
			a := gather(t, h, petitions)
			if more := runtime.NumGoroutine() - before; more > arrivals {
				t.Errorf("%d goroutines more for %d watchers", more, crowd)
			}
			checkSize(t, h, petitions, crowd)

			a.expect(9)
			for version := 2; version <= 9; version++ {
				for n := range petitions {
					h.Publish(at(n, version))
				}
			}
			a.wait(t)

			a.expect(10)
			for n := range petitions {
				s.put(at(n, 10)) // and the news are lost
			}
			h.Reread()
			a.wait(t)
			for _, w := range a.watchers {
				w.Close()
			}
			checkSize(t, h, 0, 0)
		})
	}
}

// An audience is watchers without goroutines, who fetch when they are told.
type audience struct {
	watchers []*live.Watcher
	last     int          // the version that ends
	missing  atomic.Int64 // watchers that have not got it
	all      chan struct{}
}

// arrivals is how many watchers come at once, so that the first reads are few.
const arrivals = 50

// gather brings the crowd to the petitions and lets everybody fetch the present value.
func gather(t *testing.T, h *live.Hub, petitions int) *audience {
	t.Helper()
	a := &audience{watchers: make([]*live.Watcher, crowd), all: make(chan struct{}, 1)}
	a.expect(1)
	var coming sync.WaitGroup
	for door := range arrivals {
		coming.Go(func() {
			for n := door; n < crowd; n += arrivals {
				a.watchers[n] = watch(t, h, figures.Count, id(n%petitions))
				a.seat(t, a.watchers[n], id(n%petitions))
			}
		})
	}
	coming.Wait()
	a.wait(t)
	return a
}

// seat lets a watcher fetch whenever it is told.
func (a *audience) seat(t *testing.T, w *live.Watcher, petition uuid.UUID) {
	t.Helper()
	seen := 0
	w.Notify(func() {
		v, ok, err := w.Poll()
		if !ok || err != nil {
			return
		}
		if v.Version <= seen || v.Petition != petition {
			t.Errorf("a watcher of %v got %+v after version %d", petition, v, seen)
		}
		seen = v.Version
		if seen == a.last && a.missing.Add(-1) == 0 {
			a.all <- struct{}{}
		}
	})
}

// expect says what version the crowd is about to get.
func (a *audience) expect(last int) {
	a.last = last
	a.missing.Store(crowd)
}

func (a *audience) wait(t *testing.T) {
	t.Helper()
	began := time.Now()
	select {
	case <-a.all:
		t.Logf("version %d reached everybody within %s", a.last, time.Since(began))
	case <-time.After(time.Minute):
		t.Fatalf("%d watchers have not got version %d", a.missing.Load(), a.last)
	}
}
