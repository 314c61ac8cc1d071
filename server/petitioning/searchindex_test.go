package petitioning_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
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

// han returns a text of Han letters, which are as many terms. It depends on the seed alone.
func han(letters int, seed uint64) string {
	r := rand.New(rand.NewPCG(seed, 0))
	var out strings.Builder
	for range letters {
		out.WriteRune(rune(0x4E00 + r.IntN(6000)))
	}
	return out.String()
}

// middle returns some letters of the middle of a text, by which a search finds it.
func middle(text string) string {
	letters := []rune(text)
	return string(letters[len(letters)/2 : len(letters)/2+4])
}

// findsIn returns the petitions in a state that a search finds.
func (b *bundle) findsIn(t testing.TB, state petition.State, search string) (out []uuid.UUID) {
	t.Helper()
	page, err := b.Reads(b.As(t, "")).Petitions(b.As(t, ""), reading.PetitionQuery{
		Search: &search, Filter: &reading.Filter{States: []petition.State{state}},
	}, keyset.Args{})
	ok(t, err)
	for _, row := range page.Nodes() {
		out = append(out, row.ID)
	}
	return out
}

// indexed returns what SQLite's index has: for each entry, its terms.
func (b *bundle) indexed(t testing.TB) map[int64][]string {
	t.Helper()
	// Only the connection that writes can make such a table, and see it.
	b.Exec(t, `CREATE VIRTUAL TABLE IF NOT EXISTS temp.search_places USING fts5vocab('main', 'search_index', 'instance')`)
	rows, err := b.DB.Write.QueryContext(t.Context(), `SELECT doc, term FROM temp.search_places`)
	ok(t, err)
	defer rows.Close()
	out := map[int64][]string{}
	for rows.Next() {
		var entry int64
		var term string
		ok(t, rows.Scan(&entry, &term))
		out[entry] = append(out[entry], term)
	}
	ok(t, rows.Err())
	return sets(out)
}

// sets sorts lists, and leaves out what stands in them twice.
func sets(lists map[int64][]string) map[int64][]string {
	for key, list := range lists {
		slices.Sort(list)
		lists[key] = slices.Compact(list)
	}
	return lists
}

// entered returns what SQLite's index should have by the tables from which it is made.
func (b *bundle) entered(t testing.TB) map[int64][]string {
	t.Helper()
	out := map[int64][]string{}
	b.Each(t, `SELECT id, terms || ' ' || COALESCE('_' || lower(state), '') FROM search_entries UNION ALL SELECT entry, terms FROM search_pieces`,
		func(row []any) { out[row[0].(int64)] = append(out[row[0].(int64)], strings.Fields(row[1].(string))...) }, nil)
	return sets(out)
}

// documented returns the same by the documents of the petitions that everybody sees, when all is done.
func (b *bundle) documented(t testing.TB) map[int64][]string {
	t.Helper()
	out := map[int64][]string{}
	b.Each(t, `SELECT e.id, d.title || ' ' || d.tags || ' ' || d.summary || ' ' || d.body || ' _' || lower(p.state)
 FROM petitions AS p JOIN search_documents AS d ON d.petition_id = p.id JOIN search_entries AS e ON e.petition_id = p.id
 WHERE p.state IN ('OPEN', 'PAUSED', 'CLOSED', 'ARCHIVED')`,
		func(row []any) { out[row[0].(int64)] = append(out[row[0].(int64)], strings.Fields(row[1].(string))...) }, nil)
	return sets(out)
}

// left returns the entries that are being taken out: a term that stands in two pieces goes with the first.
func (b *bundle) left(t testing.TB) (out []int64) {
	t.Helper()
	b.Each(t, `SELECT id FROM search_entries WHERE state IS NULL AND written IS NULL`, func(row []any) { out = append(out, row[0].(int64)) }, nil)
	return out
}

// matches fails the test unless the index is what it should be, but for some entries.
func (b *bundle) matches(t testing.TB, what string, want map[int64][]string, but ...int64) {
	t.Helper()
	got := b.indexed(t)
	for _, id := range but {
		delete(want, id)
		delete(got, id)
	}
	if !same(want, got) {
		t.Errorf("%s: the index does not have the terms that it should have", what)
	}
}

// TestLongTextsEnterInPieces does everything that puts the terms of a long text into the index, takes them out or moves
// them. On SQLite all who sign wait for each transaction: none may write much to the index, also of what is gone.
func TestLongTextsEnterInPieces(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		size := func() int {
			if db.Dialect == database.Postgres {
				return 0
			}
			return value[int](t, b, `SELECT SUM(LENGTH(block)) FROM search_index_data`)
		}
		within := func(what string, do func()) {
			t.Helper()
			before := size()
			do()
			if written := size() - before; written > 128<<10 {
				t.Errorf("%s: one transaction writes %d bytes to the index", what, written)
			}
		}
		follow := func() {
			t.Helper()
			for more := true; more; {
				within("indexing", func() {
					did, err := b.IndexStep(t.Context())
					ok(t, err)
					more = did
				})
			}
		}
		first, second := han(12_000, 1), han(12_000, 2)
		made := b.MustCreate(t, func(d *petitioning.Draft) {
			d.Title, d.Body, d.EndsAt = "Save the otters", first, p(monday.Add(time.Hour))
		})
		id := []uuid.UUID{made.Petition}
		follow()
		within("publishing", func() { ok(t, b.Publish(operator(t), made.Petition)) })
		equal(t, "found by its title at once", id, b.finds(t, "otters"))
		follow()
		equal(t, "found", id, b.finds(t, middle(first)))

		within("an edit", func() {
			ok(t, b.Update(operator(t), b.Edit(t, made.Petition, func(u *petitioning.Update) { u.Title, u.Body = p("Save the beavers"), &second })))
		})
		equal(t, "found by its new title at once", id, b.finds(t, "beavers"))
		equal(t, "found by its former text until then", id, b.finds(t, middle(first)))
		follow()
		equal(t, "found by its new text", id, b.finds(t, middle(second)))
		equal(t, "found by its former text", 0, len(b.finds(t, middle(first))))
		equal(t, "found by its former title", 0, len(b.finds(t, "otters")))

		b.Clock.Advance(2 * time.Hour)
		within("closing", func() { ok(t, b.CloseDue(t.Context())) })
		equal(t, "found as open", 0, len(b.finds(t, middle(second))))
		equal(t, "found as closed", id, b.findsIn(t, petition.StateCLOSED, middle(second)))
		within("reopening", func() {
			ok(t, b.Update(operator(t), b.Edit(t, made.Petition, func(u *petitioning.Update) { u.EndsAt = p(p(b.Clock.Now().Add(time.Hour))) })))
		})
		equal(t, "found as open again", id, b.finds(t, middle(second)))
		within("hiding", func() { ok(t, b.Hide(operator(t), made.Petition)) })
		equal(t, "found although hidden", 0, len(b.finds(t, "beavers")))
		follow()
		if db.Dialect == database.SQLite {
			equal(t, "entries that nobody finds", 0, len(b.indexed(t)))
		}
	})
}

// TestIndexingIsTakenUpAgain has a server die between any two transactions of the indexing, with a petition that
// changes then: what is found is never wrong, and another server completes it.
func TestIndexingIsTakenUpAgain(t *testing.T) {
	t.Parallel()
	former, next := han(3000, 1), han(3000, 2)
	for _, change := range []struct {
		name  string
		do    func(*testing.T, *bundle, uuid.UUID) error
		in    petition.State
		text  string
		shown bool
	}{
		{"Nothing", func(*testing.T, *bundle, uuid.UUID) error { return nil }, petition.StateOPEN, former, true},
		{"Edit", func(t *testing.T, b *bundle, id uuid.UUID) error {
			return b.Update(operator(t), b.Edit(t, id, func(u *petitioning.Update) { u.Body = &next }))
		}, petition.StateOPEN, next, true},
		{"Shortened", func(t *testing.T, b *bundle, id uuid.UUID) error {
			return b.Update(operator(t), b.Edit(t, id, func(u *petitioning.Update) { u.Body = p("They swim and dive.") }))
		}, petition.StateOPEN, "They swim and dive", true},
		{"Close", func(t *testing.T, b *bundle, id uuid.UUID) error { return b.Close(operator(t), id, nil) }, petition.StateCLOSED, former, true},
		{"Hide", func(t *testing.T, b *bundle, id uuid.UUID) error { return b.Hide(operator(t), id) }, petition.StateHIDDEN, former, false},
	} {
		t.Run(change.name, func(t *testing.T) {
			t.Parallel()
			dbtest.Each(t, func(t *testing.T, db *database.DB) {
				for steps, more := 0, true; more; steps++ {
					b := setup(t, db)
					id := b.MustPublish(t, func(d *petitioning.Draft) { d.Title, d.Body = "Save the otters", former }).Petition
					for step := 0; step < steps && more; step++ {
						did, err := b.IndexStep(t.Context())
						ok(t, err)
						more = did
					}
					ok(t, change.do(t, b, id))
					what := fmt.Sprintf("after %d steps", steps)
					again := setup(t, db)
					for busy, found := true, false; busy; {
						did, err := again.IndexStep(t.Context())
						ok(t, err)
						busy = did
						equal(t, what+": found by its title", change.shown, slices.Contains(again.findsIn(t, change.in, "otters"), id))
						whole := slices.Contains(again.findsIn(t, change.in, middle(former)), id) || slices.Contains(again.findsIn(t, change.in, middle(change.text)), id)
						if found = found || whole; found && !whole {
							t.Errorf("%s: neither the former text is found nor the present one", what)
						}
					}
					equal(t, what+": found by its text", change.shown, slices.Contains(again.findsIn(t, change.in, middle(change.text)), id))
					equal(t, what+": found by its former text", change.shown && change.text == former, slices.Contains(again.findsIn(t, change.in, middle(former)), id))
					if db.Dialect == database.SQLite {
						again.matches(t, what, again.documented(t))
					}
					ok(t, again.Hide(operator(t), id)) // out of the way of the next
					again.IndexAll(t)
				}
			})
		})
	}
}

// TestIndexHasWhatIsEntered looks into SQLite's index while texts of all kinds come, change and go.
func TestIndexHasWhatIsEntered(t *testing.T) {
	t.Parallel()
	b := setup(t, dbtest.New(t, database.SQLite))
	r := rand.New(rand.NewPCG(3, 0))
	var ids []uuid.UUID
	for range 4 {
		ids = append(ids, b.MustPublish(t).Petition)
	}
	for round := range 100 {
		id, body := ids[r.IntN(len(ids))], han([]int{20, 1000, 3000}[r.IntN(3)], uint64(round))
		switch r.IntN(8) {
		case 0:
			b.Move(t, id, []petition.State{petition.StateOPEN, petition.StateCLOSED, petition.StateHIDDEN, petition.StateDRAFT}[r.IntN(4)])
		case 1:
			if b.Row(t, id).State == petition.StateOPEN {
				ok(t, b.Update(operator(t), b.Edit(t, id, func(u *petitioning.Update) { u.Body, u.Tags = &body, &[]string{fmt.Sprint("tag", r.IntN(3))} })))
			}
		default:
			_, err := b.IndexStep(t.Context())
			ok(t, err)
		}
		b.matches(t, fmt.Sprint("round ", round), b.entered(t), b.left(t)...)
	}
	b.IndexAll(t)
	b.matches(t, "at last", b.documented(t))
	for _, id := range ids {
		b.Move(t, id, petition.StateHIDDEN)
	}
	b.IndexAll(t)
	equal(t, "entries that nobody finds", 0, len(b.indexed(t)))
}

// TestPublishersSortNothingIn publishes more terms than PostgreSQL puts beside an index by itself: it sorted them all
// in, for half a second, within the transaction of whoever published the last ones. They are left to the indexing.
func TestPublishersSortNothingIn(t *testing.T) {
	t.Parallel()
	b := setup(t, dbtest.New(t, database.Postgres))
	var drafts []uuid.UUID
	for i := range 6 {
		drafts = append(drafts, b.MustCreate(t, func(d *petitioning.Draft) { d.Body = han(50_000, uint64(i)) }).Petition)
	}
	b.IndexAll(t)
	beside := func() (pages int) {
		ok(t, b.DB.Write.QueryRowContext(t.Context(),
			`SELECT gin_clean_pending_list('search_documents_open') + gin_clean_pending_list('search_documents_closed')`).Scan(&pages))
		return pages
	}
	for _, id := range drafts {
		ok(t, b.Publish(operator(t), id))
	}
	if pages, usual := beside(), 4<<20/8192; pages <= usual {
		t.Errorf("%d pages of terms are beside the index of open petitions, want more than %d", pages, usual)
	}
	for _, id := range drafts {
		ok(t, b.Close(operator(t), id, nil))
	}
	ok(t, b.IndexTexts(t.Context()))
	equal(t, "pages of terms beside an index", 0, beside())
}
