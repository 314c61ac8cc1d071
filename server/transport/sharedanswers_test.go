package transport_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"

	"petitiond/server/responsecache"
	"petitiond/server/transport"
)

const (
	hit    = "petitiond; hit"
	miss   = "petitiond; fwd=miss"
	bypass = "petitiond; fwd=bypass"
)

// counter is a schema whose field hello tells a number that only the test moves, and what it depends on.
type counter struct {
	*stub
	number   atomic.Int64
	computed atomic.Int64
}

var number = responsecache.Topic{Kind: 1}

func newCounter() *counter {
	c := &counter{stub: newStub()}
	c.resolvers["hello"] = func(ctx context.Context, args map[string]any) (any, error) {
		c.computed.Add(1)
		responsecache.On(ctx, number)
		name, _ := args["name"].(string)
		return fmt.Sprintf("%s%d", name, c.number.Load()), nil
	}
	return c
}

func sharing(schema *counter) transport.Options {
	return transport.Options{
		Schema: schema, ShareAnswers: true, Introspection: true,
		Authenticate: func(ctx context.Context, _ string) (context.Context, error) { return ctx, nil },
	}
}

func TestSharedAnswers(t *testing.T) {
	t.Parallel()
	c := newCounter()
	tr, server := serve(t, sharing(c))
	for i, step := range []struct {
		move    bool // first the number changes
		body    string
		headers []string
		status  string
		want    string
	}{
		{body: query(`{ hello }`), status: miss, want: `"0"`},
		{body: query(`{ hello }`), status: hit, want: `"0"`},
		{body: query(`{ hello }`) + " ", status: hit, want: `"0"`}, // other bytes, the same operation
		{body: query(`query A { hello }`), status: miss, want: `"0"`},
		{body: query(`{ hello(name: "a") }`), status: miss, want: `"a0"`},
		{body: `{"query":"query($n: String) { hello(name: $n) }","variables":{"n":"b"}}`, status: miss, want: `"b0"`},
		{body: `{"variables":{"n":"b"},"query":"query($n: String) { hello(name: $n) }"}`, status: hit, want: `"b0"`},
		{body: `{"query":"query($n: String) { hello(name: $n) }","variables":{"n":"c"}}`, status: miss, want: `"c0"`},
		{body: query(`{ hello }`), headers: []string{"Authorization: Bearer x"}, status: bypass, want: `"0"`},
		{body: query(`{ hello }`), headers: []string{"X-GraphQL-Cost: report"}, status: bypass, want: `"0"`},
		{body: query(`{ hello }`), headers: []string{"Accept: application/graphql-response+json"}, status: hit, want: `"0"`},
		{move: true, body: query(`{ hello }`), status: miss, want: `"1"`},
		{body: query(`{ hello }`), status: hit, want: `"1"`},
		{body: `{"query":"query($n: String) { hello(name: $n) }","variables":{"n":"b"}}`, status: miss, want: `"b1"`},
		{body: query(`mutation { touch }`), status: "", want: `"world"`},
	} {
		if step.move {
			c.number.Add(1)
			tr.Responses().Drop(number)
		}
		got := ask(t, http.MethodPost, server, step.body, step.headers...)
		if status := got.header.Get("Cache-Status"); status != step.status || !strings.Contains(got.body, step.want) {
			t.Errorf("step %d: %q, %s; want %q, %s", i, status, got.body, step.status, step.want)
		}
		if control := got.header.Get("Cache-Control"); control != "no-store" {
			t.Errorf("step %d: what is posted is answered with Cache-Control %q", i, control)
		}
	}
}

func TestSharedAnswersOff(t *testing.T) {
	t.Parallel()
	c := newCounter()
	_, server := serve(t, transport.Options{Schema: c})
	for range 3 {
		if got := ask(t, http.MethodPost, server, query(`{ hello }`)); got.header.Get("Cache-Status") != bypass {
			t.Errorf("%v", got.header)
		}
	}
	if got := c.computed.Load(); got != 3 {
		t.Errorf("computed %d times", got)
	}
}

// An answer with an error is its caller's alone, with the id of its request.
func TestErrorsAreNotShared(t *testing.T) {
	t.Parallel()
	c := newCounter()
	c.resolvers["hello"] = func(context.Context, map[string]any) (any, error) {
		c.computed.Add(1)
		return nil, errors.New("lost")
	}
	_, server := serve(t, sharing(c))
	for i := range 3 {
		id := fmt.Sprintf("request-%d", i)
		got := ask(t, http.MethodGet, server+"?query={hello}", "", "X-Request-ID: "+id)
		if got.header.Get("Cache-Status") != miss || !strings.Contains(got.body, id) || got.header.Get("Etag") != "" || got.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%v %s", got.header, got.body)
		}
	}
	if got := c.computed.Load(); got != 3 {
		t.Errorf("computed %d times", got)
	}
}

// Many ask the same at once: it is computed once, though the first of them goes away.
func TestJoinedAnswers(t *testing.T) {
	t.Parallel()
	c, begun, more := newCounter(), make(chan struct{}), make(chan struct{})
	c.resolvers["hello"] = func(ctx context.Context, _ map[string]any) (any, error) {
		if c.computed.Add(1) == 1 {
			close(begun)
		}
		select {
		case <-more:
			return "there", nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	tr, server := serve(t, sharing(c))
	leaving, leave := context.WithCancel(t.Context())
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		r := request(t, http.MethodPost, server, strings.NewReader(query(`{ hello }`))).WithContext(leaving)
		if resp, err := http.DefaultClient.Do(r); err == nil {
			_ = resp.Body.Close()
		}
	}()
	<-begun
	leave()
	<-gone
	var crowd sync.WaitGroup
	for range 20 {
		crowd.Go(func() {
			if got := ask(t, http.MethodPost, server, query(`{ hello }`)); !strings.Contains(got.body, "there") {
				t.Errorf("answered %s", got.body)
			}
		})
	}
	for tr.Responses().Stats().Joined < 20 {
	}
	close(more)
	crowd.Wait()
	if got := c.computed.Load(); got != 1 {
		t.Errorf("computed %d times", got)
	}
}

// Many ask the same while the server is full: each is told so, and nobody is told so later.
func TestRefusalsAreNotKept(t *testing.T) {
	t.Parallel()
	c, begun, more := newCounter(), make(chan struct{}), make(chan struct{})
	c.resolvers["hello"] = func(_ context.Context, args map[string]any) (any, error) {
		if args["name"] == "long" {
			close(begun)
			<-more
		}
		return "there", nil
	}
	opt := sharing(c)
	opt.Limits = transport.DefaultLimits()
	opt.Limits.InFlight, opt.Limits.Wait = 1, 2*time.Second
	tr, server := serve(t, opt)
	var crowd sync.WaitGroup
	crowd.Go(func() { ask(t, http.MethodPost, server, query(`{ hello(name: "long") }`)) })
	<-begun
	var refused sync.WaitGroup
	for range 20 {
		refused.Go(func() {
			got := ask(t, http.MethodPost, server, query(`{ hello }`))
			if got.status != http.StatusServiceUnavailable || !strings.Contains(got.body, `"UNAVAILABLE"`) {
				t.Errorf("status %d, body %s", got.status, got.body)
			}
		})
	}
	refused.Wait()
	if joined := tr.Responses().Stats().Joined; joined == 0 {
		t.Error("nobody waited for another's answer")
	}
	close(more)
	crowd.Wait()
	if got := ask(t, http.MethodPost, server, query(`{ hello }`)); !strings.Contains(got.body, "there") {
		t.Errorf("answered %s", got.body)
	}
}

// Who asks after a change was acknowledged sees it, though others are waiting for an answer that was begun before.
func TestDropWhileComputing(t *testing.T) {
	t.Parallel()
	c, begun, more := newCounter(), make(chan struct{}, 2), make(chan struct{})
	c.resolvers["hello"] = func(ctx context.Context, _ map[string]any) (any, error) {
		n := c.number.Load()
		responsecache.On(ctx, number)
		begun <- struct{}{}
		if n == 0 {
			<-more
		}
		return n, nil
	}
	tr, server := serve(t, sharing(c))
	early := make(chan string)
	go func() { early <- ask(t, http.MethodPost, server, query(`{ hello }`)).body }()
	<-begun
	c.number.Add(1)
	tr.Responses().Drop(number)
	if late := ask(t, http.MethodPost, server, query(`{ hello }`)); !strings.Contains(late.body, ":1}") {
		t.Errorf("after the change was answered %s", late.body)
	}
	close(more)
	if got := <-early; !strings.Contains(got, ":0}") {
		t.Errorf("before the change was answered %s", got)
	}
	if again := ask(t, http.MethodPost, server, query(`{ hello }`)); !strings.Contains(again.body, ":1}") || again.header.Get("Cache-Status") != hit {
		t.Errorf("later was answered %s, %v", again.body, again.header)
	}
}

// cached is a schema with hints.
func cached() *counter {
	c := newCounter()
	c.schema = gqlparser.MustLoadSchema(&ast.Source{Name: "cached.graphqls", Input: `
		directive @cacheControl(maxAge: Int!) on FIELD_DEFINITION | OBJECT
		type Query { hello(name: String): String @cacheControl(maxAge: 5) nested: Nested @cacheControl(maxAge: 3) brief: Brief plain: String count: Int @cacheControl(maxAge: 1) }
		type Nested @cacheControl(maxAge: 4) { value: String own: String @cacheControl(maxAge: 2) }
		type Brief @cacheControl(maxAge: 1) { value: String }
		type Mutation { touch: String }`})
	return c
}

func TestCachingHeaders(t *testing.T) {
	t.Parallel()
	_, server := serve(t, sharing(cached()))
	for document, want := range map[string]string{
		`{ hello }`: "public, max-age=5", `{ hello count }`: "public, max-age=1", `{ hello plain }`: "no-cache", `{ nested { value } }`: "public, max-age=3",
		`{ nested { own } }`: "public, max-age=2", `{ brief { value } }`: "public, max-age=1", `{ hello __typename }`: "public, max-age=5",
		`{ ...f } fragment f on Query { hello ... on Query { count } }`: "public, max-age=1", `{ __schema { types { name } } }`: "public, max-age=60",
	} {
		got := ask(t, http.MethodGet, server+"?query="+url.QueryEscape(document), "")
		if control := got.header.Get("Cache-Control"); control != want {
			t.Errorf("%s: Cache-Control %q, want %q", document, control, want)
		}
	}
}

func TestTags(t *testing.T) {
	t.Parallel()
	c := cached()
	c.resolvers["hello"] = func(ctx context.Context, _ map[string]any) (any, error) {
		responsecache.On(ctx, number)
		return strings.Repeat("word ", 1000) + fmt.Sprint(c.number.Load()), nil
	}
	tr, server := serve(t, sharing(c))
	page := server + "?query={hello}"
	get := func(headers ...string) reply { return ask(t, http.MethodGet, page, "", headers...) }
	plain, zipped := get("Accept-Encoding: identity"), get("Accept-Encoding: gzip")
	tag, other := plain.header.Get("Etag"), zipped.header.Get("Etag")
	if tag == other || !strings.HasPrefix(tag, `"`) || zipped.header.Get("Content-Encoding") != "gzip" {
		t.Fatalf("tags %s and %s", tag, other)
	}
	reader, err := gzip.NewReader(bytes.NewReader([]byte(zipped.body)))
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(reader); err != nil || string(text) != plain.body {
		t.Errorf("error %v, unzipped %.100s", err, text)
	}
	for name, test := range map[string]struct {
		headers []string
		status  int
	}{
		"Same": {[]string{"If-None-Match: " + tag}, 304}, "Weak": {[]string{"If-None-Match: W/" + tag}, 304}, "List": {[]string{`If-None-Match: "a", ` + tag}, 304},
		"Any": {[]string{"If-None-Match: *"}, 304}, "Other": {[]string{`If-None-Match: "a"`}, 200}, "OtherEncoding": {[]string{"If-None-Match: " + other}, 200},
		"Zipped": {[]string{"If-None-Match: " + other, "Accept-Encoding: gzip"}, 304}, "Credential": {[]string{"If-None-Match: " + tag, "Authorization: Bearer x"}, 200},
	} {
		if len(test.headers) == 1 {
			test.headers = append(test.headers, "Accept-Encoding: identity")
		}
		got := get(test.headers...)
		if got.status != test.status || got.status == 304 && (got.body != "" || got.header.Get("Etag") == "" || got.header.Get("Cache-Control") != "public, max-age=5") {
			t.Errorf("%s: %d, %v", name, got.status, got.header)
		}
		if name == "Credential" && (got.header.Get("Etag") != "" || got.header.Get("Cache-Control") != "no-store") {
			t.Errorf("with a credential: %v", got.header)
		}
	}
	if head := ask(t, http.MethodHead, page, "", "Accept-Encoding: identity"); head.header.Get("Etag") != tag || head.body != "" {
		t.Errorf("HEAD: %v", head.header)
	}
	varies := strings.Join(plain.header.Values("Vary"), ", ")
	for _, name := range []string{"Accept", "Accept-Encoding", "Authorization", "Origin", "X-GraphQL-Cost"} {
		if !strings.Contains(varies, name) {
			t.Errorf("Vary %q lacks %s", varies, name)
		}
	}
	c.number.Add(1)
	tr.Responses().Drop(number)
	if got := get("If-None-Match: "+tag, "Accept-Encoding: identity"); got.status != 200 || got.header.Get("Etag") == tag {
		t.Errorf("after a change: %d, %v", got.status, got.header)
	}
}

// TestTagsNameTheMediaType asks for the same data in both media types: a strong tag must not be that of two
// representations, also not where they are compressed.
func TestTagsNameTheMediaType(t *testing.T) {
	t.Parallel()
	c := cached()
	c.resolvers["hello"] = func(context.Context, map[string]any) (any, error) { return strings.Repeat("word ", 1000), nil }
	_, server := serve(t, sharing(c))
	get := func(accept, encoding, tag string) reply {
		return ask(t, http.MethodGet, server+"?query={hello}", "", "Accept: "+accept, "Accept-Encoding: "+encoding, "If-None-Match: "+tag)
	}
	tags := map[string]string{}
	for _, accept := range []string{"application/json", "application/graphql-response+json"} {
		for _, encoding := range []string{"identity", "gzip"} {
			got := get(accept, encoding, `"none"`)
			tag, what := got.header.Get("Etag"), accept+" "+encoding
			if got.status != 200 || !strings.HasPrefix(tag, `"`) || tags[tag] != "" {
				t.Errorf("%s: %d, tag %s, which is also that of %q", what, got.status, tag, tags[tag])
			}
			tags[tag] = what
		}
	}
	for tag, what := range tags {
		for _, accept := range []string{"application/json", "application/graphql-response+json"} {
			for _, encoding := range []string{"identity", "gzip"} {
				want := map[bool]int{true: 304, false: 200}[what == accept+" "+encoding]
				if got := get(accept, encoding, tag); got.status != want {
					t.Errorf("with the tag of %s, %s %s: %d, want %d", what, accept, encoding, got.status, want)
				}
			}
		}
	}
}

func TestAcceptEncoding(t *testing.T) {
	t.Parallel()
	_, server := serve(t, sharing(&counter{stub: verbose(5000)}))
	for accept, want := range map[string]bool{
		"gzip": true, "x-gzip": true, "GZIP; q=0.5": true, "*": true, "br;q=1, *;q=0.1": true, "gzip;q=0": false, "gzip;q=0, *": false, "identity": false,
		"br": false, "gzip;q=x": false, "*;q=0": false, "gzip ;q=0.001": true,
	} {
		got := ask(t, http.MethodPost, server, query(`{ hello }`), "Accept-Encoding: "+accept).header.Get("Content-Encoding") == "gzip"
		if got != want {
			t.Errorf("%q: compressed %v", accept, got)
		}
	}
}

// BenchmarkHit measures an answer from memory, beside a handler that does nothing but send the same bytes.
func BenchmarkHit(b *testing.B) {
	schema := &counter{stub: verbose(5000)}
	tr := transport.New(sharing(schema))
	text := `{"data":{"hello":"` + strings.Repeat("word ", 1000) + `"}}`
	for name, handler := range map[string]http.Handler{
		"Transport": tr,
		"Bytes": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			_, _ = io.WriteString(w, text)
		}),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r := httptest.NewRequest(http.MethodPost, "/graphql", strings.NewReader(query(`{ hello }`)))
				r.Header.Set("Content-Type", "application/json")
				handler.ServeHTTP(httptest.NewRecorder(), r)
			}
		})
	}
}
