package database_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"petitiond/server/database"
	"petitiond/server/database/dbtest"
)

// wrong is a wall clock that is off by what it holds.
type wrong struct{ atomic.Int64 }

func (w *wrong) wall() time.Time        { return time.Now().Add(time.Duration(w.Load())) }
func (w *wrong) jump(off time.Duration) { w.Store(int64(off)) }

// near reports whether a time is the present one, as far as a busy machine lets a test say.
func near(at time.Time) bool { return time.Since(at).Abs() < 2*time.Second }

// skews are clocks that are wrong from the start, and whether they may be.
func skews() map[string]struct {
	off  time.Duration
	good bool
} {
	return map[string]struct {
		off  time.Duration
		good bool
	}{
		"Right":        {0, true},
		"Ahead4s":      {4 * time.Second, true},
		"Behind4s":     {-4 * time.Second, true},
		"Ahead6s":      {6 * time.Second, false},
		"Behind6s":     {-6 * time.Second, false},
		"Ahead2Days":   {48 * time.Hour, false},
		"Behind2Days":  {-48 * time.Hour, false},
		"AheadForEver": {1<<63 - 1, false},
	}
}

// TestClockOfDatabase takes the time from PostgreSQL, however wrong the clock of the machine is.
func TestClockOfDatabase(t *testing.T) {
	t.Parallel()
	url := dbtest.URL(t, database.Postgres)
	for name, test := range skews() {
		t.Run(name, func(t *testing.T) {
			var w wrong
			w.jump(test.off)
			db := opened(t, database.Options{Wall: w.wall}, url)
			if err := db.Clock.Check(); (err == nil) != test.good || err != nil && !errors.Is(err, database.ErrClock) {
				t.Errorf("got %v, want trust: %t", err, test.good)
			}
			if got := db.Clock.Now(); !near(got) {
				t.Errorf("it is %s by the clock, and really %s", got, time.Now().UTC())
			}
		})
	}
}

// TestClockJumps lets a clock jump while the database is in use: it is noticed at once, the time goes on as it was, and
// all is well when the clock has come back.
func TestClockJumps(t *testing.T) {
	t.Parallel()
	for _, dialect := range []database.Dialect{database.SQLite, database.Postgres} {
		t.Run(dialect.String(), func(t *testing.T) {
			t.Parallel()
			var w wrong
			db := opened(t, database.Options{Wall: w.wall}, dbtest.URL(t, dialect))
			for name, test := range skews() {
				w.jump(test.off)
				for range 2 {
					if err := db.Clock.Check(); (err == nil) != test.good {
						t.Errorf("%s: got %v, want trust: %t", name, err, test.good)
					}
					if !test.good && !near(db.Clock.Now()) {
						t.Errorf("%s: it is %s by the clock, and really %s", name, db.Clock.Now(), time.Now().UTC())
					}
					if err := db.Clock.Compare(t.Context()); err != nil {
						t.Errorf("comparing: %v", err)
					}
				}
				w.jump(0)
				if err := db.Clock.Compare(t.Context()); err != nil {
					t.Errorf("comparing: %v", err)
				}
			}
			if err := db.Clock.Check(); err != nil || !near(db.Clock.Now()) {
				t.Errorf("got %v and %s, want the right time back", err, db.Clock.Now())
			}
		})
	}
}

// TestClockAdjusts moves a clock only as far as needed to be within the range that a round trip leaves possible.
func TestClockAdjusts(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)
	tests := map[string]struct{ told, took, want time.Duration }{ // since the start; the answer comes after ten seconds
		"Right":      {10 * time.Second, 0, 10 * time.Second},
		"InDoubt":    {7500 * time.Millisecond, 3 * time.Second, 10 * time.Second},
		"Slow":       {9 * time.Second, time.Second, 10 * time.Second},
		"Behind":     {11 * time.Second, time.Second, 11 * time.Second},
		"Ahead":      {5 * time.Second, time.Second, 6 * time.Second},
		"FarBehind":  {48 * time.Hour, time.Second, 48 * time.Hour},
		"FarAhead":   {-48 * time.Hour, time.Second, -48*time.Hour + time.Second},
		"AtOnceLate": {11 * time.Second, 0, 11 * time.Second},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			now := time.Duration(0)
			c := database.NewClock(func() time.Time { return start }, func() time.Duration { return now })
			now = 10 * time.Second
			c.Adjust(start.Add(test.told), now-test.took, now)
			if got := c.Now().Sub(start); got != test.want {
				t.Errorf("got %s after the start, want %s", got, test.want)
			}
		})
	}
}

// journal is a log that may be read while it is written.
type journal struct {
	mu   sync.Mutex
	text strings.Builder // guarded by mu
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

// lines returns how many lines there are of each of the two kinds.
func (j *journal) lines() [2]int {
	j.mu.Lock()
	defer j.mu.Unlock()
	text := j.text.String()
	return [2]int{strings.Count(text, "nothing can be written until"), strings.Count(text, "can be trusted again")}
}

// TestOneClock follows a clock that nothing can be compared with, as on SQLite, through a day, and reads the log.
func TestOneClock(t *testing.T) {
	t.Parallel()
	type step struct {
		name  string
		after time.Duration // the step before
		off   time.Duration
		good  bool          // is it trusted a second later
		is    time.Duration // how far it is off then
		said  [2]int        // wrong, right
	}
	const days, half = 48 * time.Hour, 30 * time.Second
	synctest.Test(t, func(t *testing.T) {
		var w wrong
		w.jump(-days)
		c, log := database.NewClock(w.wall, nil), &journal{}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- c.Run(ctx, slog.New(slog.NewTextHandler(log, nil))) }()
		defer func() {
			stop()
			if err := <-done; err != nil {
				t.Errorf("Run: %v", err)
			}
		}()
		for _, s := range []step{
			{"Start", 0, -days, true, -days, [2]int{0, 0}},
			{"Drift", time.Second, -days + 4*time.Second, true, -days, [2]int{0, 0}}, // it is followed slowly
			{"DriftOn", 5 * time.Second, -days, true, -days, [2]int{0, 0}},
			{"Jump", 10 * time.Second, 0, false, -days, [2]int{1, 0}},
			{"StillInDoubt", half - 5*time.Second, 0, false, -days, [2]int{1, 0}},
			{"Believed", 10 * time.Second, 0, true, 0, [2]int{1, 1}},
			{"JumpAgain", time.Minute, days, false, 0, [2]int{2, 1}},
			{"JumpElsewhere", half - 5*time.Second, days + time.Hour, false, 0, [2]int{2, 1}},
			{"InDoubtAnew", half - 5*time.Second, days + time.Hour, false, 0, [2]int{2, 1}},
			{"Back", time.Second, 0, true, 0, [2]int{2, 2}},
			{"LongAfter", 24 * time.Hour, 0, true, 0, [2]int{2, 2}},
		} {
			time.Sleep(s.after)
			w.jump(s.off)
			time.Sleep(1500 * time.Millisecond)
			synctest.Wait()
			off := time.Until(c.Now())
			if err := c.Check(); (err == nil) != s.good || off.Round(time.Second) != s.is || log.lines() != s.said {
				t.Errorf("%s: got %v, off by %s, said %v; want trust %t, %s, %v",
					s.name, err, off, log.lines(), s.good, s.is, s.said)
			}
		}
	})
}

// TestCreepingClock sets a clock that nothing can be compared with by so little at a time that no step is a jump.
func TestCreepingClock(t *testing.T) {
	t.Parallel()
	for name, step := range map[string]time.Duration{"Ahead": 3 * time.Second, "Back": -3 * time.Second, "Slowly": 500 * time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var w wrong
				c := database.NewClock(w.wall, nil)
				ctx, stop := context.WithCancel(t.Context())
				done := make(chan error)
				go func() { done <- c.Run(ctx, slog.New(slog.DiscardHandler)) }()
				before, off := c.Now(), time.Duration(0)
				for noticed := false; !noticed; {
					time.Sleep(900 * time.Millisecond)
					off += step
					w.jump(off)
					synctest.Wait()
					if now := c.Now(); now.Before(before) {
						t.Errorf("the time went back by %s", before.Sub(now))
					}
					before = c.Now()
					if noticed = c.Check() != nil; !noticed && off.Abs() > 2*database.MaxSkew {
						t.Fatalf("off by %s, and nothing noticed", off)
					}
				}
				if is := time.Until(before).Abs(); is > database.MaxSkew {
					t.Errorf("the time is off by %s", is)
				}
				stop()
				if err := <-done; err != nil {
					t.Errorf("Run: %v", err)
				}
			})
		})
	}
}

// TestDriftingClock follows a clock that is a little too fast, as far as it goes.
func TestDriftingClock(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var w wrong
		c := database.NewClock(w.wall, nil)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- c.Run(ctx, slog.New(slog.DiscardHandler)) }()
		for n := range 3600 {
			time.Sleep(time.Second)
			w.jump(time.Duration(n) * 10 * time.Millisecond)
			if err := c.Check(); err != nil {
				t.Fatalf("after %d s: %v", n, err)
			}
		}
		synctest.Wait()
		if off := time.Until(c.Now()) - 36*time.Second; off.Abs() > time.Second {
			t.Errorf("the time is %s from the clock's", off)
		}
		stop()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}
