package responsecache

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// clock is a time that tests move.
type clock struct{ at atomic.Int64 }

func (c *clock) now() time.Time       { return time.Unix(0, c.at.Load()) }
func (c *clock) pass(d time.Duration) { c.at.Add(int64(d)) }

func options(c *clock) Options[string] {
	return Options[string]{
		Bytes: 1 << 20, Size: func(v string) int { return len(v) },
		Longest: 5 * time.Second, Brief: time.Second, Now: c.now,
	}
}

// get asks for key and computes value if it must.
func get(t *testing.T, s *Store[string], key Key, value string, topics ...Topic) (string, How) {
	t.Helper()
	got, how, err := s.Get(t.Context(), key, func(r *Recorder) (string, Verdict) {
		On(r.Within(t.Context()), topics...)
		return value, Keep
	})
	if err != nil {
		t.Error(err)
	}
	return got, how
}

func topic(n int) Topic { return Topic{Kind: byte(n >> 16), ID: [16]byte{byte(n >> 8), byte(n)}} }

func sound(t *testing.T, s *Store[string]) {
	t.Helper()
	for _, fault := range s.unsound() {
		t.Error(fault)
	}
}

func TestKeptUntilDropped(t *testing.T) {
	t.Parallel()
	s := New(options(&clock{}))
	expect := func(value, want string, how How) {
		t.Helper()
		got, came := get(t, s, Key{1}, value, topics[0], topics[1])
		if got != want || came != how {
			t.Errorf("got %s by %d, want %s by %d", got, came, want, how)
		}
	}
	expect("one", "one", Computed)
	expect("two", "one", Hit)
	if got, ok := s.Kept(Key{1}); !ok || got != "one" {
		t.Errorf("kept is %q, %v", got, ok)
	}
	s.Drop(topic(3))
	expect("two", "one", Hit)
	s.Drop(topic(3), topics[1])
	if _, ok := s.Kept(Key{1}); ok {
		t.Error("kept after it was dropped")
	}
	expect("two", "two", Computed)
	s.Clear()
	expect("three", "three", Computed)
	get(t, s, Key{2}, "other", topics[1])
	if diff := cmp.Diff(Stats{Hits: 3, Computed: 4, Entries: 2, Bytes: 10 + 2*entryBytes + 3*linkBytes}, s.Stats()); diff != "" {
		t.Errorf("stats (-want +got):\n%s", diff)
	}
	s.Drop(topics[0])
	s.Drop(topics[1])
	if stats := s.Stats(); stats.Entries != 0 || stats.Bytes != 0 || len(s.topics) != 0 {
		t.Errorf("something is left: %+v", stats)
	}
	sound(t, s)
}

func TestLifetime(t *testing.T) {
	t.Parallel()
	c := &clock{}
	s := New(options(c))
	// compute takes so long, and then it is asked again.
	compute := func(key Key, took time.Duration, brief bool) {
		_, _, _ = s.Get(t.Context(), key, func(r *Recorder) (string, Verdict) {
			if brief {
				Briefly(r.Within(t.Context()))
			}
			c.pass(took)
			return "value", Keep
		})
	}
	kept := func(key Key, want bool) {
		t.Helper()
		if _, ok := s.Kept(key); ok != want {
			t.Errorf("answer %d is kept: %v, want %v", key[0], ok, want)
		}
	}
	compute(Key{1}, time.Second, false)
	c.pass(5 * time.Second)
	kept(Key{1}, true) // exactly five seconds from the end
	c.pass(1)
	kept(Key{1}, false)

	compute(Key{2}, 600*time.Millisecond, true)
	c.pass(time.Second)
	kept(Key{2}, true)
	c.pass(1)
	kept(Key{2}, false)

	// What takes longer than it may be kept is kept as long as anything else.
	compute(Key{3}, 1100*time.Millisecond, true)
	kept(Key{3}, true)
	c.pass(time.Second)
	kept(Key{3}, true)
	c.pass(1)
	kept(Key{3}, false)
	compute(Key{4}, 6*time.Second, false)
	kept(Key{4}, true)

	// What is costly rests for as long as it took, nineteen times over, and for a moment at least.
	costly := func(key Key, took time.Duration) {
		_, _, _ = s.Get(t.Context(), key, func(r *Recorder) (string, Verdict) {
			ctx := r.Within(t.Context())
			Briefly(ctx)
			Costly(ctx, 30*time.Second)
			c.pass(took)
			return "value", Keep
		})
	}
	for took, rest := range map[time.Duration]time.Duration{
		0: time.Second, 10 * time.Millisecond: time.Second, 100 * time.Millisecond: 1900 * time.Millisecond,
		time.Second: 19 * time.Second, time.Minute: 30 * time.Second,
	} {
		key := Key{10, byte(took / 1e7)}
		costly(key, took)
		c.pass(rest)
		kept(key, true)
		c.pass(1)
		kept(key, false)
	}

	// Nobody knows what has changed meanwhile.
	s.Cautious(true)
	costly(Key{7}, 100*time.Millisecond)
	c.pass(1800 * time.Millisecond)
	kept(Key{7}, true) // exactly nineteen times as long, since the beginning
	c.pass(1)
	kept(Key{7}, false)
	compute(Key{5}, time.Second, false)
	kept(Key{5}, true)
	compute(Key{6}, time.Second+1, false)
	kept(Key{6}, false)
	sound(t, s)
}

// An answer is as old as the oldest of what it was made of.
func TestParts(t *testing.T) {
	t.Parallel()
	c := &clock{}
	parts, wholes := New(options(c)), New(options(c))
	compute := func(r *Recorder) (string, Verdict) {
		ctx := r.Within(t.Context())
		Briefly(ctx)
		part, _, err := parts.Get(ctx, Key{1}, func(r *Recorder) (string, Verdict) {
			Briefly(r.Within(ctx))
			return "part", Keep
		})
		if err != nil || part != "part" {
			t.Errorf("got %q, %v", part, err)
		}
		c.pass(100 * time.Millisecond)
		return "of " + part, Keep
	}
	whole := func(key Key, want How) {
		t.Helper()
		if got, how, err := wholes.Get(t.Context(), key, compute); got != "of part" || how != want || err != nil {
			t.Errorf("got %q by %d, %v; want by %d", got, how, err, want)
		}
	}
	whole(Key{1}, Computed) // with a new part, 100 ms ago
	c.pass(800 * time.Millisecond)
	whole(Key{2}, Computed) // with that part, which is 900 ms old
	c.pass(100 * time.Millisecond)
	whole(Key{1}, Hit)
	if _, ok := wholes.Kept(Key{2}); ok {
		t.Error("a whole is kept longer than its part")
	}
	for _, s := range []*Store[string]{parts, wholes} {
		s.Clear()
		s.Cautious(true)
	}
	whole(Key{1}, Computed)
	c.pass(800 * time.Millisecond)
	whole(Key{2}, Computed)
	c.pass(50 * time.Millisecond)
	if _, ok := wholes.Kept(Key{2}); ok {
		t.Error("a whole is kept longer than its part, though news may be lost")
	}
	sound(t, parts)
	sound(t, wholes)
}

func TestCautious(t *testing.T) {
	t.Parallel()
	c := &clock{}
	s := New(options(c))
	get(t, s, Key{1}, "before")
	c.pass(2 * time.Second)
	get(t, s, Key{2}, "meanwhile")
	s.Cautious(true)
	if _, ok := s.Kept(Key{1}); ok {
		t.Error("what was kept before lives on, though news may be lost")
	}
	if _, ok := s.Kept(Key{2}); !ok {
		t.Error("what is young is gone")
	}
	s.Cautious(true)
	c.pass(time.Second)
	if _, ok := s.Kept(Key{2}); !ok {
		t.Error("gone before its time")
	}
	s.Cautious(false)
	if _, ok := s.Kept(Key{2}); ok {
		t.Error("kept though its news may have been lost")
	}
	get(t, s, Key{2}, "after")
	s.Cautious(false)
	c.pass(2 * time.Second)
	if _, ok := s.Kept(Key{2}); !ok {
		t.Error("all is well and yet it is gone")
	}
}

// A computation that takes longer than its result is kept takes callers to its end, and its result is kept then. Those
// who come after something in it was dropped do not get it, nor those who come late while news may be lost.
func TestLongComputations(t *testing.T) {
	t.Parallel()
	const first, second = 0, 1500 * time.Millisecond
	for name, test := range map[string]struct {
		meanwhile func(*Store[string])            // 1.2 s after the beginning
		want      map[time.Duration]time.Duration // whose result gets who came after so long
		kept      time.Duration
	}{
		"Undisturbed": {
			func(*Store[string]) {},
			map[time.Duration]time.Duration{0: first, second: first, 2900 * time.Millisecond: first, 3900 * time.Millisecond: first},
			first,
		},
		"AnotherDropped": {
			func(s *Store[string]) { s.Drop(topics[1]) },
			map[time.Duration]time.Duration{0: first, second: first, 2900 * time.Millisecond: first, 3900 * time.Millisecond: first},
			first,
		},
		"Dropped": {
			func(s *Store[string]) { s.Drop(topics[0]) },
			map[time.Duration]time.Duration{0: first, time.Second: first, second: second, 2900 * time.Millisecond: second},
			second,
		},
		"Cleared": {
			func(s *Store[string]) { s.Clear() },
			map[time.Duration]time.Duration{0: first, time.Second: first, second: second, 2900 * time.Millisecond: second},
			second,
		},
		"Cautious": {
			func(s *Store[string]) { s.Cautious(true) },
			map[time.Duration]time.Duration{0: first, time.Second: first, second: second, 2400 * time.Millisecond: second},
			-1,
		},
	} {
		for _, late := range []bool{false, true} {
			t.Run(fmt.Sprint(name, late), func(t *testing.T) {
				t.Parallel()
				bubble(t, func(t *testing.T, s *Store[string]) {
					compute := func(value string) func(*Recorder) (string, Verdict) {
						return func(r *Recorder) (string, Verdict) {
							say := func() {
								Briefly(r.Within(t.Context()))
								On(r.Within(t.Context()), topics[0])
							}
							if !late {
								say()
							}
							time.Sleep(3 * time.Second)
							say()
							return value, Keep
						}
					}
					var all sync.WaitGroup
					all.Go(func() {
						time.Sleep(1200 * time.Millisecond)
						test.meanwhile(s)
					})
					for after, whose := range test.want {
						all.Go(func() {
							time.Sleep(after)
							got, _, err := s.Get(t.Context(), Key{1}, compute(after.String()))
							// Who learns late that the first is not for them computes with whom they meet then.
							if got != whose.String() && !(late && whose == second && got != time.Duration(first).String()) || err != nil {
								t.Errorf("who came after %s got that of %s, %v; want that of %s", after, got, err, whose)
							}
						})
					}
					all.Wait()
					if _, ok := s.Kept(Key{1}); ok != (test.kept >= 0) && !late {
						t.Errorf("in the end it is kept: %v", ok)
					}
				})
			})
		}
	}
}

func TestBound(t *testing.T) {
	t.Parallel()
	o := options(&clock{})
	o.Bytes = 20 * (entryBytes + 1000)
	s := New(o)
	word := string(make([]byte, 1000))
	for n := range 100 {
		get(t, s, Key{byte(n)}, word, topic(n))
		s.Kept(Key{0}) // which is in use all the time
		if stats := s.Stats(); stats.Bytes > o.Bytes {
			t.Fatalf("%d bytes, want at most %d", stats.Bytes, o.Bytes)
		}
	}
	if stats := s.Stats(); stats.Entries < 15 || len(s.topics) != stats.Entries {
		t.Errorf("%d entries and %d topics, want as many as fit", stats.Entries, len(s.topics))
	}
	for n, want := range map[int]bool{0: true, 1: false, 99: true} {
		if _, ok := s.Kept(Key{byte(n)}); ok != want {
			t.Errorf("answer %d is kept: %v, want %v", n, ok, want)
		}
	}
	before := s.Stats().Entries
	get(t, s, Key{200}, string(make([]byte, o.Bytes/share)))
	if _, ok := s.Kept(Key{200}); ok || s.Stats().Entries != before {
		t.Error("an answer that takes too great a part is kept")
	}
	sound(t, s)
}

// What nobody asks for any more goes when the next one comes.
func TestSweep(t *testing.T) {
	t.Parallel()
	c := &clock{}
	s := New(options(c))
	for n := range 10 {
		get(t, s, Key{byte(n)}, "value", topic(n))
	}
	c.pass(6 * time.Second)
	get(t, s, Key{100}, "value", topic(100))
	if stats := s.Stats(); stats.Entries != 1 || len(s.topics) != 1 {
		t.Errorf("%d entries and %d topics, want the new one alone", stats.Entries, len(s.topics))
	}
	sound(t, s)
}

// meet lets n callers ask for one key at once and gives what each got. The first computes when all have come.
func meet(t *testing.T, s *Store[string], n int, compute func(i int, r *Recorder) (string, Verdict)) (got []string, hows map[How]int) {
	t.Helper()
	got, hows = make([]string, n), map[How]int{}
	var mu sync.Mutex
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			defer func() { _ = recover() }()
			value, how, err := s.Get(t.Context(), Key{1}, func(r *Recorder) (string, Verdict) {
				if r != nil {
					time.Sleep(time.Millisecond) // until all others wait, in the time of synctest
				}
				return compute(i, r)
			})
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			got[i] = value
			hows[how]++
		})
	}
	all.Wait()
	return got, hows
}

func bubble(t *testing.T, f func(t *testing.T, s *Store[string])) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		o := options(nil)
		o.Now = time.Now
		s := New(o)
		f(t, s)
		sound(t, s)
	})
}

func TestEqualKeysAreComputedOnce(t *testing.T) {
	t.Parallel()
	for _, verdict := range []Verdict{Keep, Tell} {
		bubble(t, func(t *testing.T, s *Store[string]) {
			var runs atomic.Int32
			got, hows := meet(t, s, 20, func(int, *Recorder) (string, Verdict) { return fmt.Sprint(runs.Add(1)), verdict })
			for _, value := range got {
				if value != "1" {
					t.Errorf("got the result of run %s, want 1", value)
				}
			}
			if diff := cmp.Diff(map[How]int{Computed: 1, Joined: 19}, hows); diff != "" {
				t.Errorf("how (-want +got):\n%s", diff)
			}
			if _, kept := s.Kept(Key{1}); kept != (verdict == Keep) {
				t.Errorf("verdict %d, and kept: %v", verdict, kept)
			}
		})
	}
}

// Who waited for what is nobody else's computes at once, and not one after the other.
func TestOwnResults(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, s *Store[string]) {
		began := time.Now()
		var alone atomic.Int32
		got, hows := meet(t, s, 20, func(i int, r *Recorder) (string, Verdict) {
			if r == nil {
				alone.Add(1)
				time.Sleep(time.Second)
			}
			return fmt.Sprint(i), Own
		})
		for i, value := range got {
			if value != fmt.Sprint(i) {
				t.Errorf("caller %d got what caller %s computed", i, value)
			}
		}
		if diff := cmp.Diff(map[How]int{Computed: 20}, hows); diff != "" || alone.Load() != 19 {
			t.Errorf("%d computed by themselves, how (-want +got):\n%s", alone.Load(), diff)
		}
		if took := time.Since(began); took > 1100*time.Millisecond {
			t.Errorf("they took %s, one after the other", took)
		}
	})
}

func TestPanic(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func(){"Panic": func() { panic("secret") }, "Goexit": runtime.Goexit} {
		bubble(t, func(t *testing.T, s *Store[string]) {
			got, hows := meet(t, s, 5, func(_ int, r *Recorder) (string, Verdict) {
				if r != nil {
					fail()
				}
				return "alone", Keep
			})
			empty := 0
			for _, value := range got {
				if value == "" {
					empty++
				}
			}
			if empty != 1 || hows[Computed] != 4 {
				t.Errorf("%s: %d got nothing, want the one who failed: %v", name, empty, hows)
			}
			if value, _ := get(t, s, Key{1}, "new"); value != "new" {
				t.Errorf("%s: then %q", name, value)
			}
		})
	}
}

// Who hangs up ends it for nobody: neither the one who waits nor the one who computes.
func TestHangingUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := options(nil)
		o.Now = time.Now
		s, gone := New(o), errors.New("gone")
		var all sync.WaitGroup
		for i := range 3 {
			ctx, hangUp := context.WithCancelCause(t.Context())
			all.Go(func() {
				value, _, err := s.Get(ctx, Key{1}, func(r *Recorder) (string, Verdict) {
					time.Sleep(time.Second)
					return "value", Keep
				})
				if i == 1 && (!errors.Is(err, gone) || value != "") || i != 1 && value != "value" {
					t.Errorf("caller %d got %q, %v", i, value, err)
				}
			})
			synctest.Wait()
			if i < 2 {
				hangUp(gone)
			}
			defer hangUp(nil)
		}
		all.Wait()
	})
}

// Under constant drops everybody is answered, after two tries with others at most.
func TestConstantDrops(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, s *Store[string]) {
		began := time.Now()
		stop := make(chan struct{})
		var all, dropper sync.WaitGroup
		dropper.Go(func() {
			for {
				select {
				case <-stop:
					return
				case <-time.After(time.Millisecond):
					s.Drop(topics[0])
				}
			}
		})
		for i := range 50 {
			all.Go(func() {
				time.Sleep(time.Duration(i) * 2 * time.Millisecond)
				_, _, err := s.Get(t.Context(), Key{1}, func(r *Recorder) (string, Verdict) {
					time.Sleep(100 * time.Millisecond)
					On(r.Within(t.Context()), topics[0]) // late
					return "value", Keep
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		close(stop)
		dropper.Wait()
		if took := time.Since(began); took > 400*time.Millisecond {
			t.Errorf("it took %s", took)
		}
	})
}

// A computation that runs for very long while very much is dropped is not believed, however little it was touched by.
func TestForgottenDrops(t *testing.T) {
	t.Parallel()
	s := New(options(&clock{}))
	run := func(drops int, late Topic) (kept bool) {
		_, _, _ = s.Get(t.Context(), Key{1}, func(r *Recorder) (string, Verdict) {
			for n := range drops {
				s.Drop(topic(n))
			}
			if len(s.dropped.order) > mostDrops || len(s.dropped.of) > mostDrops {
				t.Errorf("%d drops are remembered", len(s.dropped.order))
			}
			On(r.Within(t.Context()), late)
			return "value", Keep
		})
		_, kept = s.Kept(Key{1})
		s.Clear()
		return kept
	}
	if !run(mostDrops, topic(mostDrops)) {
		t.Error("an answer was not kept though nothing in it was dropped")
	}
	if run(mostDrops, topic(0)) {
		t.Error("an answer was kept though something in it was dropped")
	}
	if run(mostDrops+1, topic(0)) {
		t.Error("an answer was kept though something in it was dropped, which was forgotten")
	}
	sound(t, s)
}

// What is said after the answer was given cannot be judged any more.
func TestSaidTooLate(t *testing.T) {
	t.Parallel()
	s := New(options(&clock{}))
	var ctx context.Context
	_, _, _ = s.Get(t.Context(), Key{1}, func(r *Recorder) (string, Verdict) {
		ctx = r.Within(t.Context())
		return "value", Keep
	})
	On(ctx, topics[0])
	if _, kept := s.Kept(Key{1}); kept {
		t.Error("it is still kept")
	}
	On(ctx, topics[1])
	sound(t, s)
}

func TestWithoutRecorder(t *testing.T) {
	t.Parallel()
	On(t.Context(), topics[0])
	Briefly(t.Context())
	var none *Recorder
	On(none.Within(t.Context()), topics[0])
}

// Many read and write at once: nobody who comes after a change was acknowledged sees what was before.
func TestNobodySeesOldValues(t *testing.T) {
	t.Parallel()
	const cells, readers, writers, rounds = 8, 6, 2, 3000
	type value [cells]int64
	s := New(Options[*value]{
		Bytes: 1 << 14, Size: func(*value) int { return 8 * cells }, Longest: time.Hour, Brief: time.Hour, Now: time.Now,
	})
	var current, acked [cells]atomic.Int64
	of := func(cell int) Topic { return Topic{ID: [16]byte{byte(cell)}} }
	var reading, writing sync.WaitGroup
	stop := make(chan struct{})
	for range writers {
		writing.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				cell := rand.IntN(cells)
				version := current[cell].Add(1)
				pause()
				if rand.IntN(50) == 0 {
					s.Clear()
				} else {
					s.Drop(of(rand.IntN(cells)+cells), of(cell))
				}
				raise(&acked[cell], version)
				for range rand.IntN(20) {
					runtime.Gosched()
				}
			}
		})
	}
	var hows [3]atomic.Int64
	for range readers {
		reading.Go(func() {
			for range rounds {
				first, count := rand.IntN(cells), 1+rand.IntN(3)
				due := [cells]int64{}
				for i := range cells {
					due[i] = acked[i].Load()
				}
				got, how, err := s.Get(t.Context(), Key{byte(first), byte(count)}, func(r *Recorder) (*value, Verdict) {
					ctx, v := r.Within(t.Context()), &value{}
					var parts sync.WaitGroup
					for i := range count {
						parts.Go(func() {
							cell, before := (first+i)%cells, rand.IntN(2) == 0
							pause()
							if before {
								On(ctx, of(cell))
								pause()
							}
							v[cell] = current[cell].Load()
							pause()
							On(ctx, of(cell), of(cell))
						})
					}
					parts.Wait()
					return v, Verdict(rand.IntN(8)).min(Keep)
				})
				if err != nil {
					t.Error(err)
					return
				}
				hows[how].Add(1)
				for i := range count {
					if cell := (first + i) % cells; got[cell] < due[cell] {
						t.Errorf("version %d of cell %d by %d, after %d was acknowledged", got[cell], cell, how, due[cell])
						return
					}
				}
			}
		})
	}
	reading.Wait()
	close(stop)
	writing.Wait()
	for _, fault := range s.unsound() {
		t.Error(fault)
	}
	if hows[Hit].Load() == 0 || hows[Joined].Load() == 0 {
		t.Errorf("%d found an answer and %d waited for one, want some", hows[Hit].Load(), hows[Joined].Load())
	}
}

func (v Verdict) min(most Verdict) Verdict { return min(v, most) }

func pause() {
	if rand.IntN(3) == 0 {
		runtime.Gosched()
	}
}

func raise(to *atomic.Int64, version int64) {
	for old := to.Load(); old < version && !to.CompareAndSwap(old, version); old = to.Load() {
	}
}

func TestHitsAllocateNothing(t *testing.T) {
	s := New(options(&clock{}))
	get(t, s, Key{1}, "value", topics[0])
	if n := testing.AllocsPerRun(100, func() { s.Kept(Key{1}) }); n != 0 {
		t.Errorf("a hit allocates %v times", n)
	}
}

func BenchmarkHit(b *testing.B) {
	o := options(nil)
	o.Now = time.Now
	o.Longest = time.Hour
	s := New(o)
	_, _, _ = s.Get(b.Context(), Key{1}, func(*Recorder) (string, Verdict) { return "value", Keep })
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, ok := s.Kept(Key{1}); !ok {
				b.Fatal("not kept")
			}
		}
	})
}

// An answer of fifty topics is computed and dropped.
func BenchmarkComputeAndDrop(b *testing.B) {
	o := options(nil)
	o.Now = time.Now
	s := New(o)
	b.ReportAllocs()
	for b.Loop() {
		_, _, _ = s.Get(b.Context(), Key{1}, func(r *Recorder) (string, Verdict) {
			ctx := r.Within(b.Context())
			for n := range 50 {
				On(ctx, topic(n))
			}
			return "value", Keep
		})
		s.Drop(topic(7))
	}
}

// A batch of signatures drops three hundred topics, of which one in three has an answer.
func BenchmarkDrop(b *testing.B) {
	c := &clock{}
	s := New(options(c))
	list := make([]Topic, 300)
	for n := range list {
		list[n] = topic(n)
	}
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		for n := range 100 {
			_, _, _ = s.Get(b.Context(), Key{byte(n)}, func(r *Recorder) (string, Verdict) {
				On(r.Within(b.Context()), list[3*n])
				return "value", Keep
			})
		}
		b.StartTimer()
		s.Drop(list...)
	}
}

// Ten thousand answers with ten topics each depend on the petition that everybody signs.
func BenchmarkDropOfAll(b *testing.B) {
	o := options(&clock{})
	o.Bytes = 1 << 30
	s := New(o)
	for b.Loop() {
		b.StopTimer()
		for n := range 10_000 {
			_, _, _ = s.Get(b.Context(), Key{byte(n), byte(n >> 8)}, func(r *Recorder) (string, Verdict) {
				ctx := r.Within(b.Context())
				for i := range 10 {
					On(ctx, topic(i))
				}
				return "value", Keep
			})
		}
		b.StartTimer()
		s.Drop(topic(0))
	}
}
