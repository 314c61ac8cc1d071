package transport

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"

	"petitiond/server/operation"
	"petitiond/server/strict"
	"petitiond/server/transport/socket"
	"petitiond/server/transport/epoll"
)

const protocol = "graphql-transport-ws"

// Close codes for what no protocol has one.
const (
	tryLater        = 1013
	tooManyMessages = socket.TooManyInits // too much was asked, as there
)

// pingPayload is how many bytes the payload of a ping or a pong may have. The answer repeats it.
const pingPayload = 1 << 10

// upgrades reports whether a request asks for a WebSocket.
func upgrades(r *http.Request) bool {
	return r.Method == http.MethodGet && strings.EqualFold(r.Header.Get("Upgrade"), "websocket")
}

// serveSocket takes over a connection as a WebSocket.
func (t *Transport) serveSocket(w http.ResponseWriter, r *http.Request) {
	who, f := t.admitSocket(w, r)
	if f != nil {
		t.refuse(w, mediaJSON, f)
		return
	}
	l := t.newLine(overSocket, r)
	l.frames.Max = int32(min(t.limits.Body, 1<<30))
	if f := t.lines.admit(l, who.outlive(t.alive)); f != nil {
		t.refuse(w, mediaJSON, f)
		return
	}
	spoken := slices.Contains(socket.Protocols(r.Header), protocol)
	head := w.Header().Clone()
	head.Set("Upgrade", "websocket")
	head.Set("Connection", "Upgrade")
	head.Set("Sec-WebSocket-Accept", socket.AcceptKey(r.Header.Get("Sec-WebSocket-Key")))
	if spoken {
		head.Set("Sec-WebSocket-Protocol", protocol)
	}
	t.takeOver(w, l, http.StatusSwitchingProtocols, head, func() {
		if !spoken {
			l.closing(socket.ErrSubprotocol)
		}
	})
}

// admitSocket judges a handshake before it is answered.
func (t *Transport) admitSocket(w http.ResponseWriter, r *http.Request) (identity, *fault) {
	if !t.sameSite(r) {
		return identity{}, refusal(http.StatusForbidden, forbidden, "Pages of this origin may not open sockets here.")
	}
	if err := socket.CheckUpgrade(r.Header, r.Method, r.ProtoMajor, r.ProtoMinor); err != nil {
		status := http.StatusBadRequest
		switch {
		case errors.Is(err, socket.ErrVersion):
			w.Header().Set("Sec-WebSocket-Version", "13")
			status = http.StatusUpgradeRequired
		case errors.Is(err, socket.ErrUpgrade):
			w.Header().Set("Upgrade", "websocket")
			status = http.StatusUpgradeRequired
		}
		return identity{}, refusal(status, badRequest, "This is no handshake of a WebSocket as RFC 6455 wants it.")
	}
	return t.identify(r.Context(), r.Header)
}

// sameSite reports whether the page that opens a socket is ours or allowed. Browsers always say the origin;
// what says none is no browser.
func (t *Transport) sameSite(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" || slices.Contains(t.origins, origin) {
		return true
	}
	page, err := url.Parse(origin)
	return err == nil && page.Host != "" && strings.EqualFold(page.Host, r.Host)
}

func (t *Transport) newLine(m manner, r *http.Request) *line {
	return &line{t: t, manner: m, id: strings.Clone(RequestIDFrom(r.Context())), address: t.network(r)}
}

func (t *Transport) network(r *http.Request) netip.Prefix { return Network(t.address(r)) }

// Network is what counts as one address: of IPv6 the part that a household has. No address has the zero prefix.
func Network(address netip.Addr) netip.Prefix {
	address = address.Unmap()
	bits := 32
	if address.Is6() {
		bits = 64
	}
	network, err := address.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return network
}

// takeOver answers with a head, and keeps the connection without net/http. The line counts among the lines
// already.
func (t *Transport) takeOver(w http.ResponseWriter, l *line, status int, head http.Header, begin func()) {
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		l.abandon()
		t.refuse(w, mediaJSON, refusal(http.StatusInternalServerError, internal, "This connection cannot be kept open."))
		return
	}
	var first bytes.Buffer
	first.WriteString("HTTP/1.1 " + statusLine(status) + "\r\n")
	_ = head.Write(&first) // a buffer takes everything
	first.WriteString("\r\n")
	rest, _ := buffered.Reader.Peek(buffered.Reader.Buffered())
	t.keep(l, conn, rest, first.Bytes(), begin)
}

// keep hands a connection to the loop, which tells the line what happens on it.
func (t *Transport) keep(l *line, conn net.Conn, read, first []byte, begin func()) {
	loop := t.lines.running()
	if loop == nil {
		_ = conn.Close()
		l.abandon()
		return
	}
	err := loop.Adopt(conn, slices.Clone(read), l, func(c epoll.Conn) {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.gone { // part waited for nobody any longer
			c.Close()
			return
		}
		l.conn = c
		l.write(first)
		begin()
		if l.t.lines.ended() { // who said good-bye to everybody did not see this one
			l.say(socket.GoingAway, "Going away")
		}
	})
	if err != nil {
		t.log.Warn("a connection could not be kept", "request_id", l.id)
		l.abandon()
	}
}

// abandon drops a line that perhaps never had a connection.
func (l *line) abandon() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conn == nil {
		l.conn = nowhere{}
	}
	l.drop()
}

// nowhere is the connection of a line that has none.
type nowhere struct{}

func (nowhere) Write([]byte) (int, error) { return 0, epoll.ErrClosed }
func (nowhere) Finish()                   {}
func (nowhere) Pause()                    {}
func (nowhere) Resume() error             { return nil }
func (nowhere) Close()                    {}

// message takes one message or control frame. It runs with the line's lock.
func (l *line) message(op socket.Opcode, payload []byte) error {
	if l.gone || l.leaving {
		return nil
	}
	switch op {
	case socket.CloseFrame:
		return l.hearClose(payload)
	case socket.Pong:
		if l.asked != 0 {
			l.asked = 0
			return nil
		}
	}
	if !l.rate.take(l.t.lines.ticks(), l.t.limits.Messages, l.t.limits.MessageBurst) {
		return &socket.Closing{Code: tooManyMessages, Reason: "Too many messages"}
	}
	switch op {
	case socket.Pong: // which nobody asked for
		return nil
	case socket.Ping:
		l.write(socket.AppendFrame(nil, socket.Pong, payload))
		return nil
	case socket.Text:
		return l.text(payload)
	default:
		return &socket.Closing{Code: socket.BadRequest, Reason: "Messages are text"}
	}
}

// hearClose answers a close frame.
func (l *line) hearClose(payload []byte) error {
	code, _, err := socket.ParseClose(payload)
	if err != nil {
		return err
	}
	l.close(code, "")
	return nil
}

// spot is how many bytes a message may have that is read on the spot, by the goroutine that reads all connections.
const spot = 4 << 10

// text takes a text message. A long one is read by a goroutine of its own, so that nobody else waits for it: this
// client's next messages do, here if they have come with it and at the client otherwise. It needs mu.
func (l *line) text(text []byte) error {
	if len(text) > spot || len(l.texts) > 0 {
		l.texts = append(l.texts, bytes.Clone(text))
		if len(l.texts) == 1 {
			l.conn.Pause()
			l.paused = l.t.lines.ticks()
			go l.read()
		}
		return nil
	}
	m, closing := l.t.understand(text)
	if closing != nil {
		return closing
	}
	began, closing := l.hear(m)
	if closing != nil {
		return closing
	}
	if began != nil {
		go func() { began.begin(began.judge()) }()
	}
	return nil
}

// read takes the messages that wait.
func (l *line) read() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.texts) > 0 && !l.gone && !l.leaving {
		text := l.texts[0]
		l.mu.Unlock()
		l.readOne(text)
		l.mu.Lock()
		l.texts = l.texts[1:]
	}
	l.texts = nil
	if l.gone {
		return
	}
	// The client could not be heard meanwhile: the pause is no part of its times. They do not begin again, or a client
	// that never reads could stay by saying something long now and then.
	for _, since := range []*int32{&l.asked, &l.halved, &l.stalled} {
		if *since != 0 {
			*since += l.t.lines.ticks() - max(l.paused, *since)
		}
	}
	if l.conn.Resume() != nil {
		l.drop()
	}
}

// readOne takes a message as soon as there is room: so few are read at once that there is always a processor for the
// loop.
func (l *line) readOne(text []byte) {
	l.t.readers <- struct{}{}
	defer func() { <-l.t.readers }()
	m, closing := l.t.understand(text)
	var began *beginning
	l.mu.Lock()
	if closing == nil && !l.gone && !l.leaving {
		began, closing = l.hear(m)
	}
	if closing != nil {
		l.closing(closing)
	}
	l.mu.Unlock()
	if began != nil {
		op := began.judge()
		go began.begin(op)
	}
}

// heard is a message with the credential that it bears.
type heard struct {
	socket.Event

	authorization string
	authorized    bool // one was given
}

// understand reads a message whatever the line's state.
func (t *Transport) understand(text []byte) (m heard, closing *socket.Closing) {
	m.Event, closing = socket.Parse(&t.protocol, text)
	if closing == nil && m.Kind == socket.KindInit && m.Payload != nil {
		m.authorization, m.authorized, closing = credentialIn(m.Payload, t.limits.JSON())
	}
	return m, closing
}

// hear does what a message asks for. An operation is returned to be judged without the lock. It needs mu.
func (l *line) hear(m heard) (*beginning, *socket.Closing) {
	e, closing := l.session.Receive(&l.t.protocol, m.Event)
	if closing != nil {
		return nil, closing
	}
	switch e.Kind {
	case socket.KindInit:
		l.initialise(m)
	case socket.KindPing:
		l.write(socket.AppendFrame(nil, socket.Text, socket.AppendPong(nil, e.Payload)))
	case socket.KindComplete:
		l.release(e.ID)
	case socket.KindRefused:
		f := flaw(operation.Exceeded("socketOperations", l.t.limits.SocketOperations,
			"This connection has as many operations as it may have. Complete one first."))
		l.write(socket.AppendFrame(nil, socket.Text, socket.AppendError(nil, socket.Quote(e.ID), mustJSON(f.errs))))
	case socket.KindSubscribe:
		if l.expire(); l.gone || l.leaving {
			return nil, nil
		}
		b := &beginning{
			line: l, id: strings.Clone(e.ID), reader: &reader{line: l, id: socket.Quote(e.ID)},
			who: l.t.credentials.identity(l.who), payload: bytes.Clone(e.Payload),
		}
		b.ctx, b.reader.end = context.WithCancel(l.t.lasting(b.who, l.id))
		l.session.Begin(b.id, b.reader)
		return b, nil
	}
	return nil, nil
}

// lasting is the context of an operation that outlives the request that it came with.
func (t *Transport) lasting(who identity, request string) context.Context {
	if who.anonymous() {
		return WithRequestID(t.alive, request)
	}
	return WithRequestID(who.ctx, request)
}

// initialise asks whose credential stands in connection_init. Without one the line stays what the handshake
// made it. It needs mu.
func (l *line) initialise(m heard) {
	if !m.authorized {
		l.acknowledge()
		return
	}
	go func() {
		who, f := l.t.prove(l.id, m.authorization)
		l.mu.Lock()
		defer l.mu.Unlock()
		switch {
		case f != nil && f.status == http.StatusServiceUnavailable:
			l.close(tryLater, "Try again later")
		case f != nil:
			l.closing(socket.ErrForbidden)
		case !l.gone && !l.leaving:
			l.t.credentials.release(l.who)
			l.who = l.t.credentials.hold(who)
			l.acknowledge()
		}
	}()
}

func (l *line) acknowledge() {
	l.session.Acknowledged()
	l.write(socket.AppendFrame(nil, socket.Text, socket.AppendAck(nil, nil)))
}

// credentialIn finds the value of authorization, in any case, in the payload of connection_init. What cannot be read
// or is there twice is never treated as none; null is.
func credentialIn(payload []byte, limits strict.Limits) (value string, present bool, closing *socket.Closing) {
	decoded, err := limits.Decode(payload)
	members, ok := decoded.(map[string]any)
	if err != nil || !ok {
		return "", false, socket.ErrInvalid
	}
	var given any
	found := 0
	for name, member := range members {
		if strings.EqualFold(name, "authorization") {
			found, given = found+1, member
		}
	}
	switch {
	case found > 1:
		return "", false, socket.ErrForbidden
	case given == nil:
		return "", false, nil
	}
	value, _ = given.(string)
	return value, true, nil
}

// beginning is an operation that was sent in a message and was not judged yet.
type beginning struct {
	line    *line
	ctx     context.Context //nolint:containedctx // that of the operation
	id      string
	reader  *reader
	who     identity
	payload []byte
}

// judge returns the operation if it may run. Otherwise the client was told why not.
func (b *beginning) judge() *operation.Operation {
	defer b.line.survive(b.ctx, b.id, b.reader)
	request, f := b.line.t.decode(http.MethodPost, b.payload)
	var op *operation.Operation
	if f == nil {
		op, f = b.line.t.prepare(request)
	}
	if f != nil {
		b.line.refuse(b.id, b.reader, f)
		return nil
	}
	return op
}

// begin runs what was judged, if it may run.
func (b *beginning) begin(op *operation.Operation) {
	if op != nil {
		b.line.run(b.ctx, b.id, b.reader, b.who, op)
	}
}

// survive ends an operation whose handling panicked.
func (l *line) survive(ctx context.Context, id string, r *reader) {
	if v := recover(); v != nil {
		LogPanic(ctx, l.t.log, v)
		l.refuse(id, r, flaw(internalError(ctx)))
	}
}

// run runs an operation that was judged.
func (l *line) run(ctx context.Context, id string, r *reader, who identity, op *operation.Operation) {
	defer l.survive(ctx, id, r)
	if op.Kind() == ast.Subscription {
		if f := l.t.still(ctx); f != nil {
			l.refuse(id, r, f)
			return
		}
		l.attach(r, func() { l.t.subscribe(ctx, r, who, op) })
		return
	}
	a := l.t.ask(ctx, who, op)
	if most := l.t.limits.onLine(); len(a.body.Plain) > most {
		a = tooLarge(op, most)
	}
	if a.fault != nil {
		l.refuse(id, r, a.fault)
		return
	}
	l.answer(id, r, a.body.Plain)
}
