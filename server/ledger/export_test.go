package ledger

import (
	"context"
	"sync"
	"time"

	"github.com/google/uuid"
)

// Answer is what one caller of a batch is told.
type Answer struct {
	Receipt
	Err error
}

// Batch writes signatures and comments, all of one lane, as one transaction in this order, beside Run or
// without it.
func (l *Ledger) Batch(list ...any) []Answer {
	entries := make([]*entry, len(list))
	for i, what := range list {
		entries[i] = newEntry(what)
	}
	l.laneOf(entries[0].petition).write(entries)
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
		if out[i].Err = l.enqueue(e); out[i].Err != nil {
			continue
		}
		wg.Go(func() { <-e.done; out[i] = Answer{e.receipt, e.err} })
	}
	return func() []Answer { wg.Wait(); return out }
}

// Waiting is how many entries are in the queue of a petition's lane.
func (l *Ledger) Waiting(petition uuid.UUID) int {
	q := l.laneOf(petition).queue
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
	}
	panic("neither a signature nor a comment")
}

// AddTrend adds a signature to a trend.
var AddTrend = addTrend

// PostgresSQL are the statements of PostgreSQL.
var PostgresSQL = postgresSQL

// Queue is what waits in a lane.
type Queue struct{ *queue }

// NewQueue makes a queue for so many entries.
func NewQueue(room int) *Queue { return &Queue{newQueue(room)} }

// Push queues an entry of a petition.
func (q *Queue) Push(petition uuid.UUID) error { return q.push(&entry{petition: petition}) }

// Take returns the petitions of the next entries, at most n.
func (q *Queue) Take(n int) []uuid.UUID { return petitionIDs(q.take(nil, n)) }

// Drain returns the petitions of all that wait.
func (q *Queue) Drain() []uuid.UUID { return petitionIDs(q.drain()) }

// Close lets nothing more in.
func (q *Queue) Close() { q.close() }

// Petitions is how many petitions somebody waits for.
func (q *Queue) Petitions() int { return len(q.petitions) }

func petitionIDs(entries []*entry) []uuid.UUID {
	out := make([]uuid.UUID, len(entries))
	for i, e := range entries {
		out[i] = e.petition
	}
	return out
}

// RecountResting recounts and tells rest how long each step has worked.
func (l *Ledger) RecountResting(ctx context.Context, rest func(worked time.Duration)) error {
	_, err := l.recount(ctx, true, rest)
	return err
}

// RecountOnce recounts once as Keep does.
func (l *Ledger) RecountOnce(ctx context.Context) error { return l.recountGently(ctx) }
