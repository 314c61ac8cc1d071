package ledger

import (
	"bytes"
	"context"
	"slices"
	"time"

	"github.com/google/uuid"
)

// batch is the content of one transaction, and what that transaction made of it.
type batch struct {
	entries  []*entry
	outcomes []outcome
	counters map[uuid.UUID]*counter
	lastHour map[uuid.UUID]int
	reruns   int
}

// outcome is what an entry's caller is told once the transaction is durable.
type outcome struct {
	receipt Receipt
	err     error
	done    bool // nothing is to be written for it
	sameAs  int  // place of the entry of this batch that bears the same key, or -1
}

func newBatch(entries []*entry) *batch {
	return &batch{entries: entries}
}

// settle does the work of the transaction; it may run twice. The order of its steps is the order of locks
// in every process: counters by petition, then keys by id, then rows that only the holder of a counter
// touches.
func (b *batch) settle(ctx context.Context, t tx, now time.Time) error {
	b.outcomes = make([]outcome, len(b.entries))
	var err error
	if b.counters, err = t.lock(ctx, b.petitions()); err != nil {
		return err
	}
	for _, c := range b.counters {
		c.at = later(now, c.asOf)
	}
	b.gate(now)
	if err := b.keep(ctx, t, now); err != nil {
		return err
	}
	if err := b.write(ctx, t, now); err != nil {
		return err
	}
	b.reruns++
	return b.move(ctx, t, now)
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// petitions gives the petitions of the batch once each, in the order in which they are locked.
func (b *batch) petitions() []uuid.UUID {
	ids := make([]uuid.UUID, 0, len(b.entries))
	for _, e := range b.entries {
		ids = append(ids, e.petition)
	}
	slices.SortFunc(ids, func(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) })
	return slices.Compact(ids)
}

// gate refuses what the petition's terms, read under its lock, do not allow.
func (b *batch) gate(now time.Time) {
	for i, e := range b.entries {
		o := &b.outcomes[i]
		o.sameAs = -1
		o.receipt.Answer = e.petition
		if e.comment != nil {
			o.receipt.Answer = e.comment.ID
		}
		switch c := b.counters[e.petition]; {
		case c == nil:
			o.err, o.done = ErrNotFound, true
		case e.signature != nil && !c.accepts(now):
			o.err, o.done = ErrClosed, true
		}
	}
}

// keep stores the idempotency keys of what is about to be written, and answers every entry whose key is
// known already, also where the petition has closed since.
func (b *batch) keep(ctx context.Context, t tx, now time.Time) error {
	var fresh []keyRow
	var ask []string
	first := map[string]int{}
	for i, e := range b.entries {
		if e.key == nil {
			continue
		}
		o := &b.outcomes[i]
		if j, ok := first[e.key.ID]; ok && !b.outcomes[j].done {
			o.sameAs, o.done = j, true
			continue
		}
		first[e.key.ID] = i
		if o.done {
			ask = append(ask, e.key.ID)
			continue
		}
		fresh = append(fresh, keyRow{id: e.key.ID, input: e.key.Input, answer: o.receipt.Answer, at: now})
	}
	slices.SortFunc(fresh, func(a, b keyRow) int { return bytes.Compare([]byte(a.id), []byte(b.id)) })
	taken, err := t.keepKeys(ctx, fresh)
	if err != nil {
		return err
	}
	return b.replay(ctx, t, append(ask, taken...))
}

// replay answers the entries whose keys were stored by an earlier transaction.
func (b *batch) replay(ctx context.Context, t tx, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	kept, err := t.findKeys(ctx, ids)
	if err != nil {
		return err
	}
	for i, e := range b.entries {
		if e.key == nil || b.outcomes[i].sameAs >= 0 {
			continue
		}
		k, ok := kept[e.key.ID]
		if !ok {
			continue
		}
		b.outcomes[i] = outcome{receipt: Receipt{Answer: k.answer}, done: true, sameAs: -1}
		if !bytes.Equal(k.input, e.key.Input) {
			b.outcomes[i].err = ErrKeyMismatch
		}
	}
	return nil
}

// write inserts the rows that remain, with their numbers.
func (b *batch) write(ctx context.Context, t tx, now time.Time) error {
	var signatures []*signatureRow
	var comments []*commentRow
	for i, e := range b.entries {
		if b.outcomes[i].done {
			continue
		}
		c := b.counters[e.petition]
		if e.comment != nil {
			comments = append(comments, &commentRow{Comment: e.comment, counter: c, place: i})
			continue
		}
		row := &signatureRow{Signature: e.signature, counter: c, place: i, at: e.signature.At}
		if row.at.IsZero() {
			row.at = c.at
		}
		signatures = append(signatures, row)
	}
	if len(signatures) > 0 {
		if err := t.insertSignatures(ctx, signatures); err != nil {
			return err
		}
	}
	for _, s := range signatures {
		b.outcomes[s.place].receipt.Number = s.number
		if s.fresh {
			s.counter.count(s)
			if s.Comment != nil {
				comments = append(comments, &commentRow{Comment: s.Comment, counter: s.counter, place: -1})
			}
		}
	}
	return b.comment(ctx, t, comments, now)
}

// comment inserts comments. Those that a lost but successful run has written are recognised by their ids.
func (b *batch) comment(ctx context.Context, t tx, rows []*commentRow, now time.Time) error {
	if len(rows) == 0 {
		return nil
	}
	if b.reruns > 0 {
		written, err := t.findComments(ctx, rows)
		if err != nil {
			return err
		}
		rows = slices.DeleteFunc(rows, func(r *commentRow) bool { return written[r.ID] })
	}
	for _, r := range rows {
		r.at = r.At
		if r.at.IsZero() {
			r.at = later(now, r.counter.asOf)
		}
		r.counter.comment(r)
		if r.place >= 0 {
			b.outcomes[r.place].receipt.Number = r.number
		}
	}
	return t.insertComments(ctx, rows)
}

// move writes each counter and each bucket once, however many signatures moved it.
func (b *batch) move(ctx context.Context, t tx, now time.Time) error {
	var moved []*counter
	var signed []uuid.UUID
	for _, id := range b.petitions() {
		c := b.counters[id]
		if c == nil || !c.moved {
			continue
		}
		moved = append(moved, c)
		if len(c.minutes) > 0 {
			signed = append(signed, id)
			c.version++
			c.asOf = c.at
		}
	}
	if len(moved) == 0 {
		return nil
	}
	if err := t.moveCounters(ctx, moved); err != nil {
		return err
	}
	if err := t.moveBuckets(ctx, moved); err != nil {
		return err
	}
	var err error
	b.lastHour, err = t.lastHour(ctx, signed, minuteOf(now)-60)
	return err
}

// answer hands the outcomes to the callers' entries, after the commit.
func (b *batch) answer() {
	for i, e := range b.entries {
		o := b.outcomes[i]
		if o.sameAs >= 0 {
			same := b.entries[o.sameAs]
			o = b.outcomes[o.sameAs]
			if !bytes.Equal(same.key.Input, e.key.Input) {
				o = outcome{err: ErrKeyMismatch}
			}
		}
		e.receipt, e.err = o.receipt, o.err
		if o.err != nil {
			e.receipt = Receipt{}
		}
	}
}

// changes says what became of the counters that moved.
func (b *batch) changes() []Change {
	var out []Change
	for _, c := range b.counters {
		if !c.moved {
			continue
		}
		change := c.change()
		if len(c.minutes) > 0 {
			change.LastHour = b.lastHour[c.petition]
		} else {
			change.Version = 0 // the count did not move: there is nothing new to say of it
		}
		out = append(out, change)
	}
	return out
}
