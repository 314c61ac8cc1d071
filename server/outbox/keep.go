package outbox

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"petitiond/server/database"
)

const (
	countEvery = 10 * time.Second
	sweepEvery = time.Hour
	// portion is how many entries one statement deletes or changes.
	portion = 1000
	// countAtMost bounds how many rows are counted.
	countAtMost = 1_000_000
	keepTime    = 10 * time.Second
)

// keep counts what waits, and deletes what was kept long enough, until ctx ends.
func (o *Outbox) keep(ctx context.Context) {
	count, sweep := time.NewTicker(countEvery), time.NewTicker(sweepEvery)
	defer count.Stop()
	defer sweep.Stop()
	for o.Count(ctx); ; {
		select {
		case <-ctx.Done():
			return
		case <-count.C:
			o.Count(ctx)
		case <-sweep.C:
			o.task(ctx, "delete what was given up", o.Sweep)
			if o.opt.DB.Clock.Confirmed() {
				o.task(ctx, "redate what a wrong clock has dated ahead", func(ctx context.Context) error {
					_, err := Redate(ctx, o.opt.DB.Write, o.opt.Now())
					return err
				})
			}
		}
	}
}

// task carries out a task, unless the time is unknown.
func (o *Outbox) task(ctx context.Context, name string, do func(context.Context) error) {
	if o.opt.DB.Clock.Check() != nil {
		return
	}
	o.failing.Do(ctx, o.opt.Logger, name, keepTime, do)
}

// standing is what waits of a kind.
type standing struct {
	waiting, parked int
	oldest          time.Duration
}

// Count counts what Stats shows of all replicas. Run does so every ten seconds.
func (o *Outbox) Count(ctx context.Context) {
	o.task(ctx, "count what waits", func(ctx context.Context) error {
		seen := map[string]standing{}
		for kind := range o.lanes {
			s, err := o.standing(ctx, kind)
			if err != nil {
				return err
			}
			seen[kind] = s
		}
		o.mu.Lock()
		o.seen = seen
		o.mu.Unlock()
		return nil
	})
}

// standing counts one kind.
func (o *Outbox) standing(ctx context.Context, kind string) (s standing, err error) {
	// Parked ones apart: they are what an operator has to look at.
	const counted = `SELECT (SELECT count(*) FROM (SELECT 1 FROM outbox WHERE kind = $1 AND parked_at IS NULL LIMIT $2) AS w),
 (SELECT count(*) FROM (SELECT 1 FROM outbox WHERE kind = $1 AND parked_at IS NOT NULL LIMIT $2) AS p)`
	if err := o.opt.DB.Read.QueryRowContext(ctx, counted, kind, countAtMost).Scan(&s.waiting, &s.parked); err != nil {
		return s, fmt.Errorf("counting what waits: %w", err)
	}
	now := o.opt.Now()
	for _, priority := range []Priority{Awaited, Bulk} {
		var due sql.Null[database.Time]
		err := o.opt.DB.Read.QueryRowContext(ctx, `SELECT min(due_at)`+dueEntries+` AND priority = $3`, kind, now, int(priority)).Scan(&due)
		if err != nil {
			return s, fmt.Errorf("looking for the oldest that waits: %w", err)
		}
		if due.Valid {
			s.oldest = max(s.oldest, now.Sub(due.V.Time))
		}
	}
	return s, nil
}

// Sweep deletes what was given up so long ago that nobody will look at it any more, and what no replica has had a
// handler for over the same time. Run does so every hour; it goes on where it was interrupted.
func (o *Outbox) Sweep(ctx context.Context) error {
	before := o.opt.Now().Add(-o.opt.KeepFor)
	for _, old := range []string{`parked_at IS NOT NULL AND parked_at < $1`, `parked_at IS NULL AND due_at < $1`} {
		_, err := inPortions(ctx, o.opt.DB.Write, `DELETE FROM outbox WHERE id IN (SELECT id FROM outbox WHERE `+old+` LIMIT $2)`, before)
		if err != nil {
			return fmt.Errorf("deleting old entries: %w", err)
		}
	}
	return nil
}

// Redate makes due at once what a wrong clock has dated ahead, which would otherwise wait until that time. It returns
// how many entries it has changed. The caller must know that the clock is right now.
func Redate(ctx context.Context, pool *sql.DB, now time.Time) (int, error) {
	n, err := inPortions(ctx, pool, `UPDATE outbox SET due_at = $3, created_at = $3 WHERE id IN
 (SELECT id FROM outbox WHERE created_at > $1 AND parked_at IS NULL LIMIT $2)`, database.Latest(now), now)
	if err != nil {
		return n, fmt.Errorf("dating entries of the outbox: %w", err)
	}
	return n, nil
}

// inPortions repeats a statement until it changes fewer rows than it may, which is its second argument.
func inPortions(ctx context.Context, pool *sql.DB, query string, first any, others ...any) (changed int, err error) {
	for {
		result, err := pool.ExecContext(ctx, query, append([]any{first, portion}, others...)...)
		if err != nil {
			return changed, err
		}
		n, err := result.RowsAffected()
		changed += int(n)
		if n < portion || err != nil {
			return changed, err
		}
	}
}
