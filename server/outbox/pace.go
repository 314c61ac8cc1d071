package outbox

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"petitiond/server/database"
)

// burst is for how long a pace that was not used up can be caught up with.
const burst = 100 * time.Millisecond

// pace spreads entries over time. It is kept as the time at which the next one is in step: how many have been begun
// with over any time T by all replicas is at most the rate times T, plus those of one burst.
type pace struct {
	step  time.Duration // from one entry to the next
	ahead time.Duration // how far the next one may be ahead of the present
}

// paceOf returns the pace of so many entries a second.
func paceOf(rate int) pace {
	// Rounded up to what the database stores, so that what is lost is never in favour of more.
	step := (time.Second/time.Duration(rate) + time.Microsecond - 1).Truncate(time.Microsecond)
	return pace{step, max(burst, step)}
}

// allow returns how many entries of at most so many may be begun with now, given when the next one is in step.
func (p pace) allow(now, next time.Time, most int) int {
	return min(most, int((p.ahead-p.from(now, next).Sub(now))/p.step))
}

// pause returns how long to wait for others: for one at least, and long enough for a few, where there are many a
// second.
func (p pace) pause() time.Duration { return max(p.step, burst/2) }

// after returns when the next one is in step once n were begun with.
func (p pace) after(now, next time.Time, n int) time.Time {
	return p.from(now, next).Add(time.Duration(n) * p.step)
}

// from returns the next step, but not one that is over, nor one that a wrong clock has written.
func (p pace) from(now, next time.Time) time.Time {
	if next.Before(now) || next.After(database.Latest(now).Add(p.ahead)) {
		return now
	}
	return next
}

// lockPace returns when the next entry of a kind is in step. Until the transaction ends, no other replica leases
// entries of the kind.
func lockPace(ctx context.Context, tx *sql.Tx, d database.Dialect, kind string, now time.Time) (time.Time, error) {
	_, err := tx.ExecContext(ctx, `INSERT INTO outbox_paces (kind, next_at) VALUES ($1, $2) ON CONFLICT (kind) DO NOTHING`, kind, now)
	if err != nil {
		return time.Time{}, fmt.Errorf("beginning the pace of the outbox: %w", err)
	}
	query := `SELECT next_at FROM outbox_paces WHERE kind = $1`
	// On SQLite the insertion above has made this the one transaction that writes.
	if d == database.Postgres {
		query += ` FOR UPDATE`
	}
	var next database.Time
	if err := tx.QueryRowContext(ctx, query, kind).Scan(&next); err != nil {
		return time.Time{}, fmt.Errorf("reading the pace of the outbox: %w", err)
	}
	return next.Time, nil
}

// setPace stores when the next entry of a kind is in step.
func setPace(ctx context.Context, tx *sql.Tx, kind string, next time.Time) error {
	if _, err := tx.ExecContext(ctx, `UPDATE outbox_paces SET next_at = $2 WHERE kind = $1`, kind, next); err != nil {
		return fmt.Errorf("keeping the pace of the outbox: %w", err)
	}
	return nil
}
