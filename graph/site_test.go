package graph_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vektah/gqlparser/v2/ast"
	"golang.org/x/sync/errgroup"

	"petitiond/graph"
	"petitiond/server/database"
	"petitiond/server/figures"
	"petitiond/server/ledger"
	"petitiond/server/live"
	"petitiond/server/petitioning"
	"petitiond/server/reading"
	"petitiond/server/secret"
	"petitiond/server/signing"
	"petitiond/server/transport"
)

// noon is what every clock of a site says until the site's time passes.
var noon = time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)

// siteMemory is what the answers of a site may take together, in bytes.
const siteMemory = 64 << 20

const adminKey = "an admin key of thirty-two characters or more"

// site is a whole server but for its main: the schema on a real domain, ledger and hub, behind the transport.
type site struct {
	ledger.Unobserved

	db        *database.DB
	keys      *secret.Keys
	book      *ledger.Ledger
	domain    *petitioning.Service
	reading   *reading.Service
	hub       *live.Hub
	gauge     *live.Gauge[reading.Statistics]
	resolver  *graph.Resolver
	transport *transport.Transport
	url       string
	client    *http.Client
	log       *lines
	names     *names
	endLedger context.CancelFunc // writes what is queued and then nothing

	moved petitioning.Moved

	passed atomic.Int64 // since noon, in nanoseconds

	mu   sync.Mutex
	held []figures.Value // guarded by mu: news that wait for release
	hold bool            // guarded by mu
}

// newSite serves an empty site until the test ends.
func newSite(t testing.TB, db *database.DB) *site {
	t.Helper()
	return newSiteWithin(t, db, transport.DefaultLimits())
}

// newPatientSite is one that answers what costs more than anybody may ask for.
func newPatientSite(t testing.TB, db *database.DB) *site {
	t.Helper()
	limits := transport.DefaultLimits()
	limits.Cost = math.MaxInt
	return newSiteWithin(t, db, limits)
}

func newSiteWithin(t testing.TB, db *database.DB, limits transport.Limits) *site {
	t.Helper()
	s := &site{db: db, log: &lines{}, names: newNames(), client: &http.Client{Transport: &http.Transport{}}}
	log := slog.New(slog.NewTextHandler(s.log, nil))
	now := func() time.Time { return noon.Add(time.Duration(s.passed.Load())) }
	keys, err := secret.Parse([]byte(base64.StdEncoding.EncodeToString(make([]byte, secret.RootSize))))
	if err != nil {
		t.Fatal(err)
	}
	book, err := ledger.New(t.Context(), db, ledger.Options{Now: now, Observer: s, Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	s.reading = reading.New(reading.Options{
		Database: db, Keys: keys, PublicURL: "https://petitions.example", Now: now, Logger: log,
	})
	s.keys, s.book = keys, book
	s.domain = petitioning.New(petitioning.Options{
		Database: db, Ledger: book, Keys: keys, Reading: s.reading, AdminKey: adminKey,
		Mailboxes: signing.New(signing.Options{Database: db, Ledger: book, Keys: keys, Reading: s.reading, Now: now, Logger: log}),
		Observer:  s, Moved: &s.moved, Now: now, Logger: log,
	})
	// No re-read: what is told must come from news alone.
	s.hub = live.New(live.Options{Read: s.reading.News, Interval: 10 * time.Millisecond, Reread: time.Hour, Logger: log})
	s.gauge = live.NewGauge(s.reading.Statistics, live.GaugeOptions{Interval: 10 * time.Millisecond, Logger: log})
	s.resolver = &graph.Resolver{Domain: s.domain, Reading: s.reading, Hub: s.hub, Site: s.gauge, Logger: log}
	s.transport = transport.New(transport.Options{
		Schema:         graph.Schema(s.resolver),
		ErrorPresenter: s.resolver.PresentError, Around: s.resolver.Around, Authenticate: s.authenticate,
		Introspection: true, Limits: limits, Memory: siteMemory, Logger: log,
		Sizes: map[string]func(map[string]any) int{"Petition.signatureHistory": s.resolver.HistorySize},
	})
	s.run(t, book)
	return s
}

// run sets the site going, and sees to it that it ends before its database is closed.
func (s *site) run(t testing.TB, book *ledger.Ledger) {
	ctx, stop := context.WithCancel(context.Background())
	writing, end := context.WithCancel(ctx)
	s.endLedger = end
	var parts errgroup.Group
	parts.Go(func() error { return book.Run(writing) })
	parts.Go(func() error { return s.hub.Run(ctx) })
	server := httptest.NewServer(s.transport)
	s.url = server.URL
	t.Cleanup(func() {
		err := s.transport.Shutdown(context.Background())
		s.client.CloseIdleConnections()
		server.Close()
		s.gauge.Close()
		stop()
		if err := errors.Join(err, parts.Wait()); err != nil {
			t.Error(err)
		}
	})
}

// Committed hands news to the hub, or keeps them until release.
func (s *site) Committed(values ...figures.Value) {
	s.moved.Add(values...)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hold {
		s.held = append(s.held, values...)
		return
	}
	s.hub.Publish(values...)
}

// keepNews lets the hub hear of nothing until the function is called that it returns.
func (s *site) keepNews() (release func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hold = true
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.hub.Publish(s.held...)
		s.hold, s.held = false, nil
	}
}

func (s *site) authenticate(ctx context.Context, bearer string) (context.Context, error) {
	actor, err := s.domain.Authenticate(ctx, bearer)
	switch {
	case errors.Is(err, petitioning.ErrUnauthenticated):
		return nil, err
	case err != nil:
		return nil, errors.Join(transport.ErrUnavailable, err)
	}
	return petitioning.WithActor(ctx, actor), nil
}

// reply is what came back for an operation.
type reply struct {
	status int
	body   string
}

// ask sends an operation with a bearer, if any, and gives the answer, or the first event of a subscription.
func (s *site) ask(t testing.TB, bearer, query string, variables map[string]any) reply {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	resp := s.post(ctx, t, bearer, query, variables)
	defer resp.Body.Close()
	out := reply{status: resp.StatusCode}
	if strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream") {
		out.body, _ = nextEvent(t, bufio.NewScanner(resp.Body))
	} else {
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		out.body = string(text)
	}
	checkCodes(t, out)
	return out
}

func (s *site) post(ctx context.Context, t testing.TB, bearer, query string, variables map[string]any) *http.Response {
	t.Helper()
	body, err := json.Marshal(map[string]any{"query": query, "variables": variables})
	if err != nil {
		t.Fatal(err)
	}
	return s.send(ctx, t, bearer, body)
}

// send posts the text of a request.
func (s *site) send(ctx context.Context, t testing.TB, bearer string, body []byte) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json, text/event-stream;q=0.9")
	if bearer != "" {
		r.Header.Set("Authorization", "Bearer "+bearer)
	}
	resp, err := s.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	return resp
}

// nextEvent reads the next event of a stream; there is none when it has completed.
func nextEvent(t testing.TB, stream *bufio.Scanner) (body string, ok bool) {
	t.Helper()
	for stream.Scan() {
		if data, ok := strings.CutPrefix(stream.Text(), "data: "); ok {
			return data, true
		}
		if stream.Text() == "event: complete" {
			return "", false
		}
	}
	t.Fatal("the stream broke off", stream.Err())
	return "", false
}

// answer is the form of every answer as far as tests look into it.
type answer struct {
	Data   json.RawMessage
	Errors []struct {
		Message    string
		Path       []any
		Extensions map[string]any
	}
}

func (r reply) answer(t testing.TB) (a answer) {
	t.Helper()
	if err := json.Unmarshal([]byte(r.body), &a); err != nil {
		t.Fatalf("an answer is no JSON: %v\n%s", err, r.body)
	}
	return a
}

// checkCodes fails the test where an error bears a code that the schema does not tell of.
func checkCodes(t testing.TB, r reply) {
	t.Helper()
	for _, e := range r.answer(t).Errors {
		if code, _ := e.Extensions["code"].(string); !documentedCodes()[code] {
			t.Errorf("the schema does not tell of the code %q", code)
		}
	}
}

// schema is the contract as it is served.
var schema = sync.OnceValue(func() *ast.Schema {
	return graph.Schema(nil).Schema()
})

// documentedCodes are those that the description of the schema names for top-level errors.
var documentedCodes = sync.OnceValue(func() map[string]bool {
	_, text, _ := strings.Cut(schema().Description, "`extensions.code`:")
	text, _, _ = strings.Cut(text, "**Text**")
	codes := map[string]bool{}
	for _, code := range regexp.MustCompile(`\b[A-Z]+(_[A-Z]+)*\b`).FindAllString(text, -1) {
		codes[code] = true
	}
	return codes
})

// lines gathers what is logged.
type lines struct {
	mu   sync.Mutex
	text strings.Builder // guarded by mu
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
