package reading_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"petitiond/ent/petition"
	"petitiond/server/database"
	"petitiond/server/database/dbtest"
	"petitiond/server/keyset"
	"petitiond/server/petitioning"
	"petitiond/server/reading"
	"petitiond/server/sitetest"
)

// drafts writes n open petitions and as many drafts, each draft with a tag of its own that nothing else has.
func (b *bundle) drafts(t testing.TB, n int) {
	t.Helper()
	b.crowded(t, 2*n)
	b.moveAll(t, petition.StateCLOSED, petition.StateDRAFT)
	tag := `('00000000-0000-7000-9000-' || substr(CAST(id AS text), 25))::uuid`
	if b.DB.Dialect == database.SQLite {
		tag = `('00000000-0000-7000-9000-' || substr(id, 25))`
	}
	for _, text := range []string{
		`INSERT INTO tags (id, key, label) SELECT ` + tag + `, 'zz' || slug, slug FROM petitions WHERE state = 'DRAFT'`,
		`INSERT INTO petition_tags (petition_id, tag_id, state, position) SELECT id, ` + tag + `, 'DRAFT', 1 FROM petitions WHERE state = 'DRAFT'`,
		`UPDATE tags SET public_petitions = 1 WHERE key = 'even'`,
	} {
		b.Exec(t, text)
	}
	if b.DB.Dialect == database.Postgres {
		b.Exec(t, `ANALYZE`)
	}
}

// TestOwnersPassNobodysDrafts gives somebody an edit token, as anybody can get one by making a draft, and looks at what
// their lists read: their own draft, and nothing of the others.
func TestOwnersPassNobodysDrafts(t *testing.T) {
	t.Parallel()
	sitetest.NotRaced(t)
	dbtest.EachCounting(t, func(t *testing.T, db *database.DB, counter *dbtest.Counter) {
		b := setup(t, db)
		b.drafts(t, 1000)
		made := b.MustCreate(t, func(d *petitioning.Draft) {
			d.Title, d.Language, d.Tags = "Otter x", p("en"), []string{"zz own", "odd"}
		})
		owner := b.As(t, made.EditToken)
		hidden := []petition.State{petition.StateDRAFT, petition.StateREJECTED}
		for name, q := range map[string]reading.PetitionQuery{
			"newest":    {Filter: &reading.Filter{States: hidden}},
			"by trend":  {Filter: &reading.Filter{States: hidden}, Order: &reading.Order{Field: reading.ByTrending, Direction: reading.Desc}},
			"by end":    {Filter: &reading.Filter{States: hidden}, Order: &reading.Order{Field: reading.ByEndsAt, Direction: reading.Asc}},
			"tagged":    {Filter: &reading.Filter{States: hidden, Tags: []string{"odd", "even"}, AllTags: []string{"odd"}}},
			"searched":  {Filter: &reading.Filter{States: hidden}, Search: p("otter")},
			"filtered":  {Filter: &reading.Filter{States: hidden, Language: p("en"), MinSignatures: p(0)}, Search: p("otter")},
			"by number": {Filter: &reading.Filter{States: hidden}, Order: &reading.Order{Field: reading.BySignatureCount, Direction: reading.Asc}, Search: p("otter")},
		} {
			counter.Reset()
			page, err := b.Reads(owner).Petitions(owner, q, keyset.Args{First: p(5)})
			ok(t, err)
			total, err := page.TotalCount(owner)
			ok(t, err)
			equal(t, name+": petitions and total", []int{1, 1}, []int{len(page.Edges), *total})
			equal(t, name, made.Petition, page.Edges[0].Node.ID)
			b.entersByID(t, name, counter)
		}
		counter.Reset()
		for _, page := range []keyset.Args{{First: p(1)}, {First: p(20)}, {Last: p(2)}, {Last: p(20)}} {
			counter.Reset()
			tags, err := b.Reads(owner).Tags(owner, p("zz"), page)
			ok(t, err)
			total, err := tags.TotalCount(owner)
			ok(t, err)
			equal(t, "tags", []any{"zzown", 1}, []any{tags.Edges[0].Node.Key, *total})
			b.entersPublicTags(t, counter)
			counter.Reset()
			_, err = b.Reads(owner).Tags(owner, nil, page) // however many there are
			ok(t, err)
			b.entersPublicTags(t, counter)
		}
	})
}

// readMost is more rows than a statement for an owner reads here, and fewer than there are of anything.
const readMost = 200

// entersByID looks for statements that read drafts by their state, and not by the ids of the owner's.
func (b *bundle) entersByID(t *testing.T, name string, counter *dbtest.Counter) {
	t.Helper()
	byState := regexp.MustCompile(`SCAN (p|r|x|d|e|search_index)\b|\(state=|VIRTUAL`)
	for _, call := range counter.Calls() {
		if b.DB.Dialect == database.Postgres {
			b.readsFew(t, name, call)
		} else if plan := b.planOf(t, explainOf[b.DB.Dialect]+call.Text, call.Args); byState.MatchString(plan) {
			t.Errorf("%s: drafts of all are read: %s\n%s", name, call.Text, plan)
		}
	}
}

// entersPublicTags looks for statements that read tags that no public petition has.
func (b *bundle) entersPublicTags(t *testing.T, counter *dbtest.Counter) {
	t.Helper()
	for _, call := range counter.Calls() {
		if b.DB.Dialect == database.Postgres {
			b.readsFew(t, "tags", call)
		} else if plan := b.planOf(t, explainOf[b.DB.Dialect]+call.Text, call.Args); !strings.Contains(plan, "INDEX tag_public") || strings.Contains(plan, "INDEX tags_key_key") {
			t.Errorf("tags of drafts are read: %s\n%s", call.Text, plan)
		}
	}
}

// executed is a node of a plan that was carried out.
type executed struct {
	Rows    float64    `json:"Actual Rows"`
	Loops   float64    `json:"Actual Loops"`
	Removed float64    `json:"Rows Removed by Filter"`
	Plans   []executed `json:"Plans"`
}

func (e executed) read() float64 {
	n := (e.Rows + e.Removed) * e.Loops
	for _, below := range e.Plans {
		n += below.read()
	}
	return n
}

// readsFew has PostgreSQL carry out a statement and count the rows that it passes.
func (b *bundle) readsFew(t *testing.T, name string, call dbtest.Call) {
	t.Helper()
	var plans []struct{ Plan executed }
	ok(t, json.Unmarshal([]byte(b.planOf(t, `EXPLAIN (ANALYZE, FORMAT JSON) `+call.Text, call.Args)), &plans))
	if n := plans[0].Plan.read(); n > readMost {
		t.Errorf("%s: %.0f rows are read by %s", name, n, call.Text)
	}
}
