package faults

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/url"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
)

// proxy stands between servers and PostgreSQL. Of its protocol it knows what it takes to see the COMMIT of a ledger.
type proxy struct {
	url      string // of the database by way of the proxy
	listener net.Listener
	socket   string // of PostgreSQL
	running  sync.WaitGroup

	mu      sync.Mutex // guards what follows
	pairs   map[*pair]bool
	held    chan struct{} // closed when bytes flow again; nil while they do
	fault   fault
	every   int // so manieth COMMIT is struck by the fault
	commits int
	cuts    int
}

// fault is what befalls a COMMIT.
type fault int

const (
	none         fault = iota
	beforeCommit       // the connection is cut and PostgreSQL never hears of it
	beforeAnswer       // PostgreSQL answers, and the answer is lost with the connection
)

// newProxy lets connections through until the test ends.
func newProxy(t *testing.T, address string) *proxy {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{pairs: map[*pair]bool{}, socket: filepath.Join(u.Query().Get("host"), ".s.PGSQL.5432")}
	if p.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	u.Host, u.RawQuery = p.listener.Addr().String(), "sslmode=disable"
	p.url = u.String()
	p.running.Go(p.accept)
	t.Cleanup(func() {
		if err := p.listener.Close(); err != nil {
			t.Error(err)
		}
		p.cutAll()
		p.running.Wait()
	})
	return p
}

// strike lets a fault befall every so manieth COMMIT of a ledger.
func (p *proxy) strike(f fault, every int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fault, p.every = f, every
}

// struck gives how often the fault came about.
func (p *proxy) struck() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cuts
}

// hold keeps all bytes in both directions back until release is called. None is lost.
func (p *proxy) hold() (release func()) {
	held := make(chan struct{})
	p.mu.Lock()
	defer p.mu.Unlock()
	p.held = held
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.held = nil
		close(held)
	}
}

// cutAll cuts every connection.
func (p *proxy) cutAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.pairs {
		c.cut()
	}
}

func (p *proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.running.Go(func() { p.carry(client) })
	}
}

// carry carries one connection until either side or a fault ends it.
func (p *proxy) carry(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("unix", p.socket)
	if err != nil {
		return
	}
	c := &pair{proxy: p, client: client, server: server}
	p.mu.Lock()
	p.pairs[c] = true
	p.mu.Unlock()
	p.running.Go(c.answers)
	c.commands()
	p.mu.Lock()
	delete(p.pairs, c)
	p.mu.Unlock()
}

// flow waits while bytes are held.
func (p *proxy) flow() {
	p.mu.Lock()
	held := p.held
	p.mu.Unlock()
	if held != nil {
		<-held
	}
}

// next says what befalls the next COMMIT.
func (p *proxy) next() fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.commits++; p.fault == none || p.commits%p.every != 0 {
		return none
	}
	return p.fault
}

func (p *proxy) count() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cuts++
}

// pair is a connection and its other half.
type pair struct {
	proxy          *proxy
	client, server net.Conn
	doomed         atomic.Bool // the next answer is not to be told
}

// cut may come from several sides at once.
func (c *pair) cut() {
	_ = errors.Join(c.client.Close(), c.server.Close())
}

// commands carries what the client says, message by message. The first one has no byte for its kind.
func (c *pair) commands() {
	defer c.cut()
	in := bufio.NewReader(c.client)
	message, err := readMessage(in, 0)
	ledger := bytes.Contains(message, []byte("petitiond ledger"))
	for err == nil {
		if ledger && bytes.Equal(message, []byte("Q\x00\x00\x00\x0bCOMMIT\x00")) {
			switch c.proxy.next() {
			case beforeCommit:
				c.proxy.count()
				return
			case beforeAnswer:
				c.doomed.Store(true)
			case none:
			}
		}
		c.proxy.flow()
		if _, err = c.server.Write(message); err == nil {
			message, err = readMessage(in, 1)
		}
	}
}

// readMessage reads a message whose length stands, without the bytes before it, after so many bytes.
func readMessage(in io.Reader, before int) ([]byte, error) {
	head := make([]byte, before+4)
	if _, err := io.ReadFull(in, head); err != nil {
		return nil, err
	}
	length := int(binary.BigEndian.Uint32(head[before:])) - 4
	if length < 0 || length > 64<<20 {
		return nil, errors.New("this is no message of PostgreSQL")
	}
	message := append(head, make([]byte, length)...)
	_, err := io.ReadFull(in, message[len(head):])
	return message, err
}

// answers carries what PostgreSQL says.
func (c *pair) answers() {
	defer c.cut()
	buffer := make([]byte, 32<<10)
	for {
		n, err := c.server.Read(buffer)
		if n > 0 && c.doomed.Load() {
			c.proxy.count()
			return
		}
		c.proxy.flow()
		if _, failed := c.client.Write(buffer[:n]); err != nil || failed != nil {
			return
		}
	}
}
