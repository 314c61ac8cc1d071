package database_test

import (
	"context"
	"database/sql"
	"errors"
	"net"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"petitiond/server/database"
	"petitiond/server/database/dbtest"
)

// impatient makes the limit of a connection as short as it can be: the margin and little more.
var impatient = map[string]string{"statement_timeout": "100ms"}

// inTime is how long anything may take that waits for one limit.
const inTime = 4 * time.Second

// proxy stands between the program and PostgreSQL. It can fall silent as a network does: connections stay
// open and nothing comes through. And it can forget its connections, as a machine does that started again.
type proxy struct {
	url     string // of the database by way of the proxy
	network string // of PostgreSQL itself
	address string
	entry   net.Listener
	running sync.WaitGroup

	mu    sync.Mutex // guards what follows
	conns []net.Conn
	pipes []*pipe
}

// pipe is one direction of a connection.
type pipe struct{ silent, forgotten chan struct{} }

// newProxy lets connections through until the test ends.
func newProxy(t *testing.T, address string) *proxy {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{network: "tcp", address: u.Host}
	if folder := u.Query().Get("host"); strings.HasPrefix(folder, "/") {
		p.network, p.address = "unix", filepath.Join(folder, ".s.PGSQL.5432")
	}
	if p.entry, err = new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	query := u.Query()
	query.Del("host")
	u.RawQuery, u.Host = query.Encode(), p.entry.Addr().String()
	p.url = u.String()
	p.running.Go(p.accept)
	t.Cleanup(p.close)
	return p
}

func (p *proxy) accept() {
	for {
		client, err := p.entry.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial(p.network, p.address)
		if err != nil {
			_ = client.Close()
			continue
		}
		p.join(client, server)
	}
}

func (p *proxy) join(client, server net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns = append(p.conns, client, server)
	for from, to := range map[net.Conn]net.Conn{client: server, server: client} {
		way := &pipe{make(chan struct{}), make(chan struct{})}
		p.pipes = append(p.pipes, way)
		p.running.Go(func() { way.carry(from, to) })
	}
}

// carry takes bytes from one end to the other. Of a silent pipe neither the bytes nor the end arrive.
func (w *pipe) carry(from, to net.Conn) {
	bytes := make([]byte, 1<<16)
	for {
		n, err := from.Read(bytes)
		select {
		case <-w.silent:
			return
		case <-w.forgotten:
			if tcp, ok := from.(*net.TCPConn); ok {
				_ = tcp.SetLinger(0) // to answer with a reset
			}
			_ = from.Close()
			return
		default:
		}
		if _, failed := to.Write(bytes[:n]); err != nil || failed != nil {
			_ = to.Close()
			return
		}
	}
}

// silence makes what is connected fall silent. What connects later is served.
func (p *proxy) silence() { p.each(func(w *pipe) { close(w.silent) }) }

// forget answers what is connected with a reset. What connects later is served.
func (p *proxy) forget() { p.each(func(w *pipe) { close(w.forgotten) }) }

func (p *proxy) each(do func(*pipe)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, way := range p.pipes {
		do(way)
	}
	p.pipes = nil
}

func (p *proxy) close() {
	_ = p.entry.Close()
	p.mu.Lock()
	for _, conn := range p.conns {
		_ = conn.Close()
	}
	p.mu.Unlock()
	p.running.Wait()
}

// behind opens a fresh database behind a proxy.
func behind(t *testing.T, parameters map[string]string) (*database.DB, *proxy) {
	t.Helper()
	p := newProxy(t, dbtest.URL(t, database.Postgres))
	return opened(t, database.Options{}, with(t, p.url, parameters)), p
}

// TestSilentServer lets connections fall silent with something under way on them.
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
				return net.ErrClosed // of fn: that the rollback fails concerns nobody
			})
		},
		"Commit": func(ctx context.Context, db *database.DB, silence func()) error {
			return database.InTx(ctx, db.Write, func(tx *sql.Tx) error {
				defer silence()
				return insert(ctx, tx)
			})
		},
	}
	var work sync.WaitGroup // they wait more than they work: all at once
	for name, test := range tests {
		for kind, patience := range map[string]time.Duration{"": time.Minute, "ContextEnds": 50 * time.Millisecond} {
			db, p := behind(t, impatient)
			work.Go(func() {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				start := time.Now()
				err := test(ctx, db, func() {
					p.silence()
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
					t.Errorf("%s%s: got %v; the outcome is unknown of a commit alone", name, kind, err)
				}
			})
		}
	}
	work.Wait()
}

// TestDeadPool finds every connection of a pool dead. Only the first who asks is told, and waits.
func TestDeadPool(t *testing.T) {
	t.Parallel()
	for name, die := range map[string]func(*proxy){"Silent": (*proxy).silence, "Reset": (*proxy).forget} {
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

// TestRightfulSilence leaves alone what rightly takes longer than the limit: a migration, and meanwhile a
// connection that nobody uses.
func TestRightfulSilence(t *testing.T) {
	t.Parallel()
	db, _ := behind(t, impatient)
	exec(t, db.Write, "DROP SCHEMA public CASCADE; CREATE SCHEMA public")
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

// TestSilentHandshake connects to what takes connections and says nothing.
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
