package live_test

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"petitiond/server/figures"
	"petitiond/server/live"
)

func TestReadOnlyWhatIsNotHeld(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newStore(at(1, 1), at(2, 1))
		h, _ := start(t, s, live.Options{})
		watch(t, h, figures.Count, id(1))
		watch(t, h, figures.Count, id(1))
		watch(t, h, figures.Comments, id(1), id(2))
		if diff := cmp.Diff([][]uuid.UUID{{id(1)}, {id(2)}}, s.reads()); diff != "" {
			t.Errorf("reads (-want +got):\n%s", diff)
		}
	})
}

// When everybody comes at once the reads are few, and no petition is asked for twice.
func TestReadsAreGathered(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newStore()
		for n := range 1201 {
			s.put(at(n, 1))
		}
		s.gate = make(chan struct{})
		h, _ := start(t, s, live.Options{Timeout: time.Hour})
		var crowd sync.WaitGroup
		come := func(n int) {
			crowd.Go(func() {
				if got := next(t, watch(t, h, figures.Count, id(n))); got.Petition != id(n) || got.Version != 1 {
					t.Errorf("petition %d: %+v", n, got)
				}
			})
		}
		come(1200)
		synctest.Wait() // its read hangs at the gate, and the others gather behind it
		for i := range 3600 {
			come(i % 1200)
		}
		synctest.Wait()
		close(s.gate)
		crowd.Wait()
		var sizes []int
		for _, ids := range s.reads() {
			sizes = append(sizes, len(ids))
		}
		if diff := cmp.Diff([]int{1, 500, 500, 200}, sizes); diff != "" {
			t.Errorf("sizes of the reads (-want +got):\n%s", diff)
		}
	})
}

func TestRereadHeals(t *testing.T) {
	tests := map[string]struct {
		ask    bool
		within time.Duration
	}{
		"ByItself": {false, 4 * time.Second},
		"Asked":    {true, 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				s := newStore(at(1, 1))
				h, _ := start(t, s, live.Options{})
				w := watch(t, h, figures.Count, id(1))
				next(t, w)
				before := time.Now()
				s.put(at(1, 2)) // and nobody is told
				if test.ask {
					h.Reread()
				}
				if got := next(t, w); got.Version != 2 {
					t.Errorf("version = %d, want 2", got.Version)
				}
				if took := time.Since(before); took != test.within {
					t.Errorf("healed after %v, want %v", took, test.within)
				}
			})
		})
	}
}

func TestRereadInChunks(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newStore()
		var ids []uuid.UUID
		for n := range 1100 {
			s.put(at(n, 1))
			ids = append(ids, id(n))
		}
		h, _ := start(t, s, live.Options{})
		watch(t, h, figures.Count, ids...)
		before := len(s.reads())
		h.Reread()
		synctest.Wait()
		asked := map[uuid.UUID]int{}
		for _, ids := range s.reads()[before:] {
			if len(ids) > 500 {
				t.Errorf("a read of %d petitions, want at most 500", len(ids))
			}
			for _, id := range ids {
				asked[id]++
			}
		}
		for _, id := range ids {
			if asked[id] != 1 {
				t.Fatalf("petition %v was read %d times, want once", id, asked[id])
			}
		}
	})
}

func TestRereadGoesOnAfterFailure(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var log bytes.Buffer
		s := newStore(at(1, 1))
		h, _ := start(t, s, live.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
		w := watch(t, h, figures.Count, id(1))
		next(t, w)
		s.fail(errors.New("database is away"))
		s.put(at(1, 2))
		silent(t, w, 9*time.Second)
		s.fail(nil)
		if got := next(t, w); got.Version != 2 {
			t.Errorf("version = %d, want 2", got.Version)
		}
		synctest.Wait()
		if lines := strings.Count(log.String(), "\n"); lines != 2 {
			t.Errorf("%d log lines, want one for each failure:\n%s", lines, log.String())
		}
	})
}

// A read that hangs holds up neither news nor watchers of what is held, and is given up in the end.
func TestHangingRead(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newStore(at(1, 1))
		h, _ := start(t, s, live.Options{})
		w := watch(t, h, figures.Count, id(1))
		next(t, w)
		s.mu.Lock()
		s.gate = make(chan struct{})
		s.mu.Unlock()
		h.Reread()
		synctest.Wait()
		h.Publish(at(1, 2))
		for _, w := range []*live.Watcher{w, watch(t, h, figures.Count, id(1))} {
			if got := next(t, w); got.Version != 2 {
				t.Errorf("version = %d, want 2", got.Version)
			}
		}
		s.mu.Lock()
		s.gate = nil
		s.mu.Unlock()
		s.put(at(1, 3))
		if got := next(t, w); got.Version != 3 {
			t.Errorf("version = %d, want 3", got.Version)
		}
	})
}

// The signatures of the last hour grow fewer without a new version: those who watch it are woken, once, and the others
// are not. A new watcher gets the present figure.
func TestLastHourFalls(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newStore(at(1, 5))
		h, _ := start(t, s, live.Options{})
		counts, hours := watch(t, h, figures.Count, id(1)), watch(t, h, figures.Count|figures.Hour, id(1))
		next(t, counts)
		next(t, hours)
		later := at(1, 5)
		for left := 4; left >= 0; left-- {
			later.LastHour = &left
			s.put(later)
			h.Reread()
			if diff := cmp.Diff(later, next(t, hours)); diff != "" {
				t.Errorf("with %d left (-want +got):\n%s", left, diff)
			}
			silent(t, hours, 5*time.Second) // what is read again is the same
		}
		silent(t, counts, time.Second)
		h.Publish(at(1, 5)) // late
		silent(t, hours, 5*time.Second)
		if diff := cmp.Diff(later, next(t, watch(t, h, figures.Count, id(1)))); diff != "" {
			t.Errorf("Next() of a new watcher (-want +got):\n%s", diff)
		}
	})
}

// However many petitions lose signatures of the last hour at once, each wakes its watchers once.
func TestLastHoursFallTogether(t *testing.T) {
	bubble(t, func(t *testing.T) {
		const petitions = 700
		s := newStore()
		var ids []uuid.UUID
		for n := range petitions {
			s.put(at(n, 2))
			ids = append(ids, id(n))
		}
		h, _ := start(t, s, live.Options{})
		w := watch(t, h, figures.Count|figures.Hour, ids...)
		for range petitions {
			next(t, w)
		}
		for n := range petitions {
			later := at(n, 2)
			later.LastHour = new(int)
			s.put(later)
		}
		reads := len(s.reads())
		h.Reread()
		for range petitions {
			if got := next(t, w); *got.LastHour != 0 || got.Version != 2 {
				t.Fatalf("%d signatures of the last hour at version %d, want none at 2", *got.LastHour, got.Version)
			}
		}
		if n := len(s.reads()) - reads; n != 2 {
			t.Errorf("%d reads for %d petitions, want 2", n, petitions)
		}
		silent(t, w, 3*time.Second)
	})
}
