package live

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"petitiond/server/figures"
	"petitiond/server/recurring"
)

var (
	// ErrClosed says that the hub, the gauge or the watcher has ended.
	ErrClosed = errors.New("watching has ended: connect again")
	// ErrUnknown says that a petition to be watched does not exist.
	ErrUnknown = errors.New("a petition to be watched was not found: check its id")
)

// Options says where a hub reads and at what pace it tells. Read is needed, the rest has defaults.
type Options struct {
	// Read returns the present, complete values of the petitions; those that do not exist are left out.
	// It is called by one goroutine at a time, with at most 500 ids.
	Read func(ctx context.Context, ids []uuid.UUID) ([]figures.Value, error)

	Interval time.Duration // a petition wakes its watchers four times within four intervals at most; 250 ms
	Reread   time.Duration // how often all that is watched is read again; 4 s, so that lost news are healed within 5 s
	Timeout  time.Duration // longest time for one call of Read; 3 s
	Logger   *slog.Logger  // told of failed reads; none by default

	// Now tells the time by which the pace is kept. It must bear a monotonic reading, as time.Now does by default, or
	// a clock that is set back would silence the hub.
	Now func() time.Time
}

func (o *Options) setDefaults() {
	o.Interval = positive(o.Interval, 250*time.Millisecond)
	o.Reread = positive(o.Reread, 4*time.Second)
	o.Timeout = positive(o.Timeout, 3*time.Second)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now //nolint:forbidigo // the default of the injected clock; the house clock has no monotonic reading
	}
}

// positive returns d, or the fallback when d was not set.
func positive(d, fallback time.Duration) time.Duration {
	if d > 0 {
		return d
	}
	return fallback
}

// shards is how many parts the hub has, each with a lock of its own. They serve the re-read: listing 100,000 petitions
// under one lock holds up Publish for 50 ms, and for 2 ms under 64.
const shards = 64

// Hub holds the newest value of every petition that somebody watches. Its methods may be called by many at once.
type Hub struct {
	options  Options
	shards   [shards]shard
	pacer    *pacer
	queue    queue
	again    chan struct{} // holds one: read all that is watched now
	done     chan struct{} // closed when Run ends
	watchers atomic.Int64
	failing  recurring.Lines // what the log was told of reads that failed
}

// New returns a hub. It wakes nobody and reads nothing before Run is called.
func New(o Options) *Hub {
	o.setDefaults()
	h := &Hub{
		options: o,
		pacer:   newPacer(o.Interval, o.Now),
		queue:   queue{signal: make(chan struct{}, 1)},
		again:   make(chan struct{}, 1),
		done:    make(chan struct{}),
	}
	for i := range h.shards {
		h.shards[i].topics = make(map[uuid.UUID]*topic)
	}
	return h
}

// Run reads and wakes until ctx ends, then ends every watcher with ErrClosed. It is called once.
func (h *Hub) Run(ctx context.Context) error {
	var reading sync.WaitGroup
	reading.Go(func() { h.readAll(ctx) })
	h.pacer.run(ctx)
	close(h.done)
	for i := range h.shards {
		for _, s := range h.shards[i].close() {
			s.watcher.end()
		}
	}
	reading.Wait()
	return nil
}

// Publish takes news of petitions: what was committed here, or came from another replica. News may be partial,
// late and repeated. It never blocks, and forgets at once what nobody watches.
func (h *Hub) Publish(values ...figures.Value) {
	now := h.options.Now()
	for _, v := range values {
		h.take(v, now, false)
	}
}

// Reread asks for all that is watched to be read again now, since news may have been lost. It does not wait for it.
func (h *Hub) Reread() { poke(h.again) }

// Size returns how many petitions are watched and how many watchers there are.
func (h *Hub) Size() (petitions, watchers int) {
	for i := range h.shards {
		sh := &h.shards[i]
		sh.mu.Lock()
		petitions += len(sh.topics)
		sh.mu.Unlock()
	}
	return petitions, int(h.watchers.Load())
}

// shard returns the part of the hub to which an id falls, by its last byte: it is random in every UUIDv7.
func (h *Hub) shard(id uuid.UUID) *shard {
	return &h.shards[id[len(id)-1]%shards]
}

// take merges a value, published or read, and has the pacer wake those who watch.
func (h *Hub) take(v figures.Value, now time.Time, read bool) {
	if t := h.shard(v.Petition).take(v, now, read); t != nil {
		h.pacer.add(t)
	}
}
