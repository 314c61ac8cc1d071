// Package epoll keeps connections open that mostly wait: sockets and event streams, taken over from net/http.
// On Linux none costs a goroutine or a buffer while nothing happens on it: one goroutine waits for all of them
// by epoll. Elsewhere, and for connections that are no plain TCP, each has one goroutine with a small buffer.
//
// It knows nothing of what the bytes mean, and never waits for a client.
package epoll

import (
	"errors"
	"net"
	"time"
)

// ErrClosed says that a connection was closed or lost.
var ErrClosed = errors.New("the connection is closed")

// Handler is told what happens on a connection: by one goroutine, one thing after the other.
type Handler interface {
	// Receive takes bytes that the client sent. They are the handler's during the call alone.
	Receive(data []byte)
	// Ready says that more can be written, after a Write that took less than it was given.
	Ready()
	// Lost says that the client has gone, once. It is not called after Close.
	Lost()
}

// Conn is an open connection.
type Conn interface {
	// Write sends what can be sent at once and returns how much that was. When it was not all, Ready is called
	// once there is room again. What was not taken is the caller's to keep.
	Write(data []byte) (int, error)
	// Finish tells the client that nothing more comes. What the client still sends is received.
	Finish()
	// Pause leaves what the client sends where it is, so that it must wait, until Resume. Nothing is told meanwhile,
	// also not that the client has gone. It may be called within Receive, Resume may not.
	Pause()
	// Resume goes on after a Pause. An error is the end of the connection: the caller closes it.
	Resume() error
	// Close gives the connection up. Nothing is told of it any more.
	Close()
}

// Loop waits for what happens on connections.
type Loop struct{ poll *poller }

// New returns a loop that runs until it is closed.
func New() (*Loop, error) {
	p, err := newPoller()
	if err != nil {
		return nil, err
	}
	return &Loop{poll: p}, nil
}

// Close ends the loop, once every connection is closed.
func (l *Loop) Close() { l.poll.close() }

// Adopt takes a connection over, with the bytes that were read from it already. These and what follows are
// told to h only after ready was called with the connection.
func (l *Loop) Adopt(conn net.Conn, read []byte, h Handler, ready func(Conn)) error {
	if err := conn.SetDeadline(time.Time{}); err != nil {
		return errors.Join(err, conn.Close())
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		adopted, err := l.poll.adopt(tcp, read, h, ready)
		if adopted || err != nil {
			return err
		}
	}
	accompany(conn, read, h, ready)
	return nil
}
