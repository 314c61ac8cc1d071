// Package connection keeps connections open: WebSockets that speak graphql-transport-ws, and event streams in both
// modes of graphql-sse. What clients ask for over them a [Host] runs; whose credential is whose the registry of package
// credential knows.
//
// A [Keeper] holds the connections (table.go) and looks after them (watch.go). A connection (conn.go) takes messages
// (message.go) that begin tasks and end them; what a task has to tell comes from a feed that equal subscriptions read
// together (feed.go), and is written when the connection's turn comes (dispatch.go). stream.go knows the streams that
// are opened by a token.
package connection

import (
	"context"
	"net/http"
	"net/netip"
	"time"

	"petitiond/server/errcode"
	"petitiond/server/operation"
	"petitiond/server/transport/credential"
	"petitiond/server/transport/epoll"
	"petitiond/server/transport/fault"
	"petitiond/server/transport/socket"
	"petitiond/server/transport/trace"
)

const (
	// ticksASecond of the clock by which connections are watched. It counts from the first.
	ticksASecond = 20
	tick         = time.Second / ticksASecond
	// pingPayload is how many bytes the payload of a ping or a pong may have. The answer repeats it.
	pingPayload = 1 << 10
	// LongestID is how many bytes the id of an operation may have.
	LongestID = 128
)

// Keeper keeps connections open.
type Keeper struct {
	Options

	// Streams are the event streams that are opened by a token.
	Streams  Streams
	messages socket.Limits
	zero     time.Time
	table    table
	feeds    feeds
	dispatch dispatch
}

// New returns a Keeper. What it needs runs from the first connection on until Shutdown.
func New(o Options) *Keeper {
	k := &Keeper{
		Options: o,
		messages: socket.Limits{
			ID: LongestID, InitPayload: o.Limits.InitPayload, PingPayload: pingPayload, Operations: o.Limits.SocketOperations,
			JSONDepth: o.JSON.Depth, JSONMembers: o.JSON.Members,
		},
		zero:     o.Now(),
		table:    table{by: map[netip.Prefix]int{}},
		feeds:    feeds{open: map[operation.Key]*feed{}},
		dispatch: dispatch{wake: make(chan struct{}, 1), halted: make(chan struct{})},
	}
	k.Streams = Streams{keeper: k, open: map[string]*stream{}, by: map[netip.Prefix]int{}}
	return k
}

// ticks is the time in small numbers, since a connection keeps seven of them. None is zero, which stands for never.
func (k *Keeper) ticks() int32 { return int32(k.Now().Sub(k.zero)/tick) + 1 }

// Open makes room for a connection that came with a request of this id, from this address, under a credential, or says
// why there is none.
func (k *Keeper) Open(p Protocol, request string, address netip.Prefix, who credential.Identity) (*Conn, *fault.Fault) {
	c := &Conn{keeper: k, protocol: p, id: request, address: address}
	if p == Socket {
		c.in.frames.Max = int32(min(k.Message, 1<<30))
	}
	if p == Stream {
		c.session.Acknowledged()
	}
	if f := k.admit(c, who.Outlive(k.Alive)); f != nil {
		return nil, f
	}
	return c, nil
}

// admit counts a connection in, under the credential that it bears, or says why there can be no other.
func (k *Keeper) admit(c *Conn, who credential.Identity) *fault.Fault {
	t := &k.table
	t.mu.Lock()
	defer t.mu.Unlock()
	o := k.Limits
	switch {
	case t.closed:
		return refused("The server is about to stop. Connect again in a moment.")
	case len(t.all) >= o.Sockets:
		return refused("This server has as many open connections as it can hold. Try again later.")
	case o.SocketsPerAddress > 0 && t.by[c.address] >= o.SocketsPerAddress:
		return refused("There are too many open connections from your address. Close one first.")
	}
	if err := k.begin(); err != nil {
		return refused("This server cannot keep another connection open. Try again later.")
	}
	c.place = len(t.all)
	t.all = append(t.all, c)
	t.by[c.address]++
	c.life.opened = k.ticks()
	c.in.rate = rate{at: c.life.opened, left: float32(o.MessageBurst)}
	c.who = k.Credentials.Hold(who)
	return nil
}

// refused says that there is no room for a connection.
func refused(message string) *fault.Fault {
	return fault.New(http.StatusServiceUnavailable, errcode.Unavailable, message)
}

// begin starts what connections need, with the first. It needs the table's mu.
func (k *Keeper) begin() (err error) {
	if k.table.loop != nil {
		return nil
	}
	if k.table.loop, err = epoll.New(); err != nil {
		return err
	}
	k.table.stop = make(chan struct{})
	k.Running.Go(k.watch)
	k.dispatch.start(k.Running)
	return nil
}

// lasting is the context of an operation that outlives the request that it came with.
func (k *Keeper) lasting(who credential.Identity, request string) context.Context {
	if who.Anonymous() {
		return trace.With(k.Alive, request)
	}
	return trace.With(who.Context, request)
}

// Size returns how many connections there are.
func (k *Keeper) Size() int { return k.table.size() }

// Sharing returns how many operations share the events of others.
func (k *Keeper) Sharing() int { return k.feeds.reading() }

// Waiting returns how many messages wait to be read, and their bytes.
func (k *Keeper) Waiting() (messages, bytes int) {
	for from := 0; ; from += chunk {
		some := k.table.some(from, nil)
		if len(some) == 0 {
			return messages, bytes
		}
		for _, c := range some {
			n, size := c.waiting()
			messages, bytes = messages+n, bytes+size
		}
	}
}

// Shutdown closes everything in good order, spread over a time so that not all come back at once, and returns when the
// last connection has gone. Those that are there when ctx ends are given up. New ones are refused from now on.
func (k *Keeper) Shutdown(ctx context.Context, spread time.Duration) error {
	err := k.closeAll(ctx, spread)
	k.table.close(&k.dispatch)
	return err
}

// closeAll sends everybody away, one after the other, and waits until they have gone.
func (k *Keeper) closeAll(ctx context.Context, spread time.Duration) error {
	everybody, empty := k.table.end()
	spread = min(spread, time.Duration(len(everybody))*20*time.Millisecond)
	began := k.Now()
	for i, c := range everybody {
		wait := time.Duration(i)*spread/time.Duration(len(everybody)) - k.Now().Sub(began)
		if wait > 0 {
			select {
			case <-time.After(wait):
			case <-ctx.Done():
			}
		}
		c.goodbye()
	}
	select {
	case <-empty:
		return nil
	case <-ctx.Done():
		for _, c := range everybody {
			c.Abandon()
		}
		return ctx.Err()
	}
}
