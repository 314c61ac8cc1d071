package database_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"testing"
	"time"

	"petitiond/server/database"
	"petitiond/server/database/dbtest"
	"petitiond/server/database/pgproxy"
	"petitiond/server/database/pgserver"
)

// ownServer starts a PostgreSQL that the test may kill, and opens a migrated database in it.
func ownServer(t *testing.T, settings map[string]string) (*pgserver.Server, *database.DB) {
	t.Helper()
	server, err := pgserver.New(t.Context(), pgserver.Options{Settings: settings})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	db := opened(t, database.Options{}, server.URL("postgres"))
	if _, err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return server, db
}

// backend returns the process that serves a transaction.
func backend(ctx context.Context, tx *sql.Tx) (pid int, err error) {
	err = tx.QueryRowContext(ctx, "SELECT pg_backend_pid()").Scan(&pid)
	return pid, err
}

// eventually waits until a query on pool returns true. What it asks of only the database knows.
func eventually(t *testing.T, pool *sql.DB, query string, args ...any) {
	t.Helper()
	for ctx := soon(t); !scan[bool](t, pool, query, args...); {
		select {
		case <-ctx.Done():
			t.Fatalf("%s: is not so", query)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// TestCrash kills PostgreSQL while a statement is under way, and restarts it. Everything that the pools are asked
// afterwards must succeed, although every idle connection is dead.
func TestCrash(t *testing.T) {
	t.Parallel()
	server, db := ownServer(t, nil)
	prepared, err := db.Write.PrepareContext(t.Context(), "SELECT $1::int")
	if err != nil {
		t.Fatal(err)
	}
	defer prepared.Close()
	first := map[string]func() error{
		"Begin": func() error {
			return database.InTx(t.Context(), db.Ledger, func(tx *sql.Tx) error {
				_, err := tx.ExecContext(t.Context(), "SELECT 1")
				return err
			})
		},
		"InTransaction": func() error {
			return database.InTx(t.Context(), db.Write, func(tx *sql.Tx) error {
				return tx.StmtContext(t.Context(), prepared).QueryRowContext(t.Context(), 1).Scan(new(int))
			})
		},
		"Exec":     func() error { _, err := db.Write.ExecContext(t.Context(), "SELECT 1"); return err },
		"Query":    func() error { return db.Write.QueryRowContext(t.Context(), "SELECT $1::int", 1).Scan(new(int)) },
		"Prepared": func() error { return prepared.QueryRowContext(t.Context(), 1).Scan(new(int)) },
	}
	warm(t, db.Write) // more connections than all of them together need
	warm(t, db.Ledger)
	lost := make(chan error)
	go func() {
		_, err := db.Write.ExecContext(t.Context(), "SELECT pg_sleep(2)")
		lost <- err
	}()
	eventually(t, db.Ledger, "SELECT count(*) > 0 FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(2)' AND state = 'active'")
	if err := server.Kill(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-lost; !database.IsConnectionLost(err) {
		t.Errorf("the statement under way returned %v, want a lost connection", err)
	}
	if _, err := db.Write.ExecContext(t.Context(), "SELECT 1"); !database.IsConnectionLost(err) {
		t.Errorf("got %v without a server, want a lost connection", err)
	}
	if err := server.Start(soon(t)); err != nil {
		t.Fatal(err)
	}
	for name, ask := range first {
		if err := ask(); err != nil {
			t.Errorf("%s after the crash: %v", name, err)
		}
	}
}

// warm opens every connection of pool.
func warm(t *testing.T, pool *sql.DB) {
	t.Helper()
	for _, conn := range conns(t, pool) {
		if err := conn.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestIdleConnectionsDie kills only the idle connections. The program notices when it uses them.
func TestIdleConnectionsDie(t *testing.T) {
	t.Parallel()
	socket := dbtest.URL(t, database.Postgres)
	for way, address := range map[string]string{"Socket": socket, "TCP": pgproxy.New(t, socket).URL} {
		db := opened(t, database.Options{Write: 10}, address) // many more than database/sql tries before it opens a new one
		ask := map[string]func() error{
			"Begin": func() error { return database.InTx(t.Context(), db.Write, func(*sql.Tx) error { return nil }) },
			"Exec":  func() error { _, err := db.Write.ExecContext(t.Context(), "SELECT 1"); return err },
		}
		warm(t, db.Write)
		exec(t, db.Ledger, `WITH doomed AS (SELECT array_agg(pid) AS pids, count(pg_terminate_backend(pid)) FROM pg_stat_activity
  WHERE datname = current_database() AND application_name = 'petitiond')
 SELECT pg_terminate_backend(pid, 5000) FROM doomed, unnest(pids) AS pid`)
		for name, ask := range ask {
			if err := ask(); err != nil {
				t.Errorf("%s by %s: got %v, want another connection", name, way, err)
			}
		}
	}
}

// TestEndedSessions has PostgreSQL end sessions within a transaction, in each of its ways.
func TestEndedSessions(t *testing.T) {
	t.Parallel()
	const sleep = "SELECT pg_sleep(2)"
	impatience := map[string]string{"idle_in_transaction_session_timeout": "30ms"}
	tests := map[string]struct {
		parameters map[string]string
		end        func(t *testing.T, db *database.DB, pid int)
	}{
		"IdleInTransaction": {impatience, func(*testing.T, *database.DB, int) {}},
		"Terminated": {nil, func(t *testing.T, db *database.DB, pid int) {
			exec(t, db.Write, "SELECT pg_terminate_backend($1)", pid)
		}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := opened(t, database.Options{}, with(t, dbtest.URL(t, database.Postgres), test.parameters))
			err := database.InTx(t.Context(), db.Ledger, func(tx *sql.Tx) error {
				pid, err := backend(t.Context(), tx)
				if err != nil {
					return err
				}
				test.end(t, db, pid)
				eventually(t, db.Write, "SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = $1", pid)
				_, err = tx.ExecContext(t.Context(), "SELECT 1")
				return err
			})
			if !database.IsConnectionLost(err) || errors.Is(err, database.ErrOutcomeUnknown) {
				t.Errorf("got %v, want a lost connection before the commit", err)
			}
		})
	}
	t.Run("TerminatedAtWork", func(t *testing.T) {
		t.Parallel()
		db := dbtest.New(t, database.Postgres)
		ended := make(chan error)
		go func() {
			ended <- database.InTx(t.Context(), db.Ledger, func(tx *sql.Tx) error {
				_, err := tx.ExecContext(t.Context(), sleep)
				return err
			})
		}()
		const kill = "SELECT count(pg_terminate_backend(pid)) > 0 FROM pg_stat_activity WHERE query = $1 AND datname = current_database()"
		eventually(t, db.Write, kill, sleep)
		if err := <-ended; !database.IsConnectionLost(err) {
			t.Errorf("got %v, want a lost connection", err)
		}
	})
}

// TestNoConnection asks for connections that cannot be opened.
func TestNoConnection(t *testing.T) {
	t.Parallel()
	t.Run("Refused", func(t *testing.T) {
		t.Parallel()
		port, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		if err := port.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := database.Open(soon(t), fmt.Sprintf("postgres://ann@%s/db", port.Addr())); !database.IsConnectionLost(err) {
			t.Errorf("got %v, want a lost connection", err)
		}
	})
	t.Run("TooMany", func(t *testing.T) {
		t.Parallel()
		_, db := ownServer(t, map[string]string{"max_connections": "10"})
		var err error
		for err == nil {
			var conn *sql.Conn
			if conn, err = db.Write.Conn(soon(t)); err == nil {
				defer conn.Close()
			}
		}
		if !database.IsConnectionLost(err) || !database.IsPassing(err) {
			t.Errorf("got %v, want a lost connection", err)
		}
	})
}
