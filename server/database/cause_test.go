package database_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/url"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"

	"petitiond/server/database"
	"petitiond/server/database/dbtest"
)

// said is an error that says what may be logged of it.
type said struct{ error }

func (said) LogValue() slog.Value { return slog.StringValue("what may be logged") }

func TestCause(t *testing.T) {
	t.Parallel()
	at := &net.TCPAddr{IP: net.IPv4(192, 0, 2, 66), Port: 5432}
	dial := &net.OpError{Op: "dial", Net: "tcp", Addr: at, Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"Refused":       {fmt.Errorf("begin for canary: %w", dial), "dial: connect: connection refused"},
		"Reset":         {&net.OpError{Op: "read", Source: at, Addr: at, Err: os.NewSyscallError("read", syscall.ECONNRESET)}, "read: read: connection reset by peer"},
		"Silent":        {&net.OpError{Op: "read", Addr: at, Err: os.ErrDeadlineExceeded}, "read: i/o timeout"},
		"Closed":        {&net.OpError{Op: "write", Addr: at, Err: net.ErrClosed}, "write: use of closed network connection"},
		"NoHost":        {&net.OpError{Op: "dial", Err: &net.DNSError{Name: "canary.example.org", IsNotFound: true}}, "dial: lookup: no such host"},
		"NameServer":    {&net.DNSError{Err: "canary", Name: "canary", Server: "192.0.2.66:53"}, "lookup: the name server failed"},
		"SlowLookup":    {&net.DNSError{Err: "canary", Name: "canary", IsTimeout: true}, "lookup: i/o timeout"},
		"End":           {fmt.Errorf("canary: %w", io.EOF), "EOF"},
		"HalfMessage":   {io.ErrUnexpectedEOF, "unexpected EOF"},
		"BadConnection": {fmt.Errorf("begin: %w", driver.ErrBadConn), "driver: bad connection"},
		"Deadline":      {context.DeadlineExceeded, "context deadline exceeded"},
		"Cancelled":     {fmt.Errorf("x: %w", context.Canceled), "context canceled"},
		"NoRows":        {sql.ErrNoRows, "sql: no rows in result set"},
		"Postgres":      {&pq.Error{Code: pqerror.AdminShutdown, Message: "canary", Detail: "canary"}, "SQLSTATE 57P01 admin_shutdown"},
		"Unnamed":       {&pq.Error{Code: "ZZ999", Message: "canary"}, "SQLSTATE ZZ999"},
		"Codeless":      {&pq.Error{Message: "canary"}, "SQLSTATE"},
		"File":          {&fs.PathError{Op: "open", Path: "/canary", Err: syscall.ENOENT}, "open: no such file or directory"},
		"Address":       {&url.Error{Op: "parse", URL: "postgres://ann:canary@h", Err: errors.New("canary")}, "an error without a name"},
		"Unknown":       {errors.New("canary typed this"), "an error without a name"},
		"UnknownType":   {fmt.Errorf("x: %w", &strconvLike{}), "*database_test.strconvLike"},
		"Unwrapped":     {fmt.Errorf("canary %s", "canary"), "an error without a name"},
		"Says":          {fmt.Errorf("canary: %w", said{errors.New("canary")}), "what may be logged"},
		"Several":       {errors.Join(errors.New("canary"), io.EOF, fmt.Errorf("%w: %w", io.EOF, dial)), "an error without a name; EOF; dial: connect: connection refused"},
		"Outcome":       {fmt.Errorf("commit: %w: %w", database.ErrOutcomeUnknown, driver.ErrBadConn), "the outcome of the transaction is unknown; driver: bad connection"},
	} {
		got := database.Cause(c.err)
		if got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
		if strings.Contains(got, "canary") || strings.Contains(got, "192.0.2") || strings.Contains(got, "*errors.") {
			t.Errorf("%s: %q tells too much, or too little", name, got)
		}
	}
}

// strconvLike is an error that nobody knows here, with what somebody typed in its text.
type strconvLike struct{}

func (*strconvLike) Error() string { return "parsing canary" }

// The two databases themselves quote what was typed.
func TestCauseOfStatements(t *testing.T) {
	t.Parallel()
	want := map[database.Dialect]string{
		database.SQLite: "Generic error (SQLITE_ERROR), code 1", database.Postgres: "SQLSTATE 42P01 undefined_table",
	}
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		_, err := db.Read.ExecContext(t.Context(), `SELECT * FROM canary`)
		if err == nil || !strings.Contains(err.Error(), "canary") {
			t.Fatalf("got %v, want an error that quotes", err)
		}
		if got := database.Cause(err); got != want[db.Dialect] {
			t.Errorf("got %q, want %q", got, want[db.Dialect])
		}
		var number int
		err = db.Read.QueryRowContext(t.Context(), `SELECT 'canary'`).Scan(&number)
		if got := database.Cause(err); err == nil || strings.Contains(got, "canary") {
			t.Errorf("got %q of %v", got, err)
		}
	})
}
