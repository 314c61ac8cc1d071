package database_test

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"petitiond/server/database"
	"petitiond/server/database/dbtest"
	"petitiond/server/database/pgproxy"
)

func TestOpenRefusesAddresses(t *testing.T) {
	t.Parallel()
	addresses := map[string]string{
		"Empty":           "",
		"PathAlone":       "/var/lib/hunter2.db",
		"OtherDatabase":   "mysql://root:hunter2@localhost/db",
		"NoPath":          "sqlite:",
		"Memory":          "sqlite::memory:",
		"SlashesOfURL":    "sqlite://hunter2.db",
		"Parameters":      "sqlite:hunter2.db?mode=memory",
		"BadEscape":       "postgres://ann:hunter2%zz@localhost/db",
		"BadPort":         "postgres://ann:hunter2@localhost:port/db",
		"BadMode":         "postgres://ann:hunter2@localhost/db?sslmode=hunter2",
		"BadDate":         "postgres://ann:hunter2@localhost/db?datestyle=hunter2",
		"BinaryParameter": "postgres://ann:hunter2@localhost/db?binary_parameters=yes",
	}
	for name, address := range addresses {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db, err := database.Open(t.Context(), address)
			if err == nil {
				t.Fatal("the address was taken", db.Close())
			}
			if name != "BinaryParameter" && !errors.Is(err, database.ErrURL) {
				t.Errorf("got %v, want ErrURL", err)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Error("the error quotes the address")
			}
		})
	}
}

func TestOpenUnreachable(t *testing.T) {
	t.Parallel()
	_, err := database.Open(soon(t), "postgres://ann:hunter2@/db?host="+t.TempDir())
	if err == nil || !database.IsConnectionLost(err) {
		t.Errorf("got %v, want a lost connection", err)
	}
	if err != nil && strings.Contains(err.Error(), "hunter2") {
		t.Error("the error quotes the password")
	}
}

func TestPools(t *testing.T) {
	t.Parallel()
	open := func(t *testing.T, db *database.DB) [4]int {
		t.Helper()
		return [4]int{
			db.Write.Stats().MaxOpenConnections, db.Read.Stats().MaxOpenConnections, db.LookUp.Stats().MaxOpenConnections,
			db.Ledger.Stats().MaxOpenConnections,
		}
	}
	t.Run("SQLite", func(t *testing.T) {
		t.Parallel()
		db := empty(t, database.SQLite)
		if got, want := open(t, db), [4]int{1, 3, 12, 1}; got != want {
			t.Errorf("got %v connections to write, read, look up and for the ledger, want %v", got, want)
		}
		if db.Ledger != db.Write || db.Read == db.Write || db.LookUp == db.Read || db.LookUp == db.Write {
			t.Error("the ledger must share the writer, readers must not, and look-ups must not wait for them")
		}
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		t.Parallel()
		db := dbtest.New(t, database.Postgres)
		if got, want := open(t, db), [4]int{9, 3, 12, 4}; got != want {
			t.Errorf("got %v connections to write, read, look up and for the ledger, want %v", got, want)
		}
		if db.Ledger == db.Write || db.Read == db.Write || db.LookUp == db.Read || db.LookUp == db.Write {
			t.Error("the ledger, what takes long and look-ups must have connections of their own")
		}
	})
	t.Run("Chosen", func(t *testing.T) {
		t.Parallel()
		options := database.Options{Write: 3, Read: 2, LookUp: 6, Ledger: 5}
		lite := opened(t, options, "sqlite:"+filepath.Join(t.TempDir(), "test.db"))
		postgres := opened(t, options, dbtest.URL(t, database.Postgres))
		if got, want := open(t, lite), [4]int{1, 2, 6, 1}; got != want {
			t.Errorf("SQLite: got %v, want %v", got, want)
		}
		if got, want := open(t, postgres), [4]int{3, 2, 6, 5}; got != want {
			t.Errorf("PostgreSQL: got %v, want %v", got, want)
		}
	})
}

// TestPoolsKeepConnections makes sure that connections stay open as long as there is room.
func TestPoolsKeepConnections(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		t.Parallel()
		want := db.Read.Stats().MaxOpenConnections
		for range 2 {
			for _, conn := range conns(t, db.Read) {
				if err := conn.Close(); err != nil {
					t.Error(err)
				}
			}
		}
		if stats := db.Read.Stats(); stats.Idle != want || stats.MaxIdleClosed != 0 {
			t.Errorf("%d connections idle, %d closed; want all %d kept", stats.Idle, stats.MaxIdleClosed, want)
		}
	})
}

// TestNothingWaitsForWhatTakesLong takes every connection on which long statements run. One more of those waits, within
// its time. Look-ups do not, nor do writes, the search for a credential, the ledger, or the question whether the
// database is migrated.
func TestNothingWaitsForWhatTakesLong(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		t.Parallel()
		taken := conns(t, db.Read)
		rows, err := db.AskByIndex(soon(t), "SELECT 1")
		if err != nil {
			t.Fatalf("a look-up waits: %v", err)
		}
		if err := rows.Close(); err != nil {
			t.Error(err)
		}
		for name, pool := range map[string]*sql.DB{"writing": db.Write, "the newest": db.Newest(), "the ledger": db.Ledger} {
			if err := database.InTx(soon(t), pool, func(*sql.Tx) error { return nil }); err != nil {
				t.Errorf("%s waits: %v", name, err)
			}
		}
		if pending, err := db.Pending(soon(t)); err != nil || len(pending) > 0 {
			t.Errorf("%d migrations are pending, error %v", len(pending), err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if rows, err := db.Ask(ctx, "SELECT 1"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("one more ran (error %v, %v)", err, rows)
		}
		if err := taken[0].Close(); err != nil {
			t.Error(err)
		}
		if rows, err = db.Ask(soon(t), "SELECT 1"); err != nil {
			t.Fatalf("there is room again, and: %v", err)
		}
		if err := rows.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestClose checks that a closed database answers no more, and may be closed again.
func TestClose(t *testing.T) {
	t.Parallel()
	eachEmpty(t, func(t *testing.T, db *database.DB) {
		t.Parallel()
		if err := db.Read.PingContext(t.Context()); err != nil {
			t.Errorf("an open database: %v", err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		if err := db.Read.PingContext(t.Context()); err == nil {
			t.Error("a closed database answers")
		}
		if err := db.Close(); err != nil {
			t.Errorf("closing twice: %v", err)
		}
	})
}

// TestCloseAfterRestart closes pools whose connections have broken, which is no failure: only the driver still has to
// learn of it.
func TestCloseAfterRestart(t *testing.T) {
	t.Parallel()
	proxy := pgproxy.New(t, dbtest.URL(t, database.Postgres))
	db, err := database.Open(t.Context(), proxy.URL)
	if err != nil {
		t.Fatal(err)
	}
	pools := []*sql.DB{db.Write, db.LookUp, db.Ledger}
	for _, pool := range pools {
		var all []*sql.Conn
		for range 3 {
			conn, err := pool.Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, conn)
		}
		for _, conn := range all {
			_ = conn.Close() // it stays in the pool
		}
	}
	proxy.Forget()
	for _, pool := range pools {
		_, _ = pool.ExecContext(t.Context(), "SELECT 1") // notices that a connection has broken; the others are idle
	}
	if err := db.Close(); err != nil {
		t.Errorf("closing: %v", err)
	}
}

func TestPlaceholders(t *testing.T) {
	t.Parallel()
	eachEmpty(t, func(t *testing.T, db *database.DB) {
		t.Parallel()
		got := scan[string](t, db.Read, "SELECT CAST($2 AS text) || CAST($1 AS text) || CAST($2 AS text)", "a", "b")
		if got != "bab" {
			t.Errorf("got %q, want %q", got, "bab")
		}
	})
}
