package ledger

import (
	"sync"

	"github.com/google/uuid"
)

// queue holds the entries that wait in a lane, petition by petition, so that one under a crowd keeps nobody
// else waiting and cannot take all the room.
type queue struct {
	room int // entries in all; a single petition has half of it

	mu        sync.Mutex // guards what follows
	petitions map[uuid.UUID]*petitionQueue
	turns     []*petitionQueue // those in which somebody waits, in the order of their turns
	waiting   int
	closed    bool
	filled    chan struct{} // holds one token while somebody waits or the queue is closed
}

// petitionQueue is what waits for one petition, in order.
type petitionQueue struct {
	petition uuid.UUID
	entries  []*entry
}

// newQueue returns a queue with room for so many entries.
func newQueue(room int) *queue {
	return &queue{room: room, petitions: map[uuid.UUID]*petitionQueue{}, filled: make(chan struct{}, 1)}
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
	q.wake()
	return nil
}

// wake leaves a token for the lane, unless there is one. The caller holds mu.
func (q *queue) wake() {
	select {
	case q.filled <- struct{}{}:
	default:
	}
}

// take waits for entries and appends at most n of them to batch. It returns none when the queue is closed and
// empty.
func (q *queue) take(batch []*entry, n int) []*entry {
	for {
		<-q.filled
		q.mu.Lock()
		batch = q.serve(batch, n)
		// The token that was taken stood for all that waits.
		if q.waiting > 0 || q.closed {
			q.wake()
		}
		ended := q.closed
		q.mu.Unlock()
		if len(batch) > 0 || ended {
			return batch
		}
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
		if len(l.entries) == 0 {
			delete(q.petitions, l.petition)
			continue
		}
		// Back to the end of the round, behind those who have not had their turn.
		q.turns = append(q.turns, l)
	}
	return batch
}

// drain takes everything that waits.
func (q *queue) drain() []*entry {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.serve(nil, q.waiting)
}

// close lets nothing more in.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.wake()
}
