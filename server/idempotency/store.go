package idempotency

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/google/uuid"

	"petitiond/server/database"
)

// The statements for one key. They are prepared where many keys are stored one after the other.
const (
	// Insert stores a key with its input, its answer and the time, and writes nothing where the key is there. On
	// PostgreSQL it waits for another transaction that stores the same key.
	Insert = `INSERT INTO idempotency_keys (id, input, answer, created_at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`
	// Select finds id, input and answer of a key.
	Select = `SELECT id, input, answer FROM idempotency_keys WHERE id = $1`
)

// Queryer runs a statement that reads.
type Queryer interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// Execer runs a statement that writes.
type Execer interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// Find returns the answer that was kept for a key, and whether there is one. It fails with ErrMismatch where the key
// was used with another input.
func Find(ctx context.Context, q Queryer, key Key) (answer uuid.UUID, found bool, err error) {
	rows, err := q.QueryContext(ctx, Select, key.ID)
	if err != nil {
		return uuid.Nil, false, fmt.Errorf("looking an idempotency key up: %w", err)
	}
	defer rows.Close()
	if !rows.Next() {
		return uuid.Nil, false, rows.Err()
	}
	var r Record
	if err := rows.Scan(&r.ID, &r.Input, &r.Answer); err != nil {
		return uuid.Nil, false, fmt.Errorf("looking an idempotency key up: %w", err)
	}
	if err := key.Check(r.Key); err != nil {
		return uuid.Nil, false, err
	}
	return r.Answer, true, rows.Err()
}

// Keep stores a record in the transaction that does what was asked, and reports whether the key was new.
func Keep(ctx context.Context, e Execer, r Record) (fresh bool, err error) {
	result, err := e.ExecContext(ctx, Insert, r.ID, r.Input, r.Answer, r.At)
	if err != nil {
		return false, fmt.Errorf("keeping an idempotency key: %w", err)
	}
	n, err := result.RowsAffected()
	return n == 1, err
}

// Sweep forgets keys that are too old to be answered, at most so many, and returns how many it forgot.
func Sweep(ctx context.Context, e Execer, now time.Time, most int) (swept int, err error) {
	return change(ctx, e, `DELETE FROM idempotency_keys WHERE id IN
 (SELECT id FROM idempotency_keys WHERE created_at < $1 ORDER BY created_at LIMIT $2)`, now.Add(-Kept), most)
}

// Redate gives the present time to keys that a wrong clock has dated ahead, at most to so many, and returns to how
// many: they would never be old enough to be swept.
func Redate(ctx context.Context, e Execer, now time.Time, most int) (redated int, err error) {
	return change(ctx, e, `UPDATE idempotency_keys SET created_at = $3 WHERE id IN
 (SELECT id FROM idempotency_keys WHERE created_at > $1 ORDER BY created_at LIMIT $2)`, database.Latest(now), most, now)
}

// change runs a statement and returns how many rows it has changed.
func change(ctx context.Context, e Execer, text string, args ...any) (int, error) {
	result, err := e.ExecContext(ctx, text, args...)
	if err != nil {
		return 0, fmt.Errorf("looking after idempotency keys: %w", err)
	}
	n, err := result.RowsAffected()
	return int(n), err
}
