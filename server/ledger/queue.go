package ledger

import (
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

// queue holds the entries that wait for a lane, petition by petition, so that one under a crowd keeps nobody else
// waiting and cannot take all the room. A petition of which one lane writes comes to no other one: lanes never wait for
// each other's counters.
type queue struct {
	room int // entries in all; a single petition has half of it

	mu        sync.Mutex // guards what follows
	petitions map[uuid.UUID]*petitionQueue
	turns     []*petitionQueue // those in which somebody waits and of which no lane writes, in the order of their turns
	waiting   int
	ready     int // of those who wait, in turns
	began     map[*lane]time.Time
	closed    bool
	changed   *sync.Cond
}

// petitionQueue is what waits for one petition, in order.
type petitionQueue struct {
	petition uuid.UUID
	entries  []*entry
	held     bool // a lane writes of it
}

// newQueue returns a queue with room for so many entries.
func newQueue(room int) *queue {
	q := &queue{room: room, petitions: map[uuid.UUID]*petitionQueue{}, began: map[*lane]time.Time{}}
	q.changed = sync.NewCond(&q.mu)
	return q
}

// push lets an entry wait at the end of its petition's line.
func (q *queue) push(e *entry) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return ErrUnavailable
	}
	l := q.petitions[e.petition]
	if q.waiting >= q.room || l != nil && len(l.entries) >= (q.room+1)/2 {
		return ErrBusy
	}
	if l == nil {
		l = &petitionQueue{petition: e.petition}
		q.petitions[e.petition] = l
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
func (q *queue) wake() {
	if q.due() {
		q.changed.Signal()
	}
}

// due reports whether a lane may begin: the first one at once, so that an idle server lets nobody wait.
func (q *queue) due() bool {
	writing := 0
	for _, began := range q.began {
		if time.Since(began) < patientFor {
			writing++
		}
	}
	return q.ready > 0 && (q.closed || q.ready >= crowd*writing)
}

// take waits until the lane may begin and appends at most n entries to batch, of petitions that are the lane's until it
// is done. It returns none when the queue is closed and empty.
func (q *queue) take(by *lane, batch []*entry, n int) []*entry {
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
		if l := q.petitions[e.petition]; !l.held {
			l.held = true
			q.ready -= len(l.entries)
		}
	}
	q.turns = slices.DeleteFunc(q.turns, func(l *petitionQueue) bool { return l.held })
	q.began[by] = time.Now() //nolint:forbidigo // a length is measured, by the monotonic clock
	time.AfterFunc(patientFor, q.look)
	return batch
}

// look wakes a lane if it is time by now.
func (q *queue) look() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.wake()
}

// done ends a lane's batch: who waits for its petitions gets a turn.
func (q *queue) done(by *lane, batch []*entry) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.release(by, batch)
	q.wake()
	if q.closed {
		q.changed.Broadcast()
	}
}

// release is done without the lock, which the caller holds, and wakes nobody.
func (q *queue) release(by *lane, batch []*entry) {
	delete(q.began, by)
	for _, e := range batch {
		l := q.petitions[e.petition]
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

// serve goes round the lines until n entries are taken: each has an equal share, and what one leaves of its
// share goes to the next.
func (q *queue) serve(batch []*entry, n int) []*entry {
	for n > 0 && len(q.turns) > 0 {
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

// giveUp ends a lane's batch and takes everything that waits, but for what waits for other lanes: in one step, since
// another lane would take up what a batch leaves behind, only to try as long and as vainly.
func (q *queue) giveUp(by *lane, batch []*entry) []*entry {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.release(by, batch)
	all := q.serve(nil, q.ready)
	for _, e := range all {
		delete(q.petitions, e.petition)
	}
	if q.closed {
		q.changed.Broadcast()
	}
	return all
}

// close lets nothing more in.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.changed.Broadcast()
}
