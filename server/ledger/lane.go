package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"petitiond/server/database"
)

// entry is one call on its way through a lane: a signature or a comment.
type entry struct {
	signature *Signature
	comment   *Comment
	petition  uuid.UUID
	key       *Key

	receipt Receipt
	err     error
	done    chan struct{} // closed when receipt and err are final
}

// lane writes its entries one batch after another.
type lane struct {
	ledger *Ledger
	queue  chan *entry
}

func (n *lane) run() {
	batch := make([]*entry, 0, n.ledger.opt.MaxBatch)
	for e := range n.queue {
		batch = n.gather(append(batch[:0], e))
		n.write(batch)
		for _, e := range batch {
			close(e.done)
		}
	}
}

// gather adds what has arrived meanwhile: the previous commit was the wait, so an idle lane writes a lone
// entry at once.
func (n *lane) gather(batch []*entry) []*entry {
	for len(batch) < n.ledger.opt.MaxBatch {
		select {
		case e, ok := <-n.queue:
			if !ok {
				return batch
			}
			batch = append(batch, e)
		default:
			return batch
		}
	}
	return batch
}

// write settles a batch as one transaction. A batch that fails by its content is written again one by one,
// so that a bad row harms only its sender.
func (n *lane) write(batch []*entry) {
	err := n.commit(batch)
	if err == nil {
		return
	}
	away := errors.Is(err, ErrUnavailable) || errors.Is(err, ErrOutcomeUnknown)
	if len(batch) == 1 || away {
		for _, e := range batch {
			e.receipt, e.err = Receipt{}, err
		}
		return
	}
	for i := range batch {
		n.write(batch[i : i+1])
	}
}

// commit runs the batch's transaction until its outcome is known, at most for the ledger's patience.
//
// Running it again is harmless, also after a COMMIT that was never answered: the next run waits for the
// counter rows, which the lost transaction holds until it has ended one way or the other, and then finds its
// own rows by their ids.
func (n *lane) commit(batch []*entry) error {
	l := n.ledger
	ctx, cancel := context.WithTimeout(context.Background(), l.opt.Patience)
	defer cancel()
	b, maybe := newBatch(batch), false
	for wait := 5 * time.Millisecond; ; wait = min(2*wait, 250*time.Millisecond) {
		err := n.try(ctx, b)
		if err == nil {
			b.answer()
			l.opt.Committed(b.changes())
			return nil
		}
		maybe = maybe || errors.Is(err, database.ErrOutcomeUnknown)
		again := errors.Is(err, database.ErrOutcomeUnknown) || database.IsRetryable(err) || database.IsConnectionLost(err)
		if ctx.Err() == nil && !again && !maybe {
			return err
		}
		select {
		case <-time.After(wait):
			continue
		case <-ctx.Done():
		}
		l.opt.Logger.Error("ledger: gave a batch up", "entries", len(batch), "outcome_unknown", maybe)
		if maybe {
			return ErrOutcomeUnknown
		}
		return ErrUnavailable
	}
}

// try runs the transaction once. A panic in it becomes an error, since callers wait for an answer.
func (n *lane) try(ctx context.Context, b *batch) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("ledger: panic while writing a batch: %T", p)
		}
	}()
	return n.ledger.store.inTx(ctx, func(t tx) error {
		return b.settle(ctx, t, n.ledger.opt.Now())
	})
}
