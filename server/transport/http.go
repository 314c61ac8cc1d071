package transport

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"strconv"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"petitiond/server/errcode"
	"petitiond/server/operation"
	"petitiond/server/responsecache"
	"petitiond/server/transport/credential"
	"petitiond/server/transport/fault"
)

const methods = "GET, HEAD, POST, PUT, DELETE, OPTIONS"

// costHeader is the header with which a client asks for the cost of its operation; the value is "report". IBM's
// specification of cost directives names no header. This is X-GraphQL-Cost in net/http's canonical form.
const costHeader = "X-Graphql-Cost"

// route chooses the handler of a request.
func (t *Transport) route(w http.ResponseWriter, r *http.Request) {
	switch {
	case !t.ownHost(r.Host):
		refuse(w, mediaJSON, misdirected(r.Host))
	// Before all methods: a handshake is a GET without an operation.
	case upgrades(r):
		t.opener.serveSocket(w, r)
	case r.Method == http.MethodPut:
		t.opener.reserveStream(w, r)
	case r.Method == http.MethodDelete:
		t.opener.endOnStream(w, r)
	case r.Method != http.MethodGet && r.Method != http.MethodHead && r.Method != http.MethodPost:
		t.serveOther(w, r)
	case streamToken(r) != "":
		t.opener.serveStream(w, r)
	default:
		t.serveOperation(w, r)
	}
}

// serveOther answers the methods that carry no operation.
func (t *Transport) serveOther(w http.ResponseWriter, r *http.Request) {
	switch r.Method {
	case http.MethodOptions:
		w.Header().Set("Allow", methods)
		w.WriteHeader(http.StatusNoContent)
	default:
		f := fault.New(http.StatusMethodNotAllowed, errcode.MethodNotAllowed, "Send operations with POST, or queries with GET.")
		f.Allow = methods
		refuse(w, mediaJSON, f)
	}
}

// serveOperation answers one operation, or streams its events.
func (t *Transport) serveOperation(w http.ResponseWriter, r *http.Request) {
	accept := negotiate(r.Header.Values("Accept"))
	who, op, known, f := t.admit(w, r, accept)
	switch {
	case known != nil:
		t.deliver(w, r, accept.answer, known, statusHit)
	// What is wrong with the operation itself is told in the stream; a refused request has its status.
	case f != nil && f.Status == 0 && accept.answer == "":
		refuseByStream(w, accept.stream, f)
	case f != nil:
		if f.Cost > 0 && wantsCost(r.Header) {
			f.Extensions = costReport(f.Cost, t.intake.limits.Cost)
		}
		refuse(w, accept.refusal(), f)
	case op.Kind() == ast.Subscription, accept.answer == "":
		t.opener.serveEvents(w, r, accept.stream, who, op)
	case op.Kind() == ast.Mutation:
		t.answerMutation(t.from(who.Context, r), w, r.Header, accept.answer, op)
	default:
		t.answerQuery(t.from(who.Context, r), w, r, accept.answer, op)
	}
}

// answerMutation runs a mutation as soon as there is room. Its answer is not compressed: see
// [precompressed.Bytes.Send].
func (t *Transport) answerMutation(ctx context.Context, w http.ResponseWriter, header http.Header, m media, op *operation.Operation) {
	b := t.sharing.budget(ctx)
	defer b.Close()
	a := t.sharing.runWithin(ctx, b, op, wantsCost(header))
	// By now the mutation has been executed, so a refusal would be wrong: the memory in which its answer was made is
	// kept for sending it, and nothing is asked for again.
	b.Keep(a.counted())
	if a.fault != nil {
		refuse(w, m, a.fault)
		return
	}
	if a.retry > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(a.retry))
	}
	write(w, a.status, m, a.body.Plain)
}

// wantsCost reports whether a request asks what its operation costs.
func wantsCost(header http.Header) bool { return strings.EqualFold(header.Get(costHeader), "report") }

// costReport returns the extension that reports what an operation costs, and how much of the limit it leaves.
func costReport(cost, limit int) map[string]any {
	return map[string]any{"cost": map[string]int{"requested": cost, "limit": limit, "left": limit - cost}}
}

// withExtensions returns both as one, and leaves the given ones as they are: answers that are shared have them, too.
func withExtensions(given, more map[string]any) map[string]any {
	all := map[string]any{}
	maps.Copy(all, given)
	maps.Copy(all, more)
	return all
}

// admit reads and checks a request up to the point where its operation could run, or its answer is already known.
func (t *Transport) admit(
	w http.ResponseWriter, r *http.Request, accept accepted,
) (who credential.Identity, op *operation.Operation, known *answer, f *fault.Fault) {
	if accept == (accepted{}) {
		return who, nil, nil, fault.New(http.StatusNotAcceptable, errcode.BadRequest,
			"Accept one of application/graphql-response+json, application/json and, for subscriptions, text/event-stream or multipart/mixed;subscriptionSpec=1.0; in UTF-8.")
	}
	// Before the body is read: a credential that does not hold costs us no more than its header.
	if who, f = identify(t.authority, r); f != nil {
		return who, nil, nil, f
	}
	text, f := t.intake.read(w, r)
	if f != nil {
		return who, nil, nil, f
	}
	op, key, f := t.recall(r.Method, text)
	if f != nil {
		return who, nil, nil, f
	}
	// The key of what is no query is zero, under which nothing is kept; and a query whose answer is accepted is always
	// permitted, so permit need not be asked.
	if accept.answer != "" && t.sharing.applies(r.Header) {
		if known, ok := t.sharing.answers.Kept(key); ok {
			return who, nil, known, nil
		}
	}
	return who, op, nil, t.intake.permit(r, op.Kind(), accept)
}

// recall returns the operation that a request asks for, and the key of its answer if it is a query. A request with the
// same bytes as an earlier one is not parsed and validated again.
func (t *Transport) recall(method string, text []byte) (*operation.Operation, responsecache.Key, *fault.Fault) {
	if known, ok := t.sharing.recalled.find(method, text); ok {
		return known.op, known.key, nil
	}
	request, f := t.intake.decode(method, text)
	if f != nil {
		return nil, responsecache.Key{}, f
	}
	op, f := t.intake.prepare(request)
	if f != nil || op.Kind() != ast.Query {
		return op, responsecache.Key{}, f
	}
	known := recalledRequest{string(text), op, responsecache.Key(op.Key()), op.Size()}
	// Its cost depends on the time: it must be worked out again with each request.
	if !op.Timed {
		t.sharing.recalled.keep(method, known)
	}
	return op, known.key, nil
}

// answerQuery answers a query, as soon as there is room.
func (t *Transport) answerQuery(
	ctx context.Context, w http.ResponseWriter, r *http.Request, m media, op *operation.Operation,
) {
	if !t.sharing.applies(r.Header) {
		t.deliver(w, r, m, t.sharing.run(ctx, op, wantsCost(r.Header)), statusBypass)
		return
	}
	a, how := t.sharing.share(ctx, op)
	t.deliver(w, r, m, a, how)
}

// permit refuses operations that the request's method, its Accept header or the page that sends it does not allow.
func (i *intake) permit(r *http.Request, kind ast.Operation, accept accepted) *fault.Fault {
	switch method := r.Method; {
	case method == http.MethodHead && (kind == ast.Subscription || accept.answer == ""):
		f := fault.New(http.StatusMethodNotAllowed, errcode.MethodNotAllowed, "HEAD cannot answer for an event stream. Send GET or POST.")
		f.Allow = "GET, POST"
		return f
	case method != http.MethodPost && kind == ast.Mutation:
		f := fault.New(http.StatusMethodNotAllowed, errcode.MethodNotAllowed, "Send mutations with POST.")
		f.Allow = http.MethodPost
		return f
	case kind == ast.Subscription && accept.stream == "":
		return fault.New(http.StatusNotAcceptable, errcode.BadRequest,
			"A subscription is answered as text/event-stream or multipart/mixed;subscriptionSpec=1.0, or over a WebSocket.")
	default:
		return i.origins.of(r).forbid(kind)
	}
}

// refuse answers a request that was not executed.
func refuse(w http.ResponseWriter, m media, f *fault.Fault) {
	header := w.Header()
	if f.Allow != "" {
		header.Set("Allow", f.Allow)
	}
	switch f.Status {
	case http.StatusUnauthorized:
		header.Set("WWW-Authenticate", "Bearer")
	case http.StatusServiceUnavailable:
		header.Set("Retry-After", "1")
	}
	write(w, statusFor(f, m), m, encode(&graphql.Response{Errors: f.Errors, Extensions: f.Extensions}))
}

// write sends a whole answer.
func write(w http.ResponseWriter, status int, m media, body []byte) {
	header := w.Header()
	header["Content-Type"] = headerValues[string(m)]
	header["Content-Length"] = []string{strconv.Itoa(len(body))}
	w.WriteHeader(status)
	// A client that has gone needs no answer.
	_, _ = w.Write(body) //nolint:gosec // JSON with nosniff, which no browser takes for a page
}

// encode writes an answer as JSON. Data is JSON already and is copied; an answer without data was not executed and has
// no such member.
func encode(resp *graphql.Response) []byte {
	var body bytes.Buffer
	body.Grow(len(resp.Data) + 16)
	separator := byte('{')
	member := func(name string, value []byte) {
		body.WriteByte(separator)
		separator = ','
		body.WriteString(`"` + name + `":`)
		body.Write(value)
	}
	// Errors come first, as the specification recommends (section 7.1), lest they be overlooked behind long data.
	if len(resp.Errors) > 0 {
		member("errors", mustJSON(resp.Errors))
	}
	if len(resp.Data) > 0 {
		member("data", resp.Data)
	}
	if len(resp.Extensions) > 0 {
		member("extensions", mustJSON(resp.Extensions))
	}
	body.WriteByte('}')
	return body.Bytes()
}

// mustJSON encodes a value that our own code made, so it cannot fail.
func mustJSON(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return text
}
