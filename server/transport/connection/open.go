package connection

import (
	"context"
	"net"
	"slices"

	"petitiond/server/operation"
	"petitiond/server/transport/epoll"
	"petitiond/server/transport/socket"
)

// Beginning is what a connection begins with, once it is there.
type Beginning func(*Conn)

// WithNothing waits for what the client sends.
func WithNothing(*Conn) {}

// WithoutProtocol closes a WebSocket whose client does not speak graphql-transport-ws.
func WithoutProtocol(c *Conn) { c.close(socket.ErrSubprotocol.Code, socket.ErrSubprotocol.Reason) }

// WithOperation runs the operation of an event stream that is for one alone. The client has a version of it already, or
// 0.
func WithOperation(op *operation.Operation, version int64) Beginning {
	return func(c *Conn) {
		t := &task{conn: c, known: version}
		who := c.keeper.Credentials.Identity(c.who)
		ctx, end := context.WithCancel(c.keeper.lasting(who, c.id))
		t.end = end
		c.session.Begin("", t)
		go t.run(ctx, who, op)
	}
}

// WithStream runs the operations that wait for a stream that was claimed, and those that come later.
func (s *Streams) WithStream(token string) Beginning {
	return func(c *Conn) { go s.opened(token, c) }
}

// Adopt takes over the connection itself, with the bytes that were read from it already, and sends head first. After
// that it is the Keeper's; if it cannot be kept, it is closed.
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
		if c.gone { // Shutdown waited for nobody any longer
			adopted.Close()
			return
		}
		c.out.conn = adopted
		c.write(head)
		begin(c)
		if c.keeper.table.ended() { // Shutdown did not see this one
			c.end(socket.GoingAway, "Going away")
		}
	})
	if err != nil {
		c.keeper.Logger.Warn("a connection could not be kept", "request_id", c.id)
		c.Abandon()
	}
}

// goodbye closes a connection that there is.
func (c *Conn) goodbye() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.out.conn != nil {
		c.end(socket.GoingAway, "Going away")
	}
}

// Abandon drops a connection that perhaps never had a connection.
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
