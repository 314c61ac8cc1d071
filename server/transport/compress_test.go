package transport_test

import (
	"compress/gzip"
	"context"
	"io"
	"net/http"
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
