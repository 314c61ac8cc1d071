package transport_test

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"petitiond/server/transport"
)

const (
	friend   = "https://friend.example"
	stranger = "https://stranger.example"
)

// TestPagesOfOtherSites asks for the right to send each kind of request, from pages of each kind of site.
func TestPagesOfOtherSites(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		allowed  []string
		loopback bool
		origin   string
		want     string // Access-Control-Allow-Origin
	}{
		{"Named", []string{friend}, false, friend, friend},
		{"NotNamed", []string{friend}, false, stranger, ""},
		{"Star", []string{"*"}, false, stranger, "*"},
		{"StarBesideNames", []string{friend, "*"}, false, stranger, "*"},
		{"StarForNamed", []string{friend, "*"}, false, friend, "*"},
		{"StarForFiles", []string{"*"}, false, "null", "*"},
		{"StarIsNoName", []string{friend}, false, "*", ""},
		{"Localhost", nil, true, "http://localhost:5173", "http://localhost:5173"},
		{"LocalhostOfTLS", nil, true, "https://localhost", "https://localhost"},
		{"LocalhostBelow", nil, true, "http://shop.localhost:3000", "http://shop.localhost:3000"},
		{"Loopback", nil, true, "http://127.0.0.1:65535", "http://127.0.0.1:65535"},
		{"LoopbackOther", nil, true, "http://127.1.2.3:80", "http://127.1.2.3:80"},
		{"LoopbackOfIPv6", nil, true, "http://[::1]:8000", "http://[::1]:8000"},
		{"LoopbackInProduction", nil, false, "http://localhost:5173", ""},
		{"NotLoopback", nil, true, "http://192.168.0.2:5173", ""},
		{"LikeLocalhost", nil, true, "http://localhost.stranger.example", ""},
		{"LikeLocalhostBehind", nil, true, "http://notlocalhost", ""},
		{"LikeLoopback", nil, true, "http://127.0.0.1.stranger.example", ""},
		{"Files", nil, true, "null", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, server := serve(t, transport.Options{AllowedOrigins: test.allowed, LoopbackOrigins: test.loopback})
			for _, method := range []string{"GET", "POST", "PUT", "DELETE"} {
				const headers = "authorization,content-type,traceparent,x-anything"
				got := ask(t, http.MethodOptions, server, "", "Origin: "+test.origin,
					"Access-Control-Request-Method: "+method, "Access-Control-Request-Headers: "+headers).header
				want := map[string]string{"Origin": test.want, "Headers": headers, "Methods": method}
				if test.want == "" {
					want = map[string]string{"Origin": "", "Headers": "", "Methods": ""}
				}
				told := map[string]string{}
				for name := range want {
					told[name] = got.Get("Access-Control-Allow-" + name)
				}
				if diff := cmp.Diff(want, told); diff != "" {
					t.Errorf("%s (-want +got):\n%s", method, diff)
				}
			}
			for _, got := range []reply{
				ask(t, http.MethodPost, server, hello, "Origin: "+test.origin),
				ask(t, http.MethodGet, server+"?query={hello}", "", "Origin: "+test.origin),
				ask(t, http.MethodPost, server, `{`, "Origin: "+test.origin), // faults are for pages to read, too
			} {
				if diff := cmp.Diff(test.want, got.header.Get("Access-Control-Allow-Origin")); diff != "" {
					t.Errorf("%d: allowed origin (-want +got):\n%s", got.status, diff)
				}
				if got.header.Get("Access-Control-Allow-Credentials") != "" {
					t.Error("cookies are allowed")
				}
			}
			conn, status := dial(t, server, "Origin: "+test.origin)
			if opened := conn != nil; opened != (test.want != "") {
				t.Errorf("a socket is answered with %d", status)
			}
		})
	}
}

// TestPagesThatMayRead lets pages of all sites read, over every protocol, and those of named ones write.
func TestPagesThatMayRead(t *testing.T) {
	t.Parallel()
	s := newStation()
	o := s.options()
	o.AllowedOrigins = []string{"*", friend}
	_, server := serve(t, o)
	own := server // the origin of our own pages is that of the server
	mutation := query("mutation { __typename touch }")
	for origin, writes := range map[string]bool{friend: true, own: true, "": true, stranger: false, "null": false} {
		from := "Origin: " + origin
		code := ""
		if !writes {
			code = "FORBIDDEN"
		}
		for name, got := range map[string]reply{
			"mutation":                 ask(t, http.MethodPost, server, mutation, from),
			"mutation with credential": ask(t, http.MethodPost, server, mutation, from, "Authorization: Bearer good"),
			"mutation as events":       ask(t, http.MethodPost, server, mutation, from, events),
			"mutation in a document":   ask(t, http.MethodPost, server, `{"query":"query A { hello } mutation B { touch }","operationName":"B"}`, from),
		} {
			told := got.code()
			if strings.HasPrefix(got.body, ":") { // a stream
				told = ""
			}
			if told != code || (got.status == http.StatusForbidden) == writes {
				t.Errorf("%s from %q: %d %s", name, origin, got.status, got.body)
			}
		}
		for name, got := range map[string]reply{
			"query":     ask(t, http.MethodPost, server, hello, from),
			"query GET": ask(t, http.MethodGet, server+"?query={hello}", "", from),
		} {
			if got.status != http.StatusOK || got.code() != "" {
				t.Errorf("%s from %q: %d %s", name, origin, got.status, got.body)
			}
		}
		onStream(t, server, from, code)
		onSocket(t, server, from, code)
	}
}

// onStream sends a query and a mutation over an event stream. The mutation has an error with that code.
func onStream(t *testing.T, server, from, code string) {
	t.Helper()
	token := ask(t, http.MethodPut, server, "", from).body
	lines := stream(t, request(t, http.MethodGet, server+"?token="+token, nil, events, from))
	if got := beside(t, server, token, "1", "{ hello }", from); got.status != http.StatusAccepted {
		t.Errorf("a query beside a stream, %s: %d %s", from, got.status, got.body)
	}
	skim(t, lines, `data: {"id":"1","payload":{"data":{"hello":"world"}}}`)
	got := beside(t, server, token, "2", "mutation { touch }", from)
	if got.code() != code {
		t.Errorf("a mutation beside a stream, %s: %d %s", from, got.status, got.body)
	}
}

// onSocket does the same over a WebSocket.
func onSocket(t *testing.T, server, from, code string) {
	t.Helper()
	headers := []string{from}
	if from == "Origin: " {
		headers = nil
	}
	conn, status := dial(t, server, headers...)
	if conn == nil {
		t.Fatalf("a socket, %s: %d", from, status)
	}
	tell(t, conn, message{Type: "connection_init"})
	hear(t, conn)
	tell(t, conn, subscribe("1", "{ hello }"))
	if got := hear(t, conn); got.Type != "next" {
		t.Errorf("a query over a socket, %s: %s %s", from, got.Type, got.Payload)
	}
	hear(t, conn) // complete
	tell(t, conn, subscribe("2", "mutation { __typename touch }"))
	switch got := hear(t, conn); {
	case code == "" && got.Type != "next", code != "" && (got.Type != "error" || !strings.Contains(string(got.Payload), code)):
		t.Errorf("a mutation over a socket, %s: %s %s", from, got.Type, got.Payload)
	}
}

// logged keeps what is logged.
type logged struct {
	mu sync.Mutex
	bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Buffer.Write(p)
}

func (l *logged) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.String(), text)
}

// TestRefusedOriginsAreLogged: each once, by its name and whichever way it came; no more than a hundred of them; and
// nothing that is no origin.
func TestRefusedOriginsAreLogged(t *testing.T) {
	t.Parallel()
	log := &logged{}
	_, server := serve(t, transport.Options{AllowedOrigins: []string{friend}, Logger: slog.New(slog.NewTextHandler(log, nil))})
	preflight := func(origin string) {
		ask(t, http.MethodOptions, server, "", "Origin: "+origin, "Access-Control-Request-Method: POST")
	}
	for range 3 {
		preflight(friend)
		preflight(server)
		preflight(stranger)
		ask(t, http.MethodGet, server+"?query={hello}", "", "Origin: "+stranger)
		dial(t, server, "Origin: "+stranger)
		dial(t, server, "Origin: https://socket.example")
		preflight("null")
	}
	for _, hostile := range []string{
		"canary", "https://canary/path", "https://user:canary@host.example", "https://host.example?canary", "https://host.example canary",
		"https://canary." + strings.Repeat("a", 400), "https://<canary>",
	} {
		preflight(hostile)
	}
	for origin, want := range map[string]int{"=" + stranger: 1, "=https://socket.example": 1, "=null": 1, "=" + friend: 0, "=" + server: 0, "canary": 0} {
		if got := log.count(origin); got != want {
			t.Errorf("%q is logged %d times, want %d", origin, got, want)
		}
	}
	if log.count("PETITION_ALLOWED_ORIGINS") == 0 {
		t.Error("the log does not say where to allow an origin")
	}
	var crowd sync.WaitGroup
	for i := range 300 {
		crowd.Go(func() { preflight(fmt.Sprintf("https://n%d.example", i)) })
	}
	crowd.Wait()
	if got := log.count("level=WARN"); got != 100 {
		t.Errorf("%d lines, want a hundred", got)
	}
}

// TestHostsThatAreNotOurs: a page under a name that leads here would be shown every answer, whatever it asks and
// whichever pages may read, since its browser takes us for its own site. So there is none.
func TestHostsThatAreNotOurs(t *testing.T) {
	t.Parallel()
	for _, allowed := range [][]string{nil, {"*"}} {
		o := newStation().options()
		o.OwnHost, o.AllowedOrigins = transport.OwnHosts("https://site.example", slog.New(slog.DiscardHandler)), allowed
		_, server := serve(t, o)
		for host, own := range map[string]bool{"site.example": true, "localhost:80": true, "stranger.example": false} {
			for name, c := range map[string]struct {
				method, target, body string
				headers              []string
				want                 int
			}{
				"query":        {http.MethodPost, "", hello, nil, http.StatusOK},
				"query by GET": {http.MethodGet, "?query={hello}", "", nil, http.StatusOK},
				"mutation":     {http.MethodPost, "", query("mutation { touch }"), []string{"Origin: http://" + host}, http.StatusOK},
				"events":       {http.MethodPost, "", hello, []string{events}, http.StatusOK},
				"stream":       {http.MethodPut, "", "", nil, http.StatusCreated},
				"end":          {http.MethodDelete, "?operationId=1", "", []string{"X-GraphQL-Event-Stream-Token: none"}, http.StatusNotFound},
				"socket": {http.MethodGet, "", "", []string{
					"Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
					"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==", "Sec-WebSocket-Protocol: graphql-transport-ws",
				}, http.StatusSwitchingProtocols},
			} {
				r := request(t, c.method, server+c.target, strings.NewReader(c.body), c.headers...)
				r.Host = host
				resp, err := http.DefaultTransport.RoundTrip(r)
				if err != nil {
					t.Fatal(err)
				}
				if own {
					_ = resp.Body.Close()
					if resp.StatusCode != c.want {
						t.Errorf("%v, %s for %s: %d, want %d", allowed, name, host, resp.StatusCode, c.want)
					}
					continue
				}
				body, err := io.ReadAll(resp.Body)
				_ = resp.Body.Close()
				got := reply{status: resp.StatusCode, body: string(body)}
				if err != nil || got.status != http.StatusMisdirectedRequest || got.code() != "BAD_REQUEST" || !strings.Contains(got.body, "PETITION_PUBLIC_URL=http://"+host+" ") {
					t.Errorf("%v, %s for %s: %v %d %s", allowed, name, host, err, got.status, got.body)
				}
			}
		}
	}
}

// TestRefusedHostsAreNamed: answers and the log name a host that was refused, the log once, and nothing else that a
// client may have sent as a host.
func TestRefusedHostsAreNamed(t *testing.T) {
	t.Parallel()
	log := &logged{}
	own := transport.OwnHosts("", slog.New(slog.NewTextHandler(log, nil)))
	for host, name := range map[string]string{"box.lan:8080": "box.lan", "Studio.Stranger.example": "studio.stranger.example"} {
		for range 3 {
			if own(host) {
				t.Errorf("%q is our own", host)
			}
		}
		if got := log.count("host=" + name); got != 1 {
			t.Errorf("%q is logged %d times", name, got)
		}
		if got := transport.Misdirected(host); !strings.Contains(got, "the host "+host+". ") || !strings.Contains(got, "PETITION_PUBLIC_URL=http://"+host+" ") {
			t.Errorf("%q is answered with %q", host, got)
		}
	}
	for _, hostile := range []string{
		"<canary>.example", "canary.example&x", "canary'.example", "canary;.example", "canary.example:", "canary.example:123456", "canary@b.example",
		"canary." + strings.Repeat("a", 253), "canary\n.example", "кanary.example",
	} {
		own(hostile)
		if got := transport.Misdirected(hostile); strings.Contains(got, "anary") || !strings.Contains(got, "http://HOST:PORT ") {
			t.Errorf("%q is answered with %q", hostile, got)
		}
	}
	for i := range 300 {
		own(fmt.Sprintf("n%d.stranger.example", i))
	}
	if got := log.count("level=WARN"); got != 100 || log.count("anary") > 0 {
		t.Errorf("%d lines, want a hundred, and none with a canary", got)
	}
}

// TestOwnHosts: names that somebody can register are the site's own only if the site has one of them.
func TestOwnHosts(t *testing.T) {
	t.Parallel()
	for site, hosts := range map[string]map[string]bool{
		"": {
			"localhost": true, "LOCALHOST:8080": true, "shop.localhost:8080": true, "127.0.0.1:8080": true, "192.0.2.7": true,
			"[::1]": true, "[2001:db8::1]:8080": true, "[fe80::1%25eth0]:80": true, "petitiond:8080": true, "host.docker.internal:8080": true,
			"studio.local": true, "petitions.test:8080": true, "": true,
			"stranger.example": false, "stranger.example:8080": false, "127.0.0.1.stranger.example": false, "localhost.stranger.example": false,
			"local.stranger.example": false, "notlocal.example": false, "stranger.example.": false,
			"localhost.": true, "localhost.:8080": true, "box.home.arpa": true, "home.arpa": false, "arpa": true, "stranger.arpa": false,
			"box.lan": false, "fritz.box": false, "petitiond.default.svc": false, "nothome.arpa": false, "localhost..": false, ".example": false,
			"xn--e1afmkfd.xn--p1ai": false, "localhost:80@stranger.example": false,
		},
		"https://Petitions.example:8443": {
			"petitions.example": true, "PETITIONS.example:8080": true, "localhost": true,
			"www.petitions.example": false, "petitions.example.stranger.example": false, "example": true,
		},
	} {
		own := transport.OwnHosts(site, slog.New(slog.DiscardHandler))
		for host, want := range hosts {
			if got := own(host); got != want {
				t.Errorf("of the site %q, %q is its own: %v, want %v", site, host, got, want)
			}
		}
	}
}
