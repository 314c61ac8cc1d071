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

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"petitiond/server/transport/socket"
	"petitiond/server/transport/wire"
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
	l := t.newLine(overSocket, r, who)
	l.frames.Max = int32(min(t.limits.Body, 1<<30))
	if f := t.lines.admit(l); f != nil {
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

func (t *Transport) newLine(m manner, r *http.Request, who identity) *line {
	return &line{t: t, manner: m, id: strings.Clone(RequestIDFrom(r.Context())), address: t.network(r), who: who.outlive(t.alive)}
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

// outlive keeps what authentication found beyond the request that it was asked for.
func (i identity) outlive(alive context.Context) identity {
	if i.anonymous() {
		return identity{}
	}
	i.ctx = lifted{Context: alive, values: context.WithoutCancel(i.ctx)}
	return i
}

// lifted has the life of one context and the values of another.
type lifted struct {
	context.Context //nolint:containedctx // it is one

	values context.Context //nolint:containedctx // see above
}

// Value returns a value of either.
func (l lifted) Value(key any) any {
	if v := l.values.Value(key); v != nil {
		return v
	}
	return l.Context.Value(key)
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
	err := loop.Adopt(conn, slices.Clone(read), l, func(c wire.Conn) {
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

func (nowhere) Write([]byte) (int, error) { return 0, wire.ErrClosed }
func (nowhere) Finish()                   {}
func (nowhere) Pause()                    {}
func (nowhere) Resume() error             { return nil }
func (nowhere) Close()                    {}

// message takes one message or control frame. It runs with the line's lock.
func (l *line) message(op socket.Opcode, payload []byte) error {
	if l.gone || l.leaving && op != socket.CloseFrame {
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
		return l.hear(payload)
	default:
		return &socket.Closing{Code: socket.BadRequest, Reason: "Messages are text"}
	}
}

// hearClose answers a close frame, or takes it as the answer to ours.
func (l *line) hearClose(payload []byte) error {
	if l.leaving {
		l.drop()
		return nil
	}
	code, _, err := socket.ParseClose(payload)
	if err != nil {
		return err
	}
	l.close(code, "")
	return nil
}

// hear takes a message of graphql-transport-ws.
func (l *line) hear(text []byte) error {
	e, closing := socket.Parse(&l.t.protocol, text)
	if closing == nil {
		e, closing = l.session.Receive(&l.t.protocol, e)
	}
	if closing != nil {
		return closing
	}
	switch e.Kind {
	case socket.KindInit:
		l.initialise(e.Payload)
	case socket.KindPing:
		l.write(socket.AppendFrame(nil, socket.Text, socket.AppendPong(nil, e.Payload)))
	case socket.KindComplete:
		l.release(e.ID)
	case socket.KindRefused:
		f := flaw(exceeded("socketOperations", l.t.limits.SocketOperations, "This connection has as many operations as it may have. Complete one first."))
		l.write(socket.AppendFrame(nil, socket.Text, socket.AppendError(nil, socket.Quote(e.ID), mustJSON(f.errs))))
	case socket.KindSubscribe:
		r := &reader{line: l, id: socket.Quote(e.ID)}
		id, payload, who := strings.Clone(e.ID), bytes.Clone(e.Payload), l.who
		ctx := l.context()
		ctx, r.end = context.WithCancel(ctx)
		l.session.Begin(id, r)
		go l.begin(ctx, id, r, who, payload)
	}
	return nil
}

// context is that of an operation.
func (l *line) context() context.Context {
	ctx := l.t.alive
	if !l.who.anonymous() {
		ctx = l.who.ctx
	}
	return WithRequestID(ctx, l.id)
}

// initialise asks whose credential stands in connection_init. Without one the line stays what the handshake
// made it.
func (l *line) initialise(payload []byte) {
	value, present := credential(payload)
	if !present {
		l.acknowledge()
		return
	}
	go func() {
		who, f := l.t.authorize(WithRequestID(l.t.alive, l.id), value)
		who = who.outlive(l.t.alive)
		l.mu.Lock()
		defer l.mu.Unlock()
		switch {
		case f != nil && f.status == http.StatusServiceUnavailable:
			l.close(tryLater, "Try again later")
		case f != nil:
			l.closing(socket.ErrForbidden)
		case !l.gone && !l.leaving:
			l.who = who
			l.acknowledge()
		}
	}()
}

func (l *line) acknowledge() {
	l.session.Acknowledged()
	l.write(socket.AppendFrame(nil, socket.Text, socket.AppendAck(nil, nil)))
}

// credential finds the value of authorization in the payload of connection_init.
func credential(payload []byte) (value string, present bool) {
	decoded, err := decodeJSON(payload, DefaultLimits().json())
	members, ok := decoded.(map[string]any)
	if err != nil || !ok {
		return "", false
	}
	given, present := members["authorization"]
	if !present {
		given, present = members["Authorization"]
	}
	if !present || given == nil {
		return "", false
	}
	value, _ = given.(string)
	return value, true
}

// begin judges an operation and runs it.
func (l *line) begin(ctx context.Context, id string, r *reader, who identity, payload []byte) {
	defer l.survive(ctx, id, r)
	params, f := decodeBody(payload, l.t.limits.json())
	if f == nil {
		var op *graphql.OperationContext
		if op, f = l.t.prepare(ctx, params); f == nil {
			l.run(ctx, id, r, who, op)
			return
		}
	}
	l.refuse(id, r, f)
}

// survive ends an operation whose handling panicked.
func (l *line) survive(ctx context.Context, id string, r *reader) {
	if v := recover(); v != nil {
		LogPanic(ctx, l.t.log, v)
		l.refuse(id, r, flaw(internalError(ctx)))
	}
}

// run runs an operation that was judged.
func (l *line) run(ctx context.Context, id string, r *reader, who identity, op *graphql.OperationContext) {
	defer l.survive(ctx, id, r)
	if op.Operation.Operation == ast.Subscription {
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
