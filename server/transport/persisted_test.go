package transport_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"petitiond/server/transport"
)

func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// body encodes the members of a request.
func body(t *testing.T, members map[string]any) string {
	t.Helper()
	text, err := json.Marshal(members)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// byHash is an extension as Apollo's client sends it.
func byHash(version any, hash any) map[string]any {
	return map[string]any{"persistedQuery": map[string]any{"version": version, "sha256Hash": hash}}
}

func TestPersisted(t *testing.T) {
	t.Parallel()
	const text, modern = "query Named { hello }", "Accept: application/graphql-response+json"
	hash := hashOf(text)
	type members = map[string]any
	sent := members{"query": text, "extensions": byHash(1, hash)}
	tests := []struct {
		name    string
		before  members // sent first, where there is something
		request members
		headers []string
		status  int
		code    string
	}{
		{name: "Unknown", request: members{"extensions": byHash(1, hash)}, status: 200, code: "PERSISTED_QUERY_NOT_FOUND"},
		{name: "UnknownModern", request: members{"extensions": byHash(1, hash)}, headers: []string{modern}, status: 400, code: "PERSISTED_QUERY_NOT_FOUND"},
		{name: "WithText", request: sent, status: 200},
		{name: "Known", before: sent, request: members{"extensions": byHash(1, hash)}, status: 200},
		{name: "KnownByID", before: sent, request: members{"documentId": "sha256:" + hash}, status: 200},
		{name: "KnownByBareID", before: sent, request: members{"documentId": hash}, status: 200},
		{name: "SentByID", before: members{"query": text, "documentId": "sha256:" + hash}, request: members{"extensions": byHash(1, hash)}, status: 200},
		{name: "EmptyText", before: sent, request: members{"query": "", "extensions": byHash(1, hash)}, status: 200},
		{name: "TextWithoutHashIsNotKept", before: members{"query": text}, request: members{"extensions": byHash(1, hash)}, status: 200, code: "PERSISTED_QUERY_NOT_FOUND"},
		{
			name: "InvalidIsNotKept", before: members{"query": "{ nope }", "extensions": byHash(1, hashOf("{ nope }"))},
			request: members{"extensions": byHash(1, hashOf("{ nope }"))}, status: 200, code: "PERSISTED_QUERY_NOT_FOUND",
		},
		{
			name: "WhatIsOverALimitIsNotKept", before: members{"query": aliases(16), "extensions": byHash(1, hashOf(aliases(16)))},
			request: members{"extensions": byHash(1, hashOf(aliases(16)))}, status: 200, code: "PERSISTED_QUERY_NOT_FOUND",
		},
		{name: "NoteOfUrql", request: members{"extensions": members{"persistedQuery": members{"version": 1, "sha256Hash": hash, "miss": true}}}, status: 200, code: "PERSISTED_QUERY_NOT_FOUND"},

		{name: "OtherText", request: members{"query": "{ hello }", "extensions": byHash(1, hash)}, status: 400, code: "BAD_REQUEST"},
		{name: "OtherVersion", request: members{"query": text, "extensions": byHash(2, hash)}, status: 200, code: "PERSISTED_QUERY_NOT_SUPPORTED"},
		{name: "OtherVersionModern", request: members{"query": text, "extensions": byHash(2, hash)}, headers: []string{modern}, status: 400, code: "PERSISTED_QUERY_NOT_SUPPORTED"},
		{name: "VersionAsText", request: members{"extensions": byHash("1", hash)}, status: 200, code: "PERSISTED_QUERY_NOT_SUPPORTED"},
		{name: "NoVersion", request: members{"extensions": members{"persistedQuery": members{"sha256Hash": hash}}}, status: 200, code: "PERSISTED_QUERY_NOT_SUPPORTED"},
		{name: "NoHash", request: members{"query": text, "extensions": members{"persistedQuery": members{"version": 1}}}, status: 400, code: "BAD_REQUEST"},
		{name: "NullExtension", request: members{"query": text, "extensions": members{"persistedQuery": nil}}, status: 200},
		{name: "NullExtensionAlone", request: members{"extensions": members{"persistedQuery": nil}}, status: 400, code: "BAD_REQUEST"},
		{name: "List", request: members{"query": text, "extensions": members{"persistedQuery": []int{1}}}, status: 400, code: "BAD_REQUEST"},
		{name: "ShortHash", request: members{"extensions": byHash(1, "00")}, status: 400, code: "BAD_REQUEST"},
		{name: "UpperCase", before: sent, request: members{"extensions": byHash(1, strings.ToUpper(hash))}, status: 400, code: "BAD_REQUEST"},
		{name: "NoHexadecimal", request: members{"extensions": byHash(1, strings.Repeat("g", 64))}, status: 400, code: "BAD_REQUEST"},
		{name: "HashNumber", request: members{"extensions": byHash(1, 7)}, status: 400, code: "BAD_REQUEST"},
		{name: "IDNumber", request: members{"documentId": 7}, status: 400, code: "BAD_REQUEST"},
		{name: "EmptyID", request: members{"documentId": ""}, status: 400, code: "BAD_REQUEST"},
		{name: "TwoNames", before: sent, request: members{"documentId": hash, "extensions": byHash(1, hash)}, status: 400, code: "BAD_REQUEST"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, server := serve(t, transport.Options{})
			if test.before != nil {
				ask(t, http.MethodPost, server, body(t, test.before))
			}
			got := ask(t, http.MethodPost, server, body(t, test.request), test.headers...)
			if got.status != test.status || got.code() != test.code {
				t.Errorf("got %d %q, want %d %q: %s", got.status, got.code(), test.status, test.code, got.body)
			}
			if executed := strings.Contains(got.body, `{"data":`); executed != (test.code == "") {
				t.Errorf("executed: %v: %s", executed, got.body)
			}
			// Apollo's client goes by the code or the message, urql by the message alone.
			message := map[string]string{"PERSISTED_QUERY_NOT_FOUND": "PersistedQueryNotFound", "PERSISTED_QUERY_NOT_SUPPORTED": "PersistedQueryNotSupported"}[test.code]
			if !strings.Contains(got.body, message) {
				t.Errorf("want %s in %s", message, got.body)
			}
		})
	}
}

// aliases is a document with so many of them.
func aliases(n int) string {
	text := "{"
	for i := range n {
		text += " a" + strings.Repeat("x", i) + ": hello"
	}
	return text + " }"
}

// The methods and the ways to answer share the documents.
func TestPersistedEverywhere(t *testing.T) {
	t.Parallel()
	_, server := serve(t, transport.Options{})
	get := func(text string) string {
		extensions, id := body(t, byHash(1, hashOf(text))), url.QueryEscape("sha256:"+hashOf(text))
		if strings.HasPrefix(text, "subscription") {
			return server + "?documentId=" + id
		}
		return server + "?extensions=" + url.QueryEscape(extensions)
	}
	post := func(text string) string { return body(t, map[string]any{"extensions": byHash(1, hashOf(text))}) }
	const read, write, watch = "{ hello }", "mutation { touch }", "subscription { hello }"
	for _, text := range []string{read, write, watch} {
		if got := ask(t, http.MethodGet, get(text), "", events+", application/json"); got.code() != "PERSISTED_QUERY_NOT_FOUND" {
			t.Errorf("%s: got %s before it was sent", text, got.body)
		}
		full := body(t, map[string]any{"query": text, "extensions": byHash(1, hashOf(text))})
		ask(t, http.MethodPost, server, full, events+", application/json")
	}
	tests := []struct {
		name   string
		got    reply
		status int
		want   string
	}{
		{"Get", ask(t, http.MethodGet, get(read), ""), 200, `{"data":{"hello":"world"}}`},
		{"Post", ask(t, http.MethodPost, server, post(read)), 200, `{"data":{"hello":"world"}}`},
		{"Mutation", ask(t, http.MethodPost, server, post(write)), 200, `{"data":{"touch":"world"}}`},
		{"GetMutation", ask(t, http.MethodGet, get(write), ""), 405, "METHOD_NOT_ALLOWED"},
		{"Events", ask(t, http.MethodPost, server, post(read), events), 200, `data: {"data":{"hello":"world"}}`},
		{"NoEvents", ask(t, http.MethodPost, server, post(watch)), 406, "BAD_REQUEST"},
	}
	for _, test := range tests {
		if test.got.status != test.status || !strings.Contains(test.got.body, test.want) {
			t.Errorf("%s: got %d %s, want %d %s", test.name, test.got.status, test.got.body, test.status, test.want)
		}
	}
}

// Of documents that are sent once come as many as anybody likes. The one that
// is used must not go for them.
func TestPersistedIsBounded(t *testing.T) {
	t.Parallel()
	limits := transport.DefaultLimits()
	limits.Persisted = 4 << 10
	_, server := serve(t, transport.Options{Limits: limits})
	keep := func(text string) {
		ask(t, http.MethodPost, server, body(t, map[string]any{"query": text, "extensions": byHash(1, hashOf(text))}))
	}
	known := func(text string) bool {
		return ask(t, http.MethodPost, server, body(t, map[string]any{"extensions": byHash(1, hashOf(text))})).code() == ""
	}
	const used = "query Used { hello }"
	once := func(i int) string { return "{ hello } #" + strings.Repeat("x", 500) + string(rune('a'+i)) }
	keep(used)
	for i := range 20 {
		keep(once(i))
		if !known(used) {
			t.Fatalf("the document that is used is gone after %d others", i+1)
		}
	}
	if known(once(0)) || !known(once(19)) {
		t.Errorf("first known: %v, last known: %v", known(once(0)), known(once(19)))
	}
	large := "{ hello } #" + strings.Repeat("x", 8<<10)
	if keep(large); known(large) {
		t.Error("a document is kept that is larger than all of them may be")
	}
}

// Sockets name documents as requests do, and share them.
func TestPersistedOverWebSocket(t *testing.T) {
	t.Parallel()
	_, server := serve(t, transport.Options{})
	const text = "query Socket { hello }"
	conn := open(t, server, "{}")
	send := func(id string, members map[string]any) message {
		tell(t, conn, message{ID: id, Type: "subscribe", Payload: json.RawMessage(body(t, members))})
		got := hear(t, conn)
		if got.Type == "next" {
			hear(t, conn) // complete
		}
		return got
	}
	// The protocol demands the member query, if only an empty one.
	short := map[string]any{"query": "", "extensions": byHash(1, hashOf(text))}
	if got := send("1", short); got.Type != "error" || !strings.Contains(string(got.Payload), "PersistedQueryNotFound") {
		t.Errorf("got %s %s before it was sent", got.Type, got.Payload)
	}
	if got := send("2", map[string]any{"query": text, "extensions": byHash(1, hashOf(text))}); got.Type != "next" {
		t.Errorf("got %s %s for the text with its hash", got.Type, got.Payload)
	}
	for _, members := range []map[string]any{short, {"query": "", "documentId": "sha256:" + hashOf(text)}} {
		if got := send("3", members); got.Type != "next" || string(got.Payload) != `{"data":{"hello":"world"}}` {
			t.Errorf("%v: got %s %s", members, got.Type, got.Payload)
		}
	}
	if got := ask(t, http.MethodPost, server, body(t, short)); got.body != `{"data":{"hello":"world"}}` {
		t.Errorf("over HTTP: got %s", got.body)
	}
}
