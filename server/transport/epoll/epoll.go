// Package epoll watches connections that are mostly idle: WebSockets and event streams, taken over from net/http. On
// Linux an idle connection costs neither a goroutine nor a buffer: one goroutine waits for all of them with epoll.
// Elsewhere, and for connections that are not plain TCP, each has one goroutine with a small buffer.
//
// It does not know what the bytes mean, and never blocks on a client.
package epoll

import (
	"errors"
	"net"
	"time"
)

// ErrClosed reports that a connection was closed or lost.
var ErrClosed = errors.New("the connection is closed")

// Handler handles what happens on a connection. Its methods are never called concurrently.
type Handler interface {
	// Receive is called with bytes that the client sent. They are only valid during the call.
	Receive(data []byte)
	// Ready is called when more can be written, after a Write that did not take everything.
	Ready()
	// Lost is called once, when the client has gone. It is not called after Close.
	Lost()
}

// Conn is an open connection.
type Conn interface {
	// Write sends what can be sent without blocking, and returns how much that was. If it was not everything, Ready is
	// called once there is room again; it is up to the caller to keep the rest.
	Write(data []byte) (int, error)
	// Finish shuts down the sending side: the client reads the end. What the client still sends is received.
	Finish()
	// Pause stops reading from the client until Resume: the kernel's buffers fill up, and the client has to wait.
	// Meanwhile neither Receive nor Lost is called. Pause may be called within Receive; Resume may not.
	Pause()
	// Resume ends a Pause. After an error the connection cannot be used, and the caller must close it.
	Resume() error
	// Close closes the connection. The handler is not called after that.
	Close()
}

// Loop watches connections.
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

// Adopt takes over a connection, with the bytes that were already read from it. It calls ready with the connection
// before it passes these or any later bytes to h.
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
