package connection

import (
	"errors"
	"net/netip"
	"sync"
	"time"

	"github.com/vektah/gqlparser/v2/ast"

	"petitiond/server/operation"
	"petitiond/server/transport/credential"
	"petitiond/server/transport/fault"
	"petitiond/server/transport/socket"
)

const (
	// closeTime is how long a client may take to answer a close frame.
	closeTime = 3 * time.Second
	// maxSurplus is how many bytes the client of an event stream may send before it is dropped. They are ignored.
	maxSurplus = 1 << 20
)

// Conn is a connection that stays open: a WebSocket or an event stream. While idle it costs this struct and, on Linux,
// a file descriptor: no goroutine and no buffer.
//
// Locks are taken in this order: that of Streams, a connection's mu, that of the feeds, a feed's; those of dispatch and
// of the table come last.
type Conn struct {
	keeper   *Keeper
	protocol Protocol
	forbid   func(ast.Operation) *fault.Fault // see Opening
	id       string                           // for log lines and errors
	address  netip.Prefix

	// guarded by the lock of the table
	place int

	called bool // whether it is in dispatch's queue; guarded by dispatch's lock

	mu      sync.Mutex // guards what follows
	session socket.Session[*task]
	who     *credential.Credential // nil: none
	gone    bool
	leaving bool // a close frame, or the end of the stream, was sent
	in      incoming
	out     outgoing
	life    life
}

// incoming is what a client sends. Times are ticks of the keeper's clock.
type incoming struct {
	frames  socket.Reader
	texts   [][]byte // messages that wait for the earlier ones; the first is being read
	taken   int32    // bytes of the memory for requests that frames and texts take
	halved  int32    // since when part of a message has been here, or the latest 64 KiB of it; 0: no part has
	came    int32    // bytes of that message when halved was set
	paused  int32    // since when reading from the client has been paused, while its long messages are read
	surplus int32    // bytes that the client of an event stream has sent
	rate    rate
}

// life holds when the checks that a connection is alive were last made, in ticks of the keeper's clock.
type life struct {
	opened int32
	asked  int32 // when the last ping was sent; 0: it was answered
	spoke  int32 // when the last ping or comment was sent
	parted int32 // when leaving began
}

// rate is a token bucket of messages.
type rate struct {
	at   int32   // tick of the last message
	left float32 // messages
}

// take takes tokens for a message, and reports whether there were as many: one, and another for each 64 KiB, since
// reading it takes as long; but never more than there can be.
func (r *rate) take(now int32, perSecond, burst, bytes int) bool {
	// float32 is exact enough for some hundred messages, and there is one of these for each connection.
	r.left = min(r.left+float32(now-r.at)*float32(perSecond)/ticksASecond, float32(burst))
	r.at = now
	tokens := float32(min(1+bytes/operation.ShortRequest, burst))
	if r.left < tokens {
		return false
	}
	r.left -= tokens
	return true
}

// Ready sends what the client had no room for.
func (c *Conn) Ready() {
	c.mu.Lock()
	if !c.gone {
		c.out.stalled = 0
		// Taken first, since write keeps again what the client still has no room for, and then counts it again.
		c.write(c.out.take(c.keeper, c.address))
		if c.leaving && len(c.out.pending) == 0 && !c.gone {
			c.out.conn.Finish()
		}
	}
	again := !c.gone && len(c.out.pending) == 0
	c.mu.Unlock()
	// What was published while the client was behind is due, and was not written when the connection's turn came.
	if again {
		c.keeper.dispatch.callOne(c)
	}
}

// Lost drops a connection whose client has gone.
func (c *Conn) Lost() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drop()
}

// Receive handles what the client sends.
func (c *Conn) Receive(data []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.gone, c.leaving: // nothing is read after the last message was sent: a client could make it cost as much as it likes
		return
	case c.protocol != Socket: // event streams go one way
		if c.in.surplus += int32(len(data)); c.in.surplus > maxSurplus {
			c.drop()
		}
		return
	}
	err := c.in.frames.Read(data, c.receive)
	if closing, ok := errors.AsType[*socket.Closing](err); ok {
		c.close(closing.Code, closing.Reason)
	}
	// After the frames were read: only now is it known what is incomplete and what waits.
	if !c.hold() {
		c.close(tryLater, "Too many long messages: try again later")
	}
	held := int32(c.in.frames.Came())
	switch {
	case c.in.frames.Idle():
		c.in.halved = 0
	// The clock starts again with each message and with each further 64 KiB of one: so Limits.Read is the least speed
	// of a client, whatever the length of its messages, and one byte now and then does not keep memory in use.
	case c.in.halved == 0 || c.in.frames.Fresh() || held-c.in.came >= operation.ShortRequest:
		c.in.halved, c.in.came = c.keeper.ticks(), held
	}
}

// hold takes as much of the memory for requests as the messages need that have not been handled yet, and reports
// whether there was enough. It needs mu.
func (c *Conn) hold() bool {
	bytes := 0
	if !c.gone {
		bytes = c.in.frames.Came() + c.in.waiting()
	}
	need, share := operation.RequestMemory(bytes), c.keeper.Requests.Of(c.address)
	switch more := need - int(c.in.taken); {
	// A long message gives its memory back as soon as it has been handled, not when the connection ends.
	case more < 0:
		share.Give(-more)
	case !share.Take(more):
		return false
	}
	c.in.taken = int32(need)
	return true
}

// waiting returns the bytes of the messages that wait to be read.
func (in *incoming) waiting() (bytes int) {
	for _, text := range in.texts {
		bytes += len(text)
	}
	return bytes
}

// write sends data, and keeps what the client has no room for. It needs mu.
func (c *Conn) write(data []byte) {
	if len(data) > 0 && !c.out.write(c.keeper, c.address, data) {
		c.drop()
	}
}

// takesNothing reports whether nothing can be sent at present. It needs mu.
func (c *Conn) takesNothing() bool { return c.gone || c.leaving || len(c.out.pending) > 0 }

// flush sends everything that is due in one write. While the client has not yet taken the previous write, nothing is
// due; once it has, only the newest events are. The buffer is returned for the next connection.
func (c *Conn) flush(into []byte) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.takesNothing() {
		return into
	}
	c.expire() // nothing more is sent under a credential that has ended
	if c.takesNothing() {
		return into
	}
	out := into[:0]
	// Out is bounded by two answers: the events of one feed are no more than one, and no other is begun beyond that.
	// This is also what outgoing.keep has room for, so a client that reads nothing does not lose its connection by one
	// write.
	over, more := false, false
	for id, t := range c.session.Operations() {
		// A query or a mutation sends its answer by itself, and a subscription without a feed has not begun.
		if t.feed == nil {
			continue
		}
		if more = len(out) >= c.keeper.Answer; more {
			break // the rest is due when this has left
		}
		var ended bool
		if out, ended = t.appendDue(out); ended {
			over = true
			c.release(id)
		}
	}
	c.write(out)
	if more && len(c.out.pending) == 0 && !c.gone { // else Ready calls
		c.keeper.dispatch.callOne(c)
	}
	if over && c.protocol.single() {
		c.leave()
	}
	return out
}

// finish sends the last message of an operation. It ends a stream that is for one operation. It needs mu.
func (c *Conn) finish(id string, out []byte) {
	c.release(id)
	c.write(out)
	if c.protocol.single() {
		c.leave()
	}
}

// release stops an operation and forgets it. It needs mu.
func (c *Conn) release(id string) {
	t, known := c.session.End(id)
	if !known {
		return
	}
	// What still runs for the task sees it under the lock, and sends nothing for an id that the client may use again.
	t.left = true
	c.keeper.Requests.Of(c.address).Give(t.taken)
	c.keeper.Credentials.Release(t.who)
	if t.feed != nil {
		c.keeper.feeds.leave(t)
	}
	if t.end != nil {
		t.end()
	}
}

// releaseAll needs mu.
func (c *Conn) releaseAll() {
	for id := range c.session.Operations() {
		c.release(id)
	}
}

// close ends a WebSocket in good order: the close frame, then nothing more. It needs mu.
func (c *Conn) close(code int, reason string) {
	if c.gone || c.leaving {
		return
	}
	c.releaseAll()
	// No answer may follow a close frame (RFC 6455, section 5.5.1), so the operations have ended before it is written.
	c.write(socket.AppendClose(nil, code, reason))
	c.in.frames = socket.Reader{Max: c.in.frames.Max} // releases its buffers
	c.hold()
	c.leave()
}

// leave ends the sending half and waits for the client to hang up: closing first could destroy the last message before
// the client has read it. It needs mu.
func (c *Conn) leave() {
	if c.gone || c.leaving {
		return
	}
	c.leaving, c.life.parted = true, c.keeper.ticks()
	if len(c.out.pending) == 0 {
		c.out.conn.Finish()
	}
}

// drop closes the connection without further ado. It needs mu.
func (c *Conn) drop() {
	if c.gone {
		return
	}
	// Before anything is released: hold then asks for nothing, and nothing more is written.
	c.gone = true
	c.out.conn.Close()
	c.releaseAll()
	c.out.take(c.keeper, c.address)
	c.hold()
	c.keeper.Credentials.Release(c.who)
	// Last: with the last connection Shutdown returns, and everything must have been given back by then.
	c.keeper.table.remove(c)
}
