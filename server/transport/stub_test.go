package transport_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"

	"petitiond/server/eventmark"
	"petitiond/server/httpserver"
	"petitiond/server/transport"
)

const sdl = `
	type Query { hello(name: String): String nested: Nested colour(in: Colour!): String count(in: Int!): Int }
	type Nested { nested: Nested value: String }
	enum Colour { RED GREEN }
	type Mutation { touch: String other: String }
	type Subscription { signatureCount(petitionId: ID!): SignatureCount hello: String }
	type SignatureCount { petitionId: ID! total: Int! version: Int! }
`

type (
	resolver = func(ctx context.Context, args map[string]any) (any, error)
	source   = func(ctx context.Context, args map[string]any) (<-chan any, error)
)

// stub is a schema whose root fields are answered by functions. It does what
// generated code does around them, and nothing below them.
type stub struct {
	resolvers map[string]resolver
	sources   map[string]source
	schema    *ast.Schema
	computes  func(ctx context.Context) any // what an event is that was read
}

func newStub() *stub {
	hello := func(context.Context, map[string]any) (any, error) { return "world", nil }
	return &stub{
		resolvers: map[string]resolver{"hello": hello, "touch": hello, "other": hello},
		sources:   map[string]source{},
		schema:    gqlparser.MustLoadSchema(&ast.Source{Name: "stub.graphqls", Input: sdl}),
	}
}

func (s *stub) Schema() *ast.Schema { return s.schema }

func (s *stub) Complexity(context.Context, string, string, int, map[string]any) (int, bool) {
	return 0, false
}

func (s *stub) Exec(ctx context.Context) graphql.ResponseHandler {
	op := graphql.GetOperationContext(ctx)
	fields := graphql.CollectFields(op, op.Operation.SelectionSet, nil)
	if op.Operation.Operation == ast.Subscription {
		return s.subscribe(ctx, op, fields[0])
	}
	done := false
	return func(ctx context.Context) *graphql.Response {
		if done {
			return nil
		}
		done = true
		return s.answer(ctx, op, fields)
	}
}

// answer resolves the fields one by one. An error makes all of data null.
func (s *stub) answer(ctx context.Context, op *graphql.OperationContext, fields []graphql.CollectedField) *graphql.Response {
	data := map[string]any{}
	for _, field := range fields {
		ctx := graphql.WithPathContext(ctx, graphql.NewPathWithField(field.Alias))
		value, err := s.resolve(ctx, op, field)
		if err != nil {
			graphql.AddError(ctx, err)
			return &graphql.Response{Data: []byte("null")}
		}
		data[field.Alias] = value
	}
	text, _ := json.Marshal(data)
	return &graphql.Response{Data: text}
}

func (s *stub) resolve(ctx context.Context, op *graphql.OperationContext, field graphql.CollectedField) (value any, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = op.Recover(ctx, v)
		}
	}()
	if field.Name == "__typename" {
		return field.ObjectDefinition.Name, nil
	}
	if resolve := s.resolvers[field.Name]; resolve != nil {
		return resolve(ctx, field.ArgumentMap(op.Variables))
	}
	return nil, nil
}

// marked is an event that says what it is about, or the error that comes in place of one.
type marked struct {
	eventmark.Mark

	value any
	end   error
}

// reading is an event that has to be read first.
type reading = func(ctx context.Context) (found bool, err error)

func (s *stub) subscribe(start context.Context, op *graphql.OperationContext, field graphql.CollectedField) graphql.ResponseHandler {
	events, err := s.sources[field.Name](start, field.ArgumentMap(op.Variables))
	if err != nil {
		graphql.AddError(start, err)
		return func(context.Context) *graphql.Response { return nil }
	}
	return func(ctx context.Context) *graphql.Response {
		select {
		case event, ok := <-events:
			if !ok {
				return nil
			}
			if read, ok := event.(reading); ok {
				answer := eventmark.Next(start)
				if answer.Err = answer.Read(start, read); answer.Err != nil {
					return nil
				}
				event = s.computes(ctx)
			}
			if m, ok := event.(marked); ok {
				answer := eventmark.Next(start)
				if answer.Mark, answer.Err, event = m.Mark, m.end, m.value; m.end != nil {
					return nil
				}
			}
			if resolve, ok := event.(func(context.Context) any); ok {
				event = resolve(ctx)
			}
			text, _ := json.Marshal(map[string]any{field.Alias: event})
			return &graphql.Response{Data: text}
		case <-ctx.Done():
			return nil
		}
	}
}

// serve serves a transport on the loopback until the test ends.
func serve(t *testing.T, o transport.Options) (tr *transport.Transport, url string) {
	t.Helper()
	if o.Schema == nil {
		o.Schema = newStub()
	}
	tr = transport.New(o)
	server := httptest.NewServer(behindEdge(tr, o.Limits))
	t.Cleanup(server.Close)
	t.Cleanup(func() {
		// A test may have shut it down already: that is harmless.
		if err := tr.Shutdown(context.Background()); err != nil {
			t.Errorf("shut down: %v", err)
		}
	})
	return tr, server.URL
}

// behindEdge serves a handler as the program does: within the limits of time.
func behindEdge(h http.Handler, l transport.Limits) http.Handler {
	if l == (transport.Limits{}) {
		l = transport.DefaultLimits()
	}
	return httpserver.New(httpserver.Options{
		Handler: h, BodyTime: l.Read, AnswerTime: l.Write, Now: time.Now, Logger: slog.New(slog.DiscardHandler),
		Panicked: func(_ context.Context, thrown any) { panic(thrown) },
	})
}

// reply is what came back for a request.
type reply struct {
	status int
	header http.Header
	body   string
}

// code returns the code of the first error, or nothing.
func (r reply) code() string {
	var body struct {
		Errors []struct {
			Extensions struct{ Code string }
		}
	}
	if err := json.Unmarshal([]byte(r.body), &body); err != nil || len(body.Errors) == 0 {
		return ""
	}
	return body.Errors[0].Extensions.Code
}

// ask sends a request; headers are written "Name: value".
func ask(t *testing.T, method, url, body string, headers ...string) reply {
	t.Helper()
	return do(t, request(t, method, url, strings.NewReader(body), headers...))
}

func request(t *testing.T, method, url string, body io.Reader, headers ...string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		r.Header.Del(name)
		if value != "" {
			r.Header.Set(name, value)
		}
	}
	return r
}

func do(t *testing.T, r *http.Request) reply {
	t.Helper()
	// What asks whether to continue is not sent before the answer: a refusal cannot cross the body on its way.
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, ExpectContinueTimeout: time.Minute}}
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var text bytes.Buffer
	if _, err := text.ReadFrom(resp.Body); err != nil {
		t.Fatal(err)
	}
	return reply{status: resp.StatusCode, header: resp.Header, body: text.String()}
}

// query is the body of a request with nothing but a document.
func query(document string) string {
	body, _ := json.Marshal(map[string]string{"query": document})
	return string(body)
}
