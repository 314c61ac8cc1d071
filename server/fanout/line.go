package fanout

import (
	"context"
	"net"
	"sync"
	"time"
)

// line makes the listener's connection, of which there is one at a time, and can cut it: the driver waits for
// its server for ever, holding a lock without which it can neither be asked nor closed.
type line struct {
	ctx context.Context // of Run: a listener has none to hand on

	mu   sync.Mutex // guards conn, and is held while it is made
	conn net.Conn
}

// Dial is what the driver calls.
func (l *line) Dial(network, address string) (net.Conn, error) {
	return l.DialTimeout(network, address, 5*time.Second)
}

// DialTimeout is what the driver calls for an address with connect_timeout.
func (l *line) DialTimeout(network, address string, timeout time.Duration) (_ net.Conn, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conn, err = (&net.Dialer{Timeout: timeout}).DialContext(l.ctx, network, address)
	return l.conn, err
}

// cut breaks the connection, if there is one.
func (l *line) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conn != nil {
		_ = l.conn.Close() // wakes up who reads from it
	}
}
