package transport_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"petitiond/server/transport"
)

// exchange sends bytes on a connection of their own and returns what comes back until the server closes it, or has
// answered so many requests.
func exchange(t *testing.T, server, bytes string, answers int) (statuses []int, text string) {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(server, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(conn, bytes); err != nil {
		t.Fatal(err)
	}
	reader := bufio.NewReader(conn)
	for range answers {
		resp, err := http.ReadResponse(reader, nil)
		if err != nil {
			t.Fatalf("after %v: %v", statuses, err)
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		statuses, text = append(statuses, resp.StatusCode), text+string(body)
	}
	return statuses, text
}

// post writes a request by hand.
func post(headers, body string) string {
	return "POST / HTTP/1.1\r\nHost: x\r\n" + headers + "\r\n" + body
}

func TestRawRequests(t *testing.T) {
	t.Parallel()
	_, server := serve(t, transport.Options{})
	const json = "Content-Type: application/json\r\n"
	length := fmt.Sprintf("Content-Length: %d\r\n", len(hello))
	chunked := func(parts ...string) string {
		text := ""
		for _, part := range parts {
			text += fmt.Sprintf("%x\r\n%s\r\n", len(part), part)
		}
		return text + "0\r\n\r\n"
	}
	tests := []struct {
		name, bytes string
		statuses    []int
		want        string
	}{
		{"Plain", post(json+length, hello), []int{200}, `{"data":{"hello":"world"}}`},
		{"TwoTypes", post(json+"Content-Type: text/plain\r\n"+length, hello), []int{415}, "UNSUPPORTED_MEDIA_TYPE"},
		{"TheSameTypeTwice", post(json+json+length, hello), []int{415}, "UNSUPPORTED_MEDIA_TYPE"},
		{"TwoTypesInALine", post("Content-Type: application/json, text/plain\r\n"+length, hello), []int{415}, "UNSUPPORTED_MEDIA_TYPE"},
		{"TwoEncodings", post(json+"Content-Encoding: identity\r\nContent-Encoding: gzip\r\n"+length, hello), []int{415}, "UNSUPPORTED_MEDIA_TYPE"},
		{"TwoCharsets", post("Content-Type: application/json; charset=utf-8; charset=latin1\r\n"+length, hello), []int{415}, "UNSUPPORTED_MEDIA_TYPE"},
		{"QuotedCharset", post("Content-Type: application/json; charset=\"utf-8\"\r\n"+length, hello), []int{200}, `"hello"`},
		{"Utf16", post("Content-Type: application/json; charset=utf-16\r\n"+length, hello), []int{415}, "UNSUPPORTED_MEDIA_TYPE"},
		{"Chunked", post(json+"Transfer-Encoding: chunked\r\n", chunked(hello[:5], hello[5:])), []int{200}, `"hello"`},
		{"ChunkedTooLarge", post(json+"Transfer-Encoding: chunked\r\n", chunked(strings.Repeat(" ", 600<<10), strings.Repeat(" ", 600<<10))), []int{413}, "PAYLOAD_TOO_LARGE"},
		{"BrokenChunk", post(json+"Transfer-Encoding: chunked\r\n", "zz\r\n"), []int{400}, "BAD_REQUEST"},
		{"OtherTransferEncoding", post(json+"Transfer-Encoding: gzip\r\n", hello), []int{501}, ""},
		{"TwoLengths", post(json+length+"Content-Length: 1\r\n", hello), []int{400}, ""},

		// Whoever asks first is told first, and sends nothing in vain.
		{"ExpectAndGo", post(json+length+"Expect: 100-continue\r\n", hello), []int{100, 200}, `"hello"`},
		{"ExpectTooLarge", post(json+"Content-Length: 2000000\r\nExpect: 100-continue\r\n", ""), []int{413}, "PAYLOAD_TOO_LARGE"},
		{"ExpectText", post("Content-Type: text/plain\r\nContent-Length: 70000\r\nExpect: 100-continue\r\n", ""), []int{415}, "UNSUPPORTED_MEDIA_TYPE"},
		{"ExpectNotAcceptable", post(json+length+"Accept: image/png\r\nExpect: 100-continue\r\n", ""), []int{406}, "BAD_REQUEST"},
		{"ExpectUnauthenticated", post(json+length+"Authorization: Bearer x\r\nExpect: 100-continue\r\n", ""), []int{401}, "UNAUTHENTICATED"},
		{"ExpectSomethingElse", post(json+length+"Expect: tea\r\n", ""), []int{417}, ""},

		{"TwoOnOneConnection", post(json+length, hello) + post(json+length, hello), []int{200, 200}, `"hello"`},
		{"LongQuery", "GET /?query=" + strings.Repeat("%20", 25<<10) + " HTTP/1.1\r\nHost: x\r\n\r\n", []int{413}, "PAYLOAD_TOO_LARGE"},
		{"Semicolon", "GET /?query={hello};x=1 HTTP/1.1\r\nHost: x\r\n\r\n", []int{400}, "BAD_REQUEST"},
		{"GetWithBody", "GET /?query={hello} HTTP/1.1\r\nHost: x\r\n" + json + length + "\r\n" + hello, []int{200}, `"hello"`},
		{"PostIgnoresTheURL", "POST /?query=mutation{touch} HTTP/1.1\r\nHost: x\r\n" + json + length + "\r\n" + hello, []int{200}, `"hello"`},
		{"Connect", "PROPFIND / HTTP/1.1\r\nHost: x\r\n\r\n", []int{405}, "METHOD_NOT_ALLOWED"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			statuses, text := exchange(t, server, test.bytes, len(test.statuses))
			if fmt.Sprint(statuses) != fmt.Sprint(test.statuses) || !strings.Contains(text, test.want) {
				t.Errorf("got %v %s, want %v %s", statuses, text, test.statuses, test.want)
			}
		})
	}
}

func TestHead(t *testing.T) {
	t.Parallel()
	_, server := serve(t, transport.Options{})
	tests := []struct {
		name, query string
		headers     []string
		status      int
		allow       string
	}{
		{"Query", "{hello}", nil, 200, ""},
		{"Invalid", "{nope}", []string{"Accept: application/graphql-response+json"}, 400, ""},
		{"Mutation", "mutation{touch}", nil, 405, "POST"},
		{"Subscription", "subscription{hello}", []string{events}, 405, "GET, POST"},
		{"EventsOfAQuery", "{hello}", []string{events}, 405, "GET, POST"},
	}
	for _, test := range tests {
		got := ask(t, http.MethodHead, server+"?query="+test.query, "", test.headers...)
		if got.status != test.status || got.body != "" || got.header.Get("Allow") != test.allow {
			t.Errorf("%s: got %d, Allow %q, %q", test.name, got.status, got.header.Get("Allow"), got.body)
		}
		if got.header.Get("Content-Type") == "" || got.header.Get("Content-Length") == "0" {
			t.Errorf("%s: got %v, want what GET would have", test.name, got.header)
		}
	}
}

func TestVary(t *testing.T) {
	t.Parallel()
	_, server := serve(t, transport.Options{})
	got := strings.Join(ask(t, http.MethodGet, server+"?query={hello}", "").header.Values("Vary"), ", ")
	for _, name := range []string{"Accept", "Authorization", "X-GraphQL-Cost", "Origin", "Accept-Encoding"} {
		if strings.Count(", "+got+",", ", "+name+",") != 1 {
			t.Errorf("Vary has no %s, or has it twice: %s", name, got)
		}
	}
}

// What comes byte by byte is given up when its time is over, however alive it looks.
func TestTrickle(t *testing.T) {
	t.Parallel()
	limits := transport.DefaultLimits()
	limits.Read = 200 * time.Millisecond
	_, server := serve(t, transport.Options{Limits: limits})
	conn, err := net.Dial("tcp", strings.TrimPrefix(server, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := io.WriteString(conn, post("Content-Type: application/json\r\nContent-Length: 60000\r\n", "")); err != nil {
		t.Fatal(err)
	}
	began, stop := time.Now(), make(chan struct{})
	go func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(20 * time.Millisecond): // slowly, by the clock of the connection's deadline
				_, _ = io.WriteString(conn, " ")
			}
		}
	}()
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	close(stop)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if took := time.Since(began); resp.StatusCode != http.StatusRequestTimeout || !resp.Close || took > 5*time.Second {
		t.Errorf("got %d after %s, close: %v", resp.StatusCode, took, resp.Close)
	}
}

// A client that does not read its answer does not keep us.
func TestNeverReading(t *testing.T) {
	t.Parallel()
	limits := transport.DefaultLimits()
	limits.Write = 100 * time.Millisecond
	for name, headers := range map[string]string{"Plain": "", "Compressed": "Accept-Encoding: gzip\r\n"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			schema := newStub()
			schema.resolvers["hello"] = func(context.Context, map[string]any) (any, error) {
				return noise(12 << 20), nil // more than what the kernel takes for us
			}
			tr := transport.New(transport.Options{Schema: schema, Limits: limits})
			done := make(chan struct{})
			server := httptest.NewServer(behindEdge(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				defer close(done)
				tr.ServeHTTP(w, r)
			}), limits))
			t.Cleanup(server.Close)
			conn, err := net.Dial("tcp", strings.TrimPrefix(server.URL, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			if err := conn.(*net.TCPConn).SetReadBuffer(64 << 10); err != nil {
				t.Fatal(err)
			}
			length := fmt.Sprintf("Content-Type: application/json\r\nContent-Length: %d\r\n", len(hello))
			if _, err := io.WriteString(conn, post(headers+length, hello)); err != nil {
				t.Fatal(err)
			}
			select {
			case <-done:
			case <-time.After(time.Minute):
				t.Fatal("the answer is still being written")
			}
		})
	}
}

// noise is text that does not compress to nothing.
func noise(n int) string {
	text, state := make([]byte, n), uint32(1)
	for i := range text {
		state = state*1664525 + 1013904223
		text[i] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_"[state>>26]
	}
	return string(text)
}

// Pages of allowed origins may send what clients send, and nobody else anything.
func TestPreflight(t *testing.T) {
	t.Parallel()
	const friend = "https://friend.example"
	_, server := serve(t, transport.Options{AllowedOrigins: []string{friend}})
	preflight := func(origin, method, headers string) http.Header {
		return ask(t, http.MethodOptions, server, "", "Origin: "+origin, "Access-Control-Request-Method: "+method, "Access-Control-Request-Headers: "+headers).header
	}
	for _, headers := range []string{
		"apollographql-client-name,content-type", "traceparent", "baggage,sentry-trace", "if-none-match", "x-requested-with", "x-other",
		"content-type", "authorization,content-type", "x-graphql-cost", "x-request-id", "x-graphql-event-stream-token", "last-event-id",
		"accept,authorization,content-type,last-event-id,x-graphql-cost,x-graphql-event-stream-token,x-request-id",
	} {
		got := preflight(friend, "POST", headers)
		if got.Get("Access-Control-Allow-Origin") != friend || got.Get("Access-Control-Allow-Headers") != headers {
			t.Errorf("%s: got %v", headers, got)
		}
	}
	for _, method := range []string{"GET", "HEAD", "POST", "PUT", "DELETE"} {
		if got := preflight(friend, method, "content-type").Get("Access-Control-Allow-Methods"); got != method {
			t.Errorf("%s: allowed %q", method, got)
		}
	}
	for name, got := range map[string]http.Header{
		"OtherMethod": preflight(friend, "PATCH", "content-type"),
		"Null":        preflight("null", "POST", "content-type"),
		"Stranger":    preflight("https://stranger.example", "POST", "content-type"),
		"UpperCase":   preflight("HTTPS://FRIEND.EXAMPLE", "POST", "content-type"),
		"Slash":       preflight(friend+"/", "POST", "content-type"),
		"Subdomain":   preflight("https://a.friend.example", "POST", "content-type"),
		"Star":        preflight("*", "POST", "content-type"),
	} {
		if allowed := got.Get("Access-Control-Allow-Origin"); allowed != "" {
			t.Errorf("%s: %q is allowed", name, allowed)
		}
	}
	got := ask(t, http.MethodPost, server, hello, "Origin: "+friend).header
	exposed := strings.ToLower(got.Get("Access-Control-Expose-Headers"))
	if got.Get("Access-Control-Allow-Origin") != friend || exposed != "x-request-id, retry-after, cache-status" || got.Get("Access-Control-Allow-Credentials") != "" {
		t.Errorf("got %v", got)
	}
}

// The cost is told to who asks for it, also with a refusal; any other answer has no extensions.
func TestCostReport(t *testing.T) {
	t.Parallel()
	limits := transport.DefaultLimits()
	limits.Cost = 3
	_, server := serve(t, transport.Options{Limits: limits})
	nested := func(levels int) string {
		return query(strings.Repeat("{ nested ", levels) + "{ value }" + strings.Repeat("}", levels))
	}
	const report, modern = "X-GraphQL-Cost: report", "Accept: application/graphql-response+json"
	tests := []struct {
		name, body string
		headers    []string
		status     int
		want       string // extensions
	}{
		{"Asked", nested(2), []string{report}, 200, `"extensions":{"cost":{"left":1,"limit":3,"requested":2}}}`},
		{"AllOfIt", nested(3), []string{report, modern}, 200, `"extensions":{"cost":{"left":0,"limit":3,"requested":3}}}`},
		{"Nothing", hello, []string{report}, 200, `"extensions":{"cost":{"left":3,"limit":3,"requested":0}}}`},
		{"Mutation", query("mutation { touch }"), []string{"X-GraphQL-Cost: Report"}, 200, `"extensions":{"cost":{`},
		{"Refused", nested(4), []string{report}, 200, `"extensions":{"cost":{"left":-1,"limit":3,"requested":4}}}`},
		{"RefusedModern", nested(4), []string{report, modern}, 400, `"extensions":{"cost":{"left":-1,"limit":3,"requested":4}}}`},
		{"NotAsked", nested(2), nil, 200, ""},
		{"NotAskedAndRefused", nested(4), nil, 200, ""},
		{"OtherValue", nested(2), []string{"X-GraphQL-Cost: validate"}, 200, ""},
		{"Invalid", query("{ nope }"), []string{report}, 200, ""},
	}
	for _, test := range tests {
		got := ask(t, http.MethodPost, server, test.body, test.headers...)
		if got.status != test.status || !strings.Contains(got.body, test.want) {
			t.Errorf("%s: got %d %s, want %d %s", test.name, got.status, got.body, test.status, test.want)
		}
		if test.want == "" && strings.Contains(got.body, `"cost":{`) {
			t.Errorf("%s: got %s", test.name, got.body)
		}
	}
}
