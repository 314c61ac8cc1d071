package petitioning_test

import (
	"math"
	"testing"
	"time"

	"github.com/google/uuid"

	"petitiond/server/database"
	"petitiond/server/database/dbtest"
	"petitiond/server/figures"
	"petitiond/server/keyset"
	"petitiond/server/reading"
)

func TestLastHour(t *testing.T) {
	t.Parallel()
	minutesAgo := func(n int) time.Time { return monday.Add(-time.Duration(n) * time.Minute) }
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		lively := b.signed(t, []time.Time{minutesAgo(61), minutesAgo(60), minutesAgo(59), minutesAgo(30), minutesAgo(0)})
		quiet, unsigned := b.signed(t, []time.Time{minutesAgo(600)}), b.signed(t, nil)
		hours, err := b.reads(b.as(t, "")).LastHour(b.as(t, ""), []uuid.UUID{lively, quiet, unsigned})
		ok(t, err)
		equal(t, "last hour", map[uuid.UUID]int{lively: 3, quiet: 0, unsigned: 0}, hours)
		equal(t, "news", 3, *b.news(t, lively).LastHour)
		equal(t, "news of the quiet one", 0, *b.news(t, quiet).LastHour)
		site, err := b.reading.Statistics(b.as(t, ""))
		ok(t, err)
		equal(t, "site", reading.Statistics{PetitionCount: 3, OpenPetitionCount: 3, SignatureCount: 6, SignaturesLastHour: 3}, site)
		b.clock.advance(30 * time.Minute)
		hours, err = b.reads(b.as(t, "")).LastHour(b.as(t, ""), []uuid.UUID{lively})
		ok(t, err)
		equal(t, "half an hour later", map[uuid.UUID]int{lively: 1}, hours)
	})
}

func TestStatisticsOfAnEmptySite(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		site, err := b.reading.Statistics(b.as(t, ""))
		ok(t, err)
		equal(t, "site", reading.Statistics{}, site)
		tags, err := b.reads(b.as(t, "")).TrendingTags(b.as(t, ""), 10)
		ok(t, err)
		equal(t, "trending tags", 0, len(tags))
	})
}

func TestTrendingTags(t *testing.T) {
	t.Parallel()
	hoursAgo := func(hours ...float64) []time.Time {
		var out []time.Time
		for _, h := range hours {
			out = append(out, monday.Add(-time.Duration(h*float64(time.Hour))))
		}
		return out
	}
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		b.signed(t, hoursAgo(23.9, 5, 1), "Bees", "Z")
		b.signed(t, hoursAgo(2), "Bees", "É", "Trees")
		b.signed(t, hoursAgo(24.1, 48), "Old")
		b.signed(t, nil, "Unsigned")
		closed := b.signed(t, hoursAgo(1, 1, 1, 1, 1, 1), "Closed", "Trees")
		ok(t, b.Close(operator(t), closed, nil))
		type trend struct {
			Key    string
			Signed int
		}
		for first, want := range map[int][]trend{
			100: {{"bees", 4}, {"z", 3}, {"trees", 1}, {"é", 1}},
			2:   {{"bees", 4}, {"z", 3}},
		} {
			list, err := b.reads(b.as(t, "")).TrendingTags(b.as(t, ""), first)
			ok(t, err)
			var got []trend
			for _, one := range list {
				got = append(got, trend{one.Tag.Key, one.SignaturesLastDay})
			}
			equal(t, "trending tags", want, got)
		}
		for _, first := range []int{0, -1, 101} {
			_, err := b.reads(b.as(t, "")).TrendingTags(b.as(t, ""), first)
			refused(t, err, "trending tags", "first")
		}
	})
}

func TestProgress(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		total, goal int
		want        float64
	}{{0, 100, 0}, {50, 100, 0.5}, {150, 100, 1.5}} {
		count := figures.Value{Total: tt.total, Goal: tt.goal}
		equal(t, "progress", tt.want, count.Progress())
	}
}

// TestRanksFollowTheCounts is about the copies of counters by which lists are ordered.
func TestRanksFollowTheCounts(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		quiet, lively := b.publish(t), b.publish(t)
		b.sign(t, quiet.Petition, 1)
		for n := range 3 {
			b.sign(t, lively.Petition, n)
		}
		first := func(field reading.OrderField) uuid.UUID {
			t.Helper()
			page, err := b.reads(b.as(t, "")).Petitions(b.as(t, ""), reading.PetitionQuery{
				Order: &reading.Order{Field: field, Direction: reading.Desc},
			}, keyset.Args{})
			ok(t, err)
			return page.Edges[0].Node.ID
		}
		ok(t, b.Rank(t.Context()))
		equal(t, "most signed", lively.Petition, first(reading.BySignatureCount))
		equal(t, "most trending", lively.Petition, first(reading.ByTrending))
		b.clock.advance(24 * time.Hour)
		b.sign(t, quiet.Petition, 2)
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
		b.exec(t, `UPDATE ranks SET signatures = 0, trending = 0`) // as if a replica had died with what it knew
		ok(t, b.Rank(t.Context()))
		equal(t, "forgotten", 0, value[int](t, b, `SELECT signatures FROM ranks WHERE petition_id = $1`, lively.Petition))
		ok(t, b.RankAll(t.Context()))
		b.exec(t, `UPDATE ranks SET trending = 0, state = 'DRAFT'`)
		ok(t, b.RankAll(t.Context()))
		equal(t, "states found again", 0, value[int](t, b, `SELECT COUNT(*) FROM ranks WHERE state <> 'OPEN'`))
		equal(t, "trends found again", 0, value[int](t, b, `SELECT COUNT(*) FROM ranks WHERE trending = 0`))
		equal(t, "found again", 3, value[int](t, b, `SELECT signatures FROM ranks WHERE petition_id = $1`, lively.Petition))
	})
}

// TestRanksWaitForAnotherReplica keeps what moved where somebody else rewrites at the same time.
func TestRanksWaitForAnotherReplica(t *testing.T) {
	t.Parallel()
	b := setup(t, dbtest.New(t, database.Postgres))
	made := b.publish(t)
	b.sign(t, made.Petition, 1)
	other, err := b.db.Write.BeginTx(t.Context(), nil)
	ok(t, err)
	_, err = other.ExecContext(t.Context(), `SELECT pg_advisory_xact_lock($1)`, 0x72616e6b)
	ok(t, err)
	ok(t, b.Rank(t.Context()))
	equal(t, "rank, while another replica is at it", 0, value[int](t, b, `SELECT signatures FROM ranks`))
	ok(t, other.Rollback())
	ok(t, b.Rank(t.Context()))
	equal(t, "rank", 1, value[int](t, b, `SELECT signatures FROM ranks`))
}
