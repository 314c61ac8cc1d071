package transport_test

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"petitiond/server/transport"
)

// hall is a schema whose fields stay until they are let go.
func hall() (schema *stub, entered chan struct{}, leave chan struct{}) {
	schema, entered, leave = newStub(), make(chan struct{}, 100), make(chan struct{})
	stay := func(ctx context.Context, _ map[string]any) (any, error) {
		entered <- struct{}{}
		select {
		case <-leave:
			return "world", nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	schema.resolvers["hello"], schema.resolvers["touch"] = stay, stay
	return schema, entered, leave
}

func TestFullServer(t *testing.T) {
	t.Parallel()
	limits := transport.DefaultLimits()
	limits.InFlight, limits.Wait, limits.SocketsPerAddress = 2, 50*time.Millisecond, 0
	schema, entered, leave := hall()
	_, server := serve(t, transport.Options{Schema: schema, Limits: limits})
	var inside sync.WaitGroup
	for _, document := range []string{"{ hello }", "mutation { touch }"} {
		inside.Go(func() {
			if got := ask(t, http.MethodPost, server, query(document)); got.status != http.StatusOK {
				t.Errorf("%s, which had a place: %d %s", document, got.status, got.body)
			}
		})
		<-entered
	}
	for _, accept := range []string{"application/json", "application/graphql-response+json"} {
		began := time.Now()
		got := ask(t, http.MethodPost, server, hello, "Accept: "+accept)
		if got.status != http.StatusServiceUnavailable || got.code() != "UNAVAILABLE" || got.header.Get("Retry-After") != "1" ||
			!strings.Contains(got.body, `"retryAfterSeconds":1`) || strings.Contains(got.body, `"data"`) {
			t.Errorf("got %d %v %s", got.status, got.header, got.body)
		}
		if waited := time.Since(began); waited < limits.Wait {
			t.Errorf("turned away after %s, want %s", waited, limits.Wait)
		}
	}
	// What is no execution needs no place.
	for _, body := range []string{query("{ nope }"), "{"} {
		if got := ask(t, http.MethodPost, server, body); got.status == http.StatusServiceUnavailable {
			t.Errorf("%s was turned away", body)
		}
	}
	close(leave)
	inside.Wait()
	if got := ask(t, http.MethodPost, server, hello); got.status != http.StatusOK {
		t.Errorf("when all had left: %d %s", got.status, got.body)
	}
}

// An operation that panics gives its place back.
func TestPlacesAreGivenBack(t *testing.T) {
	t.Parallel()
	limits := transport.DefaultLimits()
	limits.InFlight, limits.Wait = 1, time.Millisecond
	_, server := serve(t, transport.Options{Limits: limits, Around: func(context.Context) context.Context { panic("secret") }})
	for range 3 {
		if got := ask(t, http.MethodPost, server, hello); got.status != http.StatusInternalServerError {
			t.Errorf("got %d %s", got.status, got.body)
		}
	}
}

// rooms serves a schema whose field hello says the name that it was given when it is entered, and stays until somebody
// is let out. A client says its address itself.
type rooms struct {
	*transport.Transport
	server  string
	entered chan string
	out     chan struct{}
	crowd   sync.WaitGroup
}

func openRooms(t *testing.T, adjust func(*transport.Options)) *rooms {
	t.Helper()
	r := &rooms{entered: make(chan string, 100), out: make(chan struct{})}
	schema := newStub()
	schema.resolvers["hello"] = func(ctx context.Context, args map[string]any) (any, error) {
		r.entered <- args["name"].(string)
		select {
		case <-r.out:
			return "world", nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	options := transport.Options{
		Schema: schema, Limits: transport.DefaultLimits(),
		Address: func(r *http.Request) netip.Addr { return netip.MustParseAddr(r.Header.Get("X-Request-ID")) },
	}
	options.Limits.Wait, options.Limits.Operation = time.Minute, time.Minute
	adjust(&options)
	r.Transport, r.server = serve(t, options)
	return r
}

// send asks to be let in.
func (r *rooms) send(t *testing.T, name, address string) {
	r.crowd.Go(func() {
		got := ask(t, http.MethodPost, r.server, query(`{ hello(name: "`+name+`") }`), "X-Request-ID: "+address)
		if got.status != http.StatusOK {
			t.Errorf("%s got %d %s", name, got.status, got.body)
		}
	})
}

// page asks for the same for a page.
func (r *rooms) page(t *testing.T, name, address string) {
	from := r.From(request(t, http.MethodGet, r.server, nil, "X-Request-ID: "+address))
	r.crowd.Go(func() {
		err := r.Share(from, name, func(context.Context) (transport.Page, bool) {
			r.entered <- name
			<-r.out
			return leaf(name), false
		}, func(transport.Page, string) {})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	})
}

// next fails the test unless those with these names are let in next, in any order.
func (r *rooms) next(t *testing.T, want ...string) {
	t.Helper()
	var got []string
	for range want {
		select {
		case name := <-r.entered:
			got = append(got, name)
		case <-time.After(20 * time.Second):
		}
	}
	if slices.Sort(got); !slices.Equal(got, want) {
		t.Fatalf("%q have places, want %q", got, want)
	}
}

// leave lets as many out, whoever comes first.
func (r *rooms) leave(n int) {
	for range n {
		r.out <- struct{}{}
	}
}

// waits waits until so many operations wait for a place.
func (r *rooms) waits(t *testing.T, n int) {
	t.Helper()
	eventually(t, fmt.Sprint(n, " wait"), func() bool {
		_, waiting := r.Running()
		return waiting == n
	})
}

// One network has half of the places, in whatever way it asks, and what it asks for beyond waits while others run: the
// first two of them have what is left.
func TestNetworksShareThePlaces(t *testing.T) {
	t.Parallel()
	r := openRooms(t, func(o *transport.Options) { o.Limits.InFlight = 4 })
	const a, b, c = "192.0.2.1", "192.0.2.2", "192.0.2.3"
	r.send(t, "a1", a)
	r.page(t, "a2", a)
	r.next(t, "a1", "a2")
	conn := openFrom(t, r.server, a)
	tell(t, conn, subscribe("3", `{ hello(name: "a3") }`))
	r.waits(t, 1)
	r.send(t, "a4", a)
	r.waits(t, 2)
	r.page(t, "a5", a)
	r.waits(t, 3)
	r.send(t, "b1", b)
	r.page(t, "c1", c)
	r.next(t, "b1", "c1")
	r.leave(4)
	r.next(t, "a3", "a4")
	r.leave(1)
	r.next(t, "a5")
	r.leave(2)
	if m := hear(t, conn); m.ID != "3" || m.Type != "next" {
		t.Errorf("got %s %s", m.Type, m.Payload)
	}
	r.crowd.Wait()
}

// Who asks for the same as a busy network has the answer in his own turn.
func TestSharedAnswersAreComputedInTheFirstTurn(t *testing.T) {
	t.Parallel()
	r := openRooms(t, func(o *transport.Options) { o.Limits.InFlight, o.ShareAnswers = 2, true })
	const a, b = "192.0.2.1", "192.0.2.2"
	r.send(t, "first", a)
	r.next(t, "first")
	r.send(t, "second", a)
	r.waits(t, 1)
	r.send(t, "shared", a)
	r.waits(t, 2)
	r.send(t, "shared", b)
	r.next(t, "shared")
	r.leave(3)
	r.crowd.Wait()
}
