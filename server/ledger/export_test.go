package ledger

import "sync"

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

// MinuteOf is the bucket of a time.
var MinuteOf = minuteOf

// IsPassing says whether an error is trouble of the database and not of a row.
var IsPassing = isPassing

// PostgresSQL are the statements of PostgreSQL.
var PostgresSQL = postgresSQL
