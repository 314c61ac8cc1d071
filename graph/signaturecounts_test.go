package graph_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"petitiond/graph/scalar"
	"petitiond/server/database"
	"petitiond/server/database/dbtest"
	"petitiond/server/eventmark"
	"petitiond/server/figures"
	"petitiond/server/keyset"
	"petitiond/server/petitioning"
)

func TestSignatureCounts(t *testing.T) {
	streaming(t, func(ctx context.Context, t *testing.T, s *site) {
		s.own(t, s.names, "signed")
		s.own(t, s.names, "closed")
		names := []string{"petition:signed", "petition:open", "petition:closed"}
		var ids []*scalar.ID
		for _, name := range append(names, names[0]) {
			ids = append(ids, ptr(s.publicID(name)))
		}
		watch := s.resolver.Subscription().SignatureCounts
		events, err := watch(ctx, ids)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if v := next(t, events); v.Petition != s.id(name) {
				t.Errorf("the first of %s is %+v", name, v)
			}
		}
		s.sign(t, s.id("petition:signed"), "a", 2)
		s.sign(t, s.id("petition:open"), "a", 3)
		for newest := map[uuid.UUID]int{}; newest[s.id("petition:signed")] < 3 || newest[s.id("petition:open")] < 3; {
			v := next(t, events)
			if v.Total < newest[v.Petition] || v.Petition == s.id("petition:closed") {
				t.Errorf("%+v after %d", v, newest[v.Petition])
			}
			newest[v.Petition] = v.Total
		}
		var argument *keyset.ArgumentError
		if _, err := watch(ctx, nil); !errors.As(err, &argument) {
			t.Errorf("none gives %v", err)
		}
		if _, err := watch(ctx, make([]*scalar.ID, 101)); !errors.As(err, &argument) {
			t.Errorf("101 give %v", err)
		}
		if _, err := watch(ctx, append(ids, ptr(s.publicID("petition:none")))); petitioning.Faults(err) == nil {
			t.Errorf("one unknown among them gives %v", err)
		}
	})
}

// dashboard watches an open petition, one that was signed and one that was closed, and takes the first event of each.
func (s *site) dashboard(ctx context.Context, t *testing.T) <-chan *figures.Value {
	t.Helper()
	var ids []*scalar.ID
	for _, kind := range []string{"open", "signed", "closed"} {
		if kind != "open" {
			s.own(t, s.names, kind)
		}
		ids = append(ids, ptr(s.publicID("petition:"+kind)))
	}
	events, err := s.resolver.Subscription().SignatureCounts(ctx, ids)
	if err != nil {
		t.Fatal(err)
	}
	for range ids {
		if v := next(t, events); v.Gone {
			t.Errorf("%+v has gone, at the start", v)
		}
	}
	return events
}

// hideNow hides a petition.
func (s *site) hideNow(t *testing.T, name string) {
	t.Helper()
	if err := s.domain.Hide(operator(t.Context()), s.id(name)); err != nil {
		t.Fatal(err)
	}
}

// showAgain takes back that a petition was hidden, for which there is no command yet, and has the hub look.
func (s *site) showAgain(t *testing.T, name string) {
	t.Helper()
	s.exec(t, `UPDATE petitions SET state = 'OPEN', version = version + 1 WHERE id = $1`, s.id(name))
	s.hub.Reread()
}

// setGoal changes the goal of a petition, whatever its version.
func (s *site) setGoal(t *testing.T, name string, goal int) {
	t.Helper()
	var version int
	row := s.db.Read.QueryRowContext(t.Context(), `SELECT version FROM petitions WHERE id = $1`, s.id(name))
	if err := row.Scan(&version); err != nil {
		t.Fatal(err)
	}
	err := s.domain.Update(operator(t.Context()), petitioning.Update{Petition: s.id(name), Version: version, Goal: &goal})
	if err != nil {
		t.Fatal(err)
	}
}

// TestHiddenEndsItsOwnShare hides the petitions of a dashboard one after another.
func TestHiddenEndsItsOwnShare(t *testing.T) {
	streaming(t, func(ctx context.Context, t *testing.T, s *site) {
		events := s.dashboard(ctx, t)
		s.hideNow(t, "petition:signed")
		if v := next(t, events); v.Petition != s.id("petition:signed") || !v.Gone || v.Total != 1 {
			t.Errorf("told %+v, want that the signed one has gone", v)
		}
		// What is done to it behind the curtain is told to nobody; the others go on.
		s.setGoal(t, "petition:signed", 4321)
		s.sign(t, s.id("petition:open"), "a", 1)
		if v := next(t, events); v.Petition != s.id("petition:open") || v.Gone || v.Total != 1 {
			t.Errorf("told %+v, want the count of the open one", v)
		}
		s.hideNow(t, "petition:open")
		if v := next(t, events); v.Petition != s.id("petition:open") || !v.Gone {
			t.Errorf("told %+v, want that the open one has gone", v)
		}
		s.setGoal(t, "petition:closed", 77)
		if v := next(t, events); v.Petition != s.id("petition:closed") || v.Gone || v.Goal != 77 {
			t.Errorf("told %+v, want the new goal of the closed one", v)
		}
		s.hideNow(t, "petition:closed")
		ends(t, events)
	})
}

// TestFarewellTellsNothingNew hides a petition and changes it, before anybody is told of either.
func TestFarewellTellsNothingNew(t *testing.T) {
	streaming(t, func(ctx context.Context, t *testing.T, s *site) {
		events := s.dashboard(ctx, t)
		release := s.keepNews()
		s.hideNow(t, "petition:signed")
		s.setGoal(t, "petition:signed", 4321)
		release()
		if v := next(t, events); !v.Gone || v.Goal == 4321 {
			t.Errorf("told %+v, want the goal that it had when it was seen", v)
		}
	})
}

// TestShownAgain hides a petition of a dashboard and shows it again, twice.
func TestShownAgain(t *testing.T) {
	streaming(t, func(ctx context.Context, t *testing.T, s *site) {
		events := s.dashboard(ctx, t)
		for range 2 {
			s.hideNow(t, "petition:signed")
			if v := next(t, events); !v.Gone {
				t.Errorf("told %+v, want that it has gone", v)
			}
			s.showAgain(t, "petition:signed")
			if v := next(t, events); v.Gone || v.Petition != s.id("petition:signed") || v.Total != 1 {
				t.Errorf("told %+v, want its count again", v)
			}
		}
	})
}

// TestContinuation starts the rest of a dashboard that another execution has begun.
func TestContinuation(t *testing.T) {
	streaming(t, func(ctx context.Context, t *testing.T, s *site) {
		s.own(t, s.names, "hidden")
		ids := []*scalar.ID{ptr(s.publicID("petition:hidden")), ptr(s.publicID("petition:open"))}
		watch := s.resolver.Subscription().SignatureCounts
		if _, err := watch(ctx, ids); petitioning.Faults(err) == nil {
			t.Errorf("a beginning with a hidden one gives %v", err)
		}
		if _, err := watch(eventmark.Continue(ctx), ids[:1]); petitioning.Faults(err) == nil {
			t.Errorf("a continuation with nothing else gives %v", err)
		}
		events, err := watch(eventmark.Continue(ctx), ids)
		if err != nil {
			t.Fatal(err)
		}
		gone := map[uuid.UUID]bool{}
		for range ids {
			v := next(t, events)
			gone[v.Petition] = v.Gone
		}
		if diff := cmp.Diff(map[uuid.UUID]bool{s.id("petition:hidden"): true, s.id("petition:open"): false}, gone); diff != "" {
			t.Errorf("what has gone (-want +got):\n%s", diff)
		}
		s.sign(t, s.id("petition:open"), "a", 1)
		if v := next(t, events); v.Total != 1 {
			t.Errorf("told %+v, want the count of the open one", v)
		}
	})
}

// listen subscribes over HTTP until the test ends. The function that it returns waits for the next event.
func (s *site) listen(t *testing.T, query string, variables map[string]any) func() (string, bool) {
	t.Helper()
	resp := s.post(t.Context(), t, "", query, variables)
	t.Cleanup(func() { _ = resp.Body.Close() })
	events := bufio.NewScanner(resp.Body)
	return func() (string, bool) {
		t.Helper()
		return nextEvent(t, events)
	}
}

// TestGoneIsTold reads off the wire what a dashboard is told of a petition that is hidden, whatever is selected of it,
// and how the whole ends when all are.
func TestGoneIsTold(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		t.Parallel()
		s := newSite(t, db)
		s.own(t, s.names, "open")
		s.own(t, s.names, "signed")
		open, signed := s.names.real["petition:open"], s.names.real["petition:signed"]
		for _, selection := range []string{`id signatureCount`, `title`, `signatures(first: 0) { totalCount }`} {
			hear := s.listen(t, `subscription($ids: [ID!]!) { signatureCounts(petitionIds: $ids) { petitionId total gone petition { `+
				selection+` } } }`, map[string]any{"ids": []string{open, signed}})
			for range 2 {
				if first, _ := hear(); !strings.Contains(first, `"gone":false`) {
					t.Errorf("first %s", first)
				}
			}
			s.hideNow(t, "petition:signed")
			want := fmt.Sprintf(`{"data":{"signatureCounts":{"petitionId":%q,"total":1,"gone":true,"petition":null}}}`, signed)
			if got, _ := hear(); got != want {
				t.Errorf("told %s, want %s", got, want)
			}
			s.showAgain(t, "petition:signed")
			if got, _ := hear(); !strings.Contains(got, `"gone":false`) {
				t.Errorf("after it was shown again: %s", got)
			}
		}
		hear := s.listen(t, `subscription($ids: [ID!]!) { signatureCounts(petitionIds: $ids) { total gone } }`,
			map[string]any{"ids": []string{open, signed, open}})
		hear()
		hear()
		s.hideNow(t, "petition:signed")
		hear()
		s.hideNow(t, "petition:open")
		last, _ := hear()
		a := reply{body: last}.answer(t)
		if len(a.Errors) != 1 || a.Errors[0].Extensions["code"] != "NOT_FOUND" || fmt.Sprint(a.Errors[0].Extensions["indexes"]) != "[0 1 2]" {
			t.Errorf("last %s, want NOT_FOUND of all", last)
		}
		if more, ok := hear(); ok {
			t.Errorf("after the end %s", more)
		}
	})
}

// TestEventTellsItsPetition counts what is read for an event: nothing, as long as only that is selected of the petition
// which its count tells.
func TestEventTellsItsPetition(t *testing.T) {
	dbtest.EachCounting(t, func(t *testing.T, db *database.DB, counter *dbtest.Counter) {
		s := newSite(t, db)
		s.own(t, s.names, "open")
		id, count := s.names.real["petition:open"], s.names.real["count:open"]
		version := 100
		for _, c := range []struct {
			selection, want string
			statements      int
		}{
			{`id`, `"id":"P"`, 0},
			{`id signatureCount`, `"id":"P","signatureCount":7`, 0},
			{`__typename goal again: signatureCount ... on Node { id }`, `"__typename":"Petition","goal":9,"again":7,"id":"P"`, 0},
			{
				`count { id petitionId total goal progress lastHour version petition { signatureCount count { petition { id } } } }`,
				`"count":{"id":"C","petitionId":"P","total":7,"goal":9,"progress":0.7777777777777778,"lastHour":3,"version":V,` +
					`"petition":{"signatureCount":7,"count":{"petition":{"id":"P"}}}}`, 0,
			},
			{`...f`, `"signatureCount":7`, 0},
			{`signatureCount title`, `"signatureCount":0,"title":"A petition of one case"`, 1},
			{`signatureCount commentCount`, `"signatureCount":0,"commentCount":0`, 1},
			{`count { petition { slug } }`, `"count":{"petition":{"slug":"a-petition-of-one-case"}}`, 1},
			{`signatures { totalCount }`, `"signatures":{"totalCount":0}`, 2},
		} {
			query := `subscription($id: ID!) { signatureCount(petitionId: $id) { id total petition { ` + c.selection + ` } } }`
			if c.selection == `...f` {
				query += ` fragment f on Petition { signatureCount }`
			}
			version++
			var got string
			t.Run(fmt.Sprint(version), func(t *testing.T) {
				hear := s.listen(t, query, map[string]any{"id": id})
				hear()
				counter.Reset()
				s.hub.Publish(figures.Value{
					Petition: s.id("petition:open"), Total: 7, Goal: 9, LastHour: ptr(3), Version: version, AsOf: noon,
				})
				got, _ = hear()
			})
			s.watched(t, false)
			want := `{"data":{"signatureCount":{"id":"C","total":7,"petition":{` + c.want + `}}}}`
			want = strings.NewReplacer(`"C"`, `"`+count+`"`, `"P"`, `"`+id+`"`, `:V,`, fmt.Sprintf(`:%d,`, version)).Replace(want)
			if got != want || counter.Count() != c.statements {
				t.Errorf("%s: told %s by %d statements, want %s by %d\n%s", c.selection, got, counter.Count(), want, c.statements,
					strings.Join(counter.Statements(), "\n"))
			}
		}
	})
}

// lastHours finds what is told of a count with its last hour.
var lastHours = regexp.MustCompile(`\{"total":\d+,"lastHour":\d+,"version":\d+\}`)

// pass lets time pass, and has the hub look.
func (s *site) pass(minutes int) {
	s.passed.Add(int64(time.Duration(minutes) * time.Minute))
	s.hub.Reread()
}

// TestLastHourFalls lets time pass: those who look at the last hour are told the same by subscriptions and queries,
// once for each change, and the others are told nothing.
func TestLastHourFalls(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		t.Parallel()
		s := newSite(t, db)
		s.own(t, s.names, "open")
		id := map[string]any{"id": s.names.real["petition:open"]}
		s.sign(t, s.id("petition:open"), "early", 3)
		s.pass(40)
		s.sign(t, s.id("petition:open"), "late", 2)
		hear := map[string]func() (string, bool){}
		for _, document := range []string{
			`subscription($id: ID!) { signatureCount(petitionId: $id) { total lastHour version } }`,
			`subscription($id: ID!) { signatureCount(petitionId: $id) { total petition { count { total lastHour version } } } }`,
			`subscription($id: ID!) { signatureCount(petitionId: $id) { total petition { title count { total lastHour version } } } }`,
			`subscription($id: ID!) { signatureCounts(petitionIds: [$id]) { ...f } } fragment f on SignatureCount { total lastHour version }`,
		} {
			hear[document] = s.listen(t, document, id)
		}
		blind := s.listen(t, `subscription($id: ID!) { signatureCount(petitionId: $id) { total } }`, id)
		blind()
		for _, step := range []struct {
			later, want int
			event       bool
		}{{0, 5, true}, {19, 5, false}, {1, 2, true}, {39, 2, false}, {1, 0, true}, {60, 0, false}} {
			s.pass(step.later)
			asked := s.ask(t, "", `query($id: ID!) { petition(id: $id) { count { total lastHour version } } }`, id).body
			if !strings.Contains(asked, fmt.Sprintf(`"total":5,"lastHour":%d,`, step.want)) {
				t.Errorf("%d minutes later a query says %s, want %d", step.later, asked, step.want)
			}
			for document, h := range hear {
				if !step.event {
					break // an event would be found in the place of the next
				}
				if told, _ := h(); lastHours.FindString(told) != lastHours.FindString(asked) {
					t.Errorf("%d minutes later a query says %s, and %s\n%s", step.later, asked, document, told)
				}
			}
		}
		s.sign(t, s.id("petition:open"), "last", 1)
		if told, _ := blind(); told != `{"data":{"signatureCount":{"total":6}}}` {
			t.Errorf("those who do not look are told %s", told)
		}
	})
}

// TestLastHourBelongsToItsVersion asks for the last hour while people sign: as all sign within it, it is the total.
func TestLastHourBelongsToItsVersion(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		t.Parallel()
		s := newSite(t, db)
		s.own(t, s.names, "open")
		id := map[string]any{"id": s.names.real["petition:open"]}
		done := make(chan struct{})
		go func() {
			defer close(done)
			for n := range 100 {
				s.sign(t, s.id("petition:open"), fmt.Sprint("a", n, "."), 3)
			}
		}()
		for signing := true; signing; {
			select {
			case <-done:
				signing = false
			default:
			}
			for _, query := range []string{
				`query($id: ID!) { petition(id: $id) { count { total lastHour } } }`,
				`query($id: ID!) { node(id: $id) { ... on Petition { title count { total lastHour } commentCount } } }`,
				`{ petitions { nodes { count { total lastHour } signatures { totalCount } } } }`,
			} {
				body := s.ask(t, "", query, id).body
				told := regexp.MustCompile(`"total":(\d+),"lastHour":(\d+)`).FindStringSubmatch(body)
				if told == nil || told[1] != told[2] {
					t.Fatalf("%s: %s", query, body)
				}
			}
		}
	})
}

// TestIDsOfCounts resumes event streams after an hour: who looks at the last hour is told how it is now, although the
// version is known.
func TestIDsOfCounts(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		t.Parallel()
		s := newSite(t, db)
		s.own(t, s.names, "open")
		s.sign(t, s.id("petition:open"), "a", 1)
		version := strconv.Itoa(s.newest(t, "petition:open").Version)
		first := func(fields, last string) (id, data string) {
			t.Helper()
			body, err := json.Marshal(map[string]any{
				"query":     `subscription($id: ID!) { signatureCount(petitionId: $id) { ` + fields + ` } }`,
				"variables": map[string]any{"id": s.names.real["petition:open"]},
			})
			if err != nil {
				t.Fatal(err)
			}
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url, bytes.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set("Accept", "text/event-stream")
			r.Header.Set("Last-Event-ID", last)
			resp, err := s.client.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
				if value, ok := strings.CutPrefix(lines.Text(), "id: "); ok {
					id = value
				}
				if value, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
					return id, value
				}
			}
			t.Fatal("no event")
			return "", ""
		}
		if id, data := first(`total lastHour`, ""); id != version || !strings.Contains(data, `"lastHour":1`) {
			t.Errorf("in its minute the event is %s with the id %q, want %s", data, id, version)
		}
		s.pass(61)
		if id, data := first(`total`, ""); id != version {
			t.Errorf("an hour later the event without the last hour is %s with the id %q, want %s", data, id, version)
		}
		if id, data := first(`total lastHour`, version); id != "" || !strings.Contains(data, `"lastHour":0`) {
			t.Errorf("an hour later the event is %s with the id %q, want none", data, id)
		}
	})
}

// newest gives the present figures of a petition.
func (s *site) newest(t *testing.T, name string) figures.Value {
	t.Helper()
	list, err := s.reading.News(t.Context(), []uuid.UUID{s.id(name)})
	if err != nil || len(list) != 1 {
		t.Fatalf("%d news, %v", len(list), err)
	}
	return list[0]
}
