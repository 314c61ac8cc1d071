package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// ErrOutcomeUnknown says that a commit failed in such a way that nobody here can know whether it took
// effect: look for what the transaction wrote, by a unique key, before doing anything again.
var ErrOutcomeUnknown = errors.New("the outcome of the transaction is unknown")

// InTx runs fn in a transaction on pool and commits it if fn returns nil. An error or a panic of fn rolls
// it back, and is passed on. On PostgreSQL a failed statement ends the transaction: return its error.
//
// The error wraps ErrOutcomeUnknown if the commit may have taken effect, which is so when the connection
// was lost, ctx ended while it ran, or it took longer than PostgreSQL may keep silent, as a slow disk makes
// it. Any other error means that nothing was written. A ctx that ends
// earlier rolls the transaction back, whatever fn does. Who must not be torn out of a commit by a caller
// that hangs up passes context.WithoutCancel(ctx), with a timeout of its own.
//
// Nothing is tried again here: see IsRetryable.
func InTx(ctx context.Context, pool *sql.DB, fn func(*sql.Tx) error) error {
	tx, err := pool.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer tx.Rollback() // does nothing after a commit, and drops a connection on which it fails
	if err := fn(tx); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil { // asked here, it is certain that no commit was sent
		return fmt.Errorf("commit: %w", err)
	}
	return commit(tx)
}

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
