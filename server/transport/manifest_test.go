package transport_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"petitiond/server/transport"
)

func TestReadManifest(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, text string
		want       transport.Manifest
		err        string
	}{
		{name: "Texts", text: `{"a":"{ hello }","sha256:b":"{ nested { value } }"}`, want: transport.Manifest{"a": "{ hello }", "b": "{ nested { value } }"}},
		{name: "Empty", text: `{}`, want: transport.Manifest{}},
		{
			name: "Apollo",
			text: `{"format":"apollo-persisted-query-manifest","version":1,"operations":[{"id":"a","name":"A","type":"query","body":"query A { hello }"}]}`,
			want: transport.Manifest{"a": "query A { hello }"},
		},
		{name: "NotJSON", text: `{`, err: "is not valid JSON"},
		{name: "List", text: `[]`, err: "must be a JSON object"},
		{name: "Twice", text: `{"a":"{ a }","a":"{ a }"}`, err: "twice"},
		{name: "TwoTexts", text: `{"sha256:a":"{ a }","a":"{ b }"}`, err: "two texts"},
		{name: "NoText", text: `{"a":1}`, err: `no text for the document "a"`},
		{name: "NoName", text: `{"":"{ a }"}`, err: "no text for the document"},
		{name: "OtherFormat", text: `{"format":"other","version":1,"operations":[]}`, err: "another format"},
		{name: "OtherVersion", text: `{"format":"apollo-persisted-query-manifest","version":2,"operations":[]}`, err: "another format"},
		{name: "NoOperations", text: `{"format":"apollo-persisted-query-manifest","version":1}`, err: "another format"},
		{name: "NoID", text: `{"format":"apollo-persisted-query-manifest","version":1,"operations":[{"body":"{ a }"}]}`, err: "no text for the document"},
		{name: "NoObject", text: `{"format":"apollo-persisted-query-manifest","version":1,"operations":["a"]}`, err: "no text for the document"},
		{name: "Large", text: `{"a":"` + strings.Repeat("#", 16<<20) + `"}`, err: "larger than"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := transport.ReadManifest(strings.NewReader(test.text))
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("manifest (-want +got):\n%s", diff)
			}
			if test.err == "" && err != nil || test.err != "" && (err == nil || !strings.Contains(err.Error(), test.err)) {
				t.Errorf("error %v, want %q", err, test.err)
			}
		})
	}
	broken := errors.New("the disk is gone")
	if _, err := transport.ReadManifest(iotest.ErrReader(broken)); !errors.Is(err, broken) {
		t.Errorf("error %v, want %v", err, broken)
	}
}

func TestTrust(t *testing.T) {
	t.Parallel()
	const text, other = "query A { hello }", "query B { hello }"
	tr, server := serve(t, transport.Options{})
	if err := tr.Trust(transport.Manifest{hashOf(text): text, "custom": "{ hello }", "write": "mutation { touch }"}); err != nil {
		t.Fatal(err)
	}
	type members = map[string]any
	tests := []struct {
		name    string
		request members
		status  int
		code    string
	}{
		{"Hash", members{"extensions": byHash(1, hashOf(text))}, 200, ""},
		{"ID", members{"documentId": "sha256:" + hashOf(text)}, 200, ""},
		{"CustomID", members{"documentId": "custom"}, 200, ""},
		{"CustomHash", members{"extensions": byHash(1, "custom")}, 200, ""},
		{"HashOfCustom", members{"documentId": hashOf("{ hello }")}, 200, ""},
		{"Text", members{"query": text}, 200, ""},
		{"TextWithHash", members{"query": text, "extensions": byHash(1, hashOf(text))}, 200, ""},
		{"Mutation", members{"documentId": "write"}, 200, ""},
		{"OtherText", members{"query": other}, 200, "PERSISTED_QUERY_NOT_FOUND"},
		{"OtherTextWithHash", members{"query": other, "extensions": byHash(1, hashOf(other))}, 200, "PERSISTED_QUERY_NOT_FOUND"},
		{"OtherTextUnderTrustedName", members{"query": other, "documentId": "custom"}, 200, "PERSISTED_QUERY_NOT_FOUND"},
		{"OtherSpace", members{"query": text + " "}, 200, "PERSISTED_QUERY_NOT_FOUND"},
		{"OtherHash", members{"extensions": byHash(1, hashOf(other))}, 200, "PERSISTED_QUERY_NOT_FOUND"},
		{"OtherID", members{"documentId": "nope"}, 200, "PERSISTED_QUERY_NOT_FOUND"},
		{"WrongName", members{"query": text, "documentId": "custom"}, 400, "BAD_REQUEST"},
		{"Nothing", members{"variables": members{}}, 400, "BAD_REQUEST"},
		{"Introspection", members{"query": "{ __schema { queryType { name } } }"}, 200, "PERSISTED_QUERY_NOT_FOUND"},
	}
	for range 2 { // what was refused must not be remembered
		for _, test := range tests {
			got := ask(t, http.MethodPost, server, body(t, test.request))
			if got.status != test.status || got.code() != test.code {
				t.Errorf("%s: got %d %q, want %d %q: %s", test.name, got.status, got.code(), test.status, test.code, got.body)
			}
		}
	}
	if got := ask(t, http.MethodGet, server+"?documentId=custom", ""); got.body != `{"data":{"hello":"world"}}` {
		t.Errorf("GET: %d %s", got.status, got.body)
	}
}

func TestTrustJudges(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		manifest transport.Manifest
		want     string
	}{
		"Empty":   {transport.Manifest{}, "no document"},
		"Broken":  {transport.Manifest{"good": "{ hello }", "bad": "{ hello"}, `the document "bad" of the manifest: Syntax error`},
		"Invalid": {transport.Manifest{"bad": "{ nope }"}, `the document "bad" of the manifest: Cannot query field`},
		"Limit":   {transport.Manifest{"bad": aliases(16)}, "at most 10 fields"},
		"NoText":  {transport.Manifest{"bad": ""}, `the document "bad"`},
	} {
		err := transport.New(transport.Options{Schema: newStub()}).Trust(test.manifest)
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: error %v, want one line with %q", name, err, test.want)
		}
	}
}
