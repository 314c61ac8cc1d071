package live_test

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"petitiond/server/figures"
	"petitiond/server/live"
)

// The pace: three gaps in a row are long, the fourth may be short.
const (
	interval = 250 * time.Millisecond
	long     = 275 * time.Millisecond
	short    = 175 * time.Millisecond
)

func TestFirstChangeAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h, _ := start(t, newStore(at(1, 1)), live.Options{})
		w := watch(t, h, figures.Count, id(1))
		next(t, w)
		for version := 2; version < 5; version++ {
			before := time.Now()
			h.Publish(at(1, version))
			if diff := cmp.Diff(at(1, version), next(t, w)); diff != "" {
				t.Errorf("Next() (-want +got):\n%s", diff)
			}
			if took := time.Since(before); took != 0 {
				t.Errorf("version %d took %v, want it at once", version, took)
			}
			time.Sleep(long)
		}
	})
}

func TestPace(t *testing.T) {
	bubble(t, func(t *testing.T) {
		const changes = 1000 // 3 ms apart: the last one 2.997 s after the first
		h, _ := start(t, newStore(at(1, 1)), live.Options{})
		w := watch(t, h, figures.Count, id(1))
		next(t, w)
		go func() {
			for n := range changes {
				h.Publish(at(1, 2+n))
				time.Sleep(3 * time.Millisecond)
			}
		}()
		began := time.Now()
		var got, want []time.Duration
		for version := 1; version <= changes; {
			version = next(t, w).Version
			got = append(got, time.Since(began))
		}
		for n := range 11 { // the last of these after 2.75 s
			want = append(want, time.Duration(n)*long)
		}
		want = append(want, 11*long) // 28 ms after the last change, which came too late to be told early
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("wakes (-want +got):\n%s", diff)
		}
	})
}

// However long a run of changes lasts, its last one is told soon.
func TestLastOfARun(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newStore()
		h, _ := start(t, s, live.Options{})
		var worst time.Duration
		for n := range 400 {
			s.put(at(n, 1))
			w := watch(t, h, figures.Count, id(n))
			last, ended := 500+n, time.Time{}
			go func() {
				for version := 2; version <= last; version++ {
					ended = time.Now()
					h.Publish(at(n, version))
					time.Sleep(2 * time.Millisecond)
				}
			}()
			for next(t, w).Version < last {
			}
			worst = max(worst, time.Since(ended))
			w.Close()
			synctest.Wait()
			time.Sleep(2 * time.Millisecond) // the publisher ends
		}
		if worst > short {
			t.Errorf("the last change was told after %v, want it within %v", worst, short)
		}
	})
}

// Whenever changes come: five wakes never fall within a second, and no change waits longer than the long gap.
func TestPaceOfAnyChanges(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		pauses := rapid.SliceOfN(rapid.IntRange(0, 400), 0, 60).Draw(rt, "pauses")
		var fault error
		synctest.Test(t, func(t *testing.T) { fault = pace(t, pauses) })
		if fault != nil {
			rt.Fatal(fault)
		}
	})
}

// pace lets a petition change after each of the pauses, in milliseconds.
func pace(t *testing.T, pauses []int) (fault error) {
	h, _ := start(t, newStore(at(1, 1)), live.Options{})
	w := watch(t, h, figures.Count, id(1))
	next(t, w)
	changed := make([]time.Time, len(pauses)+2) // by version
	go func() {
		for i, pause := range pauses {
			time.Sleep(time.Duration(pause) * time.Millisecond)
			changed[i+2] = time.Now()
			h.Publish(at(1, i+2))
		}
	}()
	var wakes []time.Time
	for told := 1; told <= len(pauses); {
		version := int(next(t, w).Version)
		wakes = append(wakes, time.Now())
		if late := time.Since(changed[told+1]); late > long {
			fault = fmt.Errorf("version %d was told after %v", told+1, late)
		}
		if n := len(wakes) - 5; n >= 0 && wakes[n+4].Sub(wakes[n]) < 4*interval {
			fault = fmt.Errorf("five wakes within %v: %v", wakes[n+4].Sub(wakes[n]), wakes[n:])
		}
		told = version
	}
	return fault
}

func TestPaceIsPerPetition(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h, _ := start(t, newStore(at(1, 1), at(2, 1)), live.Options{})
		w := watch(t, h, figures.Count, id(1), id(2))
		next(t, w)
		next(t, w)
		h.Publish(at(1, 2))
		next(t, w)
		time.Sleep(short / 5)
		before := time.Now()
		h.Publish(at(1, 3))
		h.Publish(at(2, 2))
		if got := next(t, w); got.Petition != id(2) || time.Since(before) != 0 {
			t.Errorf("petition %v after %v, want the one at rest at once", got.Petition, time.Since(before))
		}
		if got := next(t, w); got.Version != 3 || time.Since(before) != short*4/5 {
			t.Errorf("version %d after %v, want 3 when the gap is over", got.Version, time.Since(before))
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
			w := watch(t, h, figures.Count, id(1))
			watchers.Go(func() {
				seen := -1
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
				if late := time.Since(finished); late > short {
					t.Errorf("the last value came %v after it was published", late)
				}
			})
		}
		for version := 1; version <= last; version++ {
			time.Sleep(2 * time.Millisecond)
			finished = time.Now()
			h.Publish(at(1, version))
		}
		watchers.Wait()
	})
}
