package recount

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"petitiond/server/database"
	"petitiond/server/figures"
	"petitiond/server/ledger"
)

const (
	stepPetitions = 100    // that one step compares at most
	stepRows      = 20_000 // that one step, or one statement of a step on a large petition, reads at most
	restTimes     = 4      // times as long as it worked does a recount by Keep rest after each step
)

// Difference is a figure that was not what the rows say.
type Difference struct {
	Petition        uuid.UUID
	Figure          string
	Stored, Counted int
}

// Observer is told of what was found and corrected. Its methods must not block.
type Observer interface {
	// Committed is called after each correction, as the ledger calls its own observer.
	Committed(values ...figures.Value)
	// Recounted is called with what each recount by Keep found and corrected.
	Recounted(found []Difference)
}

// unobserved is an Observer who does nothing.
type unobserved struct{ ledger.Unobserved }

func (unobserved) Recounted([]Difference) {}

// Options of a Recounter. The zero value serves.
type Options struct {
	Observer    Observer         // default nobody
	Now         func() time.Time // default that of the database's Clock
	Logger      *slog.Logger     // default discards
	KeepMinutes time.Duration    // that of the ledger, default ledger.KeepMinutes
	Every       time.Duration    // from one recount by Keep to the next, default 10 min
}

// Recounter recounts one database. It is safe for concurrent use.
type Recounter struct {
	opt Options
	db  *database.DB
}

// New returns a Recounter for a migrated database.
func New(db *database.DB, opt Options) *Recounter {
	if opt.Observer == nil {
		opt.Observer = unobserved{}
	}
	if opt.Now == nil {
		opt.Now = db.Clock.Now
	}
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.DiscardHandler)
	}
	if opt.KeepMinutes == 0 {
		opt.KeepMinutes = ledger.KeepMinutes
	}
	if opt.Every == 0 {
		opt.Every = 10 * time.Minute
	}
	return &Recounter{opt: opt, db: db}
}

// Recount compares every figure of every petition with the rows once, and corrects what differs. It returns what it
// has corrected. One petition that cannot be compared does not stop the others: the errors come joined. What a wrong
// clock has dated ahead gets a new date: those who ask for a recount know that the clock is right.
func (r *Recounter) Recount(ctx context.Context) ([]Difference, error) {
	return r.recount(ctx, true, func(time.Duration) {})
}

// Keep recounts again and again until ctx ends, in steps between which it rests. It gives new dates only where two
// clocks agree.
func (r *Recounter) Keep(ctx context.Context) error {
	tick := time.NewTicker(r.opt.Every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		// While nobody knows the time, nobody may write; the Clock logs it.
		if r.db.Clock.Check() != nil {
			continue
		}
		if err := r.recountGently(ctx); err != nil && ctx.Err() == nil {
			r.opt.Logger.Error("ledger: a recount failed and is tried again in its turn", "error", err)
		}
	}
}

// recountGently is the recount of Keep: it rests longer than it works, so that clients hardly notice it, and reports
// what it found.
func (r *Recounter) recountGently(ctx context.Context) error {
	found, err := r.recount(ctx, r.db.Clock.Confirmed(), func(worked time.Duration) {
		select {
		// In proportion to the work, so that a slow machine is left alone for longer.
		case <-time.After(restTimes * worked):
		case <-ctx.Done():
		}
	})
	r.opt.Observer.Recounted(found)
	return err
}

// recount goes through the petitions in steps of about the same size. Where it may not give new dates, it logs that
// something lies ahead.
func (r *Recounter) recount(ctx context.Context, redates bool, rest func(time.Duration)) (found []Difference, err error) {
	var faults []error
	ahead := 0
	defer func() {
		if ahead > 0 {
			r.opt.Logger.Warn(database.DatesAhead, "petitionsWithSuchRows", ahead)
		}
	}()
	for last := uuid.Nil; ; {
		// Before each step: a recount of a large site takes minutes, in which the clock may go wrong.
		if err := r.db.Clock.Check(); err != nil {
			return found, errors.Join(append(faults, fmt.Errorf("recounting: %w", err))...)
		}
		step, err := r.step(ctx, last)
		if err != nil || len(step) == 0 {
			return found, errors.Join(append(faults, err)...)
		}
		last = step[len(step)-1]
		began := time.Now() //nolint:forbidigo // a length is measured, by the monotonic clock
		differences, left, err := r.compare(ctx, step, redates)
		// Also where a part of the step failed: what was corrected stays so, and is reported.
		found, ahead = append(found, differences...), ahead+left
		if err != nil {
			faults = append(faults, err)
		}
		rest(time.Since(began))
	}
}

// step returns the next petitions that are compared together: some small ones, or a large one. They are
// read step by step, so that petitions that were made meanwhile are found.
func (r *Recounter) step(ctx context.Context, after uuid.UUID) (step []uuid.UUID, err error) {
	rows, err := r.db.Read.QueryContext(ctx, `SELECT petition_id, issued + comments_issued FROM counters
 WHERE petition_id > $1 ORDER BY petition_id LIMIT $2`, after, stepPetitions)
	if err != nil {
		return nil, fmt.Errorf("recounting: %w", err)
	}
	defer rows.Close()
	// By how many rows a petition has, which its counter knows: steps then take about the same time.
	for size := 0; rows.Next(); {
		var petition uuid.UUID
		var n int
		if err := rows.Scan(&petition, &n); err != nil {
			return nil, fmt.Errorf("recounting: %w", err)
		}
		// One that is larger than a step by itself is a step by itself.
		if size += n; size > stepRows && len(step) > 0 {
			break
		}
		step = append(step, petition)
	}
	return step, rows.Err()
}
