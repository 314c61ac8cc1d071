package petitioning_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"petitiond/ent/petition"
	"petitiond/server/database"
	"petitiond/server/database/dbtest"
	"petitiond/server/fields"
	"petitiond/server/figures"
	"petitiond/server/petitioning"
)

// updateCase is an edit of one field, how the field is read, and what it is then.
type updateCase struct {
	name   string
	adjust func(*petitioning.Update)
	read   func(testing.TB, *bundle, uuid.UUID) any
	want   any
}

func TestUpdateWritesEachField(t *testing.T) {
	t.Parallel()
	end := monday.Add(72 * time.Hour)
	tests := []updateCase{
		{
			"Title", func(u *petitioning.Update) { u.Title = p(" Save  the wasps") },
			func(t testing.TB, b *bundle, id uuid.UUID) any { return b.Row(t, id).Title }, "Save the wasps",
		},
		{
			"Summary", func(u *petitioning.Update) { u.Summary = p("In short") },
			func(t testing.TB, b *bundle, id uuid.UUID) any { return b.Row(t, id).Summary }, "In short",
		},
		{
			"EmptySummary", func(u *petitioning.Update) { u.Summary = p("") },
			func(t testing.TB, b *bundle, id uuid.UUID) any { return b.Row(t, id).Summary }, "",
		},
		{
			"Body", func(u *petitioning.Update) { u.Body = p("At length") },
			func(t testing.TB, b *bundle, id uuid.UUID) any {
				bodies, err := b.Reads(operator(t)).Bodies(operator(t), []uuid.UUID{id})
				ok(t, err)
				return bodies[id]
			}, "At length",
		},
		{
			"Addressees", func(u *petitioning.Update) { u.Addressees = &[]string{"One", "Two"} },
			func(t testing.TB, b *bundle, id uuid.UUID) any { return b.Row(t, id).Addressees },
			[]string{"One", "Two"},
		},
		{
			"NoAddressees", func(u *petitioning.Update) { u.Addressees = &[]string{} },
			func(t testing.TB, b *bundle, id uuid.UUID) any { return b.Row(t, id).Addressees },
			[]string{},
		},
		{
			"ImageURL", func(u *petitioning.Update) { u.ImageURL = p(p("https://example.org/new.png")) },
			func(t testing.TB, b *bundle, id uuid.UUID) any { return b.Row(t, id).ImageURL }, p("https://example.org/new.png"),
		},
		{
			"NoImage", func(u *petitioning.Update) { u.ImageURL = p((*string)(nil)) },
			func(t testing.TB, b *bundle, id uuid.UUID) any { return b.Row(t, id).ImageURL }, (*string)(nil),
		},
		{
			"BlankImage", func(u *petitioning.Update) { u.ImageURL = p(p(" ")) },
			func(t testing.TB, b *bundle, id uuid.UUID) any { return b.Row(t, id).ImageURL }, (*string)(nil),
		},
		{
			"BlankSummary", func(u *petitioning.Update) { u.Summary = p(" \n") },
			func(t testing.TB, b *bundle, id uuid.UUID) any { return b.Row(t, id).Summary }, "",
		},
		{
			"BlankEnd", func(u *petitioning.Update) { u.EndsAt = p(&time.Time{}) },
			func(t testing.TB, b *bundle, id uuid.UUID) any { return b.Row(t, id).EndsAt }, (*time.Time)(nil),
		},
		{
			"BlankAddressees", func(u *petitioning.Update) { u.Addressees = &[]string{"", "Two", " "} },
			func(t testing.TB, b *bundle, id uuid.UUID) any { return b.Row(t, id).Addressees },
			[]string{"Two"},
		},
		{
			"BlankTags", func(u *petitioning.Update) { u.Tags = &[]string{"", " "} },
			func(t testing.TB, b *bundle, id uuid.UUID) any { return b.tags(t, id) }, []string(nil),
		},
		{
			"Tags", func(u *petitioning.Update) { u.Tags = &[]string{"Wasps", "Bees"} },
			func(t testing.TB, b *bundle, id uuid.UUID) any { return b.tags(t, id) },
			[]string{"wasps=Wasps", "bees=Bees"},
		},
		{
			"NoTags", func(u *petitioning.Update) { u.Tags = &[]string{} },
			func(t testing.TB, b *bundle, id uuid.UUID) any { return b.tags(t, id) }, []string(nil),
		},
		{
			"Goal", func(u *petitioning.Update) { u.Goal = p(7) },
			func(t testing.TB, b *bundle, id uuid.UUID) any { return b.Figures(t, id).Goal }, 7,
		},
		{
			"EndsAt", func(u *petitioning.Update) { u.EndsAt = p(&end) },
			func(t testing.TB, b *bundle, id uuid.UUID) any { return b.Row(t, id).EndsAt }, &end,
		},
		{
			"NoEnd", func(u *petitioning.Update) { u.EndsAt = p((*time.Time)(nil)) },
			func(t testing.TB, b *bundle, id uuid.UUID) any { return b.Row(t, id).EndsAt }, (*time.Time)(nil),
		},
	}
	for _, f := range fields.All {
		if f.Change != fields.Never && !slices.ContainsFunc(tests, func(tt updateCase) bool { return strings.EqualFold(tt.name, f.Name) }) {
			t.Errorf("nobody edits %s here", f.Name)
		}
	}
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				made := b.MustPublish(t, func(d *petitioning.Draft) {
					d.Summary, d.Addressees, d.Tags, d.EndsAt = p("Old"), []string{"Old"}, []string{"Old"}, p(b.Clock.Now().Add(time.Hour))
					d.ImageURL = p("https://example.org/old.png")
				})
				before := petitionOf(b.Row(t, made.Petition))
				b.Clock.Advance(time.Second)
				ok(t, b.Update(b.As(t, made.EditToken), b.Edit(t, made.Petition, tt.adjust)))
				equal(t, "field", tt.want, tt.read(t, b, made.Petition))
				after := petitionOf(b.Row(t, made.Petition))
				equal(t, "version", before["version"].(int)+1, after["version"])
				equal(t, "updatedAt", b.Clock.Now(), after["updatedAt"].(time.Time))
				changed := 0
				for key := range before {
					if key != "version" && key != "updatedAt" && key != "slug" && !same(before[key], after[key]) {
						changed++
					}
				}
				if changed > 1 {
					t.Errorf("the petition was %v and is %v, want one field changed", before, after)
				}
				equal(t, "news", []int{after["version"].(int)}, editions(b.Told()))
			})
		}
	})
}

func TestUpdateThatChangesNothing(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		end := monday.Add(time.Hour)
		made := b.MustPublish(t, func(d *petitioning.Draft) { d.Tags, d.EndsAt = []string{"Climate"}, &end })
		before := petitionOf(b.Row(t, made.Petition))
		b.Clock.Advance(time.Second)
		again := end
		for _, adjust := range []func(*petitioning.Update){
			func(*petitioning.Update) {},
			func(u *petitioning.Update) {
				u.Title, u.Summary, u.Body, u.Goal = p("Save  the bees "), p(""), p("They are few.\n"), p(100)
				u.Addressees, u.Tags, u.EndsAt = &[]string{}, &[]string{"# Climate"}, p(&again)
			},
		} {
			ok(t, b.Update(b.As(t, made.EditToken), b.Edit(t, made.Petition, adjust)))
			equal(t, "petition", before, petitionOf(b.Row(t, made.Petition)))
			equal(t, "news", []int(nil), editions(b.Told()))
		}
	})
}

// asked is a context that calls a function whenever it is asked who acts.
type asked struct {
	context.Context
	then func()
}

func (a asked) Value(key any) any {
	if strings.Contains(fmt.Sprintf("%T", key), "actor") {
		a.then()
	}
	return a.Context.Value(key)
}

// What an edit gives is checked before the petition is locked, and on SQLite the whole file: while one is checked that
// takes long, others sign. Who acts is asked behind the lock, and what is given by then is not looked at.
func TestEditIsCheckedBeforeTheLock(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		made := b.MustPublish(t, func(*petitioning.Draft) {})
		tags := []string{"?"}
		edit := b.Edit(t, made.Petition, func(u *petitioning.Update) { u.Tags = &tags })
		locked := false
		ctx := asked{b.As(t, made.EditToken), func() { locked, tags[0] = true, "trees" }}
		faults(t, b.Update(ctx, edit), "INVALID input.tags.0")
		equal(t, "asked who acts", true, locked)
	})
}

func TestUpdateFaults(t *testing.T) {
	t.Parallel()
	past := monday.Add(-time.Second)
	tests := []struct {
		name   string
		adjust func(*petitioning.Update)
		want   []string
	}{
		{"Nulls", func(u *petitioning.Update) {
			u.Nulls = []string{"title", "summary", "body", "addressees", "tags", "goal"}
		}, []string{
			"INVALID input.title", "INVALID input.summary", "INVALID input.body", "INVALID input.addressees", "INVALID input.tags",
			"INVALID input.goal",
		}},
		{"Values", func(u *petitioning.Update) {
			u.Title, u.Summary, u.Body, u.Goal = p("ab"), p(strings.Repeat("x", 501)), p(strings.Repeat("x", 50_001)), p(100_000_001)
			u.Addressees, u.Tags, u.EndsAt = &[]string{"a\nb", "b"}, &[]string{"a", "?"}, p(&past)
		}, []string{
			"INVALID input.title", "INVALID input.summary", "INVALID input.body", "INVALID input.addressees.0", "INVALID input.tags.1",
			"INVALID input.goal", "INVALID input.endsAt",
		}},
		{"EndAtStart", func(u *petitioning.Update) { u.EndsAt = p(p(monday.Add(time.Hour))) }, []string{"INVALID input.endsAt"}},
		{"Blank", func(u *petitioning.Update) { u.Title, u.Body = p(""), p(" ") }, []string{"INVALID input.title", "INVALID input.body"}},
		{"OldVersion", func(u *petitioning.Update) { u.Version--; u.Title = p("") }, []string{"VERSION_CONFLICT input.version"}},
		{"NewVersion", func(u *petitioning.Update) { u.Version++; u.Title = p("Longer") }, []string{"VERSION_CONFLICT input.version"}},
		{"BrokenText", func(u *petitioning.Update) { u.Title, u.Body = p("nul\x00"), p("broken \xff") }, []string{
			"INVALID input.title", "INVALID input.body",
		}},
	}
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		made := b.MustPublish(t, func(d *petitioning.Draft) { d.StartsAt = p(monday.Add(time.Hour)) })
		before := petitionOf(b.Row(t, made.Petition))
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				faults(t, b.Update(b.As(t, made.EditToken), b.Edit(t, made.Petition, tt.adjust)), tt.want...)
				equal(t, "petition", before, petitionOf(b.Row(t, made.Petition)))
				equal(t, "news", []int(nil), editions(b.Told()))
			})
		}
	})
}

func TestSignedTextIsFrozen(t *testing.T) {
	t.Parallel()
	rewrite := func(u *petitioning.Update) {
		u.Title, u.Summary, u.Body, u.Addressees = p("New title"), p("New"), p("New"), &[]string{"New"}
		u.ImageURL = p(p("https://example.org/new.png"))
	}
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		made := b.MustPublish(t, func(d *petitioning.Draft) { d.Summary, d.Addressees = p("Old"), []string{"Old"} })
		id, owner := made.Petition, b.As(t, made.EditToken)
		b.MustSign(t, id, 1)
		faults(t, b.Update(owner, b.Edit(t, id, rewrite)),
			"WRONG_STATE input.title", "WRONG_STATE input.summary", "WRONG_STATE input.body", "WRONG_STATE input.addressees",
			"WRONG_STATE input.imageUrl")
		equal(t, "title", "Save the bees", b.Row(t, id).Title)
		ok(t, b.Update(owner, b.Edit(t, id, func(u *petitioning.Update) { // the same text is no change
			u.Title, u.Summary, u.Body, u.Addressees = p("Save the bees"), p("Old"), p("They are few."), &[]string{"Old"}
			u.Goal, u.Tags, u.EndsAt = p(500), &[]string{"free"}, p(p(monday.Add(time.Hour)))
		})))
		equal(t, "goal", 500, b.Figures(t, id).Goal)
		ok(t, b.Update(operator(t), b.Edit(t, id, rewrite)))
		equal(t, "title", "New title", b.Row(t, id).Title)
	})
}

func TestWhoMayChange(t *testing.T) {
	t.Parallel()
	changes := map[string]struct {
		do    func(*bundle, context.Context, uuid.UUID) error
		field string
	}{
		"Update": {func(b *bundle, ctx context.Context, id uuid.UUID) error {
			return b.Update(ctx, petitioning.Update{Petition: id, Version: 999})
		}, "input.id"},
		"Publish": {func(b *bundle, ctx context.Context, id uuid.UUID) error { return b.Publish(ctx, id) }, "id"},
		"Close":   {func(b *bundle, ctx context.Context, id uuid.UUID) error { return b.Close(ctx, id, nil) }, "input.id"},
	}
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		unseen, seen, other := b.MustCreate(t), b.MustPublish(t), b.MustCreate(t)
		hidden := b.MustPublish(t)
		ok(t, b.Hide(operator(t), hidden.Petition))
		for name, change := range changes {
			t.Run(name, func(t *testing.T) {
				for _, ctx := range []context.Context{b.As(t, ""), b.As(t, other.EditToken), t.Context()} {
					faults(t, change.do(b, ctx, unseen.Petition), "NOT_FOUND "+change.field)
					faults(t, change.do(b, ctx, hidden.Petition), "NOT_FOUND "+change.field)
					faults(t, change.do(b, ctx, uuid.New()), "NOT_FOUND "+change.field)
					faults(t, change.do(b, ctx, uuid.Nil), "NOT_FOUND "+change.field)
					faults(t, change.do(b, ctx, seen.Petition), "FORBIDDEN "+change.field)
				}
				faults(t, change.do(b, operator(t), uuid.New()), "NOT_FOUND "+change.field)
			})
		}
	})
}

func TestStatesThatAreNotEdited(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		made := b.MustPublish(t)
		for state, want := range map[petition.State][]string{
			petition.StatePAUSED: nil, petition.StateIN_REVIEW: nil, petition.StateREJECTED: nil, petition.StateDRAFT: nil,
			petition.StateCLOSED: {"WRONG_STATE input.id"}, petition.StateARCHIVED: {"WRONG_STATE input.id"},
			petition.StateHIDDEN: {"WRONG_STATE input.id"},
		} {
			b.Move(t, made.Petition, state)
			edit := func(u *petitioning.Update) { u.Goal = p(u.Version + 1000) }
			faults(t, b.Update(b.As(t, made.EditToken), b.Edit(t, made.Petition, edit)), want...)
			ok(t, b.Update(operator(t), b.Edit(t, made.Petition, edit)))
		}
	})
}

func TestGoalMovesTheCount(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		made := b.MustPublish(t)
		b.MustSign(t, made.Petition, 1)
		before := b.Figures(t, made.Petition).Value
		b.Clock.Advance(time.Minute)
		ok(t, b.Update(b.As(t, made.EditToken), b.Edit(t, made.Petition, func(u *petitioning.Update) { u.Goal = p(10) })))
		after := b.Figures(t, made.Petition).Value
		equal(t, "count", figures.Value{
			Petition: made.Petition, Total: 1, Goal: 10, Version: before.Version + 1, AsOf: b.Clock.Now(),
		}, after)
		told := b.Told()
		equal(t, "times told", 1, len(told))
		equal(t, "told goal", 10, told[0].Goal)
		equal(t, "told total", 1, told[0].Total)
		equal(t, "told last hour", 1, *told[0].LastHour)
		equal(t, "told version", after.Version, told[0].Version)
		b.Clock.Advance(time.Minute)
		ok(t, b.Update(b.As(t, made.EditToken), b.Edit(t, made.Petition, func(u *petitioning.Update) { u.Tags = &[]string{"a"} })))
		equal(t, "count after an edit of tags", after, b.Figures(t, made.Petition).Value)
	})
}

func TestTagsAreCountedWhileOpen(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		retag := func(id uuid.UUID, tags ...string) {
			t.Helper()
			ok(t, b.Update(operator(t), b.Edit(t, id, func(u *petitioning.Update) { u.Tags = &tags })))
		}
		counts := func(want map[string]int) {
			t.Helper()
			got := map[string]int{}
			for key := range want {
				got[key] = value[int](t, b, `SELECT open_petitions FROM tags WHERE key = $1`, key)
			}
			equal(t, "open petitions by tag", want, got)
		}
		made := b.MustCreate(t, func(d *petitioning.Draft) { d.Tags = []string{"a", "b"} })
		retag(made.Petition, "a", "b", "c")
		counts(map[string]int{"a": 0, "b": 0, "c": 0})
		ok(t, b.Publish(operator(t), made.Petition))
		other := b.MustPublish(t, func(d *petitioning.Draft) { d.Tags = []string{"b"} })
		counts(map[string]int{"a": 1, "b": 2, "c": 1})
		retag(made.Petition, "c", "d")
		counts(map[string]int{"a": 0, "b": 1, "c": 1, "d": 1})
		ok(t, b.Close(operator(t), made.Petition, nil))
		counts(map[string]int{"a": 0, "b": 1, "c": 0, "d": 0})
		retag(made.Petition, "a", "b")
		counts(map[string]int{"a": 0, "b": 1, "c": 0, "d": 0})
		ok(t, b.Hide(operator(t), other.Petition))
		counts(map[string]int{"a": 0, "b": 0, "c": 0, "d": 0})
	})
}

// editions returns the versions that were told.
func editions(told []figures.Value) []int {
	var out []int
	for _, c := range told {
		out = append(out, c.Edition)
	}
	return out
}
