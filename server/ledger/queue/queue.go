// Package queue holds what waits to be written, petition by petition, so that one under a crowd keeps nobody else
// waiting and cannot take all the room. It knows nothing of what is written.
package queue

import (
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
)

const (
	// crowd is how many entries have to wait for a lane to begin while another one writes. Many small transactions cost
	// both sides several times what a few large ones do: see doc/benchmarks.md.
	crowd = 16
	// patientFor is how long what waits does so for one batch: one that takes longer may be held up by something that
	// has nothing to do with the others.
	patientFor = 100 * time.Millisecond
)

// Errors of Push.
var (
	ErrFull   = errors.New("queue: no room")
	ErrClosed = errors.New("queue: closed")
)

// Entry is something that waits, of one petition.
type Entry interface{ Of() uuid.UUID }

// Queue holds the entries that wait for a lane. A petition of which one lane writes comes to no other one: lanes never
// wait for each other's counters. It is safe for concurrent use.
type Queue[E Entry] struct {
	room int // entries in all; a single petition has half of it

	mu        sync.Mutex // guards what follows
	petitions map[uuid.UUID]*petitionQueue[E]
	turns     []*petitionQueue[E] // those in which somebody waits and of which no lane writes, in the order of their turns
	waiting   int
	ready     int // of those who wait, in turns
	began     map[*Lane[E]]time.Time
	closed    bool
	changed   *sync.Cond
}

// Lane takes batches from a queue, one after another.
type Lane[E Entry] struct{ from *Queue[E] }

// petitionQueue is what waits for one petition, in order.
type petitionQueue[E Entry] struct {
	petition uuid.UUID
	entries  []E
	held     bool // a lane writes of it
}

// New returns a queue with room for so many entries.
func New[E Entry](room int) *Queue[E] {
	q := &Queue[E]{room: room, petitions: map[uuid.UUID]*petitionQueue[E]{}, began: map[*Lane[E]]time.Time{}}
	q.changed = sync.NewCond(&q.mu)
	return q
}

// Lane returns another lane.
func (q *Queue[E]) Lane() *Lane[E] { return &Lane[E]{q} }

// Waiting returns how many entries wait.
func (q *Queue[E]) Waiting() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.waiting
}

// Push lets an entry wait behind the others of its petition.
func (q *Queue[E]) Push(e E) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return ErrClosed
	}
	l := q.petitions[e.Of()]
	if q.waiting >= q.room || l != nil && len(l.entries) >= (q.room+1)/2 {
		return ErrFull
	}
	if l == nil {
		l = &petitionQueue[E]{petition: e.Of()}
		q.petitions[l.petition] = l
		q.turns = append(q.turns, l)
	}
	l.entries = append(l.entries, e)
	q.waiting++
	if !l.held {
		q.ready++
		q.wake()
	}
	return nil
}

// wake lets a lane begin if it is time. The caller holds mu.
func (q *Queue[E]) wake() {
	if q.due() {
		q.changed.Signal()
	}
}

// due reports whether a lane may begin: the first one at once, so that an idle server lets nobody wait.
func (q *Queue[E]) due() bool {
	// One that has been writing for long does not count: it may be held up, and says nothing of how busy the database
	// is.
	writing := 0
	for _, began := range q.began {
		if time.Since(began) < patientFor {
			writing++
		}
	}
	return q.ready > 0 && (q.closed || q.ready >= crowd*writing)
}

// Take waits until the lane may begin and appends at most n entries to batch, of petitions that are the lane's until
// Done or GiveUp. It appends none when the queue is closed and empty.
func (l *Lane[E]) Take(batch []E, n int) []E {
	q := l.from
	q.mu.Lock()
	defer q.mu.Unlock()
	for !q.due() {
		if q.closed && q.waiting == 0 {
			return batch
		}
		q.changed.Wait()
	}
	batch = q.serve(batch, n)
	for _, e := range batch {
		if one := q.petitions[e.Of()]; !one.held {
			one.held = true
			q.ready -= len(one.entries)
		}
	}
	q.turns = slices.DeleteFunc(q.turns, func(one *petitionQueue[E]) bool { return one.held })
	q.began[l] = time.Now() //nolint:forbidigo // a length is measured, by the monotonic clock
	// By then this lane no longer counts as writing, and nobody else would look.
	time.AfterFunc(patientFor, q.look)
	return batch
}

// look wakes a lane if it is time by now.
func (q *Queue[E]) look() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.wake()
}

// Done ends the lane's batch: what waits for its petitions gets a turn.
func (l *Lane[E]) Done(batch []E) {
	q := l.from
	q.mu.Lock()
	defer q.mu.Unlock()
	q.release(l, batch)
	q.wake()
	if q.closed {
		q.changed.Broadcast()
	}
}

// release is done without the lock, which the caller holds, and wakes nobody.
func (q *Queue[E]) release(by *Lane[E], batch []E) {
	delete(q.began, by)
	for _, e := range batch {
		l := q.petitions[e.Of()]
		// Several entries of a batch may be of one petition, which is given back once.
		if l == nil || !l.held {
			continue
		}
		if l.held = false; len(l.entries) == 0 {
			delete(q.petitions, l.petition)
			continue
		}
		q.turns = append(q.turns, l)
		q.ready += len(l.entries)
	}
}

// serve goes round the petitions until n entries are taken: each has an equal share, and what one leaves of its
// share goes to the next.
func (q *Queue[E]) serve(batch []E, n int) []E {
	for n > 0 && len(q.turns) > 0 {
		// Computed again for each, so that what one leaves is shared out among the rest.
		share := max(1, n/len(q.turns))
		l := q.turns[0]
		q.turns = q.turns[1:]
		some := min(share, len(l.entries))
		batch = append(batch, l.entries[:some]...)
		// The array lives as long as the line, and must not keep what was taken from it.
		clear(l.entries[:some])
		l.entries = l.entries[some:]
		n -= some
		q.waiting -= some
		q.ready -= some
		if len(l.entries) > 0 {
			// Back to the end of the round, behind those who have not had their turn.
			q.turns = append(q.turns, l)
		}
	}
	return batch
}

// GiveUp ends the lane's batch and takes everything that waits, but for what waits for other lanes: in one step, since
// another lane would take up what a batch leaves behind, only to try as long and as vainly.
func (l *Lane[E]) GiveUp(batch []E) []E {
	q := l.from
	q.mu.Lock()
	defer q.mu.Unlock()
	q.release(l, batch)
	all := q.serve(nil, q.ready)
	for _, e := range all {
		delete(q.petitions, e.Of())
	}
	if q.closed {
		q.changed.Broadcast()
	}
	return all
}

// Close lets nothing more in.
func (q *Queue[E]) Close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.changed.Broadcast()
}
