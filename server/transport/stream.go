package transport

import (
	"crypto/rand"
	"net/http"

	"petitiond/server/transport/connection"
	"petitiond/server/transport/fault"
	"petitiond/server/transport/trace"
)

// The single connection mode of graphql-sse: a client reserves a stream with PUT, opens it with GET, sends
// operations beside it with POST, whose answers come over the stream, and ends them with DELETE.

// streamHeader is X-GraphQL-Event-Stream-Token as net/http keeps it.
const streamHeader = "X-Graphql-Event-Stream-Token"

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
	if !t.connections.Streams.Reserve(token, t.network(r)) {
		t.refuse(w, mediaJSON, fault.New(http.StatusServiceUnavailable, fault.Unavailable,
			"There are too many reserved event streams. Open one of yours, or try again later."))
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(http.StatusCreated)
	_, _ = w.Write([]byte(token)) // who has gone needs no token
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
		t.refuse(w, mediaJSON, fault.New(http.StatusNotAcceptable, fault.BadRequest, "Accept text/event-stream."))
	}
}

// openStream answers GET with a token.
func (t *Transport) openStream(w http.ResponseWriter, r *http.Request, token string) {
	who, f := t.identify(r.Context(), r.Header)
	if f != nil {
		t.refuse(w, mediaJSON, f)
		return
	}
	if f := t.connections.Streams.Claim(token); f != nil {
		t.refuse(w, mediaJSON, f)
		return
	}
	c, f := t.open(connection.Stream, r, who)
	if f != nil {
		t.connections.Streams.Forget(token)
		t.refuse(w, mediaJSON, f)
		return
	}
	t.openEvents(w, r, c, t.connections.Streams.WithStream(token))
}

// sendToStream answers an operation that is sent beside an open stream: accepted, and answered there.
func (t *Transport) sendToStream(w http.ResponseWriter, r *http.Request, token string) {
	if f := t.beginOnStream(w, r, token); f != nil {
		t.refuse(w, negotiate(r.Header.Values("Accept")).refusal(), f)
		return
	}
	w.WriteHeader(http.StatusAccepted)
}

func (t *Transport) beginOnStream(w http.ResponseWriter, r *http.Request, token string) *fault.Fault {
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
	if id == "" || len(id) > connection.LongestID {
		return fault.Malformed("Name the operation in extensions.operationId, with at most %d bytes.", connection.LongestID)
	}
	if f = t.connections.Streams.Find(token); f != nil {
		return f
	}
	op, f := t.prepare(request)
	if f == nil {
		f = permit(r.Method, op.Kind(), accepted{answer: mediaJSON, events: true})
	}
	if f != nil {
		return f
	}
	return t.connections.Streams.Send(token, connection.Beside{
		ID: id, Bytes: len(text), Request: trace.ID(r.Context()), Who: who, Operation: op,
	})
}

// endOnStream answers DELETE.
func (t *Transport) endOnStream(w http.ResponseWriter, r *http.Request) {
	token, id := streamToken(r), r.URL.Query().Get("operationId")
	f := t.connections.Streams.Find(token)
	switch {
	case f != nil:
	case id == "":
		f = fault.Malformed("Name the operation to end in the parameter operationId.")
	default:
		f = t.connections.Streams.End(token, id)
	}
	if f != nil {
		t.refuse(w, mediaJSON, f)
		return
	}
	w.WriteHeader(http.StatusOK)
}
