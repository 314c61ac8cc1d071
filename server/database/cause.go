package database

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"

	"github.com/lib/pq"
	"modernc.org/sqlite"
)

// Cause describes an error for the log, in fixed words only: by the errors at its bottom. Its own text may quote what
// somebody typed, an address or a password. An error that is a [slog.LogValuer] says itself what may be logged.
func Cause(err error) string {
	var texts []string
	for _, text := range causes(err) {
		if !slices.Contains(texts, text) {
			texts = append(texts, text)
		}
	}
	return strings.Join(texts, "; ")
}

// causes describes the errors at the bottom of one.
func causes(err error) []string {
	switch e := err.(type) { //nolint:errorlint // it looks at one error after the other, from the outermost down
	case slog.LogValuer:
		return []string{e.LogValue().Resolve().String()}
	case interface{ Unwrap() []error }:
		var texts []string
		for _, below := range e.Unwrap() {
			texts = append(texts, causes(below)...)
		}
		return texts
	case *net.OpError:
		return []string{e.Op + ": " + Cause(e.Err)} // without the addresses
	case *os.SyscallError:
		return []string{e.Syscall + ": " + Cause(e.Err)}
	case *fs.PathError:
		return []string{e.Op + ": " + Cause(e.Err)}
	case interface{ Unwrap() error }:
		if below := e.Unwrap(); below != nil {
			return causes(below)
		}
	}
	return []string{bottom(err)}
}

// bottom describes an error that wraps no other.
func bottom(err error) string {
	switch e := err.(type) { //nolint:errorlint // as above
	case *pq.Error:
		return strings.TrimSpace("SQLSTATE " + e.SQLState() + " " + e.Code.Name())
	case *sqlite.Error:
		return fmt.Sprintf("%s, code %d", sqlite.ErrorCodeString[e.Code()&0xff], e.Code())
	case *net.DNSError:
		return lookup(e)
	case syscall.Errno:
		return e.Error()
	}
	if text := err.Error(); slices.Contains(fixed(), text) {
		return text
	}
	if name := fmt.Sprintf("%T", err); name != "*errors.errorString" {
		return name
	}
	return "an error without a name"
}

// lookup describes why the address of a host was not found, without the names in it.
func lookup(err *net.DNSError) string {
	switch {
	case err.IsNotFound:
		return "lookup: no such host"
	case err.IsTimeout:
		return "lookup: i/o timeout"
	}
	return "lookup: the name server failed"
}

// fixed returns texts of errors that never have anything else in them. Of those that are not exported it has the text
// itself.
func fixed() []string {
	texts := []string{
		"sql: database is closed", "sql: statement is closed", "sql: Rows are closed",
		"pq: ListenerConn has been closed", "unexpected ReadyForQuery",
	}
	for _, err := range []error{
		context.Canceled, context.DeadlineExceeded, os.ErrDeadlineExceeded, io.EOF, io.ErrUnexpectedEOF, io.ErrClosedPipe,
		net.ErrClosed, driver.ErrBadConn, sql.ErrConnDone, sql.ErrTxDone, sql.ErrNoRows, pq.ErrInFailedTransaction,
		pq.ErrSSLNotSupported, ErrOutcomeUnknown, ErrClock, ErrInUse, ErrURL, errRowsOpen,
	} {
		texts = append(texts, err.Error())
	}
	return texts
}
