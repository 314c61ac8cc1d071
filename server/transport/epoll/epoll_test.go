package epoll_test

import (
	"bytes"
	"io"
	"net"
	"runtime"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"petitiond/server/transport/epoll"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// listener is a handler that notes what it is told.
type listener struct {
	mu     sync.Mutex
	heard  bytes.Buffer
	more   chan struct{} // told whenever something was heard
	ready  chan struct{}
	lost   chan struct{}
	conn   epoll.Conn
	answer bool // send back what comes
}

func newListener() *listener {
	return &listener{more: make(chan struct{}, 1), ready: make(chan struct{}, 100), lost: make(chan struct{}, 2)}
}

func (l *listener) Receive(data []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.heard.Write(data)
	select {
	case l.more <- struct{}{}:
	default: // nobody has looked since
	}
	if l.answer {
		for rest := data; len(rest) > 0; { // what is still being written delays the next
			n, err := l.conn.Write(rest)
			if err != nil {
				return
			}
			rest = rest[n:]
		}
	}
}

func (l *listener) Ready() { l.ready <- struct{}{} }
func (l *listener) Lost()  { l.lost <- struct{}{} }

func (l *listener) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.heard.String()
}

// hears waits until exactly this was heard.
func (l *listener) hears(t *testing.T, want string) {
	t.Helper()
	for l.text() != want {
		select {
		case <-l.more:
		case <-time.After(10 * time.Second):
			t.Fatalf("heard %q, want %q", l.text(), want)
		}
	}
}

// ways are the two ways in which a connection can be kept.
var ways = map[string]func(net.Conn) net.Conn{
	"Plain": func(c net.Conn) net.Conn { return c },
	// what is no plain TCP connection has a goroutine
	"Escorted": func(c net.Conn) net.Conn { return struct{ halfCloser }{c.(*net.TCPConn)} },
}

type halfCloser interface {
	net.Conn
	CloseWrite() error
}

// each runs a test with a loop and an adopted connection, in both ways.
func each(t *testing.T, read string, test func(t *testing.T, far *net.TCPConn, near epoll.Conn, l *listener)) {
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			loop, err := epoll.New()
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(loop.Close)
			near, far := pair(t)
			l := newListener()
			l.answer = read != ""
			if err := loop.Adopt(way(near), []byte(read), l, func(c epoll.Conn) { l.conn = c }); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(l.conn.Close)
			test(t, far, l.conn, l)
		})
	}
}

func pair(t testing.TB) (near net.Conn, far *net.TCPConn) {
	t.Helper()
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	dialed, err := net.Dial("tcp", server.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dialed.Close() })
	near, err = server.Accept()
	if err != nil {
		t.Fatal(err)
	}
	_ = dialed.SetDeadline(time.Now().Add(20 * time.Second))
	return near, dialed.(*net.TCPConn)
}

func within(t *testing.T, what string, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(10 * time.Second):
		t.Fatalf("not told within 10 s: %s", what)
	}
}

func TestEcho(t *testing.T) {
	t.Parallel()
	each(t, "before ", func(t *testing.T, far *net.TCPConn, _ epoll.Conn, l *listener) {
		for _, word := range []string{"before ", "one ", "two ", "three"} {
			if word != "before " { // which was read already
				if _, err := far.Write([]byte(word)); err != nil {
					t.Fatal(err)
				}
			}
			back := make([]byte, len(word))
			if _, err := io.ReadFull(far, back); err != nil || string(back) != word {
				t.Fatalf("got %q (error %v), want %q", back, err, word)
			}
		}
		if got := l.text(); got != "before one two three" {
			t.Errorf("heard %q", got)
		}
	})
}

func TestSlowReader(t *testing.T) {
	t.Parallel()
	each(t, "", func(t *testing.T, far *net.TCPConn, near epoll.Conn, l *listener) {
		sent := bytes.Repeat([]byte("0123456789abcdef"), 1<<20) // more than any buffer between holds
		got := make(chan []byte, 1)
		read := sync.OnceFunc(func() {
			go func() {
				all := make([]byte, len(sent))
				n, _ := io.ReadFull(far, all)
				got <- all[:n]
			}()
		})
		waited := 0
		for rest := sent; len(rest) > 0; {
			n, err := near.Write(rest[:min(len(rest), 1<<18)])
			if err != nil {
				t.Fatal(err)
			}
			if rest = rest[n:]; n < min(len(rest)+n, 1<<18) {
				read() // not before there is no room
				within(t, "room for more", l.ready)
				waited++
			}
		}
		read()
		if !bytes.Equal(<-got, sent) {
			t.Error("other bytes came than were sent")
		}
		if waited == 0 {
			t.Error("a client that did not read took 16 MiB at once")
		}
	})
}

func TestLost(t *testing.T) {
	t.Parallel()
	each(t, "", func(t *testing.T, far *net.TCPConn, near epoll.Conn, l *listener) {
		_, _ = far.Write([]byte("last words"))
		_ = far.Close()
		within(t, "the client has gone", l.lost)
		if l.text() != "last words" {
			t.Errorf("heard %q before the end", l.text())
		}
		if _, err := near.Write([]byte("x")); err == nil {
			t.Error("wrote to nobody")
		}
	})
}

func TestReset(t *testing.T) {
	t.Parallel()
	each(t, "", func(t *testing.T, far *net.TCPConn, _ epoll.Conn, l *listener) {
		_ = far.SetLinger(0)
		_ = far.Close()
		within(t, "the client has gone", l.lost)
	})
}

func TestFinishAndClose(t *testing.T) {
	t.Parallel()
	each(t, "", func(t *testing.T, far *net.TCPConn, near epoll.Conn, l *listener) {
		if _, err := near.Write([]byte("bye")); err != nil {
			t.Fatal(err)
		}
		near.Finish()
		if all, err := io.ReadAll(far); err != nil || string(all) != "bye" {
			t.Errorf("got %q (error %v), want bye and the end", all, err)
		}
		if _, err := far.Write([]byte("and you")); err != nil {
			t.Fatal(err)
		}
		l.hears(t, "and you")
		near.Close()
		near.Close()
		if n, err := near.Write([]byte("x")); n != 0 || err == nil {
			t.Errorf("wrote %d bytes (error %v) after Close", n, err)
		}
	})
}

// A connection that is closed while it is paused leaves nothing behind.
func TestCloseWhilePaused(t *testing.T) {
	t.Parallel()
	each(t, "", func(t *testing.T, far *net.TCPConn, near epoll.Conn, l *listener) {
		near.Pause()
		if _, err := far.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		near.Close()
		if err := near.Resume(); err != nil {
			t.Error(err)
		}
		if len(l.lost) > 0 {
			t.Error("what was closed was also lost")
		}
	})
}

// TestIdleCostsNothing is what the package is for.
func TestIdleCostsNothing(t *testing.T) { //nolint:paralleltest // it counts goroutines
	if runtime.GOOS != "linux" {
		t.Skip("elsewhere each connection has a goroutine")
	}
	loop, err := epoll.New()
	if err != nil {
		t.Fatal(err)
	}
	defer loop.Close()
	before := runtime.NumGoroutine()
	for range 200 {
		near, _ := pair(t)
		l := newListener()
		if err := loop.Adopt(near, nil, l, func(c epoll.Conn) { l.conn = c }); err != nil {
			t.Fatal(err)
		}
		defer l.conn.Close()
	}
	if more := runtime.NumGoroutine() - before; more > 0 {
		t.Errorf("%d goroutines more for 200 connections", more)
	}
}
