package transport_test

import (
	"net/http"
	"strings"
	"testing"

	"petitiond/server/operation"
	"petitiond/server/transport"
)

func TestTrust(t *testing.T) {
	t.Parallel()
	const text, other = "query A { hello }", "query B { hello }"
	tr, server := serve(t, transport.Options{})
	if err := tr.Trust(operation.Manifest{hashOf(text): text, "custom": "{ hello }", "write": "mutation { touch }"}); err != nil {
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
		manifest operation.Manifest
		want     string
	}{
		"Empty":   {operation.Manifest{}, "no document"},
		"Broken":  {operation.Manifest{"good": "{ hello }", "bad": "{ hello"}, `the document "bad" of the manifest: Syntax error`},
		"Invalid": {operation.Manifest{"bad": "{ nope }"}, `the document "bad" of the manifest: Cannot query field`},
		"Limit":   {operation.Manifest{"bad": aliases(16)}, "at most 10 fields"},
		"NoText":  {operation.Manifest{"bad": ""}, `the document "bad"`},
	} {
		err := transport.New(transport.Options{Schema: newStub()}).Trust(test.manifest)
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: error %v, want one line with %q", name, err, test.want)
		}
	}
}
