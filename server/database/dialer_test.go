package database_test

import (
	"context"
	"database/sql"
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	"petitiond/server/database"
	"petitiond/server/database/dbtest"
	"petitiond/server/database/pgproxy"
)

// impatient makes the limit of a connection as short as possible: hardly more than the margin.
var impatient = map[string]string{"statement_timeout": "100ms"}

// inTime is how long something may take that has to wait for one limit.
const inTime = 4 * time.Second

// behind opens a new database behind a proxy.
func behind(t *testing.T, parameters map[string]string) (*database.DB, *pgproxy.Proxy) {
	t.Helper()
	p := pgproxy.New(t, dbtest.URL(t, database.Postgres))
	return opened(t, database.Options{}, with(t, p.URL, parameters)), p
}

// TestSilentServer has connections fall silent while something is under way on them.
func TestSilentServer(t *testing.T) {
	t.Parallel()
	tests := map[string]func(ctx context.Context, db *database.DB, silence func()) error{
		"Statement": func(ctx context.Context, db *database.DB, silence func()) error {
			silence()
			_, err := db.Write.ExecContext(ctx, "SELECT 1")
			return err
		},
		"Prepared": func(ctx context.Context, db *database.DB, silence func()) error {
			stmt, err := db.Write.PrepareContext(ctx, "SELECT $1::int")
			if err != nil {
				return err
			}
			defer stmt.Close()
			silence()
			_, err = stmt.ExecContext(ctx, 1)
			return err
		},
		"Begin": func(ctx context.Context, db *database.DB, silence func()) error {
			silence()
			return database.InTx(ctx, db.Write, func(*sql.Tx) error { return errBoom })
		},
		"Rollback": func(ctx context.Context, db *database.DB, silence func()) error {
			return database.InTx(ctx, db.Write, func(*sql.Tx) error {
				silence()
				return net.ErrClosed // the error of fn: that of the rollback does not matter
			})
		},
		"Commit": func(ctx context.Context, db *database.DB, silence func()) error {
			return database.InTx(ctx, db.Write, func(tx *sql.Tx) error {
				defer silence()
				return insert(ctx, tx)
			})
		},
	}
	var work sync.WaitGroup // all at the same time, since they mostly wait
	for name, test := range tests {
		for kind, patience := range map[string]time.Duration{"": time.Minute, "ContextEnds": 50 * time.Millisecond} {
			db, p := behind(t, impatient)
			work.Go(func() {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				start := time.Now()
				err := test(ctx, db, func() {
					p.Silence()
					start = time.Now()
					time.AfterFunc(patience, cancel)
				})
				if took := time.Since(start); took > inTime {
					t.Errorf("%s%s: it took %v", name, kind, took)
				}
				if !database.IsConnectionLost(err) && !(kind != "" && errors.Is(err, context.Canceled)) {
					t.Errorf("%s%s: got %v, want a lost connection", name, kind, err)
				}
				if got := errors.Is(err, database.ErrOutcomeUnknown); got != (name == "Commit") {
					t.Errorf("%s%s: got %v; only the outcome of a commit may be unknown", name, kind, err)
				}
			})
		}
	}
	work.Wait()
}

// TestDeadPool finds every connection of a pool dead. Only the first caller must wait for the limit and get an error.
func TestDeadPool(t *testing.T) {
	t.Parallel()
	for name, die := range map[string]func(*pgproxy.Proxy){"Silent": (*pgproxy.Proxy).Silence, "Reset": (*pgproxy.Proxy).Forget} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db, p := behind(t, impatient)
			warm(t, db.Write)
			die(p)
			start := time.Now()
			if _, err := db.Write.ExecContext(t.Context(), "SELECT 1"); !database.IsConnectionLost(err) {
				t.Errorf("got %v, want a lost connection", err)
			}
			for range db.Write.Stats().MaxOpenConnections {
				exec(t, db.Write, "SELECT 1")
			}
			if took := time.Since(start); took > inTime {
				t.Errorf("%v passed, as long as several connections", took)
			}
		})
	}
}

// TestRightfulSilence runs what may take longer than the limit: a migration, and meanwhile a connection that is not
// used.
func TestRightfulSilence(t *testing.T) {
	t.Parallel()
	direct := dbtest.URL(t, database.Postgres)
	// This may take long on a busy machine.
	exec(t, opened(t, database.Options{}, direct).Write,
		"BEGIN; SET LOCAL statement_timeout = 0; DROP SCHEMA public CASCADE; CREATE SCHEMA public; COMMIT")
	db := opened(t, database.Options{}, with(t, pgproxy.New(t, direct).URL, impatient))
	const ask = "SELECT pg_backend_pid()"
	before := scan[int](t, db.Ledger, ask)
	slow := files(map[string]string{"00001_slow.sql": "-- +goose Up\nSELECT pg_sleep(2.3);\n"})
	if _, err := db.MigrateTo(t.Context(), slow, 1); err != nil {
		t.Error(err)
	}
	if after := scan[int](t, db.Ledger, ask); after != before {
		t.Errorf("sessions %d and %d, want the same one", before, after)
	}
}

// TestSilentHandshake connects to a server that accepts connections and sends nothing.
func TestSilentHandshake(t *testing.T) {
	t.Parallel()
	mute, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	var work sync.WaitGroup
	for _, mode := range []string{"disable", "require"} {
		work.Go(func() {
			start := time.Now()
			_, err := database.Open(t.Context(), "postgres://ann@"+mute.Addr().String()+"/db?connect_timeout=1&sslmode="+mode)
			if took := time.Since(start); took > inTime || !database.IsConnectionLost(err) {
				t.Errorf("sslmode %s: got %v after %v, want a lost connection", mode, err, took)
			}
		})
	}
	work.Wait()
}

func TestAnswerLimit(t *testing.T) {
	t.Parallel()
	const bad = -1
	for setting, want := range map[string]time.Duration{
		"3s": 5 * time.Second, "500": 2500 * time.Millisecond, " 1.5 s ": 3500 * time.Millisecond, "2min": 122 * time.Second,
		"1h": time.Hour + 2*time.Second, "1d": 24*time.Hour + 2*time.Second, "900ms": 2900 * time.Millisecond,
		"2000us": 2002 * time.Millisecond, "0": 0, "0s": 0, "3 us": 0, "": bad, "s": bad, "3m": bad, "3 s s": bad, "-1": bad, "1.2.3s": bad,
	} {
		got, err := database.AnswerLimit(map[string]string{"statement_timeout": setting})
		if want == bad && !errors.Is(err, database.ErrURL) || want != bad && (err != nil || got != want) {
			t.Errorf("%q: got %v, error %v; want %v", setting, got, err, want)
		}
	}
}
