package database

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// restart is how long PostgreSQL may be away without a reader noticing: as long as it takes to start again, and the
// time to connect.
const restart = 2 * time.Second

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

// Ask runs a reading statement, and again if its connection is lost: see Reader.
//
// A statement that can be cancelled costs two goroutines, one of database/sql and one of the driver, which is a fifth of
// what a short one costs here. PostgreSQL ends statements by itself after statement_timeout, so there ctx ends the
// wait for a connection, and what has begun goes on to its end. SQLite has no such limit and is interrupted.
func (db *DB) Ask(ctx context.Context, text string, args ...any) (*Rows, error) {
	if db.Dialect == SQLite {
		rows, err := Reader{db.Read}.QueryContext(ctx, text, args...)
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
func ask(ctx context.Context, pool *sql.DB, text string, args []any) (rows *Rows, err error) {
	err = survive(ctx, pool, func() error {
		conn, err := pool.Conn(ctx)
		if err != nil {
			return err
		}
		found, err := conn.QueryContext(context.WithoutCancel(ctx), text, args...)
		if err != nil {
			return errors.Join(err, conn.Close())
		}
		rows = &Rows{Rows: found, conn: conn}
		return nil
	})
	return rows, err
}

// Reader runs reading statements on a pool, for code that runs its own, such as ent. A statement whose connection is
// lost runs again on another one, and waits for a server that is started again. That is right for statements that
// change nothing, whatever the server had done with the lost one: it was not answered, since on PostgreSQL an answer
// is passed on once all of it is here (see wholeRows).
type Reader struct{ *sql.DB }

// QueryContext runs a reading statement.
func (r Reader) QueryContext(ctx context.Context, text string, args ...any) (rows *sql.Rows, err error) {
	err = survive(ctx, r.DB, func() error {
		rows, err = r.DB.QueryContext(ctx, text, args...) //nolint:sqlclosecheck // the caller closes them
		return err
	})
	return rows, err
}

// survive calls do, which reads on a connection of pool, until the connection is not lost. It calls it at once as
// often as the pool has connections, since every one of them may be dead, and then while the server may be starting
// again. The last error is that of a server which is away for longer.
func survive(ctx context.Context, pool *sql.DB, do func() error) error {
	err := do()
	if !IsConnectionLost(err) { // as almost always
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, restart)
	defer cancel()
	dead, wait := pool.Stats().MaxOpenConnections, 5*time.Millisecond
	for ; IsConnectionLost(err) && ctx.Err() == nil; err = do() {
		if dead--; dead >= 0 {
			continue
		}
		if pause(ctx, wait) != nil {
			break
		}
		wait = min(2*wait, 100*time.Millisecond)
	}
	return err
}
