package transport

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"strconv"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"petitiond/server/answers"
	"petitiond/server/operation"
)

const methods = "GET, HEAD, POST, PUT, DELETE, OPTIONS"

// costHeader is how a client asks for the cost of its operation, with the
// value report. IBM's specification of cost directives names no header. It is X-GraphQL-Cost as net/http keeps it.
const costHeader = "X-Graphql-Cost"

// route sends a request on its way by its method.
func (t *Transport) route(w http.ResponseWriter, r *http.Request) {
	switch {
	case upgrades(r):
		t.serveSocket(w, r)
	case r.Method == http.MethodPut:
		t.reserveStream(w, r)
	case r.Method == http.MethodDelete:
		t.endOnStream(w, r)
	case r.Method != http.MethodGet && r.Method != http.MethodHead && r.Method != http.MethodPost:
		t.serveOther(w, r)
	case streamToken(r) != "":
		t.serveStream(w, r)
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
		f := refusal(http.StatusMethodNotAllowed, methodNotAllowed, "Send operations with POST, or queries with GET.")
		f.allow = methods
		t.refuse(w, mediaJSON, f)
	}
}

// serveOperation answers one operation, or streams its events.
func (t *Transport) serveOperation(w http.ResponseWriter, r *http.Request) {
	accept := negotiate(r.Header.Values("Accept"))
	who, op, known, f := t.admit(w, r, accept)
	switch {
	case known != nil:
		t.deliver(w, r, accept.answer, known, hit)
	case f != nil && f.status == 0 && accept.answer == "":
		t.refuseByEvents(w, f)
	case f != nil:
		if f.cost > 0 {
			f.extensions = t.costReport(r.Header, f.cost)
		}
		t.refuse(w, accept.refusal(), f)
	case op.Kind() == ast.Subscription, accept.answer == "":
		t.serveEvents(w, r, who, op)
	case op.Kind() == ast.Mutation:
		t.answerMutation(who.ctx, w, r.Header, accept.answer, op)
	default:
		t.answerQuery(who, w, r, accept.answer, op)
	}
}

// answerMutation runs a mutation as soon as there is room. Its answer is not compressed: see [content.Bytes.Send].
func (t *Transport) answerMutation(ctx context.Context, w http.ResponseWriter, header http.Header, m media, op *operation.Operation) {
	a := t.compute(ctx, op, header)
	if !a.hold(t.memory) {
		a = unseen(op)
	}
	defer a.release(t.memory)
	if a.fault != nil {
		t.refuse(w, m, a.fault)
		return
	}
	if a.retry > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(a.retry))
	}
	t.write(w, a.status, m, a.body.Plain)
}

// costReport tells what an operation costs and what would be left, if the
// request asks for it.
func (t *Transport) costReport(header http.Header, cost int) map[string]any {
	if !strings.EqualFold(header.Get(costHeader), "report") {
		return nil
	}
	return map[string]any{"cost": map[string]int{"requested": cost, "limit": t.limits.Cost, "left": t.limits.Cost - cost}}
}

func withExtensions(given, more map[string]any) map[string]any {
	all := map[string]any{}
	maps.Copy(all, given)
	maps.Copy(all, more)
	return all
}

// admit reads a request up to where its operation could run, or its answer is known.
func (t *Transport) admit(
	w http.ResponseWriter, r *http.Request, accept accepted,
) (who identity, op *operation.Operation, known *answer, f *fault) {
	if accept.answer == "" && !accept.events {
		return who, nil, nil, refusal(http.StatusNotAcceptable, badRequest,
			"Accept one of application/graphql-response+json, application/json and, for subscriptions, text/event-stream; in UTF-8.")
	}
	if who, f = t.identify(r.Context(), r.Header); f != nil {
		return who, nil, nil, f
	}
	text, f := t.read(w, r)
	if f != nil {
		return who, nil, nil, f
	}
	op, key, f := t.recall(r.Method, text)
	if f != nil {
		return who, nil, nil, f
	}
	if accept.answer != "" && t.shares(r.Header) {
		if known, ok := t.answers.Kept(key); ok {
			return who, nil, known, nil
		}
	}
	return who, op, nil, permit(r.Method, op.Kind(), accept)
}

// recall gives the operation that a request asks for, and the key of its answer if it is a query. A request that came
// before in the same bytes is not judged again.
func (t *Transport) recall(method string, text []byte) (*operation.Operation, answers.Key, *fault) {
	if known, ok := t.recalled.find(method, text); ok {
		return known.op, known.key, nil
	}
	request, f := t.decode(method, text)
	if f != nil {
		return nil, answers.Key{}, f
	}
	op, r := t.judge.Prepare(request)
	if r != nil || op.Kind() != ast.Query {
		return op, answers.Key{}, refused(r)
	}
	known := recalledRequest{string(text), op, answers.Key(op.Key())}
	if !op.Timed {
		t.recalled.keep(method, known, t.judge.Size(op))
	}
	return op, known.key, nil
}

// prepare returns the operation that a request asks for.
func (t *Transport) prepare(request *operation.Request) (*operation.Operation, *fault) {
	op, r := t.judge.Prepare(request)
	return op, refused(r)
}

// permit refuses operations that a method or an Accept header leaves no room for.
func permit(method string, kind ast.Operation, accept accepted) *fault {
	switch {
	case method == http.MethodHead && (kind == ast.Subscription || accept.answer == ""):
		f := refusal(http.StatusMethodNotAllowed, methodNotAllowed, "An event stream has no end that HEAD could tell of: send GET or POST.")
		f.allow = "GET, POST"
		return f
	case method != http.MethodPost && kind == ast.Mutation:
		f := refusal(http.StatusMethodNotAllowed, methodNotAllowed, "Send mutations with POST.")
		f.allow = http.MethodPost
		return f
	case kind == ast.Subscription && !accept.events:
		return refusal(http.StatusNotAcceptable, badRequest, "A subscription is answered as text/event-stream, or over a WebSocket.")
	default:
		return nil
	}
}

// identify asks whose credential a request bears. None is anonymous; one that
// cannot be read is not.
func (t *Transport) identify(ctx context.Context, header http.Header) (identity, *fault) {
	switch values := header.Values("Authorization"); len(values) {
	case 0:
		return identity{ctx: ctx}, nil
	case 1:
		return t.authorize(ctx, values[0])
	default:
		return identity{}, denied()
	}
}

// authorize asks whose credential stands in the value of Authorization.
func (t *Transport) authorize(ctx context.Context, value string) (identity, *fault) {
	scheme, bearer, _ := strings.Cut(value, " ")
	bearer = strings.TrimSpace(bearer)
	if !strings.EqualFold(scheme, "Bearer") || bearer == "" {
		return identity{}, denied()
	}
	known, err := t.authenticate(ctx, bearer)
	switch {
	case errors.Is(err, ErrUnavailable):
		return identity{}, uncheckable()
	case err != nil:
		return identity{}, denied()
	default:
		return t.known(known, bearer), nil
	}
}

func denied() *fault {
	return refusal(http.StatusUnauthorized, unauthenticated, "The credential is not known or has expired. Send it as Authorization: Bearer SECRET.")
}

func altered() *fault {
	return refusal(http.StatusUnauthorized, unauthenticated, "The credential has other rights now. Send it again to go on with those.")
}

func uncheckable() *fault {
	return refusal(http.StatusServiceUnavailable, unavailable,
		"The credential cannot be checked at present. Try again in a moment.")
}

// refuse answers a request that was not executed.
func (t *Transport) refuse(w http.ResponseWriter, m media, f *fault) {
	header := w.Header()
	if f.allow != "" {
		header.Set("Allow", f.allow)
	}
	switch f.status {
	case http.StatusUnauthorized:
		header.Set("WWW-Authenticate", "Bearer")
	case http.StatusServiceUnavailable:
		header.Set("Retry-After", "1")
	}
	t.write(w, f.statusFor(m), m, encode(&graphql.Response{Errors: f.errs, Extensions: f.extensions}))
}

// write sends a whole answer.
func (t *Transport) write(w http.ResponseWriter, status int, m media, body []byte) {
	header := w.Header()
	header["Content-Type"] = values[string(m)]
	header["Content-Length"] = []string{strconv.Itoa(len(body))}
	w.WriteHeader(status)
	// A client that is gone misses nothing.
	_, _ = w.Write(body)
}

// encode writes an answer as JSON. Data is JSON already and goes as it is; an
// answer without it was not executed and has no such member.
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

// mustJSON encodes what our own code made.
func mustJSON(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return text
}
