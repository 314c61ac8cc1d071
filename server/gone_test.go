package main

import (
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"petitiond/server/database"
	"petitiond/server/database/dbtest"
	"petitiond/server/database/pgproxy"
	"petitiond/server/settings"
)

// gone is a site whose PostgreSQL has gone: connections to it are refused.
func gone(t *testing.T, more ...string) (s *site, petition, token string) {
	t.Helper()
	s, petition, token, leave := goes(t, more)
	leave()
	return s, petition, token
}

// goes is a site whose PostgreSQL goes when leave is called.
func goes(t *testing.T, more []string, adjust ...func(*settings.Config)) (s *site, petition, token string, leave func()) {
	t.Helper()
	environment := fresh(t, database.Postgres)
	proxy, err := pgproxy.Open(dbtest.URL(t, database.Postgres))
	if err != nil {
		t.Fatal(err)
	}
	s = start(t, append(with(environment, "PETITION_DATABASE_URL", proxy.URL), more...), adjust...)
	petition, token = s.open(t)
	if !s.sign(t, petition, "ada@example.org") {
		t.Fatal("not acknowledged")
	}
	s.page(t, "/")
	return s, petition, token, func() {
		if err := proxy.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// A server whose clock was wrong says, once its database has gone, that this does not answer.
func TestReadinessNamesWhatIsWrongNow(t *testing.T) {
	t.Parallel()
	var clock wrong
	s, _, _, leave := goes(t, []string{"PETITION_FANOUT=local"}, clock.on)
	s.readiness(t, http.StatusOK, "ready")
	clock.jump(time.Hour)
	s.readiness(t, http.StatusServiceUnavailable, "the clock differs from the database's")
	leave()
	s.readiness(t, http.StatusServiceUnavailable, "the database does not answer")
	clock.jump(0)
	s.readiness(t, http.StatusServiceUnavailable, "the database does not answer")
}

// What could not even reach the database is UNAVAILABLE: nobody need ask whether it was done.
func TestRefusedConnectionIsUnavailable(t *testing.T) {
	t.Parallel()
	s, petition, token := gone(t, "PETITION_FANOUT=local")
	const errs = ` { userErrors { code retryAfterSeconds } } }`
	mutations := map[string]string{
		"sign":    `mutation($id: ID!) { m: signPetition(input: {petitionId: $id, name: "Ben", email: "ben@example.org"})` + errs,
		"comment": `mutation($id: ID!) { m: addComment(input: {petitionId: $id, body: "Well."})` + errs,
		"create":  `mutation { m: createPetition(input: {title: "More moss", body: "Soft.", petitioner: "Ann"})` + errs,
		"createWithKey": `mutation { m: createPetition(input: {title: "More moss", body: "Soft.", petitioner: "Ann",
 idempotencyKey: "7d1fe5a0-93c4-4b86-a27e-51c0d8f6b3e9"})` + errs,
		"signWithKey": `mutation($id: ID!) { m: signPetition(input: {petitionId: $id, name: "Cid", email: "cid@example.org",
 idempotencyKey: "0b9e4c72-6a1d-4f35-8e7b-2c5d90f8a164"})` + errs,
		// The credential cannot be looked up, and nothing is executed.
		"close": `mutation($id: ID!) { m: closePetition(input: {id: $id}) { userErrors { code } } }`,
	}
	for range 2 { // with connections that have died, and without any
		var all sync.WaitGroup
		for name, mutation := range mutations {
			all.Go(func() {
				bearer := ""
				if name == "close" {
					bearer = token
				}
				answer := string(s.send(t, bearer, mutation, map[string]any{"id": petition}))
				if !strings.Contains(answer, `"UNAVAILABLE"`) || strings.Contains(answer, "OUTCOME_UNKNOWN") {
					t.Errorf("%s: %s", name, answer)
				}
			})
		}
		all.Wait()
	}
}

// Pages say what the API says when the database has gone, and when to come again.
func TestPagesWithoutDatabase(t *testing.T) {
	t.Parallel()
	s, _, token := gone(t, "PETITION_FANOUT=local")
	for _, path := range []string{"/", "/p/more-trees", "/p/none", "/graphiql", "/p/more-trees?preview=" + token} {
		s.observer.Doubtful() // forgets what is in memory, or it would be shown for some seconds
		page := s.page(t, path)
		if page.status != http.StatusServiceUnavailable || page.header.Get("Retry-After") != "1" || page.header.Get("Cache-Control") != "no-store" ||
			!strings.Contains(page.body, "Please try again in a moment.") {
			t.Errorf("GET %s: %d, %v, %s", path, page.status, page.header, page.body)
		}
	}
	if page := s.page(t, "/nowhere"); page.status != http.StatusNotFound {
		t.Errorf("a page that needs no database: %d", page.status)
	}
	if page := s.page(t, "/graphql?query=%7Bstatistics%7BpetitionCount%7D%7D"); page.status != http.StatusServiceUnavailable {
		t.Errorf("the API: %d", page.status)
	}
}

// The log names what happened to the database, under one key, and nothing that is nobody's business.
func TestLogNamesTheCause(t *testing.T) {
	t.Parallel()
	s, petition, _ := gone(t, "PETITION_SHARED_ANSWERS=off")
	// The driver's listener rests between two attempts, longest five seconds, and ends only after that.
	defer time.Sleep(5 * time.Second)
	s.page(t, "/")
	s.send(t, "", `{ petitions(search: "canary") { nodes { title } } }`, nil)
	s.outcome(t, petition, "canary@example.org")
	for _, line := range []string{"news from other replicas is interrupted", `page failed" page=/ `, "a field failed", "writes fail"} {
		found := regexp.MustCompile(`msg="[^"]*` + line + `.*`)
		said := found.FindString(s.log.until(found.MatchString))
		cause := regexp.MustCompile(` error=(.+)`).FindStringSubmatch(said)
		known := []string{"refused", "EOF", "reset by peer", "broken pipe", "bad connection", "deadline exceeded"}
		if cause == nil || !slices.ContainsFunc(known, func(k string) bool { return strings.Contains(cause[1], k) }) {
			t.Errorf("%s: want its cause, got %q", line, said)
		}
	}
	s.stop()
	log := s.log.String()
	for _, no := range []string{"*errors.", "*net.", "*fmt.", " err=", "anary", "postgres://", "password", "127.0.0.1:0"} {
		if strings.Contains(log, no) {
			t.Errorf("the log has %q:\n%s", no, log)
		}
	}
}

// Every line in production is one object whose error is a text, and whose durations are texts.
func TestErrorsInTheLog(t *testing.T) {
	t.Parallel()
	for _, env := range []string{settings.Development, settings.Production} {
		out := &safeBuffer{}
		log := logger(settings.Config{Env: env}, out)
		log.Error("failed", "error", errors.Join(database.ErrOutcomeUnknown, errors.New("canary typed this")), "wait", 3*time.Second)
		contains(t, out.String(), database.ErrOutcomeUnknown.Error(), "3s")
		if strings.Contains(out.String(), "canary") || strings.Contains(out.String(), "errorString") {
			t.Errorf("%s: %s", env, out)
		}
	}
}
