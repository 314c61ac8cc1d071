package transport

import (
	"errors"
	"net/netip"
	"sync"
	"time"

	"petitiond/server/transport/socket"
	"petitiond/server/transport/epoll"
)

// manner is how a line is spoken on.
type manner uint8

const (
	overSocket manner = iota // graphql-transport-ws
	overEvents               // server-sent events, for one operation
	overStream               // server-sent events, for operations that are sent beside it
)

const (
	// farewell is how long a client may take to answer a close frame.
	farewell = 3 * time.Second
	// chatter are the bytes that the client of an event stream may send, though it has nothing to say.
	chatter = 1 << 20
	// spare are the bytes that may wait for a client which does not read, beside two of the largest answers.
	spare = 64 << 10
)

// line is a connection that stays open: a WebSocket or an event stream. While nothing happens it is this struct,
// and on Linux a descriptor, and nothing else.
type line struct {
	t       *Transport
	manner  manner
	id      string // for log lines and errors
	address netip.Prefix

	// guarded by the lock of lines
	place int

	called bool // the lock of dispatch

	mu      sync.Mutex // guards what follows
	conn    epoll.Conn
	frames  socket.Reader
	session socket.Session[*reader]
	who     *credential // nil: none
	texts   [][]byte    // messages that wait until those before them are read; the first is being read
	pending []byte      // of a message that the client has not taken whole
	gone    bool
	leaving bool // a close frame, or the end of the stream, was sent

	// in ticks of the transport's clock
	opened  int32
	stalled int32 // since when pending is not empty
	asked   int32 // when the last ping was sent; 0: it was answered
	spoke   int32 // when something was last sent to prove that both are there
	parted  int32 // when leaving began
	halved  int32 // since when a message has come in part
	paused  int32 // since when long messages are read and the client is not heard
	surplus int32 // bytes that the client has sent and should not have
	rate    rate
}

// rate is a bucket of messages.
type rate struct {
	at   int32   // tick of the last message
	left float32 // messages
}

// take reports whether another message may come.
func (r *rate) take(now int32, perSecond, burst int) bool {
	r.left = min(r.left+float32(now-r.at)*float32(perSecond)/ticksASecond, float32(burst))
	r.at = now
	if r.left < 1 {
		return false
	}
	r.left--
	return true
}

// Ready goes on with what the client had no room for.
func (l *line) Ready() {
	l.mu.Lock()
	if !l.gone {
		l.stalled = 0
		l.write(l.unload())
		if l.leaving && len(l.pending) == 0 && !l.gone {
			l.conn.Finish()
		}
	}
	again := !l.gone && len(l.pending) == 0
	l.mu.Unlock()
	if again {
		l.t.dispatch.callOne(l)
	}
}

// Lost is the end of a line whose client has gone.
func (l *line) Lost() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.drop()
}

// Receive takes what the client sends.
func (l *line) Receive(data []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.gone, l.leaving: // what comes after the last word is not looked at: it would cost the more the more it is
		return
	case l.manner != overSocket: // a stream goes one way
		if l.surplus += int32(len(data)); l.surplus > chatter {
			l.drop()
		}
		return
	}
	err := l.frames.Read(data, l.message)
	if closing, ok := errors.AsType[*socket.Closing](err); ok {
		l.closing(closing)
	}
	switch {
	case l.frames.Idle():
		l.halved = 0
	case l.halved == 0 || l.frames.Fresh():
		l.halved = l.t.lines.ticks()
	}
}

func (l *line) closing(c *socket.Closing) { l.close(c.Code, c.Reason) }

// write sends, or keeps what the client does not take. It needs mu.
func (l *line) write(data []byte) {
	if len(data) == 0 {
		return
	}
	if len(l.pending) > 0 {
		l.hoard(data)
		return
	}
	n, err := l.conn.Write(data)
	switch {
	case err != nil:
		l.drop()
	case n < len(data):
		l.stalled = l.t.lines.ticks()
		l.hoard(data[n:])
	}
}

// hoard keeps what the client does not take, within the bounds of one line and of all answers together. It needs mu.
func (l *line) hoard(data []byte) {
	if len(l.pending)+len(data) > 2*l.t.limits.onLine()+spare || !l.t.memory.Take(len(data)) {
		l.drop()
		return
	}
	l.pending = append(l.pending, data...)
}

// unload returns what was kept. It needs mu.
func (l *line) unload() (rest []byte) {
	l.t.memory.Give(len(l.pending))
	rest, l.pending = l.pending, nil
	return rest
}

// flush tells what is due, all in one write. While the client has not taken the message before, nothing is due:
// the newest is, once it has. The buffer is returned for the next line.
func (l *line) flush(buffer []byte) []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.gone || l.leaving || len(l.pending) > 0 {
		return buffer
	}
	l.expire() // nothing more is told under a credential that has ended
	if l.gone || l.leaving || len(l.pending) > 0 {
		return buffer
	}
	out := buffer[:0]
	over, more := false, false
	for id, r := range l.session.Operations() {
		if r.feed == nil {
			continue
		}
		if more = len(out) >= l.t.limits.onLine(); more {
			break // the rest is due when this has left
		}
		n := r.feed.news.Load()
		r.due(n, func(e event) { out = l.appendNext(out, r, e) })
		if !n.ended {
			continue
		}
		if n.errs != nil && r.alone != nil {
			l.t.feeds.leave(r)
			r.feed = nil
			go r.alone()
			continue
		}
		over = true
		out = l.appendEnd(out, r, n.errs)
		l.release(id)
	}
	l.write(out)
	if more && len(l.pending) == 0 && !l.gone { // else Ready calls
		l.t.dispatch.callOne(l)
	}
	if over && l.manner == overEvents {
		l.part()
	}
	return out
}

// appendNext adds the message that carries an event.
func (l *line) appendNext(out []byte, r *reader, e event) []byte {
	switch l.manner {
	case overSocket:
		out = socket.AppendHeader(out, socket.Text, socket.NextSize(r.id, len(e.body)))
		return socket.AppendNext(out, r.id, e.body)
	case overEvents:
		return appendEvent(out, "next", e.Version, e.body)
	default:
		out = append(out, "event: next\ndata: "...)
		out = appendMember(out, r.id, e.body)
		return append(out, "\n\n"...)
	}
}

// appendEnd adds the message that ends an operation: of errors if it never began.
func (l *line) appendEnd(out []byte, r *reader, errs []byte) []byte {
	if l.manner == overSocket {
		if errs != nil {
			return socket.AppendFrame(out, socket.Text, socket.AppendError(nil, r.id, errs))
		}
		return socket.AppendFrame(out, socket.Text, socket.AppendComplete(nil, r.id))
	}
	if errs != nil {
		body := append(append([]byte(`{"errors":`), errs...), '}')
		out = l.appendNext(out, r, event{body: body})
	}
	if l.manner == overEvents {
		return appendEvent(out, "complete", 0, nil)
	}
	out = append(out, "event: complete\ndata: "...)
	out = appendMember(out, r.id, nil)
	return append(out, "\n\n"...)
}

// attach lets r read a feed that join begins to read, unless the operation has ended meanwhile.
func (l *line) attach(r *reader, join func()) {
	l.mu.Lock()
	if !r.left {
		join()
	}
	l.mu.Unlock()
	l.t.dispatch.callOne(l)
}

// answer tells the one answer of a query or a mutation.
func (l *line) answer(id string, r *reader, body []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if r.left {
		return
	}
	out := l.appendNext(nil, r, event{body: body})
	out = l.appendEnd(out, r, nil)
	l.last(id, out)
}

// last says the last of an operation, and with it the last of a stream for one operation. It needs mu.
func (l *line) last(id string, out []byte) {
	l.release(id)
	l.write(out)
	if l.manner == overEvents {
		l.part()
	}
}

// refuse tells why an operation was not begun.
func (l *line) refuse(id string, r *reader, f *fault) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if r.left {
		return
	}
	l.last(id, l.appendEnd(nil, r, mustJSON(f.errs)))
}

// release ends what runs for an operation. It needs mu.
func (l *line) release(id string) {
	r, known := l.session.End(id)
	if !known {
		return
	}
	r.left = true
	l.t.credentials.release(r.who)
	if r.feed != nil {
		l.t.feeds.leave(r)
	}
	if r.end != nil {
		r.end()
	}
}

// releaseAll needs mu.
func (l *line) releaseAll() {
	for id := range l.session.Operations() {
		l.release(id)
	}
}

// close ends a WebSocket in good order: the close frame, then nothing more. It needs mu.
func (l *line) close(code int, reason string) {
	if l.gone || l.leaving {
		return
	}
	l.releaseAll()
	l.write(socket.AppendClose(nil, code, reason))
	l.frames = socket.Reader{Max: l.frames.Max} // holds nothing
	l.part()
}

// part waits for the client to hang up: who closes first may take the last message from it. It needs mu.
func (l *line) part() {
	if l.gone || l.leaving {
		return
	}
	l.leaving, l.parted = true, l.t.lines.ticks()
	if len(l.pending) == 0 {
		l.conn.Finish()
	}
}

// drop gives the connection up. It needs mu.
func (l *line) drop() {
	if l.gone {
		return
	}
	l.gone = true
	l.conn.Close()
	l.releaseAll()
	l.unload()
	l.t.credentials.release(l.who)
	l.t.lines.remove(l)
}

// appendMember adds the message of an operation on a stream for several.
func appendMember(out []byte, id string, payload []byte) []byte {
	out = append(append(out, `{"id":`...), id...)
	if payload != nil {
		out = append(append(out, `,"payload":`...), payload...)
	}
	return append(out, '}')
}
