package database

import (
	"context"
	"database/sql"
	"fmt"
)

// Snapshot runs fn in a transaction that reads: all its statements see the database as it was at the first
// one, whatever is committed meanwhile, and keep nobody waiting. It should end within seconds, since the
// database keeps what it sees.
func (db *DB) Snapshot(ctx context.Context, fn func(*sql.Tx) error) error {
	options := &sql.TxOptions{ReadOnly: true, Isolation: sql.LevelRepeatableRead}
	if db.Dialect == SQLite { // its transactions are snapshots, and these connections refuse changes
		options = nil
	}
	tx, err := db.Read.BeginTx(ctx, options)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer tx.Rollback() // nothing was written: there is nothing to commit
	return fn(tx)
}
