package connection

import (
	"time"

	"petitiond/server/transport/socket"
)

// keepAlive pings a connection over which nothing was sent for a while, and drops one that did not answer a ping in
// time. It needs mu.
func (c *Conn) keepAlive(at int32, since func(then int32) time.Duration) {
	o := c.keeper.Limits
	switch {
	// A client that has not taken what was written before the ping cannot have seen the ping: Limits.Event judges it
	// instead.
	case c.life.asked != 0 && since(c.life.asked) >= o.Pong && c.out.stalled == 0:
		c.drop()
	case c.life.asked == 0 && since(max(c.life.spoke, c.life.opened)) >= o.Ping && len(c.out.pending) == 0:
		c.ping(at)
	}
}

// ping checks that the client is still there and reading: the kernel accepts bytes for a client that no longer reads.
func (c *Conn) ping(at int32) {
	c.life.spoke = at
	if c.protocol == Socket {
		c.life.asked = at
		c.write(socket.AppendFrame(nil, socket.Ping, nil))
		return
	}
	c.write([]byte(c.protocol.heartbeat()))
}

// heartbeat returns what shows on a stream that the server is alive, and is passed over by clients.
func (p Protocol) heartbeat() string {
	if p == Parts {
		return heartbeat
	}
	return ":\n\n"
}
