package petitioning_test

import (
	"math"
	"testing"
	"time"

	"github.com/google/uuid"

	"petitiond/server/database"
	"petitiond/server/database/dbtest"
	"petitiond/server/keyset"
	"petitiond/server/reading"
)

// TestRanksFollowTheCounts is about the copies of counters by which lists are ordered.
func TestRanksFollowTheCounts(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		quiet, lively := b.MustPublish(t), b.MustPublish(t)
		b.MustSign(t, quiet.Petition, 1)
		for n := range 3 {
			b.MustSign(t, lively.Petition, n)
		}
		first := func(field reading.OrderField) uuid.UUID {
			t.Helper()
			page, err := b.Reads(b.As(t, "")).Petitions(b.As(t, ""), reading.PetitionQuery{
				Order: &reading.Order{Field: field, Direction: reading.Desc},
			}, keyset.Args{})
			ok(t, err)
			return page.Edges[0].Node.ID
		}
		ok(t, b.Rank(t.Context()))
		equal(t, "most signed", lively.Petition, first(reading.BySignatureCount))
		equal(t, "most trending", lively.Petition, first(reading.ByTrending))
		b.Clock.Advance(24 * time.Hour)
		b.MustSign(t, quiet.Petition, 2)
		equal(t, "most trending, before ranks are rewritten", lively.Petition, first(reading.ByTrending))
		ok(t, b.Rank(t.Context()))
		equal(t, "most signed", lively.Petition, first(reading.BySignatureCount))
		equal(t, "most trending", quiet.Petition, first(reading.ByTrending))

		t0 := time.Date(2020, time.January, 1, 0, 0, 0, 0, time.UTC)
		weight := func(at time.Time) float64 { return at.Sub(t0).Hours() / 6 }
		want := math.Log2(1+math.Exp2(-4)) + weight(monday.Add(24*time.Hour))
		got := value[float64](t, b, `SELECT trending FROM ranks WHERE petition_id = $1`, quiet.Petition)
		if math.Abs(got-want) > 1e-9 {
			t.Errorf("the trend is %v, want %v", got, want)
		}
		b.Exec(t, `UPDATE ranks SET signatures = 0, trending = 0`) // as if a replica had died with what it knew
		ok(t, b.Rank(t.Context()))
		equal(t, "forgotten", 0, value[int](t, b, `SELECT signatures FROM ranks WHERE petition_id = $1`, lively.Petition))
		ok(t, b.RankAll(t.Context()))
		b.Exec(t, `UPDATE ranks SET trending = 0, state = 'DRAFT'`)
		b.Exec(t, `UPDATE petition_tags SET state = 'DRAFT'`)
		b.Exec(t, `UPDATE tags SET open_petitions = 7, public_petitions = 0`)
		ok(t, b.RankAll(t.Context()))
		equal(t, "states beside tags found again", 0, value[int](t, b, `SELECT COUNT(*) FROM petition_tags WHERE state <> 'OPEN'`))
		equal(t, "petitions of tags counted again", 0, value[int](t, b, `SELECT COUNT(*) FROM tags AS t WHERE public_petitions <>
 open_petitions OR open_petitions <> (SELECT COUNT(*) FROM petition_tags AS pt WHERE pt.tag_id = t.id)`))
		equal(t, "states found again", 0, value[int](t, b, `SELECT COUNT(*) FROM ranks WHERE state <> 'OPEN'`))
		equal(t, "trends found again", 0, value[int](t, b, `SELECT COUNT(*) FROM ranks WHERE trending = 0`))
		equal(t, "found again", 3, value[int](t, b, `SELECT signatures FROM ranks WHERE petition_id = $1`, lively.Petition))
	})
}

// TestRanksWaitForAnotherReplica keeps what moved where somebody else rewrites at the same time.
func TestRanksWaitForAnotherReplica(t *testing.T) {
	t.Parallel()
	b := setup(t, dbtest.New(t, database.Postgres))
	made := b.MustPublish(t)
	b.MustSign(t, made.Petition, 1)
	other, err := b.DB.Write.BeginTx(t.Context(), nil)
	ok(t, err)
	_, err = other.ExecContext(t.Context(), `SELECT pg_advisory_xact_lock($1)`, 0x72616e6b)
	ok(t, err)
	ok(t, b.Rank(t.Context()))
	equal(t, "rank, while another replica is at it", 0, value[int](t, b, `SELECT signatures FROM ranks`))
	ok(t, other.Rollback())
	ok(t, b.Rank(t.Context()))
	equal(t, "rank", 1, value[int](t, b, `SELECT signatures FROM ranks`))
}
