package transport_test

import (
	"context"
	"net/http"
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

func TestShedding(t *testing.T) {
	t.Parallel()
	limits := transport.DefaultLimits()
	limits.InFlight, limits.Wait = 2, 50*time.Millisecond
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
