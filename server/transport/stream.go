package transport

import (
	"context"
	"crypto/rand"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"petitiond/server/operation"
	"petitiond/server/transport/socket"
)

// The single connection mode of graphql-sse: a client reserves a stream with PUT, opens it with GET, sends
// operations beside it with POST, whose answers come over the stream, and ends them with DELETE.

// streamHeader is X-GraphQL-Event-Stream-Token as net/http keeps it.
const streamHeader = "X-Graphql-Event-Stream-Token"

// reserved is how long a stream may be reserved before it is opened.
const reserved = 30 * time.Second

// streams are the reserved and the open streams, by their tokens.
type streams struct {
	mu    sync.Mutex // guards what follows, and the streams
	open  map[string]*stream
	by    map[netip.Prefix]int // reserved ones that nobody has opened yet
	swept time.Time
}

type stream struct {
	line    *line // nil until it is open
	opening bool  // somebody opens it at present
	address netip.Prefix
	made    time.Time // when it was reserved, or began to be opened
	early   []early   // operations that came before it was open
}

// early is an operation that waits for its stream.
type early struct {
	id    string
	bytes int // of the request
	begin func(*line) *fault
}

// streamToken finds the token of a stream in a request.
func streamToken(r *http.Request) string {
	if token := r.Header.Get(streamHeader); token != "" {
		return token
	}
	if r.URL.RawQuery == "" {
		return ""
	}
	return r.URL.Query().Get("token")
}

// reserveStream answers PUT.
func (t *Transport) reserveStream(w http.ResponseWriter, r *http.Request) {
	if _, f := t.identify(r.Context(), r.Header); f != nil {
		t.refuse(w, mediaJSON, f)
		return
	}
	token := rand.Text()
	if !t.streams.reserve(token, t.network(r), t.limits) {
		t.refuse(w, mediaJSON, crowded("There are too many reserved event streams. Open one of yours, or try again later."))
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(http.StatusCreated)
	_, _ = w.Write([]byte(token)) // who has gone needs no token
}

// reserve reports whether there is room for another. Who reserves too many is told so alone.
func (s *streams) reserve(token string, address netip.Prefix, l Limits) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	full := func() bool {
		return len(s.open) >= l.Sockets || l.SocketsPerAddress > 0 && s.by[address] >= l.SocketsPerAddress
	}
	if full() && now().Sub(s.swept) >= time.Second { // all are looked at, whoever asks for one more
		s.clear()
	}
	if full() {
		return false
	}
	s.open[token] = &stream{address: address, made: now()}
	s.by[address]++
	return true
}

// sweep forgets streams that nobody opened, or that were lost.
func (s *streams) sweep() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clear()
}

func (s *streams) clear() {
	s.swept = now()
	for token, st := range s.open {
		if st.line == nil && now().Sub(st.made) > reserved || st.line != nil && st.line.over() {
			s.drop(token, st)
		}
	}
}

func (s *streams) drop(token string, st *stream) {
	delete(s.open, token)
	if st.line == nil {
		s.uncount(st)
	}
}

// uncount counts a stream among the reserved ones no more.
func (s *streams) uncount(st *stream) {
	if s.by[st.address]--; s.by[st.address] == 0 {
		delete(s.by, st.address)
	}
}

func (l *line) over() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.gone
}

// take lets one open a reserved stream, or says why it cannot be had.
func (s *streams) take(token string) *fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.open[token]
	switch {
	case st == nil:
		return noStream()
	case st.opening:
		return refusal(http.StatusConflict, badRequest, "This event stream is open already.")
	}
	st.opening, st.made = true, now()
	return nil
}

// opened gives a stream its line, and begins the operations that waited for it.
func (s *streams) opened(token string, l *line) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.open[token]
	if st == nil {
		return
	}
	s.uncount(st)
	st.line = l
	for _, e := range st.early {
		_ = e.begin(l) // what cannot begin any more is not missed
	}
	st.early = nil
}

func (s *streams) forget(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if st := s.open[token]; st != nil {
		s.drop(token, st)
	}
}

// find reports that there is no such stream.
func (s *streams) find(token string) *fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open[token] == nil {
		return noStream()
	}
	return nil
}

// hand gives an operation to a stream: at once, or when it is open. Those that wait have no more bytes together than
// one request may have.
func (s *streams) hand(token string, e early, l Limits) *fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.open[token]
	if st == nil {
		return noStream()
	}
	if st.line != nil {
		return e.begin(st.line)
	}
	bytes := e.bytes
	for _, other := range st.early {
		bytes += other.bytes
	}
	switch {
	case slices.ContainsFunc(st.early, e.same):
		return twiceOnStream()
	case len(st.early) >= l.SocketOperations:
		return crowdedStream(l.SocketOperations)
	case len(st.early) > 0 && int64(bytes) > l.Body:
		return flaw(operation.Exceeded("body", int(l.Body),
			"The operations that wait for this stream are too large together. Open it first."))
	}
	st.early = append(st.early, e)
	return nil
}

func (e early) same(other early) bool { return e.id == other.id }

// end ends an operation of a stream, or one that waits for it.
func (s *streams) end(token, id string) *fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.open[token]
	switch {
	case st == nil:
		return noStream()
	case st.line == nil:
		st.early = slices.DeleteFunc(st.early, early{id: id}.same)
		return nil
	}
	st.line.mu.Lock()
	defer st.line.mu.Unlock()
	st.line.release(id)
	return nil
}

func twiceOnStream() *fault {
	return refusal(http.StatusConflict, badRequest, "This stream has an operation of that id already.")
}

func crowdedStream(most int) *fault {
	return flaw(operation.Exceeded("socketOperations", most, "This stream has as many operations as it may have. Complete one first."))
}

func noStream() *fault {
	return refusal(http.StatusNotFound, notFound, "There is no event stream of this token: reserve one with PUT and open it with GET.")
}

// serveStream answers what bears the token of a stream.
func (t *Transport) serveStream(w http.ResponseWriter, r *http.Request) {
	token := streamToken(r)
	switch {
	case r.Method == http.MethodPost || r.URL.Query().Has("query"):
		t.sendToStream(w, r, token)
	case negotiate(r.Header.Values("Accept")).events:
		t.openStream(w, r, token)
	default:
		t.refuse(w, mediaJSON, refusal(http.StatusNotAcceptable, badRequest, "Accept text/event-stream."))
	}
}

// openStream answers GET with a token.
func (t *Transport) openStream(w http.ResponseWriter, r *http.Request, token string) {
	who, f := t.identify(r.Context(), r.Header)
	if f != nil {
		t.refuse(w, mediaJSON, f)
		return
	}
	if f := t.streams.take(token); f != nil {
		t.refuse(w, mediaJSON, f)
		return
	}
	l := t.newLine(overStream, r)
	l.session.Acknowledged()
	if f := t.lines.admit(l, who.outlive(t.alive)); f != nil {
		t.streams.forget(token)
		t.refuse(w, mediaJSON, f)
		return
	}
	t.openEvents(w, r, l, func() { go t.streams.opened(token, l) })
}

// sendToStream answers an operation that is sent beside an open stream: accepted, and answered there.
func (t *Transport) sendToStream(w http.ResponseWriter, r *http.Request, token string) {
	if f := t.beginOnStream(w, r, token); f != nil {
		t.refuse(w, negotiate(r.Header.Values("Accept")).refusal(), f)
		return
	}
	w.WriteHeader(http.StatusAccepted)
}

func (t *Transport) beginOnStream(w http.ResponseWriter, r *http.Request, token string) *fault {
	who, f := t.identify(r.Context(), r.Header)
	if f != nil {
		return f
	}
	text, f := t.read(w, r)
	if f != nil {
		return f
	}
	request, f := t.decode(r.Method, text)
	if f != nil {
		return f
	}
	id, _ := request.Extensions["operationId"].(string)
	if id == "" || len(id) > t.protocol.ID {
		return malformed("Name the operation in extensions.operationId, with at most %d bytes.", t.protocol.ID)
	}
	if f = t.streams.find(token); f != nil {
		return f
	}
	op, f := t.prepare(request)
	if f == nil {
		f = permit(r.Method, op.Kind(), accepted{answer: mediaJSON, events: true})
	}
	if f != nil {
		return f
	}
	who, requestID := who.outlive(t.alive), strings.Clone(RequestIDFrom(r.Context()))
	begin := func(l *line) *fault { return l.beginBeside(id, requestID, who, op) }
	return t.streams.hand(token, early{id: id, bytes: len(text), begin: begin}, t.limits)
}

// beginBeside begins an operation that was sent beside the stream.
func (l *line) beginBeside(id, request string, who identity, op *operation.Operation) *fault {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, twice := l.session.Find(id)
	switch {
	case l.gone || l.leaving:
		return noStream()
	case twice:
		return twiceOnStream()
	case l.session.Len() >= l.t.limits.SocketOperations:
		return crowdedStream(l.t.limits.SocketOperations)
	}
	read := &reader{line: l, id: socket.Quote(id), who: l.t.credentials.hold(who)}
	ctx, end := context.WithCancel(l.t.lasting(who, request))
	read.end = end
	l.session.Begin(id, read)
	go l.run(ctx, id, read, who, op)
	return nil
}

// endOnStream answers DELETE.
func (t *Transport) endOnStream(w http.ResponseWriter, r *http.Request) {
	token, id := streamToken(r), r.URL.Query().Get("operationId")
	f := t.streams.find(token)
	switch {
	case f != nil:
	case id == "":
		f = malformed("Name the operation to end in the parameter operationId.")
	default:
		f = t.streams.end(token, id)
	}
	if f != nil {
		t.refuse(w, mediaJSON, f)
		return
	}
	w.WriteHeader(http.StatusOK)
}
