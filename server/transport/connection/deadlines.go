package connection

import (
	"net/http"
	"time"

	"petitiond/server/transport/socket"
)

// watch inspects every connection once a second, or more often where the limits are very short, as in tests.
func (k *Keeper) watch() {
	o := k.Limits
	ticker := time.NewTicker(max(tick, min(time.Second, o.Init/2, o.Event/2, o.Ping/2, o.Pong/2)))
	defer ticker.Stop()
	buffer := make([]*Conn, 0, chunk)
	for {
		select {
		case <-k.table.stop:
			return
		case <-ticker.C:
		}
		// It only starts the checks, which may ask the database: what is open under a credential that has ended is
		// closed in a later round, or before it is next written to.
		k.Credentials.Check()
		at := k.ticks()
		for from := 0; ; from += chunk {
			part := k.table.some(from, buffer)
			if len(part) == 0 {
				break
			}
			for _, c := range part {
				c.inspect(at)
			}
		}
		k.Streams.sweep()
	}
}

// inspect ends a connection that has exceeded a limit, and keeps the others alive.
func (c *Conn) inspect(at int32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	// Without a network connection yet it can neither be written to nor closed; Adopt or Abandon is about to be called.
	if c.gone || c.out.conn == nil {
		return
	}
	c.expire()
	o := c.keeper.Limits
	since := func(then int32) time.Duration { return time.Duration(at-then) * tick }
	switch {
	case c.gone:
	case c.leaving:
		if since(c.life.parted) >= closeTime {
			c.drop()
		}
	case len(c.in.texts) == 0 && c.out.stalled != 0 && since(c.out.stalled) >= o.Event:
		c.drop()
	case len(c.in.texts) > 0: // the client is waiting for us, not we for it
		// While paused the connection is not with the poller, which would report that the client has taken something:
		// only the time before the pause counts.
		if c.out.stalled != 0 && since(c.out.stalled)-since(max(c.in.paused, c.out.stalled)) >= o.Event {
			c.drop()
		}
	case c.protocol == Socket && !c.session.Ready() && !c.session.Initialising() && since(c.life.opened) >= o.Init:
		c.close(socket.ErrInitTimeout.Code, socket.ErrInitTimeout.Reason)
	case c.in.halved != 0 && since(c.in.halved) >= o.Read:
		c.close(socket.Policy, "A message took too long to arrive")
	case since(c.life.opened) >= age(c.life.opened, o.Age):
		c.end(socket.GoingAway, "Connect again")
	default:
		c.keepAlive(at, since)
	}
}

// age returns how long a connection may live. It varies from connection to connection, lest all reconnect together.
func age(opened int32, limit time.Duration) time.Duration {
	// The tick of its opening serves as a random number, so that no connection has to store one.
	spread := time.Duration(opened%1000) * limit / 5000 // up to 20 %
	return limit - limit/10 + spread
}

// end ends a connection. A WebSocket is closed with a code; an event stream just ends, without completing its
// operations, so its client reconnects. It needs mu.
func (c *Conn) end(code int, reason string) {
	if c.protocol == Socket {
		c.close(code, reason)
		return
	}
	if !c.gone && !c.leaving {
		c.releaseAll()
		c.leave()
	}
}

// expire ends everything whose credential is no longer valid. It needs mu.
func (c *Conn) expire() {
	if c.leaving {
		return
	}
	if c.protocol != Socket { // on a WebSocket all operations carry the credential of the connection
		for id, t := range c.session.Operations() {
			// The one operation of a stream came with the connection's credential and has none of its own.
			f := t.who.Fault()
			if c.protocol.single() {
				f = c.who.Fault()
			}
			if f != nil {
				c.finish(id, c.protocol.appendEnd(nil, t.id, f.JSON()))
			}
		}
	}
	switch f := c.who.Fault(); {
	case f == nil:
	case f.Status == http.StatusServiceUnavailable:
		c.end(tryLater, "Try again later")
	default:
		c.end(socket.Forbidden, "Forbidden")
	}
}
