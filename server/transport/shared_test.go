package transport_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"petitiond/server/eventmark"
	"petitiond/server/transport"
)

// station is a schema whose subscription tells what the test says, and counts how often it was executed.
type station struct {
	*stub

	mu      sync.Mutex
	on      map[string][]chan any // by petition
	started atomic.Int64
	ended   chan struct{}
}

func newStation() *station {
	s := &station{stub: newStub(), on: map[string][]chan any{}, ended: make(chan struct{}, 100)}
	s.sources["signatureCount"] = func(ctx context.Context, args map[string]any) (<-chan any, error) {
		id, _ := args["petitionId"].(string)
		if id == "hidden" && ctx.Value(actorKey{}) == nil {
			return nil, &gqlerror.Error{Message: "No such petition.", Extensions: map[string]any{"code": "NOT_FOUND"}}
		}
		source := make(chan any)
		s.mu.Lock()
		s.on[id] = append(s.on[id], source)
		s.mu.Unlock()
		s.started.Add(1) // now its source is there
		context.AfterFunc(ctx, func() { s.ended <- struct{}{} })
		return source, nil
	}
	return s
}

// options are those of a server for the station, whose events tell states if they have a topic.
func (s *station) options() transport.Options {
	return transport.Options{Schema: s, Authenticate: known, Impersonal: []string{"SignatureCount"}}
}

// tell sends an event over every execution there is for the petition.
func (s *station) tell(t *testing.T, id string, mark eventmark.Mark, total int) {
	t.Helper()
	s.mu.Lock()
	sources := s.on[id]
	s.mu.Unlock()
	for _, source := range sources {
		select {
		case source <- marked{Mark: mark, value: map[string]any{"total": total}}:
		case <-time.After(10 * time.Second):
			t.Fatal("nobody took the event")
		}
	}
}

// begun waits until the subscription was executed n times.
func (s *station) begun(t *testing.T, n int64) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); s.started.Load() < n; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("executed %d times, want %d", s.started.Load(), n)
		}
	}
}

const watchOne = `subscription($id: ID!) { signatureCount(petitionId: $id) { total } }`

func watching(id, document, petition string) message {
	payload, _ := json.Marshal(map[string]any{"query": document, "variables": map[string]any{"id": petition}})
	return message{ID: id, Type: "subscribe", Payload: payload}
}

func heard(t *testing.T, conn *websocket.Conn, id string) int {
	t.Helper()
	m := hear(t, conn)
	var payload struct {
		Data struct{ SignatureCount struct{ Total int } }
	}
	if err := json.Unmarshal(m.Payload, &payload); err != nil || m.Type != "next" || m.ID != id {
		t.Fatalf("got %+v %s, want next for %s", m, m.Payload, id)
	}
	return payload.Data.SignatureCount.Total
}

func TestEqualOperationsAreExecutedOnce(t *testing.T) {
	t.Parallel()
	s := newStation()
	_, server := serve(t, s.options())
	var conns []*websocket.Conn
	join := func() (*websocket.Conn, string) {
		conn, id := open(t, server, `{}`), fmt.Sprintf("operation %d", len(conns))
		tell(t, conn, watching(id, watchOne, "a"))
		conns = append(conns, conn)
		return conn, id
	}
	for range 20 {
		join()
	}
	s.begun(t, 1)
	s.tell(t, "a", eventmark.Mark{Topic: "a", Version: 1}, 7)
	for i, conn := range conns {
		if got := heard(t, conn, fmt.Sprintf("operation %d", i)); got != 7 {
			t.Errorf("socket %d was told %d, want 7", i, got)
		}
	}
	late, id := join()
	if got := heard(t, late, id); got != 7 {
		t.Errorf("who came late was told %d, want the newest: 7", got)
	}
	if n := s.started.Load(); n != 1 {
		t.Errorf("executed %d times, want once", n)
	}
	// another petition, and another document, are not equal
	other := open(t, server, `{}`)
	tell(t, other, watching("1", watchOne, "b"))
	s.begun(t, 2)
	tell(t, other, watching("2", strings.ReplaceAll(watchOne, "total", "version"), "a"))
	s.begun(t, 3)
	for _, conn := range append(conns, other) {
		_ = conn.CloseNow()
	}
	for range 3 { // nobody is there any more
		select {
		case <-s.ended:
		case <-time.After(10 * time.Second):
			t.Fatal("an execution goes on for nobody")
		}
	}
}

// TestViewersShareNothing tries to hear what is another's, in every order in which two can come.
func TestViewersShareNothing(t *testing.T) {
	t.Parallel()
	const admin, nobody = `{"authorization":"Bearer good"}`, `{}`
	for name, order := range map[string][]string{
		"AdminFirst": {admin, nobody, admin}, "NobodyFirst": {nobody, admin, nobody}, "Admins": {admin, admin}, "Nobodies": {nobody, nobody},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			schema := newStub()
			schema.sources["hello"] = func(ctx context.Context, _ map[string]any) (<-chan any, error) {
				events := make(chan any, 1)
				events <- marked{Mark: eventmark.Mark{Topic: "who"}, value: ctx.Value(actorKey{})} // told to who comes later
				return events, nil
			}
			_, server := serve(t, transport.Options{Schema: schema, Authenticate: known, Impersonal: []string{"SignatureCount"}})
			for _, init := range order {
				want := `{"data":{"hello":null}}`
				if init == admin {
					want = `{"data":{"hello":"admin"}}`
				}
				conn := open(t, server, init)
				tell(t, conn, subscribe("1", "subscription { hello }"))
				if got := string(hear(t, conn).Payload); got != want {
					t.Errorf("%s was told %s, want %s", init, got, want)
				}
			}
		})
	}
}

func TestImpersonalIsShared(t *testing.T) {
	t.Parallel()
	s := newStation()
	tr, server := serve(t, s.options())
	nobody, admin := open(t, server, `{}`), open(t, server, `{"authorization":"Bearer good"}`)
	tell(t, nobody, watching("1", watchOne, "a"))
	s.begun(t, 1)
	tell(t, admin, watching("1", watchOne, "a"))
	eventually(t, "both read the same", func() bool { return tr.Sharing() == 2 })
	s.tell(t, "a", eventmark.Mark{Topic: "a", Version: 1}, 3)
	if a, b := heard(t, nobody, "1"), heard(t, admin, "1"); a != 3 || b != 3 {
		t.Errorf("told %d and %d, want 3", a, b)
	}
	if n := s.started.Load(); n != 1 {
		t.Errorf("executed %d times, want once for both", n)
	}
	// what only the admin may see is the admin's alone
	tell(t, admin, watching("2", watchOne, "hidden"))
	s.begun(t, 2)
	tell(t, nobody, watching("2", watchOne, "hidden"))
	if m := hear(t, nobody); m.Type != "error" || !strings.Contains(string(m.Payload), "NOT_FOUND") {
		t.Errorf("nobody got %s %s, want NOT_FOUND", m.Type, m.Payload)
	}
	s.tell(t, "hidden", eventmark.Mark{Topic: "hidden"}, 9)
	if got := heard(t, admin, "2"); got != 9 {
		t.Errorf("the admin was told %d, want 9", got)
	}
}

// TestDeniedGoesApart lets a shared subscription be denied one of its topics: readers without a credential are told so,
// one with a credential goes on alone, and who comes later begins anew.
func TestDeniedGoesApart(t *testing.T) {
	t.Parallel()
	s := newStation()
	continued := make(chan bool, 10)
	inner := s.sources["signatureCount"]
	s.sources["signatureCount"] = func(ctx context.Context, args map[string]any) (<-chan any, error) {
		continued <- eventmark.Continues(ctx)
		return inner(ctx, args)
	}
	tr, server := serve(t, s.options())
	nobody, admin := open(t, server, `{}`), open(t, server, `{"authorization":"Bearer good"}`)
	tell(t, nobody, watching("1", watchOne, "a"))
	s.begun(t, 1)
	tell(t, admin, watching("1", watchOne, "a"))
	eventually(t, "both read the same", func() bool { return tr.Sharing() == 2 })
	s.tell(t, "a", eventmark.Mark{Topic: "other"}, 1)
	if a, b := heard(t, nobody, "1"), heard(t, admin, "1"); a != 1 || b != 1 {
		t.Errorf("told %d and %d, want 1", a, b)
	}
	s.tell(t, "a", eventmark.Mark{Topic: "a", Denied: true}, 2)
	if got := heard(t, nobody, "1"); got != 2 {
		t.Errorf("nobody was told %d, want what is denied: 2", got)
	}
	s.begun(t, 2)
	if first, second := <-continued, <-continued; first || !second {
		t.Errorf("the first execution continues: %v, the admin's own: %v", first, second)
	}
	s.mu.Lock()
	shared, own := s.on["a"][0], s.on["a"][1]
	s.mu.Unlock()
	own <- marked{Mark: eventmark.Mark{Topic: "a"}, value: map[string]any{"total": 3}}
	if got := heard(t, admin, "1"); got != 3 {
		t.Errorf("the admin was told %d, want 3", got)
	}
	// The others go on with what is left to them, and so does the admin.
	shared <- marked{Mark: eventmark.Mark{Topic: "other"}, value: map[string]any{"total": 4}}
	if got := heard(t, nobody, "1"); got != 4 {
		t.Errorf("nobody was told %d, want 4", got)
	}
	own <- marked{Mark: eventmark.Mark{Topic: "a", Denied: true}, value: map[string]any{"total": 5}}
	if got := heard(t, admin, "1"); got != 5 {
		t.Errorf("the admin was told %d of what is denied to the admin, too, want 5", got)
	}
	late := open(t, server, `{}`)
	tell(t, late, watching("1", watchOne, "a"))
	s.begun(t, 3)
	if <-continued {
		t.Error("who comes later continues something")
	}
}

// TestEventsWithoutTopic come in order, to those who were there.
func TestEventsWithoutTopic(t *testing.T) {
	t.Parallel()
	s := newStation()
	tr, server := serve(t, s.options())
	early := open(t, server, `{}`)
	tell(t, early, watching("1", watchOne, "a"))
	s.begun(t, 1)
	for n := range 40 {
		s.tell(t, "a", eventmark.Mark{}, n)
	}
	for n := range 40 {
		if got := heard(t, early, "1"); got != n {
			t.Fatalf("told %d, want %d", got, n)
		}
	}
	late := open(t, server, `{}`)
	tell(t, late, watching("1", watchOne, "a"))
	eventually(t, "both read the same", func() bool { return tr.Sharing() == 2 })
	s.tell(t, "a", eventmark.Mark{}, 40)
	if a, b := heard(t, early, "1"), heard(t, late, "1"); a != 40 || b != 40 {
		t.Errorf("told %d and %d, want 40", a, b)
	}
}

// TestSlowReaderSkips stops reading while thousands of states go by.
func TestSlowReaderSkips(t *testing.T) {
	t.Parallel()
	const last = 3000
	s := newStation()
	_, server := serve(t, s.options())
	slow := open(t, server, `{}`)
	slow.SetReadLimit(1 << 20)
	// a long alias makes large events
	document := `subscription($id: ID!) { signatureCount(petitionId: $id) { total } }`
	tell(t, slow, watching(strings.Repeat("i", 128), document, "a"))
	s.begun(t, 1)
	for n := 1; n <= last; n++ {
		s.mu.Lock()
		source := s.on["a"][0]
		s.mu.Unlock()
		source <- marked{
			Mark:  eventmark.Mark{Topic: "a", Version: int64(n)},
			value: map[string]any{"total": n, "filler": strings.Repeat("x", 8<<10)},
		}
	}
	told, before := 0, 0
	for before < last {
		got := heard(t, slow, strings.Repeat("i", 128))
		if got <= before {
			t.Fatalf("told %d after %d", got, before)
		}
		told, before = told+1, got
	}
	if told > last/2 {
		t.Errorf("told %d of %d states, want the newest alone", told, last)
	}
}

func TestFailedSubscriptionIsAnError(t *testing.T) {
	t.Parallel()
	schema := newStub()
	schema.sources["hello"] = func(context.Context, map[string]any) (<-chan any, error) { return nil, errors.New("secret") }
	_, server := serve(t, transport.Options{Schema: schema})
	conn := open(t, server, `{}`)
	for range 2 { // the id is free again
		tell(t, conn, subscribe("1", "subscription { hello }"))
		if m := hear(t, conn); m.Type != "error" || !strings.Contains(string(m.Payload), `"INTERNAL"`) || strings.Contains(string(m.Payload), "secret") {
			t.Errorf("got %s %s, want an error", m.Type, m.Payload)
		}
	}
}

// A subscription that has begun ends with its error in place of an event.
func TestSubscriptionEndsWithAnError(t *testing.T) {
	t.Parallel()
	schema := newStub()
	schema.sources["hello"] = func(context.Context, map[string]any) (<-chan any, error) {
		events := make(chan any, 2)
		events <- marked{value: "first"}
		events <- marked{end: &gqlerror.Error{Message: "It is gone.", Extensions: map[string]any{"code": "NOT_FOUND"}}}
		close(events)
		return events, nil
	}
	_, server := serve(t, transport.Options{Schema: schema})
	conn := open(t, server, `{}`)
	tell(t, conn, subscribe("1", "subscription { hello }"))
	for _, want := range []string{
		`next {"data":{"hello":"first"}}`,
		`next {"errors":[{"message":"It is gone.","extensions":{"code":"NOT_FOUND"}}],"data":null}`,
		"complete ",
	} {
		m := hear(t, conn)
		if got := m.Type + " " + string(m.Payload); got != want {
			t.Errorf("was sent %s, want %s", got, want)
		}
	}
}

// Who opens a feed is there before its first event, however soon that comes.
func TestFirstReaderMissesNothing(t *testing.T) {
	t.Parallel()
	schema := newStub()
	schema.sources["hello"] = func(context.Context, map[string]any) (<-chan any, error) { return sent("at once"), nil }
	limits := transport.DefaultLimits()
	limits.MessageBurst = 1000
	_, server := serve(t, transport.Options{Schema: schema, Limits: limits})
	conn := open(t, server, `{}`)
	for i := range limits.MessageBurst / 2 {
		tell(t, conn, subscribe("1", "subscription { hello }"))
		if m := hear(t, conn); m.Type != "next" {
			t.Fatalf("was told %s first, the %d. time", m.Type, i)
		}
		if m := hear(t, conn); m.Type != "complete" {
			t.Fatalf("was told %s then", m.Type)
		}
	}
}
