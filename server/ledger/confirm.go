package ledger

import (
	"bytes"
	"context"
	"slices"

	"github.com/google/uuid"

	"petitiond/server/idempotency"
	"petitiond/server/outbox"
)

// A signature may wait for its mailbox: then it stands among the others without a number, keeps its address from
// signing again, and counts for nothing. It is confirmed or withdrawn in the same transactions in which others sign,
// under the same lock. Both may be repeated: a confirmation is answered with the number that was given by the first
// one, and of what is gone there is nothing to withdraw. So they need no key, and a run whose COMMIT was lost may be
// run again.

// Request is what somebody asks to be done about a petition later: its entry of the outbox is written if the petition
// accepts signatures, whatever else is known of who asks.
type Request struct {
	Petition uuid.UUID
	Late     bool // it is written in any case
	Entry    outbox.Row
	Key      *idempotency.Key
}

// Waiting is what a signature has that waits for its mailbox. Whether the petition accepts it was decided before, when
// it was asked for: see Request.
type Waiting struct {
	Token, Code []byte // digests by which those find it who come from a mail
	Reason      []byte // sealed: see Confirmation; nil: none
}

// Confirmation says that the mailbox of a signature has confirmed it. Both of the rest are written if the signature
// counts by this: Comment, its reason, opened by those who have the key, if it has a reason still, and with the author
// if the name is public; and Entry.
type Confirmation struct {
	Signature, Petition uuid.UUID
	Comment             *Comment
	Entry               *outbox.Row // nil: none
}

// Withdrawal erases a signature, and the text and the author of its comment, which stays for those who have replied.
type Withdrawal struct {
	Signature, Petition uuid.UUID
	Signatory           []byte // of its comment, see Comment; nil: it has none
	OnlyWaiting         bool   // leave it if it counts by now
}

// Erased is the text of a comment that was taken back, and Unsay takes it back, of the signatories whom the rest of the
// statement names by $1.
const (
	Erased = "—"
	Unsay  = `UPDATE comments SET body = '` + Erased + `', author_name = NULL, from_signatory = false, signatory = NULL,
 edited_at = $2 WHERE signatory `
)

// Ask writes a request and returns when that is durable.
func (l *Ledger) Ask(ctx context.Context, r Request) error {
	_, err := l.submit(ctx, &entry{request: &r, petition: r.Petition, key: r.Key})
	return err
}

// Confirm counts a signature that waits, with the next number of its petition, and returns when that is durable. A
// signature that counts already is answered with its number, also after the end of the petition.
func (l *Ledger) Confirm(ctx context.Context, c Confirmation) (Receipt, error) {
	return l.submit(ctx, &entry{confirmation: &c, petition: c.Petition})
}

// Withdraw erases a signature, in whatever state it and its petition are, and returns when that is durable. It is no
// error if there is none any more. The address may sign again.
func (l *Ledger) Withdraw(ctx context.Context, w Withdrawal) error {
	_, err := l.submit(ctx, &entry{withdrawal: &w, petition: w.Petition})
	return err
}

// changed is the signature that the entry confirms or withdraws, if it does.
func (e *entry) changed() (uuid.UUID, bool) {
	switch {
	case e.confirmation != nil:
		return e.confirmation.Signature, true
	case e.withdrawal != nil:
		return e.withdrawal.Signature, true
	}
	return uuid.UUID{}, false
}

// change confirms and withdraws, in the order of the entries.
func (b *batch) change(ctx context.Context, t tx) error {
	rows, err := b.find(ctx, t)
	if err != nil || len(rows) == 0 {
		return err
	}
	// What the rows ask of the database is asked for all of them at once, before the first one is decided.
	if err := b.prepare(ctx, t, rows); err != nil {
		return err
	}
	for i, e := range b.entries {
		switch o := &b.outcomes[i]; {
		case rows[i] == nil:
		case e.confirmation != nil:
			o.receipt.Number, o.err = b.confirm(rows[i], e.confirmation)
		case rows[i].goesBy(e.withdrawal):
			b.withdraw(rows[i], e.withdrawal.Signatory)
		}
	}
	return b.writeChanges(ctx, t, rows)
}

// find returns the signatures that are confirmed or withdrawn, by the places of the entries.
func (b *batch) find(ctx context.Context, t tx) (map[int]*stored, error) {
	var ids []uuid.UUID
	for i, e := range b.entries {
		if id, ok := e.changed(); ok && !b.outcomes[i].done {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	found, err := t.find(ctx, ids)
	if err != nil {
		return nil, err
	}
	rows := make(map[int]*stored, len(ids))
	for i, e := range b.entries {
		id, ok := e.changed()
		if !ok || b.outcomes[i].done {
			continue
		}
		c := b.counters[e.petition]
		// A lost run may have moved these counts before this one, which then finds nothing to do and would tell nobody.
		c.doubted = c.doubted || b.unsure
		if s := found[id]; s != nil && s.petition == e.petition {
			s.counter, rows[i] = c, s
		} else if e.confirmation != nil {
			b.outcomes[i].err = ErrGone
		}
	}
	return rows, nil
}

// prepare reads and writes what has to be there before signatures change.
func (b *batch) prepare(ctx context.Context, t tx, rows map[int]*stored) error {
	var ended, due []uuid.UUID
	for i, e := range b.entries {
		s := rows[i]
		switch {
		case s == nil:
		case e.confirmation != nil && !s.counter.accepting && s.state == stateWaiting:
			ended = append(ended, s.petition)
		// What is in no sum yet is found by its row, which goes.
		case s.goesBy(e.withdrawal) && s.state == stateCounted && s.counter.unsummedTo > s.counter.unsummedAfter:
			due = append(due, s.petition)
			s.counter.unsummedAfter = s.counter.unsummedTo
		}
	}
	if len(ended) > 0 {
		closings, err := t.closings(ctx, ended)
		if err != nil {
			return err
		}
		for petition, at := range closings {
			b.counters[petition].closed = &at
		}
	}
	return t.sumUp(ctx, due)
}

// goesBy reports whether a withdrawal is one of this signature. One that was confirmed in the same batch counts.
func (s *stored) goesBy(w *Withdrawal) bool {
	return w != nil && !s.erased && (!w.OnlyWaiting || s.state == stateWaiting)
}

// confirm counts a signature, at the time and for the country of its signing, and returns its number.
func (b *batch) confirm(s *stored, by *Confirmation) (number int, err error) {
	c := s.counter
	switch {
	case s.erased || s.state != stateWaiting && s.state != stateCounted:
		return 0, ErrGone
	case s.state == stateCounted:
		return s.number, nil
	case !c.confirms(s.signed):
		return 0, ErrClosed
	}
	// Its number is given now: those of signatures that are never confirmed would be gaps.
	s.number, s.state, s.confirmed = c.next(), stateCounted, true
	c.wait(-1)
	c.count(s.signed, s.country, s.named)
	if by.Comment != nil && s.reasoned {
		said := *by.Comment
		if !s.named {
			said.Author = nil
		}
		b.comments = append(b.comments, &commentRow{Comment: &said, counter: c, place: -1})
	}
	if by.Entry != nil {
		b.requests = append(b.requests, *by.Entry)
	}
	return s.number, nil
}

// withdraw takes a signature back. One that is in neither state counts for nothing already.
func (b *batch) withdraw(s *stored, signatory []byte) {
	if signatory != nil {
		b.unsaid = append(b.unsaid, signatory)
		b.comments = slices.DeleteFunc(b.comments, func(r *commentRow) bool { return bytes.Equal(r.Signatory, signatory) })
	}
	switch s.erased = true; s.state {
	case stateCounted:
		s.counter.take(s)
		s.counter.commented = s.counter.commented || signatory != nil
	case stateWaiting:
		s.counter.wait(-1)
	}
	delete(b.known, string(s.digest)) // it may sign again
}

// writeChanges writes what has become of signatures, and makes trends of their rows where that is needed.
func (b *batch) writeChanges(ctx context.Context, t tx, rows map[int]*stored) error {
	var confirmed []*stored
	var erased, untrended []uuid.UUID
	written := map[*stored]bool{}
	for i := range b.entries { // in their order, so that the same batch writes its rows in the same order each time
		s := rows[i]
		if s == nil || written[s] {
			continue
		}
		written[s] = true
		switch {
		case s.erased:
			erased = append(erased, s.id)
		case s.confirmed:
			confirmed = append(confirmed, s)
		}
		if c := s.counter; c.taken && (c.untrended || c.total <= trendOfRows) && !slices.Contains(untrended, c.petition) {
			untrended = append(untrended, c.petition)
		}
	}
	if len(erased) > 0 {
		if err := t.erase(ctx, erased, b.unsaid, b.now); err != nil {
			return err
		}
	}
	if len(confirmed) > 0 {
		if err := t.confirm(ctx, confirmed); err != nil {
			return err
		}
	}
	return b.trend(ctx, t, untrended)
}

// trendOfRows is of how many signatures a trend is computed again. It is cheap, and exact for a petition that has no
// more; a difference would become worse with each signature that is taken away from it. Where there are more, the older
// ones are missing until the next recount.
const trendOfRows = 1000

// trend makes the trends of petitions of the rows that are there by now.
func (b *batch) trend(ctx context.Context, t tx, petitions []uuid.UUID) error {
	if len(petitions) == 0 {
		return nil
	}
	times, err := t.newest(ctx, petitions, trendOfRows)
	for _, petition := range petitions {
		c := b.counters[petition]
		// 0 stands for no signature, of which there may be none left.
		c.trending = 0
		for _, at := range times[petition] {
			c.trending = AddTrend(c.trending, at, 1)
		}
	}
	return err
}
