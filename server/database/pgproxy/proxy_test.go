package pgproxy_test

import (
	"context"
	"database/sql"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lib/pq"

	"petitiond/server/database"
	"petitiond/server/database/dbtest"
	"petitiond/server/database/pgproxy"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

// through returns a proxy and one connection through it.
func through(t *testing.T) (*pgproxy.Proxy, *sql.DB) {
	t.Helper()
	p := pgproxy.New(t, dbtest.URL(t, database.Postgres))
	connector, err := pq.NewConnector(p.URL + "&application_name=through")
	if err != nil {
		t.Fatal(err)
	}
	pool := sql.OpenDB(connector)
	t.Cleanup(func() { pool.Close() })
	if err := pool.PingContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	return p, pool
}

// TestMessagesAreCut cuts at a command that writes, and looks whether it arrived.
func TestMessagesAreCut(t *testing.T) {
	t.Parallel()
	const write = "INSERT INTO tags (id, key, label) VALUES (gen_random_uuid(), 'k', 'l')"
	for fate, arrives := range map[pgproxy.Fate]bool{pgproxy.CutBefore: false, pgproxy.CutAmid: false, pgproxy.CutAfter: true} {
		p, pool := through(t)
		conn, err := pool.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		p.Judge(func(m pgproxy.Message) pgproxy.Fate {
			if m.From == pgproxy.Program && m.Session == "through" && m.Is(write) {
				return fate
			}
			return pgproxy.Pass
		})
		if _, err := conn.ExecContext(t.Context(), write); !database.IsConnectionLost(err) {
			t.Errorf("fate %d: got %v, want a lost connection", fate, err)
		}
		_ = conn.Close()
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		there := false
		for try := 0; try == 0 || there != arrives; try++ { // the server may still be at work
			if err := pool.QueryRowContext(ctx, "SELECT EXISTS (SELECT FROM tags WHERE key = 'k')").Scan(&there); err != nil {
				t.Fatal(err)
			}
			if there && !arrives {
				t.Fatalf("fate %d: the command arrived", fate)
			}
		}
	}
}

// TestAnswersAreCut cuts what the server says, message by message, until there is none left to cut.
func TestAnswersAreCut(t *testing.T) {
	t.Parallel()
	p, pool := through(t)
	cuts := 0
	for struck := true; struck; cuts++ {
		conn, err := pool.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var n atomic.Int64
		var hit atomic.Bool
		p.Judge(func(m pgproxy.Message) pgproxy.Fate {
			if m.From == pgproxy.Program || n.Add(1) != int64(cuts+1) {
				return pgproxy.Pass
			}
			hit.Store(true)
			return pgproxy.CutBefore
		})
		_, err = conn.ExecContext(t.Context(), "SELECT 1")
		p.Judge(nil)
		_ = conn.Close()
		if struck = hit.Load(); struck != database.IsConnectionLost(err) {
			t.Errorf("message %d: cut: %t, error: %v", cuts, struck, err)
		}
	}
	if cuts != 5 { // description, row, complete, ready, and the time at which nothing is left
		t.Errorf("%d messages were cut, want 4", cuts-1)
	}
}

// TestServerIsAway refuses connections and counts them.
func TestServerIsAway(t *testing.T) {
	t.Parallel()
	p, pool := through(t)
	back := p.Leave()
	if _, err := pool.ExecContext(t.Context(), "SELECT 1"); err == nil {
		t.Error("a server that is away answers")
	}
	if n, _ := p.Refused(); n == 0 {
		t.Error("nobody was refused")
	}
	back()
	if _, err := pool.ExecContext(t.Context(), "SELECT 1"); err != nil {
		t.Errorf("a server that is back: %v", err)
	}
}

// TestBytesAreHeld keeps an answer back and lets it go.
func TestBytesAreHeld(t *testing.T) {
	t.Parallel()
	p, pool := through(t)
	asked := make(chan struct{}, 10)
	p.Judge(func(pgproxy.Message) pgproxy.Fate { asked <- struct{}{}; return pgproxy.Pass })
	release := p.Hold()
	done := make(chan error, 1)
	go func() {
		_, err := pool.ExecContext(t.Context(), "SELECT 1")
		done <- err
	}()
	<-asked
	select {
	case err := <-done:
		t.Errorf("what is held was answered: %v", err)
	default:
	}
	p.Judge(nil)
	release()
	if err := <-done; err != nil {
		t.Errorf("what was held: %v", err)
	}
}
