package database

import (
	"context"
	"database/sql"
	"fmt"
)

// Snapshot runs fn in a read-only transaction. All its statements see the database as it was at the first one, whatever
// is committed meanwhile, and nobody waits for them. It should end within seconds, since the database has to keep every
// row version that it can see.
func (db *DB) Snapshot(ctx context.Context, fn func(*sql.Tx) error) error {
	options := &sql.TxOptions{ReadOnly: true, Isolation: sql.LevelRepeatableRead}
	if db.Dialect == SQLite { // every transaction is a snapshot there, and these connections refuse changes
		options = nil
	}
	tx, err := db.Read.BeginTx(ctx, options)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer tx.Rollback() // there is nothing to commit
	return fn(tx)
}
