package petitioning_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"

	"petitiond/server/database"
	"petitiond/server/database/dbtest"
	"petitiond/server/keyset"
	"petitiond/server/petitioning"
	"petitiond/server/reading"
	"petitiond/server/text"
)

// finds returns the petitions that a search finds.
func (b *bundle) finds(t testing.TB, search string) []uuid.UUID {
	t.Helper()
	page, err := b.Reads(b.As(t, "")).Petitions(b.As(t, ""), reading.PetitionQuery{Search: &search}, keyset.Args{})
	ok(t, err)
	var out []uuid.UUID
	for _, row := range page.Nodes() {
		out = append(out, row.ID)
	}
	return out
}

// TestEarlierDocumentsAreWrittenAgain has documents as the first version made them, more than are written at once.
func TestEarlierDocumentsAreWrittenAgain(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		id := b.MustPublish(t, func(d *petitioning.Draft) {
			d.Title, d.Summary, d.Body, d.Tags = "Rettet Łódź", p("Cœur de ville"), "ขอให้ยกเลิกโครงการสร้างเขื่อน", []string{"Đà Nẵng"}
		}).Petition
		for i := range 45 {
			b.MustPublish(t, func(d *petitioning.Draft) { d.Body = fmt.Sprint("Body ", i, strings.Repeat(" and more", 500)) })
		}
		b.Exec(t, `UPDATE search_documents SET title = 'rettet łodz', summary = 'cœur', body = 'ขอใหยกเลกโครงการสรางเขอน', tags = 'đa nang đànẵng',
 text_version = 0`)
		for _, search := range []string{"lodz", "coeur", "เขื่อน", "da nang"} {
			equal(t, "found by "+search+" before", 0, len(b.finds(t, search)))
		}
		for range 46 { // a busy machine may write one at a time
			ok(t, b.IndexTexts(t.Context()))
		}
		equal(t, "documents of the first version", 0, value[int](t, b, `SELECT COUNT(*) FROM search_documents WHERE text_version = 0`))
		for _, search := range []string{"lodz", "coeur", "เขื่อน", "da nang"} {
			equal(t, "found by "+search, []uuid.UUID{id}, b.finds(t, search))
		}
		equal(t, "found by what all have", 20, len(b.finds(t, "and more")))
	})
}

// TestDocumentsAreLeftToEdits writes documents again while an edit is under way.
func TestDocumentsAreLeftToEdits(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		made := b.MustPublish(t)
		b.Exec(t, `UPDATE search_documents SET text_version = 0`)
		ok(t, b.Update(operator(t), b.Edit(t, made.Petition, func(u *petitioning.Update) { u.Title = p("Save the wasps") })))
		equal(t, "documents of the first version after an edit", 0, value[int](t, b, `SELECT COUNT(*) FROM search_documents WHERE text_version = 0`))
		if db.Dialect == database.SQLite { // writers take turns
			return
		}
		b.Exec(t, `UPDATE search_documents SET text_version = 0`)
		tx, err := db.Write.BeginTx(t.Context(), nil)
		ok(t, err)
		_, err = tx.ExecContext(t.Context(), `UPDATE search_documents SET title = 'edited', text_version = $1`, text.SearchTextVersion)
		ok(t, err)
		ok(t, b.IndexTexts(t.Context()))
		ok(t, tx.Commit())
		ok(t, b.IndexTexts(t.Context()))
		equal(t, "title", "edited", value[string](t, b, `SELECT title FROM search_documents`))
	})
}

// TestOneReplicaRewrites has another replica that is at it.
func TestOneReplicaRewrites(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t, database.Postgres)
	b := setup(t, db)
	b.MustPublish(t, func(d *petitioning.Draft) { d.Tags = []string{"bees"} })
	b.Exec(t, `UPDATE search_documents SET text_version = 0`)
	b.Exec(t, `UPDATE tags SET key_version = 0`)
	other, err := db.Write.BeginTx(t.Context(), nil)
	ok(t, err)
	_, err = other.ExecContext(t.Context(), `SELECT pg_advisory_xact_lock(1685021555), pg_advisory_xact_lock(1952540531)`) // "docs" and "tags"
	ok(t, err)
	const stale = `SELECT (SELECT COUNT(*) FROM search_documents WHERE text_version = 0) + (SELECT COUNT(*) FROM tags WHERE key_version = 0)`
	for _, want := range []int{2, 0} {
		ok(t, b.IndexTexts(t.Context()))
		ok(t, b.RankAll(t.Context()))
		equal(t, "what is left of earlier versions", want, value[int](t, b, stale))
		_ = other.Rollback()
	}
}

// TestLongTextsAreIndexedLater has a body whose terms take long to make: those who write wait for none of them.
func TestLongTextsAreIndexedLater(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		long := func(word string) string { return word + strings.Repeat(" and more of the same", 1000) }
		made := b.MustPublish(t, func(d *petitioning.Draft) { d.Title, d.Body = "Save the otters", long("waterfall") })
		id := []uuid.UUID{made.Petition}
		equal(t, "found by its title at once", id, b.finds(t, "otters"))
		equal(t, "found by its body at once", 0, len(b.finds(t, "waterfall")))
		ok(t, b.IndexTexts(t.Context()))
		equal(t, "found by its body", id, b.finds(t, "waterfall"))

		ok(t, b.Update(operator(t), b.Edit(t, made.Petition, func(u *petitioning.Update) { u.Title, u.Body = p("Save the beavers"), p(long("canal")) })))
		equal(t, "found by its new title at once", id, b.finds(t, "beavers"))
		equal(t, "found by its former body until then", id, b.finds(t, "waterfall"))
		ok(t, b.IndexTexts(t.Context()))
		equal(t, "found by its new body", id, b.finds(t, "canal"))
		equal(t, "found by its former body", 0, len(b.finds(t, "waterfall")))
		equal(t, "documents that are still to be written", 0, value[int](t, b, `SELECT COUNT(*) FROM search_documents WHERE text_version = 0`))
	})
}

// TestEditsOfGoalsIndexNothing edits what no search looks at.
func TestEditsOfGoalsIndexNothing(t *testing.T) {
	t.Parallel()
	dbtest.EachCounting(t, func(t *testing.T, db *database.DB, counter *dbtest.Counter) {
		b := setup(t, db)
		made := b.MustPublish(t)
		counter.Reset()
		ok(t, b.Update(operator(t), b.Edit(t, made.Petition, func(u *petitioning.Update) { u.Goal = p(5) })))
		for _, s := range counter.Statements() {
			if strings.Contains(s, "search_") {
				t.Errorf("an edit of a goal runs %s", s)
			}
		}
	})
}
