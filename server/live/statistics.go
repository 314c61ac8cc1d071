package live

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"petitiond/server/recurring"
)

// GaugeOptions says at what pace a gauge reads. All have defaults.
type GaugeOptions struct {
	Interval time.Duration // time between two reads, and for how long one is fresh; 1 s
	Timeout  time.Duration // longest time for one read; 3 s
	Logger   *slog.Logger  // told of failed reads; none by default

	// Now tells the time by which a value is fresh, with a monotonic reading like that of Options.
	Now func() time.Time
}

// Gauge reads one value again and again on behalf of all who watch it, such as the figures of the whole site. While
// nobody watches it does nothing and has no goroutine.
type Gauge[T comparable] struct {
	read    func(context.Context) (T, error)
	options GaugeOptions

	mu       sync.Mutex // guards all below
	closed   bool
	watchers int
	stop     context.CancelFunc // ends the polling; nil while nobody watches
	value    T
	known    bool // value may be handed out
	readAt   time.Time
	turn     uint64        // grows with every different value
	changed  chan struct{} // closed at the next turn, and when a watcher or the gauge ends

	polling sync.WaitGroup
	failing recurring.Lines // what the log was told of reads that failed
}

// GaugeWatcher is one who watches a gauge.
type GaugeWatcher[T comparable] struct {
	gauge *Gauge[T]

	// Guarded by the gauge's lock.
	ended bool
	seen  uint64 // turn of the value last returned; zero: none
	value T
}

// NewGauge returns a gauge of what read returns. read is called once an interval, and not by two at once but for the
// moment in which the last watcher has just gone and another comes.
func NewGauge[T comparable](read func(ctx context.Context) (T, error), o GaugeOptions) *Gauge[T] {
	o.Interval = positive(o.Interval, time.Second)
	base := Options{Timeout: o.Timeout, Logger: o.Logger, Now: o.Now}
	base.setDefaults()
	o.Timeout, o.Logger, o.Now = base.Timeout, base.Logger, base.Now
	return &Gauge[T]{read: read, options: o, changed: make(chan struct{})}
}

// Watch begins to watch the gauge; the first watcher sets it going.
func (g *Gauge[T]) Watch() (*GaugeWatcher[T], error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return nil, ErrClosed
	}
	// Counted, so that the polling ends with the last one.
	g.watchers++
	if g.stop == nil {
		g.start()
	}
	return &GaugeWatcher[T]{gauge: g}, nil
}

// start sets the polling going. What was read less than an interval ago is still fresh. The caller holds mu.
func (g *Gauge[T]) start() {
	wait := g.readAt.Add(g.options.Interval).Sub(g.options.Now())
	g.known = g.known && wait > 0
	if !g.known {
		wait = 0
	}
	// No context of a watcher: the polling goes on for those who come after the first one has gone.
	ctx, stop := context.WithCancel(context.Background())
	g.stop = stop
	g.polling.Go(func() { g.poll(ctx, wait) })
}

// poll reads once an interval, the first time after wait, until ctx ends.
func (g *Gauge[T]) poll(ctx context.Context, wait time.Duration) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		// Before the read: the interval is from one beginning to the next, unless a read takes longer.
		timer.Reset(g.options.Interval)
		g.take(ctx)
	}
}

// take reads and hands the value out if it is another one.
func (g *Gauge[T]) take(ctx context.Context) {
	limited, cancel := context.WithTimeout(ctx, g.options.Timeout)
	defer cancel()
	value, err := g.read(limited)
	g.mu.Lock()
	defer g.mu.Unlock()
	if ctx.Err() != nil {
		return // a later polling may have read something newer
	}
	g.failing.Task(ctx, g.options.Logger, "read a watched figure", err)
	if err != nil {
		return
	}
	g.readAt = g.options.Now()
	// What is the same wakes nobody.
	if g.known && value == g.value {
		return
	}
	g.value, g.known = value, true
	g.turn++
	g.wake()
}

// wake lets all who wait look again. The caller holds mu.
func (g *Gauge[T]) wake() {
	close(g.changed)
	g.changed = make(chan struct{})
}

// Close ends the gauge and all who watch it, and waits for a read that is under way.
func (g *Gauge[T]) Close() {
	g.mu.Lock()
	g.closed = true
	g.halt()
	g.wake()
	g.mu.Unlock()
	g.polling.Wait()
}

// halt stops the polling. The caller holds mu.
func (g *Gauge[T]) halt() {
	if g.stop != nil {
		g.stop()
		g.stop = nil
	}
}

// Next returns the present value the first time, at once if it is fresh, and from then on waits for the newest that
// differs from the one before. It fails with ErrClosed when the watcher or the gauge has ended, and with the
// context's error when ctx ends first.
func (w *GaugeWatcher[T]) Next(ctx context.Context) (T, error) {
	for {
		if value, ok, err := w.Poll(); ok || err != nil {
			return value, err
		}
		if err := w.Wait(ctx); err != nil {
			return *new(T), err
		}
	}
}

// Wait waits until Poll has something to return: a value, or that the watcher or the gauge has ended. It fails only
// with the context's error.
func (w *GaugeWatcher[T]) Wait(ctx context.Context) error {
	for {
		w.gauge.mu.Lock()
		due, changed := w.ends() || w.due(), w.gauge.changed
		w.gauge.mu.Unlock()
		if due {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Poll returns the value that Next would return at once, if there is one, and never waits.
func (w *GaugeWatcher[T]) Poll() (value T, ok bool, err error) {
	g := w.gauge
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case w.ends():
		return value, false, ErrClosed
	case w.due():
		w.seen, w.value = g.turn, g.value
		return g.value, true, nil
	}
	return value, false, nil
}

// ends reports whether there will be no further value. It needs the gauge's mu.
func (w *GaugeWatcher[T]) ends() bool { return w.ended || w.gauge.closed }

// due reports whether there is a value that this watcher has not seen. It needs the gauge's mu.
func (w *GaugeWatcher[T]) due() bool {
	g := w.gauge
	// A value may have changed and changed back since this watcher looked: then there is nothing new for it.
	return g.known && (w.seen == 0 || g.turn > w.seen && g.value != w.value)
}

// Close ends the watcher; the last one takes the polling with it. It may be called more than once.
func (w *GaugeWatcher[T]) Close() {
	g := w.gauge
	g.mu.Lock()
	defer g.mu.Unlock()
	if w.ended {
		return
	}
	w.ended = true
	g.watchers--
	if g.watchers == 0 {
		g.halt()
	}
	// For the watcher itself, if it is waiting in Next on another goroutine.
	g.wake()
}
