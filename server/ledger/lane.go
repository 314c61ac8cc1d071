package ledger

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/google/uuid"

	"petitiond/server/database"
	"petitiond/server/idempotency"
)

// entry is one call on its way through a lane: a signature or a comment.
type entry struct {
	signature *Signature
	comment   *Comment
	petition  uuid.UUID
	key       *idempotency.Key

	receipt Receipt
	err     error
	done    chan struct{} // closed when receipt and err are final
}

func (e *entry) fail(err error) {
	e.receipt, e.err = Receipt{}, err
}

// lane writes its entries one batch after another.
type lane struct {
	ledger *Ledger
	queue  *queue
}

// run writes what arrived during one commit as the next batch. That commit was the wait, so an idle lane
// writes a lone entry at once.
func (n *lane) run() {
	batch := make([]*entry, 0, n.ledger.opt.MaxBatch)
	for {
		batch = n.queue.take(batch[:0], n.ledger.opt.MaxBatch)
		if len(batch) == 0 {
			return
		}
		if n.write(batch) {
			n.refuse() // before anybody is answered: who asks after that is not one of those who queued up
		}
		for _, e := range batch {
			close(e.done)
		}
		clear(batch)
	}
}

// refuse answers what queued up behind a batch that was given up, so that nobody waits for one patience after
// another.
func (n *lane) refuse() {
	for _, e := range n.queue.drain() {
		e.fail(ErrUnavailable)
		close(e.done)
	}
}

// write settles a batch as one transaction, and says whether it was given up because the database was away.
func (n *lane) write(batch []*entry) (away bool) {
	ctx, cancel := n.patience()
	defer cancel()
	return n.settle(ctx, batch)
}

// settle writes a batch that fails by its content as two halves, and these as theirs, until the bad row is
// alone: it harms only its sender, at the price of some twenty transactions.
func (n *lane) settle(ctx context.Context, batch []*entry) (away bool) {
	err := n.commit(ctx, newBatch(batch))
	if err == nil {
		return false
	}
	if len(batch) == 1 || isAway(err) {
		for _, e := range batch {
			e.fail(err)
		}
		return isAway(err)
	}
	half := len(batch) / 2
	away = n.settle(ctx, batch[:half])
	return n.settle(ctx, batch[half:]) || away
}

// refusedFor is how long a batch is tried that the database refuses. What it lacks does not come back soon, and those
// who wait should hear of it while they wait.
const refusedFor = 500 * time.Millisecond

func (n *lane) patience() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), n.ledger.opt.Patience)
}

func isAway(err error) bool {
	return errors.Is(err, ErrUnavailable) || errors.Is(err, ErrOutcomeUnknown)
}

// commit runs the batch's transaction until its outcome is known, at most until ctx ends. What the database itself
// refuses for lack of room is tried for a moment only. Once a COMMIT was not answered there is one patience more to
// learn what became of it.
//
// Running it again is harmless: see batch.resolve.
func (n *lane) commit(ctx context.Context, b *batch) error {
	asking, refused := false, false
	for wait := 5 * time.Millisecond; ; wait = min(2*wait, 250*time.Millisecond) {
		err := n.try(ctx, b)
		if err == nil || errors.Is(err, errWritten) {
			b.answer()
			n.ledger.opt.Observer.Committed(b.values()...)
			return nil
		}
		if !b.lost && ctx.Err() == nil && !database.IsPassing(err) {
			return err
		}
		switch {
		case b.lost && !asking:
			asking = true
			var cancel context.CancelFunc
			ctx, cancel = n.patience()
			defer cancel()
		case !b.lost && !refused && database.IsRefused(err):
			refused = true
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, refusedFor)
			defer cancel()
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return n.giveUp(b)
		}
	}
}

func (n *lane) giveUp(b *batch) error {
	n.ledger.opt.Logger.Error("ledger: gave a batch up", "entries", len(b.entries), "outcome_unknown", b.lost)
	if b.lost {
		n.ledger.opt.Observer.Doubtful()
		return ErrOutcomeUnknown
	}
	return ErrUnavailable
}

// try runs the transaction once. A panic in it becomes an error, since callers wait for an answer.
func (n *lane) try(ctx context.Context, b *batch) (err error) {
	defer func() {
		if p := recover(); p != nil { // its value may quote a row, its type and the stack do not
			n.ledger.opt.Logger.Error("ledger: panic", "type", fmt.Sprintf("%T", p), "stack", string(debug.Stack()))
			err = fmt.Errorf("ledger: panic while writing a batch: %T", p)
		}
	}()
	err = n.ledger.store.inTx(ctx, func(ctx context.Context, t tx) error {
		return b.settle(ctx, t, n.ledger.now)
	})
	b.lost = b.lost || errors.Is(err, database.ErrOutcomeUnknown)
	return err
}
