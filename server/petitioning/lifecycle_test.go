package petitioning_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"

	"petitiond/ent/petition"
	"petitiond/server/database"
	"petitiond/server/database/dbtest"
	"petitiond/server/figures"
	"petitiond/server/petitioning"
	"petitiond/server/reading"
)

func TestPublishOpens(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		made := b.create(t)
		b.clock.advance(time.Minute)
		ctx := b.as(t, made.EditToken)
		ok(t, b.Publish(ctx, made.Petition))
		row := b.row(t, made.Petition)
		equal(t, "state", petition.StateOPEN, row.State)
		equal(t, "slug", "save-the-bees", row.Slug)
		equal(t, "startsAt", b.clock.Now(), *row.StartsAt)
		equal(t, "version", 2, row.Version)
		equal(t, "news", []int{2}, editions(b.told()))
		b.sign(t, made.Petition, 1)

		before := petitionOf(row)
		b.clock.advance(time.Minute)
		for _, state := range []petition.State{
			petition.StateOPEN, petition.StatePAUSED, petition.StateCLOSED, petition.StateARCHIVED, petition.StateIN_REVIEW,
		} { // what was published once stays as it is
			b.move(t, made.Petition, state)
			before["state"] = state
			ok(t, b.Publish(ctx, made.Petition))
			equal(t, "published again", before, petitionOf(b.row(t, made.Petition)))
		}
		equal(t, "news", []int(nil), editions(b.told()))
		for _, state := range []petition.State{petition.StateREJECTED, petition.StateHIDDEN} {
			b.move(t, made.Petition, state)
			faults(t, b.Publish(ctx, made.Petition), "WRONG_STATE id")
		}
	})
}

func TestPublishAsksForReview(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db, func(o *petitioning.Options) { o.Review = true })
		made := b.create(t, func(d *petitioning.Draft) { d.Tags = []string{"a"} })
		ok(t, b.Publish(b.as(t, made.EditToken), made.Petition))
		row := b.row(t, made.Petition)
		equal(t, "state", petition.StateIN_REVIEW, row.State)
		equal(t, "startsAt", (*time.Time)(nil), row.StartsAt)
		equal(t, "open petitions", 0, value[int](t, b, `SELECT open_petitions FROM tags`))
		faults(t, b.Sign(b.as(t, ""), signing(made.Petition, 1)), "NOT_FOUND input.petitionId")
		faults(t, b.Sign(b.as(t, made.EditToken), signing(made.Petition, 1)), "WRONG_STATE input.petitionId")
	})
}

func TestPublishAheadOfTheStart(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		start := monday.Add(time.Hour)
		made := b.publish(t, func(d *petitioning.Draft) { d.StartsAt = &start })
		row := b.row(t, made.Petition)
		equal(t, "state", petition.StateOPEN, row.State)
		equal(t, "startsAt", start, *row.StartsAt)
		b.clock.advance(time.Hour - time.Microsecond)
		faults(t, b.Sign(b.as(t, ""), signing(made.Petition, 1)), "WRONG_STATE input.petitionId")
		b.clock.advance(time.Microsecond)
		b.sign(t, made.Petition, 1)
	})
}

func TestPublishAfterTheStartOfTheDraft(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		made := b.create(t, func(d *petitioning.Draft) { d.StartsAt = p(monday.Add(time.Hour)) })
		b.clock.advance(2 * time.Hour)
		ok(t, b.Publish(b.as(t, made.EditToken), made.Petition))
		equal(t, "startsAt", b.clock.Now(), *b.row(t, made.Petition).StartsAt)
		b.sign(t, made.Petition, 1)
	})
}

func TestPublishAfterTheEnd(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		made := b.create(t, func(d *petitioning.Draft) { d.EndsAt = p(monday.Add(time.Hour)) })
		ctx := b.as(t, made.EditToken)
		b.clock.advance(time.Hour)
		faults(t, b.Publish(ctx, made.Petition), "WRONG_STATE id")
		equal(t, "state", petition.StateDRAFT, b.row(t, made.Petition).State)
		ok(t, b.Update(ctx, b.update(t, made.Petition, func(u *petitioning.Update) { u.EndsAt = p(p(monday.Add(2 * time.Hour))) })))
		ok(t, b.Publish(ctx, made.Petition))
	})
}

func TestCloseEndsTheSigning(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		made := b.publish(t)
		ctx := b.as(t, made.EditToken)
		b.sign(t, made.Petition, 1)
		b.clock.advance(time.Minute)
		ok(t, b.Close(ctx, made.Petition, nil))
		row := b.row(t, made.Petition)
		equal(t, "state", petition.StateCLOSED, row.State)
		equal(t, "closedAt", b.clock.Now(), *row.ClosedAt)
		equal(t, "outcome", (*petition.Outcome)(nil), row.Outcome)
		equal(t, "news", []int{3}, editions(b.told()))
		faults(t, b.Sign(b.as(t, ""), signing(made.Petition, 2)), "WRONG_STATE input.petitionId")
		b.comment(t, petitioning.Remark{Petition: made.Petition, Body: "Thanks"})

		closed := petitionOf(row)
		b.clock.advance(time.Minute)
		ok(t, b.Close(ctx, made.Petition, nil))
		equal(t, "closed again", closed, petitionOf(b.row(t, made.Petition)))
		ok(t, b.Close(ctx, made.Petition, p(petition.OutcomePARTIAL_VICTORY)))
		later := b.row(t, made.Petition)
		equal(t, "outcome told later", petition.OutcomePARTIAL_VICTORY, *later.Outcome)
		equal(t, "closedAt", *row.ClosedAt, *later.ClosedAt)
		ok(t, b.Close(ctx, made.Petition, p(petition.OutcomeREFUSED)))
		equal(t, "closed with another outcome", petitionOf(later), petitionOf(b.row(t, made.Petition)))
		equal(t, "news", []int{4}, editions(b.told()))
	})
}

func TestCloseInEachState(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		for state, want := range map[petition.State][]string{
			petition.StateOPEN: nil, petition.StatePAUSED: nil, petition.StateCLOSED: nil,
			petition.StateDRAFT: {"WRONG_STATE input.id"}, petition.StateIN_REVIEW: {"WRONG_STATE input.id"},
			petition.StateREJECTED: {"WRONG_STATE input.id"}, petition.StateARCHIVED: {"WRONG_STATE input.id"},
			petition.StateHIDDEN: {"WRONG_STATE input.id"},
		} {
			made := b.publish(t)
			b.move(t, made.Petition, state)
			faults(t, b.Close(b.as(t, made.EditToken), made.Petition, p(petition.OutcomeVICTORY)), want...)
		}
	})
}

func TestEndCloses(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		end := monday.Add(time.Hour)
		ends := func(d *petitioning.Draft) { d.EndsAt, d.Tags = &end, []string{"a"} }
		made, paused, unpublished := b.publish(t, ends), b.publish(t, ends), b.create(t, ends)
		longer := b.publish(t, func(d *petitioning.Draft) { d.EndsAt = p(end.Add(5 * time.Hour)) })
		b.move(t, paused.Petition, petition.StatePAUSED)
		b.clock.advance(time.Hour - time.Microsecond)
		b.sign(t, made.Petition, 1)
		ok(t, b.CloseDue(t.Context()))
		equal(t, "state before the end", petition.StateOPEN, b.row(t, made.Petition).State)

		b.clock.advance(time.Microsecond)
		faults(t, b.Sign(b.as(t, ""), signing(made.Petition, 2)), "WRONG_STATE input.petitionId") // before anybody closes
		b.clock.advance(time.Hour)
		ok(t, b.CloseDue(t.Context()))
		for _, id := range []uuid.UUID{made.Petition, paused.Petition} {
			row := b.row(t, id)
			equal(t, "state", petition.StateCLOSED, row.State)
			equal(t, "closedAt", end, *row.ClosedAt)
		}
		equal(t, "states of the others", []petition.State{petition.StateDRAFT, petition.StateOPEN},
			[]petition.State{b.row(t, unpublished.Petition).State, b.row(t, longer.Petition).State})
		equal(t, "counted", 1, b.figures(t, made.Petition).Total)
		equal(t, "times told", 2, len(b.told()))
		ok(t, b.CloseDue(t.Context()))
		equal(t, "times told", 0, len(b.told()))
	})
}

func TestCloseByHandAfterTheEnd(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		end := monday.Add(time.Hour)
		made := b.publish(t, func(d *petitioning.Draft) { d.EndsAt = &end })
		b.clock.advance(time.Hour + time.Second)
		ok(t, b.Close(b.as(t, made.EditToken), made.Petition, p(petition.OutcomeVICTORY)))
		equal(t, "closedAt", end, *b.row(t, made.Petition).ClosedAt)
	})
}

// TestUpkeepCloses waits for the server to do by itself what TestEndCloses asks for.
func TestUpkeepCloses(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		told := make(chan figures.Value, 8)
		b := setup(t, db, func(o *petitioning.Options) {
			o.Observer = observed(func(values ...figures.Value) { told <- values[0] })
		})
		made := b.publish(t, func(d *petitioning.Draft) { d.EndsAt = p(monday.Add(time.Hour)) })
		<-told
		b.clock.advance(time.Hour)
		run(t, b.Run)
		equal(t, "petition told of", made.Petition, (<-told).Petition)
		equal(t, "state", petition.StateCLOSED, b.row(t, made.Petition).State)
	})
}

func TestHideTakesAway(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		made := b.publish(t)
		faults(t, b.Hide(b.as(t, ""), made.Petition), "FORBIDDEN")
		ok(t, b.Hide(operator(t), made.Petition))
		equal(t, "news", []int{3}, editions(b.told()))
		faults(t, b.Sign(b.as(t, ""), signing(made.Petition, 1)), "NOT_FOUND input.petitionId")
		_, err := b.Comment(b.as(t, ""), petitioning.Remark{Petition: made.Petition, Body: "Hello"})
		faults(t, err, "NOT_FOUND input.petitionId")
		ok(t, b.Hide(operator(t), made.Petition))
		equal(t, "news", []int(nil), editions(b.told()))
		faults(t, b.Hide(operator(t), uuid.New()), "NOT_FOUND")
	})
}

func TestSlugs(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		resolves := func(ctx context.Context, name string) uuid.UUID {
			t.Helper()
			found, err := b.reads(ctx).PetitionBySlug(ctx, name, reading.Wanted{})
			ok(t, err)
			if len(found.Rows) == 0 {
				return uuid.Nil
			}
			return found.Rows[0].ID
		}
		first := b.create(t)
		anybody := b.as(t, "")
		equal(t, "slug of a draft, for its maker", first.Petition, resolves(b.as(t, first.EditToken), b.row(t, first.Petition).Slug))
		equal(t, "slug of a draft, for others", uuid.Nil, resolves(anybody, b.row(t, first.Petition).Slug))
		ok(t, b.Publish(operator(t), first.Petition))
		second := b.publish(t, func(d *petitioning.Draft) { d.Title = "Save the BEES!" })
		name := b.row(t, second.Petition).Slug
		if len(name) != len("save-the-bees-abcdefgh") || name[:14] != "save-the-bees-" {
			t.Errorf("the second slug is %q, want the first with a suffix", name)
		}
		retitle := func(id uuid.UUID, title string) string {
			t.Helper()
			ok(t, b.Update(operator(t), b.update(t, id, func(u *petitioning.Update) { u.Title = &title })))
			return b.row(t, id).Slug
		}
		equal(t, "new slug", "save-the-wasps", retitle(first.Petition, "Save the wasps"))
		equal(t, "old slug", first.Petition, resolves(anybody, "save-the-bees"))
		equal(t, "present slug", first.Petition, resolves(anybody, "save-the-wasps"))
		third := b.publish(t)
		equal(t, "old slug given away", false, b.row(t, third.Petition).Slug == "save-the-bees")
		equal(t, "old slug", first.Petition, resolves(anybody, "save-the-bees"))
		equal(t, "slug taken back", "save-the-bees", retitle(first.Petition, "Save the bees"))
		b.clock.advance(time.Hour)
		for _, name := range []string{"", "no-such", "Save-The-Bees", "nul\x00", "broken\xff", "'; --", "save-the-bees\x00"} {
			equal(t, "no slug", uuid.Nil, resolves(operator(t), name))
		}
		equal(t, "web address", "https://petitions.example/p/save-the-bees", b.reading.URL("save-the-bees"))
	})
}

func TestSlugsOfDraftsFollowNoTitle(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		long := "Nine times nine letters and then some more words until the slug has no room for any of them left"
		made := b.create(t, func(d *petitioning.Draft) { d.Title = long })
		name := b.row(t, made.Petition).Slug
		if len(name) > 80 {
			t.Errorf("the slug %q has %d bytes, want at most 80", name, len(name))
		}
		ok(t, b.Update(operator(t), b.update(t, made.Petition, func(u *petitioning.Update) { u.Title = p("Another") })))
		equal(t, "slug", name, b.row(t, made.Petition).Slug)
		ok(t, b.Publish(operator(t), made.Petition))
		equal(t, "slug", "another", b.row(t, made.Petition).Slug)
		again := b.publish(t, func(d *petitioning.Draft) { d.Title = long })
		next := b.publish(t, func(d *petitioning.Draft) { d.Title = long })
		for _, id := range []uuid.UUID{again.Petition, next.Petition} {
			if name := b.row(t, id).Slug; len(name) > 80 {
				t.Errorf("the slug %q has %d bytes, want at most 80", name, len(name))
			}
		}
	})
}
