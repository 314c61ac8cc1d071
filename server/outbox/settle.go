package outbox

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"

	"petitiond/server/database"
)

// settle writes how tries have ended, in one transaction for all that have ended since the last one. It reports whether
// nothing is left to settle.
func (l *lane) settle(ctx context.Context) bool {
	l.mu.Lock()
	results := l.results
	l.mu.Unlock()
	if len(results) == 0 {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, leaseTime)
	defer cancel()
	now := l.box.opt.Now()
	err := database.InTx(ctx, l.box.opt.DB.Write, func(tx *sql.Tx) error { return l.settleIn(ctx, tx, results, now) })
	l.trouble(ctx, "settling what was sent failed", err)
	if err != nil {
		return false // if it succeeds too late, others have sent the same once more, with the same ids
	}
	l.mu.Lock()
	l.results = l.results[len(results):]
	l.mu.Unlock()
	l.count(results, now)
	return true
}

// settleIn deletes what was sent, even if another worker holds it by now. What failed is changed only while nobody has
// leased it again.
func (l *lane) settleIn(ctx context.Context, tx *sql.Tx, results []result, now time.Time) error {
	var sent []uuid.UUID
	for _, r := range results {
		if r.err == nil {
			sent = append(sent, r.ID)
			continue
		}
		if err := l.fail(ctx, tx, r, now); err != nil {
			return err
		}
	}
	if len(sent) == 0 {
		return nil
	}
	var args database.Args
	_, err := tx.ExecContext(ctx, `DELETE FROM outbox WHERE `+args.Among(l.box.opt.DB.Dialect, "id", sent), args...)
	if err != nil {
		return fmt.Errorf("deleting what was sent: %w", err)
	}
	return nil
}

// fail parks an entry or sets the time of its next try.
func (l *lane) fail(ctx context.Context, tx *sql.Tx, r result, now time.Time) error {
	query, at := `UPDATE outbox SET due_at = $3 WHERE id = $1 AND tries = $2`, now.Add(l.box.wait(r.Try))
	if l.isLast(r) {
		query, at = `UPDATE outbox SET parked_at = $3 WHERE id = $1 AND tries = $2`, now
	}
	if _, err := tx.ExecContext(ctx, query, r.ID, r.Try, at); err != nil {
		return fmt.Errorf("putting back what was not sent: %w", err)
	}
	return nil
}

// isLast reports whether a try that failed was the last one.
func (l *lane) isLast(r result) bool { return isPermanent(r.err) || r.Try >= l.box.opt.Tries }

// count adds results to the numbers, and logs those that failed.
func (l *lane) count(results []result, now time.Time) {
	for _, r := range results {
		switch {
		case r.err == nil:
			l.sent.Add(1)
			continue
		case l.isLast(r):
			l.givenUp.Add(1)
		}
		l.failed.Add(1)
		l.say(r, l.isLast(r), now)
	}
}

// wait returns how long an entry waits after so many tries: 1, 3, 9, 27 and 81 minutes, 4 and 12 hours, a fifth more or
// less. The last try is some 18 hours after the first, so that a night without a mail server loses nothing, and many
// that have failed at once do not come back at once.
func (o *Outbox) wait(tries int) time.Duration {
	d := o.opt.First
	for range tries - 1 {
		d *= 3
	}
	spread := rand.N(d*2/5 + 1)                        //nolint:gosec // nobody gains anything by guessing it
	return (d*4/5 + spread).Truncate(time.Microsecond) // which is all that PostgreSQL stores
}
