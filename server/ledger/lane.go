package ledger

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"petitiond/server/database"
	"petitiond/server/idempotency"
	"petitiond/server/ledger/queue"
)

// entry is one call on its way through a lane: a signature, a comment, what is to become of a signature, or a
// request.
type entry struct {
	signature    *Signature
	comment      *Comment
	confirmation *Confirmation
	withdrawal   *Withdrawal
	request      *Request
	petition     uuid.UUID
	key          *idempotency.Key

	unhurried bool // see Unhurried

	claimed atomic.Bool // by the lane that writes it, or by the caller who no longer waits for it
	receipt Receipt
	err     error
	done    chan struct{} // closed when receipt and err are final
}

// answer is what the entry's caller is told, and everyone who repeats the call with its key: a comment that was sent by
// itself is answered with its own id, everything about a signature, also one with a comment, with its petition.
func (e *entry) answer() uuid.UUID {
	if e.comment != nil {
		return e.comment.ID
	}
	return e.petition
}

// Of returns the petition of which the entry is.
func (e *entry) Of() uuid.UUID { return e.petition }

// claim decides what becomes of an entry, and reports whether nobody has done so before.
func (e *entry) claim() bool { return e.claimed.CompareAndSwap(false, true) }

// fail settles an entry that was not written.
func (e *entry) fail(err error) {
	e.receipt, e.err = Receipt{}, err
}

// lane writes one batch after another. It has a goroutine of its own, and with it one transaction at a time: on
// PostgreSQL there are as many lanes as connections, on SQLite one.
type lane struct {
	ledger *Ledger
	queue  *queue.Lane[*entry]
	wary   bool // there were repeated keys in the last batch, so that there may be some in the next
}

// run writes what arrived during one commit as the next batch. That commit was the wait, so an idle lane
// writes a lone entry at once.
func (l *lane) run() {
	batch, claimed := make([]*entry, 0, l.ledger.opt.MaxBatch), make([]*entry, 0, l.ledger.opt.MaxBatch)
	for {
		batch = l.queue.Take(batch[:0], l.ledger.opt.MaxBatch)
		if len(batch) == 0 {
			return
		}
		// Those who have left the queue were told that nothing was written.
		claimed = append(claimed[:0], batch...)
		// Batch still has them, since their petitions are the lane's until it is done.
		claimed = slices.DeleteFunc(claimed, func(e *entry) bool { return !e.claim() })
		var away error
		if len(claimed) > 0 {
			away = l.write(claimed)
		}
		if away != nil {
			l.refuse(batch, away) // before anybody is answered: those who ask after that are not among those who queued up
		} else {
			l.queue.Done(batch)
		}
		for _, e := range claimed {
			close(e.done)
		}
		clear(batch)
		clear(claimed)
	}
}

// refuse ends a batch that was given up and answers what queued up behind it, so that nobody waits for one patience
// after another. Of these nothing was sent, whatever became of the batch.
func (l *lane) refuse(batch []*entry, cause error) {
	if given, ok := errors.AsType[*givenUp](cause); ok {
		cause = given.cause
	}
	for _, e := range l.queue.GiveUp(batch) {
		e.fail(fmt.Errorf("%w: %w", ErrUnavailable, cause))
		close(e.done)
	}
}

// write settles a batch as one transaction, and returns an error if it was given up because the database was away.
func (l *lane) write(batch []*entry) (away error) {
	ctx, cancel := l.patience(batch)
	defer cancel()
	return l.settle(ctx, batch)
}

// settle writes a batch that fails by its content as two halves, and these as theirs, until the bad row is
// alone: it harms only its sender, at the price of some twenty transactions.
func (l *lane) settle(ctx context.Context, batch []*entry) (away error) {
	err := l.commit(ctx, newBatch(batch, l.ledger.opt.Unsummed))
	if err != nil && len(batch) > 1 && !isAway(err) {
		// The halves keep the order of the batch.
		half := len(batch) / 2
		away = l.settle(ctx, batch[:half])
		return cmp.Or(l.settle(ctx, batch[half:]), away)
	}
	if err != nil {
		for _, e := range batch {
			e.fail(err)
		}
	}
	if isAway(err) {
		return err
	}
	return nil
}

// refusedFor is how long a batch is tried that the database refuses. What it lacks does not come back soon, and those
// who wait should learn of it while they wait.
const refusedFor = 500 * time.Millisecond

// patience is how long a batch is tried. It does not end with those who asked: their rows may be written although they
// have gone, and the next batch waits behind this one either way.
func (l *lane) patience(batch []*entry) (context.Context, context.CancelFunc) {
	patience := l.ledger.opt.Patience
	if !slices.ContainsFunc(batch, func(e *entry) bool { return !e.unhurried }) {
		patience = max(patience, unhurriedFor)
	}
	return context.WithTimeout(context.Background(), patience)
}

// unhurriedFor is how long a batch is tried if nobody waits for it who is in a hurry. It ends all the same, so that a
// program which cannot reach its database can stop.
const unhurriedFor = time.Minute

type unhurriedKey struct{}

// Unhurried returns a context for writes that may take longer than people wait, such as those of an import.
func Unhurried(ctx context.Context) context.Context {
	return context.WithValue(ctx, unhurriedKey{}, true)
}

// isAway reports whether the database could not be asked. A batch that failed so is not halved: its rows are not to
// blame.
func isAway(err error) bool {
	return errors.Is(err, ErrUnavailable) || errors.Is(err, ErrOutcomeUnknown)
}

// commit runs the batch's transaction until its outcome is known, at most until ctx ends. What the database itself
// refuses for lack of room is tried for a moment only. Once a COMMIT was not answered there is one patience more to
// learn what became of it.
//
// Running it again is harmless: see batch.resolve.
func (l *lane) commit(ctx context.Context, b *batch) error {
	var last error
	b.wary = l.wary
	defer func() { l.wary = len(b.kept) > 0 }()
	asking, refused := false, false
	// Short at first, since most of what passes is over at once, and then longer, for a database that is away.
	for wait := 5 * time.Millisecond; ; wait = min(2*wait, 250*time.Millisecond) {
		err := l.try(ctx, b)
		for errors.Is(err, errKeyTaken) && ctx.Err() == nil {
			b.wary = true
			err = l.try(ctx, b) // which finds the key: the transaction that has stored it is committed
		}
		if err == nil || errors.Is(err, errWritten) {
			l.ledger.db.Failed.Worked(ctx, l.ledger.opt.Logger)
			b.answer()
			l.ledger.opt.Observer.Committed(b.values()...)
			return nil
		}
		if !b.lost && ctx.Err() == nil && !database.IsPassing(err) {
			return err
		}
		if last == nil || ctx.Err() == nil { // an attempt that was cut short does not tell what the trouble is
			last = err
		}
		switch {
		// Also where a COMMIT was refused by a disk that is broken or full: it answers at once, and goes on refusing.
		case !refused && database.IsRefused(err):
			refused = true
			var cancel context.CancelFunc
			if b.lost { // what became of it is asked even if the patience is over
				ctx = context.WithoutCancel(ctx)
			}
			ctx, cancel = context.WithTimeout(ctx, refusedFor)
			defer cancel()
		case b.lost && !asking && !refused:
			asking = true
			var cancel context.CancelFunc
			ctx, cancel = l.patience(b.entries)
			defer cancel()
		}
		// Others wait in the queue meanwhile: that is the push back which a database in trouble needs.
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return l.giveUp(b, last)
		}
	}
}

// giveUp answers for a batch that was tried long enough, and in vain because of last. Where its COMMIT was lost, others
// may be shown responses of before it, which the observer must forget. Those who wait for the rows count them as
// failed; the log is told here, since some may have stopped waiting.
func (l *lane) giveUp(b *batch, last error) error {
	l.ledger.db.Failed.Log(context.Background(), l.ledger.opt.Logger, last)
	if b.lost {
		l.ledger.opt.Observer.Doubtful()
		return &givenUp{ErrOutcomeUnknown, last}
	}
	return &givenUp{ErrUnavailable, last}
}

// givenUp is what became of a batch that was given up, and why.
type givenUp struct{ outcome, cause error }

// Error returns both.
func (g *givenUp) Error() string { return g.outcome.Error() + ": " + g.cause.Error() }

// Unwrap returns both.
func (g *givenUp) Unwrap() []error { return []error{g.outcome, g.cause} }

// try runs the transaction once. A panic in it becomes an error, since callers wait for an answer.
func (l *lane) try(ctx context.Context, b *batch) (err error) {
	defer func() {
		if p := recover(); p != nil { // its value may quote a row, its type and the stack do not
			l.ledger.opt.Logger.Error("ledger: panic", "type", fmt.Sprintf("%T", p), "stack", string(debug.Stack()))
			err = fmt.Errorf("ledger: panic while writing a batch: %T", p)
		}
	}()
	err = l.ledger.store.inTx(ctx, func(ctx context.Context, t tx) error {
		return b.settle(ctx, t, l.ledger.now)
	})
	b.lost = b.lost || errors.Is(err, database.ErrOutcomeUnknown)
	return err
}
