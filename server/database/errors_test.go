package database_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"

	"petitiond/server/database"
	"petitiond/server/database/dbtest"
)

func TestPredicates(t *testing.T) {
	t.Parallel()
	code := func(code string) error {
		return fmt.Errorf("wrapped: %w", &pq.Error{Severity: "ERROR", Code: pqerror.Code(code)})
	}
	type is struct{ retryable, timeout, lost bool }
	tests := map[string]struct {
		err  error
		want is
	}{
		"None":              {nil, is{}},
		"Other":             {errBoom, is{}},
		"NoRows":            {sql.ErrNoRows, is{}},
		"Unique":            {code("23505"), is{}},
		"ForeignKey":        {code("23503"), is{}},
		"NoCode":            {code(""), is{}},
		"Serialisation":     {code("40001"), is{retryable: true}},
		"Deadlock":          {code("40P01"), is{retryable: true}},
		"StatementTimeout":  {code("57014"), is{timeout: true}},
		"LockTimeout":       {code("55P03"), is{timeout: true}},
		"Deadline":          {fmt.Errorf("wrapped: %w", context.DeadlineExceeded), is{timeout: true}},
		"Cancelled":         {context.Canceled, is{}},
		"ConnectionFailure": {code("08006"), is{lost: true}},
		"AdminShutdown":     {code("57P01"), is{lost: true}},
		"CrashShutdown":     {code("57P02"), is{lost: true}},
		"StartingUp":        {code("57P03"), is{lost: true}},
		"DatabaseDropped":   {code("57P04"), is{lost: true}},
		"IdleSession":       {code("57P05"), is{lost: true}},
		"IdleInTransaction": {code("25P03"), is{lost: true}},
		"LongTransaction":   {code("25P04"), is{lost: true}},
		"TooMany":           {code("53300"), is{lost: true}},
		"DiskFull":          {code("53100"), is{}},
		"ReadOnly":          {code("25006"), is{}},
		"Fatal":             {&pq.Error{Severity: "FATAL", Code: "28P01"}, is{lost: true}},
		"Panic":             {&pq.Error{Severity: "PANIC", Code: "53100"}, is{lost: true}},
		"FatalInRussian":    {&pq.Error{Severity: "ВАЖНО", Code: "57P05"}, is{lost: true}},
		"BadConnection":     {fmt.Errorf("wrapped: %w", driver.ErrBadConn), is{lost: true}},
		"EndOfStream":       {io.EOF, is{lost: true}},
		"HalfMessage":       {io.ErrUnexpectedEOF, is{lost: true}},
		"ClosedHere":        {net.ErrClosed, is{lost: true}},
		"Network":           {&net.OpError{Op: "dial", Err: errBoom}, is{lost: true}},
		"Joined":            {errors.Join(errBoom, driver.ErrBadConn), is{lost: true}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := is{
				database.IsRetryable(test.err), database.IsTimeout(test.err), database.IsConnectionLost(test.err),
			}
			if got != test.want {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
}

func TestIsPassing(t *testing.T) {
	t.Parallel()
	sqlstate := func(code pqerror.Code) error { return &pq.Error{Severity: "ERROR", Code: code} }
	tests := map[string]struct {
		err  error
		want bool
	}{
		"Deadlock":        {sqlstate(pqerror.TRDeadlockDetected), true},
		"LockTimeout":     {sqlstate(pqerror.LockNotAvailable), true},
		"Cancelled":       {sqlstate(pqerror.QueryCanceled), true},
		"ReadOnly":        {sqlstate("25006"), true},
		"IdleInTx":        {&pq.Error{Severity: pqerror.SeverityFatal, Code: "25P03"}, true},
		"TooMany":         {&pq.Error{Severity: pqerror.SeverityFatal, Code: "53300"}, true},
		"DiskFull":        {sqlstate("53100"), true},
		"Starting":        {sqlstate("57P03"), true},
		"BrokenDisk":      {sqlstate("58030"), true},
		"Lost":            {fmt.Errorf("begin: %w", driver.ErrBadConn), true},
		"EndOfStream":     {io.ErrUnexpectedEOF, true},
		"Refused":         {&net.OpError{Op: "dial", Err: errBoom}, true},
		"Unique":          {sqlstate(pqerror.UniqueViolation), false},
		"BadBytes":        {sqlstate("22021"), false},
		"NoTable":         {sqlstate("42P01"), false},
		"NoTransaction":   {sql.ErrTxDone, false},
		"None":            {nil, false},
		"NoCode":          {sqlstate(""), false},
		"SomethingOfOurs": {errBoom, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := database.IsPassing(test.err); got != test.want {
				t.Errorf("got %t, want %t", got, test.want)
			}
		})
	}
}

func TestIsRefused(t *testing.T) {
	t.Parallel()
	sqlstate := func(code pqerror.Code) error {
		return fmt.Errorf("begin: %w", &pq.Error{Severity: "ERROR", Code: code})
	}
	tests := map[string]struct {
		err  error
		want bool
	}{
		"DiskFull":   {sqlstate("53100"), true},
		"Memory":     {sqlstate("53200"), true},
		"TooMany":    {&pq.Error{Severity: pqerror.SeverityFatal, Code: "53300"}, true},
		"BrokenDisk": {sqlstate("58030"), true},
		"ReadOnly":   {sqlstate("25006"), true},
		"Deadlock":   {sqlstate(pqerror.TRDeadlockDetected), false},
		"Timeout":    {sqlstate(pqerror.QueryCanceled), false},
		"Starting":   {sqlstate("57P03"), false},
		"IdleInTx":   {sqlstate("25P03"), false},
		"Unique":     {sqlstate(pqerror.UniqueViolation), false},
		"Lost":       {driver.ErrBadConn, false},
		"None":       {nil, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := database.IsRefused(test.err); got != test.want {
				t.Errorf("got %t, want %t", got, test.want)
			}
		})
	}
}

// TestDeadlock makes two transactions wait for each other.
func TestDeadlock(t *testing.T) {
	t.Parallel()
	db := opened(t, database.Options{}, with(t, dbtest.URL(t, database.Postgres), map[string]string{"deadlock_timeout": "20ms"}))
	exec(t, db.Write, "CREATE TABLE t (id int); INSERT INTO t VALUES (1), (2)")
	const lock = "SELECT id FROM t WHERE id = $1 FOR UPDATE"
	errs, locked := make(chan error), [2]chan struct{}{make(chan struct{}), make(chan struct{})}
	for i := range 2 {
		go func() {
			errs <- database.InTx(t.Context(), db.Write, func(tx *sql.Tx) error {
				if _, err := tx.ExecContext(t.Context(), lock, i+1); err != nil {
					return err
				}
				close(locked[i])
				select { // until both have their first lock
				case <-locked[1-i]:
				case <-t.Context().Done():
				}
				_, err := tx.ExecContext(t.Context(), lock, 2-i)
				return err
			})
		}()
	}
	one, two := <-errs, <-errs
	if database.IsRetryable(one) == database.IsRetryable(two) {
		t.Errorf("got %v and %v, want one of the two told to try again", one, two)
	}
}

func TestTimeouts(t *testing.T) {
	t.Parallel()
	t.Run("Statement", func(t *testing.T) {
		t.Parallel()
		db := opened(t, database.Options{}, with(t, dbtest.URL(t, database.Postgres), map[string]string{"statement_timeout": "20ms"}))
		if _, err := db.Write.ExecContext(soon(t), "SELECT pg_sleep(10)"); !database.IsTimeout(err) {
			t.Errorf("got %v, want a timeout", err)
		}
	})
	t.Run("Lock", func(t *testing.T) {
		t.Parallel()
		db := opened(t, database.Options{}, with(t, dbtest.URL(t, database.Postgres), map[string]string{"lock_timeout": "20ms"}))
		err := database.InTx(soon(t), db.Ledger, func(tx *sql.Tx) error {
			exec(t, tx, "LOCK TABLE petitions")
			if _, err := db.Write.ExecContext(soon(t), "SELECT id FROM petitions"); !database.IsTimeout(err) {
				t.Errorf("got %v, want a timeout", err)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
	t.Run("Context", func(t *testing.T) {
		t.Parallel()
		dbtest.Each(t, func(t *testing.T, db *database.DB) {
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
			defer cancel()
			_, err := db.Read.ExecContext(ctx, "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n")
			if !database.IsTimeout(err) {
				t.Errorf("got %v, want a timeout", err)
			}
			if got := scan[int](t, db.Read, "SELECT 1"); got != 1 {
				t.Errorf("the pool is unusable afterwards")
			}
		})
	})
}
