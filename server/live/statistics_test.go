package live_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"petitiond/server/live"
)

// A figure stands for a sum over the database.
type figure struct {
	mu    sync.Mutex
	value int
	err   error
	reads []time.Time
	slow  time.Duration
}

func (f *figure) set(value int, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.value, f.err = value, err
}

func (f *figure) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.reads)
}

func (f *figure) read(ctx context.Context) (int, error) {
	f.mu.Lock()
	f.reads = append(f.reads, time.Now())
	value, err, slow := f.value, f.err, f.slow
	f.mu.Unlock()
	select {
	case <-time.After(slow):
		return value, err
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

func gauge(tb testing.TB, f *figure, o live.GaugeOptions) *live.Gauge[int] {
	tb.Helper()
	g := live.NewGauge(f.read, o)
	tb.Cleanup(g.Close)
	return g
}

func watchGauge(tb testing.TB, g *live.Gauge[int]) *live.GaugeWatcher[int] {
	tb.Helper()
	w, err := g.Watch()
	if err != nil {
		tb.Fatalf("Watch() = %v", err)
	}
	return w
}

func checkNext(tb testing.TB, w *live.GaugeWatcher[int], want int, within time.Duration) {
	tb.Helper()
	before := time.Now()
	got, err := w.Next(context.Background())
	if err != nil || got != want {
		tb.Errorf("Next() = %d, %v, want %d", got, err, want)
	}
	if took := time.Since(before); took != within {
		tb.Errorf("Next() took %v, want %v", took, within)
	}
}

func TestGauge(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := &figure{}
		g := gauge(t, f, live.GaugeOptions{})
		w := watchGauge(t, g)
		checkNext(t, w, 0, 0)
		f.set(2, nil)
		checkNext(t, w, 2, time.Second)
		time.Sleep(2500 * time.Millisecond) // the same again is no news
		f.set(3, nil)
		checkNext(t, w, 3, 500*time.Millisecond)
		checkNext(t, watchGauge(t, g), 3, 0)
		if got := f.count(); got != 5 {
			t.Errorf("%d reads in four seconds, want 5 for all watchers together", got)
		}
	})
}

func TestGaugeRestsUnwatched(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := &figure{value: 1}
		g := gauge(t, f, live.GaugeOptions{})
		w := watchGauge(t, g)
		checkNext(t, w, 1, 0)
		w.Close()
		w.Close()
		synctest.Wait()
		time.Sleep(time.Minute)
		if got := f.count(); got != 1 {
			t.Errorf("%d reads, want none while nobody watches", got)
		}
		f.set(2, nil)
		checkNext(t, watchGauge(t, g), 2, 0)
	})
}

// Coming and going does not make the gauge read more often.
func TestGaugeKeepsFresh(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := &figure{value: 1}
		g := gauge(t, f, live.GaugeOptions{})
		for range 50 {
			w := watchGauge(t, g)
			checkNext(t, w, 1, 0)
			time.Sleep(70 * time.Millisecond)
			w.Close()
		}
		var gaps []time.Duration
		for i := 1; i < len(f.reads); i++ {
			gaps = append(gaps, f.reads[i].Sub(f.reads[i-1]))
		}
		want := []time.Duration{time.Second, time.Second, time.Second}
		if diff := cmp.Diff(want, gaps); diff != "" {
			t.Errorf("times between reads (-want +got):\n%s", diff)
		}
	})
}

func TestGaugeFailures(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var log bytes.Buffer
		f := &figure{err: errors.New("database is away")}
		g := gauge(t, f, live.GaugeOptions{Logger: slog.New(slog.NewTextHandler(&log, nil))})
		w := watchGauge(t, g)
		ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
		defer cancel()
		if _, err := w.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Next() = %v, want the context's error", err)
		}
		f.set(1, nil)
		checkNext(t, w, 1, 500*time.Millisecond)
		f.set(0, errors.New("database is away"))
		time.Sleep(1500 * time.Millisecond)
		checkNext(t, watchGauge(t, g), 1, 0) // the last that is known
		failed, ended := strings.Count(log.String(), "upkeep failed"), strings.Count(log.String(), "upkeep works again")
		if failed != 1 || ended != 1 {
			t.Errorf("want a line for the failures of a minute, and one that says that they are over, got:\n%s", log.String())
		}
	})
}

func TestGaugeGivesUpHangingRead(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := &figure{value: 1, slow: time.Hour}
		g := gauge(t, f, live.GaugeOptions{})
		w := watchGauge(t, g)
		synctest.Wait()
		f.mu.Lock()
		f.slow = 0
		f.mu.Unlock()
		checkNext(t, w, 1, 3*time.Second)
	})
}

// A slow watcher for whom the value went and came back sees no change.
func TestGaugeSkipsToTheNewest(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := &figure{value: 1}
		g := gauge(t, f, live.GaugeOptions{})
		w := watchGauge(t, g)
		checkNext(t, w, 1, 0)
		time.Sleep(500 * time.Millisecond)
		for _, value := range []int{2, 3, 1} {
			f.set(value, nil)
			time.Sleep(time.Second)
		}
		f.set(4, nil)
		checkNext(t, w, 4, 500*time.Millisecond)
	})
}

// What a read brings whose watchers have all gone is not handed to those who came since.
func TestGaugeForgetsAbandonedRead(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := &figure{value: 1, slow: time.Second}
		stubborn := func(context.Context) (int, error) { return f.read(context.Background()) }
		g := live.NewGauge(stubborn, live.GaugeOptions{})
		defer g.Close()
		w := watchGauge(t, g)
		time.Sleep(500 * time.Millisecond)
		w.Close()
		f.set(2, nil)
		checkNext(t, watchGauge(t, g), 2, time.Second)
	})
}

func TestGaugeEnds(t *testing.T) {
	tests := map[string]func(g *live.Gauge[int], w *live.GaugeWatcher[int]){
		"WatcherCloses": func(_ *live.Gauge[int], w *live.GaugeWatcher[int]) { w.Close() },
		"GaugeCloses":   func(g *live.Gauge[int], _ *live.GaugeWatcher[int]) { g.Close() },
	}
	for name, end := range tests {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				g := gauge(t, &figure{slow: time.Hour}, live.GaugeOptions{Timeout: 2 * time.Hour})
				w := watchGauge(t, g)
				go func() {
					synctest.Wait()
					end(g, w)
				}()
				if _, err := w.Next(t.Context()); !errors.Is(err, live.ErrClosed) {
					t.Errorf("Next() = %v, want ErrClosed", err)
				}
				g.Close()
				if _, err := g.Watch(); !errors.Is(err, live.ErrClosed) {
					t.Errorf("Watch() = %v, want ErrClosed", err)
				}
			})
		})
	}
}
