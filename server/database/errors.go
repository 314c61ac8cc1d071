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

// IsRetryable reports whether a transaction lost a conflict with another and can be repeated from its start. SQLite has
// no such conflicts, since its writers queue.
func IsRetryable(err error) bool {
	return pq.As(err, pqerror.TRSerializationFailure, pqerror.TRDeadlockDetected) != nil
}

// IsTimeout reports whether a statement ran or waited for a lock for too long, or the deadline of its context has
// passed.
func IsTimeout(err error) bool {
	if errors.Is(err, context.DeadlineExceeded) || pq.As(err, pqerror.QueryCanceled, pqerror.LockNotAvailable) != nil {
		return true
	}
	code, ok := sqliteCode(err)
	return ok && code&0xff == sqlite3.SQLITE_BUSY
}

// IsConnectionLost reports whether a connection broke or could not be opened. A statement that was sent over it may or
// may not have been executed.
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

// IsPassing reports whether err is due to trouble of the database and not to a particular row: the transaction may
// succeed when it is repeated later, and running it row by row would not help.
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

// passingClasses are the classes of errors of a server that is read-only or has aborted the transaction, is out of
// space, memory or connections, is shutting down, or has a broken disk.
func passingClasses() []pqerror.Class {
	return []pqerror.Class{
		pqerror.ClassInvalidTransactionState, pqerror.ClassInsufficientResources, pqerror.ClassOperatorIntervention,
		pqerror.ClassSystemError,
	}
}

// isPassingCode reports the same for a result code of SQLite.
func isPassingCode(code int) bool {
	switch code {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_INTERRUPT,
		sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PROTOCOL:
		return true
	}
	return false
}

// IsRefused reports whether the database answers but cannot write: it is out of space, memory or connections, is
// read-only, or its disk is broken. Such trouble seldom ends within seconds. Nothing was written, unless err wraps
// ErrOutcomeUnknown.
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

// endsSession reports whether PostgreSQL closes the connection after e. The severity would be enough, but the driver
// reads the one that is translated into the server's language: hence the codes.
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

// isOf reports whether e has a code of one of the classes.
func isOf(e *pq.Error, classes ...pqerror.Class) bool {
	return slices.ContainsFunc(classes, func(c pqerror.Class) bool { return strings.HasPrefix(string(e.Code), string(c)) })
}

// isRefusal reports whether err proves that a COMMIT has written nothing. A FATAL error does not: the server may send
// it after the commit. Nor does a disk error: SQLite may still find the commit in its log when it opens the file again.
func isRefusal(err error) bool {
	if errors.Is(err, sql.ErrTxDone) || errors.Is(err, pq.ErrInFailedTransaction) || neverConnected(err) {
		return true
	}
	if pq.As(err) != nil {
		return !IsConnectionLost(err)
	}
	code, ok := sqliteCode(err)
	return ok && code&0xff != sqlite3.SQLITE_IOERR
}

// neverConnected reports whether there was no connection over which something could have been sent.
func neverConnected(err error) bool {
	e, ok := errors.AsType[*net.OpError](err)
	return ok && e.Op == "dial"
}

// sqliteCode returns the extended result code of an SQLite error.
func sqliteCode(err error) (int, bool) {
	e, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return 0, false
	}
	return e.Code(), true
}
