package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"petitiond/server/database"
	"petitiond/server/database/dbtest"
	"petitiond/server/settings"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

// eachDatabase runs f for both databases with the settings of a new one.
func eachDatabase(t *testing.T, f func(t *testing.T, environment []string)) {
	t.Helper()
	for _, dialect := range []database.Dialect{database.SQLite, database.Postgres} {
		t.Run(dialect.String(), func(t *testing.T) {
			t.Parallel()
			f(t, fresh(t, dialect))
		})
	}
}

// fresh returns the settings of a new database.
func fresh(t testing.TB, dialect database.Dialect) (environment []string) {
	t.Helper()
	return []string{
		"PETITION_LISTEN=127.0.0.1:0",
		"PETITION_DATABASE_URL=" + dbtest.URL(t, dialect),
		"PETITION_SECRET_FILE=" + filepath.Join(t.TempDir(), "secret.key"),
	}
}

// site is a running server.
type site struct {
	*App
	url  string
	log  *safeBuffer
	stop func() // ends it like SIGTERM and waits
}

// start runs a server until the test ends. Functions in adjust change what settings cannot.
func start(t testing.TB, environment []string, adjust ...func(*settings.Config)) *site {
	t.Helper()
	config, _, err := settings.Load(nil, environment)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range adjust {
		f(&config)
	}
	log := &safeBuffer{}
	app, err := NewApp(t.Context(), config, logger(config, log))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- app.Run(ctx) }()
	s := &site{App: app, url: "http://" + app.Address(), log: log}
	s.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the server ended with an error: %v\n%s", err, log)
		}
		if err := app.Close(); err != nil {
			t.Errorf("closing: %v", err)
		}
	})
	t.Cleanup(s.stop)
	return s
}

// safeBuffer is a log that can be written and read concurrently.
type safeBuffer struct {
	mu    sync.Mutex
	b     bytes.Buffer
	wrote chan struct{} // closed by the next Write; nil if nobody waits for it
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.wrote != nil {
		close(s.wrote)
		s.wrote = nil
	}
	return s.b.Write(p)
}

// until waits until the log is as it should be, and returns it; or as it is after 20 s.
func (s *safeBuffer) until(holds func(log string) bool) string {
	for late := time.After(20 * time.Second); ; {
		s.mu.Lock()
		log := s.b.String()
		if s.wrote == nil {
			s.wrote = make(chan struct{})
		}
		wrote := s.wrote
		s.mu.Unlock()
		if holds(log) {
			return log
		}
		select {
		case <-wrote:
		case <-late:
			return log
		}
	}
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// client has a long timeout: under the race detector demo content takes a while to load.
var client = &http.Client{Timeout: 2 * time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: 200, DisableKeepAlives: false}}

// ask sends an operation and decodes data into out; an error in the answer fails the test.
func (s *site) ask(t testing.TB, bearer, query string, variables map[string]any, out any) {
	t.Helper()
	raw := s.send(t, bearer, query, variables)
	answer := struct {
		Data   json.RawMessage
		Errors []json.RawMessage
	}{}
	if err := json.Unmarshal(raw, &answer); err != nil {
		t.Fatalf("%v in %s", err, raw)
	}
	if len(answer.Errors) > 0 {
		t.Fatalf("errors: %s", answer.Errors)
	}
	if err := json.Unmarshal(answer.Data, out); err != nil {
		t.Fatal(err)
	}
}

func (s *site) send(t testing.TB, bearer, query string, variables map[string]any) []byte {
	t.Helper()
	body, err := json.Marshal(map[string]any{"query": query, "variables": variables})
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(context.Background(), http.MethodPost, s.url+"/graphql", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	if bearer != "" {
		request.Header.Set("Authorization", "Bearer "+bearer)
	}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func (s *site) get(t *testing.T, path string) (status int, body string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(raw)
}

// open creates and publishes a petition.
func (s *site) open(t *testing.T) (id, token string) {
	t.Helper()
	made := struct {
		CreatePetition struct {
			Petition  struct{ ID string }
			EditToken string
		}
	}{}
	s.ask(t, "", `mutation { createPetition(input: {title: "More trees", body: "Plant them.", petitioner: "Ann"}) {
 petition { id } editToken } }`, nil, &made)
	id, token = made.CreatePetition.Petition.ID, made.CreatePetition.EditToken
	published := struct {
		PublishPetition struct{ Petition struct{ State string } }
	}{}
	s.ask(t, token, `mutation($id: ID!) { publishPetition(id: $id) { petition { state } } }`, map[string]any{"id": id}, &published)
	if published.PublishPetition.Petition.State != "OPEN" {
		t.Fatalf("want an open petition, got %+v", published)
	}
	return id, token
}

// openTagged creates and publishes a petition with a tag of its own.
func (s *site) openTagged(t testing.TB, tag string) (id, token string) {
	t.Helper()
	made := struct {
		CreatePetition struct {
			Petition  struct{ ID string }
			EditToken string
		}
	}{}
	s.ask(t, "", `mutation($tag: String!) { createPetition(input: {title: "More trees 0", body: "Plant them.", petitioner: "Ann", tags: [$tag]}) {
 petition { id } editToken } }`, map[string]any{"tag": tag}, &made)
	id, token = made.CreatePetition.Petition.ID, made.CreatePetition.EditToken
	s.ask(t, token, `mutation($id: ID!) { publishPetition(id: $id) { petition { state } } }`, map[string]any{"id": id}, &struct{}{})
	return id, token
}

const signMutation = `mutation($input: SignPetitionInput!) { signPetition(input: $input) { status userErrors { code message } } }`

// sign signs and reports whether it was acknowledged.
func (s *site) sign(t testing.TB, petition, email string) bool {
	t.Helper()
	out := struct{ SignPetition struct{ Status *string } }{}
	s.ask(t, "", signMutation, map[string]any{"input": map[string]any{"petitionId": petition, "name": "Ann", "email": email}}, &out)
	return out.SignPetition.Status != nil && *out.SignPetition.Status == "COUNTED"
}

func (s *site) count(t *testing.T, petition string) int {
	t.Helper()
	out := struct{ Petition struct{ SignatureCount int } }{}
	s.ask(t, "", `query($id: ID) { petition(id: $id) { signatureCount } }`, map[string]any{"id": petition}, &out)
	return out.Petition.SignatureCount
}

func contains(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("want %q in:\n%s", part, text)
		}
	}
}
