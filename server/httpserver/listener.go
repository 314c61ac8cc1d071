package httpserver

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"
)

// longestPause is the longest pause between two attempts to accept a connection, if that keeps failing.
const longestPause = time.Second

// listener accepts connections for which there is a place.
type listener struct {
	net.Listener
	places *places
	once   sync.Once
	closed chan struct{}
}

// Accept waits for a connection and finds it a place. No failure ends it: most concern only one connection, others
// pass, such as a lack of file descriptors, and a server that gave up would help nobody.
func (l *listener) Accept() (net.Conn, error) {
	pause := 5 * time.Millisecond
	for {
		conn, err := l.Listener.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return nil, err //nolint:wrapcheck // net/http expects it as it is
		case err != nil:
			l.places.failed(err)
			select {
			case <-time.After(pause):
				// A lack of descriptors lasts until somebody leaves: to try at once would take a processor.
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

// failed logs that connections cannot be accepted, at most once a minute. If the reason is a lack of file descriptors,
// it closes the connection that has waited longest: otherwise clients that do nothing could keep all others out.
func (s *places) failed(err error) {
	errno, known := errors.AsType[syscall.Errno](err)
	if times, due := s.limited.Due("accept"); due {
		reason := err
		if known {
			reason = errno // the error around it contains addresses
		}
		s.log.Error("connections cannot be accepted", "times", times, "error", reason)
	}
	if errno == syscall.EMFILE || errno == syscall.ENFILE {
		s.spare()
	}
}

// refusal is sent on a connection for which there is no place.
const refusal = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\n" +
	"Content-Type: text/plain; charset=utf-8\r\nContent-Length: 37\r\n\r\nThere are too many open connections.\n"

// refuse sends the refusal and closes the connection. If the client has already sent something, it may not get to read
// the refusal. That is accepted: waiting here would hold up all connections that come next.
func refuse(conn net.Conn) {
	_, _ = conn.Write([]byte(refusal)) // does not block: the kernel's buffer is empty
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
