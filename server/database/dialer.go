package database

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// answerMargin is added to the timeout of a statement, for the network and for a server that is slow to stop it.
const answerMargin = 2 * time.Second

// dialer makes connections on which nothing waits forever. The driver would: when a context ends while a statement
// runs, it asks the server over a second connection to cancel the statement, and goes on reading from the first. A
// server that has stalled answers neither. So no read and no write may take longer than limit; then the connection is
// closed, and the driver returns a *net.OpError.
//
// Only for a COMMIT may a server rightly need longer: statement_timeout does not apply to it, and a slow disk or a
// standby can delay it. The outcome is then unknown, and the caller has to find out.
//
// TCP keepalive is as net.Dialer sets it (a probe after 15 s, nine of them), and as the driver's own dialer has it. It
// keeps connections through a firewall open, and is the only protection of a pool without a limit.
type dialer struct {
	limit  time.Duration // 0: none
	losses atomic.Int64  // how many connections have fallen silent or were reset so far
}

// DialContext is the method that the driver calls.
func (d *dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil || d.limit == 0 {
		return conn, err
	}
	c := &timedConn{Conn: conn, dialer: d}
	c.lossesSeen.Store(d.losses.Load())
	return c, nil
}

// Dial is only there for the driver's interface.
func (d *dialer) Dial(network, address string) (net.Conn, error) {
	return d.DialContext(context.Background(), network, address)
}

// DialTimeout is only there for the driver's interface.
func (d *dialer) DialTimeout(network, address string, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	return d.DialContext(ctx, network, address)
}

// timedConn is a connection whose reads and writes have deadlines.
type timedConn struct {
	net.Conn
	dialer     *dialer
	ownLimit   bool         // the driver has set a deadline itself, for its handshake or a cancel request
	lossesSeen atomic.Int64 // the dialer's losses when the server last sent something here
}

// SetDeadline takes the driver's own deadline, which replaces ours until the driver removes it.
func (c *timedConn) SetDeadline(t time.Time) error {
	c.ownLimit = !t.IsZero()
	return c.Conn.SetDeadline(t)
}

// Read reads within the limit. Whatever arrives shows that the server is alive.
func (c *timedConn) Read(b []byte) (int, error) {
	if err := c.applyLimit(c.SetReadDeadline); err != nil {
		return 0, err
	}
	n, err := c.Conn.Read(b)
	if err == nil {
		c.lossesSeen.Store(c.dialer.losses.Load())
	}
	return n, c.closeIfDead(err)
}

// Write sends nothing if another connection was lost since the server last sent something on this one: this one is then
// probably dead too, and waiting for each connection of a pool in turn would take long. It is closed before anything is
// sent, so the driver knows that nothing was, and database/sql takes another connection.
func (c *timedConn) Write(b []byte) (int, error) {
	if c.lossesSeen.Load() != c.dialer.losses.Load() {
		_ = c.Close()
	}
	if err := c.applyLimit(c.SetWriteDeadline); err != nil {
		return 0, err
	}
	n, err := c.Conn.Write(b)
	return n, c.closeIfDead(err)
}

// applyLimit sets a deadline for one read or write, unless the driver's own holds.
func (c *timedConn) applyLimit(set func(time.Time) error) error {
	if c.ownLimit {
		return nil
	}
	return set(Now().Add(c.dialer.limit))
}

// closeIfDead closes the connection if err means that the server no longer answers on it, and returns err. A timeout
// that the driver has set does not mean that: a slow handshake says nothing about connections that are established.
func (c *timedConn) closeIfDead(err error) error {
	if !c.ownLimit && (errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, syscall.ECONNRESET)) {
		c.dialer.losses.Add(1)
		_ = c.Close()
	}
	return err
}

// answerLimit returns the longest time after which a session with these settings must have answered, or 0 if there is
// no such time. PostgreSQL counts the time that a statement waits for locks as time of the statement.
func answerLimit(settings map[string]string) (time.Duration, error) {
	timeout, err := settingTime(settings["statement_timeout"])
	if err != nil || timeout == 0 {
		return 0, err
	}
	return timeout + answerMargin, nil
}

// settingTime parses a time as PostgreSQL does: a number with a unit, or milliseconds if there is none.
func settingTime(setting string) (time.Duration, error) {
	setting = strings.TrimSpace(setting)
	unit := strings.TrimLeft(setting, "0123456789.")
	scale, known := map[string]time.Duration{
		"us": time.Microsecond, "": time.Millisecond, "ms": time.Millisecond, "s": time.Second,
		"min": time.Minute, "h": time.Hour, "d": 24 * time.Hour,
	}[strings.TrimSpace(unit)]
	number, err := strconv.ParseFloat(strings.TrimSuffix(setting, unit), 64)
	if err != nil || !known {
		return 0, fmt.Errorf("%w; its statement_timeout cannot be read: write it as 3s or 500ms", ErrURL)
	}
	return time.Duration(number * float64(scale)).Round(time.Millisecond), nil
}
