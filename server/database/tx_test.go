package database_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"testing"

	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"

	"petitiond/server/database"
	"petitiond/server/database/dbtest"
)

// errBoom is an error of nobody in particular.
var errBoom = errors.New("boom")

// insert is a transaction that writes one row.
func insert(ctx context.Context, tx *sql.Tx) error {
	_, err := tx.ExecContext(ctx, "INSERT INTO tags (id, key, label) VALUES ('00000000-0000-0000-0000-000000000001', 'k', 'l')")
	return err
}

func rows(t *testing.T, db *database.DB) int {
	t.Helper()
	return scan[int](t, db.Read, "SELECT count(*) FROM tags")
}

func TestInTx(t *testing.T) {
	t.Parallel()
	type outcome struct {
		run      func(ctx context.Context, cancel func(), tx *sql.Tx) error
		want     error
		wantRows int
	}
	tests := map[string]outcome{
		"Commit": {func(ctx context.Context, _ func(), tx *sql.Tx) error { return insert(ctx, tx) }, nil, 1},
		"Error": {func(ctx context.Context, _ func(), tx *sql.Tx) error {
			return errors.Join(insert(ctx, tx), errBoom)
		}, errBoom, 0},
		"CancelledBeforeCommit": {func(ctx context.Context, cancel func(), tx *sql.Tx) error {
			defer cancel()
			return insert(ctx, tx)
		}, context.Canceled, 0},
		"FailedStatement": {func(ctx context.Context, _ func(), tx *sql.Tx) error {
			if err := insert(ctx, tx); err != nil {
				return err
			}
			return insert(ctx, tx)
		}, nil, 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dbtest.Each(t, func(t *testing.T, db *database.DB) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				err := database.InTx(ctx, db.Write, func(tx *sql.Tx) error { return test.run(ctx, cancel, tx) })
				if test.want != nil && !errors.Is(err, test.want) || (err == nil) != (test.wantRows == 1) {
					t.Errorf("got %v, want %v", err, test.want)
				}
				if errors.Is(err, database.ErrOutcomeUnknown) {
					t.Errorf("the outcome is known, and said to be unknown: %v", err)
				}
				if got := rows(t, db); got != test.wantRows {
					t.Errorf("got %d rows, want %d", got, test.wantRows)
				}
				if stats := db.Write.Stats(); stats.InUse != 0 {
					t.Errorf("%d connections are still taken", stats.InUse)
				}
			})
		})
	}
}

func TestInTxPanic(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		t.Parallel()
		func() {
			defer func() {
				if got, ok := recover().(error); !ok || !errors.Is(got, errBoom) {
					t.Errorf("recovered %v, want the panic of fn", got)
				}
			}()
			_ = database.InTx(t.Context(), db.Write, func(tx *sql.Tx) error {
				if err := insert(t.Context(), tx); err != nil {
					t.Error(err)
				}
				panic(errBoom)
			})
		}()
		if got := rows(t, db); got != 0 {
			t.Errorf("got %d rows after a panic, want none", got)
		}
		if err := database.InTx(t.Context(), db.Write, func(tx *sql.Tx) error { return insert(t.Context(), tx) }); err != nil {
			t.Errorf("the pool is unusable after a panic: %v", err)
		}
	})
}

func TestInTxBeginFails(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		err := database.InTx(ctx, db.Write, func(*sql.Tx) error { t.Error("fn runs without a transaction"); return nil })
		if !errors.Is(err, context.Canceled) || errors.Is(err, database.ErrOutcomeUnknown) {
			t.Errorf("got %v, want that the context ended", err)
		}
	})
}

// TestRefusedCommit lets the database itself refuse a COMMIT: a constraint that is checked only then.
func TestRefusedCommit(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		t.Parallel()
		exec(t, db.Write, "CREATE TABLE child (id int PRIMARY KEY, up int REFERENCES child DEFERRABLE INITIALLY DEFERRED)")
		err := database.InTx(t.Context(), db.Write, func(tx *sql.Tx) error {
			_, err := tx.ExecContext(t.Context(), "INSERT INTO child VALUES (1, 2)")
			return err
		})
		if err == nil || errors.Is(err, database.ErrOutcomeUnknown) {
			t.Errorf("got %v, want a refusal that is certain", err)
		}
		if got := scan[int](t, db.Read, "SELECT count(*) FROM child"); got != 0 {
			t.Errorf("got %d rows, want none", got)
		}
	})
}

// TestSwallowedError commits after a failed statement whose error fn kept to itself.
func TestSwallowedError(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t, database.Postgres)
	err := database.InTx(t.Context(), db.Write, func(tx *sql.Tx) error {
		exec(t, tx, "SAVEPOINT s")
		_, _ = tx.ExecContext(t.Context(), "SELECT no_such_column")
		return nil
	})
	if err == nil || errors.Is(err, database.ErrOutcomeUnknown) {
		t.Errorf("got %v, want a refusal that is certain", err)
	}
}

// TestLostConnection ends the session of a transaction that is about to commit.
func TestLostConnection(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t, database.Postgres)
	err := database.InTx(t.Context(), db.Ledger, func(tx *sql.Tx) error {
		var pid int
		if err := tx.QueryRowContext(t.Context(), "SELECT pg_backend_pid()").Scan(&pid); err != nil {
			return err
		}
		if err := insert(t.Context(), tx); err != nil {
			return err
		}
		if !scan[bool](t, db.Write, "SELECT pg_terminate_backend($1, 5000)", pid) {
			t.Error("the session was not ended")
		}
		return nil
	})
	if !errors.Is(err, database.ErrOutcomeUnknown) || !database.IsConnectionLost(err) {
		t.Errorf("got %v, want an unknown outcome by a lost connection", err)
	}
}

// brokenCommit is a connector whose transactions commit and then report an error of the test's choice.
type brokenCommit struct {
	driver.Connector
	err error
}

func (b brokenCommit) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := b.Connector.Connect(ctx)
	return brokenConn{conn, b.err}, err
}

type brokenConn struct {
	driver.Conn
	err error
}

func (b brokenConn) BeginTx(ctx context.Context, options driver.TxOptions) (driver.Tx, error) {
	tx, err := b.Conn.(driver.ConnBeginTx).BeginTx(ctx, options)
	return brokenTx{tx, b.err}, err
}

type brokenTx struct {
	driver.Tx
	err error
}

func (b brokenTx) Commit() error {
	return errors.Join(b.Tx.Commit(), b.err)
}

func TestOutcomeUnknown(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		err     error
		unknown bool
	}{
		"BadConnection":     {driver.ErrBadConn, true},
		"EndOfStream":       {io.EOF, true},
		"ContextEnded":      {context.Canceled, true},
		"DeadlinePassed":    {context.DeadlineExceeded, true},
		"Shutdown":          {&pq.Error{Severity: pqerror.SeverityFatal, Code: pqerror.AdminShutdown}, true},
		"ShutdownUnmarked":  {&pq.Error{Severity: "ERROR", Code: pqerror.AdminShutdown}, true},
		"ConnectionFailure": {&pq.Error{Severity: "ERROR", Code: pqerror.ConnectionFailure}, true},
		"Unheard":           {errBoom, true},
		"Serialisation":     {&pq.Error{Severity: "ERROR", Code: pqerror.TRSerializationFailure}, false},
		"Deadlock":          {&pq.Error{Severity: "ERROR", Code: pqerror.TRDeadlockDetected}, false},
		"Unique":            {&pq.Error{Severity: "ERROR", Code: pqerror.UniqueViolation}, false},
		"Cancelled":         {&pq.Error{Severity: "ERROR", Code: pqerror.QueryCanceled}, false},
		"AlreadyRolledBack": {sql.ErrTxDone, false},
		"Cut":               {&net.OpError{Op: "read", Err: errBoom}, true},
		"NeverConnected":    {&net.OpError{Op: "dial", Err: errBoom}, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, dialect := range []database.Dialect{database.SQLite, database.Postgres} {
				db := opened(t, database.Options{Wrap: func(c driver.Connector) driver.Connector {
					return brokenCommit{c, test.err}
				}}, dbtest.URL(t, dialect))
				err := database.InTx(t.Context(), db.Write, func(tx *sql.Tx) error { return insert(t.Context(), tx) })
				if !errors.Is(err, test.err) || errors.Is(err, database.ErrOutcomeUnknown) != test.unknown {
					t.Errorf("%s: got %v, want the error of the commit, outcome unknown: %t", dialect, err, test.unknown)
				}
			}
		})
	}
}

// TestWithoutCancel shows what the documentation recommends: a caller that hangs up stops nothing.
func TestWithoutCancel(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		apart := context.WithoutCancel(ctx)
		err := database.InTx(apart, db.Write, func(tx *sql.Tx) error {
			cancel()
			return insert(apart, tx)
		})
		if err != nil || rows(t, db) != 1 {
			t.Errorf("got %d rows, error %v; want the row", rows(t, db), err)
		}
	})
}
