package fanout

import (
	"context"
	"net"
	"sync"
	"time"
)

// dialer makes the listener's connection, of which there is one at a time, and can cut it: the driver waits for
// its server for ever, holding a lock without which it can neither be asked nor closed.
type dialer struct {
	ctx context.Context // of Run: a listener has none to hand on

	mu   sync.Mutex // guards conn, and is held while it is made
	conn net.Conn
}

// Dial is what the driver calls.
func (d *dialer) Dial(network, address string) (net.Conn, error) {
	return d.DialTimeout(network, address, 5*time.Second)
}

// DialTimeout is what the driver calls for an address with connect_timeout.
func (d *dialer) DialTimeout(network, address string, timeout time.Duration) (_ net.Conn, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.conn, err = (&net.Dialer{Timeout: timeout}).DialContext(d.ctx, network, address)
	return d.conn, err
}

// cut breaks the connection, if there is one.
func (d *dialer) cut() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.conn != nil {
		_ = d.conn.Close() // wakes up those who read from it
	}
}
