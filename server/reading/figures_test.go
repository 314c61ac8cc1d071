package reading_test

import (
	"cmp"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"petitiond/server/database"
	"petitiond/server/database/dbtest"
	"petitiond/server/reading"
	"petitiond/server/reading/history"
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

// TestReadersAddWhatIsInNoSum reads everything that is summed before and after the sums are brought up to date: nobody
// can tell the difference.
func TestReadersAddWhatIsInNoSum(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		ctx := b.As(t, "")
		var ids []uuid.UUID
		for i := range 6 { // some with sums and rows, some with rows alone, one with neither
			var times []time.Time
			for j := range i * 9 {
				times = append(times, monday.Add(-time.Duration(j*j*(i+1))*time.Minute-time.Duration(j)*time.Second))
			}
			ids = append(ids, b.Signed(t, times, "Bees", []string{"Even", "Odd"}[i%2]))
			for j := range i % 4 { // one by one: these wait for their sums
				b.MustSign(t, ids[i], 1000+j)
			}
		}
		look := func() (out []any) {
			figures, err := b.Reads(ctx).Figures(ctx, ids, reading.WithHours)
			ok(t, err)
			var hours []int
			for _, id := range ids {
				hours = append(hours, *figures[id].LastHour)
			}
			site, err := b.Reading.Statistics(ctx)
			ok(t, err)
			tags, err := b.Reads(ctx).TrendingTags(ctx, 10)
			ok(t, err)
			out = append(out, hours, site)
			for _, tag := range tags {
				out = append(out, tag.Tag.Key, tag.SignaturesLastDay)
			}
			for _, id := range ids {
				news := b.News(t, id)
				out = append(out, news.Total, *news.LastHour)
				for step := range steps() {
					from := monday.AddDate(0, 0, -100)
					if step == history.Minute || step == history.Hour {
						from = monday.Add(-16 * time.Hour)
					}
					for _, to := range []*time.Time{nil, p(monday.Add(-26 * time.Minute)), p(monday.Add(-30 * time.Hour))} {
						if to != nil && to.Before(from) {
							continue
						}
						points, err := b.points(ctx, id, step, &from, to)
						ok(t, err)
						if last := points[len(points)-1]; to == nil && last.Total != news.Total {
							t.Errorf("a history by %s ends with %d of %d", step, last.Total, news.Total)
						}
						out = append(out, step, points)
					}
				}
				points, err := b.points(ctx, id, history.Week, nil, nil)
				ok(t, err)
				out = append(out, points)
			}
			return out
		}
		if n := value[int](t, b, `SELECT COUNT(*) FROM unsummed`); n == 0 {
			t.Error("no petition has signatures in no sum")
		}
		before := look()
		ok(t, b.Ledger.SumUp(t.Context()))
		if n := value[int](t, b, `SELECT COUNT(*) FROM unsummed`); n != 0 {
			t.Errorf("%d petitions have signatures in no sum", n)
		}
		after := look()
		slices.SortStableFunc(before, byText)
		slices.SortStableFunc(after, byText)
		equal(t, "what is read", before, after)
	})
}

// byText orders what comes from a map.
func byText(a, b any) int { return cmp.Compare(fmt.Sprint(a), fmt.Sprint(b)) }
