package ledger

import (
	"context"
	"sync"
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
	_ = (&lane{ledger: l, queue: l.queue.Lane()}).write(entries) // each entry has its own error
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
		if out[i].Err = l.push(context.Background(), e); out[i].Err != nil {
			continue
		}
		wg.Go(func() { <-e.done; out[i] = Answer{e.receipt, e.err} })
	}
	return func() []Answer { wg.Wait(); return out }
}

// Waiting is how many entries are in the queue.
func (l *Ledger) Waiting() int { return l.queue.Waiting() }

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
