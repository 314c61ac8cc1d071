package transport_test

import (
	"bufio"
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"petitiond/server/transport"
)

const events = "Accept: text/event-stream"

// endless is a source that says when it began and when it was given up.
func endless(began, ended chan<- struct{}) source {
	return func(ctx context.Context, _ map[string]any) (<-chan any, error) {
		context.AfterFunc(ctx, func() { close(ended) })
		close(began)
		return make(chan any), nil
	}
}

// flood is a source that sends more than any buffer holds until it is given up.
func flood(ended chan<- struct{}) source {
	return func(ctx context.Context, _ map[string]any) (<-chan any, error) {
		events := make(chan any)
		go func() {
			defer close(ended)
			for {
				select {
				case events <- strings.Repeat("x", 512<<10):
				case <-ctx.Done():
					return
				}
			}
		}()
		return events, nil
	}
}

func TestEvents(t *testing.T) {
	t.Parallel()
	schema := whoami()
	schema.sources["signatureCount"] = func(_ context.Context, args map[string]any) (<-chan any, error) {
		switch args["petitionId"] {
		case "none":
			return nil, &gqlerror.Error{Message: "No such petition.", Extensions: map[string]any{"code": "NOT_FOUND"}}
		case "broken":
			return nil, errors.New("secret")
		}
		return sent(map[string]any{"total": 1}, map[string]any{"total": 2}), nil
	}
	_, server := serve(t, transport.Options{Schema: schema, Authenticate: known})
	watch := func(id string) string {
		return query(`subscription { signatureCount(petitionId: "` + id + `") { total } }`)
	}
	tests := []struct {
		name, method, path, body string
		headers                  []string
		status                   int
		want                     []string // lines, in this order
	}{
		{
			name: "Subscription", method: "POST", body: watch("a"), headers: []string{events}, status: 200,
			want: []string{`event: next`, `data: {"data":{"signatureCount":{"total":1}}}`, `data: {"data":{"signatureCount":{"total":2}}}`, `event: complete`, `data:`},
		},
		{
			name: "Get", method: "GET", path: "?" + url.Values{"query": {"subscription { hello }"}}.Encode(), headers: []string{events}, status: 200,
			want: []string{`data: {"data":{"hello":null}}`, `event: complete`},
		},
		{
			name: "Credential", method: "POST", body: query("subscription { hello }"), headers: []string{events, "Authorization: Bearer good"}, status: 200,
			want: []string{`data: {"data":{"hello":"admin"}}`, `event: complete`},
		},
		{
			name: "Query", method: "POST", body: hello, headers: []string{events}, status: 200,
			want: []string{`data: {"data":{"hello":null}}`, `event: complete`},
		},
		{
			name: "QueryWhereJSONWouldDo", method: "POST", body: hello, headers: []string{events + ", application/json"}, status: 200,
			want: []string{`{"data":{"hello":null}}`},
		},
		{
			name: "NotFound", method: "POST", body: watch("none"), headers: []string{events}, status: 200,
			want: []string{`event: next`, `data: {"errors":[{"message":"No such petition.","extensions":{"code":"NOT_FOUND"}}]}`, `event: complete`},
		},
		{
			name: "Broken", method: "POST", body: watch("broken"), headers: []string{events, "X-Request-ID: abc"}, status: 200,
			want: []string{`event: next`, `"code":"INTERNAL","requestId":"`, `event: complete`},
		},
		{name: "Invalid", method: "POST", body: query("subscription { nope }"), headers: []string{events}, status: 200, want: []string{"event: next", "GRAPHQL_VALIDATION_FAILED", "event: complete"}},
		{name: "Unauthenticated", method: "POST", body: query("subscription { hello }"), headers: []string{events, "Authorization: Bearer bad"}, status: 401, want: []string{"UNAUTHENTICATED"}},
		{name: "GetMutation", method: "GET", path: "?query=mutation{touch}", headers: []string{events}, status: 405, want: []string{"METHOD_NOT_ALLOWED"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got := ask(t, test.method, server+test.path, test.body, test.headers...)
			if got.status != test.status {
				t.Errorf("status %d, want %d", got.status, test.status)
			}
			rest := got.body
			for _, line := range test.want {
				_, after, found := strings.Cut(rest, line)
				if !found {
					t.Errorf("want %s, next in: %s", line, got.body)
				}
				rest = after
			}
			stream := strings.HasPrefix(got.header.Get("Content-Type"), "text/event-stream")
			if stream != strings.Contains(got.body, "event: ") {
				t.Errorf("Content-Type %q of: %s", got.header.Get("Content-Type"), got.body)
			}
		})
	}
}

// listen opens a stream and returns its lines.
func listen(t *testing.T, ctx context.Context, server, document string, headers ...string) <-chan string {
	t.Helper()
	headers = append(headers, events)
	return stream(t, request(t, http.MethodPost, server, strings.NewReader(query(document)), headers...).WithContext(ctx))
}

// stream returns the lines of an answer as they come.
func stream(t *testing.T, r *http.Request) <-chan string {
	t.Helper()
	lines := make(chan string)
	go func() {
		defer close(lines)
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		resp, err := client.Do(r)
		if err != nil {
			t.Errorf("open a stream: %v", err)
			return
		}
		defer func() { _ = resp.Body.Close() }()
		for scanner := bufio.NewScanner(resp.Body); scanner.Scan(); {
			select {
			case lines <- scanner.Text():
			case <-t.Context().Done():
				return
			}
		}
	}()
	return lines
}

func TestClientLeavesStream(t *testing.T) {
	t.Parallel()
	began, ended := make(chan struct{}), make(chan struct{})
	schema := newStub()
	schema.sources["hello"] = endless(began, ended)
	_, server := serve(t, transport.Options{Schema: schema})
	ctx, leave := context.WithCancel(t.Context())
	lines := listen(t, ctx, server, "subscription { hello }")
	<-lines
	<-began
	leave()
	<-ended
	for range lines {
	}
}

// A client that is told complete does not come back.
func TestShutdownCutsStreams(t *testing.T) {
	t.Parallel()
	began, ended := make(chan struct{}), make(chan struct{})
	schema := newStub()
	schema.sources["hello"] = endless(began, ended)
	tr, server := serve(t, transport.Options{Schema: schema})
	lines := listen(t, t.Context(), server, "subscription { hello }")
	<-began
	if err := tr.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	<-ended
	var last []string
	for line := range lines {
		if line != "" {
			last = append(last, line)
		}
	}
	if diff := cmp.Diff([]string{":"}, last); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}

	late := ask(t, http.MethodPost, server, query("subscription { hello }"), events)
	if late.status != http.StatusServiceUnavailable || late.code() != "UNAVAILABLE" || late.header.Get("Retry-After") == "" {
		t.Errorf("a late subscription got %d: %s", late.status, late.body)
	}
	if got := ask(t, http.MethodPost, server, hello); got.status != http.StatusOK {
		t.Errorf("a late query got %d: %s", got.status, got.body)
	}
}

func TestShutdownGivesUp(t *testing.T) {
	t.Parallel()
	stuck, began := make(chan struct{}), make(chan struct{})
	schema := newStub()
	schema.sources["hello"] = func(context.Context, map[string]any) (<-chan any, error) {
		close(began)
		<-stuck
		return sent(), nil
	}
	tr, server := serve(t, transport.Options{Schema: schema})
	lines := listen(t, t.Context(), server, "subscription { hello }")
	<-began
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := tr.Shutdown(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("error = %v, want that the context ended", err)
	}
	close(stuck)
	for range lines {
	}
}

func TestIdleStreamGivesSignsOfLife(t *testing.T) {
	t.Parallel()
	limits := transport.DefaultLimits()
	limits.Ping = time.Millisecond
	began, ended := make(chan struct{}), make(chan struct{})
	schema := newStub()
	schema.sources["hello"] = endless(began, ended)
	_, server := serve(t, transport.Options{Schema: schema, Limits: limits})
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	lines := listen(t, ctx, server, "subscription { hello }")
	for range 3 { // the first opens the stream
		if line := <-lines; line != ":" {
			t.Errorf("got %q, want a comment", line)
		}
		<-lines
	}
	leave()
	for range lines {
	}
}

// A client that reads nothing is given up once its deadline has passed.
func TestStreamThatNobodyReads(t *testing.T) {
	t.Parallel()
	limits := transport.DefaultLimits()
	limits.Event = 50 * time.Millisecond
	ended := make(chan struct{})
	schema := newStub()
	schema.sources["hello"] = flood(ended)
	_, server := serve(t, transport.Options{Schema: schema, Limits: limits})
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(request(t, http.MethodPost, server, strings.NewReader(query("subscription { hello }")), events))
	if err != nil {
		t.Fatal(err)
	}
	<-ended
	_ = resp.Body.Close()
}
