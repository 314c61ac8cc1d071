package transport_test

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"petitiond/server/transport"
)

// readingFirst returns a stub whose subscription hello has one event, for which read is called, and which is answered
// by compute. That of signatureCount has an event that is told by itself.
func readingFirst(read reading, compute func(context.Context) any) *stub {
	s := newStub()
	give := func(event any) source {
		return func(context.Context, map[string]any) (<-chan any, error) {
			events := make(chan any, 1)
			events <- event
			return events, nil
		}
	}
	s.sources["signatureCount"], s.sources["hello"] = give(map[string]any{"total": 1}), give(read)
	s.computes = compute
	return s
}

// Events that have to be read are read by a few at a time, from the reading until they are computed. Queries and
// watchers of counts do not wait for them.
func TestFewEventsAreReadAtOnce(t *testing.T) {
	t.Parallel()
	var now, most atomic.Int64
	proceed := make(chan struct{})
	limits := transport.DefaultLimits()
	limits.InFlight = 100 // and two events
	_, server := serve(t, transport.Options{
		Limits: limits, Impersonal: []string{"SignatureCount"},
		Schema: readingFirst(
			func(context.Context) (bool, error) {
				n := now.Add(1)
				for was := most.Load(); n > was && !most.CompareAndSwap(was, n); was = most.Load() {
				}
				return true, nil
			},
			func(context.Context) any {
				<-proceed
				now.Add(-1)
				return "done"
			}),
	})
	const many = 12
	conn := open(t, server, `{}`)
	for i := range many {
		tell(t, conn, subscribe(fmt.Sprint(i), fmt.Sprintf("subscription u%d { hello }", i)))
	}
	eventually(t, "two are read", func() bool { return now.Load() == 2 })
	if got := ask(t, http.MethodPost, server, query("{ hello }")); got.status != 200 {
		t.Errorf("a query got %d %s", got.status, got.body)
	}
	other := open(t, server, `{}`)
	if tell(t, other, subscribe("count", `subscription { signatureCount(petitionId: "a") { total } }`)); hear(t, other).ID != "count" {
		t.Error("a count is not told")
	}
	close(proceed)
	for range many {
		if m := hear(t, conn); m.Type != "next" || !strings.Contains(string(m.Payload), "done") {
			t.Errorf("got %s %s", m.Type, m.Payload)
		}
	}
	if most.Load() != 2 {
		t.Errorf("%d events were read at once, want 2", most.Load())
	}
}

// An event has the time of an operation: to be read, and to be computed.
func TestEventsHaveTheTimeOfAnOperation(t *testing.T) {
	t.Parallel()
	untilLate := func(ctx context.Context) error {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Second):
			return nil
		}
	}
	limits := transport.DefaultLimits()
	limits.Operation = 50 * time.Millisecond
	for name, test := range map[string]struct {
		read    reading
		compute func(context.Context) any
		want    string // type of the message
	}{
		"Reading":   {func(ctx context.Context) (bool, error) { return true, untilLate(ctx) }, nil, `"TIMEOUT"`},
		"Computing": {func(context.Context) (bool, error) { return true, nil }, func(ctx context.Context) any { return fmt.Sprint(untilLate(ctx)) }, `context canceled`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, server := serve(t, transport.Options{Limits: limits, Schema: readingFirst(test.read, test.compute)})
			conn := open(t, server, `{}`)
			tell(t, conn, subscribe("1", "subscription { hello }"))
			if m := hear(t, conn); !strings.Contains(string(m.Payload), test.want) {
				t.Errorf("got %s %s, want %s", m.Type, m.Payload, test.want)
			}
		})
	}
}

// An event of a shared feed does not wait for a network that has spent its points, however many readers that has, but
// is read in the turn of any other.
func TestEventsHaveTheTurnOfAnyNetwork(t *testing.T) {
	t.Parallel()
	found := func(context.Context) (bool, error) { return true, nil }
	shared := make(chan any)
	schema := readingFirst(found, func(context.Context) any { return "done" })
	schema.sources["signatureCount"] = func(context.Context, map[string]any) (<-chan any, error) { return shared, nil }
	limits := transport.DefaultLimits()
	limits.EventCost = 1
	tr, server := serve(t, transport.Options{
		Limits: limits, Schema: schema,
		Address: func(r *http.Request) netip.Addr { return netip.MustParseAddr(r.Header.Get("X-Request-ID")) },
	})
	const sockets, each, others = 50, 20, 5
	greedy := func() *websocket.Conn { return openFrom(t, server, "192.0.2.1") }
	spent := greedy()
	for i := range each {
		tell(t, spent, subscribe(fmt.Sprint(i), fmt.Sprintf("subscription u%d { hello }", i)))
	}
	for range 4 {
		hear(t, spent)
	}
	const document = `subscription { signatureCount(petitionId: "a") { total } }`
	for range sockets {
		conn := greedy()
		for i := range each {
			tell(t, conn, subscribe(fmt.Sprint(i), document))
		}
	}
	var conns []*websocket.Conn
	for i := range others {
		conn := openFrom(t, server, fmt.Sprintf("192.0.2.%d", 2+i))
		tell(t, conn, subscribe("1", document))
		conns = append(conns, conn)
	}
	eventually(t, "all have subscribed", func() bool { return tr.Sharing() == each+sockets*each+others })
	began := time.Now()
	shared <- reading(found)
	for _, conn := range conns {
		if m := hear(t, conn); m.Type != "next" || !strings.Contains(string(m.Payload), "done") {
			t.Errorf("got %s %s", m.Type, m.Payload)
		}
	}
	if waited := time.Since(began); waited > 5*time.Second {
		t.Errorf("the event came after %s", waited)
	}
}
