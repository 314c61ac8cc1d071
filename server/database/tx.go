package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// ErrOutcomeUnknown means that a commit failed and it is unknown whether it took effect. Look by a unique key for what
// the transaction wrote before you repeat anything.
var ErrOutcomeUnknown = errors.New("the outcome of the transaction is unknown")

// InTx runs fn in a transaction on pool and commits it if fn returns nil. If fn returns an error or panics, the
// transaction is rolled back and the error or panic passed on. On PostgreSQL a failed statement ends the transaction,
// so fn must return its error.
//
// The returned error wraps ErrOutcomeUnknown if the commit may have taken effect: the connection was lost, ctx ended
// during the commit, or PostgreSQL did not answer it in time, for example because of a slow disk. Any other error means
// that nothing was written. If ctx ends before the commit, the transaction is rolled back, whatever fn does. To keep a
// caller that hangs up from interrupting a commit, pass context.WithoutCancel(ctx) with a timeout of its own.
//
// Nothing is repeated here: see IsRetryable.
func InTx(ctx context.Context, pool *sql.DB, fn func(*sql.Tx) error) error {
	tx, err := pool.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer tx.Rollback() // has no effect after a commit, and discards a connection on which it fails
	if err := fn(tx); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil { // checked here, since now it is certain that no commit was sent
		return fmt.Errorf("commit: %w", err)
	}
	return commit(tx)
}

// commit tells a commit that was refused from one whose outcome is unknown.
func commit(tx *sql.Tx) error {
	err := tx.Commit()
	switch {
	case err == nil:
		return nil
	case isRefusal(err):
		return fmt.Errorf("commit: %w", err)
	default:
		return fmt.Errorf("commit: %w: %w", ErrOutcomeUnknown, err)
	}
}

// TryLock takes an advisory lock of PostgreSQL until the transaction ends, or returns false if another replica holds
// it. On SQLite the transaction itself is the lock.
func TryLock(ctx context.Context, tx *sql.Tx, d Dialect, key int64) (got bool, err error) {
	if d != Postgres {
		return true, nil
	}
	err = tx.QueryRowContext(ctx, `SELECT pg_try_advisory_xact_lock($1)`, key).Scan(&got)
	return got, err
}
