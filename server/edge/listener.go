package edge

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"
)

// longestPause is between two tries to accept a connection, where that fails again and again.
const longestPause = time.Second

// listener accepts connections for which there is a place.
type listener struct {
	net.Listener
	places *places
	once   sync.Once
	closed chan struct{}
}

// Accept waits for a connection that has a place. No failure ends it: most are of one connection, the others pass, as
// when there are no more descriptors, and a server that gave up would help nobody.
func (l *listener) Accept() (net.Conn, error) {
	pause := 5 * time.Millisecond
	for {
		conn, err := l.Listener.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return nil, err //nolint:wrapcheck // net/http knows it
		case err != nil:
			l.places.failed(err)
			select {
			case <-time.After(pause):
				pause = min(2*pause, longestPause)
			case <-l.closed:
			}
		case l.places.enter(conn):
			return conn, nil
		}
	}
}

// Close ends Accept.
func (l *listener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close() //nolint:wrapcheck // as above
}

// failed tells the operator that connections cannot be accepted, at most once a minute, and gives back a descriptor
// where they are what is lacking.
func (s *places) failed(err error) {
	errno, known := errors.AsType[syscall.Errno](err)
	s.mu.Lock()
	at := s.now()
	if last, ok := s.told[""]; !ok || at.Sub(last) >= time.Minute {
		s.told[""] = at
		reason := fmt.Sprintf("%T", err)
		if known {
			reason = errno.Error() // the whole error has addresses
		}
		s.log.Error("connections cannot be accepted", "reason", reason)
	}
	s.mu.Unlock()
	if errno == syscall.EMFILE || errno == syscall.ENFILE {
		s.spare()
	}
}

// refusal is sent to whom there is no place for.
const refusal = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\n" +
	"Content-Type: text/plain; charset=utf-8\r\nContent-Length: 37\r\n\r\nThere are too many open connections.\n"

// refuse hangs up. What the client has sent by then may keep it from reading why: nobody waits here to find out, since
// the next one is waiting.
func refuse(conn net.Conn) {
	_, _ = conn.Write([]byte(refusal)) // the kernel has room for it
	_ = conn.Close()
}

// addressOf returns the address at the other end.
func addressOf(conn net.Conn) netip.Addr {
	at, err := netip.ParseAddrPort(conn.RemoteAddr().String())
	if err != nil {
		return netip.Addr{}
	}
	return at.Addr().Unmap()
}
