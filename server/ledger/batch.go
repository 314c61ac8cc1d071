package ledger

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"

	"petitiond/server/figures"
	"petitiond/server/idempotency"
	"petitiond/server/outbox"
	"petitiond/server/timespan"
)

// batch is the content of one transaction, and what its last run made of it.
type batch struct {
	entries   []*entry
	petitions []uuid.UUID // once each, in the order in which they are locked
	unsummed  int         // see Options
	lost      bool        // the COMMIT of the last run was not answered
	unsure    bool        // nor was that of one before, of which there is no new row
	wary      bool        // some of the keys may be known, and are looked for before anything is written

	now        time.Time // of the run, read under the locks
	outcomes   []outcome
	kept       map[string]idempotency.Record // the keys that were stored before, by their ids, as far as they were looked for
	keys       []idempotency.Record          // to be stored, in the order of their ids
	signatures []*signatureRow               // inserted; those whose address was there are left out
	counted    []*signatureRow               // those of them that do not wait for their mailbox
	comments   []*commentRow
	requests   []outbox.Row // to be carried out later
	unsaid     [][]byte     // the signatories whose comments are erased
	found
}

// outcome is what an entry's caller is told once the transaction is durable.
type outcome struct {
	receipt Receipt
	err     error
	done    bool // nothing is to be written for it
	sameAs  int  // place of the entry of this batch that bears the same key, or -1
}

// errWritten says that the run whose COMMIT was not answered took effect after all: its outcomes hold.
var errWritten = errors.New("ledger: the run before was committed")

// newBatch sorts the petitions by their ids. That is the order of locks in every process: see settle.
func newBatch(entries []*entry, unsummed int) *batch {
	b := &batch{entries: entries, unsummed: unsummed}
	for _, e := range entries {
		b.petitions = append(b.petitions, e.petition)
	}
	slices.SortFunc(b.petitions, compareIDs)
	b.petitions = slices.Compact(b.petitions)
	return b
}

// compareIDs orders ids as both databases do.
func compareIDs(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) }

// settle does the work of the transaction; it may run several times. The order of locks is the same in every process:
// counters by petition, then keys by id. All other rows only the holder of a counter touches.
func (b *batch) settle(ctx context.Context, t tx, clock func() (time.Time, error)) error {
	// Before anything is decided: a lost run of this batch has ended once its locks can be taken.
	seen, now, err := b.look(ctx, t, clock)
	if err != nil {
		return err
	}
	if err := b.resolve(ctx, t); err != nil {
		return err
	}
	b.begin(seen, now)
	// After begin: what would be refused is judged by the counters that were just read.
	if err := b.recall(ctx, t); err != nil {
		return err
	}
	b.gate()
	if err := b.write(ctx, t); err != nil {
		return err
	}
	return b.move(ctx, t)
}

// look takes the locks and finds out what is there. What was found while others held a counter may be as old as the
// wait for it, so that it is looked for again: now that this transaction holds them, none can move.
func (b *batch) look(ctx context.Context, t tx, clock func() (time.Time, error)) (found, time.Time, error) {
	before, err := clock()
	if err != nil {
		return found{}, before, err
	}
	seen, err := t.look(ctx, b.inquiry(before))
	if err != nil {
		return found{}, before, err
	}
	// The wait for the locks may have lasted until a petition's end.
	now, err := clock()
	if err == nil && (seen.stale || timespan.Hour.Ago(now) != timespan.Hour.Ago(before)) {
		seen, err = t.look(ctx, b.inquiry(now))
	}
	return seen, now, err
}

// inquiry asks for everything that the entries name. That some are refused costs less than to ask a second time.
func (b *batch) inquiry(now time.Time) inquiry {
	// By the minute and not by the moment, since sums are kept by the minute.
	ask := inquiry{petitions: b.petitions, since: timespan.Hour.Ago(now)}
	for _, e := range b.entries {
		if e.signature != nil {
			ask.digests = append(ask.digests, e.signature.Digest)
		}
	}
	return ask
}

// resolve finds out what became of a run whose COMMIT was not answered. That run has ended, since it held
// the locks which this one holds now, and a transaction is whole: one of its rows there, and it took effect.
// A run without rows of its own stored keys at most, which the next one finds like anybody else's.
func (b *batch) resolve(ctx context.Context, t tx) error {
	if !b.lost {
		return nil
	}
	there, err := t.written(ctx, b.signatures, b.comments)
	if err != nil {
		return err
	}
	if there {
		return errWritten
	}
	// Nothing of it is there, unless it has only confirmed or withdrawn: that may have been done, and is not done
	// twice.
	b.lost, b.unsure = false, true
	return nil
}

// begin forgets what an earlier run made.
func (b *batch) begin(seen found, now time.Time) {
	b.found, b.now = seen, now
	b.outcomes = make([]outcome, len(b.entries))
	b.kept, b.keys, b.signatures, b.counted, b.comments, b.requests, b.unsaid = nil, nil, nil, nil, nil, nil, nil
	// One time for all rows of a petition in this batch, even if its clock and that of the batch before differ a
	// little.
	for _, c := range b.counters {
		c.at = c.timeAt(now)
	}
}

// recall looks for keys, if some may be known or belong to what is refused: a known one is answered all the same.
// Hardly any is known, so that it is mostly left to their insertion to find out.
func (b *batch) recall(ctx context.Context, t tx) (err error) {
	wary, ids := b.wary, []string(nil)
	for _, e := range b.entries {
		if e.key != nil {
			ids = append(ids, e.key.ID)
			wary = wary || b.refusal(e) != nil
		}
	}
	if wary && len(ids) > 0 {
		b.kept, err = t.findKeys(ctx, ids)
	}
	return err
}

// gate answers every entry whose key is known already, also where the petition has closed since, and refuses what the
// petition's terms, read under its lock, do not allow. The keys of the rest are to be stored.
func (b *batch) gate() {
	first := map[string]int{} // place of the first entry of each key in this batch: it alone is written
	for i, e := range b.entries {
		o := &b.outcomes[i]
		*o = outcome{receipt: Receipt{Answer: e.answer()}, sameAs: -1}
		if e.key != nil {
			if k, ok := b.kept[e.key.ID]; ok {
				o.receipt.Answer, o.err, o.done = k.Answer, e.key.Check(k.Key), true
				continue
			}
			// The same call twice in one batch, which happens when a client is impatient. Whether the inputs agree is
			// found out when it is answered.
			if j, ok := first[e.key.ID]; ok {
				o.sameAs, o.done = j, true
				continue
			}
		}
		// Of what is refused nothing is written, and its key stays free for another try.
		if o.err = b.refusal(e); o.err != nil {
			o.done = true
		} else if e.key != nil {
			first[e.key.ID] = i
			b.keys = append(b.keys, idempotency.Record{Key: *e.key, Answer: o.receipt.Answer, At: b.now})
		}
	}
	// In the order of ids, or two batches could each wait for a key that the other has stored.
	slices.SortFunc(b.keys, func(a, b idempotency.Record) int { return cmp.Compare(a.ID, b.ID) })
}

// refusal returns why an entry must not be written. Whether a petition may be commented on was decided before: no count
// depends on it.
func (b *batch) refusal(e *entry) error {
	switch c := b.counters[e.petition]; {
	// The petition was removed, or never there: it has no counter.
	case c == nil:
		return ErrNotFound
	case (e.request != nil && !e.request.Late || e.signature != nil && e.signature.Waiting == nil) && !c.accepts():
		return ErrClosed
	}
	return nil
}

// write carries out what remains. Nobody in a batch is answered before all of it is durable, so that it may have an
// order of its own: those who withdraw come first, or they could not sign again.
func (b *batch) write(ctx context.Context, t tx) error {
	if err := b.change(ctx, t); err != nil {
		return err
	}
	for i, e := range b.entries {
		if b.outcomes[i].done {
			continue
		}
		switch c := b.counters[e.petition]; {
		case e.request != nil:
			b.requests = append(b.requests, e.request.Entry)
		case e.comment != nil:
			b.comments = append(b.comments, &commentRow{Comment: e.comment, counter: c, place: i})
		case e.signature != nil:
			b.signatures = append(b.signatures, &signatureRow{
				Signature: e.signature, counter: c, place: i, at: c.moment(e.signature.At),
			})
		}
	}
	if len(b.requests) > 0 {
		if err := t.request(ctx, b.requests); err != nil {
			return err
		}
	}
	// Signatures first: whether the reason that came with one becomes a comment depends on whether the address was new.
	if err := b.sign(ctx, t); err != nil {
		return err
	}
	return b.comment(ctx, t)
}

// sign inserts signatures, counts those whose address is new, and keeps their comments for later.
func (b *batch) sign(ctx context.Context, t tx) error {
	if len(b.signatures) == 0 {
		return nil
	}
	if err := t.sign(ctx, b.signatures, b.known); err != nil {
		return err
	}
	// An address that had signed before is answered like a new one, and nothing of it is counted or written.
	b.signatures = slices.DeleteFunc(b.signatures, func(s *signatureRow) bool { return !s.fresh })
	for _, s := range b.signatures {
		if s.Waiting != nil {
			s.counter.wait(1)
			continue
		}
		b.outcomes[s.place].receipt.Number = s.number
		b.counted = append(b.counted, s)
		s.counter.count(s.at, s.Country, s.ShowName)
		if s.Comment != nil {
			// No caller waits for its number: the receipt is that of the signature.
			b.comments = append(b.comments, &commentRow{Comment: s.Comment, counter: s.counter, place: -1})
		}
	}
	return nil
}

// comment numbers comments and inserts them.
func (b *batch) comment(ctx context.Context, t tx) error {
	if len(b.comments) == 0 {
		return nil
	}
	for _, r := range b.comments {
		r.at = r.counter.moment(r.At)
		r.counter.comment(r)
		if r.place >= 0 {
			b.outcomes[r.place].receipt.Number = r.number
		}
	}
	return t.insertComments(ctx, b.comments)
}

// move writes each key, counter and sum once, however many signatures moved it.
func (b *batch) move(ctx context.Context, t tx) error {
	var counters, summed []*counter
	var due []uuid.UUID // petitions with signatures of earlier batches that are summed up now
	// In the order of the locks, so that the same batch writes its rows in the same order each time it runs.
	for _, id := range b.petitions {
		c := b.counters[id]
		if c == nil || !c.moved {
			continue
		}
		counters = append(counters, c)
		// Comments leave the version as it is: it belongs to the count alone, and clients compare it.
		if !c.counted() {
			continue
		}
		c.version++
		c.asOf = c.at
		b.lastHour[id] += c.added(timespan.Hour.Ago(b.now))
		if c.leave(b.unsummed) {
			continue
		}
		summed = append(summed, c)
		if c.unsummedTo > c.unsummedAfter {
			due = append(due, id)
		}
		c.unsummedAfter, c.unsummedTo = c.issued, c.issued
	}
	// Before the counters, which say what is left.
	if err := t.sumUp(ctx, due); err != nil {
		return err
	}
	if err := t.move(ctx, moved{b.keys, b.counted, counters, summed}); err != nil {
		return err
	}
	return t.moveReplies(ctx, counters)
}

// answer hands the outcomes to the callers' entries, after the commit.
func (b *batch) answer() {
	for i, e := range b.entries {
		o := b.outcomes[i]
		if o.sameAs >= 0 {
			o = b.outcomes[o.sameAs] // the same answer, but nothing new was written for this one
			o.receipt.Number = 0
			if err := e.key.Check(*b.entries[b.outcomes[i].sameAs].key); err != nil {
				o.err = err
			}
		}
		e.receipt, e.err = o.receipt, o.err
		// An error has no receipt, whatever was noted before it was refused.
		if o.err != nil {
			e.receipt = Receipt{}
		}
	}
}

// values are what became of the counters that moved. Of counts and comments each says what has moved alone.
func (b *batch) values() []figures.Value {
	var out []figures.Value
	for _, id := range b.petitions {
		c := b.counters[id]
		// How many wait for their mailbox is nothing to tell.
		if c == nil || !c.counted() && !c.commented && !c.doubted {
			continue
		}
		// What did not move is left out, so that those who watch it are not woken.
		value := figures.Value{Petition: id}
		if c.counted() || c.doubted {
			value = c.counts(b.lastHour[id])
		}
		if c.commented {
			value.Comment = c.commentsIssued
		}
		out = append(out, value)
	}
	return out
}
