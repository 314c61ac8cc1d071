package connection

import (
	"context"
	"net"
	"slices"

	"petitiond/server/operation"
	"petitiond/server/transport/epoll"
	"petitiond/server/transport/fault"
	"petitiond/server/transport/socket"
)

// Beginning is called once a connection is established. It needs mu, and so must not wait.
type Beginning func(*Conn)

// WithNothing does nothing: the client sends the first message.
func WithNothing(*Conn) {}

// WithoutProtocol closes a WebSocket whose client does not speak graphql-transport-ws.
func WithoutProtocol(c *Conn) { c.close(socket.ErrSubprotocol.Code, socket.ErrSubprotocol.Reason) }

// WithOperation runs the one operation of an event stream. Version is that of the last event that the client has, or 0.
func WithOperation(op *operation.Operation, version int64) Beginning {
	return func(c *Conn) {
		if c.gone { // the head of the response found nobody: nothing would end what begins now
			return
		}
		t := &task{conn: c, known: version, taken: operation.RequestMemory(op.Bytes)}
		if !c.keeper.Requests.Of(c.address).Take(t.taken) {
			c.write(c.protocol.appendEnd(nil, "", fault.NoRoom().JSON()))
			c.leave()
			return
		}
		who := c.keeper.Credentials.Identity(c.who)
		ctx, end := context.WithCancel(c.keeper.lasting(who, c.id))
		t.end = end
		c.session.Begin("", t)
		go t.run(ctx, who, op)
	}
}

// WithStream makes the connection that of a claimed stream, and runs the operations that wait for it.
func (s *Streams) WithStream(token string) Beginning {
	// On a goroutine: the lock of the streams comes before that of the connection, which is held here.
	return func(c *Conn) { go s.opened(token, c) }
}

// Adopt takes over the network connection, with the bytes that were already read from it, and sends head first. The
// connection belongs to the Keeper from then on; if it cannot be kept, it is closed.
func (c *Conn) Adopt(conn net.Conn, read, head []byte, begin Beginning) {
	loop := c.keeper.table.running()
	if loop == nil {
		_ = conn.Close()
		c.Abandon()
		return
	}
	err := loop.Adopt(conn, slices.Clone(read), c, func(adopted epoll.Conn) {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.gone { // Shutdown has dropped it already
			adopted.Close()
			return
		}
		c.out.conn = adopted
		// Under one lock with what follows: a task of a reserved stream must not write before the head of the response.
		c.write(head)
		begin(c)
		// Asked after conn is set, while Shutdown marks the end before it looks for conn: so one of the two sees the
		// other.
		if c.keeper.table.ended() { // Shutdown began before this connection was established
			c.end(socket.GoingAway, "Going away")
		}
	})
	if err != nil {
		c.keeper.Logger.Warn("a connection could not be kept", "request_id", c.id, "error", err)
		c.Abandon()
	}
}

// goodbye closes a connection with a closing handshake, if it is established.
func (c *Conn) goodbye() {
	c.mu.Lock()
	defer c.mu.Unlock()
	// One that is not established yet is ended by Adopt.
	if c.out.conn != nil {
		c.end(socket.GoingAway, "Going away")
	}
}

// Abandon drops c, whether or not it has adopted a network connection.
func (c *Conn) Abandon() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.out.conn == nil {
		c.out.conn = nowhere{}
	}
	c.drop()
}

// nowhere is the connection of a Conn that has none.
type nowhere struct{}

func (nowhere) Write([]byte) (int, error) { return 0, epoll.ErrClosed }
func (nowhere) Finish()                   {}
func (nowhere) Pause()                    {}
func (nowhere) Resume() error             { return nil }
func (nowhere) Close()                    {}
