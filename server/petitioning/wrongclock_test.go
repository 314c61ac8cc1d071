package petitioning_test

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"petitiond/ent/petition"
	"petitiond/server/database"
	"petitiond/server/database/dbtest"
	"petitiond/server/keyset"
	"petitiond/server/ledger/recount"
	"petitiond/server/petitioning"
	"petitiond/server/reading"
	"petitiond/server/reading/history"
	"petitiond/server/sitetest"
)

// order returns the petitions of a list, the first ones of a descending order first.
func (b *bundle) order(t *testing.T, field reading.OrderField) (ids []uuid.UUID) {
	t.Helper()
	page, err := b.Reads(b.As(t, "")).Petitions(b.As(t, ""), reading.PetitionQuery{
		Order: &reading.Order{Field: field, Direction: reading.Desc},
	}, keyset.Args{})
	ok(t, err)
	for _, e := range page.Edges {
		ids = append(ids, e.Node.ID)
	}
	return ids
}

// newestTagged returns the petitions of the one tag, the newest first.
func (b *bundle) newestTagged(t *testing.T) (ids []uuid.UUID) {
	t.Helper()
	tag := value[uuid.UUID](t, b, `SELECT id FROM tags`)
	lists, err := b.Reads(b.As(t, "")).TagPetitions(b.As(t, ""), reading.Order{Field: reading.ByCreatedAt, Direction: reading.Desc},
		reading.Selection{}, keyset.Args{}, tag)
	ok(t, err)
	for _, e := range lists[tag].Edges {
		ids = append(ids, e.Node.ID)
	}
	return ids
}

// slugsSince returns the newest time at which a petition got a slug.
func (b *bundle) slugsSince(t *testing.T, id uuid.UUID) time.Time {
	t.Helper()
	return value[database.Time](t, b, `SELECT MAX(created_at) FROM slugs WHERE petition_id = $1`, id).Time
}

// TestRedate has a wrong clock create and publish petitions: once it is right they can be signed, and do not lead the
// newest any more. A start that somebody has planned stays, and what is ahead as little as clocks may differ.
func TestRedate(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		tagged, starts := func(d *petitioning.Draft) { d.Tags = []string{"a"} }, monday.Add(72*time.Hour)
		waiting := b.MustCreate(t)
		planned := b.MustCreate(t, func(d *petitioning.Draft) { d.StartsAt = &starts })
		b.Clock.Advance(database.MaxSkew)
		little := b.MustPublish(t)
		b.Clock.Advance(48*time.Hour - database.MaxSkew)
		made := b.MustPublish(t, tagged)
		for _, id := range []uuid.UUID{waiting.Petition, planned.Petition} {
			ok(t, b.Publish(operator(t), id))
		}
		plan := b.MustPublish(t, func(d *petitioning.Draft) { d.StartsAt = &starts })
		unpublished := b.MustCreate(t)
		b.Clock.Advance(time.Hour)
		ok(t, b.Update(operator(t), b.Edit(t, made.Petition, func(u *petitioning.Update) { u.Title = p("Save the wasps") })))

		b.Clock.Advance(-49 * time.Hour)
		faults(t, b.Sign(b.As(t, ""), signing(made.Petition, 1)), "WRONG_STATE input.petitionId")
		b.Told()
		ok(t, b.Redate(t.Context()))
		equal(t, "news", 4, len(b.Told()))
		for _, id := range []uuid.UUID{made.Petition, waiting.Petition, plan.Petition, unpublished.Petition} {
			row := b.Row(t, id)
			equal(t, "createdAt", monday, row.CreatedAt)
			equal(t, "updatedAt", monday, row.UpdatedAt)
			equal(t, "slug", monday, b.slugsSince(t, id))
		}
		for _, id := range []uuid.UUID{made.Petition, waiting.Petition} {
			equal(t, "startsAt", monday, *b.Row(t, id).StartsAt)
			b.MustSign(t, id, 1)
		}
		for _, id := range []uuid.UUID{planned.Petition, plan.Petition} {
			equal(t, "planned startsAt", starts, *b.Row(t, id).StartsAt)
			faults(t, b.Sign(b.As(t, ""), signing(id, 1)), "WRONG_STATE input.petitionId")
		}
		equal(t, "startsAt of a draft", (*time.Time)(nil), b.Row(t, unpublished.Petition).StartsAt)
		equal(t, "startsAt a little ahead", monday.Add(database.MaxSkew), *b.Row(t, little.Petition).StartsAt)
		equal(t, "createdAt a little ahead", monday.Add(database.MaxSkew), b.Row(t, little.Petition).CreatedAt)

		b.Clock.Advance(time.Minute)
		newest := b.MustPublish(t, tagged)
		equal(t, "newest", newest.Petition, b.order(t, reading.ByCreatedAt)[0])
		equal(t, "last started of those that have", newest.Petition, b.order(t, reading.ByStartsAt)[2])
		equal(t, "newest of the tag", []uuid.UUID{newest.Petition, made.Petition}, b.newestTagged(t))
		ok(t, b.Redate(t.Context()))
		equal(t, "news when nothing is ahead any more", 0, len(b.Told()))
	})
}

// TestRedateFindsByIndex looks at what runs every minute on a site of many petitions.
func TestRedateFindsByIndex(t *testing.T) {
	t.Parallel()
	sitetest.NotRaced(t)
	dbtest.EachCounting(t, func(t *testing.T, db *database.DB, counter *dbtest.Counter) {
		b := setup(t, db)
		b.Fill(t, sitetest.Volume{Petitions: 12_000})
		equal(t, "faults of the plans", []string(nil), b.Explain(t, counter, b.Redate))
		if faults := b.Explain(t, counter, b.RedateChanges); len(faults) == 0 {
			t.Error("nobody notices that edits, which no index finds, are looked for in the whole table")
		}
	})
}

// TestRedateChanges has a wrong clock edit and close petitions. One that closed by itself is left to ReopenEarly.
func TestRedateChanges(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		end := monday.Add(24 * time.Hour)
		ends := func(d *petitioning.Draft) { d.EndsAt = &end }
		edited, byHand, judged, early, little := b.MustPublish(t), b.MustPublish(t), b.MustPublish(t, ends), b.MustPublish(t, ends), b.MustPublish(t)
		b.Clock.Advance(database.MaxSkew)
		ok(t, b.Close(operator(t), little.Petition, nil))
		b.Clock.Advance(48 * time.Hour)
		ok(t, b.CloseDue(t.Context()))
		ok(t, b.Close(operator(t), judged.Petition, p(petition.OutcomeVICTORY)))
		ok(t, b.Close(operator(t), byHand.Petition, nil))
		ok(t, b.Update(operator(t), b.Edit(t, edited.Petition, func(u *petitioning.Update) { u.Title = p("Save the wasps") })))

		b.Clock.Advance(-48*time.Hour - database.MaxSkew)
		b.Told()
		ok(t, b.RedateChanges(t.Context()))
		equal(t, "news", 4, len(b.Told()))
		for _, id := range []uuid.UUID{edited.Petition, byHand.Petition, judged.Petition, early.Petition} {
			equal(t, "updatedAt", monday, b.Row(t, id).UpdatedAt)
		}
		equal(t, "slug", monday, b.slugsSince(t, edited.Petition))
		for _, id := range []uuid.UUID{byHand.Petition, judged.Petition} {
			row := b.Row(t, id)
			equal(t, "state", petition.StateCLOSED, row.State)
			equal(t, "closedAt", monday, *row.ClosedAt)
		}
		equal(t, "closedAt a little ahead", monday.Add(database.MaxSkew), *b.Row(t, little.Petition).ClosedAt)
		ok(t, b.ReopenEarly(t.Context()))
		equal(t, "state of what closed by itself", petition.StateOPEN, b.Row(t, early.Petition).State)
		b.Told()
		ok(t, b.RedateChanges(t.Context()))
		equal(t, "news when nothing is ahead any more", 0, len(b.Told()))
	})
}

// TestMendsAll has a wrong clock publish and close more petitions than one look finds: they are mended at once all the
// same.
func TestMendsAll(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		const many = 201
		end := monday.Add(24 * time.Hour)
		for range many {
			b.MustPublish(t, func(d *petitioning.Draft) { d.EndsAt = &end })
		}
		b.Clock.Advance(48 * time.Hour)
		for range many {
			b.MustPublish(t)
		}
		for range 3 {
			ok(t, b.CloseDue(t.Context()))
		}
		left := func() []int {
			return []int{
				value[int](t, b, `SELECT COUNT(*) FROM petitions WHERE created_at > $1`, monday),
				value[int](t, b, `SELECT COUNT(*) FROM petitions WHERE state = 'CLOSED'`),
				value[int](t, b, `SELECT COUNT(*) FROM petitions WHERE updated_at > $1`, monday),
			}
		}
		equal(t, "left by the wrong clock", []int{many, many, 2 * many}, left())
		b.Clock.Advance(-48 * time.Hour)
		ok(t, b.Redate(t.Context()))
		equal(t, "left by Redate", []int{0, many, many}, left())
		ok(t, b.ReopenEarly(t.Context()))
		equal(t, "left by ReopenEarly", []int{0, 0, 0}, left())
		b.Exec(t, `UPDATE petitions SET updated_at = $1`, monday.Add(48*time.Hour))
		mended, err := b.Mend(t.Context())
		ok(t, err)
		equal(t, "mended", 2*many, mended)
		equal(t, "left", []int{0, 0, 0}, left())
		equal(t, "tokens dated ahead", 0, value[int](t, b, `SELECT COUNT(*) FROM tokens WHERE created_at > $1`, monday))
		mended, err = b.Mend(t.Context())
		ok(t, err)
		equal(t, "mended again", 0, mended)
	})
}

// TestTrendAfterRecount has a wrong clock count a signature: after a recount its petition leads the trend no more, and
// its history ends today.
func TestTrendAfterRecount(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		quiet, lively := b.MustPublish(t), b.MustPublish(t)
		b.Clock.Advance(48 * time.Hour)
		b.MustSign(t, quiet.Petition, 1)
		b.Clock.Advance(-48 * time.Hour)
		for n := range 3 {
			b.MustSign(t, lively.Petition, n)
		}
		ok(t, b.Rank(t.Context()))
		equal(t, "trend by the wrong clock", []uuid.UUID{quiet.Petition, lively.Petition}, b.order(t, reading.ByTrending))
		found, err := recount.New(db, recount.Options{Now: b.Clock.Now}).Recount(t.Context())
		ok(t, err)
		equal(t, "is found", true, len(found) > 0)
		ok(t, b.RankAll(t.Context()))
		equal(t, "trend", []uuid.UUID{lively.Petition, quiet.Petition}, b.order(t, reading.ByTrending))
		b.Clock.Advance(time.Minute)
		points, err := b.History(operator(t), quiet.Petition, history.Day, p(monday), p(monday.Add(time.Hour)))
		ok(t, err)
		equal(t, "history", []*history.Point{{At: monday.Truncate(24 * time.Hour), Added: 1, Total: 1}}, points)
		points, err = b.History(operator(t), quiet.Petition, history.Minute, p(monday), p(monday.Add(time.Minute)))
		ok(t, err)
		equal(t, "history by the minute", &history.Point{At: monday, Added: 1, Total: 1}, points[0])
	})
}

// TestKeysAheadAreForgotten has a wrong clock keep an idempotency key: two days after the clock is right it is
// forgotten, and not before.
func TestKeysAheadAreForgotten(t *testing.T) {
	t.Parallel()
	key := func(d *petitioning.Draft) { d.IdempotencyKey = p("c1d2f3a4-5b69-4788-9a0b-e7c6d5f41302") }
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		b.Clock.Advance(9000 * time.Hour)
		first := b.MustCreate(t, key)
		b.Clock.Advance(-9000 * time.Hour)
		ok(t, b.SweepKeys(t.Context()))
		b.Clock.Advance(48 * time.Hour)
		ok(t, b.SweepKeys(t.Context()))
		equal(t, "answer after two days", first.Petition, b.MustCreate(t, key).Petition)
		b.Clock.Advance(time.Microsecond)
		ok(t, b.SweepKeys(t.Context()))
		equal(t, "is another petition", true, b.MustCreate(t, key).Petition != first.Petition)
	})
}
