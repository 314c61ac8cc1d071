package dbtest

import (
	"context"
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"petitiond/server/database"
)

// Each runs f as a subtest on SQLite and as one on PostgreSQL, each with a new migrated database that no other test
// uses and that is removed afterwards.
func Each(t *testing.T, f func(t *testing.T, db *database.DB)) {
	t.Helper()
	for _, dialect := range []database.Dialect{database.SQLite, database.Postgres} {
		t.Run(dialect.String(), func(t *testing.T) { f(t, New(t, dialect)) })
	}
}

// New opens a new migrated database until the test ends.
func New(t testing.TB, dialect database.Dialect) *database.DB {
	t.Helper()
	return open(t, database.Options{}, URL(t, dialect))
}

// EachCounting is like Each, with a counter of the statements that reach the database.
func EachCounting(t *testing.T, f func(t *testing.T, db *database.DB, counter *Counter)) {
	t.Helper()
	for _, dialect := range []database.Dialect{database.SQLite, database.Postgres} {
		t.Run(dialect.String(), func(t *testing.T) {
			db, counter := Counting(t, dialect)
			f(t, db, counter)
		})
	}
}

// Counting is like New, with a counter of the statements that reach the database. It sits between database/sql and the
// driver, so it sees the statements of all code. It starts at zero.
func Counting(t testing.TB, dialect database.Dialect) (*database.DB, *Counter) {
	t.Helper()
	counter := new(Counter)
	db := open(t, database.Options{Wrap: counter.wrap}, URL(t, dialect))
	counter.Reset()
	return db, counter
}

// URL returns the address of a new migrated database that exists until the test ends. A test that opens it must close
// it before it ends.
func URL(t testing.TB, dialect database.Dialect) string {
	t.Helper()
	if dialect == database.SQLite {
		return sqliteURL(t)
	}
	return postgresURL(t)
}

// open opens a database until the test ends.
func open(t testing.TB, options database.Options, url string) *database.DB {
	t.Helper()
	db, err := options.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil && !database.IsConnectionLost(err) { // some tests break connections
			t.Error(err)
		}
	})
	return db
}

// Main runs the tests of a package that uses databases: call it from TestMain. It fails them if they leave a goroutine
// behind, and removes what the tests of the process share, such as a PostgreSQL server.
func Main(m *testing.M) {
	tidy.Store(true)
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		if err := discard(context.Background()); err != nil {
			fmt.Fprintln(os.Stderr, "dbtest:", err)
			code = max(code, 1)
		}
		os.Exit(code)
	}))
}
