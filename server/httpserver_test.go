package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"petitiond/server/database"
	"petitiond/server/database/dbtest"
	"petitiond/server/httpserver"
	"petitiond/server/settings"
)

// announce returns the header of a request whose body does not follow.
func announce(method, path string, headers ...string) string {
	lines := append([]string{method + " " + path + " HTTP/1.1", "Host: localhost"}, headers...)
	if !strings.Contains(strings.Join(headers, "\n"), "Transfer-Encoding") {
		lines = append(lines, "Content-Length: 10")
	}
	return strings.Join(lines, "\r\n") + "\r\n\r\n"
}

// ended sends a request and gives the status of its answer, if that is the last one and the connection ends behind it.
func (w *wire) ended(t *testing.T, text string) (status int) {
	t.Helper()
	w.wait(20 * time.Second)
	w.say(text)
	method, _, _ := strings.Cut(text, " ")
	response, err := http.ReadResponse(w.in, &http.Request{Method: method})
	if err != nil {
		t.Errorf("%.60q: no answer: %v", text, err)
		return 0
	}
	_, _ = io.Copy(io.Discard, response.Body)
	_ = response.Body.Close()
	if !response.Close {
		t.Errorf("%.60q: the answer does not say that the connection ends", text)
	}
	if _, err := w.in.ReadByte(); !errors.Is(err, io.EOF) {
		t.Errorf("%.60q: the connection is open after the answer: %v", text, err)
	}
	return response.StatusCode
}

// A body that never comes keeps no answer back and no connection open, whatever is asked for.
func TestBodiesThatNeverCome(t *testing.T) {
	t.Parallel()
	const query = "/graphql?query=%7B__typename%7D"
	const json = "Content-Type: application/json"
	eachDatabase(t, func(t *testing.T, environment []string) {
		s := start(t, append(environment, "PETITION_MAX_BODY_TIME=1m"))
		tests := []struct {
			text string
			want int
		}{
			{announce("GET", "/healthz"), 200},
			{announce("HEAD", "/healthz"), 200},
			{announce("GET", "/healthz", "Transfer-Encoding: chunked"), 200},
			{announce("POST", "/healthz"), 405},
			{announce("GET", "/readyz"), 200},
			{announce("GET", "/metrics"), 200},
			{announce("GET", "/schema.graphqls"), 200},
			{announce("GET", "/schema.graphqls", "Accept-Encoding: gzip"), 200},
			{announce("GET", "/"), 200},
			{announce("POST", "/"), 405},
			{announce("GET", "/graphiql"), 200},
			{announce("GET", "/p/nothing"), 404},
			{announce("GET", "/nowhere"), 404},
			{announce("GET", "//nowhere"), 307},
			{announce("OPTIONS", "*"), 200},
			{announce("GET", "/healthz", "Expect: more"), 417},
			{announce("GET", "/healthz", "Expect: 100-continue"), 200},
			{announce("POST", "/graphql", "Content-Type: text/plain"), 415},
			{announce("POST", "/graphql", "Content-Type: text/plain", "Transfer-Encoding: chunked"), 415},
			{announce("POST", "/graphql", "Content-Type: text/plain", "Expect: 100-continue"), 415},
			{announce("POST", "/graphql", json, "Authorization: Bearer pe_nobody"), 401},
			{announce("POST", "/graphql", json, "Accept: image/png"), 406},
			{announce("PUT", "/graphql"), 201},
			{announce("GET", query), 200},
			{announce("HEAD", query), 200},
			{announce("GET", query, "Transfer-Encoding: chunked"), 200},
			{announce("DELETE", "/graphql?operationId=a", "X-GraphQL-Event-Stream-Token: a"), 404},
			{announce("OPTIONS", "/graphql"), 204},
			{announce("PATCH", "/graphql"), 405},
			{announce("GET", "/graphql", "Upgrade: websocket"), 426},
			{announce("GET", query) + "12345", 200}, // a half
		}
		share(len(tests), func(i int) {
			if status := s.wire(t).ended(t, tests[i].text); status != tests[i].want {
				t.Errorf("%.60q: %d, want %d", tests[i].text, status, tests[i].want)
			}
		})
	})
}

// A body that is needed has its time, and no more.
func TestBodiesThatAreNeeded(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, environment []string) {
		s := start(t, append(environment, "PETITION_MAX_BODY_TIME=1s"))
		tests := []string{
			announce("POST", "/graphql", "Content-Type: application/json"),
			announce("POST", "/graphql", "Content-Type: application/json") + `{"que`,
			announce("POST", "/graphql", "Content-Type: application/json", "Transfer-Encoding: chunked"),
			announce("POST", "/graphql", "Content-Type: application/json", "Transfer-Encoding: chunked") + "5\r\n{\"que\r\n",
		}
		share(len(tests), func(i int) {
			if status := s.wire(t).ended(t, tests[i]); status != http.StatusRequestTimeout {
				t.Errorf("%.60q: %d, want 408", tests[i], status)
			}
		})
	})
}

// Who sends what was announced, or announces nothing, keeps the connection. One whose body has no announced length is
// answered and loses it: a proxy may have believed another length.
func TestConnectionsAreKept(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, environment []string) {
		s := start(t, environment)
		w := s.wire(t)
		w.wait(20 * time.Second)
		get := "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
		body := `{"query":"{ __typename }"}`
		post := fmt.Sprintf("POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"+
			"Content-Length: %d\r\n\r\n%s", len(body), body)
		chunked := fmt.Sprintf("POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"+
			"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(body), body)
		for _, text := range []string{get, get + get + get, post, post + post + get, get + post + chunked} {
			w.say(text)
			requests := strings.Count(text, "HTTP/1.1")
			for i := range requests {
				response, err := http.ReadResponse(w.in, nil)
				if err != nil {
					t.Fatalf("%.60q: %v", text, err)
				}
				_, _ = io.Copy(io.Discard, response.Body)
				_ = response.Body.Close()
				if last := strings.HasSuffix(text, chunked) && i == requests-1; response.StatusCode != http.StatusOK || response.Close != last {
					t.Errorf("%.60q: %d, close: %v", text, response.StatusCode, response.Close)
				}
			}
		}
	})
}

// What a handler has taken over has no deadline of a request, and no place among the plain connections.
func TestStreamsOutliveDeadlines(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, environment []string) {
		s := start(t, append(environment, "PETITION_MAX_BODY_TIME=1s", "PETITION_MAX_ANSWER_TIME=1s",
			"PETITION_MAX_CONNECTIONS=16", "PETITION_MAX_CONNECTIONS_PER_ADDRESS=8"))
		id, _ := s.open(t)
		events := s.subscribe(t, id)
		socket := s.initialised(t)
		socket.say(textFrames(subscribe("a", fmt.Sprintf(`subscription { signatureCount(petitionId: %q) { total } }`, id))))
		if m := socket.message(); m.Type != "next" {
			t.Fatalf("want the present value, got %+v", m)
		}
		<-events
		// Those who press on the places, and whose own time goes by.
		for range 20 {
			refused := announce("POST", "/graphql", "Content-Type: application/json", "Accept: image/png")
			if status := s.wire(t).ended(t, refused); status != 406 {
				t.Fatalf("status %d", status)
			}
			s.wire(t)
		}
		if status := s.wire(t).ended(t, announce("POST", "/graphql", "Content-Type: application/json")); status != 408 {
			t.Fatalf("status %d", status)
		}
		if !s.sign(t, id, "ann@example.org") {
			t.Fatal("not acknowledged")
		}
		if total, open := <-events; !open || total != 1 {
			t.Errorf("the event stream tells %d, open: %v", total, open)
		}
		if m := socket.message(); m.Type != "next" || !strings.Contains(string(m.Payload), `"total":1`) {
			t.Errorf("the socket tells %s %s", m.Type, m.Payload)
		}
	})
}

// from connects from an address of the loopback.
func (s *site) from(t *testing.T, address string) *wire {
	t.Helper()
	dialer := net.Dialer{Timeout: 10 * time.Second, LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
	conn, err := dialer.Dial("tcp", s.Address())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return newWire(conn)
}

// holdOpen opens connections of an address that do nothing, in each way to do so.
func (s *site) holdOpen(t *testing.T, address string, n int) (held []*wire) {
	t.Helper()
	for i := range n {
		w := s.from(t, address)
		w.say([]string{
			"", "GET /heal", "GET /healthz HTTP/1.1\r\nHost: loc",
			announce("POST", "/graphql", "Content-Type: application/json"),
			announce("POST", "/graphql", "Content-Type: application/json") + `{"que`,
			"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
		}[i%6])
		held = append(held, w)
	}
	return held
}

// opened waits until the server has so many plain connections; the kernel accepts them before the server does.
func (s *site) opened(t *testing.T, n int) {
	t.Helper()
	for until := time.Now().Add(20 * time.Second); s.doors[0].server.Open() < n; time.Sleep(time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("%d connections are open, want %d", s.doors[0].server.Open(), n)
		}
	}
}

// Whoever holds connections that do nothing shuts nobody out, and does not keep more of them than an address may have.
func TestIdleConnectionsGiveWay(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, environment []string) {
		s := start(t, append(environment, "PETITION_MAX_CONNECTIONS=16", "PETITION_MAX_CONNECTIONS_PER_ADDRESS=8",
			"PETITION_MAX_BODY_TIME=1m"))
		healthy := func(address string) {
			t.Helper()
			w := s.from(t, address)
			w.wait(20 * time.Second)
			w.say("GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
			if got := w.answer(); got != "200" {
				t.Errorf("%s: /healthz answers %q", address, got)
			}
		}
		held := s.holdOpen(t, "127.0.0.2", 120)
		healthy("127.0.0.2")
		healthy("127.0.0.3")
		// Half of them would be open for a minute if none had to go.
		gone := make(chan struct{}, len(held))
		for _, w := range held {
			w.wait(time.Minute / 2)
			go func() {
				if _, err := io.Copy(io.Discard, w); !errors.Is(err, os.ErrDeadlineExceeded) {
					gone <- struct{}{}
				}
			}()
		}
		for i := range 100 {
			select {
			case <-gone:
			case <-time.After(20 * time.Second):
				t.Fatalf("%d connections have gone, want 100", i)
			}
		}
		for i := range 10 { // eight each: all places, many times
			s.holdOpen(t, fmt.Sprintf("127.0.0.%d", 10+i), 12)
		}
		healthy("127.0.0.2")
		healthy("127.0.0.99")
		if open := s.doors[0].server.Open(); open > 16 {
			t.Errorf("%d connections are open, of 16", open)
		}
		contains(t, s.log.String(), "a client has reached the limit of connections per address",
			"the limit of connections is reached")
		if strings.Contains(s.log.String(), "127.0.0.2") {
			t.Errorf("the log has an address of a client:\n%s", s.log)
		}
	})
}

// A trusted proxy brings everybody, and a load test has the limits off: neither has a limit of an address.
func TestAddressesWithoutALimit(t *testing.T) {
	t.Parallel()
	for _, setting := range []string{"PETITION_TRUSTED_PROXIES=127.0.0.0/8", "PETITION_RATE_LIMITS=off"} {
		eachDatabase(t, func(t *testing.T, environment []string) {
			s := start(t, append(environment, "PETITION_MAX_CONNECTIONS=32", "PETITION_MAX_CONNECTIONS_PER_ADDRESS=8",
				setting))
			s.holdOpen(t, "127.0.0.2", 30)
			s.opened(t, 30)
			if strings.Contains(s.log.String(), "the limit of connections per address") {
				t.Errorf("%s: limited all the same", setting)
			}
		})
	}
}

// Requests that do not come whole hold up no stop.
func TestStopIsNotHeldUp(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, environment []string) {
		s := start(t, append(environment, "PETITION_DRAIN=30s", "PETITION_MAX_BODY_TIME=1m"))
		s.holdOpen(t, "127.0.0.1", 30)
		s.wire(t).say(announce("GET", "/"))
		s.opened(t, 30)
		began := time.Now()
		s.stop()
		if took := time.Since(began); took > 15*time.Second {
			t.Errorf("stopping took %s", took)
		}
		if strings.Contains(s.log.String(), "did not end in time") {
			t.Errorf("connections had to be cut:\n%s", s.log)
		}
	})
}

// In production metrics have an address of their own or none, and errors suggest no names; the schema stays public.
func TestProductionServesLess(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, environment []string) {
		key := filepath.Join(t.TempDir(), "secret.key")
		if err := os.WriteFile(key, []byte("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="), 0o600); err != nil {
			t.Fatal(err)
		}
		environment = append(environment[:len(environment)-1], "PETITION_SECRET_FILE="+key, "PETITION_ENV=production",
			"PETITION_PUBLIC_URL=https://petitions.example.org", "PETITION_CONFIRMATION=none", "PETITION_REVIEW=off")
		s := start(t, environment)
		if status, _ := s.get(t, "/metrics"); status != http.StatusNotFound {
			t.Errorf("/metrics answers %d on the public address", status)
		}
		if status, body := s.get(t, "/graphiql"); status != http.StatusOK {
			t.Errorf("/graphiql answers %d %.100s", status, body)
		}
		contains(t, string(s.send(t, "", `{ __schema { queryType { name } } }`, nil)), `"queryType"`)
		for _, query := range []string{
			`{ petitin { id } }`, `{ petitions(frist: 1) { totalCount } }`, `{ nodes(ids: []) { ... on Petitio { id } } }`,
		} {
			said := string(s.send(t, "", query, nil))
			if strings.Contains(said, "id you mean") || !strings.Contains(said, "VALIDATION") {
				t.Errorf("%s is answered with %s", query, said)
			}
		}
		s.stop()

		s = start(t, append(environment, "PETITION_METRICS_LISTEN=127.0.0.1:0"))
		if status, _ := s.get(t, "/metrics"); status != http.StatusNotFound {
			t.Errorf("/metrics answers %d on the public address, beside its own", status)
		}
		s.url = "http://" + s.doors[1].Addr().String()
		if _, body := s.get(t, "/metrics"); !strings.Contains(body, "petitiond_plain_connections") {
			t.Errorf("/metrics on its own address: %.200s", body)
		}
		for _, path := range []string{"/", "/healthz", "/graphql?query={__typename}"} {
			if status, _ := s.get(t, path); status != http.StatusNotFound {
				t.Errorf("%s answers %d where only metrics are", path, status)
			}
		}
		w, err := dialWire(s.doors[1].Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		if status := w.ended(t, announce("GET", "/metrics")); status != http.StatusOK {
			t.Errorf("metrics for a body that never comes: %d", status)
		}
	})
}

// Development suggests names, and its metrics move where they are told to.
func TestDevelopmentServesMore(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, environment []string) {
		s := start(t, append(environment, "PETITION_METRICS_LISTEN=127.0.0.1:0"))
		contains(t, string(s.send(t, "", `{ petitin { id } }`, nil)), "Did you mean")
		if status, _ := s.get(t, "/metrics"); status != http.StatusNotFound {
			t.Errorf("/metrics answers %d on the first address, beside its own", status)
		}
	})
}

// A panic of any handler is answered and logged, without what was thrown.
func TestPanicsAreLogged(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, environment []string) {
		s := start(t, environment)
		broken := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			panic("canary@example.org")
		})
		handler := s.metrics.counting("/broken", broken)
		server := httptest.NewServer(httpserver.New(s.edge(handler)))
		defer server.Close()
		response, err := client.Get(server.URL)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if response.StatusCode != http.StatusInternalServerError || strings.Contains(string(text), "canary") {
			t.Errorf("got %d %s", response.StatusCode, text)
		}
		contains(t, s.log.String(), "level=ERROR", "panic", "type=string", "httpserver_test.go")
		if strings.Contains(s.log.String(), "canary") {
			t.Errorf("the log has what was thrown:\n%s", s.log)
		}
		counted := `petitiond_http_requests_total{code="500",route="/broken"} 1`
		if _, body := s.get(t, "/metrics"); !strings.Contains(body, counted) {
			t.Error("the metrics do not count a panic as 500")
		}
	})
}

// Readiness is told within two seconds, also where the database's driver does not notice that nobody waits any longer.
func TestReadyInTime(t *testing.T) {
	t.Parallel()
	url := dbtest.URL(t, database.SQLite)
	synctest.Test(t, func(t *testing.T) {
		db, err := database.Open(t.Context(), url) // for its clock
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		a, thaw := &App{core: &core{db: db}}, make(chan struct{})
		var asked atomic.Int64
		a.migrated.question = func(context.Context) (bool, error) {
			asked.Add(1)
			<-thaw
			return true, nil
		}
		ask := func() (status int, took time.Duration) {
			began, w := time.Now(), httptest.NewRecorder()
			a.ready(w, httptest.NewRequest(http.MethodGet, "/readyz", http.NoBody))
			return w.Code, time.Since(began)
		}
		for range 10 {
			if status, took := ask(); status != http.StatusServiceUnavailable || took != 2*time.Second {
				t.Errorf("%d after %s", status, took)
			}
		}
		if n := asked.Load(); n != 1 {
			t.Errorf("%d questions wait for a database that does not answer", n)
		}
		close(thaw)
		synctest.Wait()
		if status, took := ask(); status != http.StatusOK || took != 0 {
			t.Errorf("%d after %s when the database answers again", status, took)
		}
	})
}

// A handshake from which a proxy has taken what makes it one: the answer says what. HTTP/1.0 has no upgrades.
func TestUpgradeThatAProxyHasDropped(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, environment []string) {
		s := start(t, environment)
		for _, dropped := range [][2]string{
			{"HTTP/1.1", "HTTP/1.0"}, {"Upgrade: websocket\r\n", ""}, {"Connection: Upgrade\r\n", "Connection: close\r\n"},
		} {
			w := s.wire(t)
			w.wait(20 * time.Second)
			handshake := upgrade(s.Address())
			if !strings.Contains(handshake, dropped[0]) {
				t.Fatalf("the handshake has no %q", dropped[0])
			}
			w.say(strings.Replace(handshake, dropped[0], dropped[1], 1))
			response, err := http.ReadResponse(bufio.NewReader(w), nil)
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(response.Body)
			_ = response.Body.Close()
			if err != nil || response.StatusCode != http.StatusUpgradeRequired || response.Header.Get("Upgrade") != "websocket" {
				t.Errorf("%q: got %d, upgrade to %q: %v", dropped[0], response.StatusCode, response.Header.Get("Upgrade"), err)
			}
			contains(t, string(text), "BAD_REQUEST", "a proxy in front of the server must pass them on")
		}
	})
}

// What the system allows is enough for all that may be open at once.
func TestDivide(t *testing.T) {
	t.Parallel()
	c, _, err := settings.Load(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	for descriptors, want := range map[int][2]int{
		256: {64, 1}, 1024: {256, 268}, 4096: {1024, 2572}, 20_000: {4000, 15_500},
		65_536: {4000, 60_000}, 1 << 30: {4000, 60_000},
	} {
		connections, sockets := divide(c, descriptors)
		if connections != want[0] || sockets != want[1] {
			t.Errorf("of %d descriptors: %d plain connections and %d sockets, want %v", descriptors, connections, sockets, want)
		}
	}
}

// Settings of more than there is are warned of, with what to do; the defaults are not.
func TestExcesses(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		environment []string
		want        string
	}{
		{nil, ""},
		{[]string{"PETITION_MEMORY=4GiB", "PETITION_MAX_SOCKETS=15500"}, ""},
		{[]string{"PETITION_MAX_SOCKETS=15501"}, "PETITION_MAX_SOCKETS is more than the 15500 that"},
		{[]string{"PETITION_MEMORY=999999GiB"}, "PETITION_MEMORY is more than the 4096 MiB that"},
	} {
		c, _, err := settings.Load(nil, test.environment)
		if err != nil {
			t.Fatal(err)
		}
		got := strings.Join(excesses(c, 20_000, 4<<30), "\n")
		if !strings.HasPrefix(got, test.want) || test.want == "" && got != "" || strings.Contains(got, "\n") {
			t.Errorf("%v: %q, want %q", test.environment, got, test.want)
		}
		if len(excesses(c, 1<<30, 0)) > 0 {
			t.Errorf("%v: what is unknown is exceeded", test.environment)
		}
	}
}

// A proxy that the settings do not name is noticed at its first request.
func TestUnnamedProxyIsNoticed(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, environment []string) {
		for _, named := range []bool{false, true} {
			if named {
				environment = append(environment, "PETITION_TRUSTED_PROXIES=127.0.0.0/8")
			}
			s := start(t, environment)
			for range 3 {
				w := s.wire(t)
				w.wait(20 * time.Second)
				w.say("GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: 203.0.113.9\r\nConnection: close\r\n\r\n")
				if got := w.answer(); got != "200" {
					t.Errorf("/healthz answers %q", got)
				}
			}
			warned := strings.Count(s.log.String(), "PETITION_TRUSTED_PROXIES")
			if want := map[bool]int{false: 1, true: 0}[named]; warned != want {
				t.Errorf("named: %v, warned %d times, want %d", named, warned, want)
			}
			s.stop()
		}
	})
}
