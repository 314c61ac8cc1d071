package ledger

import (
	"sync"

	"github.com/google/uuid"
)

// Answer is what one caller of a batch is told.
type Answer struct {
	Receipt
	Err error
}

// Batch writes signatures and comments as one transaction in this order, beside Run or without it.
func (l *Ledger) Batch(list ...any) []Answer {
	entries := make([]*entry, len(list))
	for i, what := range list {
		entries[i] = newEntry(what)
	}
	_ = (&lane{ledger: l}).write(entries) // each entry has its own error
	out := make([]Answer, len(list))
	for i, e := range entries {
		out[i] = Answer{e.receipt, e.err}
	}
	return out
}

// Queue puts signatures and comments in the queue in this order, and gives the function that waits for them.
func (l *Ledger) Queue(list ...any) (wait func() []Answer) {
	out := make([]Answer, len(list))
	var wg sync.WaitGroup
	for i, what := range list {
		e := newEntry(what)
		e.done = make(chan struct{})
		if out[i].Err = l.queue.push(e); out[i].Err != nil {
			continue
		}
		wg.Go(func() { <-e.done; out[i] = Answer{e.receipt, e.err} })
	}
	return func() []Answer { wg.Wait(); return out }
}

// Waiting is how many entries are in the queue.
func (l *Ledger) Waiting() int {
	q := l.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.waiting
}

func newEntry(what any) *entry {
	switch w := what.(type) {
	case Signature:
		return &entry{signature: &w, petition: w.Petition, key: w.Key}
	case Comment:
		return &entry{comment: &w, petition: w.Petition, key: w.Key}
	case Confirmation:
		return &entry{confirmation: &w, petition: w.Petition}
	case Request:
		return &entry{request: &w, petition: w.Petition, key: w.Key}
	case Withdrawal:
		return &entry{withdrawal: &w, petition: w.Petition}
	}
	panic("nothing that the ledger writes")
}

// PostgresSQL are the statements of PostgreSQL.
var PostgresSQL = postgresSQL

// The limits of a queue.
const (
	Crowd      = crowd
	PatientFor = patientFor
)

// Queue is what waits for lanes. It has one of its own.
type Queue struct{ QueueLane }

// NewQueue makes a queue for so many entries.
func NewQueue(room int) *Queue {
	q := newQueue(room)
	return &Queue{QueueLane{queue: q, lane: &lane{}}}
}

// Lane returns another lane.
func (q *Queue) Lane() *QueueLane { return &QueueLane{queue: q.queue, lane: &lane{}} }

// QueueLane is a lane that takes from a queue.
type QueueLane struct {
	queue *queue
	lane  *lane
	taken []*entry
}

// Push queues an entry of a petition.
func (q *Queue) Push(petition uuid.UUID) error { return q.queue.push(&entry{petition: petition}) }

// Take ends the batch before and gives the petitions of the next entries, at most n.
func (l *QueueLane) Take(n int) []uuid.UUID {
	l.Done()
	l.taken = l.queue.take(l.lane, nil, n)
	return petitionIDs(l.taken)
}

// Done ends the batch that was taken last.
func (l *QueueLane) Done() {
	l.queue.done(l.lane, l.taken)
	l.taken = nil
}

// GiveUp ends the batch that was taken last and returns the petitions of all that waited behind it.
func (l *QueueLane) GiveUp() []uuid.UUID {
	taken := l.taken
	l.taken = nil
	return petitionIDs(l.queue.giveUp(l.lane, taken))
}

// Due reports whether a lane may begin.
func (l *QueueLane) Due() bool {
	l.queue.mu.Lock()
	defer l.queue.mu.Unlock()
	return l.queue.due()
}

// Close lets nothing more in.
func (q *Queue) Close() { q.queue.close() }

// Petitions is how many petitions somebody waits for.
func (q *Queue) Petitions() int { return len(q.queue.petitions) }

func petitionIDs(entries []*entry) []uuid.UUID {
	out := make([]uuid.UUID, len(entries))
	for i, e := range entries {
		out[i] = e.petition
	}
	return out
}
