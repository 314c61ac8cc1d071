package database

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"time"

	"petitiond/server/turns"
)

// restartTime is how long PostgreSQL may be away without a reader noticing: long enough for it to restart and accept
// connections. A longer outage should be reported rather than pile up requests.
const restartTime = 2 * time.Second

// Rows are the result of a reading statement. They must be closed.
type Rows struct {
	*sql.Rows

	conn *sql.Conn  // to return to the pool; nil if database/sql does that
	turn turns.Turn // on Read
}

// Close ends the reading and returns the connection to its pool.
func (r *Rows) Close() error {
	err := r.Rows.Close()
	if r.conn != nil {
		err = errors.Join(err, r.conn.Close())
	}
	r.turn.Leave()
	r.turn = turns.Turn{}
	return err
}

// Ask runs a reading statement on the pool Read when it is the turn of those who ask in ctx (see package turns), and
// repeats it if its connection is lost: see Reader. When ctx ends, the statement is interrupted, since it may take
// seconds and others wait for its connection.
func (db *DB) Ask(ctx context.Context, text string, args ...any) (*Rows, error) {
	turn, err := db.turn(ctx)
	if err != nil {
		return nil, err
	}
	rows, err := Reader{db.Read}.QueryContext(ctx, text, args...)
	if err != nil {
		turn.Leave()
		return nil, err
	}
	return &Rows{Rows: rows, turn: turn}, nil
}

type oneTurnKey struct{}

// oneTurn is the one turn of several statements.
type oneTurn struct {
	mu   sync.Mutex // guards turn
	turn turns.Turn
}

// InOneTurn returns a context in which statements of Ask have one turn together: the first waits for it, and it lasts
// until end is called, which it must be. It is for statements that follow on each other, such as those of a search,
// each of which would wait for a turn of its own.
func InOneTurn(ctx context.Context) (_ context.Context, end func()) {
	t := &oneTurn{}
	return context.WithValue(ctx, oneTurnKey{}, t), func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.turn.Leave()
		t.turn = turns.Turn{}
	}
}

// turn waits for a turn to read, unless there is one already, which others end.
func (db *DB) turn(ctx context.Context) (turns.Turn, error) {
	t, ok := ctx.Value(oneTurnKey{}).(*oneTurn)
	if !ok {
		return db.reads.Enter(ctx, 0)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.turn != (turns.Turn{}) {
		return turns.Turn{}, nil
	}
	var err error
	t.turn, err = db.reads.Enter(ctx, 0)
	return turns.Turn{}, err
}

// Reading returns how many statements of Ask run, and how many wait for a connection.
func (db *DB) Reading() (run, wait int) { return db.reads.Taken() }

// AskByIndex is like Ask, but on the pool LookUp and for statements so short that they need no turns, and are not
// interrupted: ctx only ends the wait for a connection. To cancel a statement, database/sql and the driver need a
// goroutine each, which make up a fifth of the cost of a short statement.
func (db *DB) AskByIndex(ctx context.Context, text string, args ...any) (rows *Rows, err error) {
	err = retryLost(ctx, db.LookUp, func() error {
		conn, err := db.LookUp.Conn(ctx)
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

// Reader runs reading statements on a pool, for code that brings its own statements, such as ent. If the connection of
// a statement is lost, the statement is repeated on another one, also while the server restarts. A statement that
// changes nothing may be repeated, whatever the server did with the first one. The caller cannot have seen half of the
// first result: on PostgreSQL a result is only passed on when all of it has arrived (see bufferedRows).
type Reader struct{ *sql.DB }

// QueryContext runs a reading statement, which may be repeated.
func (r Reader) QueryContext(ctx context.Context, text string, args ...any) (rows *sql.Rows, err error) {
	err = retryLost(ctx, r.DB, func() error {
		rows, err = r.DB.QueryContext(ctx, text, args...) //nolint:sqlclosecheck // the caller closes them
		return err
	})
	return rows, err
}

// retryLost calls read, which uses a connection of pool, and repeats it while connections turn out to be lost. It first
// repeats it without a pause, as often as the pool has connections, since all of them may have died together and each
// has to be tried to be replaced. Then it waits between attempts for the server to restart, but not longer than
// restartTime.
func retryLost(ctx context.Context, pool *sql.DB, read func() error) error {
	err := read()
	if !IsConnectionLost(err) { // as almost always
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, restartTime)
	defer cancel()
	untried, wait := pool.Stats().MaxOpenConnections, 5*time.Millisecond
	for ; IsConnectionLost(err) && ctx.Err() == nil; err = read() {
		if untried--; untried >= 0 {
			continue
		}
		if pause(ctx, wait) != nil {
			break
		}
		wait = min(2*wait, 100*time.Millisecond)
	}
	return err
}
