package transport

import (
	"crypto/rand"
	"net/http"

	"petitiond/server/errcode"
	"petitiond/server/transport/connection"
	"petitiond/server/transport/fault"
	"petitiond/server/transport/requestid"
)

// The single connection mode of graphql-sse: a client reserves a stream with PUT, opens it with GET, sends operations
// with POST, whose answers arrive over the stream, and ends them with DELETE.

// streamHeader is X-GraphQL-Event-Stream-Token in net/http's canonical form.
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
func (o *opener) reserveStream(w http.ResponseWriter, r *http.Request) {
	if _, f := identify(o.authority, r); f != nil {
		refuse(w, mediaJSON, f)
		return
	}
	// Who has the token may send to the stream, so it must not be guessed: these are at least 128 random bits.
	token := rand.Text()
	if f := o.connections.Streams.Reserve(token, o.intake.network(r)); f != nil {
		refuse(w, mediaJSON, f)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(http.StatusCreated)
	_, _ = w.Write([]byte(token)) // a client that has gone needs no token
}

// serveStream answers a GET, HEAD or POST with the token of a stream.
func (o *opener) serveStream(w http.ResponseWriter, r *http.Request) {
	token := streamToken(r)
	switch {
	// A GET with a query is an operation for the stream; one without opens it.
	case r.Method == http.MethodPost || r.URL.Query().Has("query"):
		o.sendToStream(w, r, token)
	case negotiate(r.Header.Values("Accept")).stream == mediaEvents:
		o.openStream(w, r, token)
	default:
		refuse(w, mediaJSON, fault.New(http.StatusNotAcceptable, errcode.BadRequest, "Accept text/event-stream."))
	}
}

// openStream answers GET with a token.
func (o *opener) openStream(w http.ResponseWriter, r *http.Request, token string) {
	who, f := identify(o.authority, r)
	if f != nil {
		refuse(w, mediaJSON, f)
		return
	}
	if f := o.connections.Streams.Claim(token); f != nil {
		refuse(w, mediaJSON, f)
		return
	}
	c, f := o.open(connection.Stream, r, who)
	if f != nil {
		// The claim is ours alone. Without this the token would stay taken until it is swept, and its client could not
		// begin again.
		o.connections.Streams.Forget(token)
		refuse(w, mediaJSON, f)
		return
	}
	o.openEvents(w, r, connection.Stream, c, o.connections.Streams.WithStream(token))
}

// sendToStream accepts an operation with 202; its answer is sent over the stream.
func (o *opener) sendToStream(w http.ResponseWriter, r *http.Request, token string) {
	if f := o.beginOnStream(w, r, token); f != nil {
		refuse(w, negotiate(r.Header.Values("Accept")).refusal(), f)
		return
	}
	w.WriteHeader(http.StatusAccepted)
}

// beginOnStream starts an operation whose answers go to a stream, or returns why it may not run.
func (o *opener) beginOnStream(w http.ResponseWriter, r *http.Request, token string) *fault.Fault {
	who, f := identify(o.authority, r)
	if f != nil {
		return f
	}
	text, f := o.intake.read(w, r)
	if f != nil {
		return f
	}
	request, f := o.intake.decode(r.Method, text)
	if f != nil {
		return f
	}
	id, _ := request.Extensions["operationId"].(string)
	if id == "" || len(id) > connection.LongestID {
		return fault.Malformed("Name the operation in extensions.operationId, with at most %d bytes.", connection.LongestID)
	}
	// Before the operation is checked, which takes longer. Send asks again, since the stream may end meanwhile.
	if f = o.connections.Streams.Find(token); f != nil {
		return f
	}
	op, f := o.intake.prepare(request)
	if f == nil {
		// What this request accepts does not matter: the answers go over the stream, which carries both kinds.
		f = o.intake.permit(r, op.Kind(), accepted{answer: mediaJSON, stream: mediaEvents})
	}
	if f != nil {
		return f
	}
	return o.connections.Streams.Send(token, connection.Beside{
		ID: id, Request: requestid.ID(r.Context()), Who: who, Operation: op,
	})
}

// endOnStream answers DELETE.
func (o *opener) endOnStream(w http.ResponseWriter, r *http.Request) {
	token, id := streamToken(r), r.URL.Query().Get("operationId")
	f := o.connections.Streams.Find(token)
	switch {
	case f != nil:
	case id == "":
		f = fault.Malformed("Name the operation to end in the parameter operationId.")
	default:
		f = o.connections.Streams.End(token, id)
	}
	if f != nil {
		refuse(w, mediaJSON, f)
		return
	}
	w.WriteHeader(http.StatusOK)
}
