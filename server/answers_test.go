package main

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"

	"petitiond/server/database"
)

// fact is something that only grows, and when it came to be known that it had: the writer was answered.
type fact struct {
	mu    sync.Mutex
	steps []step
}

type step struct {
	at    time.Time
	value int
}

func (f *fact) acknowledge(value int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.steps = append(f.steps, step{time.Now(), value})
}

// add acknowledges one more.
func (f *fact) add() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.steps = append(f.steps, step{time.Now(), f.last(time.Now()) + 1})
}

// by returns what everybody may rely on who begins to read now, if news may take so long.
func (f *fact) by(late time.Duration) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.last(time.Now().Add(-late))
}

func (f *fact) last(until time.Time) int {
	for _, s := range slices.Backward(f.steps) {
		if !s.at.After(until) {
			return s.value
		}
	}
	return 0
}

// subject is a petition that is written and read.
type subject struct {
	id, token, slug                   string // slug is one that it had
	signatures, comments, goal, title fact
}

// way is one way to read a subject, and how its facts show there.
type way struct {
	document string                          // none: it is the web page that is read
	facts    map[string]func(*subject) *fact // by the path of a number in the data
}

func signaturesOf(s *subject) *fact { return &s.signatures }
func commentsOf(s *subject) *fact   { return &s.comments }
func goalOf(s *subject) *fact       { return &s.goal }
func titleOf(s *subject) *fact      { return &s.title }

// readings are all kinds of places where the same facts are told.
func ways() []way {
	return []way{
		{`query($id: ID!) { petition(id: $id) { signatureCount } }`, map[string]func(*subject) *fact{"petition.signatureCount": signaturesOf}},
		{
			`query($id: ID!) { petition(id: $id) { goal title commentCount count { total goal } signatures(first: 1) { totalCount } comments(first: 1) { totalCount nodes { body } } } }`,
			map[string]func(*subject) *fact{
				"petition.goal": goalOf, "petition.title": titleOf, "petition.commentCount": commentsOf, "petition.count.total": signaturesOf, "petition.count.goal": goalOf,
				"petition.signatures.totalCount": signaturesOf, "petition.comments.totalCount": commentsOf, "petition.comments.nodes.0.body": commentsOf,
			},
		},
		{`query($id: ID!) { node(id: $id) { ... on Petition { title count { total lastHour goal } } } }`, map[string]func(*subject) *fact{
			"node.count.total": signaturesOf, "node.count.lastHour": signaturesOf, "node.count.goal": goalOf, "node.title": titleOf,
		}},
		{`query($id: ID!) { nodes(ids: [$id]) { ... on Petition { signatureHistory(interval: WEEK) { total } } } }`, map[string]func(*subject) *fact{
			"nodes.0.signatureHistory.last.total": signaturesOf,
		}},
		{`query($id: ID!) { nodes(ids: [$id]) { ... on Petition { tags { petitions(first: 1) { nodes { title signatureCount } } } } } }`, map[string]func(*subject) *fact{
			"nodes.0.tags.0.petitions.nodes.0.signatureCount": signaturesOf, "nodes.0.tags.0.petitions.nodes.0.title": titleOf,
		}},
		{"", map[string]func(*subject) *fact{"signatures": signaturesOf, "goal": goalOf, "title": titleOf, "comment": commentsOf}},
	}
}

// TestReadersSeeWhatWasAcknowledged lets many read while others write. Who reads where it was written never sees
// less than had been acknowledged before, and who reads at another replica never less than a second before.
func TestReadersSeeWhatWasAcknowledged(t *testing.T) {
	t.Parallel()
	length := 4 * time.Second
	if os.Getenv("PETITION_TEST_FAULTS") == "long" {
		length = time.Minute
	}
	t.Run("SQLite", func(t *testing.T) {
		t.Parallel()
		one := start(t, append(fresh(t, database.SQLite), "PETITION_RATE_LIMITS=off", "PETITION_ADMIN_KEY="+adminOfTests))
		readAndWrite(t, length, one, one, 0, nil)
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		t.Parallel()
		environment := append(fresh(t, database.Postgres), "PETITION_RATE_LIMITS=off", "PETITION_ADMIN_KEY="+adminOfTests)
		readAndWrite(t, length, start(t, environment), start(t, environment), time.Second, nil)
	})
	t.Run("ReplicasThatHearLittle", func(t *testing.T) {
		t.Parallel()
		environment := append(fresh(t, database.Postgres), "PETITION_RATE_LIMITS=off", "PETITION_ADMIN_KEY="+adminOfTests)
		here, there := start(t, environment), start(t, environment)
		readAndWrite(t, length, here, there, time.Second, func() { cutListeners(t, here.db.Write) })
	})
}

// TestReplicaThatHearsNothing takes a replica the connection by which it listens, lets it have no other, and writes at
// the other one: what it answers is not older than a second for that.
func TestReplicaThatHearsNothing(t *testing.T) {
	t.Parallel()
	environment := append(fresh(t, database.Postgres), "PETITION_RATE_LIMITS=off")
	here, there := start(t, environment), start(t, environment)
	control, err := here.db.Write.Conn(t.Context()) // kept: while the database accepts none, a pool could not make another
	if err != nil {
		t.Fatal(err)
	}
	defer control.Close()
	s := &subject{}
	s.id, _ = here.openTagged(t, "silence")
	way := ways()[0]
	for n := range 3 {
		for deadline := time.Now().Add(10 * time.Second); !there.check(t, way, s, time.Second); {
			if time.Now().After(deadline) {
				t.Fatal("nothing is answered from memory")
			}
		}
		listening(t, here)
		accept(t, control, false)
		cutListeners(t, control)
		if !here.sign(t, s.id, fmt.Sprintf("silent%d@example.org", n)) {
			t.Fatal("a signature was not acknowledged")
		}
		s.signatures.acknowledge(n + 1)
		// So long it is cut off, while real signatures go on: how old its answers are is measured.
		for end := time.Now().Add(1500 * time.Millisecond); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
			there.check(t, way, s, time.Second)
		}
		accept(t, control, true)
	}
	listening(t, here)
}

// listening waits until two servers listen.
func listening(t *testing.T, s *site) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) { // only PostgreSQL knows
		var ears int
		err := s.db.Write.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM pg_stat_activity WHERE application_name = '' AND datname = current_database()`).Scan(&ears)
		switch {
		case err != nil:
			t.Fatal(err)
		case ears == 2:
			return
		case time.Now().After(deadline):
			t.Fatalf("%d servers listen", ears)
		}
	}
}

// accept lets the database accept new connections or not; those that there are stay.
func accept(t *testing.T, control *sql.Conn, accepting bool) {
	t.Helper()
	if _, err := control.ExecContext(t.Context(), `UPDATE pg_database SET datallowconn = $1 WHERE datname = current_database()`, accepting); err != nil {
		t.Fatal(err)
	}
}

const adminOfTests = "an admin key of more than thirty-two characters"

// readAndWrite writes at here, and reads at here and there, and does something over and over meanwhile.
func readAndWrite(t *testing.T, length time.Duration, here, there *site, late time.Duration, meanwhile func()) {
	subjects := make([]*subject, 3)
	for i := range subjects {
		s := &subject{}
		s.id, s.token = here.openTagged(t, fmt.Sprintf("subject%d", i))
		s.slug = here.slug(t, s.id)
		subjects[i] = s
	}
	ctx, cancel := context.WithTimeout(t.Context(), length)
	defer cancel()
	var writing sync.WaitGroup
	for i, s := range subjects {
		for w := range 2 {
			writing.Go(func() { here.keepSigning(ctx, t, s, fmt.Sprintf("%d.%d", i, w)) })
		}
		writing.Go(func() { here.keepCommenting(ctx, t, s) })
		writing.Go(func() { here.keepEditing(ctx, t, s) })
	}
	var hits, all atomic.Int64
	for r := range 12 {
		at, tolerance := here, time.Duration(0)
		if r%3 == 0 {
			at, tolerance = there, late
		}
		writing.Go(func() {
			for n := r; ctx.Err() == nil; n++ {
				s, way := subjects[n%len(subjects)], ways()[n/len(subjects)%len(ways())]
				if at.check(t, way, s, tolerance) {
					hits.Add(1)
				}
				all.Add(1)
			}
		})
	}
	for meanwhile != nil && ctx.Err() == nil {
		meanwhile()
	}
	writing.Wait()
	t.Logf("%d answers, %d of them from memory; %d signatures", all.Load(), hits.Load(), subjects[0].signatures.by(0))
	if hits.Load() == 0 {
		t.Error("no answer came from memory: nothing was tried")
	}
}

// check reads a subject in one way, and reports whether the answer came from memory.
func (s *site) check(t *testing.T, how way, of *subject, late time.Duration) (hit bool) {
	least := map[string]int{}
	for path, fact := range how.facts {
		least[path] = fact(of).by(late)
	}
	var answer any
	var status string
	if how.document == "" {
		answer, status = s.readPage(t, of)
	} else {
		answer, status = s.read(t, "", how.document, map[string]any{"id": of.id})
	}
	for path, want := range least {
		if got := numberAt(answer, path); got < want {
			t.Errorf("%s was %d when %d had been acknowledged (%s), in %s", path, got, want, status, how.document)
		}
	}
	return status == "petitiond; hit"
}

// read returns the data of an answer, and where it came from.
func (s *site) read(t testing.TB, bearer, document string, variables map[string]any) (data any, status string) {
	t.Helper()
	body, err := json.Marshal(map[string]any{"query": document, "variables": variables})
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
		t.Error(err)
		return nil, ""
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	answer := struct{ Data, Errors any }{}
	if err != nil || json.Unmarshal(raw, &answer) != nil || answer.Errors != nil {
		t.Errorf("error %v in %s", err, raw)
	}
	return answer.Data, response.Header.Get("Cache-Status")
}

// numberAt finds a number, or the number at the end of a text; last is the last of a list.
func numberAt(data any, path string) int {
	for part := range strings.SplitSeq(path, ".") {
		switch at := data.(type) {
		case map[string]any:
			data = at[part]
		case []any:
			if len(at) == 0 {
				return 0
			}
			if data = at[0]; part == "last" {
				data = at[len(at)-1]
			}
		}
	}
	switch v := data.(type) {
	case float64:
		return int(v)
	case string:
		n := 0
		_, _ = fmt.Sscan(v[strings.LastIndexByte(v, ' ')+1:], &n)
		return n
	}
	return 0
}

func (s *site) keepSigning(ctx context.Context, t *testing.T, of *subject, who string) {
	for n := 0; ctx.Err() == nil; n++ {
		input := map[string]any{"petitionId": of.id, "name": "Ann", "showName": true, "email": fmt.Sprintf("signer.%s.%d@example.org", who, n)}
		s.read(t, "", signMutation, map[string]any{"input": input})
		of.signatures.add()
	}
}

func (s *site) keepCommenting(ctx context.Context, t *testing.T, of *subject) {
	for n := 1; ctx.Err() == nil; n++ {
		s.read(t, "", noteMutation, map[string]any{"input": map[string]any{"petitionId": of.id, "body": fmt.Sprintf("Comment %d", n)}})
		of.comments.acknowledge(n)
	}
}

// keepEditing sets the goal and the title, which once somebody has signed takes a moderator.
func (s *site) keepEditing(ctx context.Context, t *testing.T, of *subject) {
	for n := 1; ctx.Err() == nil; n++ {
		version, _ := s.read(t, adminOfTests, `query($id: ID!) { petition(id: $id) { version } }`, map[string]any{"id": of.id})
		input := map[string]any{"id": of.id, "version": numberAt(version, "petition.version"), "goal": 100 + n, "title": fmt.Sprintf("More trees %d", n)}
		done, _ := s.read(t, adminOfTests, `mutation($input: UpdatePetitionInput!) { updatePetition(input: $input) { petition { goal } userErrors { code } } }`,
			map[string]any{"input": input})
		if got := numberAt(done, "updatePetition.petition.goal"); got != 100+n {
			t.Errorf("an edit was answered %v", done)
			return
		}
		of.goal.acknowledge(100 + n)
		of.title.acknowledge(n)
	}
}

// TestListsHoldWhatWasAcknowledged opens, edits and hides petitions: lists of the same server say so at once.
func TestListsHoldWhatWasAcknowledged(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, environment []string) {
		s := start(t, append(environment, "PETITION_ADMIN_KEY="+adminOfTests))
		const document = `query { petitions(first: 3) { totalCount nodes { title } } tags { nodes { name petitionCount } } statistics { petitionCount signatureCount } }`
		shown := func() string {
			answer := []string{}
			for range 2 { // computed, and from memory
				data, _ := s.read(t, "", document, nil)
				text, err := json.Marshal(data)
				if err != nil {
					t.Fatal(err)
				}
				answer = append(answer, string(text))
			}
			if answer[0] != answer[1] {
				t.Errorf("the same was answered %s and %s", answer[0], answer[1])
			}
			return answer[0]
		}
		seen := []string{shown()}
		id, token := s.openTagged(t, "lists")
		seen = append(seen, shown())
		s.ask(t, token, `mutation($id: ID!) { updatePetition(input: {id: $id, version: 2, title: "Fewer cars"}) { petition { id } userErrors { message } } }`, map[string]any{"id": id}, &struct{}{})
		seen = append(seen, shown())
		s.sign(t, id, "ann@example.org")
		seen = append(seen, shown())
		s.ask(t, token, `mutation($id: ID!) { closePetition(input: {id: $id}) { petition { state } } }`, map[string]any{"id": id}, &struct{}{})
		seen = append(seen, shown())
		for i, step := range []string{"opened", "edited", "signed", "closed"} {
			if seen[i] == seen[i+1] {
				t.Errorf("a petition was %s, and lists still say %s", step, seen[i])
			}
		}
	})
}

// TestStatisticsHoldWhatWasAcknowledged lets many ask for the numbers of the site, with a credential and without, in
// many words, while others sign. Sums are read by one for all, and none misses what was acknowledged before.
func TestStatisticsHoldWhatWasAcknowledged(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, environment []string) {
		s := start(t, append(environment, "PETITION_RATE_LIMITS=off", "PETITION_ADMIN_KEY="+adminOfTests))
		of := &subject{}
		of.id, of.token = s.openTagged(t, "sums")
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		var all sync.WaitGroup
		for w := range 2 {
			all.Go(func() { s.keepSigning(ctx, t, of, fmt.Sprint(w)) })
		}
		for r := range 9 {
			bearer := []string{"", adminOfTests, of.token}[r%3]
			all.Go(func() {
				for n := 0; ctx.Err() == nil; n++ {
					least := of.signatures.by(0)
					document := fmt.Sprintf(`query { a%d: __typename statistics { signatureCount signaturesLastHour } again: statistics { signatureCount } }`, n%5)
					data, status := s.read(t, bearer, document, nil)
					for _, path := range []string{"statistics.signatureCount", "statistics.signaturesLastHour", "again.signatureCount"} {
						if got := numberAt(data, path); got < least {
							t.Errorf("%s was %d when %d had been acknowledged (%s)", path, got, least, status)
						}
					}
				}
			})
		}
		all.Wait()
		if of.signatures.by(0) == 0 {
			t.Error("nobody signed: nothing was tried")
		}
	})
}

// TestSharedAnswersKeepSecrets lets people without a credential read what only the petitioner and the staff may see,
// with the very words that those use, before and after them.
func TestSharedAnswersKeepSecrets(t *testing.T) {
	t.Parallel()
	// By the field of Query by which it is reached: everything of it depends on the viewer.
	documents := map[string]string{
		"node":         `query($id: ID!, $slug: String) { node(id: $id) { id ... on Petition { title body bodyHtml tags { name } count { total } signatureHistory(interval: DAY) { total } } } petition(slug: $slug) { id } }`,
		"nodes":        `query($id: ID!) { nodes(ids: [$id]) { ... on Petition { title summary comments(first: 1) { totalCount } signatures(first: 1) { totalCount } } } }`,
		"petition":     `query($id: ID!) { petition(id: $id) { title state petitioner addressees count { petition { title } } } }`,
		"petitions":    `query { petitions(filter: {states: [DRAFT]}, search: "canaries") { totalCount nodes { title state } } drafts: petitions(filter: {states: [DRAFT, OPEN], allTags: ["canaries"]}) { totalCount edges { node { title } } } }`,
		"tag":          `query { tag(name: "canaries") { name label petitions(first: 5) { totalCount nodes { title } } } }`,
		"tags":         `query { tags(search: "canar") { totalCount nodes { name } } }`,
		"trendingTags": `query { trendingTags { tag { name } } }`,
		"statistics":   `query { statistics { petitionCount openPetitionCount signatureCount } }`,
		"mySignature":  `query { mySignature { name petition { title } } }`,
	}
	// What is not open has no part in them, whoever asks; and none of these has signed.
	public := []string{"trendingTags", "statistics", "mySignature"}
	schema, err := os.ReadFile("../schema.graphqls")
	if err != nil {
		t.Fatal(err)
	}
	for _, field := range gqlparser.MustLoadSchema(&ast.Source{Input: string(schema)}).Query.Fields {
		if documents[field.Name] == "" && !strings.HasPrefix(field.Name, "__") {
			t.Errorf("nobody tries Query.%s", field.Name)
		}
	}
	eachDatabase(t, func(t *testing.T, environment []string) {
		s := start(t, append(environment, "PETITION_ADMIN_KEY="+adminOfTests))
		made := struct {
			CreatePetition struct {
				Petition  struct{ ID, Slug string }
				EditToken string
			}
		}{}
		s.ask(t, "", `mutation { createPetition(input: {title: "More canaries", body: "Plant canaries.", petitioner: "Ann", tags: ["canaries"]}) {
 petition { id slug } editToken } }`, nil, &made)
		draft := made.CreatePetition
		_, other := s.open(t)
		const nobody, stranger, owner, admin = "", "stranger", "owner", "admin"
		bearers := map[string]string{nobody: "", stranger: other, owner: draft.EditToken, admin: adminOfTests}
		for field, document := range documents {
			for _, order := range [][]string{
				{nobody, owner, nobody, stranger, nobody}, {owner, nobody, stranger, nobody}, {admin, stranger, nobody, owner, nobody}, {stranger, admin, nobody},
			} {
				for _, who := range order {
					data, status := s.read(t, bearers[who], document, map[string]any{"id": draft.Petition.ID, "slug": draft.Petition.Slug})
					text, err := json.Marshal(data)
					if err != nil {
						t.Fatal(err)
					}
					secret := who == nobody || who == stranger || slices.Contains(public, field)
					if told := strings.Contains(strings.ToLower(string(text)), "canaries"); told == secret {
						t.Errorf("Query.%s, %v: %q was told %s", field, order, who, text)
					}
					if bypassed := status == "petitiond; fwd=bypass"; bypassed != (who != nobody) {
						t.Errorf("Query.%s: the answer of %q has the status %q", field, who, status)
					}
				}
			}
		}
	})
}
