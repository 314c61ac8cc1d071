package reading_test

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"petitiond/ent/petition"
	"petitiond/server/database"
	"petitiond/server/database/dbtest"
	"petitiond/server/keyset"
	"petitiond/server/reading"
	"petitiond/server/sitetest"
)

// crowded writes n petitions, a thousand in a statement. The i-th of them, from 1, has i signatures by its rank,
// and is open and even, or closed and odd.
func (b *bundle) crowded(t testing.TB, n int) {
	t.Helper()
	numbers, id, kind := `generate_series(LOW, HIGH) AS n(i)`, `('00000000-0000-7000-8000-' || lpad(to_hex(i), 12, '0'))KIND`, `::uuid`
	if b.DB.Dialect == database.SQLite {
		numbers = `(WITH RECURSIVE n(i) AS (SELECT LOW UNION ALL SELECT i + 1 FROM n WHERE i < HIGH) SELECT i FROM n)`
		id, kind = `('00000000-0000-7000-8000-' || printf('%012x', i))`, ``
	}
	b.Exec(t, `INSERT INTO tags (id, key, label) VALUES ('00000000-0000-7000-8000-000000000000', 'even', 'Even'),
 ('00000000-0000-7000-8000-000000000001', 'odd', 'Odd')`)
	for from := 1; from <= n; from += 1000 {
		some := strings.NewReplacer("LOW", fmt.Sprint(from), "HIGH", fmt.Sprint(min(from+999, n)), "KIND", kind)
		for _, text := range []string{
			`INSERT INTO petitions (id, slug, title, body, language, addressees, state, petitioner, created_at, updated_at)
 SELECT ID, 'slug-' || CAST(i AS text), 'Otter', 'x', 'en', '[]', CASE WHEN i % 2 = 0 THEN 'OPEN' ELSE 'CLOSED' END, 'Ada',
 '2026-01-01 00:00:00+00:00', '2026-01-01 00:00:00+00:00' FROM NUMBERS`,
			`INSERT INTO ranks (petition_id, signatures, trending, state) SELECT ID, i, i, CASE WHEN i % 2 = 0 THEN 'OPEN' ELSE 'CLOSED' END FROM NUMBERS`,
			`INSERT INTO counters (petition_id, total, goal, as_of) SELECT ID, i, 100, '2026-01-01 00:00:00+00:00' FROM NUMBERS`,
			`INSERT INTO petition_tags (petition_id, tag_id, created, state, position)
 SELECT ID, ('00000000-0000-7000-8000-00000000000' || CAST(i % 2 AS text))KIND, 1767225600000000,
 CASE WHEN i % 2 = 0 THEN 'OPEN' ELSE 'CLOSED' END, 0 FROM NUMBERS`,
			`INSERT INTO search_documents (petition_id, title, summary, body, tags) SELECT ID, 'otter', '', 'x', '' FROM NUMBERS`,
		} {
			b.Exec(t, some.Replace(strings.NewReplacer("ID", id, "NUMBERS", numbers).Replace(text)))
		}
	}
	if b.DB.Dialect == database.Postgres { // SQLite is never told
		b.Exec(t, `ANALYZE`)
	}
}

// TestLargeSite is about what small sites do not show: limits, and statements whose work grows with the square
// of the rows, which the time allowed ends.
func TestLargeSite(t *testing.T) {
	t.Parallel()
	sitetest.NotRaced(t)
	dbtest.EachCounting(t, func(t *testing.T, db *database.DB, counter *dbtest.Counter) {
		b := setup(t, db)
		ctx, cancel := context.WithTimeout(b.As(t, ""), 3*time.Minute)
		t.Cleanup(cancel)
		const n = 10_002
		b.crowded(t, n)
		read := func(q reading.PetitionQuery, args keyset.Args) *reading.PetitionConnection {
			t.Helper()
			counter.Reset()
			page, err := b.Reads(ctx).Petitions(ctx, q, args)
			ok(t, err)
			return page
		}
		total := func(page *reading.PetitionConnection) any {
			t.Helper()
			total, err := page.TotalCount(ctx)
			ok(t, err)
			if total == nil {
				return nil
			}
			return *total
		}
		both := []petition.State{petition.StateOPEN, petition.StateCLOSED}
		otters := reading.PetitionQuery{Search: p("otters"), Filter: &reading.Filter{States: both}}
		page := read(reading.PetitionQuery{}, keyset.Args{})
		equal(t, "statements of a page", 1, counter.Count())
		equal(t, "default size", 20, len(page.Edges))
		equal(t, "total", any(n/2), total(page))
		equal(t, "statements with the total", 2, counter.Count())
		equal(t, "total of too many", nil, total(read(reading.PetitionQuery{Filter: otters.Filter}, keyset.Args{})))
		few := &reading.Filter{States: both, MinSignatures: p(3)}
		equal(t, "total of 10,000", any(n-2), total(read(reading.PetitionQuery{Filter: few}, keyset.Args{})))

		for _, o := range []*reading.Order{
			{Field: reading.ByCreatedAt, Direction: reading.Asc},
			{Field: reading.ByEndsAt, Direction: reading.Desc},
			{Field: reading.ByTrending, Direction: reading.Desc},
		} {
			otters.Search, otters.Order = p("otter x"), o
			equal(t, fmt.Sprintf("matches by %v", o), 100, len(read(otters, keyset.Args{First: p(100)}).Edges))
			tagged := reading.PetitionQuery{Order: o, Filter: &reading.Filter{Tags: []string{"even", "odd"}, AllTags: []string{"even"}}}
			equal(t, fmt.Sprintf("tagged by %v", o), 20, len(read(tagged, keyset.Args{}).Edges))
			tags := []uuid.UUID{uuid.MustParse("00000000-0000-7000-8000-000000000000"), uuid.MustParse("00000000-0000-7000-8000-000000000001")}
			pages, err := b.Reads(ctx).TagPetitions(ctx, *o, reading.Selection{}, keyset.Args{}, tags...)
			ok(t, err)
			equal(t, fmt.Sprintf("petitions of tags by %v", o), []int{20, 0}, []int{len(pages[tags[0]].Edges), len(pages[tags[1]].Edges)})
		}
		b.passNothingBy(t, counter)
		b.walkInStates(t, counter)
		b.walkInStatesOfTags(t, counter)
		b.passNothingByTag(t, counter)
		otters.Search, otters.Order = p("otter"), nil
		equal(t, "total of too many matches", nil, total(read(otters, keyset.Args{})))
		ranked := walk(t, 100, false, petitionID, func(args keyset.Args) (*reading.PetitionConnection, error) {
			return b.Reads(ctx).Petitions(ctx, otters, args)
		})
		equal(t, "ranked matches", 1000, len(ranked))
		b.ranksWithoutBodies(t, counter)
		for _, id := range []uuid.UUID{ranked[0], ranked[999]} {
			if i := int(id[14])<<8 | int(id[15]); i <= n-1000 {
				t.Errorf("the petition with %d signatures is ranked, want the 1,000 most signed", i)
			}
		}
		b.passNothingBySearch(t, counter)
	})
}

// passNothingBy looks for lists that few petitions are in, and that would walk along the ranks of all others.
func (b *bundle) passNothingBy(t *testing.T, counter *dbtest.Counter) {
	t.Helper()
	french := &reading.Filter{Language: p("fr")}
	for name, q := range map[string]reading.PetitionQuery{
		"language by trend":     {Filter: french, Order: &reading.Order{Field: reading.ByTrending, Direction: reading.Desc}},
		"language by relevance": {Filter: french, Search: p("otter")},
	} {
		counter.Reset()
		page, err := b.Reads(b.As(t, "")).Petitions(b.As(t, ""), q, keyset.Args{})
		ok(t, err)
		equal(t, name, 0, len(page.Edges))
		text := strings.Join(counter.Statements(), "\n")
		equal(t, name+" goes through those alone: "+text, true, strings.Contains(text, "AS chosen"))
		total, err := page.TotalCount(b.As(t, ""))
		ok(t, err)
		equal(t, "total of "+name, 0, *total)
	}
}

// ranksWithoutBodies looks at how many bodies, which may be long, a ranked search looks into for each of its words: for
// whether it matches, and not again for how well. PostgreSQL's index knows both.
func (b *bundle) ranksWithoutBodies(t *testing.T, counter *dbtest.Counter) {
	t.Helper()
	want := 2
	if b.DB.Dialect == database.Postgres {
		want = 0
	}
	counter.Reset()
	page, err := b.Reads(b.As(t, "")).Petitions(b.As(t, ""), reading.PetitionQuery{Search: p("otter x")}, keyset.Args{First: p(1)})
	ok(t, err)
	equal(t, "matches", 1, len(page.Edges))
	equal(t, "looks into bodies for two words", want, strings.Count(strings.Join(counter.Statements(), "\n"), "d.body"))
}

// walkInStates looks for lists by rank that would walk past the petitions in other states: the index must be entered by
// the state.
func (b *bundle) walkInStates(t *testing.T, counter *dbtest.Counter) {
	t.Helper()
	entered := regexp.MustCompile(`rank_state_(signatures|trending)_petition_id[^\n]*\n?[^\n]*\((\(state\)::text )?(state)? ?=`)
	explain := explainOf[b.DB.Dialect]
	for states, query := range map[int]reading.PetitionQuery{
		1: {},
		2: {Filter: &reading.Filter{States: []petition.State{petition.StateOPEN, petition.StateARCHIVED}}},
	} {
		for _, field := range []reading.OrderField{reading.BySignatureCount, reading.ByTrending, reading.ByRelevance} {
			query.Order, query.Search = &reading.Order{Field: field, Direction: reading.Desc}, nil
			if field == reading.ByRelevance {
				query.Search = p("otter")
			}
			counter.Reset()
			page, err := b.Reads(b.As(t, "")).Petitions(b.As(t, ""), query, keyset.Args{First: p(1)})
			ok(t, err)
			equal(t, "petitions", 1, len(page.Edges))
			plans := ""
			for _, call := range counter.Calls() {
				plans += b.planOf(t, explain+call.Text, call.Args)
			}
			if got := len(entered.FindAllString(plans, -1)); got != states {
				t.Errorf("%d states by %s: an index of ranks is entered by %d:\n%s", states, field, got, plans)
			}
		}
	}
}

// walkInStatesOfTags looks for the list of a tag's petitions, in the order of its index, that would walk past closed
// ones.
func (b *bundle) walkInStatesOfTags(t *testing.T, counter *dbtest.Counter) {
	t.Helper()
	entered := regexp.MustCompile(`petitiontag_listed[^\n]*\n?[^\n]*\(?\(?state\)?(::text)? ?=`)
	odd := uuid.MustParse("00000000-0000-7000-8000-000000000001")
	counter.Reset()
	order := reading.Order{Field: reading.ByCreatedAt, Direction: reading.Desc}
	pages, err := b.Reads(b.As(t, "")).TagPetitions(b.As(t, ""), order, reading.Selection{}, keyset.Args{First: p(1)}, odd)
	ok(t, err)
	equal(t, "open petitions of a tag", 0, len(pages[odd].Edges))
	plans := ""
	for _, call := range counter.Calls() {
		plans += b.planOf(t, explainOf[b.DB.Dialect]+call.Text, call.Args)
	}
	if !entered.MatchString(plans) {
		t.Errorf("the index of tagged petitions is not entered by the state:\n%s", plans)
	}
}

// passNothingByTag looks for lists of tags that only petitions in other states bear: neither may they walk along all
// petitions in the states asked for, nor read those of the tags.
func (b *bundle) passNothingByTag(t *testing.T, counter *dbtest.Counter) {
	t.Helper()
	entered := regexp.MustCompile(`petitiontag_listed \(tag_id=\? AND state=\?\)`)
	unknown := []string{"odd", "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m"}
	for name, filter := range map[string]*reading.Filter{
		"one of a tag":   {Tags: []string{"odd"}},
		"one of several": {Tags: unknown},
		"all of a tag":   {AllTags: []string{"odd"}},
		"both":           {Tags: unknown, AllTags: []string{"odd"}},
		"closed":         {Tags: []string{"even"}, States: []petition.State{petition.StateCLOSED, petition.StatePAUSED}},
		"drafts":         {Tags: []string{"even"}, States: []petition.State{petition.StateDRAFT}},
	} {
		for _, field := range []reading.OrderField{reading.ByCreatedAt, reading.ByEndsAt, reading.ByTrending} {
			counter.Reset()
			order := &reading.Order{Field: field, Direction: reading.Desc}
			page, err := b.Reads(b.As(t, "")).Petitions(b.As(t, ""), reading.PetitionQuery{Filter: filter, Order: order}, keyset.Args{})
			ok(t, err)
			equal(t, name+": petitions", 0, len(page.Edges))
			total, err := page.TotalCount(b.As(t, ""))
			ok(t, err)
			equal(t, name+": total", 0, *total)
			for _, call := range counter.Calls() {
				if !strings.Contains(call.Text, "AS chosen") && !strings.Contains(call.Text, "AS met") && !strings.Contains(call.Text, "AND FALSE") {
					t.Errorf("%s by %s: a list walks past all others: %s", name, field, call.Text)
				}
				// PostgreSQL reads the whole of so few tags. Who sees no draft asks for none: that set is empty without a look.
				if b.DB.Dialect == database.Postgres || name == "drafts" {
					continue
				}
				if plan := b.planOf(t, explainOf[b.DB.Dialect]+call.Text, call.Args); !entered.MatchString(plan) {
					t.Errorf("%s by %s: the tags are not entered by the state: %s\n%s", name, field, call.Text, plan)
				}
			}
		}
	}
}

// moveAll moves all petitions of a crowd from one state to another, a thousand in a statement.
func (b *bundle) moveAll(t testing.TB, from, to petition.State) {
	t.Helper()
	if from == to {
		return
	}
	for value[int](t, b, `SELECT COUNT(*) FROM petitions WHERE state = $1`, string(from)) > 0 {
		b.Exec(t, `UPDATE petitions SET state = $2 WHERE id IN (SELECT id FROM petitions WHERE state = $1 LIMIT 1000)`, string(from), string(to))
	}
	b.Exec(t, `UPDATE ranks SET state = $2 WHERE state = $1`, string(from), string(to))
	b.Exec(t, `UPDATE petition_tags SET state = $2 WHERE state = $1`, string(from), string(to))
	if b.DB.Dialect == database.Postgres {
		b.Exec(t, `ANALYZE`)
	}
}

// passNothingBySearch gives a word to more closed petitions, and then drafts, than are gone through: a search of open
// ones for it must not take these for matches, and walk along all open ones instead.
func (b *bundle) passNothingBySearch(t *testing.T, counter *dbtest.Counter) {
	t.Helper()
	b.Exec(t, `UPDATE search_documents SET summary = 'zyxwvut' WHERE petition_id IN (SELECT id FROM petitions WHERE state = 'CLOSED')`)
	for _, state := range []petition.State{petition.StateCLOSED, petition.StateDRAFT} {
		b.moveAll(t, petition.StateCLOSED, state)
		counter.Reset()
		page, err := b.Reads(b.As(t, "")).Petitions(b.As(t, ""), reading.PetitionQuery{Search: p("zyxwvut")}, keyset.Args{})
		ok(t, err)
		total, err := page.TotalCount(b.As(t, ""))
		ok(t, err)
		equal(t, "open matches and their total", []int{0, 0}, []int{len(page.Edges), *total})
		plans := ""
		for _, call := range counter.Calls() {
			plans += b.planOf(t, explainOf[b.DB.Dialect]+call.Text, call.Args)
			if !strings.Contains(call.Text, "AS chosen") && !strings.Contains(call.Text, "AS met") {
				t.Errorf("%s: a search walks past all others: %s", state, call.Text)
			}
		}
		if b.DB.Dialect == database.Postgres && !strings.Contains(plans, "search_documents_open") {
			t.Errorf("the index of open petitions is not used:\n%s", plans)
		}
		all, err := b.Reads(operator(t)).Petitions(operator(t), reading.PetitionQuery{
			Search: p("zyxwvut"), Filter: &reading.Filter{States: []petition.State{state}},
		}, keyset.Args{First: p(1)})
		ok(t, err)
		equal(t, "matches for the operator", 1, len(all.Edges))
	}
}

// explainOf begins the statement that explains another.
var explainOf = map[database.Dialect]string{database.SQLite: `EXPLAIN QUERY PLAN `, database.Postgres: `EXPLAIN `}

// planOf returns the last column of what explains a statement, in lines.
func (b *bundle) planOf(t *testing.T, explain string, args []any) string {
	t.Helper()
	rows, err := b.DB.Read.QueryContext(t.Context(), explain, args...)
	ok(t, err)
	defer rows.Close()
	columns, err := rows.Columns()
	ok(t, err)
	into := make([]any, len(columns))
	for i := range into {
		into[i] = new(any)
	}
	var out strings.Builder
	for rows.Next() {
		ok(t, rows.Scan(into...))
		line, _ := into[len(into)-1].(*any)
		fmt.Fprintf(&out, "%s\n", *line)
	}
	ok(t, rows.Err())
	return out.String()
}
