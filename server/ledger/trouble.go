package ledger

import (
	"errors"

	"github.com/lib/pq"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"petitiond/server/database"
)

// isPassing says whether err tells of trouble that the database has, and not of a row: the transaction may
// succeed when it is run again, and would fail no less if it were run row by row.
func isPassing(err error) bool {
	if database.IsRetryable(err) || database.IsConnectionLost(err) || database.IsTimeout(err) {
		return true
	}
	if e := pq.As(err); e != nil {
		return e.Fatal() || isPassingClass(string(e.Code.Class()))
	}
	e, ok := errors.AsType[*sqlite.Error](err)
	return ok && isPassingCode(e.Code()&0xff)
}

// isPassingClass looks at the class of an SQLSTATE: a server that is read-only or gave the transaction up, has
// no room, is shutting down, or has a broken disk.
func isPassingClass(class string) bool {
	return class == "25" || class == "53" || class == "57" || class == "58"
}

// isPassingCode does the same for a result code of SQLite.
func isPassingCode(code int) bool {
	switch code {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_INTERRUPT,
		sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PROTOCOL:
		return true
	}
	return false
}
