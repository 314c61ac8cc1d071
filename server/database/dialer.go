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

// answerMargin is what the network, and a server that is slow to stop a statement, may add to its timeout.
const answerMargin = 2 * time.Second

// dialer makes connections on which nothing waits for ever. The driver closes none: when a context ends while a
// statement runs, it asks the server over a second connection to cancel it and goes on reading, and a
// stalled server answers neither. So no read and no write takes longer than limit; then the connection is
// closed, and the driver gives a *net.OpError.
//
// A server may rightly take longer for one thing, a COMMIT: statement_timeout does not count there, and a
// slow disk or a standby holds it up. Its outcome is unknown then, and the caller has to look.
//
// TCP keepalive is what net.Dialer sets (a probe after 15 s, nine of them), as in the driver's own dialer: it
// keeps the way through a firewall open, and is all that a pool without a limit has.
type dialer struct {
	limit  time.Duration // 0 is none
	losses atomic.Int64  // counts the connections that fell silent or were reset
}

// DialContext is what the driver calls.
func (d *dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil || d.limit == 0 {
		return conn, err
	}
	l := &line{Conn: conn, dialer: d}
	l.heard.Store(d.losses.Load())
	return l, nil
}

// Dial is for the driver's interface alone.
func (d *dialer) Dial(network, address string) (net.Conn, error) {
	return d.DialContext(context.Background(), network, address)
}

// DialTimeout is for the driver's interface alone.
func (d *dialer) DialTimeout(network, address string, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	return d.DialContext(ctx, network, address)
}

// line is one connection.
type line struct {
	net.Conn
	dialer *dialer
	timed  bool         // the driver has set a deadline, for its handshake or for a cancel request
	heard  atomic.Int64 // the dialer's losses when the server was last heard
}

// SetDeadline takes the driver's own deadline, which holds until the driver removes it.
func (l *line) SetDeadline(t time.Time) error {
	l.timed = !t.IsZero()
	return l.Conn.SetDeadline(t)
}

func (l *line) Read(b []byte) (int, error) {
	if err := l.arm(l.SetReadDeadline); err != nil {
		return 0, err
	}
	n, err := l.Conn.Read(b)
	if err == nil {
		l.heard.Store(l.dialer.losses.Load())
	}
	return n, l.judge(err)
}

// Write sends nothing when a line broke since this one heard of the server: it is probably as dead, and to
// wait for each of a pool in turn would take long. The driver knows then that nothing was sent, and
// database/sql takes another connection.
func (l *line) Write(b []byte) (int, error) {
	if l.heard.Load() != l.dialer.losses.Load() {
		_ = l.Close()
	}
	if err := l.arm(l.SetWriteDeadline); err != nil {
		return 0, err
	}
	n, err := l.Conn.Write(b)
	return n, l.judge(err)
}

func (l *line) arm(set func(time.Time) error) error {
	if l.timed {
		return nil
	}
	return set(Now().Add(l.dialer.limit))
}

// judge closes the line for good if err says that nobody is at its other end. A handshake that takes too
// long says nothing about those who have theirs behind them.
func (l *line) judge(err error) error {
	if !l.timed && (errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, syscall.ECONNRESET)) {
		l.dialer.losses.Add(1)
		_ = l.Close()
	}
	return err
}

// answerLimit gives the longest that a session with settings may rightly keep its client waiting, or 0 where
// that is for ever. PostgreSQL counts what a statement waits for locks as time of the statement.
func answerLimit(settings map[string]string) (time.Duration, error) {
	timeout, err := settingTime(settings["statement_timeout"])
	if err != nil || timeout == 0 {
		return 0, err
	}
	return timeout + answerMargin, nil
}

// settingTime reads a time as PostgreSQL does: a number with a unit, milliseconds where there is none.
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
