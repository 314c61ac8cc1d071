package connection

import (
	"context"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"petitiond/server/errcode"
	"petitiond/server/operation"
	"petitiond/server/transport/credential"
	"petitiond/server/transport/fault"
	"petitiond/server/transport/socket"
)

// The single connection mode of graphql-sse: a client reserves a stream, opens it, and sends operations in requests of
// their own, which are answered over the stream.

// reserved is how long a stream stays reserved without being opened.
const reserved = 30 * time.Second

// Streams are the reserved and the open event streams, by their tokens. Their lock is taken before that of a
// connection.
type Streams struct {
	keeper *Keeper

	mu    sync.Mutex // guards what follows, and the streams
	open  map[string]*stream
	by    map[netip.Prefix]int // how many are reserved and not open yet
	swept time.Time
}

// stream is an event stream that was reserved: operations may come before it is open, and wait for it.
type stream struct {
	conn    *Conn // nil until it is open
	opening bool  // a request has claimed it
	address netip.Prefix
	made    time.Time // when it was reserved or claimed
	early   []early   // operations that arrived before it was open
}

// early is an operation that waits for its stream.
type early struct {
	id    string
	op    *operation.Operation
	begin func(*Conn) *fault.Fault
	held  *holding // the memory that it takes while it waits, beside that of its request
}

// Reserve reserves a stream that can be opened with the token, or returns why there is no room for it.
func (s *Streams) Reserve(token string, address netip.Prefix) *fault.Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	// clear looks at every stream, so at most once a second.
	if s.full(address) != "" && s.keeper.Now().Sub(s.swept) >= time.Second {
		s.clear()
	}
	if cause := s.full(address); cause != "" {
		s.keeper.refuse(cause)
		return refused("Too many event streams are reserved. Open one that you have reserved, or try again later.")
	}
	s.open[token] = &stream{address: address, made: s.keeper.Now()}
	s.by[address]++
	return nil
}

// full returns why no stream can be reserved, or nothing if one can. It needs mu.
func (s *Streams) full(address netip.Prefix) string {
	switch l := s.keeper.Limits; {
	case len(s.open) >= l.Sockets:
		return full
	case l.SocketsPerAddress > 0 && s.by[address] >= l.SocketsPerAddress:
		return fullAddress
	}
	return ""
}

// sweep forgets streams that were not opened in time, or whose connection has gone.
func (s *Streams) sweep() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clear()
}

// clear needs mu.
func (s *Streams) clear() {
	s.swept = s.keeper.Now()
	for token, st := range s.open {
		if st.conn == nil && s.keeper.Now().Sub(st.made) > reserved || st.conn != nil && st.conn.over() {
			s.drop(token, st)
		}
	}
}

// drop needs mu.
func (s *Streams) drop(token string, st *stream) {
	delete(s.open, token)
	s.stopWaiting(st, st.early)
	if st.conn == nil {
		s.uncount(st)
	}
}

// uncount no longer counts a stream among the reserved ones.
func (s *Streams) uncount(st *stream) {
	if s.by[st.address]--; s.by[st.address] == 0 {
		delete(s.by, st.address)
	}
}

// over reports whether the connection has gone.
func (c *Conn) over() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.gone
}

// Claim gives the caller alone the right to open a reserved stream, or returns why it may not be opened. The caller
// must then open or Forget it.
func (s *Streams) Claim(token string) *fault.Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.open[token]
	switch {
	case st == nil:
		return noStream()
	case st.opening:
		return fault.New(http.StatusConflict, errcode.BadRequest, "This event stream is already open.")
	}
	// The time starts again: it may take a moment until the response has its connection.
	st.opening, st.made = true, s.keeper.Now()
	return nil
}

// opened gives a stream its connection, and begins the operations that waited for it.
func (s *Streams) opened(token string, c *Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.open[token]
	if st == nil {
		return
	}
	s.uncount(st)
	st.conn = c
	// Given back first, since each operation takes the same memory as a task when it begins.
	s.stopWaiting(st, st.early)
	for _, e := range st.early {
		_ = e.begin(c) // a client whose connection has ended needs no answer
	}
	st.early = nil
}

// Forget gives up a stream that was claimed.
func (s *Streams) Forget(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if st := s.open[token]; st != nil {
		s.drop(token, st)
	}
}

// Find returns why there is no such stream, or nil if there is one.
func (s *Streams) Find(token string) *fault.Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open[token] == nil {
		return noStream()
	}
	return nil
}

// Beside is an operation whose answer goes to a stream.
type Beside struct {
	ID        string // of the operation, on the stream
	Request   string // id of the request
	Who       credential.Identity
	Operation *operation.Operation
}

// Send starts an operation on a stream: at once, or when the stream is open.
func (s *Streams) Send(token string, b Beside) *fault.Fault {
	who, request := b.Who.Outlive(s.keeper.Alive), strings.Clone(b.Request)
	// The request is over when its operation begins to answer, so neither its context nor a part of its text may be
	// kept.
	return s.hand(token, early{id: b.ID, op: b.Operation, begin: func(c *Conn) *fault.Fault {
		return beginBeside(c, b.ID, request, who, b.Operation)
	}})
}

// hand passes an operation to a stream: at once, or when the stream is open. The operations that wait for a stream may
// together have no more bytes than a short request; a longer one waits alone.
func (s *Streams) hand(token string, e early) *fault.Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.open[token]
	if st == nil {
		return noStream()
	}
	if st.conn != nil {
		return e.begin(st.conn)
	}
	bytes := e.op.Bytes
	for _, other := range st.early {
		bytes += other.op.Bytes
	}
	switch {
	case slices.ContainsFunc(st.early, e.same):
		return twiceOnStream()
	case len(st.early) >= s.keeper.Limits.SocketOperations:
		return crowdedStream(s.keeper.Limits.SocketOperations)
	case len(st.early) > 0 && bytes > operation.ShortRequest:
		return fault.Flaw(operation.Exceeded("body", operation.ShortRequest,
			"The operations waiting for this stream are together too large. Open the stream first."))
	}
	if e.held = s.keeper.holdings.take(e.op, st.address); e.held == nil {
		return fault.Crowded()
	}
	if !s.keeper.Requests.Of(st.address).Take(operation.RequestMemory(e.op.Bytes)) {
		e.held.give()
		return fault.NoRoom()
	}
	st.early = append(st.early, e)
	return nil
}

func (e early) same(other early) bool { return e.id == other.id }

// stopWaiting returns the memory of operations that no longer wait. It needs mu.
func (s *Streams) stopWaiting(st *stream, list []early) {
	for _, e := range list {
		e.held.give()
		s.keeper.Requests.Of(st.address).Give(operation.RequestMemory(e.op.Bytes))
	}
}

// End ends an operation of a stream, or one that waits for it.
func (s *Streams) End(token, id string) *fault.Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.open[token]
	switch {
	case st == nil:
		return noStream()
	// Ending what is not there is no error: it may have ended by itself while the request was on its way.
	case st.conn == nil:
		if i := slices.IndexFunc(st.early, early{id: id}.same); i >= 0 {
			s.stopWaiting(st, st.early[i:i+1])
			st.early = slices.Delete(st.early, i, i+1)
		}
		return nil
	}
	st.conn.mu.Lock()
	defer st.conn.mu.Unlock()
	st.conn.release(id)
	return nil
}

func twiceOnStream() *fault.Fault {
	return fault.New(http.StatusConflict, errcode.BadRequest, "This stream already has an operation with that id.")
}

func crowdedStream(most int) *fault.Fault {
	return fault.Flaw(operation.Exceeded("socketOperations", most, "This stream has too many operations. Complete one first."))
}

func noStream() *fault.Fault {
	return fault.New(http.StatusNotFound, errcode.NotFound, "There is no event stream with this token. Reserve one with PUT and open it with GET.")
}

// beginBeside starts an operation whose answer goes to the stream c.
func beginBeside(c *Conn, id, request string, who credential.Identity, op *operation.Operation) *fault.Fault {
	c.mu.Lock()
	defer c.mu.Unlock()
	// Looked for under the same lock under which it is begun below: two requests may come with one id at the same time.
	_, twice := c.session.Find(id)
	switch {
	case c.gone || c.leaving:
		return noStream()
	case twice:
		return twiceOnStream()
	case c.session.Len() >= c.keeper.Limits.SocketOperations:
		return crowdedStream(c.keeper.Limits.SocketOperations)
	}
	taken := operation.RequestMemory(op.Bytes)
	if !c.keeper.Requests.Of(c.address).Take(taken) {
		return fault.NoRoom()
	}
	t := &task{conn: c, name: id, id: socket.Quote(id), taken: taken, who: c.keeper.Credentials.Hold(who)}
	ctx, end := context.WithCancel(c.keeper.lasting(who, request))
	t.end = end
	c.session.Begin(id, t)
	go t.run(ctx, who, op)
	return nil
}
