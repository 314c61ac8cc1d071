package ledger

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/google/uuid"

	"petitiond/server/database"
	"petitiond/server/figures"
	"petitiond/server/timespan"
)

// Querier runs statements in a transaction of the caller's. Both *sql.Tx and ent's transaction are one.
type Querier interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// Terms say when a petition accepts signatures, and towards which goal.
type Terms struct {
	Accepting bool
	Since     *time.Time // nil: from now on
	Until     *time.Time // first moment at which no signature is in any more; nil: open end
	Goal      int
}

// Open makes the counter of a new petition, in the caller's transaction.
func Open(ctx context.Context, q Querier, petition uuid.UUID, terms Terms, now time.Time) error {
	_, err := q.ExecContext(ctx, `INSERT INTO counters (petition_id, total, issued, version, as_of, goal, pending, named,
 threads, comments, comments_issued, trending, accepting, since, until) VALUES ($1, 0, 0, 0, $2, $3, 0, 0, 0, 0, 0, 0, $4, $5, $6)`,
		petition, now, terms.Goal, terms.Accepting, terms.Since, terms.Until)
	if err != nil {
		return fmt.Errorf("opening a counter: %w", err)
	}
	return nil
}

// Lock takes the petition's counter until the caller's transaction ends and returns it. Those who change a petition do
// this first, so that no signature slips past a change.
func Lock(ctx context.Context, q Querier, dialect database.Dialect, petition uuid.UUID) (Locked, error) {
	query := `SELECT ` + counterColumns + ` FROM counters WHERE petition_id = $1`
	if dialect == database.Postgres { // on SQLite the immediate transaction is the lock
		query += ` FOR UPDATE`
	}
	rows, err := q.QueryContext(ctx, query, petition)
	if err != nil {
		return Locked{}, fmt.Errorf("locking a counter: %w", err)
	}
	defer rows.Close()
	if !rows.Next() {
		if err := rows.Err(); err != nil {
			return Locked{}, fmt.Errorf("locking a counter: %w", err)
		}
		return Locked{}, ErrNotFound
	}
	c, err := scanCounter(rows)
	if err != nil {
		return Locked{}, fmt.Errorf("locking a counter: %w", err)
	}
	return Locked{counter: c, dialect: dialect}, rows.Err()
}

// Locked is a counter that the running transaction holds.
type Locked struct {
	counter *counter
	dialect database.Dialect
}

// Issued is the last number that was given to a signature.
func (l Locked) Issued() int { return l.counter.issued }

// Total is the number of signatures that count.
func (l Locked) Total() int { return l.counter.total }

// Terms are the present terms.
func (l Locked) Terms() Terms {
	return Terms{Accepting: l.counter.accepting, Since: l.counter.since, Until: l.counter.until, Goal: l.counter.goal}
}

// Set writes new terms in the transaction that holds the lock. The version grows where the goal changes.
func (l Locked) Set(ctx context.Context, q Querier, terms Terms, now time.Time) (figures.Value, error) {
	c := l.counter
	// Whether it may be signed is no part of the numbers: those who watch a count are told of it as an edition.
	if terms.Goal != c.goal {
		c.version++
		c.asOf = c.timeAt(now)
	}
	c.goal, c.accepting, c.since, c.until = terms.Goal, terms.Accepting, terms.Since, terms.Until
	_, err := q.ExecContext(ctx, `UPDATE counters SET goal = $2, accepting = $3, since = $4, until = $5, version = $6,
 as_of = $7 WHERE petition_id = $1`, c.petition, c.goal, c.accepting, c.since, c.until, c.version, c.asOf)
	if err != nil {
		return figures.Value{}, fmt.Errorf("setting the terms of a petition: %w", err)
	}
	return readCounts(ctx, q, c, now)
}

// Name notes that so many more signatories have made their names public, or fewer, and returns what there is to tell:
// that lists of names and of comments may be others.
func (l Locked) Name(ctx context.Context, q Querier, more int) (figures.Value, error) {
	_, err := q.ExecContext(ctx, `UPDATE counters SET named = named + $2 WHERE petition_id = $1`, l.counter.petition, more)
	return figures.Value{Petition: l.counter.petition, Comment: l.counter.commentsIssued}, err
}

// lastHourOfOne sums the last hour of one petition.
var lastHourOfOne = `SELECT ` + timespan.LastHour(`$2`, `$3`, func(column string) string { return column + ` = $1` })

// readCounts returns the counts of a counter, with the last hour as it is in the running transaction.
func readCounts(ctx context.Context, q Querier, c *counter, now time.Time) (figures.Value, error) {
	since := timespan.Hour.Ago(now)
	rows, err := q.QueryContext(ctx, lastHourOfOne, c.petition, since, timespan.TimeOf(since+1))
	if err != nil {
		return figures.Value{}, fmt.Errorf("summing the last hour: %w", err)
	}
	defer rows.Close() // before the transaction goes on: a connection has one result at a time
	n := 0
	for rows.Next() {
		if err := rows.Scan(&n); err != nil {
			return figures.Value{}, fmt.Errorf("summing the last hour: %w", err)
		}
	}
	return c.counts(n), rows.Err()
}
