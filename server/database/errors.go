package database

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"slices"
	"strings"

	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

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
	if e := pq.As(err); e != nil && endsSession(e) {
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

// IsPassing says whether err tells of trouble that the database has, and not of a row: the transaction may
// succeed when it is run again, and would fail no less if it were run row by row.
func IsPassing(err error) bool {
	if IsRetryable(err) || IsConnectionLost(err) || IsTimeout(err) {
		return true
	}
	if e := pq.As(err); e != nil {
		return isOf(e, passingClasses()...)
	}
	code, ok := sqliteCode(err)
	return ok && isPassingCode(code&0xff)
}

// passingClasses are those of a server that is read-only or gave the transaction up, has no room, is shutting
// down, or has a broken disk.
func passingClasses() []pqerror.Class {
	return []pqerror.Class{
		pqerror.ClassInvalidTransactionState, pqerror.ClassInsufficientResources, pqerror.ClassOperatorIntervention,
		pqerror.ClassSystemError,
	}
}

// isPassingCode says the same of a result code of SQLite.
func isPassingCode(code int) bool {
	switch code {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_INTERRUPT,
		sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PROTOCOL:
		return true
	}
	return false
}

// IsRefused says whether err is that of a database which is there and cannot write: it has no room, no memory or no
// connection left, is read-only, or its disk is broken. That seldom ends within seconds. Nothing was written, unless
// err wraps ErrOutcomeUnknown.
func IsRefused(err error) bool {
	if e := pq.As(err); e != nil {
		return e.Code == pqerror.ReadOnlySQLTransaction ||
			isOf(e, pqerror.ClassInsufficientResources, pqerror.ClassSystemError)
	}
	code, ok := sqliteCode(err)
	switch code & 0xff {
	case sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_NOMEM:
		return ok
	}
	return false
}

// endsSession says whether PostgreSQL closes the connection after e. The severity alone would tell, but the
// driver reads the one that is translated into the server's language, so that the codes are named as well.
func endsSession(e *pq.Error) bool {
	if e.Severity == pqerror.SeverityFatal || e.Severity == pqerror.SeverityPanic {
		return true
	}
	switch e.Code {
	case pqerror.AdminShutdown, pqerror.CrashShutdown, pqerror.CannotConnectNow, pqerror.DatabaseDropped, pqerror.IdleSessionTimeout,
		pqerror.IdleInTransactionSessionTimeout, pqerror.TransactionTimeout, pqerror.TooManyConnections:
		return true
	}
	return isOf(e, pqerror.ClassConnectionException)
}

// isOf says whether the code of e, which may have none, is of one of classes.
func isOf(e *pq.Error, classes ...pqerror.Class) bool {
	return slices.ContainsFunc(classes, func(c pqerror.Class) bool { return strings.HasPrefix(string(e.Code), string(c)) })
}

// isRefusal says whether err is a sure answer to COMMIT that nothing was written. A FATAL error is none:
// the server may say it after the commit. Nor is a failed disk: SQLite may find the commit in its log
// when it starts again.
func isRefusal(err error) bool {
	if errors.Is(err, sql.ErrTxDone) || errors.Is(err, pq.ErrInFailedTransaction) {
		return true
	}
	if pq.As(err) != nil {
		return !IsConnectionLost(err)
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
