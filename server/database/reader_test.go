package database_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"petitiond/server/database"
	"petitiond/server/database/dbtest"
	"petitiond/server/database/pgproxy"
)

// threeRows is a reading statement whose result does not fit into one packet.
const threeRows = "SELECT n, repeat('x', 9000) FROM generate_series(1, 3) AS n WHERE n <> $1"

// readings are the ways to read outside of a transaction. Each gives the numbers of threeRows that it was given.
var readings = map[string]func(ctx context.Context, db *database.DB) ([]int, error){
	"Ask": func(ctx context.Context, db *database.DB) ([]int, error) {
		rows, err := db.Ask(ctx, threeRows, 0)
		if err != nil {
			return nil, err
		}
		defer rows.Close()
		return numbers(rows.Rows)
	},
	"AskByIndex": func(ctx context.Context, db *database.DB) ([]int, error) {
		rows, err := db.AskByIndex(ctx, threeRows, 0)
		if err != nil {
			return nil, err
		}
		defer rows.Close()
		return numbers(rows.Rows)
	},
	"Reader": func(ctx context.Context, db *database.DB) ([]int, error) {
		rows, err := database.Reader{DB: db.Write}.QueryContext(ctx, threeRows, 0)
		if err != nil {
			return nil, err
		}
		defer rows.Close()
		return numbers(rows)
	},
}

func numbers(rows *sql.Rows) (list []int, err error) {
	for rows.Next() {
		var n int
		var filling string
		if err := rows.Scan(&n, &filling); err != nil {
			return nil, err
		}
		if len(filling) != 9000 {
			return nil, fmt.Errorf("row %d came with %d bytes", n, len(filling))
		}
		list = append(list, n)
	}
	return list, rows.Err()
}

// readAll reads once in every way, and fails the test unless every result is complete.
func readAll(t *testing.T, db *database.DB, when string) {
	t.Helper()
	for way, read := range readings {
		if got, err := read(t.Context(), db); err != nil || fmt.Sprint(got) != "[1 2 3]" {
			t.Errorf("%s %s: got rows %v, error %v", way, when, got, err)
		}
	}
}

// TestReadersOutliveConnections loses every connection of warm pools, in one way after the other. No reader may notice,
// whether they come one by one or at the same time.
func TestReadersOutliveConnections(t *testing.T) {
	t.Parallel()
	direct := dbtest.URL(t, database.Postgres)
	p := pgproxy.New(t, direct)
	beside := opened(t, database.Options{}, direct)
	db := opened(t, database.Options{}, with(t, p.URL, map[string]string{"application_name": "the readers"}))
	terminate := func() {
		// This may take long on a busy machine.
		exec(t, beside.Write, `BEGIN; SET LOCAL statement_timeout = 0; SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
 WHERE datname = current_database() AND application_name = 'the readers'; COMMIT`)
	}
	for name, die := range map[string]func(){"Cut": p.CutAll, "Reset": p.Forget, "Terminated": terminate} {
		for range 2 { // statements are prepared the second time
			warm(t, db.Write)
			warm(t, db.LookUp)
			die()
			for i := range 14 { // the pools have 12
				readAll(t, db, fmt.Sprintf("as number %d after %s", i, name))
			}
			warm(t, db.Write)
			warm(t, db.LookUp)
			die()
			var readers sync.WaitGroup
			for range 14 {
				readers.Go(func() { readAll(t, db, "at once after "+name) })
			}
			readers.Wait()
		}
	}
}

// TestReadersWaitForServer reads while the server is starting: the readers wait.
func TestReadersWaitForServer(t *testing.T) {
	t.Parallel()
	p := pgproxy.New(t, dbtest.URL(t, database.Postgres))
	db := opened(t, database.Options{}, p.URL)
	warm(t, db.LookUp)
	back := p.Leave()
	before, _ := p.Refused()
	var readers sync.WaitGroup
	for range 20 {
		readers.Go(func() { readAll(t, db, "of a server that was away") })
	}
	for { // until each has tried more than once
		refused, more := p.Refused()
		if refused > before+60 {
			break
		}
		<-more
	}
	back()
	readers.Wait()
}

// TestReadersOutliveRestart kills and restarts PostgreSQL while readers are at work.
func TestReadersOutliveRestart(t *testing.T) {
	t.Parallel()
	server, db := ownServer(t, nil)
	warm(t, db.Write)
	warm(t, db.LookUp)
	ctx, rest := context.WithCancel(t.Context())
	var readers sync.WaitGroup
	var reads, failed atomic.Int64
	answered := make(chan struct{})
	for range 8 {
		readers.Go(func() {
			for ctx.Err() == nil {
				for _, read := range readings {
					if got, err := read(t.Context(), db); err != nil || len(got) != 3 {
						failed.Add(1)
					}
					reads.Add(1)
					select {
					case answered <- struct{}{}:
					default:
					}
				}
			}
		})
	}
	var away time.Duration
	for range 3 {
		began := time.Now()
		if err := errors.Join(server.Kill(t.Context()), server.Start(t.Context())); err != nil {
			t.Fatal(err)
		}
		away = max(away, time.Since(began))
		for range 50 {
			<-answered
		}
	}
	rest()
	readers.Wait()
	t.Logf("%d reads, PostgreSQL was away for %s at most", reads.Load(), away)
	if n := failed.Load(); n > 0 && away < time.Second {
		t.Errorf("%d of %d reads failed", n, reads.Load())
	}
}

// TestReadsAreCut cuts the connection at every message of a statement, in both directions. The result must arrive,
// complete and once.
func TestReadsAreCut(t *testing.T) {
	t.Parallel()
	p := pgproxy.New(t, dbtest.URL(t, database.Postgres))
	db := opened(t, database.Options{Write: 1, LookUp: 1}, p.URL)
	for way, read := range readings {
		for _, fate := range []pgproxy.Fate{pgproxy.CutBefore, pgproxy.CutAmid, pgproxy.CutAfter} {
			for _, prepared := range []bool{false, true} {
				cuts := 0
				for struck := true; struck; cuts++ {
					if prepared {
						readAll(t, db, "to have it prepared") // the second time
						readAll(t, db, "to have it prepared")
					} else {
						p.CutAll()
					}
					var n atomic.Int64
					var hit atomic.Bool
					last := int64(cuts + 1) // a message that is still on its way may be judged later
					p.Judge(func(pgproxy.Message) pgproxy.Fate {
						if n.Add(1) != last {
							return pgproxy.Pass
						}
						hit.Store(true)
						return fate
					})
					if got, err := read(t.Context(), db); err != nil || fmt.Sprint(got) != "[1 2 3]" {
						t.Errorf("%s, fate %d at message %d: got rows %v, error %v", way, fate, cuts+1, got, err)
					}
					p.Judge(nil)
					struck = hit.Load()
				}
				if cuts < 9 { // bind, execute, sync, bound, three rows, complete, ready
					t.Errorf("%s: only %d messages were cut", way, cuts-1)
				}
			}
		}
	}
}

// mortal is a connector whose connections die when the test wants it.
type mortal struct {
	driver.Connector
	death error
	life  *atomic.Int64 // connections of an earlier life are dead
	away  *atomic.Bool
	calls *atomic.Int64
}

func (m mortal) Connect(ctx context.Context) (driver.Conn, error) {
	m.calls.Add(1)
	if m.away.Load() {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	}
	conn, err := m.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &mortalConn{pqConn: conn.(pqConn), of: m, born: m.life.Load()}, nil
}

// pqConn lists the interfaces that both drivers' connections have.
type pqConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.Pinger
	driver.QueryerContext
	driver.SessionResetter
	driver.Validator
}

type mortalConn struct {
	pqConn
	of   mortal
	born int64
	dead bool // and the driver has noticed
}

// IsValid reports whether the driver believes that the connection works.
func (c *mortalConn) IsValid() bool { return !c.dead && c.pqConn.IsValid() }

// die returns the error of a dead connection.
func (c *mortalConn) die() error {
	if c.born == c.of.life.Load() {
		return nil
	}
	c.dead = true
	return c.of.death
}

func (c *mortalConn) CheckNamedValue(value *driver.NamedValue) error {
	if checker, ok := c.pqConn.(driver.NamedValueChecker); ok {
		return checker.CheckNamedValue(value)
	}
	return driver.ErrSkip
}

func (c *mortalConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if err := c.die(); err != nil {
		return nil, err
	}
	return c.pqConn.QueryContext(ctx, query, args)
}

func (c *mortalConn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	if err := c.die(); err != nil {
		return nil, err
	}
	return c.pqConn.PrepareContext(ctx, query)
}

// TestReadersOutliveDrivers kills the connections of both drivers.
func TestReadersOutliveDrivers(t *testing.T) {
	t.Parallel()
	deaths := map[string]error{
		"Bad": driver.ErrBadConn, "Reset": &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET},
	}
	for _, dialect := range []database.Dialect{database.SQLite, database.Postgres} {
		for name, death := range deaths {
			t.Run(dialect.String()+name, func(t *testing.T) {
				t.Parallel()
				m := mortal{death: death, life: new(atomic.Int64), away: new(atomic.Bool), calls: new(atomic.Int64)}
				db := opened(t, database.Options{Wrap: func(c driver.Connector) driver.Connector {
					m := m
					m.Connector = c
					return m
				}}, dbtest.URL(t, dialect))
				for range 3 {
					m.life.Add(1)
					for i := range 30 {
						for way, read := range map[string]func() (io.Closer, error){
							"Ask":        func() (io.Closer, error) { return db.Ask(t.Context(), "SELECT $1", i) },
							"AskByIndex": func() (io.Closer, error) { return db.AskByIndex(t.Context(), "SELECT $1", i) },
							"Reader": func() (io.Closer, error) {
								return database.Reader{DB: db.Read}.QueryContext(t.Context(), "SELECT $1", i)
							},
						} {
							if rows, err := read(); err != nil {
								t.Errorf("%s: %v", way, err)
							} else if err := rows.Close(); err != nil {
								t.Errorf("%s: %v", way, err)
							}
						}
					}
				}
			})
		}
	}
}

// TestReadersGiveUp checks that a reader does not try too long or too often while the server is away, and that its
// context ends it.
func TestReadersGiveUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := mortal{away: new(atomic.Bool), calls: new(atomic.Int64)}
		m.away.Store(true)
		pool := sql.OpenDB(m)
		pool.SetMaxOpenConns(12)
		defer pool.Close()
		read := func(ctx context.Context) (took time.Duration) {
			began := time.Now()
			//nolint:sqlclosecheck // there are none
			if _, err := (database.Reader{DB: pool}).QueryContext(ctx, "SELECT 1"); !database.IsPassing(err) || !strings.Contains(err.Error(), "refused") {
				t.Errorf("got %v, want the refused connection", err)
			}
			return time.Since(began)
		}
		if took := read(t.Context()); took < 2*time.Second || took > 2200*time.Millisecond {
			t.Errorf("a reader waited for %s, want two seconds", took)
		}
		if n := m.calls.Load(); n > 50 {
			t.Errorf("it tried to connect %d times, want at most 50", n)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		if took := read(ctx); took > 300*time.Millisecond {
			t.Errorf("a reader waited for %s, longer than its operation may take", took)
		}
	})
}
