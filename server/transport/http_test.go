package transport_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"petitiond/server/transport"
)

const hello = `{"query":"{ hello }"}`

func TestHTTP(t *testing.T) {
	t.Parallel()
	_, server := serve(t, transport.Options{Introspection: true})
	get := func(values ...string) string {
		q := url.Values{}
		for i := 0; i < len(values); i += 2 {
			q.Add(values[i], values[i+1])
		}
		return "?" + q.Encode()
	}
	const modern = "Accept: application/graphql-response+json"
	tests := []struct {
		name    string
		method  string // POST
		path    string
		body    string
		headers []string
		status  int
		code    string
	}{
		{name: "Post", body: hello, status: 200},
		{name: "AllMembers", body: `{"query":"query A { hello } query B { hello }","operationName":"B","variables":{},"extensions":{}}`, status: 200},
		{name: "NullMembers", body: `{"query":"{ hello }","operationName":null,"variables":null,"extensions":null}`, status: 200},
		{name: "Charset", body: hello, headers: []string{"Content-Type: application/json; charset=UTF-8"}, status: 200},
		{name: "Mutation", body: query("mutation { touch }"), status: 200},
		{name: "Get", method: "GET", path: get("query", "{ hello }"), status: 200},
		{name: "GetVariables", method: "GET", path: get("query", "query($n: String) { hello(name: $n) }", "variables", `{"n":"a"}`), status: 200},
		{name: "GetOtherParameters", method: "GET", path: get("query", "{ hello }", "utm", "1"), status: 200},

		{name: "OtherCharset", body: hello, headers: []string{"Content-Type: application/json; charset=latin1"}, status: 415, code: "UNSUPPORTED_MEDIA_TYPE"},
		{name: "NoContentType", body: hello, headers: []string{"Content-Type: "}, status: 415, code: "UNSUPPORTED_MEDIA_TYPE"},
		{name: "Text", body: hello, headers: []string{"Content-Type: text/plain"}, status: 415, code: "UNSUPPORTED_MEDIA_TYPE"},
		{name: "Form", body: "query={hello}", headers: []string{"Content-Type: application/x-www-form-urlencoded"}, status: 415, code: "UNSUPPORTED_MEDIA_TYPE"},
		{name: "Multipart", body: "--x--", headers: []string{"Content-Type: multipart/form-data; boundary=x"}, status: 415, code: "UNSUPPORTED_MEDIA_TYPE"},
		{name: "Compressed", body: hello, headers: []string{"Content-Encoding: gzip"}, status: 415, code: "UNSUPPORTED_MEDIA_TYPE"},
		{name: "Identity", body: hello, headers: []string{"Content-Encoding: identity"}, status: 200},

		{name: "EmptyBody", status: 400, code: "BAD_REQUEST"},
		{name: "NotJSON", body: `{"query":`, status: 400, code: "BAD_REQUEST"},
		{name: "Trailing", body: hello + hello, status: 400, code: "BAD_REQUEST"},
		{name: "TrailingComma", body: `{"query":"{ hello }",}`, status: 400, code: "BAD_REQUEST"},
		{name: "Batch", body: "[" + hello + "]", status: 400, code: "BAD_REQUEST"},
		{name: "JSONString", body: `"{ hello }"`, status: 400, code: "BAD_REQUEST"},
		{name: "NotUTF8", body: "{\"query\":\"{ hello(name: \\\"\xff\\\") }\"}", status: 400, code: "BAD_REQUEST"},
		{name: "MemberTwice", body: `{"query":"{ hello }","query":"{ hello }"}`, status: 400, code: "BAD_REQUEST"},
		{name: "MemberUnknown", body: `{"query":"{ hello }","id":"1"}`, status: 200},
		{name: "MembersUnknown", body: `{"id":null,"query":"{ hello }","client":{"name":"ios","tags":["a",1]},"":0,"q":1,"quer":"{ nope }","__proto__":{}}`, status: 200},
		{name: "MemberUnknownLargest", body: `{"query":"{ hello }","note":"` + strings.Repeat("x", 4<<10-6) + `"}`, status: 200},
		{name: "MemberUnknownTooLarge", body: `{"query":"{ hello }","note":"` + strings.Repeat("x", 4<<10-5) + `"}`, status: 400, code: "BAD_REQUEST"},
		{name: "MembersUnknownTooLarge", body: `{"query":"{ hello }","a":"` + strings.Repeat("x", 3<<10) + `","b":"` + strings.Repeat("x", 3<<10) + `"}`, status: 400, code: "BAD_REQUEST"},
		{name: "MemberLikeQuery", body: `{"query":"{ hello }","queryText":"{ hello }"}`, status: 400, code: "BAD_REQUEST"},
		{name: "MemberLikeVariables", body: `{"query":"{ hello }","variablesJSON":"{}"}`, status: 400, code: "BAD_REQUEST"},
		{name: "MemberLikeExtensions", body: `{"query":"{ hello }","EXTENSIONS":{}}`, status: 400, code: "BAD_REQUEST"},
		{name: "MemberLikeOperationName", body: `{"query":"{ hello }","operationname":"A"}`, status: 400, code: "BAD_REQUEST"},
		{name: "MemberLikeDocumentID", body: `{"query":"{ hello }","documentID":"A"}`, status: 400, code: "BAD_REQUEST"},
		{name: "ByteOrderMark", body: "\ufeff" + hello, status: 200},
		{name: "ByteOrderMarkInDocument", body: query("\ufeff{ hello }"), status: 200},
		{name: "ByteOrderMarkTwice", body: "\ufeff\ufeff" + hello, status: 400, code: "BAD_REQUEST"},
		{name: "ByteOrderMarkAlone", body: "\ufeff", status: 400, code: "BAD_REQUEST"},
		{name: "GetByteOrderMark", method: "GET", path: get("query", "\ufeffquery($n: String) { hello(name: $n) }", "variables", "\ufeff{\"n\":\"a\"}"), status: 200},
		{name: "TypenameInMutation", body: query("mutation { __typename touch }"), status: 200},
		{name: "TypenameInMutationByFragment", body: query("mutation { touch ...F } fragment F on Mutation { kind: __typename }"), status: 200},
		{name: "TypenameAlone", body: query("mutation { __typename }"), status: 200},
		{name: "MutationOfTwo", body: query("mutation { __typename touch other }"), status: 200, code: "LIMIT_EXCEEDED"},
		{name: "MutationOfTwoByAlias", body: query("mutation { a: touch b: touch }"), status: 200, code: "LIMIT_EXCEEDED"},
		{name: "MutationOfTwoByFragment", body: query("mutation { ...F other } fragment F on Mutation { __typename touch }"), status: 200, code: "LIMIT_EXCEEDED"},
		{name: "GetMutationWithTypename", method: "GET", path: get("query", "mutation { __typename touch }"), status: 405, code: "METHOD_NOT_ALLOWED"},
		{name: "MemberOtherCase", body: `{"Query":"{ hello }"}`, status: 400, code: "BAD_REQUEST"},
		{name: "NoQuery", body: `{}`, status: 400, code: "BAD_REQUEST"},
		{name: "NullQuery", body: `{"query":null}`, status: 400, code: "BAD_REQUEST"},
		{name: "QueryObject", body: `{"query":{}}`, status: 400, code: "BAD_REQUEST"},
		{name: "VariablesString", body: `{"query":"{ hello }","variables":"{}"}`, status: 400, code: "BAD_REQUEST"},
		{name: "VariablesList", body: `{"query":"{ hello }","variables":[{}]}`, status: 400, code: "BAD_REQUEST"},
		{name: "ExtensionsList", body: `{"query":"{ hello }","extensions":[null]}`, status: 400, code: "BAD_REQUEST"},
		{name: "EmptyLists", body: `{"query":"{ hello }","variables":[],"extensions":[ ]}`, status: 200},
		{name: "ExtensionsNumber", body: `{"query":"{ hello }","extensions":7}`, status: 400, code: "BAD_REQUEST"},
		{name: "OperationNameNumber", body: `{"query":"{ hello }","operationName":7}`, status: 400, code: "BAD_REQUEST"},
		{name: "TooDeep", body: `{"query":"{ hello }","variables":{"a":` + strings.Repeat("[", 31) + strings.Repeat("]", 31) + `}}`, status: 400, code: "BAD_REQUEST"},
		{name: "DeepEnough", body: `{"query":"{ hello }","variables":{"a":` + strings.Repeat("[", 30) + strings.Repeat("]", 30) + `}}`, status: 200},
		{name: "TooLarge", body: `{"query":"` + strings.Repeat("#", 1<<20) + `"}`, headers: []string{"Expect: 100-continue"}, status: 413, code: "PAYLOAD_TOO_LARGE"},
		{name: "ManyValues", body: `{"query":"{ hello }","variables":{"a":[` + strings.Repeat("0,", 40_000) + `0]}}`, status: 400, code: "BAD_REQUEST"},

		{name: "GetNoQuery", method: "GET", status: 400, code: "BAD_REQUEST"},
		{name: "GetTwice", method: "GET", path: get("query", "{ hello }", "query", "{ hello }"), status: 400, code: "BAD_REQUEST"},
		{name: "GetBadVariables", method: "GET", path: get("query", "{ hello }", "variables", "{"), status: 400, code: "BAD_REQUEST"},
		{name: "GetVariablesString", method: "GET", path: get("query", "{ hello }", "variables", `"a"`), status: 400, code: "BAD_REQUEST"},
		{name: "GetBadEscape", method: "GET", path: "?query=%zz", status: 400, code: "BAD_REQUEST"},
		{name: "GetMutation", method: "GET", path: get("query", "mutation { touch }"), status: 405, code: "METHOD_NOT_ALLOWED"},
		{name: "GetSubscription", method: "GET", path: get("query", "subscription { hello }"), status: 406, code: "BAD_REQUEST"},
		{name: "PostSubscription", body: query("subscription { hello }"), status: 406, code: "BAD_REQUEST"},
		{name: "Patch", method: "PATCH", body: hello, status: 405, code: "METHOD_NOT_ALLOWED"},
		{name: "DeleteNothing", method: "DELETE", status: 404, code: "NOT_FOUND"},
		{name: "NotAcceptable", body: hello, headers: []string{"Accept: text/html"}, status: 406, code: "BAD_REQUEST"},

		{name: "SyntaxError", body: query("{ hello"), status: 200, code: "GRAPHQL_PARSE_FAILED"},
		{name: "SyntaxErrorModern", body: query("{ hello"), headers: []string{modern}, status: 400, code: "GRAPHQL_PARSE_FAILED"},
		{name: "OnlyFragments", body: query("fragment F on Query { hello }"), headers: []string{modern}, status: 400, code: "GRAPHQL_PARSE_FAILED"},
		{name: "Invalid", body: query("{ nope }"), status: 200, code: "GRAPHQL_VALIDATION_FAILED"},
		{name: "InvalidModern", body: query("{ nope }"), headers: []string{modern}, status: 400, code: "GRAPHQL_VALIDATION_FAILED"},
		{name: "BadVariable", body: `{"query":"query($n: Int!) { count(in: $n) }","variables":{"n":"1"}}`, status: 200, code: "GRAPHQL_VALIDATION_FAILED"},
		{name: "BadVariableModern", body: `{"query":"query($n: Int!) { count(in: $n) }","variables":{"n":"1"}}`, headers: []string{modern}, status: 400, code: "GRAPHQL_VALIDATION_FAILED"},
		{name: "NoSuchOperation", body: `{"query":"query A { hello }","operationName":"B"}`, headers: []string{modern}, status: 400, code: "GRAPHQL_VALIDATION_FAILED"},
		{name: "WhichOperation", body: query("query A { hello } query B { hello }"), headers: []string{modern}, status: 400, code: "GRAPHQL_VALIDATION_FAILED"},
		{name: "Limit", body: query("{ hello " + strings.Repeat("#", 16<<10) + "\n}"), headers: []string{modern}, status: 400, code: "LIMIT_EXCEEDED"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			method := test.method
			if method == "" {
				method = http.MethodPost
			}
			got := ask(t, method, server+test.path, test.body, test.headers...)
			if got.status != test.status || got.code() != test.code {
				t.Errorf("got %d %q, want %d %q: %s", got.status, got.code(), test.status, test.code, got.body)
			}
			if executed := strings.Contains(got.body, `"data"`); executed != (test.code == "") {
				t.Errorf("has data: %v, with code %q: %s", executed, test.code, got.body)
			}
		})
	}
}

func TestHeaders(t *testing.T) {
	t.Parallel()
	_, server := serve(t, transport.Options{})
	tests := []struct {
		name, method, body string
		headers            []string
		want               map[string]string
	}{
		{name: "Plain", method: "POST", body: hello, want: map[string]string{
			"Content-Type": "application/json; charset=utf-8", "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store",
		}},
		{name: "Modern", method: "POST", body: hello, headers: []string{"Accept: application/graphql-response+json"}, want: map[string]string{
			"Content-Type": "application/graphql-response+json; charset=utf-8",
		}},
		{name: "RequestID", method: "POST", body: hello, headers: []string{"X-Request-ID: a.B_9-"}, want: map[string]string{"X-Request-ID": "a.B_9-"}},
		{name: "Mutation", method: "GET", headers: []string{"Accept: application/json"}, want: map[string]string{"Content-Type": "application/json; charset=utf-8"}},
		{name: "OtherMethod", method: "PATCH", want: map[string]string{"Allow": "GET, HEAD, POST, PUT, DELETE, OPTIONS"}},
		{name: "Options", method: "OPTIONS", want: map[string]string{"Allow": "GET, HEAD, POST, PUT, DELETE, OPTIONS"}},
		{name: "Unauthenticated", method: "POST", body: hello, headers: []string{"Authorization: Bearer x"}, want: map[string]string{"WWW-Authenticate": "Bearer"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got := ask(t, test.method, server, test.body, test.headers...)
			for name, want := range test.want {
				if diff := cmp.Diff(want, got.header.Get(name)); diff != "" {
					t.Errorf("%s (-want +got):\n%s", name, diff)
				}
			}
		})
	}
}

func TestAllowOfMutation(t *testing.T) {
	t.Parallel()
	_, server := serve(t, transport.Options{})
	got := ask(t, http.MethodGet, server+"?query=mutation{touch}", "")
	if diff := cmp.Diff("POST", got.header.Get("Allow")); diff != "" {
		t.Errorf("Allow (-want +got):\n%s", diff)
	}
}

func TestRequestID(t *testing.T) {
	t.Parallel()
	_, server := serve(t, transport.Options{})
	for _, id := range []string{"", "two words", "naïve", strings.Repeat("a", 65), "a/b", `a"b`} {
		got := ask(t, http.MethodPost, server, hello, "X-Request-ID: "+id).header.Get("X-Request-ID")
		if got == id || len(got) < 16 {
			t.Errorf("id %q became %q, want one that was made here", id, got)
		}
	}
}

func TestChunkedBodyIsLimited(t *testing.T) {
	t.Parallel()
	_, server := serve(t, transport.Options{})
	// By few bytes: what is sent to a connection that is closed already may cost the client the answer.
	endless := io.MultiReader(strings.NewReader(`{"query":"`), strings.NewReader(strings.Repeat("#", int(transport.DefaultLimits().Body))))
	got := do(t, request(t, http.MethodPost, server, endless))
	if got.status != http.StatusRequestEntityTooLarge {
		t.Errorf("status %d, want 413", got.status)
	}
	small := do(t, request(t, http.MethodPost, server, iotest.OneByteReader(strings.NewReader(hello))))
	if small.status != http.StatusOK {
		t.Errorf("status %d for a small chunked body, want 200", small.status)
	}
}

func TestSlowBody(t *testing.T) {
	t.Parallel()
	limits := transport.DefaultLimits()
	limits.Read = 20 * time.Millisecond
	_, server := serve(t, transport.Options{Limits: limits})
	slow, end := io.Pipe()
	t.Cleanup(func() { _ = end.Close() })
	go func() { _, _ = io.WriteString(end, `{"query":`) }()
	got := do(t, request(t, http.MethodPost, server, slow))
	if got.status != http.StatusRequestTimeout {
		t.Errorf("status %d, want 408", got.status)
	}
}

func TestErrorsRepeatNothing(t *testing.T) {
	t.Parallel()
	_, server := serve(t, transport.Options{})
	const canary = "canary@example.org"
	bodies := map[string]string{
		"Body":          canary,
		"Member":        `{"` + canary + `":1}`,
		"Query":         `{"query":` + canary + `}`,
		"Syntax":        query(`{ hello("` + canary + `") }`),
		"Escape":        query(`{ hello(name: "\q` + canary + `") }`),
		"Unterminated":  query(`{ hello(name: "` + canary),
		"Int":           query(`{ count(in: "` + canary + `") }`),
		"Enum":          query(`{ colour(in: "` + canary + `") }`),
		"Variable":      `{"query":"query($n: Int!) { count(in: $n) }","variables":{"n":"` + canary + `"}}`,
		"EnumVariable":  `{"query":"query($c: Colour!) { colour(in: $c) }","variables":{"c":"` + canary + `"}}`,
		"OperationName": `{"query":"{ hello }","operationName":"` + canary + `"}`,
	}
	for name, body := range bodies {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := ask(t, http.MethodPost, server, body)
			if got.code() == "" || strings.Contains(got.body, "canary") {
				t.Errorf("want an error without the value: %s", got.body)
			}
		})
	}
}

func TestExecutionErrors(t *testing.T) {
	t.Parallel()
	withCode := func(code string, extensions map[string]any) error {
		if extensions == nil {
			extensions = map[string]any{}
		}
		extensions["code"] = code
		return &gqlerror.Error{Message: "no", Extensions: extensions}
	}
	tests := []struct {
		name   string
		err    error
		status int
		code   string
		retry  string
	}{
		{name: "Unknown", err: errors.New("secret of the database"), status: 500, code: "INTERNAL"},
		{name: "NotFound", err: withCode("NOT_FOUND", nil), status: 200, code: "NOT_FOUND"},
		{name: "Forbidden", err: withCode("FORBIDDEN", nil), status: 200, code: "FORBIDDEN"},
		{name: "RateLimited", err: withCode("RATE_LIMITED", map[string]any{"retryAfterSeconds": 30}), status: 429, code: "RATE_LIMITED", retry: "30"},
		{name: "Unavailable", err: withCode("UNAVAILABLE", nil), status: 503, code: "UNAVAILABLE", retry: "1"},
		{name: "OutcomeUnknown", err: withCode("OUTCOME_UNKNOWN", nil), status: 503, code: "OUTCOME_UNKNOWN", retry: "1"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			schema := newStub()
			schema.resolvers["hello"] = func(context.Context, map[string]any) (any, error) { return nil, test.err }
			_, server := serve(t, transport.Options{Schema: schema})
			got := ask(t, http.MethodPost, server, hello, "X-Request-ID: abc")
			if got.status != test.status || got.code() != test.code || got.header.Get("Retry-After") != test.retry {
				t.Errorf("got %d %s, Retry-After %q, want %+v", got.status, got.code(), got.header.Get("Retry-After"), test)
			}
			if strings.Contains(got.body, "secret") || !strings.Contains(got.body, `"data":null`) || !strings.Contains(got.body, `"path":["hello"]`) {
				t.Errorf("body: %s", got.body)
			}
			if told := strings.Contains(got.body, `"requestId":"abc"`); told != (test.code == "INTERNAL") {
				t.Errorf("request id told: %v: %s", told, got.body)
			}
		})
	}
}

func TestTimeout(t *testing.T) {
	t.Parallel()
	limits := transport.DefaultLimits()
	limits.Operation = time.Millisecond
	schema := newStub()
	slow := func(ctx context.Context, _ map[string]any) (any, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	schema.resolvers["hello"], schema.resolvers["touch"] = slow, slow
	_, server := serve(t, transport.Options{Schema: schema, Limits: limits})
	got := ask(t, http.MethodPost, server, hello)
	if got.status != http.StatusGatewayTimeout || got.code() != "TIMEOUT" || !strings.Contains(got.body, `"path":["hello"]`) {
		t.Errorf("got %d: %s", got.status, got.body)
	}
	got = ask(t, http.MethodPost, server, `{"query":"mutation { touch }"}`)
	if got.status != http.StatusServiceUnavailable || got.code() != "OUTCOME_UNKNOWN" || got.header.Get("Retry-After") != "1" {
		t.Errorf("a mutation: got %d: %s", got.status, got.body)
	}
}

func TestAroundIsCalledForEachAnswer(t *testing.T) {
	t.Parallel()
	type key struct{}
	calls := 0
	schema := newStub()
	schema.resolvers["hello"] = func(ctx context.Context, _ map[string]any) (any, error) { return ctx.Value(key{}), nil }
	_, server := serve(t, transport.Options{Schema: schema, Around: func(ctx context.Context) context.Context {
		calls++
		return context.WithValue(ctx, key{}, calls)
	}})
	for _, want := range []string{`{"data":{"hello":1}}`, `{"data":{"hello":2}}`} {
		if diff := cmp.Diff(want, ask(t, http.MethodPost, server, hello).body); diff != "" {
			t.Errorf("body (-want +got):\n%s", diff)
		}
	}
}

func TestAroundIsCalledForEachEvent(t *testing.T) {
	t.Parallel()
	type key struct{}
	calls := 0
	schema := newStub()
	schema.sources["hello"] = func(ctx context.Context, _ map[string]any) (<-chan any, error) {
		call := func(ctx context.Context) any { return ctx.Value(key{}) }
		return sent(ctx.Value(key{}), call, call), nil
	}
	_, server := serve(t, transport.Options{Schema: schema, Around: func(ctx context.Context) context.Context {
		calls++
		return context.WithValue(ctx, key{}, calls)
	}})
	got := ask(t, http.MethodPost, server, query("subscription { hello }"), "Accept: text/event-stream").body
	values := regexp.MustCompile(`"hello":\d+`).FindAllString(got, -1)
	// The first value was seen at the start; its own event had the second call.
	if diff := cmp.Diff([]string{`"hello":1`, `"hello":3`, `"hello":4`}, values); diff != "" {
		t.Errorf("values (-want +got):\n%s\n%s", diff, got)
	}
}

func TestVariablesReachResolvers(t *testing.T) {
	t.Parallel()
	schema := newStub()
	schema.resolvers["count"] = func(_ context.Context, args map[string]any) (any, error) { return args["in"], nil }
	_, server := serve(t, transport.Options{Schema: schema})
	got := ask(t, http.MethodPost, server, `{"query":"query($n: Int! = 3) { a: count(in: $n) b: count(in: 4) }"}`)
	if diff := cmp.Diff(`{"data":{"a":3,"b":4}}`, got.body); diff != "" {
		t.Errorf("body (-want +got):\n%s", diff)
	}
}

// A body is refused for the length that its header tells: none of it comes.
func TestLengthIsJudgedFirst(t *testing.T) {
	t.Parallel()
	_, server := serve(t, transport.Options{})
	never, end := io.Pipe()
	t.Cleanup(func() { _ = end.Close() })
	r := request(t, http.MethodPost, server, never)
	r.ContentLength = transport.DefaultLimits().Body + 1
	if got := do(t, r); got.status != http.StatusRequestEntityTooLarge {
		t.Errorf("status %d, want 413", got.status)
	}
}

// The deadlines of one request must neither stop its own operation nor reach
// the next request on the same connection. They are the kernel's, so time has to pass for real.
func TestDeadlinesEnd(t *testing.T) {
	t.Parallel()
	limits := transport.DefaultLimits()
	limits.Write, limits.Read = 500*time.Millisecond, 500*time.Millisecond
	schema := newStub()
	schema.resolvers["hello"] = func(ctx context.Context, _ map[string]any) (any, error) {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(2 * limits.Read):
			return "done", nil
		}
	}
	mux := http.NewServeMux()
	mux.Handle("POST /graphql", transport.New(transport.Options{Schema: schema, Limits: limits}))
	mux.HandleFunc("POST /page", func(w http.ResponseWriter, _ *http.Request) {
		<-time.After(2 * limits.Write)
		_, _ = io.WriteString(w, `{"data":{"hello":"done"}}`)
	})
	server := httptest.NewServer(behindEdge(mux, limits))
	t.Cleanup(server.Close)
	client := &http.Client{Transport: &http.Transport{MaxConnsPerHost: 1}}
	t.Cleanup(client.CloseIdleConnections)
	for _, path := range []string{"/graphql", "/page"} {
		resp, err := client.Do(request(t, http.MethodPost, server.URL+path, strings.NewReader(hello)))
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if diff := cmp.Diff(`{"data":{"hello":"done"}}`, string(text)); err != nil || diff != "" {
			t.Errorf("%s: %v, (-want +got):\n%s", path, err, diff)
		}
	}
}
