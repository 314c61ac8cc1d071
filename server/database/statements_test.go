package database_test

import (
	"context"
	"database/sql"
	"fmt"
	"testing"
	"time"

	"petitiond/server/database"
	"petitiond/server/database/dbtest"
)

// only returns one connection of a pool until the test ends.
func only(t testing.TB, pool *sql.DB) *sql.Conn {
	t.Helper()
	conn, err := pool.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// asker is a connection or a transaction.
type asker interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// ask runs a query that returns one number.
func ask(t testing.TB, on asker, query string, args ...any) (n int, err error) {
	t.Helper()
	err = on.QueryRowContext(t.Context(), query, args...).Scan(&n)
	return n, err
}

func TestStatementsStayPrepared(t *testing.T) {
	t.Parallel()
	dbtest.EachCounting(t, func(t *testing.T, db *database.DB, counter *dbtest.Counter) {
		conn := only(t, db.Read)
		const query = "SELECT COUNT(*) + CAST($1 AS integer) FROM tags"
		for i := range 6 {
			if n, err := ask(t, conn, query, i); n != i || err != nil {
				t.Fatalf("got %d, error %v; want %d", n, err, i)
			}
			want := min(i, 1) // what comes once is not prepared
			if got := counter.Prepared(); got != want || counter.Count() != i+1 {
				t.Errorf("run %d: %d statements prepared of %d, want %d", i, got, counter.Count(), want)
			}
		}
		for _, c := range []struct {
			query string
			want  int
		}{{"VALUES (1)", 1}, {"SELECT 1; SELECT 2", 1}, {"SELECT COUNT(*) FROM tags", 2}} {
			for range 3 {
				if _, err := conn.ExecContext(t.Context(), c.query); err != nil {
					t.Fatal(err)
				}
			}
			if got := counter.Prepared(); got != c.want {
				t.Errorf("after %s without arguments %d statements are prepared, want %d", c.query, got, c.want)
			}
		}
		writer := only(t, db.Write)
		counter.Reset()
		for i := range 4 {
			if _, err := writer.ExecContext(t.Context(), "UPDATE tags SET label = $1 WHERE key = $2", "A", fmt.Sprint(i)); err != nil {
				t.Fatal(err)
			}
		}
		if got := counter.Prepared(); got != 1 {
			t.Errorf("%d commands prepared, want 1", got)
		}
	})
}

// TestStatementsAreGivenBack asks more than a connection keeps.
func TestStatementsAreGivenBack(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		conn := only(t, db.Read)
		for round := range 3 {
			for i := range 200 {
				if n, err := ask(t, conn, fmt.Sprintf("SELECT %d + CAST($1 AS integer)", i), round); n != i+round || err != nil {
					t.Fatalf("got %d, error %v; want %d", n, err, i+round)
				}
				_, _ = ask(t, conn, fmt.Sprintf("SELECT %d + CAST($1 AS integer)", i), round)
			}
		}
		if db.Dialect == database.Postgres {
			if n, err := ask(t, conn, "SELECT COUNT(*) FROM pg_prepared_statements"); n < 100 || n > 128 || err != nil {
				t.Errorf("%d statements are kept, error %v; want at most 128", n, err)
			}
		}
	})
}

// TestStatementsOutliveMigrations changes the columns of a cached statement, and deallocates cached statements.
func TestStatementsOutliveMigrations(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		conn, writer := only(t, db.Read), db.Write
		columns := func(on asker) (int, error) {
			rows, err := on.QueryContext(t.Context(), "SELECT * FROM tags WHERE key <> $1", "x")
			if err != nil {
				return 0, err
			}
			defer rows.Close()
			names, err := rows.Columns()
			return len(names), err
		}
		before := 0
		for range 3 {
			before, _ = columns(conn)
		}
		exec(t, writer, "ALTER TABLE tags ADD COLUMN more text")
		for range 3 {
			if n, err := columns(conn); n != before+1 || err != nil {
				t.Errorf("%d columns, error %v; want %d", n, err, before+1)
			}
		}
		if db.Dialect != database.Postgres {
			return
		}
		exec(t, writer, "ALTER TABLE tags ADD COLUMN most text")
		tx, err := conn.BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := columns(tx); err == nil {
			t.Error("a transaction that cannot go on goes on")
		}
		_ = tx.Rollback()
		for _, forget := range []string{"DEALLOCATE ALL", "DISCARD ALL"} {
			if _, err := conn.ExecContext(t.Context(), forget); err != nil {
				t.Fatal(err)
			}
			for range 3 {
				if n, err := columns(conn); n != before+2 || err != nil {
					t.Errorf("%s: %d columns, error %v; want %d", forget, n, err, before+2)
				}
			}
		}
	})
}

// TestRowsStayOpen asks again while the rows of the same statement are open, which SQLite allows.
func TestRowsStayOpen(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		const query = "SELECT CAST($1 AS integer) UNION ALL SELECT 2"
		err := db.Snapshot(t.Context(), func(tx *sql.Tx) error {
			for range 3 {
				if n, err := ask(t, tx, query, 1); n != 1 || err != nil {
					t.Errorf("got %d, error %v", n, err)
				}
			}
			rows, err := tx.QueryContext(t.Context(), query, 1)
			if err != nil {
				return err
			}
			defer rows.Close()
			rows.Next()
			n, err := ask(t, tx, query, 5)
			if db.Dialect == database.Postgres {
				if err == nil {
					t.Error("PostgreSQL answers two at a time")
				}
				return rows.Err()
			}
			if n != 5 || err != nil {
				t.Errorf("within the rows: got %d, error %v", n, err)
			}
			var second int
			if !rows.Next() || rows.Scan(&second) != nil || second != 2 {
				t.Errorf("the second row is %d, want 2", second)
			}
			return rows.Err()
		})
		if err != nil {
			t.Error(err)
		}
	})
}

// TestStatementsAreCancelled ends the context of a kept statement: the connection goes on.
func TestStatementsAreCancelled(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t, database.Postgres)
	conn := only(t, db.Read)
	sleep := func(d time.Duration, seconds int) error {
		ctx, cancel := context.WithTimeout(t.Context(), d)
		defer cancel()
		var nothing string
		return conn.QueryRowContext(ctx, "SELECT pg_sleep($1)::text", seconds).Scan(&nothing)
	}
	for range 2 {
		if err := sleep(time.Minute, 0); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		// Long enough for the statement to have begun: the server forgets a cancellation that comes before it.
		if err := sleep(300*time.Millisecond, 3); !database.IsTimeout(err) {
			t.Errorf("got %v, want that the time ran out", err)
		}
	}
	if n, err := ask(t, conn, "SELECT 1 + $1::int", 1); n != 2 || err != nil {
		t.Errorf("afterwards: got %d, error %v", n, err)
	}
}
