package transport_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"petitiond/server/eventmark"
	"petitiond/server/transport"
)

// keyring is an Authenticate that knows every credential until it is told otherwise.
type keyring struct {
	mu     sync.Mutex
	fails  map[string]error
	asked  map[string]int
	rights map[string]string
}

func newKeyring() *keyring {
	return &keyring{fails: map[string]error{}, asked: map[string]int{}, rights: map[string]string{}}
}

var errRevoked = errors.New("revoked")

func (k *keyring) authenticate(ctx context.Context, bearer string) (context.Context, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.asked[bearer]++
	if err := k.fails[bearer]; err != nil {
		return nil, err
	}
	ctx = context.WithValue(ctx, rightsKey{}, k.rights[bearer])
	return context.WithValue(context.WithValue(ctx, actorKey{}, bearer), foundKey{}, time.Now()), nil
}

// rightsKey is what a credential may.
type rightsKey struct{}

func sameRights(before, now context.Context) bool {
	return before.Value(rightsKey{}) == now.Value(rightsKey{})
}

// grant changes what a credential may.
func (k *keyring) grant(bearer, rights string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.rights[bearer] = rights
}

// foundKey is when a credential was found to hold.
type foundKey struct{}

func found(ctx context.Context) time.Time {
	at, _ := ctx.Value(foundKey{}).(time.Time)
	return at
}

func (k *keyring) set(bearer string, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.fails[bearer] = err
}

func (k *keyring) count(bearer string) int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.asked[bearer]
}

// expiring are options with which every credential is over as soon as it was found to hold, and open connections are
// looked at often.
func expiring(k *keyring, schema *station, shared bool) transport.Options {
	o := schema.options()
	o.Limits = transport.DefaultLimits()
	o.Limits.Event = 200 * time.Millisecond // twice as long as between two looks
	o.Authenticate = k.authenticate
	o.Expires = found
	o.Same = sameRights
	if !shared {
		o.Impersonal = nil
	}
	return o
}

// waysToRun are the ways in which a subscription with a credential is executed.
var waysToRun = map[string]bool{"Alone": false, "Shared": true}

const (
	ended = `{"errors":[{"message":"The credential is unknown or has expired. Send a valid one as Authorization: Bearer SECRET.",` +
		`"extensions":{"code":"UNAUTHENTICATED"}}]}`
	unsure = `{"errors":[{"message":"The credential cannot be checked at present. Try again in a moment.",` +
		`"extensions":{"code":"UNAVAILABLE"}}]}`
)

// beside sends an operation beside an event stream.
func beside(t *testing.T, server, token, id, document string, headers ...string) reply {
	t.Helper()
	body := `{"query":"` + strings.ReplaceAll(document, `"`, `\"`) + `","extensions":{"operationId":"` + id + `"}}`
	return ask(t, http.MethodPost, server, body, append(headers, "X-GraphQL-Event-Stream-Token: "+token)...)
}

const watchA = `subscription { signatureCount(petitionId: "a") { total } }`

// Each operation on a stream ends with its own credential: the stream may be another's or nobody's.
func TestOperationEndsWithItsCredential(t *testing.T) {
	t.Parallel()
	for way, shared := range waysToRun {
		for name, header := range map[string]string{"OfNobody": "", "OfAnother": "Authorization: Bearer good"} {
			t.Run(way+name, func(t *testing.T) {
				t.Parallel()
				k, s := newKeyring(), newStation()
				tr, server := serve(t, expiring(k, s, shared))
				token := ask(t, http.MethodPut, server, "").body
				lines := stream(t, request(t, http.MethodGet, server+"?token="+token, nil, events, header))
				for id, bearer := range map[string]string{"bad": "Bearer bad", "good": "Bearer good", "nobody": ""} {
					got := beside(t, server, token, id, watchA, "Authorization: "+bearer)
					if got.status != http.StatusAccepted {
						t.Fatalf("%s: %d %s", id, got.status, got.body)
					}
				}
				s.begun(t, map[bool]int64{true: 1, false: 3}[shared])
				k.set("bad", errRevoked)
				skim(t, lines, `data: {"id":"bad","payload":`+ended+`}`)
				skim(t, lines, `event: complete`)
				skim(t, lines, `data: {"id":"bad"}`)
				if !shared {
					<-s.ended
				}
				if got := beside(t, server, token, "bad", "{ hello }"); got.status != http.StatusAccepted {
					t.Errorf("the id is not free again: %d %s", got.status, got.body)
				}
				skim(t, lines, `data: {"id":"bad"}`)
				s.tellMost(t, "a", eventmark.Mark{Topic: "a", Version: 1}, 5)
				told := map[string]bool{}
				for line := range lines {
					if strings.HasPrefix(line, "data: ") {
						told[line] = true
					}
					if len(told) == 2 {
						break
					}
				}
				for _, id := range []string{"good", "nobody"} {
					if !told[`data: {"id":"`+id+`","payload":{"data":{"signatureCount":{"total":5}}}}`] {
						t.Errorf("told %v, want %s among them", told, id)
					}
				}
				if got := tr.Credentials(); got != 1 {
					t.Errorf("%d credentials are held, want 1", got)
				}
			})
		}
	}
}

// tellMost sends an event over every execution that still takes one; one that has ended says so in no other way.
func (s *station) tellMost(t *testing.T, id string, mark eventmark.Mark, total int) {
	t.Helper()
	s.mu.Lock()
	sources := s.on[id]
	s.mu.Unlock()
	for _, source := range sources {
		select {
		case source <- marked{Mark: mark, value: map[string]any{"total": total}}:
		case <-time.After(300 * time.Millisecond):
		}
	}
}

// A stream for one operation ends with the error and complete.
func TestEventsEndWithTheirCredential(t *testing.T) {
	t.Parallel()
	for way, shared := range waysToRun {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			k, s := newKeyring(), newStation()
			tr, server := serve(t, expiring(k, s, shared))
			lines := listen(t, t.Context(), server, watchA, "Authorization: Bearer bad")
			s.begun(t, 1)
			k.set("bad", errRevoked)
			skim(t, lines, `data: `+ended)
			skim(t, lines, `event: complete`)
			for range lines { // to its end
			}
			<-s.ended
			eventually(t, "nothing is open", func() bool { return tr.Open() == 0 && tr.Credentials() == 0 })
		})
	}
}

// A socket whose credential has ended is closed, also where its operations read what all may read.
func TestSocketEndsWithItsCredential(t *testing.T) {
	t.Parallel()
	for way, shared := range waysToRun {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			k, s := newKeyring(), newStation()
			tr, server := serve(t, expiring(k, s, shared))
			conn := open(t, server, `{"authorization":"Bearer bad"}`)
			tell(t, conn, subscribe("1", watchA))
			s.begun(t, 1)
			k.set("bad", errRevoked)
			if got := parting(t, conn); got != 4403 {
				t.Errorf("closed with %d, want 4403", got)
			}
			<-s.ended
			eventually(t, "no credential is held", func() bool { return tr.Credentials() == 0 })
		})
	}
}

// A credential that cannot be checked is asked again soon, and what is open goes on until then; but not when the
// credential is over by what is known of it.
func TestCredentialThatCannotBeChecked(t *testing.T) {
	t.Parallel()
	later := fmt.Errorf("ask the database: %w", transport.ErrUnavailable)
	t.Run("GoesOn", func(t *testing.T) {
		t.Parallel()
		k, s := newKeyring(), newStation()
		o := expiring(k, s, false)
		o.Expires = func(ctx context.Context) time.Time {
			k.mu.Lock()
			defer k.mu.Unlock()
			if k.fails["bad"] != nil { // it is not known when it ends
				return time.Time{}
			}
			return found(ctx)
		}
		_, server := serve(t, o)
		lines := listen(t, t.Context(), server, watchA, "Authorization: Bearer bad")
		s.begun(t, 1)
		k.set("bad", later)
		before := k.count("bad")
		eventually(t, "it is asked twice while it cannot be checked", func() bool { return k.count("bad") >= before+2 })
		s.tell(t, "a", eventmark.Mark{Topic: "a", Version: 1}, 5)
		skim(t, lines, `data: {"data":{"signatureCount":{"total":5}}}`)
		k.set("bad", errRevoked)
		skim(t, lines, `data: `+ended)
	})
	t.Run("IsOver", func(t *testing.T) {
		t.Parallel()
		k, s := newKeyring(), newStation()
		_, server := serve(t, expiring(k, s, false))
		conn := open(t, server, `{"authorization":"Bearer bad"}`)
		lines := listen(t, t.Context(), server, watchA, "Authorization: Bearer bad")
		s.begun(t, 1)
		k.set("bad", later)
		if got := parting(t, conn); got != websocket.StatusTryAgainLater {
			t.Errorf("closed with %d, want 1013", got)
		}
		skim(t, lines, `data: `+unsure)
		skim(t, lines, `event: complete`)
	})
}

// What waits before it runs is asked for its credential again if that is over by then.
func TestCredentialEndsBeforeTheOperationRuns(t *testing.T) {
	t.Parallel()
	for name, document := range map[string]string{"Query": "{ hello }", "Mutation": "mutation { touch }", "Subscription": watchA} {
		t.Run(name+"ForAStream", func(t *testing.T) {
			t.Parallel()
			k, s := newKeyring(), newStation()
			_, server := serve(t, expiring(k, s, false))
			token := ask(t, http.MethodPut, server, "").body
			if got := beside(t, server, token, "1", document, "Authorization: Bearer bad"); got.status != http.StatusAccepted {
				t.Fatalf("%d %s", got.status, got.body)
			}
			k.set("bad", errRevoked)
			lines := stream(t, request(t, http.MethodGet, server+"?token="+token, nil, events))
			skim(t, lines, `data: {"id":"1","payload":`+ended+`}`)
			skim(t, lines, `data: {"id":"1"}`)
			if got := s.started.Load(); got != 0 {
				t.Errorf("it was executed %d times", got)
			}
		})
	}
	t.Run("AtTheGate", func(t *testing.T) {
		t.Parallel()
		k, s := newKeyring(), newStation()
		o := expiring(k, s, false)
		o.Authenticate = func(ctx context.Context, bearer string) (context.Context, error) {
			defer k.set(bearer, errRevoked) // while it waits
			return k.authenticate(ctx, bearer)
		}
		_, server := serve(t, o)
		for _, document := range []string{"{ hello }", "mutation { touch }"} {
			bearer := "Authorization: Bearer " + document[:4]
			got := ask(t, http.MethodPost, server, query(document), bearer)
			if got.status != http.StatusUnauthorized || got.code() != "UNAUTHENTICATED" {
				t.Errorf("%s: %d %s, want 401", document, got.status, got.body)
			}
		}
	})
}

// A check that hangs or panics neither holds a socket open without end nor ends the program.
func TestCredentialCheckFails(t *testing.T) {
	t.Parallel()
	checks := map[string]func(context.Context){
		"Hangs":  func(ctx context.Context) { <-ctx.Done() },
		"Panics": func(context.Context) { panic("broken") },
	}
	for name, check := range checks {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			limits := transport.DefaultLimits()
			limits.Operation = 50 * time.Millisecond
			failing := func(ctx context.Context, _ string) (context.Context, error) {
				check(ctx)
				return nil, ctx.Err()
			}
			_, server := serve(t, transport.Options{Limits: limits, Authenticate: failing})
			conn, _ := dial(t, server)
			tell(t, conn, message{Type: "connection_init", Payload: []byte(`{"authorization":"Bearer x"}`)})
			if got := parting(t, conn); got != websocket.StatusTryAgainLater {
				t.Errorf("closed with %d, want 1013", got)
			}
		})
	}
}

// A connection that cannot be taken over leaves nothing behind.
func TestConnectionThatCannotBeKept(t *testing.T) {
	t.Parallel()
	tr, _ := serve(t, transport.Options{Authenticate: known, Schema: whoami()})
	r := request(t, http.MethodGet, "http://localhost/", nil,
		"Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
		"Authorization: Bearer good")
	w := httptest.NewRecorder() // which is no connection
	tr.ServeHTTP(w, r)
	if w.Code != http.StatusInternalServerError || tr.Open() != 0 || tr.Credentials() != 0 {
		t.Errorf("answered %d, with %d lines and %d credentials left", w.Code, tr.Open(), tr.Credentials())
	}
}
