package database

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"strings"

	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// IsUniqueViolation says whether err is that of a row whose key is taken.
func IsUniqueViolation(err error) bool {
	if pq.As(err, pqerror.UniqueViolation) != nil {
		return true
	}
	code, ok := sqliteCode(err)
	return ok && (code == sqlite3.SQLITE_CONSTRAINT_UNIQUE || code == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY ||
		code == sqlite3.SQLITE_CONSTRAINT_ROWID)
}

// IsRetryable says whether err is that of a transaction which lost against another and may be run again
// from its start. SQLite has none, since its writers queue.
func IsRetryable(err error) bool {
	return pq.As(err, pqerror.TRSerializationFailure, pqerror.TRDeadlockDetected) != nil
}

// IsTimeout says whether err is that of a statement which ran, or waited for a lock, for too long, or
// whose context ended by its deadline.
func IsTimeout(err error) bool {
	if errors.Is(err, context.DeadlineExceeded) || pq.As(err, pqerror.QueryCanceled, pqerror.LockNotAvailable) != nil {
		return true
	}
	code, ok := sqliteCode(err)
	return ok && code&0xff == sqlite3.SQLITE_BUSY
}

// IsConnectionLost says whether err is that of a connection which broke or could not be made. What was
// asked over it may have been done.
func IsConnectionLost(err error) bool {
	if e := pq.As(err); e != nil && strings.HasPrefix(string(e.Code), "08") {
		return true
	}
	if pq.As(err, pqerror.AdminShutdown, pqerror.CrashShutdown, pqerror.CannotConnectNow) != nil {
		return true
	}
	if _, ok := errors.AsType[*net.OpError](err); ok {
		return true
	}
	for _, lost := range []error{driver.ErrBadConn, io.EOF, io.ErrUnexpectedEOF, net.ErrClosed} {
		if errors.Is(err, lost) {
			return true
		}
	}
	return false
}

// isRefusal says whether err is a sure answer to COMMIT that nothing was written. A FATAL error is none:
// the server may say it after the commit. Nor is a failed disk: SQLite may find the commit in its log
// when it starts again.
func isRefusal(err error) bool {
	if errors.Is(err, sql.ErrTxDone) || errors.Is(err, pq.ErrInFailedTransaction) {
		return true
	}
	if e := pq.As(err); e != nil {
		return !e.Fatal() && !IsConnectionLost(err)
	}
	code, ok := sqliteCode(err)
	return ok && code&0xff != sqlite3.SQLITE_IOERR
}

// sqliteCode gives the extended result code of an SQLite error.
func sqliteCode(err error) (int, bool) {
	e, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return 0, false
	}
	return e.Code(), true
}
