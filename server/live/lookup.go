package live

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
)

// chunk is how many petitions one read may ask for.
const chunk = 500

// A lookup is one read on behalf of watchers whose petitions the hub does not hold yet.
type lookup struct {
	ids  []uuid.UUID
	done chan struct{} // closed when the values are merged, or err is set
	err  error
}

// over reports whether the read has ended.
func (l *lookup) over() bool {
	select {
	case <-l.done:
		return true
	default:
		return false
	}
}

// A queue gathers what is asked for while the read before is under way, as a ledger gathers what is written: when
// everybody comes back after a restart, the reads are few and large.
type queue struct {
	signal  chan struct{} // holds one: waiting is not empty
	mu      sync.Mutex
	waiting []*lookup // guarded by mu; the last one still grows
}

// ask adds the id to the last waiting lookup, or to a new one when that is full.
func (q *queue) ask(id uuid.UUID) *lookup {
	q.mu.Lock()
	defer q.mu.Unlock()
	last := len(q.waiting) - 1
	if last < 0 || len(q.waiting[last].ids) == chunk {
		q.waiting = append(q.waiting, &lookup{done: make(chan struct{})})
		last++
	}
	l := q.waiting[last]
	l.ids = append(l.ids, id)
	poke(q.signal)
	return l
}

// next takes the oldest waiting lookup, nil when there is none.
func (q *queue) next() *lookup {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) == 0 {
		return nil
	}
	// From now on the lookup does not grow: ask adds to what waits alone.
	l := q.waiting[0]
	q.waiting = slices.Delete(q.waiting, 0, 1)
	return l
}

// readAll does all reading of the hub, one call at a time, until ctx ends: what watchers ask for, and again and again
// what is watched. The two take turns, so that neither holds up the other.
func (h *Hub) readAll(ctx context.Context) {
	ticker := time.NewTicker(h.options.Reread)
	defer ticker.Stop()
	var due []uuid.UUID // what is left to read again in this round
	for ctx.Err() == nil {
		l := h.queue.next()
		if l != nil {
			h.load(ctx, l)
		}
		if len(due) > 0 {
			due = h.reread(ctx, due)
		}
		// The ticker is looked at only when nothing is left of the round before, so that slow reads do not pile up rounds.
		if l != nil || len(due) > 0 {
			continue
		}
		select {
		case <-ctx.Done():
		case <-h.queue.signal:
		case <-ticker.C:
			due = h.watched()
		case <-h.again:
			due = h.watched()
		}
	}
}

// load reads a lookup and lets those who wait for it go on.
func (h *Hub) load(ctx context.Context, l *lookup) {
	l.err = h.read(ctx, l.ids)
	if ctx.Err() != nil {
		l.err = ErrClosed
	}
	close(l.done)
}

// reread reads one chunk of the petitions due and returns the rest: none after a failure, since the next would fail
// too.
func (h *Hub) reread(ctx context.Context, due []uuid.UUID) []uuid.UUID {
	n := min(chunk, len(due))
	err := h.read(ctx, due[:n])
	if err == nil || ctx.Err() == nil {
		h.failing.Task(ctx, h.options.Logger, "read watched petitions again", err)
	}
	if err != nil {
		return nil
	}
	return due[n:]
}

// read merges what the source says of the petitions.
func (h *Hub) read(ctx context.Context, ids []uuid.UUID) error {
	ctx, cancel := context.WithTimeout(ctx, h.options.Timeout)
	defer cancel()
	values, err := h.options.Read(ctx, ids)
	if err != nil {
		return err
	}
	// After the read and once for all its values: the time at which they became known here.
	now := h.options.Now()
	for _, v := range values {
		h.take(v, now, true)
	}
	return nil
}

// watched lists the petitions that somebody watches.
func (h *Hub) watched() []uuid.UUID {
	// A copy of the ids, so that no lock is held while they are read.
	var ids []uuid.UUID
	for i := range h.shards {
		ids = h.shards[i].ids(ids)
	}
	return ids
}
