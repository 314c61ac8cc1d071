package transport_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"petitiond/server/answerbudget"
	"petitiond/server/transport"
)

// serveNetworks serves clients that say their addresses themselves.
func serveNetworks(t *testing.T, o transport.Options) (*transport.Transport, string) {
	t.Helper()
	o.Address = func(r *http.Request) netip.Addr { return netip.MustParseAddr(r.Header.Get("X-Request-ID")) }
	return serve(t, o)
}

// from is the header by which a client says its address.
func from(n int) string { return fmt.Sprintf("X-Request-ID: 192.0.2.%d", n) }

// TestLongRequestsOfOthers has addresses fill the memory for long requests, as far as each may, with bodies that stop
// on their way. Another sends a long one all the same.
func TestLongRequestsOfOthers(t *testing.T) {
	t.Parallel()
	for _, addresses := range []int{1, 2} {
		t.Run(fmt.Sprint(addresses), func(t *testing.T) {
			t.Parallel()
			tr, server := serveNetworks(t, transport.Options{Schema: measuring(), Memory: 4 << 22}) // a quarter of it is for requests
			long := `{"query":"{ hello }","extensions":{"note":"` + strings.Repeat("x", 100_000) + `"}}`
			for address := range addresses {
				for n := 0; ; n++ {
					before := tr.TakenByRequests()
					slow, end := io.Pipe()
					t.Cleanup(func() { _ = end.Close() })
					r := request(t, http.MethodPost, server, io.MultiReader(strings.NewReader(long[:90_000]), slow), from(address))
					refused := make(chan reply, 1)
					go func() {
						if resp, err := http.DefaultTransport.RoundTrip(r); err == nil {
							_ = resp.Body.Close()
							refused <- reply{status: resp.StatusCode}
						}
					}()
					full := false
					eventually(t, "it takes memory or is refused", func() bool {
						full = len(refused) > 0
						return full || tr.TakenByRequests() > before
					})
					if full {
						if got := <-refused; got.status != http.StatusServiceUnavailable || n == 0 {
							t.Fatalf("request %d of address %d: %d", n, address, got.status)
						}
						break
					}
				}
			}
			if got := ask(t, http.MethodPost, server, long, from(addresses)); got.body != `{"data":{"hello":0}}` {
				t.Errorf("another: %d %s", got.status, got.body)
			}
		})
	}
}

// TestAnswersOfOthers has an address fill the memory for answers, as far as it may. Another gets its answers, and a
// mutation that could not tell its own is not done.
func TestAnswersOfOthers(t *testing.T) {
	t.Parallel()
	schema, inside, leave, touched := newStub(), make(chan struct{}), make(chan struct{}), make(chan struct{}, 10)
	schema.resolvers["hello"] = func(ctx context.Context, _ map[string]any) (any, error) {
		if err := answerbudget.From(ctx).Read(1 << 20); err != nil {
			return nil, err
		}
		inside <- struct{}{}
		<-leave
		return "done", nil
	}
	schema.resolvers["touch"] = func(ctx context.Context, _ map[string]any) (any, error) {
		touched <- struct{}{}
		return "done", answerbudget.From(ctx).Read(1 << 18)
	}
	_, server := serveNetworks(t, transport.Options{
		Schema: schema, Memory: 5 << 20, LongTexts: map[string]int{"Mutation.touch": 1 << 18},
	})
	answers := make(chan reply, 3)
	for range 2 {
		go func() { answers <- ask(t, http.MethodPost, server, query(`{ hello }`), from(1)) }()
		<-inside
	}
	if got := ask(t, http.MethodPost, server, query(`{ hello }`), from(1)); got.code() != "UNAVAILABLE" {
		t.Errorf("a third query: %d %s", got.status, got.body)
	}
	if got := ask(t, http.MethodPost, server, query(`mutation { touch }`), from(1)); got.code() != "UNAVAILABLE" || len(touched) > 0 {
		t.Errorf("a mutation without memory for its answer: %d %s, and it was done %d times", got.status, got.body, len(touched))
	}
	if got := ask(t, http.MethodPost, server, query(`mutation { touch }`), from(2)); got.body != `{"data":{"touch":"done"}}` {
		t.Errorf("a mutation of another: %d %s", got.status, got.body)
	}
	go func() { answers <- ask(t, http.MethodPost, server, query(`{ hello }`), from(2)) }()
	<-inside
	close(leave)
	for range 3 {
		if got := <-answers; got.body != `{"data":{"hello":"done"}}` {
			t.Errorf("%d %s", got.status, got.body)
		}
	}
}
