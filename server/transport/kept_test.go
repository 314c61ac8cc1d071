package transport_test

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"petitiond/server/eventmark"
	"petitiond/server/transport"
)

// distinct returns a subscription that shares nothing with others.
func distinct(name string) string {
	return fmt.Sprintf(`subscription %s { signatureCount(petitionId: "a") { %s } }`, name, strings.Repeat("total version ", 100))
}

// serveKeeping serves subscriptions that have one event, with little memory for them. A client says its address itself.
func serveKeeping(t *testing.T, memory int64) (*transport.Transport, string) {
	t.Helper()
	s := newStub()
	s.sources["signatureCount"] = func(context.Context, map[string]any) (<-chan any, error) {
		events := make(chan any, 1)
		events <- marked{Mark: eventmark.Mark{Topic: "a", Version: 1}, value: map[string]any{"total": 1}}
		return events, nil
	}
	return serve(t, transport.Options{
		Schema: s, Memory: memory, Impersonal: []string{"SignatureCount"},
		Address: func(r *http.Request) netip.Addr { return netip.MustParseAddr(r.Header.Get("X-Request-ID")) },
	})
}

func openFrom(t *testing.T, server, address string) *websocket.Conn {
	t.Helper()
	options := &websocket.DialOptions{
		Subprotocols: []string{"graphql-transport-ws"}, HTTPHeader: http.Header{"X-Request-ID": {address}},
	}
	conn, _, err := websocket.Dial(t.Context(), strings.Replace(server, "http", "ws", 1), options) //nolint:bodyclose // the library does
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.CloseNow() })
	tell(t, conn, message{Type: "connection_init", Payload: []byte(`{}`)})
	if got := hear(t, conn); got.Type != "connection_ack" {
		t.Fatalf("got %s", got.Type)
	}
	return conn
}

// takes subscribes, and reports whether there was room.
func takes(t *testing.T, conn *websocket.Conn, id, document string) bool {
	t.Helper()
	tell(t, conn, subscribe(id, document))
	switch m := hear(t, conn); {
	case m.ID == id && m.Type == "next":
		return true
	case m.ID == id && m.Type == "error" && strings.Contains(string(m.Payload), `"UNAVAILABLE"`):
		return false
	default:
		t.Fatalf("got %s %s", m.Type, m.Payload)
		return false
	}
}

// What open subscriptions keep is bounded, for all and for each address: one more is refused, and its socket stays. Who
// shares what is open already takes nothing, and what has ended makes room.
func TestOpenSubscriptionsAreBounded(t *testing.T) {
	t.Parallel()
	const memory = 16 << 20 // three eighths of it for subscriptions, a quarter of that for one address alone
	tr, server := serveKeeping(t, memory)
	var conns []*websocket.Conn
	var fit []int
	for address := range 6 {
		conn := openFrom(t, server, fmt.Sprintf("192.0.2.%d", address))
		conns = append(conns, conn)
		n := 0
		for takes(t, conn, fmt.Sprint(n), distinct(fmt.Sprintf("u%dx%d", address, n))) {
			if n++; n == 20 {
				t.Fatal("an address may keep as many as it likes")
			}
		}
		fit = append(fit, n)
	}
	if fit[5] < 2 || fit[0] < 2*fit[5] || tr.Kept() > memory/8*3 {
		t.Errorf("of each address %v fit, and all are said to take %d bytes: the last finds too little or too much", fit, tr.Kept())
	}
	kept := tr.Kept()
	if !takes(t, conns[5], "shared", distinct("u0x0")) || tr.Kept() != kept {
		t.Errorf("one that shares takes %d bytes", tr.Kept()-kept)
	}
	tell(t, conns[5], message{ID: "1", Type: "complete"})
	eventually(t, "what has ended takes nothing", func() bool { return tr.Kept() < kept })
	if !takes(t, conns[5], "again", distinct("again")) || takes(t, conns[5], "more", distinct("more")) {
		t.Error("what has ended makes room for one")
	}
	for _, conn := range conns {
		_ = conn.CloseNow()
	}
	eventually(t, "nothing is kept", func() bool { return tr.Kept() == 0 })
}

// What waits for its stream is kept as well.
func TestOperationsThatWaitForTheirStreamAreBounded(t *testing.T) {
	t.Parallel()
	tr, server := serveKeeping(t, 2<<20)
	const address = "X-Request-ID: 192.0.2.1"
	token := "X-GraphQL-Event-Stream-Token: " + ask(t, http.MethodPut, server, "", address).body
	send := func(i int) reply {
		body := query(distinct(fmt.Sprintf("u%d", i)))
		return ask(t, http.MethodPost, server, strings.TrimSuffix(body, "}")+fmt.Sprintf(`,"extensions":{"operationId":"%d"}}`, i), address, token)
	}
	n := 0
	got := send(n)
	for ; got.status == http.StatusAccepted && n < 20; got = send(n) {
		n++
	}
	if n == 0 || got.status != http.StatusServiceUnavailable || got.code() != "UNAVAILABLE" {
		t.Errorf("after %d: %d %s", n, got.status, got.body)
	}
	for i := range n {
		ask(t, http.MethodDelete, server+fmt.Sprintf("?operationId=%d", i), "", address, token)
	}
	if kept := tr.Kept(); kept != 0 {
		t.Errorf("%d bytes are kept of what was ended", kept)
	}
}
