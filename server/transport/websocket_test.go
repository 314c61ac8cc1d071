package transport_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/google/go-cmp/cmp"

	"petitiond/server/transport"
)

// message is one of graphql-transport-ws.
type message struct {
	ID      string          `json:"id,omitempty"`
	Type    string          `json:"type"`
	Payload json.RawMessage `json:"payload,omitempty"`
}

// dial opens a socket, or returns the status that it was refused with. Headers
// are written "Name: value".
func dial(t *testing.T, server string, headers ...string) (conn *websocket.Conn, status int) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{}}
	t.Cleanup(client.CloseIdleConnections)
	options := &websocket.DialOptions{HTTPClient: client, HTTPHeader: http.Header{}, Subprotocols: []string{"graphql-transport-ws"}}
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		options.HTTPHeader.Set(name, value)
	}
	conn, resp, err := websocket.Dial(t.Context(), server, options)
	if resp == nil {
		t.Fatal(err)
	}
	if resp.Body != nil {
		_ = resp.Body.Close()
	}
	if err == nil {
		t.Cleanup(func() { _ = conn.CloseNow() })
	}
	return conn, resp.StatusCode
}

// open opens a socket and says who asks.
func open(t *testing.T, server, init string) *websocket.Conn {
	t.Helper()
	conn, _ := dial(t, server)
	tell(t, conn, message{Type: "connection_init", Payload: json.RawMessage(init)})
	if got := hear(t, conn); got.Type != "connection_ack" {
		t.Fatalf("got %s, want connection_ack", got.Type)
	}
	return conn
}

func tell(t *testing.T, conn *websocket.Conn, m message) {
	t.Helper()
	text, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Write(t.Context(), websocket.MessageText, text); err != nil {
		t.Fatal(err)
	}
}

func hear(t *testing.T, conn *websocket.Conn) (m message) {
	t.Helper()
	_, text, err := conn.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

// parting returns the code that a socket is closed with.
func parting(t *testing.T, conn *websocket.Conn) websocket.StatusCode {
	t.Helper()
	for {
		if _, _, err := conn.Read(t.Context()); err != nil {
			return websocket.CloseStatus(err)
		}
	}
}

func subscribe(id, document string) message {
	return message{ID: id, Type: "subscribe", Payload: json.RawMessage(query(document))}
}

func TestSocket(t *testing.T) {
	t.Parallel()
	_, server := serve(t, transport.Options{Schema: whoami(), Authenticate: known})
	tests := []struct {
		name, init, document string
		want                 []message
	}{
		{"Subscription", `{}`, "subscription { hello }", []message{
			{ID: "1", Type: "next", Payload: json.RawMessage(`{"data":{"hello":null}}`)}, {ID: "1", Type: "complete"},
		}},
		{"Query", `{}`, "{ hello }", []message{
			{ID: "1", Type: "next", Payload: json.RawMessage(`{"data":{"hello":null}}`)}, {ID: "1", Type: "complete"},
		}},
		{"NoPayload", ``, "{ hello }", []message{
			{ID: "1", Type: "next", Payload: json.RawMessage(`{"data":{"hello":null}}`)}, {ID: "1", Type: "complete"},
		}},
		{"Credential", `{"authorization":"Bearer good"}`, "subscription { hello }", []message{
			{ID: "1", Type: "next", Payload: json.RawMessage(`{"data":{"hello":"admin"}}`)}, {ID: "1", Type: "complete"},
		}},
		{"CredentialCapital", `{"Authorization":"Bearer good"}`, "{ hello }", []message{
			{ID: "1", Type: "next", Payload: json.RawMessage(`{"data":{"hello":"admin"}}`)}, {ID: "1", Type: "complete"},
		}},
		{"CredentialUpperCase", `{"AUTHORIZATION":"Bearer good"}`, "{ hello }", []message{
			{ID: "1", Type: "next", Payload: json.RawMessage(`{"data":{"hello":"admin"}}`)}, {ID: "1", Type: "complete"},
		}},
		{"CredentialNull", `{"Authorization":null}`, "{ hello }", []message{
			{ID: "1", Type: "next", Payload: json.RawMessage(`{"data":{"hello":null}}`)}, {ID: "1", Type: "complete"},
		}},
		{"CredentialInALongMessage", `{"Authorization":"Bearer good","x":"` + strings.Repeat("x", 10<<10) + `"}`, "{ hello }", []message{
			{ID: "1", Type: "next", Payload: json.RawMessage(`{"data":{"hello":"admin"}}`)}, {ID: "1", Type: "complete"},
		}},
		{"Invalid", `{}`, "{ nope }", []message{
			{ID: "1", Type: "error", Payload: json.RawMessage(`[{"message":"Cannot query field \"nope\" on type \"Query\".","locations":[{"line":1,"column":3}],"extensions":{"code":"GRAPHQL_VALIDATION_FAILED"}}]`)},
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			conn := open(t, server, test.init)
			tell(t, conn, subscribe("1", test.document))
			for _, want := range test.want {
				if diff := cmp.Diff(want, hear(t, conn)); diff != "" {
					t.Errorf("message (-want +got):\n%s", diff)
				}
			}
		})
	}
}

func TestSocketHandshake(t *testing.T) {
	t.Parallel()
	_, server := serve(t, transport.Options{Schema: whoami(), Authenticate: known, AllowedOrigins: []string{"https://friend.example"}})
	tests := []struct {
		name    string
		headers []string
		status  int
	}{
		{"NoBrowser", nil, 101},
		{"SameHost", []string{"Origin: " + server}, 101},
		{"Allowed", []string{"Origin: https://friend.example"}, 101},
		{"Stranger", []string{"Origin: https://stranger.example"}, 403},
		{"AllowedOtherScheme", []string{"Origin: http://friend.example"}, 403},
		{"Null", []string{"Origin: null"}, 403},
		{"NoHost", []string{"Origin: file://"}, 403},
		{"Credential", []string{"Authorization: Bearer good"}, 101},
		{"BadCredential", []string{"Authorization: Bearer bad"}, 401},
		{"BadVersion", []string{"Sec-WebSocket-Version: 12"}, 426},
		{"Body", nil, 400},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			body := io.Reader(nil)
			if test.name == "Body" {
				body = strings.NewReader("0123456789")
			}
			r := request(t, http.MethodGet, server, body, append([]string{
				"Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
				"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==", "Sec-WebSocket-Protocol: graphql-transport-ws",
			}, test.headers...)...)
			client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
			r.Close = false
			resp, err := client.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
			if resp.StatusCode != test.status {
				t.Errorf("status %d, want %d", resp.StatusCode, test.status)
			}
		})
	}
}

func TestSocketCredentialOfHandshake(t *testing.T) {
	t.Parallel()
	_, server := serve(t, transport.Options{Schema: whoami(), Authenticate: known})
	conn, _ := dial(t, server, "Authorization: Bearer good")
	tell(t, conn, message{Type: "connection_init"})
	hear(t, conn)
	tell(t, conn, subscribe("1", "{ hello }"))
	if diff := cmp.Diff(`{"data":{"hello":"admin"}}`, string(hear(t, conn).Payload)); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
}

func TestSocketCloseCodes(t *testing.T) {
	t.Parallel()
	limits := transport.DefaultLimits()
	limits.Init = 50 * time.Millisecond
	impatient, knowing := transport.Options{Limits: limits}, transport.Options{Authenticate: known}
	initial := func(payload string) string { return `{"type":"connection_init","payload":` + payload + `}` }
	tests := []struct {
		name    string
		options transport.Options
		send    string // or nothing
		want    websocket.StatusCode
	}{
		{"BadCredential", knowing, initial(`{"authorization":"Bearer bad"}`), 4403},
		{"EmptyCredential", knowing, initial(`{"authorization":""}`), 4403},
		{"NumberForCredential", knowing, initial(`{"authorization":7}`), 4403},
		{"ListForCredential", knowing, initial(`{"authorization":["Bearer good"]}`), 4403},
		{"CredentialUpperCase", knowing, initial(`{"AUTHORIZATION":"Bearer bad"}`), 4403},
		{"CredentialMixedCase", knowing, initial(`{"authOrization":"Bearer bad"}`), 4403},
		{"CredentialEscaped", knowing, initial(`{"\u0041uthorization":"Bearer bad"}`), 4403},
		{"CredentialTwice", knowing, initial(`{"authorization":"Bearer good","Authorization":"Bearer good"}`), 4403},
		{"CredentialAndNull", knowing, initial(`{"Authorization":"Bearer good","AUTHORIZATION":null}`), 4403},
		{"NullAndCredential", knowing, initial(`{"authorization":null,"Authorization":"Bearer bad"}`), 4403},
		{"NullTwice", knowing, initial(`{"authorization":null,"Authorization":null}`), 4403},
		{"CredentialBesideHalfACharacter", knowing, initial(`{"Authorization":"Bearer good","x":"\ud800"}`), 4400},
		{"HalfACharacter", knowing, initial(`{"x":"\udc00"}`), 4400},
		{"CredentialInALongMessage", knowing, initial(`{"authorization":"Bearer bad","x":"` + strings.Repeat("x", 10<<10) + `"}`), 4403},
		{"NotJSON", transport.Options{}, `nonsense`, 4400},
		{"UnknownType", transport.Options{}, `{"type":"hello"}`, 4400},
		{"NoInit", impatient, ``, 4408},
		{"TooLarge", transport.Options{}, `{"type":"connection_init","payload":{"a":"` + strings.Repeat("x", 1<<20) + `"}}`, 1009},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, server := serve(t, test.options)
			conn, _ := dial(t, server)
			if test.send != "" {
				if err := conn.Write(t.Context(), websocket.MessageText, []byte(test.send)); err != nil {
					t.Fatal(err)
				}
			}
			if got := parting(t, conn); got != test.want {
				t.Errorf("closed with %d, want %d", got, test.want)
			}
		})
	}
}

func TestShutdownClosesSockets(t *testing.T) {
	t.Parallel()
	began, ended := make(chan struct{}), make(chan struct{})
	schema := newStub()
	schema.sources["hello"] = endless(began, ended)
	tr, server := serve(t, transport.Options{Schema: schema})
	busy, idle := open(t, server, `{}`), open(t, server, `{}`)
	tell(t, busy, subscribe("1", "subscription { hello }"))
	<-began
	done := make(chan error, 1)
	go func() { done <- tr.Shutdown(context.Background()) }()
	for _, conn := range []*websocket.Conn{busy, idle} {
		if got := parting(t, conn); got != websocket.StatusGoingAway {
			t.Errorf("closed with %d, want 1001", got)
		}
	}
	<-ended
	if err := <-done; err != nil {
		t.Error(err)
	}
	if _, status := dial(t, server); status != http.StatusServiceUnavailable {
		t.Errorf("a late socket got %d, want 503", status)
	}
}

func TestClientLeavesSocket(t *testing.T) {
	t.Parallel()
	leave := map[string]func(*testing.T, *websocket.Conn){
		"Complete": func(t *testing.T, conn *websocket.Conn) { tell(t, conn, message{ID: "1", Type: "complete"}) },
		"Close":    func(_ *testing.T, conn *websocket.Conn) { _ = conn.Close(websocket.StatusNormalClosure, "") },
		"Vanish":   func(_ *testing.T, conn *websocket.Conn) { _ = conn.CloseNow() },
	}
	for name, leave := range leave {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			began, ended := make(chan struct{}), make(chan struct{})
			schema := newStub()
			schema.sources["hello"] = endless(began, ended)
			_, server := serve(t, transport.Options{Schema: schema})
			conn := open(t, server, `{}`)
			tell(t, conn, subscribe("1", "subscription { hello }"))
			<-began
			leave(t, conn)
			<-ended
		})
	}
}

// A client that does not answer pings is gone, whatever its connection says.
func TestSilentSocket(t *testing.T) {
	t.Parallel()
	limits := transport.DefaultLimits()
	limits.Ping, limits.Pong = time.Second, time.Second // longer than it takes to begin
	began, ended := make(chan struct{}), make(chan struct{})
	schema := newStub()
	schema.sources["hello"] = endless(began, ended)
	_, server := serve(t, transport.Options{Schema: schema, Limits: limits})
	conn := open(t, server, `{}`)
	tell(t, conn, subscribe("1", "subscription { hello }"))
	<-began
	<-ended // what does not read answers no ping
}

// A client that reads nothing is given up once its deadline has passed.
func TestSocketThatNobodyReads(t *testing.T) {
	t.Parallel()
	limits := transport.DefaultLimits()
	limits.Event, limits.Ping = 50*time.Millisecond, time.Hour // no ping shall notice it first
	ended := make(chan struct{})
	schema := newStub()
	schema.sources["hello"] = flood(ended)
	_, server := serve(t, transport.Options{Schema: schema, Limits: limits})
	conn := open(t, server, `{}`)
	tell(t, conn, subscribe("1", "subscription { hello }"))
	<-ended
}

func TestSocketQueryTimeout(t *testing.T) {
	t.Parallel()
	limits := transport.DefaultLimits()
	limits.Operation = time.Millisecond
	schema := newStub()
	schema.resolvers["hello"] = func(ctx context.Context, _ map[string]any) (any, error) {
		<-ctx.Done()
		return nil, errors.New("cancelled")
	}
	_, server := serve(t, transport.Options{Schema: schema, Limits: limits})
	conn := open(t, server, `{}`)
	tell(t, conn, subscribe("1", "{ hello }"))
	if got := string(hear(t, conn).Payload); !strings.Contains(got, `"TIMEOUT"`) {
		t.Errorf("got %s, want TIMEOUT", got)
	}
}
