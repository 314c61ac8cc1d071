package database

import (
	"context"
	"database/sql"
	"errors"
)

// Rows are what a reading statement gives. They must be closed.
type Rows struct {
	*sql.Rows
	conn *sql.Conn // nil: it goes back by itself
}

// Close ends the reading.
func (r *Rows) Close() error {
	err := r.Rows.Close()
	if r.conn != nil {
		err = errors.Join(err, r.conn.Close())
	}
	return err
}

// Ask runs a reading statement.
//
// A statement that can be cancelled costs two goroutines, one of database/sql and one of the driver, which is a fifth of
// what a short one costs here. PostgreSQL ends statements by itself after statement_timeout, so there ctx ends the
// wait for a connection, and what has begun goes on to its end. SQLite has no such limit and is interrupted.
func (db *DB) Ask(ctx context.Context, text string, args ...any) (*Rows, error) {
	if db.Dialect == SQLite {
		rows, err := db.Read.QueryContext(ctx, text, args...)
		if err != nil {
			return nil, err
		}
		return &Rows{Rows: rows}, nil
	}
	return ask(ctx, db.Read, text, args)
}

// AskByIndex is Ask on LookUp, for statements that are short: SQLite is not interrupted either.
func (db *DB) AskByIndex(ctx context.Context, text string, args ...any) (*Rows, error) {
	return ask(ctx, db.LookUp, text, args)
}

// ask lets ctx end the wait for a connection alone.
func ask(ctx context.Context, pool *sql.DB, text string, args []any) (*Rows, error) {
	conn, err := pool.Conn(ctx)
	if err != nil {
		return nil, err
	}
	rows, err := conn.QueryContext(context.WithoutCancel(ctx), text, args...)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return &Rows{Rows: rows, conn: conn}, nil
}
