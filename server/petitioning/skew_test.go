package petitioning_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"petitiond/ent/petition"
	"petitiond/server/database"
	"petitiond/server/database/dbtest"
	"petitiond/server/ledger"
	"petitiond/server/petitioning"
	"petitiond/server/sitetest"
)

// timed is a bundle on the clock of its database, and how far the wall clock of its machine is off.
type timed struct {
	*bundle
	off atomic.Int64
}

func (b *timed) jump(off time.Duration) { b.off.Store(int64(off)) }

// onWall is setup with a wall clock that is off from the start, and may jump.
func onWall(t *testing.T, dialect database.Dialect, off time.Duration) *timed {
	t.Helper()
	b := &timed{}
	b.jump(off)
	wall := func() time.Time { return time.Now().Add(time.Duration(b.off.Load())) }
	db, err := database.Options{Wall: wall}.Open(t.Context(), dbtest.URL(t, dialect))
	ok(t, err)
	t.Cleanup(func() { ok(t, db.Close()) })
	book, err := ledger.New(t.Context(), db, ledger.Options{})
	ok(t, err)
	sitetest.Run(t, book.Run)
	b.bundle = setup(t, db, func(o *petitioning.Options) { o.Ledger, o.Now = book, nil })
	return b
}

// state returns the state of a petition.
func (b *timed) state(t *testing.T, id uuid.UUID) petition.State {
	t.Helper()
	return b.Row(t, id).State
}

// TestWrongClockChangesNothing lets the clock jump: no petition ends by it or is changed in any way, everybody who
// asks for a change hears that there is none, and all goes on when the clock is right.
func TestWrongClockChangesNothing(t *testing.T) {
	t.Parallel()
	for _, dialect := range []database.Dialect{database.SQLite, database.Postgres} {
		t.Run(dialect.String(), func(t *testing.T) {
			t.Parallel()
			b := onWall(t, dialect, 0)
			ends := func(d *petitioning.Draft) { d.EndsAt = p(time.Now().Add(24 * time.Hour)) }
			made, unpublished := b.MustPublish(t, ends), b.MustCreate(t, ends)
			for n, off := range []time.Duration{48 * time.Hour, -48 * time.Hour, 6 * time.Second} {
				b.jump(off)
				changes := map[string]func(context.Context) error{
					"create":  func(ctx context.Context) error { _, err := b.Create(ctx, draft()); return err },
					"publish": func(ctx context.Context) error { return b.Publish(ctx, unpublished.Petition) },
					"update": func(ctx context.Context) error {
						return b.Update(ctx, petitioning.Update{Petition: unpublished.Petition, Version: 1, Goal: p(7)})
					},
					"close": func(ctx context.Context) error { return b.Close(ctx, made.Petition, nil) },
					"hide":  func(ctx context.Context) error { return b.Hide(ctx, made.Petition) },
					"sign":  func(ctx context.Context) error { return b.Sign(ctx, signing(made.Petition, 10+n)) },
					"remark": func(ctx context.Context) error {
						_, err := b.Comment(ctx, petitioning.Remark{Petition: made.Petition, Body: "Trees are tall."})
						return err
					},
					"key": func(ctx context.Context) error {
						_, err := b.CreateAPIKey(ctx, "partner", []petitioning.Scope{petitioning.Scopes()[0]})
						return err
					},
				}
				for name, change := range changes {
					err := change(operator(t))
					if got := petitioning.Faults(err); len(got) != 1 || got[0].Code != petitioning.Unavailable {
						t.Errorf("%s, off by %s: got %v, want UNAVAILABLE", name, off, err)
					}
				}
				if err := b.CloseDue(t.Context()); err != nil && !errors.Is(err, database.ErrClock) {
					t.Error(err)
				}
				b.jump(0)
				equal(t, "state", petition.StateOPEN, b.state(t, made.Petition))
				equal(t, "state of the draft", petition.StateDRAFT, b.state(t, unpublished.Petition))
				b.MustSign(t, made.Petition, n)
				equal(t, "counted", n+1, b.Figures(t, made.Petition).Total)
			}
		})
	}
}

// TestEndByTheDatabase ends a petition when its time has come by the database's clock, and not by that of a machine
// that is a little ahead or behind.
func TestEndByTheDatabase(t *testing.T) {
	t.Parallel()
	for name, off := range map[string]time.Duration{"Ahead": 4 * time.Second, "Behind": -4 * time.Second} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := onWall(t, database.Postgres, off)
			end := time.Now().Add(1500 * time.Millisecond).Truncate(time.Microsecond)
			made := b.MustPublish(t, func(d *petitioning.Draft) { d.EndsAt = &end })
			for n := 0; ; n++ {
				began := time.Now()
				ok(t, b.CloseDue(t.Context()))
				closed := b.state(t, made.Petition) == petition.StateCLOSED
				switch over := time.Now(); {
				case closed && over.Before(end.Add(-time.Second)):
					t.Fatalf("closed %s too early", end.Sub(over))
				case !closed && began.After(end.Add(time.Second)):
					t.Fatalf("not closed %s after the end", began.Sub(end))
				case closed:
					equal(t, "closedAt", end.UTC(), b.Row(t, made.Petition).ClosedAt.UTC())
					faults(t, b.Sign(b.As(t, ""), signing(made.Petition, 1)), "WRONG_STATE input.petitionId")
					return
				}
				time.Sleep(10 * time.Millisecond) // the database's own time has to pass
			}
		})
	}
}

// TestReopenEarly opens what a wrong clock has closed, and nothing that was closed in any other way.
func TestReopenEarly(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		end, tagged := monday.Add(24*time.Hour), func(d *petitioning.Draft) { d.Tags = []string{"a"} }
		ends := func(d *petitioning.Draft) { d.EndsAt = &end }
		early, judged, byHand, over := b.MustPublish(t, ends, tagged), b.MustPublish(t, ends), b.MustPublish(t, ends), b.MustPublish(t,
			func(d *petitioning.Draft) { d.EndsAt = p(monday.Add(time.Minute)) })
		b.Clock.Advance(time.Hour)
		ok(t, b.Close(operator(t), byHand.Petition, nil))
		ok(t, b.CloseDue(t.Context())) // over
		b.Clock.Advance(48 * time.Hour)
		ok(t, b.CloseDue(t.Context()))
		ok(t, b.Close(operator(t), judged.Petition, p(petition.OutcomeVICTORY)))
		for _, id := range []uuid.UUID{early.Petition, judged.Petition, byHand.Petition, over.Petition} {
			equal(t, "state by the wrong clock", petition.StateCLOSED, b.Row(t, id).State)
		}
		ok(t, b.ReopenEarly(t.Context()))
		equal(t, "state by the clock that closed it", petition.StateCLOSED, b.Row(t, early.Petition).State)

		b.Clock.Advance(-48 * time.Hour)
		b.Told()
		ok(t, b.ReopenEarly(t.Context()))
		for _, id := range []uuid.UUID{judged.Petition, byHand.Petition, over.Petition} {
			equal(t, "state of the others", petition.StateCLOSED, b.Row(t, id).State)
		}
		row := b.Row(t, early.Petition)
		equal(t, "state", petition.StateOPEN, row.State)
		equal(t, "closedAt", (*time.Time)(nil), row.ClosedAt)
		equal(t, "open petitions of the tag", 1, value[int](t, b, `SELECT open_petitions FROM tags`))
		equal(t, "news", []int{4}, editions(b.Told()))
		b.MustSign(t, early.Petition, 1)
		ok(t, b.ReopenEarly(t.Context()))
		equal(t, "news", 0, len(b.Told()))

		b.Clock.Advance(23 * time.Hour)
		ok(t, b.CloseDue(t.Context()))
		row = b.Row(t, early.Petition)
		equal(t, "state at the end", petition.StateCLOSED, row.State)
		equal(t, "closedAt", end, *row.ClosedAt)
		ok(t, b.ReopenEarly(t.Context()))
		equal(t, "state after the end", petition.StateCLOSED, b.Row(t, early.Petition).State)
	})
}
