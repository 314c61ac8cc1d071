package fanout_test

import (
	"context"
	"io"
	"net"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"petitiond/server/database"
	"petitiond/server/database/dbtest"
	"petitiond/server/fanout"
	"petitiond/server/figures"
)

// proxy stands between a replica and PostgreSQL, and can fall silent as a network does.
type proxy struct {
	net.Listener
	network, address string // of PostgreSQL

	running sync.WaitGroup
	mu      sync.Mutex // guards what follows
	conns   []net.Conn
	silent  chan struct{} // closed to silence what is connected
}

// newProxy returns a proxy, and the address of the database by way of it.
func newProxy(t *testing.T, address string) (*proxy, string) {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{network: "tcp", address: u.Host, silent: make(chan struct{})}
	if folder := u.Query().Get("host"); strings.HasPrefix(folder, "/") {
		p.network, p.address = "unix", filepath.Join(folder, ".s.PGSQL.5432")
	}
	if p.Listener, err = new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	query := u.Query()
	query.Del("host")
	u.RawQuery, u.Host = query.Encode(), p.Addr().String()
	p.running.Go(p.accept)
	t.Cleanup(p.end)
	return p, u.String()
}

func (p *proxy) accept() {
	for {
		client, err := p.Accept()
		if err != nil {
			return
		}
		p.mu.Lock()
		p.conns = append(p.conns, client)
		if server, err := net.Dial(p.network, p.address); err == nil {
			p.conns = append(p.conns, server)
			silent := p.silent
			p.running.Go(func() { carry(client, server, silent) })
			p.running.Go(func() { carry(server, client, silent) })
		}
		p.mu.Unlock()
	}
}

func carry(from io.Reader, to io.WriteCloser, silent <-chan struct{}) {
	bytes := make([]byte, 1<<16)
	for {
		n, err := from.Read(bytes)
		select {
		case <-silent:
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
func (p *proxy) silence() {
	p.mu.Lock()
	defer p.mu.Unlock()
	close(p.silent)
	p.silent = make(chan struct{})
}

func (p *proxy) end() {
	_ = p.Close()
	p.mu.Lock()
	for _, conn := range p.conns {
		_ = conn.Close()
	}
	p.mu.Unlock()
	p.running.Wait()
}

func opened(t *testing.T, address string) *database.DB {
	t.Helper()
	db, err := database.Open(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// TestSilentConnection lets the listening connection fall silent: it stays open and brings nothing.
func TestSilentConnection(t *testing.T) {
	t.Parallel()
	address := dbtest.URL(t, database.Postgres)
	db := opened(t, address)
	p, behind := newProxy(t, address)
	r, other := newReplica(t, db, behind), newReplica(t, db, address)
	for n := range 2 {
		p.silence()
		<-r.lost // it has connected again and says so
		other.Publish(at(0, n+1))
		r.until(t, func(heard map[uuid.UUID]figures.Value) bool { return heard[petition(0)].Version == n+1 })
	}
}

// TestSilentHandshake listens at what takes connections and says nothing, and ends at once all the same.
func TestSilentHandshake(t *testing.T) {
	t.Parallel()
	mute, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	r := fanout.NewPostgres(fanout.Options{
		Address: "postgres://ann@" + mute.Addr().String() + "/db?sslmode=disable", Receiver: &replica{}, Pulse: time.Minute,
	})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	conn, err := mute.Accept() // the handshake is under way
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	cancel()
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(5 * time.Second):
		t.Error("Run waits for the handshake")
	}
}
