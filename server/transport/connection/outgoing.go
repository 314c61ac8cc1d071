package connection

import (
	"net/netip"

	"petitiond/server/transport/epoll"
)

// spareBytes is how many bytes may wait for a client that does not read, besides two of the largest answers.
const spareBytes = 64 << 10

// outgoing is the sending side of a connection.
type outgoing struct {
	conn    epoll.Conn
	pending []byte // what the client has had no room for
	stalled int32  // since when pending is not empty, in ticks of the keeper's clock
}

// write sends data, and keeps what the client has no room for. It reports whether the connection may stay.
func (o *outgoing) write(k *Keeper, address netip.Prefix, data []byte) bool {
	// What came earlier must leave earlier, even if the client has room again by now.
	if len(o.pending) > 0 {
		return o.keep(k, address, data)
	}
	n, err := o.conn.Write(data)
	switch {
	case err != nil:
		return false
	case n < len(data):
		o.stalled = k.ticks()
		return o.keep(k, address, data[n:])
	}
	return true
}

// keep keeps what the client has no room for, within the limits of one connection and of the answers to its address. It
// copies: the caller writes the next connection's events into the same buffer.
func (o *outgoing) keep(k *Keeper, address netip.Prefix, data []byte) bool {
	if len(o.pending)+len(data) > 2*k.Answer+spareBytes || !k.Memory.Of(address).Take(len(data)) {
		return false
	}
	o.pending = append(o.pending, data...)
	return true
}

// take returns what was kept, and releases its memory.
func (o *outgoing) take(k *Keeper, address netip.Prefix) (rest []byte) {
	k.Memory.Of(address).Give(len(o.pending))
	rest, o.pending = o.pending, nil
	return rest
}
