package graph_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"petitiond/ent/petition"
	"petitiond/server/database"
	"petitiond/server/database/dbtest"
	"petitiond/server/keyset"
	"petitiond/server/petitioning"
	"petitiond/server/reading"
)

// TestStatements counts what reaches the database: the same for few parents and for many, every time.
func TestStatements(t *testing.T) {
	t.Parallel()
	for _, dialect := range []database.Dialect{database.SQLite, database.Postgres} {
		t.Run(dialect.String(), func(t *testing.T) {
			t.Parallel()
			db, counter := dbtest.Counting(t, dialect)
			s := newPatientSite(t, db)
			s.crowd(t, 20)
			for _, c := range statementCases() {
				t.Run(c.name, func(t *testing.T) {
					for i := range c.runs() {
						n := 4 + 16*(i%2)
						counter.Reset()
						got := s.ask(t, "", c.query, map[string]any{"n": n, "ids": s.ids(c.kind, n)})
						if strings.Contains(got.body, `"errors"`) || counter.Count() != c.want {
							t.Fatalf("run %d with %d parents: got %d statements, want %d:\n%s\n%.500s", i, n, counter.Count(), c.want,
								strings.Join(counter.Statements(), "\n"), got.body)
						}
					}
				})
			}
			t.Run("Nested", func(t *testing.T) { s.countNested(t, counter) })
			t.Run("MostParents", func(t *testing.T) { s.readMostParents(t) })
		})
	}
}

// countNested nests every edge of the schema that leads to rows into every other, three deep, and counts statements:
// at most one for each edge, whatever the number of rows.
func (s *site) countNested(t *testing.T, counter *dbtest.Counter) {
	queries := map[string]int{}
	for _, root := range []struct{ field, owner string }{{"petitions(first: $n) { nodes", "Petition"}, {"tags(first: $n) { nodes", "Tag"}} {
		for selected, edges := range nestings(root.owner, 3) {
			queries[`query($n: Int) { `+root.field+` { `+selected+` } } }`] = 1 + edges
		}
	}
	if len(queries) < 28 {
		t.Fatalf("%d queries, want all", len(queries))
	}
	for query, most := range queries {
		first := 0
		for _, n := range []int{4, 20} {
			counter.Reset()
			got := s.ask(t, "", query, map[string]any{"n": n})
			if first == 0 {
				first = counter.Count()
			}
			if strings.Contains(got.body, `"errors"`) || counter.Count() != first || first > most {
				t.Errorf("%s with %d parents: got %d statements, after %d, want at most %d:\n%s\n%.300s", query, n, counter.Count(), first, most,
					strings.Join(counter.Statements(), "\n"), got.body)
			}
		}
	}
}

// nestings returns selections of a type that follow its edges, each with the number of statements it may cost. A
// petition that was known already is asked for its body and its numbers, and any for two histories, one of which has to
// find its start.
func nestings(owner string, depth int) map[string]int {
	leaf := map[string]int{
		"Petition": 5, "Signature": 0, "Comment": 0, "Tag": 0, "SignatureCount": 1,
	}
	fields := map[string]string{
		"Petition":  `title b: bodyHtml goal signatureHistory(interval: DAY, from: "2026-02-01T00:00:00+02:00") { total } other: signatureHistory(interval: WEEK) { total }`,
		"Signature": "name", "Comment": "body", "Tag": "name", "SignatureCount": "total lastHour",
	}
	out := map[string]int{}
	if depth == 0 {
		out[fields[owner]] = leaf[owner]
		return out
	}
	for _, f := range schema().Types[owner].Fields {
		below, page := f.Type.Name(), ""
		if of, ok := strings.CutSuffix(below, "Connection"); ok {
			below, page = of, "(first: 2)"
		}
		if _, ok := leaf[below]; !ok {
			continue
		}
		for selected, statements := range nestings(below, depth-1) {
			if page != "" {
				selected = "totalCount nodes { " + selected + " }"
			}
			out[f.Name+page+" { "+selected+" }"] = 1 + statements
		}
	}
	return out
}

// readMostParents reads lists of as many parents at once as the loaders ask for in one statement.
func (s *site) readMostParents(t *testing.T) {
	ids := make([]uuid.UUID, 500)
	for i := range ids {
		ids[i] = uuid.New()
	}
	page := keyset.Args{First: ptr(100)}
	replies, err := s.reading.As(reading.Anybody).Replies(t.Context(), reading.WithBodies, page, ids...)
	if err != nil || len(replies) != len(ids) {
		t.Errorf("%d lists of replies, error %v", len(replies), err)
	}
	petitions, err := s.reading.As(reading.Anybody).TagPetitions(t.Context(), reading.Order{Field: reading.ByStartsAt}, reading.Selection{}, page, ids...)
	if err != nil || len(petitions) != len(ids) {
		t.Errorf("%d lists of petitions, error %v", len(petitions), err)
	}
}

type statementCase struct {
	name, query string
	want        int
	kind        string // of $ids
}

// runs is often for the page that everything stands on, and some times for the rest.
func (c statementCase) runs() int {
	if c.name == "Page" || c.name == "AllTotals" {
		return 20
	}
	return 6
}

func statementCases() []statementCase {
	page := func(nested, more string) string {
		return `query($n: Int) { petitions(first: $n) { nodes { title signatureCount tags { label }
			comments(first: 5) { nodes { body } ` + nested + ` } signatures(first: 5) { nodes { name } ` + nested + ` } } ` + more + ` } }`
	}
	const totals = `totalCount pageInfo { hasNextPage hasPreviousPage startCursor endCursor }`
	const slug = `petition(slug: "petition-number-0") { title`
	return []statementCase{
		// The page of a petition: itself with its numbers and tags, the comments and the signatures.
		{"PetitionPage", `{ ` + slug + ` state goal signatureCount tags { label } comments(first: 10) { totalCount nodes { body } }
			signatures(first: 10) { totalCount edges { node { name number } } } } }`, 3, ""},
		{"PetitionOnly", `{ ` + slug + ` } }`, 1, ""},
		{"PetitionWithBody", `{ ` + slug + ` body bodyHtml count { total progress } commentCount } }`, 1, ""},
		{"PetitionWithAliases", `query($no: Boolean = false) { ` + slug + ` ...f @include(if: $no) a: body ... on Node { ... on Petition { b: goal } } } }
			fragment f on Petition { signatures { nodes { name } } }`, 1, ""},
		{"List", `query($n: Int) { petitions(first: $n) { edges { node { title signatureCount tags { label } } } } }`, 2, ""},
		{"ListWithBodies", `query($n: Int) { petitions(first: $n) { nodes { body goal } } }`, 1, ""},
		// How many petitions meet what narrows the list, and for the relevance the order and the rows.
		{"Filtered", `query($n: Int) { petitions(first: $n, filter: { tags: ["all"] }) { nodes { title goal } } }`, 2, ""},
		// Where more than four letters begin the last word, SQLite counts first how many words begin so.
		{"Searched", `query($n: Int) { petitions(first: $n, search: "peti") { nodes { body goal } } }`, 3, ""},
		// The list with its figures, the tags, the comments and the signatures.
		{"Page", page("", ""), 4, ""},
		{"PageInfo", page("pageInfo { hasNextPage }", "pageInfo { hasNextPage endCursor }"), 4, ""},
		{"NestedTotals", page(totals, "pageInfo { hasNextPage }"), 4, ""},
		{"AllTotals", page(totals, totals), 5, ""},
		{"NoFigures", `query($n: Int) { petitions(first: $n) { edges { node { tags { name } } } } }`, 2, ""},
		{"Everything", `query($n: Int) { petitions(first: $n) { nodes { body bodyHtml goal commentCount count { progress lastHour petition { title } } } } }`, 2, ""},
		{"Aliases", `query($n: Int) { petitions(first: $n) { nodes {
			a: comments(first: 1) { nodes { body } } b: comments(first: 1) { totalCount } c: comments(first: 1, orderBy: OLDEST) { nodes { body } } } } }`, 3, ""},
		{"Conditions", `query($n: Int, $no: Boolean = false) { petitions(first: $n) { nodes { ...f signatures(first: 1) @include(if: $no) { totalCount } } } }
			fragment f on Petition { tags @skip(if: $no) { name } ... on Node { ... on Petition { title } } }`, 2, ""},
		{"Replies", `query($n: Int) { petitions(first: $n) { nodes { comments(first: 5) { nodes { replies(first: 3) { nodes { body } totalCount } } } } } }`, 3, ""},
		{"RepliesOfOne", `{ petitions(first: 1) { nodes { comments(first: 5) { nodes { replies { nodes { body } } } } } } }`, 3, ""},
		{"SignaturesToPetition", `query($n: Int) { petitions(first: $n) { nodes { signatures(first: 5) { nodes { petition { title tags { name } } } } } } }`, 3, ""},
		{"CommentToParentToPetition", `query($n: Int) { petitions(first: $n) { nodes { comments(first: 5) { nodes {
			replies { nodes { parent { body petition { title } } } } } } } } }`, 3, ""},
		{"TagsToPetitions", `query($n: Int) { tags(first: $n) { nodes { petitions(first: 5) { nodes { title tags { name } } totalCount } } } }`, 3, ""},
		{"PetitionsToTagsToPetitions", `query($n: Int) { petitions(first: $n) { nodes { tags { petitions(first: 2) { nodes { title signatureCount } } } } } }`, 3, ""},
		{"TrendingToPetitions", `query($n: Int) { trendingTags(first: $n) { tag { petitions(first: 2) { nodes { tags { name } } } } signaturesLastDay } }`, 3, ""},
		{"Petitions", `query($ids: [ID!]!) { nodes(ids: $ids) { ... on Petition { title tags { name } comments(first: 2) { nodes { body } } } } }`, 3, "petition"},
		{"Comments", `query($ids: [ID!]!) { nodes(ids: $ids) { ... on Comment { body petition { title } replies(first: 1) { nodes { body } } } } }`, 3, "comment"},
		{"Signatures", `query($ids: [ID!]!) { nodes(ids: $ids) { ... on Signature { name petition { title signatureCount } } } }`, 2, "signature"},
		{"Tags", `query($ids: [ID!]!) { nodes(ids: $ids) { ... on Tag { name petitions(first: 1) { nodes { title } } } } }`, 2, "tag"},
		{"Mixed", `query($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }`, 4, ""},
	}
}

// crowd fills a site with n petitions, each with tags, signatures, comments and replies.
func (s *site) crowd(t testing.TB, n int) {
	t.Helper()
	for i := range n {
		in := petitioning.Imported{
			Draft: template(fmt.Sprintf("Petition number %d", i), "all", fmt.Sprintf("t%d", i), fmt.Sprintf("u%d", i%7)),
			State: petition.StateOPEN, CreatedAt: noon.Add(-time.Duration(i) * time.Hour), StartsAt: ptr(noon.Add(-48 * time.Hour)),
			Signatures: signatures(fmt.Sprint(i), 6, noon.Add(-10*time.Hour)),
		}
		for j := range 6 {
			in.Comments = append(in.Comments, petitioning.ImportedComment{
				Body: fmt.Sprintf("Comment %d", j), At: noon.Add(-time.Hour), Replies: []petitioning.ImportedComment{{Body: "A reply.", At: noon}},
			})
		}
		s.add(t, fmt.Sprintf("crowd%d", i), in)
	}
}

// ids returns n ids of a kind, or some of each kind.
func (s *site) ids(kind string, n int) []string {
	s.names.mu.Lock()
	defer s.names.mu.Unlock()
	of := map[string]func(int) string{
		"petition":  func(i int) string { return fmt.Sprintf("petition:crowd%d", i) },
		"comment":   func(i int) string { return fmt.Sprintf("comment:crowd%d.%d", i, 1+2*(i%3)) },
		"signature": func(i int) string { return fmt.Sprintf("signature:crowd%d.%d", i, 1+i%6) },
		"tag":       func(i int) string { return fmt.Sprintf("tag:t%d", i) },
	}
	var out []string
	for i := range n {
		for k, name := range of {
			if kind == "" || kind == k {
				out = append(out, s.names.real[name(i)])
			}
		}
	}
	return out
}
