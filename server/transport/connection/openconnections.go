package connection

import (
	"net/netip"
	"slices"
	"sync"

	"petitiond/server/transport/epoll"
)

const (
	// chunk is how many connections are copied under the lock at once, to keep it short.
	chunk = 1024
)

// table holds all open connections.
type table struct {
	mu     sync.Mutex // guards what follows
	all    []*Conn
	by     map[netip.Prefix]int
	closed bool
	loop   *epoll.Loop   // nil before the first connection, and after the end
	empty  chan struct{} // closed when the table is closed and the last connection has gone
	stop   chan struct{}
}

// running returns the loop, or nil after its end.
func (t *table) running() *epoll.Loop {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.loop
}

// ended reports whether new connections are refused.
func (t *table) ended() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.closed
}

// remove removes a connection, and moves the last one into its place.
func (t *table) remove(c *Conn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	last := len(t.all) - 1
	// Those who go through the table in parts may miss the one that is moved. That does no harm: it is inspected a
	// second later, and Shutdown has a copy of the whole.
	t.all[c.place] = t.all[last]
	t.all[c.place].place = c.place
	t.all[last] = nil
	t.all = t.all[:last]
	if t.by[c.address]--; t.by[c.address] == 0 {
		delete(t.by, c.address)
	}
	if t.closed && last == 0 {
		close(t.empty)
	}
}

// size returns how many connections there are.
func (t *table) size() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.all)
}

// some returns up to chunk connections, beginning at a place.
func (t *table) some(from int, into []*Conn) []*Conn {
	t.mu.Lock()
	defer t.mu.Unlock()
	if from >= len(t.all) {
		return nil
	}
	return append(into[:0], t.all[from:min(from+chunk, len(t.all))]...)
}

// end refuses new connections from now on, and returns those that there are.
func (t *table) end() (everybody []*Conn, empty <-chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.closed {
		t.closed = true
		t.empty = make(chan struct{})
		if len(t.all) == 0 {
			close(t.empty)
		}
	}
	// A copy, since connections remove themselves from the table while they are being closed.
	return slices.Clone(t.all), t.empty
}

// close stops the loop and the goroutines, after the last connection has gone.
func (t *table) close(d *dispatch) {
	t.mu.Lock()
	loop := t.loop
	// Before the loop is closed, so Adopt finds no loop instead of a closed one. It is not started again: the table is
	// closed.
	t.loop = nil
	t.mu.Unlock()
	if loop != nil {
		loop.Close()
		close(t.stop)
		close(d.halted)
	}
}
