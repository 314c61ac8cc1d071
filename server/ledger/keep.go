package ledger

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/google/uuid"

	"petitiond/server/ledger/sums"
	"petitiond/server/timespan"
)

// Keep does what nobody asks for until ctx ends: it sums up signatures that are in no sum yet every few seconds, and
// folds aged minutes every hour.
func (l *Ledger) Keep(ctx context.Context) error {
	fold, sum := time.NewTicker(time.Hour), time.NewTicker(l.opt.SumUp)
	defer fold.Stop()
	defer sum.Stop()
	l.task(ctx, "fold minutes", l.Fold)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-fold.C:
			l.task(ctx, "fold minutes", l.Fold)
		case <-sum.C:
			l.task(ctx, "sum up signatures", l.SumUp)
		}
	}
}

// task does not start while nobody knows the time, since nothing may be written then; the Clock logs it.
func (l *Ledger) task(ctx context.Context, name string, do func(context.Context) error) {
	if l.db.Clock.Check() != nil {
		return
	}
	l.failing.Do(ctx, l.opt.Logger, name, 0, do)
}

// SumUp sums up the signatures that are in no sum yet.
func (l *Ledger) SumUp(ctx context.Context) error { return sums.SumUpAll(ctx, l.db) }

// Fold turns minutes that have aged into hours.
func (l *Ledger) Fold(ctx context.Context) error {
	aged := timespan.Hour.Start(timespan.MinuteOf(l.opt.Now().Add(-l.opt.KeepMinutes)))
	return sums.Fold(ctx, l.db, aged, func(ctx context.Context, tx *sql.Tx, petition uuid.UUID) error {
		_, err := Lock(ctx, tx, l.db.Dialect, petition)
		if errors.Is(err, ErrNotFound) {
			return nil
		}
		return err
	})
}
