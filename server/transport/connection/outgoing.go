package connection

import "petitiond/server/transport/epoll"

// spareBytes are the bytes that may wait for a client which does not read, beside two of the largest answers.
const spareBytes = 64 << 10

// outgoing is what leaves for a client.
type outgoing struct {
	conn    epoll.Conn
	pending []byte // of a message that the client has not taken whole
	stalled int32  // since when pending is not empty, in ticks of the keeper's clock
}

// write sends, or keeps what the client does not take. It reports whether the connection may stay.
func (o *outgoing) write(k *Keeper, data []byte) bool {
	if len(o.pending) > 0 {
		return o.keep(k, data)
	}
	n, err := o.conn.Write(data)
	switch {
	case err != nil:
		return false
	case n < len(data):
		o.stalled = k.ticks()
		return o.keep(k, data[n:])
	}
	return true
}

// keep keeps what the client does not take, within the bounds of one connection and of all answers together.
func (o *outgoing) keep(k *Keeper, data []byte) bool {
	if len(o.pending)+len(data) > 2*k.Answer+spareBytes || !k.Memory.Take(len(data)) {
		return false
	}
	o.pending = append(o.pending, data...)
	return true
}

// take returns what was kept, and gives its memory back.
func (o *outgoing) take(k *Keeper) (rest []byte) {
	k.Memory.Give(len(o.pending))
	rest, o.pending = o.pending, nil
	return rest
}
