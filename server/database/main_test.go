package database_test

import (
	"context"
	"database/sql"
	"path/filepath"
	"testing"
	"time"

	"petitiond/server/database"
	"petitiond/server/database/dbtest"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

// execer is a pool or a transaction.
type execer interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// exec runs statements that must not fail.
func exec(t testing.TB, on execer, query string, args ...any) {
	t.Helper()
	if _, err := on.ExecContext(t.Context(), query, args...); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

// scan reads the one value of the one row of a query that must not fail.
func scan[T any](t testing.TB, pool *sql.DB, query string, args ...any) (value T) {
	t.Helper()
	if err := pool.QueryRowContext(t.Context(), query, args...).Scan(&value); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return value
}

// empty opens a new database without a schema.
func empty(t testing.TB, dialect database.Dialect) *database.DB {
	t.Helper()
	if dialect == database.SQLite {
		return opened(t, database.Options{}, "sqlite:"+filepath.Join(t.TempDir(), "test.db"))
	}
	db := dbtest.New(t, dialect)
	exec(t, db.Write, "DROP SCHEMA public CASCADE; CREATE SCHEMA public")
	return db
}

// eachEmpty is dbtest.Each with databases that have no schema.
func eachEmpty(t *testing.T, f func(t *testing.T, db *database.DB)) {
	t.Helper()
	for _, dialect := range []database.Dialect{database.SQLite, database.Postgres} {
		t.Run(dialect.String(), func(t *testing.T) { f(t, empty(t, dialect)) })
	}
}

// opened opens a database until the test ends.
func opened(t testing.TB, options database.Options, url string) *database.DB {
	t.Helper()
	db, err := options.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// soon returns a context for what must not take long.
func soon(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}
