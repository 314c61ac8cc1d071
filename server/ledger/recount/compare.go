package recount

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/google/uuid"

	"petitiond/server/database"
	"petitiond/server/figures"
	"petitiond/server/ledger"
	"petitiond/server/timespan"
)

// compare finds the petitions of a step whose figures differ, and corrects them. It looks without a lock, in one
// snapshot, in which every transaction is whole. It counts those of which it has left something ahead.
func (r *Recounter) compare(
	ctx context.Context, step []uuid.UUID, redates bool,
) (corrected []Difference, left int, err error) {
	var stored, counted map[uuid.UUID]*tally
	// One time for the whole step: what lies ahead of it must be the same in all of its statements.
	now := r.opt.Now()
	err = r.db.Snapshot(ctx, func(tx *sql.Tx) (err error) {
		stored, counted, err = r.measure(ctx, tx, step, now, redates)
		return err
	})
	if err != nil {
		return nil, 0, fmt.Errorf("recounting: %w", err)
	}
	var faults []error
	for _, petition := range step {
		s := stored[petition]
		if s != nil && s.leftAhead {
			left++
		}
		// What was seen without a lock may be a difference that was corrected since: correct looks again.
		if s == nil || len(s.differences(petition, counted[petition])) == 0 {
			continue
		}
		// One petition at a time, each in its own transaction: the lock of a counter keeps its signatures waiting.
		differences, err := r.correct(ctx, petition, redates)
		corrected = append(corrected, differences...)
		if err != nil {
			faults = append(faults, err)
		}
	}
	return corrected, left, errors.Join(faults...)
}

// measure reads the figures of petitions as they are stored and as the rows have them.
func (r *Recounter) measure(
	ctx context.Context, q ledger.Querier, petitions []uuid.UUID, now time.Time, redates bool,
) (stored, counted map[uuid.UUID]*tally, err error) {
	c := &census{
		q: q, dialect: r.db.Dialect, petitions: petitions, now: now, redates: redates,
		stored: map[uuid.UUID]*tally{}, counted: map[uuid.UUID]*tally{},
	}
	// A petition without a counter is in neither map: nothing of it is shown, so that there is nothing to compare.
	if err := c.take(ctx); err != nil {
		return nil, nil, err
	}
	// Minutes that a right clock would not have folded yet are unfolded, which only makes sense where dates are
	// corrected.
	unfolds := int64(math.MaxInt64)
	if redates {
		unfolds = timespan.Hour.Start(timespan.MinuteOf(database.Latest(now).Add(-r.opt.KeepMinutes)))
	}
	for petition, s := range c.stored {
		align(s, c.counted[petition], unfolds)
	}
	return c.stored, c.counted, nil
}

// correct measures a petition again under its lock, while nothing moves, and writes what the rows say. Other
// signatures of the petition wait meanwhile, for a second or so for each million. What another recount has
// corrected before is right by then.
func (r *Recounter) correct(ctx context.Context, petition uuid.UUID, redates bool) (differences []Difference, err error) {
	var value figures.Value
	err = database.InTx(ctx, r.db.Write, func(tx *sql.Tx) error {
		// By the same lock as every batch, so that the figures cannot move between measuring and writing.
		locked, err := ledger.Lock(ctx, tx, r.db.Dialect, petition)
		if err != nil {
			return err
		}
		// Behind the lock: the wait for it may have been long.
		if err := r.db.Clock.Check(); err != nil {
			return err
		}
		now := r.opt.Now()
		// What is corrected are sums, so that nothing may be left out of them.
		if err := locked.SumUp(ctx, tx); err != nil {
			return err
		}
		stored, counted, err := r.measure(ctx, tx, []uuid.UUID{petition}, now, redates)
		if err != nil {
			return err
		}
		if differences = stored[petition].differences(petition, counted[petition]); len(differences) == 0 {
			return nil
		}
		// Published below, after the commit, like the values of any batch.
		value, err = correction{tx, petition, locked, now}.write(ctx, stored[petition], counted[petition])
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("correcting the figures of a petition: %w", err)
	}
	for _, d := range differences {
		r.opt.Logger.Error("ledger: a figure was wrong and is mended", "petition", d.Petition, "figure", d.Figure,
			"stored", d.Stored, "counted", d.Counted)
	}
	if len(differences) > 0 {
		r.opt.Observer.Committed(value)
	}
	return differences, nil
}
