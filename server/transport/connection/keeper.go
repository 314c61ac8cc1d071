// Package connection keeps connections open: WebSockets that speak graphql-transport-ws, and event streams in both
// modes of graphql-sse. A [Host] runs what clients ask for over them; the registry of package credential knows whose
// credentials they carry.
//
// A [Keeper] holds the connections (openconnections.go) and watches over them (deadlines.go). A connection (conn.go)
// receives messages (message.go) that start and end tasks (task.go). A task reads the events of its subscription from a
// feed, which equal subscriptions share (feed.go); they are written when the connection's turn comes (dispatch.go).
// reservedstreams.go manages the event streams that are opened with a token; shutdown.go closes everything, spread out.
package connection

import (
	"context"
	"net/netip"
	"time"

	"github.com/vektah/gqlparser/v2/ast"

	"petitiond/server/operation"
	"petitiond/server/recurring"
	"petitiond/server/transport/credential"
	"petitiond/server/transport/epoll"
	"petitiond/server/transport/fault"
	"petitiond/server/transport/requestid"
	"petitiond/server/transport/socket"
)

const (
	// ticksASecond is the resolution of the clock by which connections are watched.
	ticksASecond = 20
	tick         = time.Second / ticksASecond
	// LongestID is how many bytes the id of an operation may have.
	LongestID = 128
)

// Keeper keeps connections open.
type Keeper struct {
	Options

	// Streams are the event streams that are opened with a token.
	Streams  Streams
	messages socket.Limits
	zero     time.Time
	table    table
	feeds    feeds
	holdings *holdings
	dispatch dispatch
	refusals recurring.Lines
}

// New returns a Keeper. Its goroutines run from the first connection until Shutdown.
func New(o Options) *Keeper {
	k := &Keeper{
		Options: o,
		messages: socket.Limits{
			ID: LongestID, InitPayload: o.Limits.InitPayload, PingPayload: socket.PingPayload, Operations: o.Limits.SocketOperations,
			JSONDepth: o.JSON.Depth, JSONMembers: o.JSON.Members,
		},
		zero:     o.Now(),
		table:    table{by: map[netip.Prefix]int{}},
		feeds:    feeds{open: map[operation.Key]*feed{}},
		holdings: newHoldings(o.MemorySize, o.Limits.SocketsPerAddress > 0),
		dispatch: dispatch{wake: make(chan struct{}, 1), halted: make(chan struct{})},
		refusals: recurring.Lines{Now: o.Now},
	}
	k.Streams = Streams{keeper: k, open: map[string]*stream{}, by: map[netip.Prefix]int{}}
	return k
}

// ticks returns the time as a 32-bit number, since every connection stores eight of them. It is never zero, which
// stands for "never". It lasts for 3.4 years from the start of the program.
func (k *Keeper) ticks() int32 { return int32(k.Now().Sub(k.zero)/tick) + 1 }

// Opening is a request for a connection.
type Opening struct {
	Protocol Protocol
	Request  string // its id
	Address  netip.Prefix
	Who      credential.Identity
	// Forbid returns why an operation of a kind that a client sends over the connection may not run, or nil.
	Forbid func(ast.Operation) *fault.Fault
}

// Open registers a connection, or returns why there is no room for it.
func (k *Keeper) Open(o Opening) (*Conn, *fault.Fault) {
	c := &Conn{keeper: k, protocol: o.Protocol, forbid: o.Forbid, id: o.Request, address: o.Address}
	if o.Protocol == Socket {
		// The reader counts in 32 bits, too.
		c.in.frames.Max = int32(min(k.Message, 1<<30))
	}
	if o.Protocol == Stream {
		// On an event stream nobody sends connection_init; its operations are admitted by their own requests.
		c.session.Acknowledged()
	}
	if f := k.admit(c, o.Who.Outlive(k.Alive)); f != nil {
		return nil, f
	}
	return c, nil
}

// admit adds a connection to the table and holds its credential, or returns why there can be no further connection.
func (k *Keeper) admit(c *Conn, who credential.Identity) *fault.Fault {
	t := &k.table
	t.mu.Lock()
	defer t.mu.Unlock()
	// Checked under the lock under which it is entered: otherwise many that come at once would exceed the limits.
	o := k.Limits
	switch {
	case t.closed:
		return refused("The server is shutting down. Connect again in a moment.")
	case len(t.all) >= o.Sockets:
		return k.refuse(full)
	case o.SocketsPerAddress > 0 && t.by[c.address] >= o.SocketsPerAddress:
		return k.refuse(fullAddress)
	}
	if err := k.begin(); err != nil {
		return k.refuse(noMeans)
	}
	c.place = len(t.all)
	t.all = append(t.all, c)
	t.by[c.address]++
	c.life.opened = k.ticks()
	c.in.rate = rate{at: c.life.opened, left: float32(o.MessageBurst)}
	c.who = k.Credentials.Hold(who)
	return nil
}

// begin starts the loop and the goroutines with the first connection. It needs the table's mu.
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

// lasting returns the context of an operation that outlives the request it came with.
func (k *Keeper) lasting(who credential.Identity, request string) context.Context {
	if who.Anonymous() {
		return requestid.With(k.Alive, request)
	}
	// This context has outlived its request since the identity was taken over (see Identity.Outlive).
	return requestid.With(who.Context, request)
}

// Size returns how many connections are open.
func (k *Keeper) Size() int { return k.table.size() }

// Kept returns how many bytes the operations that are kept are reckoned to take.
func (k *Keeper) Kept() int64 { return k.holdings.memory.Taken() }

// Sharing returns how many operations read shared feeds.
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
