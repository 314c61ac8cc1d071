package reading_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"petitiond/server/database"
	"petitiond/server/database/dbtest"
	"petitiond/server/reading"
)

func TestLastHour(t *testing.T) {
	t.Parallel()
	minutesAgo := func(n int) time.Time { return monday.Add(-time.Duration(n) * time.Minute) }
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		lively := b.Signed(t, []time.Time{minutesAgo(61), minutesAgo(60), minutesAgo(59), minutesAgo(30), minutesAgo(0)})
		quiet, unsigned := b.Signed(t, []time.Time{minutesAgo(600)}), b.Signed(t, nil)
		hours := func(of ...uuid.UUID) map[uuid.UUID]int {
			t.Helper()
			found, err := b.Reads(b.As(t, "")).Figures(b.As(t, ""), of, reading.WithHours)
			ok(t, err)
			out := map[uuid.UUID]int{}
			for id, f := range found {
				out[id] = *f.LastHour
				equal(t, "what the hub is told", *b.News(t, id).LastHour, *f.LastHour)
			}
			return out
		}
		equal(t, "last hour", map[uuid.UUID]int{lively: 3, quiet: 0, unsigned: 0}, hours(lively, quiet, unsigned))
		equal(t, "last hour of figures without it", (*int)(nil), b.Figures(t, lively).LastHour)
		equal(t, "news", 3, *b.News(t, lively).LastHour)
		equal(t, "news of the quiet one", 0, *b.News(t, quiet).LastHour)
		site, err := b.Reading.Statistics(b.As(t, ""))
		ok(t, err)
		equal(t, "site", reading.Statistics{PetitionCount: 3, OpenPetitionCount: 3, SignatureCount: 6, SignaturesLastHour: 3}, site)
		for _, step := range []struct{ later, want int }{{0, 3}, {1, 2}, {29, 2}, {30, 1}, {59, 1}, {60, 0}, {600, 0}} {
			at := b.Clock.Now()
			b.Clock.Advance(time.Duration(step.later) * time.Minute)
			equal(t, fmt.Sprintf("%d minutes later", step.later), map[uuid.UUID]int{lively: step.want}, hours(lively))
			equal(t, "is the value of this minute", step.later == 0, b.Reading.IsFresh(b.News(t, lively)))
			b.Clock.Advance(at.Sub(b.Clock.Now()))
		}
	})
}

func TestStatisticsOfAnEmptySite(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		site, err := b.Reading.Statistics(b.As(t, ""))
		ok(t, err)
		equal(t, "site", reading.Statistics{}, site)
		tags, err := b.Reads(b.As(t, "")).TrendingTags(b.As(t, ""), 10)
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
		b.Signed(t, hoursAgo(23.9, 5, 1), "Bees", "Z")
		b.Signed(t, hoursAgo(2), "Bees", "É", "Trees")
		b.Signed(t, hoursAgo(24.1, 48), "Old")
		b.Signed(t, nil, "Unsigned")
		closed := b.Signed(t, hoursAgo(1, 1, 1, 1, 1, 1), "Closed", "Trees")
		ok(t, b.Close(operator(t), closed, nil))
		type trend struct {
			Key    string
			Signed int
		}
		for first, want := range map[int][]trend{
			100: {{"bees", 4}, {"z", 3}, {"trees", 1}, {"é", 1}},
			2:   {{"bees", 4}, {"z", 3}},
		} {
			list, err := b.Reads(b.As(t, "")).TrendingTags(b.As(t, ""), first)
			ok(t, err)
			var got []trend
			for _, one := range list {
				got = append(got, trend{one.Tag.Key, one.SignaturesLastDay})
			}
			equal(t, "trending tags", want, got)
		}
		for _, first := range []int{0, -1, 101} {
			_, err := b.Reads(b.As(t, "")).TrendingTags(b.As(t, ""), first)
			refused(t, err, "trending tags", "first")
		}
	})
}
