package epoll

import (
	"net"
	"sync"
)

// small is the buffer of an accompanied connection: what clients send is short.
const small = 512

// escort is a connection with a goroutine of its own, and a second one while something is being written.
type escort struct {
	conn    net.Conn
	handler Handler

	mu      sync.Mutex // guards what follows
	resumed sync.Cond  // signalled by Resume and by the end of the connection
	paused  bool
	writing bool
	full    bool // Ready is due when the writing ends
	closed  bool
	failed  bool
	finish  bool // the sending side ends after what is being written
}

var _ Conn = (*escort)(nil)

// accompany gives a connection a goroutine of its own.
func accompany(conn net.Conn, read []byte, h Handler, ready func(Conn)) {
	e := &escort{conn: conn, handler: &turns{Handler: h}}
	e.resumed.L = &e.mu
	ready(e)
	go e.run(read)
}

// turns serialises the calls of a handler, since two goroutines make them.
type turns struct {
	Handler

	mu sync.Mutex
}

// Receive waits for its turn.
func (t *turns) Receive(data []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.Handler.Receive(data)
}

// Ready waits for its turn.
func (t *turns) Ready() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.Handler.Ready()
}

// Lost waits for its turn.
func (t *turns) Lost() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.Handler.Lost()
}

// run reads until the connection ends. Paused, it reads nothing, so that the kernel holds the client back.
func (e *escort) run(read []byte) {
	if len(read) > 0 {
		e.handler.Receive(read)
		e.rest()
	}
	buffer := make([]byte, small)
	for {
		n, err := e.conn.Read(buffer)
		if n > 0 {
			e.handler.Receive(buffer[:n])
			e.rest()
		}
		if err != nil {
			break
		}
	}
	if e.end() {
		e.handler.Lost()
	}
}

// rest blocks while the connection is paused.
func (e *escort) rest() {
	e.mu.Lock()
	defer e.mu.Unlock()
	for e.paused && !e.closed {
		e.resumed.Wait()
	}
}

// Pause makes the reading goroutine wait after the current call of the handler.
func (e *escort) Pause() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.paused = true
}

// Resume wakes the reading goroutine.
func (e *escort) Resume() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.paused = false
	e.resumed.Signal()
	return nil
}

// Write takes everything, or nothing if something is still being written.
func (e *escort) Write(data []byte) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case e.closed, e.failed:
		return 0, ErrClosed
	case e.writing:
		e.full = true
		return 0, nil
	}
	e.writing = true
	// The caller uses its buffer for the next connection.
	own := append([]byte(nil), data...)
	go e.write(own)
	return len(data), nil
}

// write writes what Write has taken, for as long as that takes, and tells the handler that there is room if it was
// turned away meanwhile.
func (e *escort) write(data []byte) {
	_, err := e.conn.Write(data)
	e.mu.Lock()
	e.writing = false
	e.failed = err != nil
	tell := e.full && !e.closed
	e.full = false
	if e.finish {
		e.shut()
	}
	e.mu.Unlock()
	if tell {
		e.handler.Ready()
	}
}

// Finish shuts down the sending side after what is being written.
func (e *escort) Finish() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.finish = true
	if !e.writing {
		e.shut()
	}
}

// shut ends the sending side, where a connection has two. It needs mu.
func (e *escort) shut() {
	if half, ok := e.conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
}

// Close closes the connection.
func (e *escort) Close() { e.end() }

// end closes the connection, and reports whether this call was the first to do so.
func (e *escort) end() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return false
	}
	e.closed = true
	e.resumed.Signal()
	_ = e.conn.Close()
	return true
}
