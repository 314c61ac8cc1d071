package coalesce

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// slow is a fetch that takes a second and remembers what it was asked for.
type slow struct {
	mu    sync.Mutex
	asked [][]int // guarded by mu, as is at
	at    []time.Duration
	began time.Time
	do    func(ctx context.Context, keys []int) error
}

func (s *slow) fetch(ctx context.Context, keys []int) (map[int]string, error) {
	s.mu.Lock()
	s.asked, s.at = append(s.asked, slices.Sorted(slices.Values(keys))), append(s.at, time.Since(s.began))
	s.mu.Unlock()
	time.Sleep(time.Second)
	if s.do != nil {
		if err := s.do(ctx, keys); err != nil {
			return nil, err
		}
	}
	out := map[int]string{}
	for _, k := range keys {
		out[k] = fmt.Sprint("value of ", k)
	}
	return out, ctx.Err()
}

// one lets one read at a time.
func one() *Reads[string, int, string] {
	t := New[string, int, string](2)
	t.most, t.full = 1, 1
	return t
}

func idle(t *testing.T, together *Reads[string, int, string]) {
	t.Helper()
	if len(together.queues) > 0 {
		t.Errorf("%d queues are left", len(together.queues))
	}
}

func reads(ctx context.Context, t *testing.T, together *Reads[string, int, string], kind string, key int, s *slow) {
	t.Helper()
	if got, err := together.Read(ctx, kind, key, s.fetch); err != nil || got != fmt.Sprint("value of ", key) {
		t.Errorf("for %d: %q, error %v", key, got, err)
	}
}

func TestReads(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		most  int
		full  int
		after []time.Duration // when each of the keys 0, 1, 2 and so on is asked for
		keys  func(i int) int
		asked [][]int
		at    []time.Duration
	}{
		"alone": {most: 1, after: []time.Duration{0, 2 * time.Second}, asked: [][]int{{0}, {1}}, at: []time.Duration{0, 2 * time.Second}},
		"those who come meanwhile": {
			most: 1, after: []time.Duration{0, 1, 2, 3}, asked: [][]int{{0}, {1, 2, 3}}, at: []time.Duration{0, time.Second},
		},
		"nobody comes to a reading that has begun": {
			most: 1, after: []time.Duration{0, 1, time.Second + 1, time.Second + 2}, asked: [][]int{{0}, {1}, {2, 3}},
			at: []time.Duration{0, time.Second, 2 * time.Second},
		},
		"the same key once": {
			most: 1, after: []time.Duration{0, 1, 2, 3, 4}, keys: func(i int) int { return i % 2 }, asked: [][]int{{0}, {0, 1}},
			at: []time.Duration{0, time.Second},
		},
		"two at once": {
			most: 2, after: []time.Duration{0, time.Second / 2, time.Second/2 + 1, time.Second * 3 / 4, time.Second + 1, time.Second + 2},
			asked: [][]int{{0}, {1}, {2, 3}, {4, 5}}, at: []time.Duration{0, time.Second / 2, time.Second, time.Second * 3 / 2},
		},
		"no more than so many": {
			most: 1, after: nanoseconds(2*groupMost + 2), asked: [][]int{{0}, upTo(1, groupMost), upTo(groupMost+1, 2*groupMost), {2*groupMost + 1}},
			at: []time.Duration{0, time.Second, 2 * time.Second, 3 * time.Second},
		},
		"who are as many as may go as one": {
			most: 1, full: 2, after: nanoseconds(3*groupMost + 2),
			asked: [][]int{{0}, upTo(1, groupMost), upTo(groupMost+1, 2*groupMost), upTo(2*groupMost+1, 3*groupMost), {3*groupMost + 1}},
			at:    []time.Duration{0, groupMost, time.Second, time.Second + groupMost, 2*time.Second + groupMost},
		},
		"fewer wait for the last reading": {
			most: 1, full: 2, after: nanoseconds(groupMost + 2), asked: [][]int{{0}, upTo(1, groupMost), {groupMost + 1}},
			at: []time.Duration{0, groupMost, time.Second + groupMost},
		},
		"everyone alone": {after: []time.Duration{0, 1, 2}, asked: [][]int{{0}, {1}, {2}}, at: []time.Duration{0, 1, 2}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				together, s := one(), &slow{began: time.Now()}
				together.most, together.full = c.most, c.full
				var crowd sync.WaitGroup
				for i, after := range c.after {
					key := i
					if c.keys != nil {
						key = c.keys(i)
					}
					crowd.Go(func() {
						time.Sleep(after)
						reads(t.Context(), t, together, "kind", key, s)
					})
					synctest.Wait()
				}
				crowd.Wait()
				if diff := cmp.Diff(c.asked, s.asked); diff != "" {
					t.Errorf("asked (-want +got):\n%s", diff)
				}
				if diff := cmp.Diff(c.at, s.at); diff != "" {
					t.Errorf("asked at (-want +got):\n%s", diff)
				}
				idle(t, together)
			})
		})
	}
}

// nanoseconds are the first n of them.
func nanoseconds(n int) []time.Duration {
	out := make([]time.Duration, n)
	for i := range out {
		out[i] = time.Duration(i)
	}
	return out
}

// upTo are the numbers from first to last.
func upTo(first, last int) (out []int) {
	for i := first; i <= last; i++ {
		out = append(out, i)
	}
	return out
}

func TestReadsKindsDoNotWaitForEachOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		together, s := one(), &slow{began: time.Now()}
		var crowd sync.WaitGroup
		for i := range 3 {
			crowd.Go(func() { reads(t.Context(), t, together, fmt.Sprint(i), i, s) })
		}
		crowd.Wait()
		if took := time.Since(s.began); took != time.Second || len(s.asked) != 3 {
			t.Errorf("%d readings in %s", len(s.asked), took)
		}
		idle(t, together)
	})
}

// TestTogetherWithoutThoseWhoLeave has each of three who wait leave, or none, or all: who stays is answered, whoever is
// the one who reads for the others.
func TestReadsWithoutThoseWhoLeave(t *testing.T) {
	t.Parallel()
	for leaving := range 1 << 3 {
		for _, when := range []time.Duration{time.Second / 2, time.Second + time.Second/2} { // before their turn and in it
			t.Run(fmt.Sprintf("%03b at %s", leaving, when), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					together, s := one(), &slow{began: time.Now()}
					var crowd sync.WaitGroup
					crowd.Go(func() { reads(t.Context(), t, together, "kind", 0, s) })
					synctest.Wait()
					for i := range 3 {
						ctx, cancel := context.WithCancel(t.Context())
						defer cancel()
						crowd.Go(func() {
							if leaving>>i&1 == 0 {
								reads(ctx, t, together, "kind", i+1, s)
								return
							}
							time.AfterFunc(when, cancel)
							got, err := together.Read(ctx, "kind", i+1, s.fetch)
							if !errors.Is(err, context.Canceled) && (err != nil || got != fmt.Sprint("value of ", i+1)) {
								t.Errorf("who left got %q, error %v", got, err)
							}
						})
					}
					crowd.Wait()
					reads(t.Context(), t, together, "kind", 9, s) // it goes on
					idle(t, together)
				})
			})
		}
	}
}

func TestReadsWithAnError(t *testing.T) {
	t.Parallel()
	lost := errors.New("lost")
	for name, c := range map[string]struct {
		do   func(context.Context, []int) error
		want error
	}{
		"error":       {func(context.Context, []int) error { return lost }, lost},
		"panic":       {func(context.Context, []int) error { panic("bug") }, errBroken},
		"no end":      {func(ctx context.Context, _ []int) error { <-ctx.Done(); return ctx.Err() }, context.DeadlineExceeded},
		"of a reader": {func(ctx context.Context, _ []int) error { return ctx.Err() }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				together, s := one(), &slow{began: time.Now()}
				s.do = func(ctx context.Context, keys []int) error {
					if slices.Contains(keys, 0) || slices.Contains(keys, 9) {
						return nil
					}
					return c.do(ctx, keys)
				}
				var crowd sync.WaitGroup
				crowd.Go(func() { reads(t.Context(), t, together, "kind", 0, s) })
				synctest.Wait()
				var mu sync.Mutex
				panics, told := 0, 0
				for i := range 3 {
					crowd.Go(func() {
						defer func() {
							mu.Lock()
							defer mu.Unlock()
							if recover() != nil {
								panics++
							}
						}()
						_, err := together.Read(t.Context(), "kind", i+1, s.fetch)
						mu.Lock()
						defer mu.Unlock()
						if told++; !errors.Is(err, c.want) {
							t.Errorf("error %v, want %v", err, c.want)
						}
					})
				}
				crowd.Wait()
				if panics+told != 3 || panics > 1 {
					t.Errorf("%d were told, %d panicked", told, panics)
				}
				reads(t.Context(), t, together, "kind", 9, s)
				idle(t, together)
			})
		})
	}
}
