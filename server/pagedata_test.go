package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"petitiond/graph/scalar"
	"petitiond/server/database"
	"petitiond/server/pages"
	"petitiond/server/petitioning"
	"petitiond/server/transport"
)

// what a page says of the facts of a subject.
var onPage = map[string]*regexp.Regexp{
	"signatures": regexp.MustCompile(`<strong data-live="total">([\d,]+)</strong>`),
	"goal":       regexp.MustCompile(`<span data-live="goal">([\d,]+)</span>`),
	"title":      regexp.MustCompile(`<h1 [^>]*>More trees (\d+)</h1>`),
	"comment":    regexp.MustCompile(`<p class="said"[^>]*>Comment (\d+)</p>`),
}

// readPage follows an address that a subject had to its page. It returns what stands there in the form of an answer's
// data, and where the page came from.
func (s *site) readPage(t *testing.T, of *subject) (data any, status string) {
	t.Helper()
	page := s.page(t, "/p/"+of.slug)
	if page.status != http.StatusOK {
		t.Errorf("the page was answered %d", page.status)
	}
	facts := map[string]any{}
	for name, place := range onPage {
		if found := place.FindStringSubmatch(page.body); found != nil {
			facts[name] = strings.ReplaceAll(found[1], ",", "")
		}
	}
	return facts, page.header.Get("Cache-Status")
}

// shown is what a page was answered with.
type shown struct {
	status int
	header http.Header
	body   string
}

// page reads a page. It follows redirections.
func (s *site) page(t *testing.T, path string, header ...string) shown {
	t.Helper()
	request, err := http.NewRequestWithContext(context.Background(), http.MethodGet, s.url+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	response, err := client.Do(request)
	if err != nil {
		t.Error(err)
		return shown{}
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Error(err)
	}
	return shown{response.StatusCode, response.Header, string(body)}
}

// TestPagesShowWhatWasAcknowledged changes a petition in every way. Its page and the start page show it at once, though
// both were in memory, and are in memory again then.
func TestPagesShowWhatWasAcknowledged(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, environment []string) {
		s := start(t, append(environment, "PETITION_ADMIN_KEY="+adminOfTests))
		id, token := s.openTagged(t, "pages")
		slug := s.slug(t, id)
		read := func(path string, status int, want string) {
			t.Helper()
			for range 2 {
				if page := s.page(t, path); page.status != status || !strings.Contains(page.body, want) {
					t.Errorf("GET %s: %d, want %d and %q in\n%s", path, page.status, status, want, page.body)
				}
			}
			for tries := 0; status == http.StatusOK && s.page(t, path).header.Get("Cache-Status") != "petitiond; hit"; tries++ {
				if tries == 100 {
					t.Fatalf("GET %s: never from memory", path)
				}
			}
		}
		change := func(bearer, mutation string) {
			t.Helper()
			s.ask(t, bearer, mutation, map[string]any{"id": id}, &struct{}{})
		}
		read("/p/"+slug, 200, `<strong data-live="total">0</strong>`)
		read("/", 200, `<dd data-live="signatureCount">0</dd>`)
		read("/graphiql", 200, id)
		read("/p/not-yet", 404, "There is nothing here")
		change("", `mutation($id: ID!) { signPetition(input: {petitionId: $id, name: "Ada Obi", email: "ada@example.org", showName: true}) { status } }`)
		read("/p/"+slug, 200, `<strong data-live="total">1</strong>`)
		read("/p/"+slug, 200, `<bdi>Ada Obi</bdi>`)
		read("/", 200, `<dd data-live="signatureCount">1</dd>`)
		change("", `mutation($id: ID!) { addComment(input: {petitionId: $id, body: "Well said."}) { comment { id } } }`)
		read("/p/"+slug, 200, `Well said.`)
		change(token, `mutation($id: ID!) { updatePetition(input: {id: $id, version: 2, goal: 777}) { petition { id } userErrors { message } } }`)
		read("/p/"+slug, 200, `<span data-live="goal">777</span>`)
		change(adminOfTests, `mutation($id: ID!) { updatePetition(input: {id: $id, version: 3, title: "Not yet"}) { petition { id } userErrors { message } } }`)
		read("/p/"+slug, 200, `<h1 lang="" dir="auto">Not yet</h1>`) // by a redirection
		read("/p/not-yet", 200, `<h1 lang="" dir="auto">Not yet</h1>`)
		read("/", 200, `<a href="/p/not-yet">Not yet</a>`)
		change(adminOfTests, `mutation($id: ID!) { updatePetition(input: {id: $id, version: 4, title: "More trees 0"}) { petition { id } userErrors { message } } }`)
		read("/p/not-yet", 200, `<h1 lang="" dir="auto">More trees 0</h1>`)
		change(token, `mutation($id: ID!) { closePetition(input: {id: $id, outcome: VICTORY}) { petition { id } userErrors { message } } }`)
		read("/p/"+slug, 200, `The demand was met.`)
		read("/", 200, `No petition is open right now.`)
		if err := s.domain.Hide(petitioning.WithActor(t.Context(), petitioning.Operator()), scalar.ParseID(id).UUID); err != nil {
			t.Fatal(err)
		}
		read("/p/"+slug, 404, "There is nothing here")
		read("/p/not-yet", 404, "There is nothing here")
	})
}

// TestPagesPassTheGate fills the server: a page that must be rendered is refused by a page.
func TestPagesPassTheGate(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, environment []string) {
		s := start(t, append(environment, "PETITION_MAX_IN_FLIGHT=1", "PETITION_MAX_WAIT=1ms"))
		begun, more := make(chan struct{}), make(chan struct{})
		go func() {
			_ = s.transport.Share(context.Background(), "long", func(context.Context) (transport.Page, bool) {
				close(begun)
				<-more
				return &pages.Page{}, false
			}, func(transport.Page, string) {})
		}()
		<-begun
		for _, path := range []string{"/", "/p/none", "/graphiql"} {
			page := s.page(t, path)
			if page.status != http.StatusServiceUnavailable || page.header.Get("Retry-After") != "1" ||
				page.header.Get("Cache-Control") != "no-store" || !strings.Contains(page.body, "Please try again in a moment.") {
				t.Errorf("GET %s: %d, %v, %s", path, page.status, page.header, page.body)
			}
		}
		for _, path := range []string{"/nowhere", "/assets/page.css", "/schema.graphqls"} { // which take no place
			if page := s.page(t, path); page.status == http.StatusServiceUnavailable {
				t.Errorf("GET %s: %d", path, page.status)
			}
		}
		close(more)
		if page := s.page(t, "/"); page.status != http.StatusOK {
			t.Errorf("GET / when there is room: %d", page.status)
		}
	})
}

// TestUnknownPagesAreNotKept asks for many addresses that lead nowhere: they take no memory.
func TestUnknownPagesAreNotKept(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, environment []string) {
		s := start(t, environment)
		id, _ := s.openTagged(t, "unknown")
		known := "/p/" + s.slug(t, id)
		s.page(t, known+"?first")
		before := s.observer.responses.Stats()
		for n := range 200 {
			if page := s.page(t, fmt.Sprintf("/p/nothing-%d", n)); page.status != http.StatusNotFound {
				t.Fatalf("status %d, want 404", page.status)
			}
			s.page(t, fmt.Sprintf("%s?n=%d", known, n)) // one page, whatever stands behind the question mark
		}
		after := s.observer.responses.Stats()
		if after.Entries > before.Entries || after.Bytes > before.Bytes {
			t.Errorf("%d pages in %d bytes are kept, want no more than %d in %d", after.Entries, after.Bytes, before.Entries, before.Bytes)
		}
	})
}

// TestLongestConversation lets people say as much as they may: the page shows all comments that it has room for in
// number, and stays short enough to be kept.
func TestLongestConversation(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, environment []string) {
		s := start(t, environment)
		public, _ := s.openTagged(t, "talk")
		path, id := "/p/"+s.slug(t, public), scalar.ParseID(public).UUID
		say := func(parents []*uuid.UUID) []*uuid.UUID {
			said := make([]*uuid.UUID, len(parents))
			var all errgroup.Group
			for i, parent := range parents {
				all.Go(func() error {
					ctx := petitioning.WithActor(t.Context(), petitioning.Anonymous())
					comment, err := s.domain.Comment(ctx, petitioning.Remark{Petition: id, Parent: parent, Body: strings.Repeat(`"`, 2000)})
					said[i] = &comment
					return err
				})
			}
			if err := all.Wait(); err != nil {
				t.Fatal(err)
			}
			return said
		}
		comments := say(make([]*uuid.UUID, pageComments))
		say(slices.Repeat(comments, 20))
		page := s.page(t, path)
		if n := strings.Count(page.body, `class="said"`); n < pageComments || n > 3*pageComments || len(page.body) > 1<<20 {
			t.Errorf("%d comments and replies in %d bytes", n, len(page.body))
		}
	})
}

// BenchmarkPage measures what one page costs: one that is shared with everybody, and one that is rendered for each
// request.
func BenchmarkPage(b *testing.B) {
	for _, sharing := range []string{"on", "off"} {
		s := start(b, append(fresh(b, database.SQLite), "PETITION_SHARED_ANSWERS="+sharing))
		handler, err := s.routes()
		if err != nil {
			b.Fatal(err)
		}
		id := ""
		for i := range 25 {
			id, _ = s.openTagged(b, fmt.Sprintf("tag%d", i%3))
		}
		for i := range 30 {
			s.ask(b, "", signMutation, map[string]any{"input": map[string]any{
				"petitionId": id, "name": fmt.Sprintf("Signatory %d", i), "email": fmt.Sprintf("s%d@example.org", i), "showName": true,
				"comment": "Trees are tall, and we need them.",
			}}, &struct{}{})
		}
		for name, path := range map[string]string{"Start": "/", "Petition": "/p/" + s.slug(b, id), "GraphiQL": "/graphiql", "File": "/assets/sign.js"} {
			b.Run(name+"/sharing="+sharing, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					request := httptest.NewRequestWithContext(b.Context(), http.MethodGet, path, nil)
					request.Header.Set("Accept-Encoding", "gzip")
					answer := httptest.NewRecorder()
					handler.ServeHTTP(answer, request)
					if answer.Code != http.StatusOK {
						b.Fatalf("%d: %s", answer.Code, answer.Body)
					}
				}
			})
		}
	}
}

// slug returns the present slug of a petition.
func (s *site) slug(t testing.TB, id string) string {
	t.Helper()
	out := struct{ Petition struct{ Slug string } }{}
	s.ask(t, "", `query($id: ID) { petition(id: $id) { slug } }`, map[string]any{"id": id}, &out)
	return out.Petition.Slug
}

// TestStartPageLeadsToAllPetitions follows the links of the start page: every open petition is found once.
func TestStartPageLeadsToAllPetitions(t *testing.T) {
	t.Parallel()
	next := regexp.MustCompile(`href="(/\?after=[\w-]+)#open"`)
	address := regexp.MustCompile(`<h3 [^>]*><a href="(/p/[^"]*)">`)
	eachDatabase(t, func(t *testing.T, environment []string) {
		s := start(t, environment)
		const petitions = 2*startPetitions + 1
		for range petitions {
			s.open(t)
		}
		found, pages := map[string]int{}, 0
		for path := "/"; path != ""; pages++ {
			page := s.page(t, path)
			for _, a := range address.FindAllStringSubmatch(page.body, -1) {
				found[a[1]]++
			}
			path = ""
			if link := next.FindStringSubmatch(page.body); link != nil && pages < petitions {
				path = link[1]
			}
		}
		if len(found) != petitions || pages != 3 {
			t.Errorf("%d petitions on %d pages, want %d on 3", len(found), pages, petitions)
		}
		if page := s.page(t, "/?after=made-up"); page.status != http.StatusNotFound {
			t.Errorf("a place that is none: status %d, want 404", page.status)
		}
	})
}
