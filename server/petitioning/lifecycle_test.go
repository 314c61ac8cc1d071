package petitioning_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"petitiond/ent/petition"
	"petitiond/server/database"
	"petitiond/server/database/dbtest"
	"petitiond/server/figures"
	"petitiond/server/petitioning"
	"petitiond/server/reading"
	"petitiond/server/sitetest"
)

func TestPublishOpens(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		made := b.MustCreate(t)
		b.Clock.Advance(time.Minute)
		ctx := b.As(t, made.EditToken)
		ok(t, b.Publish(ctx, made.Petition))
		row := b.Row(t, made.Petition)
		equal(t, "state", petition.StateOPEN, row.State)
		equal(t, "slug", "save-the-bees", row.Slug)
		equal(t, "startsAt", b.Clock.Now(), *row.StartsAt)
		equal(t, "version", 2, row.Version)
		equal(t, "news", []int{2}, editions(b.Told()))
		b.MustSign(t, made.Petition, 1)

		before := petitionOf(row)
		b.Clock.Advance(time.Minute)
		for _, state := range []petition.State{
			petition.StateOPEN, petition.StatePAUSED, petition.StateCLOSED, petition.StateARCHIVED, petition.StateIN_REVIEW,
		} { // what was published once stays as it is
			b.Move(t, made.Petition, state)
			before["state"] = state
			ok(t, b.Publish(ctx, made.Petition))
			equal(t, "published again", before, petitionOf(b.Row(t, made.Petition)))
		}
		equal(t, "news", []int(nil), editions(b.Told()))
		for _, state := range []petition.State{petition.StateREJECTED, petition.StateHIDDEN} {
			b.Move(t, made.Petition, state)
			faults(t, b.Publish(ctx, made.Petition), "WRONG_STATE id")
		}
	})
}

func TestPublishAsksForReview(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db, func(o *petitioning.Options) { o.Review = true })
		made := b.MustCreate(t, func(d *petitioning.Draft) { d.Tags = []string{"a"} })
		ok(t, b.Publish(b.As(t, made.EditToken), made.Petition))
		row := b.Row(t, made.Petition)
		equal(t, "state", petition.StateIN_REVIEW, row.State)
		equal(t, "startsAt", (*time.Time)(nil), row.StartsAt)
		equal(t, "open petitions", 0, value[int](t, b, `SELECT open_petitions FROM tags`))
		faults(t, b.Sign(b.As(t, ""), signing(made.Petition, 1)), "NOT_FOUND input.petitionId")
		faults(t, b.Sign(b.As(t, made.EditToken), signing(made.Petition, 1)), "WRONG_STATE input.petitionId")
	})
}

func TestPublishAheadOfTheStart(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		start := monday.Add(time.Hour)
		made := b.MustPublish(t, func(d *petitioning.Draft) { d.StartsAt = &start })
		row := b.Row(t, made.Petition)
		equal(t, "state", petition.StateOPEN, row.State)
		equal(t, "startsAt", start, *row.StartsAt)
		b.Clock.Advance(time.Hour - time.Microsecond)
		faults(t, b.Sign(b.As(t, ""), signing(made.Petition, 1)), "WRONG_STATE input.petitionId")
		b.Clock.Advance(time.Microsecond)
		b.MustSign(t, made.Petition, 1)
	})
}

func TestPublishAfterTheStartOfTheDraft(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		made := b.MustCreate(t, func(d *petitioning.Draft) { d.StartsAt = p(monday.Add(time.Hour)) })
		b.Clock.Advance(2 * time.Hour)
		ok(t, b.Publish(b.As(t, made.EditToken), made.Petition))
		equal(t, "startsAt", b.Clock.Now(), *b.Row(t, made.Petition).StartsAt)
		b.MustSign(t, made.Petition, 1)
	})
}

func TestPublishAfterTheEnd(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		made := b.MustCreate(t, func(d *petitioning.Draft) { d.EndsAt = p(monday.Add(time.Hour)) })
		ctx := b.As(t, made.EditToken)
		b.Clock.Advance(time.Hour)
		faults(t, b.Publish(ctx, made.Petition), "WRONG_STATE id")
		equal(t, "state", petition.StateDRAFT, b.Row(t, made.Petition).State)
		ok(t, b.Update(ctx, b.Edit(t, made.Petition, func(u *petitioning.Update) { u.EndsAt = p(p(monday.Add(2 * time.Hour))) })))
		ok(t, b.Publish(ctx, made.Petition))
	})
}

func TestCloseEndsTheSigning(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		made := b.MustPublish(t)
		ctx := b.As(t, made.EditToken)
		b.MustSign(t, made.Petition, 1)
		b.Clock.Advance(time.Minute)
		ok(t, b.Close(ctx, made.Petition, nil))
		row := b.Row(t, made.Petition)
		equal(t, "state", petition.StateCLOSED, row.State)
		equal(t, "closedAt", b.Clock.Now(), *row.ClosedAt)
		equal(t, "outcome", (*petition.Outcome)(nil), row.Outcome)
		equal(t, "news", []int{3}, editions(b.Told()))
		faults(t, b.Sign(b.As(t, ""), signing(made.Petition, 2)), "WRONG_STATE input.petitionId")
		b.MustComment(t, petitioning.Remark{Petition: made.Petition, Body: "Thanks"})

		closed := petitionOf(row)
		b.Clock.Advance(time.Minute)
		ok(t, b.Close(ctx, made.Petition, nil))
		equal(t, "closed again", closed, petitionOf(b.Row(t, made.Petition)))
		ok(t, b.Close(ctx, made.Petition, p(petition.OutcomePARTIAL_VICTORY)))
		later := b.Row(t, made.Petition)
		equal(t, "outcome told later", petition.OutcomePARTIAL_VICTORY, *later.Outcome)
		equal(t, "closedAt", *row.ClosedAt, *later.ClosedAt)
		equal(t, "news", []int{4}, editions(b.Told()))
	})
}

// outcomes returns what was recorded for a petition, in the order of its versions.
func (b *bundle) outcomes(t *testing.T, id uuid.UUID) string {
	t.Helper()
	rows, err := b.DB.Read.QueryContext(t.Context(), `SELECT outcome FROM outcome_records WHERE petition_id = $1 ORDER BY version`, id)
	ok(t, err)
	defer rows.Close()
	var all []string
	for rows.Next() {
		var one string
		ok(t, rows.Scan(&one))
		all = append(all, one)
	}
	ok(t, rows.Err())
	return strings.Join(all, " ")
}

// TestOutcomeCanBeMended closes a closed petition with other outcomes: the last one is what it achieved.
func TestOutcomeCanBeMended(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		for name, who := range map[string]func(petitioning.Created) context.Context{
			"Petitioner": func(made petitioning.Created) context.Context { return b.As(t, made.EditToken) },
			"Operator":   func(petitioning.Created) context.Context { return operator(t) },
		} {
			t.Run(name, func(t *testing.T) {
				made := b.MustPublish(t)
				b.MustSign(t, made.Petition, 1)
				ctx := who(made)
				ok(t, b.Close(ctx, made.Petition, p(petition.OutcomeREFUSED)))
				first := b.Row(t, made.Petition)
				b.Told()
				for i, outcome := range []petition.Outcome{
					petition.OutcomeVICTORY, petition.OutcomeANSWERED, petition.OutcomePARTIAL_VICTORY, petition.OutcomeWITHDRAWN, petition.OutcomeREFUSED,
				} {
					b.Clock.Advance(time.Minute)
					ok(t, b.Close(ctx, made.Petition, &outcome))
					row := b.Row(t, made.Petition)
					equal(t, "outcome", outcome, *row.Outcome)
					equal(t, "state", petition.StateCLOSED, row.State)
					equal(t, "closedAt", *first.ClosedAt, *row.ClosedAt)
					equal(t, "version", first.Version+1+i, row.Version)
					equal(t, "updatedAt", b.Clock.Now(), row.UpdatedAt)
					equal(t, "news", []int{row.Version}, editions(b.Told()))
				}
				before := petitionOf(b.Row(t, made.Petition))
				b.Clock.Advance(time.Minute)
				ok(t, b.Close(ctx, made.Petition, p(petition.OutcomeREFUSED)))
				equal(t, "outcomes that the site has a record of", "REFUSED VICTORY ANSWERED PARTIAL_VICTORY WITHDRAWN REFUSED",
					b.outcomes(t, made.Petition))
				ok(t, b.Close(ctx, made.Petition, nil))
				equal(t, "closed again with the same outcome, and with none", before, petitionOf(b.Row(t, made.Petition)))
				faults(t, b.Close(b.As(t, ""), made.Petition, p(petition.OutcomeVICTORY)), "FORBIDDEN input.id")
			})
		}
	})
}

// TestNewEndReopens moves and removes the end of petitions that have ended by themselves.
func TestNewEndReopens(t *testing.T) {
	t.Parallel()
	const week = 7 * 24 * time.Hour
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		for _, c := range []struct {
			name   string
			staff  bool
			after  time.Duration // the end
			unseen bool          // nobody has closed it yet
			open   bool          // without an end from now on
			want   []string
		}{
			{name: "Petitioner", after: time.Minute},
			{name: "PetitionerRemovesTheEnd", after: time.Minute, open: true},
			{name: "PetitionerOnTheSeventhDay", after: week},
			{name: "PetitionerTooLate", after: week + time.Microsecond, want: []string{"WRONG_STATE input.endsAt"}},
			{name: "PetitionerTooLateRemovesTheEnd", after: week + time.Hour, open: true, want: []string{"WRONG_STATE input.endsAt"}},
			{name: "PetitionerBeforeItIsClosed", after: time.Second, unseen: true},
			{name: "PetitionerTooLateBeforeItIsClosed", after: week + time.Hour, unseen: true, want: []string{"WRONG_STATE input.endsAt"}},
			{name: "Operator", staff: true, after: time.Minute},
			{name: "OperatorMuchLater", staff: true, after: 100 * week},
			{name: "OperatorRemovesTheEnd", staff: true, after: 100 * week, open: true},
			{name: "OperatorBeforeItIsClosed", staff: true, after: 2 * week, unseen: true},
		} {
			t.Run(c.name, func(t *testing.T) {
				end := b.Clock.Now().Add(time.Hour)
				made := b.MustPublish(t, func(d *petitioning.Draft) { d.EndsAt, d.Tags = &end, []string{"old"} })
				b.MustSign(t, made.Petition, 1)
				b.Clock.Advance(time.Hour + c.after)
				if !c.unseen {
					ok(t, b.CloseDue(t.Context()))
					equal(t, "state after the end", petition.StateCLOSED, b.Row(t, made.Petition).State)
				}
				faults(t, b.Sign(b.As(t, ""), signing(made.Petition, 2)), "WRONG_STATE input.petitionId")
				before, who := b.Row(t, made.Petition), b.As(t, made.EditToken)
				if c.staff {
					who = operator(t)
				}
				next := p(b.Clock.Now().Add(time.Hour))
				if c.open {
					next = nil
				}
				b.Told()
				got := b.Update(who, b.Edit(t, made.Petition, func(u *petitioning.Update) { u.EndsAt, u.Tags = &next, &[]string{"new"} }))
				faults(t, got, c.want...)
				after := b.Row(t, made.Petition)
				if c.want != nil {
					equal(t, "petition", petitionOf(before), petitionOf(after))
					faults(t, b.Sign(b.As(t, ""), signing(made.Petition, 2)), "WRONG_STATE input.petitionId")
					return
				}
				equal(t, "state, end and time of closing", []any{petition.StateOPEN, next, (*time.Time)(nil)}, []any{after.State, after.EndsAt, after.ClosedAt})
				equal(t, "version", before.Version+1, after.Version)
				equal(t, "news", []int{after.Version}, editions(b.Told()))
				b.MustSign(t, made.Petition, 2)
				equal(t, "counted", 2, b.Figures(t, made.Petition).Total)
				equal(t, "open petitions of its tag", 1, value[int](t, b, `SELECT open_petitions FROM tags WHERE key = 'new'`))
				equal(t, "state beside the rank", "OPEN", value[string](t, b, `SELECT state FROM ranks WHERE petition_id = $1`, made.Petition))
				equal(t, "state beside the tag", "OPEN", value[string](t, b, `SELECT state FROM petition_tags WHERE petition_id = $1`, made.Petition))
				if next != nil {
					b.Clock.Advance(time.Hour)
					ok(t, b.CloseDue(t.Context()))
					equal(t, "time of closing", *next, *b.Row(t, made.Petition).ClosedAt)
				}
				ok(t, b.Hide(operator(t), made.Petition)) // so that no other case counts it
			})
		}
	})
}

// TestEndOfAFinishedPetition moves the end of petitions that somebody has finished: nothing of the edit is kept.
func TestEndOfAFinishedPetition(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		end := monday.Add(time.Hour)
		ends := func(d *petitioning.Draft) { d.EndsAt = &end }
		byHand, known, archived, hidden, endless := b.MustPublish(t, ends), b.MustPublish(t, ends), b.MustPublish(t, ends), b.MustPublish(t, ends), b.MustPublish(t)
		ok(t, b.Close(operator(t), byHand.Petition, nil))
		ok(t, b.Close(operator(t), endless.Petition, nil))
		b.Clock.Advance(time.Hour)
		ok(t, b.CloseDue(t.Context()))
		ok(t, b.Close(operator(t), known.Petition, p(petition.OutcomeVICTORY)))
		b.Move(t, archived.Petition, petition.StateARCHIVED)
		ok(t, b.Hide(operator(t), hidden.Petition))
		for _, made := range []petitioning.Created{byHand, known, archived, hidden, endless} {
			before := petitionOf(b.Row(t, made.Petition))
			for _, next := range []*time.Time{nil, p(monday.Add(5 * time.Hour))} {
				if next == nil && made == endless {
					continue // as it is
				}
				edit := func(u *petitioning.Update) { u.EndsAt, u.Goal = &next, p(5) }
				faults(t, b.Update(operator(t), b.Edit(t, made.Petition, edit)), "WRONG_STATE input.endsAt")
				faults(t, b.Update(b.As(t, made.EditToken), b.Edit(t, made.Petition, edit)), "WRONG_STATE input.id")
				equal(t, "petition", before, petitionOf(b.Row(t, made.Petition)))
			}
			ok(t, b.Update(operator(t), b.Edit(t, made.Petition, func(u *petitioning.Update) { u.Goal = p(7) })))
		}
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
			made := b.MustPublish(t)
			b.Move(t, made.Petition, state)
			faults(t, b.Close(b.As(t, made.EditToken), made.Petition, p(petition.OutcomeVICTORY)), want...)
		}
	})
}

func TestEndCloses(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		end := monday.Add(time.Hour)
		ends := func(d *petitioning.Draft) { d.EndsAt, d.Tags = &end, []string{"a"} }
		made, paused, unpublished := b.MustPublish(t, ends), b.MustPublish(t, ends), b.MustCreate(t, ends)
		longer := b.MustPublish(t, func(d *petitioning.Draft) { d.EndsAt = p(end.Add(5 * time.Hour)) })
		b.Move(t, paused.Petition, petition.StatePAUSED)
		b.Clock.Advance(time.Hour - time.Microsecond)
		b.MustSign(t, made.Petition, 1)
		ok(t, b.CloseDue(t.Context()))
		equal(t, "state before the end", petition.StateOPEN, b.Row(t, made.Petition).State)

		b.Clock.Advance(time.Microsecond)
		faults(t, b.Sign(b.As(t, ""), signing(made.Petition, 2)), "WRONG_STATE input.petitionId") // before anybody closes
		b.Clock.Advance(time.Hour)
		ok(t, b.CloseDue(t.Context()))
		for _, id := range []uuid.UUID{made.Petition, paused.Petition} {
			row := b.Row(t, id)
			equal(t, "state", petition.StateCLOSED, row.State)
			equal(t, "closedAt", end, *row.ClosedAt)
		}
		equal(t, "states of the others", []petition.State{petition.StateDRAFT, petition.StateOPEN},
			[]petition.State{b.Row(t, unpublished.Petition).State, b.Row(t, longer.Petition).State})
		equal(t, "counted", 1, b.Figures(t, made.Petition).Total)
		equal(t, "times told", 2, len(b.Told()))
		ok(t, b.CloseDue(t.Context()))
		equal(t, "times told", 0, len(b.Told()))
	})
}

func TestCloseByHandAfterTheEnd(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		end := monday.Add(time.Hour)
		made := b.MustPublish(t, func(d *petitioning.Draft) { d.EndsAt = &end })
		b.Clock.Advance(time.Hour + time.Second)
		ok(t, b.Close(b.As(t, made.EditToken), made.Petition, p(petition.OutcomeVICTORY)))
		equal(t, "closedAt", end, *b.Row(t, made.Petition).ClosedAt)
	})
}

// TestUpkeepCloses waits for the server to do by itself what TestEndCloses asks for.
func TestUpkeepCloses(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		told := make(chan figures.Value, 8)
		b := setup(t, db, func(o *petitioning.Options) {
			o.Observer = sitetest.Observed(func(values ...figures.Value) { told <- values[0] })
		})
		made := b.MustPublish(t, func(d *petitioning.Draft) { d.EndsAt = p(monday.Add(time.Hour)) })
		<-told
		b.Clock.Advance(time.Hour)
		sitetest.Run(t, b.Run)
		equal(t, "petition told of", made.Petition, (<-told).Petition)
		equal(t, "state", petition.StateCLOSED, b.Row(t, made.Petition).State)
	})
}

func TestHideTakesAway(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		made := b.MustPublish(t)
		faults(t, b.Hide(b.As(t, ""), made.Petition), "FORBIDDEN")
		ok(t, b.Hide(operator(t), made.Petition))
		equal(t, "news", []int{3}, editions(b.Told()))
		faults(t, b.Sign(b.As(t, ""), signing(made.Petition, 1)), "NOT_FOUND input.petitionId")
		_, err := b.Comment(b.As(t, ""), petitioning.Remark{Petition: made.Petition, Body: "Hello"})
		faults(t, err, "NOT_FOUND input.petitionId")
		ok(t, b.Hide(operator(t), made.Petition))
		equal(t, "news", []int(nil), editions(b.Told()))
		faults(t, b.Hide(operator(t), uuid.New()), "NOT_FOUND")
	})
}

func TestSlugs(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		resolves := func(ctx context.Context, name string) uuid.UUID {
			t.Helper()
			found, err := b.Reads(ctx).PetitionBySlug(ctx, name, reading.Selection{})
			ok(t, err)
			if len(found.Rows) == 0 {
				return uuid.Nil
			}
			return found.Rows[0].ID
		}
		first := b.MustCreate(t)
		anybody := b.As(t, "")
		equal(t, "slug of a draft, for its maker", first.Petition, resolves(b.As(t, first.EditToken), b.Row(t, first.Petition).Slug))
		equal(t, "slug of a draft, for others", uuid.Nil, resolves(anybody, b.Row(t, first.Petition).Slug))
		ok(t, b.Publish(operator(t), first.Petition))
		second := b.MustPublish(t, func(d *petitioning.Draft) { d.Title = "Save the BEES!" })
		name := b.Row(t, second.Petition).Slug
		if len(name) != len("save-the-bees-abcdefgh") || name[:14] != "save-the-bees-" {
			t.Errorf("the second slug is %q, want the first with a suffix", name)
		}
		retitle := func(id uuid.UUID, title string) string {
			t.Helper()
			ok(t, b.Update(operator(t), b.Edit(t, id, func(u *petitioning.Update) { u.Title = &title })))
			return b.Row(t, id).Slug
		}
		equal(t, "new slug", "save-the-wasps", retitle(first.Petition, "Save the wasps"))
		equal(t, "old slug", first.Petition, resolves(anybody, "save-the-bees"))
		equal(t, "present slug", first.Petition, resolves(anybody, "save-the-wasps"))
		third := b.MustPublish(t)
		equal(t, "old slug given away", false, b.Row(t, third.Petition).Slug == "save-the-bees")
		equal(t, "old slug", first.Petition, resolves(anybody, "save-the-bees"))
		equal(t, "slug taken back", "save-the-bees", retitle(first.Petition, "Save the bees"))
		b.Clock.Advance(time.Hour)
		for _, name := range []string{"", "no-such", "nul\x00", "broken\xff", "'; --"} {
			equal(t, "no slug", uuid.Nil, resolves(operator(t), name))
		}
		equal(t, "slug as people copy it", first.Petition, resolves(anybody, "Save-The-Bees."))
		equal(t, "web address", "https://petitions.example/p/save-the-bees", b.Reading.URL("save-the-bees"))
	})
}

// TestSlugsOfDraftsFollowTheTitle retitles a draft: each of its slugs still finds it, and all end alike.
func TestSlugsOfDraftsFollowTheTitle(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		const long = "Nine times nine letters and then some more words until the slug has no room for any of them left"
		made := b.MustCreate(t, func(d *petitioning.Draft) { d.Title = long })
		id, owner := made.Petition, b.As(t, made.EditToken)
		slug := func() string { return b.Row(t, id).Slug }
		first := slug()
		end := first[len(first)-len("-abcdefgh"):]
		if len(first) > 80 || !strings.HasPrefix(first, "nine-times-nine-letters-") || end[0] != '-' {
			t.Errorf("the slug is %q, want one of the title with a suffix, at most 80 bytes", first)
		}
		retitle := func(title string) {
			t.Helper()
			ok(t, b.Update(owner, b.Edit(t, id, func(u *petitioning.Update) { u.Title = &title })))
		}
		for _, state := range []petition.State{petition.StateDRAFT, petition.StateIN_REVIEW, petition.StateREJECTED} {
			b.Move(t, id, state)
			retitle("Another " + string(state))
			equal(t, "slug", "another-"+strings.ReplaceAll(strings.ToLower(string(state)), "_", "-")+end, slug())
		}
		b.Move(t, id, petition.StateDRAFT)
		retitle("東京の木")
		equal(t, "slug", "dong-jing-nomu"+end, slug())
		retitle("Another")
		equal(t, "slug", "another"+end, slug())
		retitle("  Another!")
		equal(t, "slug of the same words", "another"+end, slug())
		for _, name := range []string{first, "another-in-review" + end, "dong-jing-nomu" + end, "another" + end} {
			found, err := b.Reads(owner).PetitionBySlug(owner, name, reading.Selection{})
			ok(t, err)
			equal(t, "petitions found by "+name, 1, len(found.Rows))
			found, err = b.Reads(b.As(t, "")).PetitionBySlug(t.Context(), name, reading.Selection{})
			ok(t, err)
			equal(t, "petitions that others find by "+name, 0, len(found.Rows))
		}
		ok(t, b.Publish(owner, id))
		equal(t, "slug", "another", slug())
		again, next := b.MustPublish(t, func(d *petitioning.Draft) { d.Title = long }), b.MustPublish(t, func(d *petitioning.Draft) { d.Title = long })
		if a, n := b.Row(t, again.Petition).Slug, b.Row(t, next.Petition).Slug; len(a) > 80 || len(n) > 80 || a == n {
			t.Errorf("the slugs %q and %q, want two of at most 80 bytes", a, n)
		}
	})
}
