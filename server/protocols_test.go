package main

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"unicode/utf16"

	"petitiond/server/database"
	"petitiond/server/settings"
	"petitiond/server/transport"
)

// carriers send the body of a request over each protocol that carries mutations, and return the answer.
var carriers = map[string]func(t *testing.T, s *site, body string) string{
	"POST": func(t *testing.T, s *site, body string) string {
		t.Helper()
		return s.post(t, "/graphql", body)
	},
	"POST with a slash": func(t *testing.T, s *site, body string) string {
		t.Helper()
		return s.post(t, "/graphql/", body)
	},
	"events": func(t *testing.T, s *site, body string) string {
		t.Helper()
		answer := s.post(t, "/graphql", body, "Accept", "text/event-stream")
		_, answer, _ = strings.Cut(answer, "event: next\ndata: ")
		answer, _, _ = strings.Cut(answer, "\n")
		return answer
	},
	"events beside": func(t *testing.T, s *site, body string) string {
		t.Helper()
		token := s.http(t, http.MethodPut, "/graphql", "")
		stream := s.listen(t, "/graphql?token="+token)
		body = strings.TrimSuffix(body, "}") + `,"extensions":{"operationId":"1"}}`
		if answer := s.post(t, "/graphql", body, "X-GraphQL-Event-Stream-Token", token); answer != "" {
			return answer
		}
		raw, err := io.ReadAll(firstEvent(stream))
		if err != nil {
			t.Fatal(err)
		}
		var event struct{ Payload json.RawMessage }
		if err := json.Unmarshal(raw, &event); err != nil {
			t.Fatalf("%v in %s", err, raw)
		}
		return string(event.Payload)
	},
	"socket": func(t *testing.T, s *site, body string) string {
		t.Helper()
		w := s.initialised(t)
		defer w.Close()
		w.say(textFrames(`{"id":"1","type":"subscribe","payload":` + body + `}`))
		m := w.message()
		if m.Type == "error" {
			return `{"errors":` + string(m.Payload) + `}`
		}
		return string(m.Payload)
	},
}

// http sends a request and returns the body of the answer. Headers are names and values by turns.
func (s *site) http(t *testing.T, method, path, body string, headers ...string) string {
	t.Helper()
	response := s.respond(t, method, path, body, headers...)
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func (s *site) respond(t *testing.T, method, path, body string, headers ...string) *http.Response {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	request.Host = request.Header.Get("Host") // Go sends no such header by itself; empty: that of the address
	still := &http.Client{Transport: client.Transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := still.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	return response
}

func (s *site) post(t *testing.T, path, body string, headers ...string) string {
	t.Helper()
	return s.http(t, http.MethodPost, path, body, append(headers, "Content-Type", "application/json")...)
}

// listen opens an event stream until the test ends.
func (s *site) listen(t *testing.T, path string, headers ...string) io.Reader {
	t.Helper()
	response := s.respond(t, http.MethodGet, path, "", append(headers, "Accept", "text/event-stream")...)
	t.Cleanup(func() { _ = response.Body.Close() })
	return response.Body
}

// TestSigningWithTypename signs as the clients do that write __typename into every operation.
func TestSigningWithTypename(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, environment []string) {
		s := start(t, environment)
		id, _ := s.open(t)
		signed := 0
		for way, send := range carriers {
			for _, selection := range []string{
				`__typename signPetition(input: $i) { __typename status }`,
				`signPetition(input: $i) { status __typename } kind: __typename`,
				`...F } fragment F on Mutation { __typename ... { __typename } signPetition(input: $i) { status }`,
			} {
				input := fmt.Sprintf(`{"i":{"petitionId":%q,"name":"Ann","email":"ann%d@example.org"}}`, id, signed)
				answer := send(t, s, `{"query":`+quote(`mutation($i: SignPetitionInput!) { `+selection+` }`)+`,"variables":`+input+`}`)
				signed++
				if !strings.Contains(answer, `"status":"COUNTED"`) || !strings.Contains(answer, `:"Mutation"`) {
					t.Errorf("%s by %s: %s", selection, way, answer)
				}
			}
			two := `mutation($i: SignPetitionInput!) { __typename a: signPetition(input: $i) { status } ...F } ` +
				`fragment F on Mutation { b: signPetition(input: $i) { status } }`
			input := fmt.Sprintf(`{"i":{"petitionId":%q,"name":"Ann","email":"two@example.org"}}`, id)
			if answer := send(t, s, `{"query":`+quote(two)+`,"variables":`+input+`}`); codes([]byte(answer)) != "LIMIT_EXCEEDED" {
				t.Errorf("two at once by %s: %s", way, answer)
			}
			follow := `subscription($id: ID!) { __typename signatureCount(petitionId: $id) { total } }`
			answer := send(t, s, `{"query":`+quote(follow)+fmt.Sprintf(`,"variables":{"id":%q}}`, id))
			if code := codes([]byte(answer)); code != "GRAPHQL_VALIDATION_FAILED" && !strings.HasPrefix(way, "POST") {
				t.Errorf("a subscription to two, which the specification excludes, by %s: %s", way, answer)
			}
		}
		if got := s.count(t, id); got != signed {
			t.Errorf("%d signatures count, want %d", got, signed)
		}
	})
}

// longestPetition is the input of a petition with the longest texts that are allowed, of a letter beyond Unicode's
// first plane, and each character of it escaped. Those for different ways are different petitions.
func longestPetition(way string) string {
	text := func(n int) string { return strings.Repeat("𠀀", n) }
	list := func(n, length int) (items []string) {
		for i := range n {
			items = append(items, text(length-1)+strconv.Itoa(i))
		}
		return items
	}
	key := ""
	for len(key) < 255 {
		sum := sha256.Sum256([]byte(way + key))
		key += base64.RawURLEncoding.EncodeToString(sum[:])
	}
	input := map[string]any{
		"title": text(150), "summary": text(500), "body": text(50_000), "petitioner": text(100), "addressees": list(10, 200), "tags": list(10, 50),
		"imageUrl": "https://example.org/" + strings.Repeat("a", 1980), "petitionerEmail": strings.Repeat("a", 64) + "@" + strings.Repeat("abcdefghi.", 18) + "org",
		"idempotencyKey": key[:255], "language": "zh-Hans-CN", "goal": 1000,
	}
	plain, err := json.Marshal(input)
	if err != nil {
		panic(err)
	}
	var out strings.Builder
	quoted := false
	for _, r := range string(plain) { // no text in it has a quotation mark or a backslash
		if r == '"' || !quoted {
			quoted = quoted != (r == '"')
			out.WriteRune(r)
			continue
		}
		for _, unit := range utf16.AppendRune(nil, r) {
			fmt.Fprintf(&out, `\u%04x`, unit)
		}
	}
	return out.String()
}

// TestLongestPetition creates the longest petition that the schema allows, in the longest form of it that JSON has.
func TestLongestPetition(t *testing.T) {
	t.Parallel()
	const create = `mutation($input: CreatePetitionInput!) { createPetition(input: $input) { petition { id title } userErrors { code field message } } }`
	// The document is as long as it may be, too: padded with spaces, each of them escaped.
	document := quote(create)
	padding := strings.Repeat(`\u0020`, transport.DefaultLimits().Document-len(create))
	padded := strings.TrimSuffix(document, `"`) + padding + `"`
	eachDatabase(t, func(t *testing.T, environment []string) {
		s := start(t, environment)
		for way, send := range carriers {
			if answer := send(t, s, `{"query":`+padded+`,"variables":{"input":`+longestPetition(way)+`}}`); codes([]byte(answer)) != "ok" {
				t.Errorf("%s: %.500s", way, answer)
			}
		}
	})
	eachDatabase(t, func(t *testing.T, environment []string) {
		trusting := start(t, append(environment, "PETITION_TRUSTED_DOCUMENTS="+manifest(t, "\ufeff"+`{"create":`+document+`}`)))
		if answer := trusting.post(t, "/graphql", `{"documentId":"create","variables":{"input":`+longestPetition("trusted")+`}}`); codes([]byte(answer)) != "ok" {
			t.Errorf("by a trusted document: %.500s", answer)
		}
	})
}

// TestLongestFilterByGet asks for petitions with the longest search, escaped in full, in the query of an address.
func TestLongestFilterByGet(t *testing.T) {
	t.Parallel()
	s := start(t, fresh(t, database.SQLite))
	search := strings.Repeat(`\ud840\udc00`, 200)
	parameters := url.Values{
		"query":     {`query($s: String) { petitions(search: $s) { nodes { id } } }`},
		"variables": {`{"s":"` + search + `"}`},
	}
	if answer := s.http(t, http.MethodGet, "/graphql?"+parameters.Encode(), ""); codes([]byte(answer)) != "ok" {
		t.Errorf("%.300s", answer)
	}
}

// TestCopiedAddresses follows links to a petition as people copy them, and asks for it by slugs as they type them.
func TestCopiedAddresses(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, environment []string) {
		s := start(t, append(environment, "PETITION_ADMIN_KEY="+adminOfTests))
		id, _ := s.openTagged(t, "pages")
		former := s.slug(t, id)
		s.ask(t, adminOfTests, `mutation($id: ID!) { updatePetition(input: {id: $id, version: 2, title: "Other trees"}) { petition { id } userErrors { message } } }`,
			map[string]any{"id": id}, &struct{}{})
		for path, want := range map[string]string{
			"/p/other-trees/": "/p/other-trees", "/p/OTHER-TREES": "/p/other-trees", "/p/other-trees.": "/p/other-trees",
			"/p/Other-Trees?utm_source=mail": "/p/other-trees?utm_source=mail", "/p/" + former: "/p/other-trees",
			"/p/" + strings.ToUpper(former) + "?utm_source=mail": "/p/other-trees?utm_source=mail", "/p/" + former + "/?a=b": "/p/other-trees?a=b",
			"/p/other-trees": "", "/p/other-trees?utm_source=mail": "", "/p/NO-SUCH": "", "/p/no-such/": "",
		} {
			for range 2 { // and again from memory
				response := s.respond(t, http.MethodGet, path, "")
				_ = response.Body.Close()
				if got := response.Header.Get("Location"); got != want {
					t.Errorf("GET %s: %d to %q, want %q", path, response.StatusCode, got, want)
				}
			}
		}
		for _, slug := range []string{"OTHER-TREES", "Other-trees", "other-trees.", strings.ToUpper(former)} {
			out := struct{ Petition *struct{ ID string } }{}
			s.ask(t, "", `query($slug: String) { petition(slug: $slug) { id } }`, map[string]any{"slug": slug}, &out)
			if out.Petition == nil || out.Petition.ID != id {
				t.Errorf("petition(slug: %q) is %+v", slug, out.Petition)
			}
		}
	})
}

// TestResumptionBeyondThePresent comes back to a count with an id that is not there yet. The present value comes at
// once, and so does every signature that follows.
func TestResumptionBeyondThePresent(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, environment []string) {
		s := start(t, environment)
		for i, last := range []string{"40", "2", "18446744073709551616", "x"} {
			id, _ := s.open(t)
			follow := url.Values{"query": {`subscription { signatureCount(petitionId: "` + id + `") { total } }`}}
			lines := s.listen(t, "/graphql?"+follow.Encode(), "Last-Event-ID", last)
			for total := range 4 {
				raw, err := io.ReadAll(firstEvent(lines))
				if want := fmt.Sprintf(`{"data":{"signatureCount":{"total":%d}}}`, total); err != nil || string(raw) != want {
					t.Fatalf("with the id %s: %s %v, want %s", last, raw, err, want)
				}
				if !s.sign(t, id, fmt.Sprintf("ann%d@example%d.org", total, i)) {
					t.Fatal("not acknowledged")
				}
			}
		}
	})
}

// TestPagesOfOtherSitesByDefault: in development those of this machine may use the API, in production none but named
// ones.
func TestPagesOfOtherSitesByDefault(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		settings       []string
		origin, method string
		allowed        string
		sign           string // what becomes of a mutation
	}{
		{nil, "http://localhost:5173", "POST", "http://localhost:5173", "ok"},
		{nil, "http://127.0.0.1:3000", "POST", "http://127.0.0.1:3000", "ok"},
		{nil, "https://other.example", "POST", "", "ok"}, // nobody but a browser obeys
		{[]string{"PETITION_ALLOWED_ORIGINS=*"}, "https://other.example", "POST", "*", "FORBIDDEN"},
		{[]string{"PETITION_ALLOWED_ORIGINS=*,https://other.example"}, "https://other.example", "POST", "*", "ok"},
		{[]string{"PETITION_ALLOWED_ORIGINS=*"}, "http://localhost:5173", "POST", "*", "ok"},
		{[]string{"PETITION_ALLOWED_ORIGINS=*", "PETITION_PUBLIC_URL=https://Petitions.example:443"}, "https://petitions.example", "POST", "*", "ok"},
	} {
		s := start(t, append(fresh(t, database.SQLite), c.settings...))
		response := s.respond(t, http.MethodOptions, "/graphql", "", "Origin", c.origin, "Access-Control-Request-Method", c.method)
		_ = response.Body.Close()
		if got := response.Header.Get("Access-Control-Allow-Origin"); got != c.allowed {
			t.Errorf("%v allows %q to %s, want %q", c.settings, got, c.origin, c.allowed)
		}
		const touch = `{"query":"mutation { publishPetition(id: \"x\") { petition { id } } }"}`
		if got := codes([]byte(s.post(t, "/graphql", touch, "Origin", c.origin))); got != c.sign {
			t.Errorf("%v: a mutation from %s is answered with %s, want %s", c.settings, c.origin, got, c.sign)
		}
	}
}

// TestHostsOfOthers: anybody can have a name lead to the machine of a developer, whose browser then takes this server
// for a part of their site: it asks nothing before it sends a mutation, and shows every answer to their page. Under
// such a name there is nothing but probes.
func TestHostsOfOthers(t *testing.T) {
	t.Parallel()
	public := []string{"PETITION_PUBLIC_URL=http://Petitions.example:8080"}
	for _, c := range []struct {
		settings []string
		host     string
		own      bool
	}{
		{nil, "localhost:8080", true},
		{nil, "192.0.2.7:8080", true},
		{nil, "petitiond:8080", true}, // a service of Docker
		{public, "petitions.example:8080", true},
		{public, "PETITIONS.example", true}, // a proxy, or a port that is passed on
		{public, "localhost:8080", true},
		{public, "evil.example:8080", false},
		{[]string{"PETITION_ALLOWED_ORIGINS=https://friend.example,*"}, "friend.example", false},
		{[]string{"PETITION_METRICS_LISTEN=127.0.0.1:0"}, "evil.example", false},
		{[]string{"PETITION_METRICS_LISTEN=127.0.0.1:0"}, "prometheus.local:9090", true},
	} {
		t.Run(c.host, func(t *testing.T) {
			t.Parallel()
			s := start(t, append(fresh(t, database.SQLite), c.settings...))
			const touch = `{"query":"mutation { publishPetition(id: \"x\") { petition { id } } }"}`
			if got := codes([]byte(s.post(t, "/graphql", touch, "Host", c.host, "Origin", "http://"+c.host))); (got == "ok") != c.own {
				t.Errorf("a mutation is answered with %s", got)
			}
			metrics := s.url
			if len(s.doors) > 1 {
				metrics = "http://" + s.doors[1].Addr().String()
			}
			for address, found := range map[string]int{
				s.url + "/": 200, s.url + "/p/none": 404, s.url + "/graphiql": 200, s.url + "/outbox": 200, s.url + "/outbox/none": 404,
				s.url + "/assets/none": 404, s.url + "/none": 404, s.url + "/schema.graphqls": 200, s.url + "/graphql?query={__typename}": 200,
				s.url + "/graphql/?query={__typename}": 200, metrics + "/metrics": 200, s.url + "/healthz": 200, s.url + "/readyz": 200,
			} {
				want := http.StatusMisdirectedRequest
				if c.own || strings.HasSuffix(address, "z") {
					want = found
				}
				status, text := readFor(t, address, c.host)
				if status != want || want == http.StatusMisdirectedRequest && !strings.Contains(text, "PETITION_PUBLIC_URL=http://"+c.host+" ") {
					t.Errorf("%s is answered with %d, want %d: %.200s", address, status, want, text)
				}
			}
		})
	}
}

// readFor reads what is at an address, for a host.
func readFor(t *testing.T, address, host string) (status int, text string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = host
	response, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

// TestHostsInProduction: a proxy may ask under any host, and the pages that come by it are the site's own.
func TestHostsInProduction(t *testing.T) {
	t.Parallel()
	environment := fresh(t, database.SQLite)
	start(t, environment).stop() // which makes the secret file
	s := start(t, environment, func(c *settings.Config) { c.Env = settings.Production })
	const touch = `{"query":"mutation { publishPetition(id: \"x\") { petition { id } } }"}`
	response := s.respond(t, http.MethodPost, "/graphql", touch, "Host", "inside.example", "Origin", "https://inside.example", "Content-Type", "application/json")
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if got := codes(body); got != "ok" || response.Header.Get("Access-Control-Allow-Origin") != "https://inside.example" {
		t.Errorf("a page of the host is answered with %s: %v", got, response.Header)
	}
}
