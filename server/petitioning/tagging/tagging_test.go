package tagging_test

import (
	"testing"

	"github.com/google/uuid"

	"petitiond/ent"
	"petitiond/server/database"
	"petitiond/server/database/dbtest"
	"petitiond/server/keyset"
	"petitiond/server/petitioning"
	"petitiond/server/reading"
	"petitiond/server/sitetest"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

// site is a site with what is asked of its tags.
type site struct{ *sitetest.Site }

// tags returns those of a petition, as key=label.
func (b *site) tags(t testing.TB, id uuid.UUID) []string {
	t.Helper()
	found, err := b.Reads(sitetest.Operator(t)).TagsOf(sitetest.Operator(t), []uuid.UUID{id})
	sitetest.OK(t, err)
	var out []string
	for _, tag := range found[id] {
		out = append(out, tag.Key+"="+tag.Label)
	}
	return out
}

// tagged makes an open petition with tags.
func (b *site) tagged(t testing.TB, tags ...string) uuid.UUID {
	t.Helper()
	return b.MustPublish(t, func(d *petitioning.Draft) { d.Tags = tags }).Petition
}

// tag finds a tag as anybody does, and fails if there is none.
func (b *site) tag(t testing.TB, name string) *ent.Tag {
	t.Helper()
	found, err := b.Reads(b.As(t, "")).TagByName(b.As(t, ""), name)
	sitetest.OK(t, err)
	if found == nil {
		t.Fatalf("%q finds no tag", name)
	}
	return found
}

// bearing counts the open petitions that a filter finds by tags.
func (b *site) bearing(t testing.TB, tags ...string) int {
	t.Helper()
	page, err := b.Reads(b.As(t, "")).Petitions(b.As(t, ""), reading.PetitionQuery{Filter: &reading.Filter{Tags: tags}}, keyset.Args{})
	sitetest.OK(t, err)
	return len(page.Edges)
}

func TestTagsWithSignsAreTagsOfTheirOwn(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := &site{sitetest.New(t, db)}
		for _, names := range [][]string{{"C++", "C#", "C"}, {"A+", "A-"}, {"R&D", "RD"}, {"1.5 °C", "15 °C"}, {"+5", "-5"}, {"½", "12"}} {
			for _, name := range names {
				id := b.tagged(t, name)
				sitetest.Equal(t, "tags", []string{b.tag(t, name).Key + "=" + name}, b.tags(t, id))
			}
			for _, name := range names {
				sitetest.Equal(t, "label of the tag "+name, name, b.tag(t, name).Label)
				sitetest.Equal(t, "petitions of the tag "+name, 1, b.tag(t, name).OpenPetitions)
				sitetest.Equal(t, "petitions with "+name, 1, b.bearing(t, name))
			}
		}
		b.tagged(t, "ISPARTA")
		b.tagged(t, "ısparta")
		sitetest.Equal(t, "petitions about Isparta", 2, b.bearing(t, "Isparta"))
	})
}

// TestTagsAreShownAsMostWriteThem follows the labels of one tag.
func TestTagsAreShownAsMostWriteThem(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := &site{sitetest.New(t, db)}
		shown := func(when, want string) {
			t.Helper()
			sitetest.Equal(t, "the tag "+when, want, b.tag(t, "climatejustice").Label)
			sitetest.OK(t, b.RankAll(t.Context()))
			sitetest.Equal(t, "the tag after it was compared, "+when, want, b.tag(t, "climatejustice").Label)
		}
		b.MustCreate(t, func(d *petitioning.Draft) { d.Tags = []string{"CLIMATE!!! justice"} })
		first := b.tagged(t, "climate justice", "b")
		shown("after a stranger's draft and one petition", "climate justice")
		second := b.tagged(t, "Climate Justice")
		shown("with two labels used alike", "climate justice")
		sitetest.OK(t, b.Update(sitetest.Operator(t), b.Edit(t, first, func(u *petitioning.Update) { u.Tags = &[]string{"climate justice"} })))
		shown("after an edit of other tags", "climate justice")
		third := b.tagged(t, "Climate Justice", "c")
		shown("with one label used most", "Climate Justice")
		for id, label := range map[uuid.UUID]string{first: "climate justice", second: "Climate Justice"} {
			sitetest.Equal(t, "the tag of a petition", []string{"climatejustice=" + label}, b.tags(t, id))
		}
		sitetest.OK(t, b.Close(sitetest.Operator(t), second, nil))
		shown("when one is closed, which all see", "Climate Justice")
		sitetest.OK(t, b.Hide(sitetest.Operator(t), second))
		shown("when one is hidden", "Climate Justice")
		sitetest.OK(t, b.Update(sitetest.Operator(t), b.Edit(t, third, func(u *petitioning.Update) { u.Tags = &[]string{"c"} })))
		shown("when none is left", "climate justice")
		version := b.Row(t, first).Version
		sitetest.OK(t, b.Update(sitetest.Operator(t), b.Edit(t, first, func(u *petitioning.Update) { u.Tags = &[]string{"#ClimateJustice"} })))
		sitetest.Equal(t, "version after another spelling", version+1, b.Row(t, first).Version)
		sitetest.Equal(t, "the tag of a petition", []string{"climatejustice=ClimateJustice"}, b.tags(t, first))
		shown("with another spelling", "ClimateJustice")
	})
}

// TestLabelsAreMended spoils what stands beside tags, as a replica of an earlier version does.
func TestLabelsAreMended(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := &site{sitetest.New(t, db)}
		b.tagged(t, "Bees")
		b.tagged(t, "Bees")
		lower := b.tagged(t, "bees")
		for _, spoil := range []string{
			`UPDATE tags SET label = 'bees'`, `DELETE FROM tag_labels`, `UPDATE tag_labels SET public_petitions = 7 WHERE label = 'bees'`,
			`INSERT INTO tag_labels (tag_id, label, public_petitions) SELECT id, 'BEES', 9 FROM tags`,
		} {
			b.Exec(t, spoil)
			sitetest.OK(t, b.RankAll(t.Context()))
			sitetest.Equal(t, "the tag after "+spoil, "Bees", b.tag(t, "bees").Label)
			sitetest.Equal(t, "labels that count wrong after "+spoil, 0, sitetest.Value[int](t, b.Site, sitetest.WrongLabels))
		}
		b.Exec(t, `UPDATE petition_tags SET label = '' WHERE petition_id = $1`, lower)
		sitetest.Equal(t, "a tag without a label", []string{"bees=Bees"}, b.tags(t, lower))
		sitetest.OK(t, b.Close(sitetest.Operator(t), lower, nil))
		sitetest.OK(t, b.RankAll(t.Context()))
		sitetest.Equal(t, "a tag that was given one", []string{"bees=Bees"}, b.tags(t, lower))
		sitetest.Equal(t, "labels that count wrong", 0, sitetest.Value[int](t, b.Site, sitetest.WrongLabels))
	})
}

// age gives the tag with a key the key that it had by the first rule, as if it had been made by that.
func (b *site) age(t testing.TB, key, former string) {
	t.Helper()
	b.Exec(t, `UPDATE tags SET key = $2, key_version = 0 WHERE key = $1`, key, former)
}

func TestFormerKeysFindTheirTags(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := &site{sitetest.New(t, db)}
		b.tagged(t, "1.5 °C")
		b.tagged(t, "C++")
		b.tagged(t, "bees")
		b.age(t, "1.5c", "15c")
		b.age(t, "c++", "c")
		b.age(t, "bees", "bees")
		before := b.tag(t, "15c").ID
		sitetest.OK(t, b.RankAll(t.Context()))
		sitetest.Equal(t, "keys of an earlier rule", 0, sitetest.Value[int](t, b.Site, `SELECT COUNT(*) FROM tags WHERE key_version = 0`))
		for _, name := range []string{"15c", "#15 °C", "1.5 °C"} {
			sitetest.Equal(t, name, before, b.tag(t, name).ID)
			sitetest.Equal(t, "petitions with "+name, 1, b.bearing(t, name))
		}
		sitetest.Equal(t, "name", "1.5c", b.tag(t, "15c").Key)

		b.MustCreate(t, func(d *petitioning.Draft) { d.Tags = []string{"C"} })
		sitetest.Equal(t, "the tag C while only a draft has it", "C++", b.tag(t, "C").Label)
		sitetest.Equal(t, "petitions with C while only a draft has it", 1, b.bearing(t, "c"))
		b.tagged(t, "C")
		sitetest.Equal(t, "the tag C", "C", b.tag(t, "C").Label)
		sitetest.Equal(t, "petitions with C", 1, b.bearing(t, "c"))
		sitetest.Equal(t, "petitions with C++", 1, b.bearing(t, "C++"))
		sitetest.Equal(t, "petitions with any", 2, b.bearing(t, "C++", "c"))
	})
}

// TestFormerKeysMakeRoom has a petition with a tag whose key another has by the first rule only.
func TestFormerKeysMakeRoom(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := &site{sitetest.New(t, db)}
		sharp := b.tagged(t, "C#")
		b.age(t, "c#", "c")
		plain := b.tagged(t, "bees", "C")
		sitetest.Equal(t, "tags of the later", []string{"bees=bees", "c=C"}, b.tags(t, plain))
		sitetest.Equal(t, "tags of the earlier", []string{"c#=C#"}, b.tags(t, sharp))
		sitetest.OK(t, b.RankAll(t.Context()))
		sitetest.Equal(t, "petitions with C", 1, b.bearing(t, "C"))
		sitetest.Equal(t, "petitions with C#", 1, b.bearing(t, "C#"))
	})
}

// TestTagsThatBecomeOneAreMerged has more petitions than are moved at once, and one that has both tags.
func TestTagsThatBecomeOneAreMerged(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := &site{sitetest.New(t, db)}
		b.tagged(t, "Isparta")
		both := b.tagged(t, "isparta", "other")
		b.Exec(t, `UPDATE tags SET key = 'ısparta', label = 'ısparta', key_version = 0 WHERE key = 'other'`)
		b.Exec(t, `UPDATE petition_tags SET label = 'ısparta' WHERE position = 1`)
		const many = 101
		for range many {
			b.Exec(t, `INSERT INTO petition_tags (petition_id, tag_id, state, label) SELECT $1, id, 'OPEN', 'ısparta' FROM tags WHERE key = 'ısparta'`,
				b.tagged(t, "x"))
		}
		sitetest.OK(t, b.RankAll(t.Context()))
		sitetest.Equal(t, "open petitions", many+2, b.tag(t, "ısparta").OpenPetitions)
		sitetest.Equal(t, "label", "ısparta", b.tag(t, "ISPARTA").Label)
		sitetest.Equal(t, "tags of the one with both", []string{"isparta=isparta"}, b.tags(t, both))
		sitetest.Equal(t, "labels that count wrong", 0, sitetest.Value[int](t, b.Site, sitetest.WrongLabels))
		page, err := b.Reads(b.As(t, "")).Tags(b.As(t, ""), nil, keyset.Args{})
		sitetest.OK(t, err)
		sitetest.Equal(t, "tags that are listed", []string{"isparta", "x"}, keysOf(page.Nodes()))
	})
}

func keysOf(tags []*ent.Tag) []string {
	var keys []string
	for _, tag := range tags {
		keys = append(keys, tag.Key)
	}
	return keys
}
