package transport_test

import (
	"bufio"
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"petitiond/server/transport"
)

// verbose is a schema whose answers have so many bytes of text.
func verbose(n int) *stub {
	schema := newStub()
	speak := func(context.Context, map[string]any) (any, error) { return strings.Repeat("word ", n/5), nil }
	schema.resolvers["hello"], schema.resolvers["touch"] = speak, speak
	schema.sources["hello"] = func(context.Context, map[string]any) (<-chan any, error) {
		return sent(strings.Repeat("word ", n/5)), nil
	}
	return schema
}

func TestCompression(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, method, document string
		bytes                  int
		headers                []string
		compressed             bool
	}{
		{name: "Large", document: "{ hello }", bytes: 20_000, headers: []string{"Accept-Encoding: gzip"}, compressed: true},
		{name: "Get", method: "GET", document: "{ hello }", bytes: 20_000, headers: []string{"Accept-Encoding: gzip"}, compressed: true},
		{name: "Modern", document: "{ hello }", bytes: 20_000, headers: []string{"Accept-Encoding: br, gzip", "Accept: application/graphql-response+json"}, compressed: true},
		{name: "Small", document: "{ hello }", bytes: 500, headers: []string{"Accept-Encoding: gzip"}},
		{name: "NotAsked", document: "{ hello }", bytes: 20_000, headers: []string{"Accept-Encoding: identity"}},
		{name: "Refused", document: "{ hello }", bytes: 20_000, headers: []string{"Accept-Encoding: gzip;q=0"}},
		{name: "Other", document: "{ hello }", bytes: 20_000, headers: []string{"Accept-Encoding: zstd, br"}},
		// It may hold a credential beside somebody's words.
		{name: "Mutation", document: "mutation { touch }", bytes: 20_000, headers: []string{"Accept-Encoding: gzip"}},
		{name: "Events", document: "subscription { hello }", bytes: 20_000, headers: []string{"Accept-Encoding: gzip", events}},
		{name: "EventsOfAQuery", document: "{ hello }", bytes: 20_000, headers: []string{"Accept-Encoding: gzip", events}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, server := serve(t, transport.Options{Schema: verbose(test.bytes)})
			method, body := http.MethodPost, query(test.document)
			if test.method == http.MethodGet {
				method, server, body = http.MethodGet, server+"?query="+strings.ReplaceAll(test.document, " ", "+"), ""
			}
			got := ask(t, method, server, body, test.headers...)
			plain := got.body
			if encoding := got.header.Get("Content-Encoding"); test.compressed != (encoding == "gzip") {
				t.Fatalf("Content-Encoding %q, want compressed: %v", encoding, test.compressed)
			}
			if test.compressed {
				if len(got.body) > test.bytes/4 {
					t.Errorf("%d bytes of %d", len(got.body), test.bytes)
				}
				reader, err := gzip.NewReader(strings.NewReader(got.body))
				if err != nil {
					t.Fatal(err)
				}
				text, err := io.ReadAll(reader)
				if err != nil {
					t.Fatal(err)
				}
				plain = string(text)
			}
			if strings.Count(plain, "word ") != test.bytes/5 {
				t.Errorf("the answer is not whole: %.100s", plain)
			}
			if length := got.header.Get("Content-Length"); length != "" && length != strconv.Itoa(len(got.body)) {
				t.Errorf("Content-Length %s of %d bytes", length, len(got.body))
			}
			varies := strings.Contains(strings.Join(got.header.Values("Vary"), ","), "Accept-Encoding")
			if may := !strings.HasPrefix(test.document, "mutation") && !strings.Contains(got.header.Get("Content-Type"), "event"); varies != may {
				t.Errorf("Vary %v, want Accept-Encoding: %v", got.header.Values("Vary"), may)
			}
		})
	}
}

// Compress stands before pages. An event stream that happens to come through it arrives event by event.
func TestCompressLeavesStreamsAlone(t *testing.T) {
	t.Parallel()
	more, long := make(chan struct{}), strings.Repeat("data: word\n", 300)
	server := httptest.NewServer(transport.Compress(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for range 3 {
			_, _ = io.WriteString(w, long+"\n")
			w.(http.Flusher).Flush()
			<-more
		}
	})))
	t.Cleanup(server.Close)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(request(t, http.MethodGet, server.URL, nil, "Accept-Encoding: gzip"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if encoding := resp.Header.Get("Content-Encoding"); encoding != "" {
		t.Errorf("Content-Encoding %q", encoding)
	}
	lines := bufio.NewScanner(resp.Body)
	for range 3 {
		for range 300 {
			if !lines.Scan() || lines.Text() != "data: word" {
				t.Fatalf("got %q", lines.Text())
			}
		}
		lines.Scan()
		more <- struct{}{} // only now the next event is written
	}
}

func TestCompressByType(t *testing.T) {
	t.Parallel()
	for kind, want := range map[string]string{
		"text/html; charset=utf-8": "gzip", "text/css; charset=utf-8": "gzip", "text/javascript; charset=utf-8": "gzip",
		"image/svg+xml": "gzip", "application/json": "gzip", "image/png": "", "text/event-stream": "", "application/octet-stream": "",
	} {
		server := httptest.NewServer(transport.Compress(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["Content-Type"] = []string{kind}
			_, _ = io.WriteString(w, strings.Repeat("word ", 1000))
		})))
		if got := ask(t, http.MethodGet, server.URL, "", "Accept-Encoding: gzip").header.Get("Content-Encoding"); got != want {
			t.Errorf("%q: Content-Encoding %q, want %q", kind, got, want)
		}
		server.Close()
	}
}
