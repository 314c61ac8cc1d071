package reading_test

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"petitiond/server/database"
	"petitiond/server/database/dbtest"
	"petitiond/server/keyset"
	"petitiond/server/ledger"
	"petitiond/server/ledger/ledgertest"
	"petitiond/server/reading"
	"petitiond/server/reading/history"
)

// seen is what anybody can find out about who has signed.
type seen struct {
	Total, Named, LastHour, Version         int
	Listed, Comments, Points, Trending      int
	Statistics                              reading.Statistics
	ByID, Filtered, Found                   bool
	Added, Removed, PointTotal, MinuteTotal int
}

// sees reads everything about a signature of a petition in every way.
func (b *bundle) sees(t *testing.T, m marker, s ledger.Signature) (out seen) {
	t.Helper()
	ctx := b.As(t, "")
	ok(t, b.RankAll(ctx))
	figures := b.Figures(t, m.Petition)
	hours, err := b.Reads(ctx).Figures(ctx, []uuid.UUID{m.Petition}, reading.WithHours)
	ok(t, err)
	out.Total, out.Named, out.Version, out.LastHour = figures.Total, figures.Named, figures.Version, *hours[m.Petition].LastHour
	pages, err := b.Reads(ctx).Signatures(ctx, keyset.Args{}, m.Petition)
	ok(t, err)
	out.Listed = len(pages[m.Petition].Edges)
	rows, err := b.Reads(ctx).SignaturesByID(ctx, []uuid.UUID{s.ID})
	ok(t, err)
	out.ByID = len(rows) > 0 && rows[0] != nil
	comments, err := b.Reads(ctx).CommentsAfter(ctx, m.Petition, 0, 50)
	ok(t, err)
	out.Comments = len(comments)
	out.Statistics, err = b.Reading.Statistics(ctx)
	ok(t, err)
	tags, err := b.Reads(ctx).TrendingTags(ctx, 100)
	ok(t, err)
	for _, tag := range tags {
		out.Trending += tag.SignaturesLastDay
	}
	many, err := b.Reads(ctx).Petitions(ctx, reading.PetitionQuery{Filter: &reading.Filter{MinSignatures: p(3)}}, keyset.Args{})
	ok(t, err)
	out.Filtered = len(many.Edges) > 0
	found, err := b.Reads(ctx).Petitions(ctx, reading.PetitionQuery{Search: p("waiting")}, keyset.Args{})
	ok(t, err)
	out.Found = len(found.Edges) > 0
	for _, step := range []history.Interval{history.Day, history.Minute} {
		points, err := b.History(ctx, m.Petition, step, p(monday.Add(-time.Hour)), nil)
		ok(t, err)
		last := points[len(points)-1]
		if step == history.Minute {
			out.MinuteTotal = last.Total
			continue
		}
		out.Points, out.Added, out.Removed, out.PointTotal = len(points), last.Added, last.Removed, last.Total
	}
	return out
}

// TestWhatWaitsIsNowhere signs without a confirmation: nobody can find out. Then it counts, and is withdrawn, and
// histories tell what was. At each moment their total is the count.
func TestWhatWaitsIsNowhere(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		m := mark(t, b)
		ok(t, b.Ledger.SumUp(t.Context()))
		waiting := ledgertest.Waiting(m.Petition, "waiting")
		waiting.Waiting.Reason = []byte("waiting")
		before := b.sees(t, m, waiting)
		equal(t, "total and points", []int{2, 2, 2}, []int{before.Total, before.PointTotal, before.MinuteTotal})
		_, err := b.Ledger.Sign(t.Context(), waiting)
		ok(t, err)
		equal(t, "what is seen of it while it waits", before, b.sees(t, m, waiting))

		b.Clock.Advance(2 * time.Minute)
		confirmation := ledgertest.Confirmation(waiting)
		reason := ledgertest.Comment(m.Petition, nil)
		confirmation.Comment = &reason
		_, err = b.Ledger.Confirm(t.Context(), confirmation)
		ok(t, err)
		want := before
		want.Total, want.Named, want.LastHour, want.Version, want.Listed, want.Comments = 3, 2, 3, before.Version+1, 2, before.Comments+1
		want.Added, want.PointTotal, want.MinuteTotal, want.Trending, want.ByID, want.Filtered = 3, 3, 3, 3, true, true
		want.Statistics.SignatureCount, want.Statistics.SignaturesLastHour = 3, 3
		equal(t, "what is seen of it once it counts", want, b.sees(t, m, waiting))

		b.Clock.Advance(2 * time.Minute)
		ok(t, b.Ledger.Withdraw(t.Context(), ledgertest.Withdrawal(waiting)))
		want = before
		want.Version, want.Comments, want.Added, want.Removed = before.Version+2, before.Comments+1, 3, 1
		equal(t, "what is seen of it after it was withdrawn", want, b.sees(t, m, waiting))
		points, err := b.History(b.As(t, ""), m.Petition, history.Minute, p(monday), nil)
		ok(t, err)
		var got [][3]int
		for _, point := range points {
			got = append(got, [3]int{point.Added, point.Removed, point.Total})
		}
		equal(t, "the last minutes", [][3]int{{3, 0, 3}, {0, 0, 3}, {0, 0, 3}, {0, 0, 3}, {0, 1, 2}}, got)
	})
}
