package pgproxy

import (
	"bufio"
	"context"
	"errors"
	"net"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// errCut ends a connection after the message whose fate was to cut it.
var errCut = errors.New("pgproxy: the connection was cut on purpose")

// Proxy forwards connections to one PostgreSQL. It is safe for concurrent use.
type Proxy struct {
	URL string // of the database, through the proxy

	network, address string // of PostgreSQL
	entry            net.Listener
	running          sync.WaitGroup
	life             context.Context // ends with Close
	end              context.CancelFunc

	mu      sync.Mutex // guards what follows
	links   map[*link]bool
	served  int
	judge   func(Message) Fate
	held    chan struct{} // closed when bytes flow again; nil if they are not held
	away    bool
	refused int
	news    chan struct{} // closed and replaced when another connection is refused
}

// New forwards connections to the database at address until the test ends.
func New(t testing.TB, address string) *Proxy {
	t.Helper()
	p, err := Open(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// Open forwards connections to the database at address until Close.
func Open(address string) (*Proxy, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, errors.New("pgproxy: this is not the address of a database")
	}
	p := &Proxy{network: "tcp", address: u.Host, links: map[*link]bool{}, news: make(chan struct{})}
	// Not the context of a test: a load program has a proxy, too.
	p.life, p.end = context.WithCancel(context.Background())
	query := u.Query()
	if folder := query.Get("host"); strings.HasPrefix(folder, "/") {
		p.network, p.address = "unix", filepath.Join(folder, ".s.PGSQL.5432")
	}
	if p.entry, err = new(net.ListenConfig).Listen(p.life, "tcp", "127.0.0.1:0"); err != nil {
		p.end()
		return nil, err
	}
	query.Del("host")
	query.Set("sslmode", "disable") // since the proxy has to read the messages
	u.RawQuery, u.Host = query.Encode(), p.entry.Addr().String()
	p.URL = u.String()
	p.running.Go(p.accept)
	return p, nil
}

// Close cuts every connection and accepts no more.
func (p *Proxy) Close() error {
	err := p.entry.Close()
	p.end()
	p.CutAll()
	p.running.Wait()
	return err
}

// Judge sets the function that decides the fate of each message before it is forwarded. It is called by several
// goroutines at once, but with the messages of one direction of a connection in order. Without one, everything passes.
func (p *Proxy) Judge(judge func(Message) Fate) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.judge = judge
}

// Hold holds back all bytes in both directions until release is called. None is lost.
func (p *Proxy) Hold() (release func()) {
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

// CutAll closes every connection.
func (p *Proxy) CutAll() { p.each((*link).cut) }

// Silence keeps every connection open but lets nothing through, like a network that loses every packet. Connections
// that are opened later work.
func (p *Proxy) Silence() { p.each(func(l *link) { l.silent.Store(true) }) }

// Forget answers whatever arrives on an existing connection with a reset, like a machine that was rebooted. Connections
// that are opened later work.
func (p *Proxy) Forget() { p.each(func(l *link) { l.forgotten.Store(true) }) }

// each calls do for every connection that is open now.
func (p *Proxy) each(do func(*link)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.links {
		do(l)
	}
}

// Leave cuts every connection and refuses new ones, like a server that is starting, until back is called.
func (p *Proxy) Leave() (back func()) {
	stay := func(away bool) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.away = away
	}
	stay(true)
	p.CutAll()
	return func() { stay(false) }
}

// Refused returns how many connections were refused so far, and a channel that is closed when the next one is.
func (p *Proxy) Refused() (n int, more <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.refused, p.news
}

// accept serves each connection on a goroutine of its own, until Close.
func (p *Proxy) accept() {
	for {
		client, err := p.entry.Accept()
		if err != nil {
			return
		}
		p.running.Go(func() { p.serve(client) })
	}
}

// serve forwards one connection until either side or a fate ends it.
func (p *Proxy) serve(client net.Conn) {
	l := &link{proxy: p, program: client}
	defer l.cut()
	in := bufio.NewReader(client)
	// The first message has no type before its length, unlike all others.
	first, err := readMessage(in, 0)
	if err != nil {
		return
	}
	if l.server, err = new(net.Dialer).DialContext(p.life, p.network, p.address); err != nil {
		return
	}
	if !p.enter(l) {
		// What a server says that is starting: drivers take it for a reason to try again.
		_, _ = client.Write(starting())
		return
	}
	defer p.forget(l)
	l.session = sessionOf(first)
	// Each direction has a goroutine; whichever ends first cuts both connections, and so ends the other.
	p.running.Go(func() { l.carry(Server, bufio.NewReader(l.server), nil, client) })
	l.carry(Program, in, first, l.server)
}

// enter registers a connection, unless the proxy pretends that the server is away.
func (p *Proxy) enter(l *link) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.away {
		p.refused++
		close(p.news)
		p.news = make(chan struct{})
		return false
	}
	p.served++
	l.number = p.served
	p.links[l] = true
	return true
}

// forget removes a connection that has ended.
func (p *Proxy) forget(l *link) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.links, l)
}

// now returns the rules for the next message.
func (p *Proxy) now() (judge func(Message) Fate, held chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.judge, p.held
}

// link is one connection of the program together with the one to the server that continues it.
type link struct {
	proxy             *Proxy
	number            int
	session           string
	program, server   net.Conn
	silent, forgotten atomic.Bool
}

// cut closes both connections. Several goroutines may call it at once.
func (l *link) cut() {
	_ = l.program.Close()
	if l.server != nil {
		_ = l.server.Close()
	}
}

// carry forwards messages from one side to the other. The first one may have been read already.
func (l *link) carry(from Side, in *bufio.Reader, message []byte, to net.Conn) {
	out := bufio.NewWriter(to)
	for {
		var err error
		if message == nil {
			message, err = readMessage(in, 1)
		}
		switch {
		case l.silent.Load(): // neither bytes nor their end may arrive
			<-l.proxy.life.Done()
			return
		case l.forgotten.Load():
			l.reset()
			return
		}
		if err == nil {
			err = l.pass(Message{l.number, from, l.session, message}, out)
		}
		// As long as more has arrived it goes on in one write, as it came.
		if err != nil || in.Buffered() == 0 {
			err = errors.Join(err, out.Flush())
		}
		if err != nil {
			l.cut()
			return
		}
		message = nil
	}
}

// pass forwards one message. It returns an error if the connection must end after it.
func (l *link) pass(m Message, out *bufio.Writer) error {
	// Read together, so that a rule and a hold that were set together apply to the same message.
	judge, held := l.proxy.now()
	fate := Pass
	if judge != nil {
		fate = judge(m)
	}
	if held != nil {
		<-held
	}
	whole := len(m.Bytes)
	switch fate {
	case CutBefore:
		whole = 0
	case CutAmid:
		whole /= 2
	case CutAfter, Pass:
	}
	_, err := out.Write(m.Bytes[:whole])
	if fate != Pass {
		err = errCut
	}
	return err
}

// reset ends the program's connection with a reset, by not waiting for what was sent to be acknowledged.
func (l *link) reset() {
	if tcp, ok := l.program.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	l.cut()
}
