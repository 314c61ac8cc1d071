package database_test

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"time"

	"petitiond/server/database"
	"petitiond/server/database/dbtest"
	"petitiond/server/turns"
)

// reading waits until so many statements run on Read, and so many wait.
func reading(t *testing.T, db *database.DB, run, wait int) {
	t.Helper()
	for ctx := soon(t); ; time.Sleep(time.Millisecond) {
		taken, waiting := db.Reading()
		if taken == run && waiting == wait {
			return
		}
		if ctx.Err() != nil {
			t.Fatalf("%d statements run and %d wait, want %d and %d", taken, waiting, run, wait)
		}
	}
}

// TestReadingTakesTurns takes every connection for what takes long, and has one network wait for more of them. Another
// has the first that is free, and who has gone has none.
func TestReadingTakesTurns(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		t.Parallel()
		from := func(network string) context.Context { return turns.From(soon(t), netip.MustParsePrefix(network)) }
		busy, other := from("192.0.2.1/32"), from("192.0.2.2/32")
		order, proceed := make(chan string), make(chan struct{})
		ask := func(ctx context.Context, name string) {
			rows, err := db.Ask(ctx, "SELECT 1")
			if err != nil {
				order <- err.Error()
				return
			}
			order <- name
			<-proceed
			if err := rows.Close(); err != nil {
				t.Error(err)
			}
		}
		places := db.Read.Stats().MaxOpenConnections
		for range places {
			go ask(busy, "busy")
			<-order
		}
		gone, leave := context.WithCancel(busy)
		go ask(gone, "gone")
		reading(t, db, places, 1)
		for i := range 5 {
			go ask(busy, "busy")
			reading(t, db, places, 2+i)
		}
		go ask(other, "other")
		reading(t, db, places, 7)
		leave()
		if got := <-order; got != context.Canceled.Error() {
			t.Errorf("who has gone: %s", got)
		}
		for _, want := range []string{"other", "busy", "busy", "busy", "busy", "busy"} {
			proceed <- struct{}{}
			if got := <-order; got != want {
				t.Errorf("%s has the connection, want %s", got, want)
			}
		}
		for range places {
			proceed <- struct{}{}
		}
		reading(t, db, 0, 0)
	})
}

// TestReadingIsInterrupted ends the time of statements that would never end, on all connections. Each connection is
// there for the next at once.
func TestReadingIsInterrupted(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		t.Parallel()
		places := db.Read.Stats().MaxOpenConnections
		if db.Dialect == database.Postgres { // nothing else ends them
			for _, conn := range conns(t, db.Read) {
				exec(t, conn, "SET statement_timeout = 0")
				if err := conn.Close(); err != nil {
					t.Fatal(err)
				}
			}
		}
		ctx, end := context.WithCancel(t.Context())
		defer end()
		ended := make(chan error)
		for range places {
			go func() {
				_, err := db.Ask(ctx, "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n")
				ended <- err
			}()
		}
		reading(t, db, places, 0)
		// The server forgets a cancellation that comes before the statement.
		for db.Dialect == database.Postgres && scan[int](t, db.Write, `SELECT count(*) FROM pg_stat_activity
 WHERE datname = current_database() AND state = 'active' AND query LIKE 'WITH RECURSIVE n %'`) < places {
			time.Sleep(time.Millisecond)
		}
		end()
		for range places {
			select {
			case err := <-ended:
				if err == nil || !database.IsPassing(err) && !errors.Is(err, context.Canceled) {
					t.Errorf("got %v, want that it was interrupted", err)
				}
			case <-soon(t).Done():
				t.Fatal("a statement goes on")
			}
		}
		if rows, err := db.Ask(ctx, "SELECT 1"); !errors.Is(err, context.Canceled) {
			t.Errorf("another ran after the end: %v, %v", rows, err)
		}
		reading(t, db, 0, 0)
		for range places {
			rows, err := db.Ask(soon(t), "SELECT 1")
			if err != nil {
				t.Fatal(err)
			}
			defer rows.Close()
		}
	})
}

// TestReadingInOneTurn has one turn for statements that follow on each other, however many others wait, and takes none
// before the first.
func TestReadingInOneTurn(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		t.Parallel()
		ask := func(ctx context.Context) *database.Rows {
			t.Helper()
			rows, err := db.Ask(ctx, "SELECT 1")
			if err != nil {
				t.Fatal(err)
			}
			return rows
		}
		ctx, end := database.InOneTurn(soon(t))
		defer end()
		reading(t, db, 0, 0)
		places := db.Read.Stats().MaxOpenConnections
		for range places - 1 {
			defer ask(t.Context()).Close()
		}
		for i := range 3 {
			if err := ask(ctx).Close(); err != nil {
				t.Error(err)
			}
			if i == 0 {
				go func() {
					if rows, err := db.Ask(soon(t), "SELECT 1"); err == nil {
						_ = rows.Close()
					}
				}()
			}
			reading(t, db, places, 1)
		}
		end()
		reading(t, db, places-1, 0)
		end() // has nothing left to give back
		reading(t, db, places-1, 0)
	})
}
