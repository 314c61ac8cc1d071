package petitioning_test

import (
	"testing"

	"github.com/google/uuid"

	"petitiond/ent"
	"petitiond/server/database"
	"petitiond/server/database/dbtest"
	"petitiond/server/keyset"
	"petitiond/server/petitioning"
	"petitiond/server/reading"
)

// tagged makes an open petition with tags.
func (b *bundle) tagged(t testing.TB, tags ...string) uuid.UUID {
	t.Helper()
	return b.MustPublish(t, func(d *petitioning.Draft) { d.Tags = tags }).Petition
}

// tag finds a tag as anybody does, and fails if there is none.
func (b *bundle) tag(t testing.TB, name string) *ent.Tag {
	t.Helper()
	found, err := b.Reads(b.As(t, "")).TagByName(b.As(t, ""), name)
	ok(t, err)
	if found == nil {
		t.Fatalf("%q finds no tag", name)
	}
	return found
}

// bearing counts the open petitions that a filter finds by tags.
func (b *bundle) bearing(t testing.TB, tags ...string) int {
	t.Helper()
	page, err := b.Reads(b.As(t, "")).Petitions(b.As(t, ""), reading.PetitionQuery{Filter: &reading.Filter{Tags: tags}}, keyset.Args{})
	ok(t, err)
	return len(page.Edges)
}

func TestTagsWithSignsAreTagsOfTheirOwn(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		for _, names := range [][]string{{"C++", "C#", "C"}, {"A+", "A-"}, {"R&D", "RD"}, {"1.5 °C", "15 °C"}, {"+5", "-5"}, {"½", "12"}} {
			for _, name := range names {
				id := b.tagged(t, name)
				equal(t, "tags", []string{b.tag(t, name).Key + "=" + name}, b.tags(t, id))
			}
			for _, name := range names {
				equal(t, "label of the tag "+name, name, b.tag(t, name).Label)
				equal(t, "petitions of the tag "+name, 1, b.tag(t, name).OpenPetitions)
				equal(t, "petitions with "+name, 1, b.bearing(t, name))
			}
		}
		b.tagged(t, "ISPARTA")
		b.tagged(t, "ısparta")
		equal(t, "petitions about Isparta", 2, b.bearing(t, "Isparta"))
	})
}

// TestTagsAreShownAsMostWriteThem follows the labels of one tag.
func TestTagsAreShownAsMostWriteThem(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		shown := func(when, want string) {
			t.Helper()
			equal(t, "the tag "+when, want, b.tag(t, "climatejustice").Label)
			ok(t, b.RankAll(t.Context()))
			equal(t, "the tag after it was compared, "+when, want, b.tag(t, "climatejustice").Label)
		}
		b.MustCreate(t, func(d *petitioning.Draft) { d.Tags = []string{"CLIMATE!!! justice"} })
		first := b.tagged(t, "climate justice", "b")
		shown("after a stranger's draft and one petition", "climate justice")
		second := b.tagged(t, "Climate Justice")
		shown("with two labels used alike", "climate justice")
		ok(t, b.Update(operator(t), b.Edit(t, first, func(u *petitioning.Update) { u.Tags = &[]string{"climate justice"} })))
		shown("after an edit of other tags", "climate justice")
		third := b.tagged(t, "Climate Justice", "c")
		shown("with one label used most", "Climate Justice")
		for id, label := range map[uuid.UUID]string{first: "climate justice", second: "Climate Justice"} {
			equal(t, "the tag of a petition", []string{"climatejustice=" + label}, b.tags(t, id))
		}
		ok(t, b.Close(operator(t), second, nil))
		shown("when one is closed, which all see", "Climate Justice")
		ok(t, b.Hide(operator(t), second))
		shown("when one is hidden", "Climate Justice")
		ok(t, b.Update(operator(t), b.Edit(t, third, func(u *petitioning.Update) { u.Tags = &[]string{"c"} })))
		shown("when none is left", "climate justice")
		version := b.Row(t, first).Version
		ok(t, b.Update(operator(t), b.Edit(t, first, func(u *petitioning.Update) { u.Tags = &[]string{"#ClimateJustice"} })))
		equal(t, "version after another spelling", version+1, b.Row(t, first).Version)
		equal(t, "the tag of a petition", []string{"climatejustice=ClimateJustice"}, b.tags(t, first))
		shown("with another spelling", "ClimateJustice")
	})
}

// TestLabelsAreMended spoils what stands beside tags, as a replica of an earlier version does.
func TestLabelsAreMended(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		b.tagged(t, "Bees")
		b.tagged(t, "Bees")
		lower := b.tagged(t, "bees")
		for _, spoil := range []string{
			`UPDATE tags SET label = 'bees'`, `DELETE FROM tag_labels`, `UPDATE tag_labels SET public_petitions = 7 WHERE label = 'bees'`,
			`INSERT INTO tag_labels (tag_id, label, public_petitions) SELECT id, 'BEES', 9 FROM tags`,
		} {
			b.Exec(t, spoil)
			ok(t, b.RankAll(t.Context()))
			equal(t, "the tag after "+spoil, "Bees", b.tag(t, "bees").Label)
			equal(t, "labels that count wrong after "+spoil, 0, value[int](t, b, wrongLabels))
		}
		b.Exec(t, `UPDATE petition_tags SET label = '' WHERE petition_id = $1`, lower)
		equal(t, "a tag without a label", []string{"bees=Bees"}, b.tags(t, lower))
		ok(t, b.Close(operator(t), lower, nil))
		ok(t, b.RankAll(t.Context()))
		equal(t, "a tag that was given one", []string{"bees=Bees"}, b.tags(t, lower))
		equal(t, "labels that count wrong", 0, value[int](t, b, wrongLabels))
	})
}

// wrongLabels counts labels with another number of public petitions than there are, or that are missing.
const wrongLabels = `SELECT (SELECT COUNT(*) FROM tag_labels AS l WHERE l.public_petitions <> (SELECT COUNT(*) FROM petition_tags AS pt
 WHERE pt.tag_id = l.tag_id AND pt.label = l.label AND pt.state IN ('OPEN', 'PAUSED', 'CLOSED', 'ARCHIVED'))) +
 (SELECT COUNT(*) FROM petition_tags AS pt WHERE pt.state IN ('OPEN', 'PAUSED', 'CLOSED', 'ARCHIVED') AND NOT EXISTS
 (SELECT 1 FROM tag_labels AS l WHERE l.tag_id = pt.tag_id AND l.label = pt.label))`

// age gives the tag with a key the key that it had by the first rule, as if it had been made by that.
func (b *bundle) age(t testing.TB, key, former string) {
	t.Helper()
	b.Exec(t, `UPDATE tags SET key = $2, key_version = 0 WHERE key = $1`, key, former)
}

func TestFormerKeysFindTheirTags(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		b.tagged(t, "1.5 °C")
		b.tagged(t, "C++")
		b.tagged(t, "bees")
		b.age(t, "1.5c", "15c")
		b.age(t, "c++", "c")
		b.age(t, "bees", "bees")
		before := b.tag(t, "15c").ID
		ok(t, b.RankAll(t.Context()))
		equal(t, "keys of an earlier rule", 0, value[int](t, b, `SELECT COUNT(*) FROM tags WHERE key_version = 0`))
		for _, name := range []string{"15c", "#15 °C", "1.5 °C"} {
			equal(t, name, before, b.tag(t, name).ID)
			equal(t, "petitions with "+name, 1, b.bearing(t, name))
		}
		equal(t, "name", "1.5c", b.tag(t, "15c").Key)

		b.MustCreate(t, func(d *petitioning.Draft) { d.Tags = []string{"C"} })
		equal(t, "the tag C while only a draft has it", "C++", b.tag(t, "C").Label)
		equal(t, "petitions with C while only a draft has it", 1, b.bearing(t, "c"))
		b.tagged(t, "C")
		equal(t, "the tag C", "C", b.tag(t, "C").Label)
		equal(t, "petitions with C", 1, b.bearing(t, "c"))
		equal(t, "petitions with C++", 1, b.bearing(t, "C++"))
		equal(t, "petitions with any", 2, b.bearing(t, "C++", "c"))
	})
}

// TestFormerKeysMakeRoom has a petition with a tag whose key another has by the first rule only.
func TestFormerKeysMakeRoom(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		sharp := b.tagged(t, "C#")
		b.age(t, "c#", "c")
		plain := b.tagged(t, "bees", "C")
		equal(t, "tags of the later", []string{"bees=bees", "c=C"}, b.tags(t, plain))
		equal(t, "tags of the earlier", []string{"c#=C#"}, b.tags(t, sharp))
		ok(t, b.RankAll(t.Context()))
		equal(t, "petitions with C", 1, b.bearing(t, "C"))
		equal(t, "petitions with C#", 1, b.bearing(t, "C#"))
	})
}

// TestTagsThatBecomeOneAreMerged has more petitions than are moved at once, and one that has both tags.
func TestTagsThatBecomeOneAreMerged(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		b.tagged(t, "Isparta")
		both := b.tagged(t, "isparta", "other")
		b.Exec(t, `UPDATE tags SET key = 'ısparta', label = 'ısparta', key_version = 0 WHERE key = 'other'`)
		b.Exec(t, `UPDATE petition_tags SET label = 'ısparta' WHERE position = 1`)
		const many = 101
		for range many {
			b.Exec(t, `INSERT INTO petition_tags (petition_id, tag_id, state, label) SELECT $1, id, 'OPEN', 'ısparta' FROM tags WHERE key = 'ısparta'`,
				b.tagged(t, "x"))
		}
		ok(t, b.RankAll(t.Context()))
		equal(t, "open petitions", many+2, b.tag(t, "ısparta").OpenPetitions)
		equal(t, "label", "ısparta", b.tag(t, "ISPARTA").Label)
		equal(t, "tags of the one with both", []string{"isparta=isparta"}, b.tags(t, both))
		equal(t, "labels that count wrong", 0, value[int](t, b, wrongLabels))
		page, err := b.Reads(b.As(t, "")).Tags(b.As(t, ""), nil, keyset.Args{})
		ok(t, err)
		equal(t, "tags that are listed", []string{"isparta", "x"}, keysOf(page.Nodes()))
	})
}

func keysOf(tags []*ent.Tag) []string {
	var keys []string
	for _, tag := range tags {
		keys = append(keys, tag.Key)
	}
	return keys
}
