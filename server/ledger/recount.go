package ledger

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
	"petitiond/server/timespan"
)

const (
	recountPetitions = 100    // that one step compares at most
	recountRows      = 20_000 // that one step, or one statement of a step on a large petition, reads at most
	recountRest      = 4      // times as long as it worked does a recount by Keep rest after each step
)

// Difference is a figure that was not what the rows say.
type Difference struct {
	Petition        uuid.UUID
	Figure          string
	Stored, Counted int
}

// Recount compares every figure of every petition with the rows once, and mends what differs. It returns what it
// has mended. A petition that cannot be compared keeps the others from nothing: the errors come joined. What a wrong
// clock has dated ahead is dated anew: those who ask for it know that the clock is right.
func (l *Ledger) Recount(ctx context.Context) ([]Difference, error) {
	return l.recount(ctx, true, func(time.Duration) {})
}

// Keep does what nobody asks for until ctx ends: it recounts every ten minutes, in steps between which it
// rests, and folds aged minutes every hour. It dates anew only where two clocks agree.
func (l *Ledger) Keep(ctx context.Context) error {
	recount, fold, sum := time.NewTicker(l.opt.Every), time.NewTicker(time.Hour), time.NewTicker(l.opt.SumUp)
	defer recount.Stop()
	defer fold.Stop()
	defer sum.Stop()
	l.task(ctx, l.Fold)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-fold.C:
			l.task(ctx, l.Fold)
		case <-sum.C:
			l.task(ctx, l.SumUp)
		case <-recount.C:
			l.task(ctx, l.recountGently)
		}
	}
}

// task leaves out what nobody may write, since nobody knows the time; the Clock tells of it.
func (l *Ledger) task(ctx context.Context, do func(context.Context) error) {
	if l.db.Clock.Check() != nil {
		return
	}
	if err := do(ctx); err != nil && ctx.Err() == nil {
		l.opt.Logger.Error("ledger: upkeep failed and is tried again in its turn", "error", err)
	}
}

// recountGently is the recount of Keep: it rests longer than it works, so that clients hardly notice it, and reports
// what it found.
func (l *Ledger) recountGently(ctx context.Context) error {
	found, err := l.recount(ctx, l.db.Clock.Confirmed(), func(worked time.Duration) {
		select {
		case <-time.After(recountRest * worked):
		case <-ctx.Done():
		}
	})
	l.opt.Observer.Recounted(found)
	return err
}

// recount goes through the petitions in steps of about the same size. Where it may not date anew, it logs that
// something lies ahead.
func (l *Ledger) recount(ctx context.Context, redates bool, rest func(time.Duration)) (found []Difference, err error) {
	var faults []error
	ahead := 0
	defer func() {
		if ahead > 0 {
			l.opt.Logger.Warn(database.DatesAhead, "petitionsWithSuchRows", ahead)
		}
	}()
	for last := uuid.Nil; ; {
		// Before each step: a recount of a large site takes minutes, in which the clock may go wrong.
		if err := l.db.Clock.Check(); err != nil {
			return found, errors.Join(append(faults, fmt.Errorf("recounting: %w", err))...)
		}
		step, err := l.step(ctx, last)
		if err != nil || len(step) == 0 {
			return found, errors.Join(append(faults, err)...)
		}
		last = step[len(step)-1]
		began := time.Now() //nolint:forbidigo // a length is measured, by the monotonic clock
		differences, left, err := l.compare(ctx, step, redates)
		// Also where a part of the step failed: what was mended stays mended, and is reported.
		found, ahead = append(found, differences...), ahead+left
		if err != nil {
			faults = append(faults, err)
		}
		rest(time.Since(began))
	}
}

// step returns the next petitions that are compared together: some small ones, or a large one.
func (l *Ledger) step(ctx context.Context, after uuid.UUID) (step []uuid.UUID, err error) {
	rows, err := l.db.Read.QueryContext(ctx, `SELECT petition_id, issued + comments_issued FROM counters
 WHERE petition_id > $1 ORDER BY petition_id LIMIT $2`, after, recountPetitions)
	if err != nil {
		return nil, fmt.Errorf("recounting: %w", err)
	}
	defer rows.Close()
	for size := 0; rows.Next(); {
		var petition uuid.UUID
		var n int
		if err := rows.Scan(&petition, &n); err != nil {
			return nil, fmt.Errorf("recounting: %w", err)
		}
		// One that is larger than a step by itself is a step by itself.
		if size += n; size > recountRows && len(step) > 0 {
			break
		}
		step = append(step, petition)
	}
	return step, rows.Err()
}

// compare finds the petitions of a step whose figures differ, and mends them. It looks without a lock, in one
// snapshot, in which every transaction is whole. It counts those of which it has left something ahead.
func (l *Ledger) compare(ctx context.Context, step []uuid.UUID, redates bool) (mended []Difference, left int, err error) {
	var stored, counted map[uuid.UUID]*tally
	now := l.opt.Now()
	err = l.db.Snapshot(ctx, func(tx *sql.Tx) (err error) {
		stored, counted, err = l.measure(ctx, tx, step, now, redates)
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
		// What was seen without a lock may be a difference that was mended since: mend looks again.
		if s == nil || len(s.differences(petition, counted[petition])) == 0 {
			continue
		}
		differences, err := l.mend(ctx, petition, redates)
		mended = append(mended, differences...)
		if err != nil {
			faults = append(faults, err)
		}
	}
	return mended, left, errors.Join(faults...)
}

// measure reads the figures of petitions as they are stored and as the rows have them.
func (l *Ledger) measure(
	ctx context.Context, q Querier, petitions []uuid.UUID, now time.Time, redates bool,
) (stored, counted map[uuid.UUID]*tally, err error) {
	c := &census{
		q: q, dialect: l.db.Dialect, petitions: petitions, now: now, redates: redates,
		stored: map[uuid.UUID]*tally{}, counted: map[uuid.UUID]*tally{},
	}
	if err := c.take(ctx); err != nil {
		return nil, nil, err
	}
	// Minutes that a right clock would not have folded yet are unfolded, which only makes sense where dates are corrected.
	unfolds := int64(math.MaxInt64)
	if redates {
		unfolds = timespan.Hour.Start(timespan.MinuteOf(database.Latest(now).Add(-l.opt.KeepMinutes)))
	}
	for petition, s := range c.stored {
		align(s, c.counted[petition], unfolds)
	}
	return c.stored, c.counted, nil
}

// mend measures a petition again under its lock, while nothing moves, and writes what the rows say. Other
// signatures of the petition wait meanwhile, for a second or so for each million. What another recount has
// mended before is right by then.
func (l *Ledger) mend(ctx context.Context, petition uuid.UUID, redates bool) (differences []Difference, err error) {
	var value figures.Value
	err = database.InTx(ctx, l.db.Write, func(tx *sql.Tx) error {
		locked, err := Lock(ctx, tx, l.db.Dialect, petition)
		if err != nil {
			return err
		}
		now, err := l.now()
		if err != nil {
			return err
		}
		// What is mended are sums, so that nothing may be left out of them.
		if err := sumUp(ctx, tx, l.db.Dialect, []uuid.UUID{petition}); err != nil {
			return err
		}
		stored, counted, err := l.measure(ctx, tx, []uuid.UUID{petition}, now, redates)
		if err != nil {
			return err
		}
		if differences = stored[petition].differences(petition, counted[petition]); len(differences) == 0 {
			return nil
		}
		// Told below, after the commit, like the values of any batch.
		value, err = mending{tx, locked.counter, now}.write(ctx, stored[petition], counted[petition])
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("mending the figures of a petition: %w", err)
	}
	for _, d := range differences {
		l.opt.Logger.Error("ledger: a figure was wrong and is mended", "petition", d.Petition, "figure", d.Figure,
			"stored", d.Stored, "counted", d.Counted)
	}
	if len(differences) > 0 {
		l.opt.Observer.Committed(value)
	}
	return differences, nil
}
