package reading_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"petitiond/server/database"
	"petitiond/server/database/dbtest"
	"petitiond/server/reading/history"
)

// steps are the intervals with the start of the one that holds an instant, by the calendar.
func steps() map[history.Interval]func(time.Time) time.Time {
	day := func(at time.Time) time.Time {
		return time.Date(at.Year(), at.Month(), at.Day(), 0, 0, 0, 0, time.UTC)
	}
	return map[history.Interval]func(time.Time) time.Time{
		history.Minute: func(at time.Time) time.Time { return at.Truncate(time.Minute) },
		history.Hour:   func(at time.Time) time.Time { return at.Truncate(time.Hour) },
		history.Day:    day,
		history.Week: func(at time.Time) time.Time {
			return day(at).AddDate(0, 0, -(int(at.Weekday())+6)%7)
		},
	}
}

func next(step history.Interval, at time.Time) time.Time {
	switch step {
	case history.Minute:
		return at.Add(time.Minute)
	case history.Hour:
		return at.Add(time.Hour)
	case history.Day:
		return at.AddDate(0, 0, 1)
	}
	return at.AddDate(0, 0, 7)
}

// model returns the history of signatures as the contract tells it: the future has no points.
func model(signed []time.Time, step history.Interval, from, to time.Time) []history.Point {
	var out []history.Point
	if now := monday.Add(time.Nanosecond); now.Before(to) {
		to = now
	}
	for at := steps()[step](from); at.Before(to); at = next(step, at) {
		point := history.Point{At: at}
		for _, s := range signed {
			if s.Truncate(time.Minute).Before(to) && s.Before(next(step, at)) {
				point.Total++
				if !s.Before(at) {
					point.Added++
				}
			}
		}
		out = append(out, point)
	}
	return out
}

// points returns the history of a petition by value.
func (b *bundle) points(ctx context.Context, id uuid.UUID, step history.Interval, from, to *time.Time) ([]history.Point, error) {
	list, err := b.History(ctx, id, step, from, to)
	var out []history.Point
	for _, point := range list {
		out = append(out, *point)
	}
	return out, err
}

func TestHistoryMeetsTheModel(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 4))
	within := func(d time.Duration) time.Time {
		return monday.Add(-time.Duration(random.Int64N(int64(d)))).Truncate(time.Microsecond)
	}
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		for step, span := range map[history.Interval]time.Duration{
			history.Minute: 3 * time.Hour, history.Hour: 3 * 24 * time.Hour, history.Day: 60 * 24 * time.Hour,
			history.Week: 300 * 24 * time.Hour,
		} {
			var times []time.Time
			for range 40 {
				times = append(times, within(span))
			}
			slices.SortFunc(times, time.Time.Compare)
			id := b.Signed(t, times)
			got, err := b.points(b.As(t, ""), id, step, nil, nil)
			ok(t, err)
			equal(t, string(step), model(times, step, times[0], monday.Add(time.Nanosecond)), got)
			sum := 0
			for _, point := range got {
				sum += point.Added - point.Removed
			}
			equal(t, "sum", b.Figures(t, id).Total, sum)
			if err := b.Ledger.Fold(t.Context()); err != nil { // what follows must be the same with hours in the place of minutes
				t.Fatal(err)
			}
			folded := slices.Clone(times)
			for i, at := range folded {
				if at.Before(monday.AddDate(0, 0, -7).Truncate(time.Hour)) {
					folded[i] = at.Truncate(time.Hour)
				}
			}
			times = folded
			for range 15 { // any range
				from := within(span * 3 / 2)
				to := from.Add(time.Duration(random.Int64N(int64(span)))).Truncate(time.Microsecond)
				got, err := b.points(b.As(t, ""), id, step, &from, &to)
				ok(t, err)
				equal(t, fmt.Sprintf("%s from %v to %v", step, from, to), model(times, step, from, to), got)
			}
		}
	})
}

// TestHistoryOfYear reads a year by day from its days alone, along the index, however lively it was.
func TestHistoryOfYear(t *testing.T) {
	t.Parallel()
	dbtest.EachCounting(t, func(t *testing.T, db *database.DB, counter *dbtest.Counter) {
		b := setup(t, db)
		id := b.MustPublish(t).Petition
		year := database.Now().Truncate(24*time.Hour).AddDate(-1, 0, 0).Unix() / 60
		rows := func(table, column string, n, from, step int64, petition uuid.UUID) {
			b.Exec(t, fmt.Sprintf(`WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < %d)
 INSERT INTO %s (petition_id, %s, added) SELECT $1, %s %d + %d * i, 1 FROM n`, n-1, table, column,
				map[bool]string{true: fmt.Sprint(step, ","), false: ""}[table == "signature_buckets"], from, step), petition)
		}
		for range 30 {
			rows("signature_days", "day", 365, year, 1440, uuid.New())
		}
		for _, petition := range []uuid.UUID{id, uuid.New(), uuid.New(), uuid.New()} {
			rows("signature_days", "day", 365, year, 1440, petition)
			rows("signature_buckets", "span, minute", 24*358, year, 60, petition)
			rows("signature_buckets", "span, minute", 10_080, year+358*1440, 1, petition)
		}
		from, to := time.Unix(year*60, 0), time.Unix((year+366*1440)*60, 0)
		counter.Reset()
		_, err := b.History(operator(t), id, history.Day, &from, &to)
		ok(t, err)
		asked := counter.Calls()[0]
		text, args := asked.Text, asked.Args
		if db.Dialect == database.SQLite {
			plan := b.plan(t, `EXPLAIN QUERY PLAN `+text, args...)
			if strings.Count(plan, "signaturebucket_petition_id_span_minute (petition_id=? AND span=? AND minute") != 2 ||
				!strings.Contains(plan, "signatureday_petition_id_day (petition_id=? AND day<?)") {
				t.Errorf("want three ranges of indexes, got:\n%s", plan)
			}
			return
		}
		b.Exec(t, `ANALYZE`)
		plan := b.plan(t, `EXPLAIN (ANALYZE, TIMING OFF) `+text, args...)
		read := 0
		for _, match := range regexp.MustCompile(`Scan .*on signature_.* \(actual rows=(\d+)`).FindAllStringSubmatch(plan, -1) {
			n, _ := strconv.Atoi(match[1])
			read += n
		}
		if read < 365 || read > 400 || strings.Contains(plan, "Removed by Filter") {
			t.Errorf("%d rows were read for 365 days:\n%s", read, plan)
		}
	})
}

// plan returns the lines of an EXPLAIN.
func (b *bundle) plan(t testing.TB, query string, args ...any) string {
	t.Helper()
	var plan strings.Builder
	b.Each(t, query, func(row []any) { fmt.Fprintln(&plan, row...) }, nil, args...)
	return plan.String()
}

func TestHistoryRanges(t *testing.T) {
	t.Parallel()
	hour := func(h int, d time.Duration) *time.Time {
		at := monday.Truncate(24 * time.Hour).Add(time.Duration(h)*time.Hour + d)
		return &at
	}
	type points = []history.Point
	point := func(h, added, total int) history.Point {
		return history.Point{At: *hour(h, 0), Added: added, Total: total}
	}
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		id := b.Signed(t, []time.Time{*hour(5, 0), *hour(5, time.Hour-time.Microsecond), *hour(8, 30*time.Minute)})
		unsigned := b.Signed(t, nil)
		tests := []struct {
			name     string
			id       uuid.UUID
			from, to *time.Time
			want     points
		}{
			{"Whole", id, nil, nil, points{point(5, 2, 2), point(6, 0, 2), point(7, 0, 2), point(8, 1, 3), point(9, 0, 3), point(10, 0, 3)}},
			{"BeforeTheFirst", id, hour(3, time.Minute), hour(5, 0), points{point(3, 0, 0), point(4, 0, 0)}},
			{"FromHoldsItsInterval", id, hour(5, time.Hour-1), hour(7, 0), points{point(5, 2, 2), point(6, 0, 2)}},
			{"ToIsExclusive", id, hour(8, 0), hour(8, 30*time.Minute), points{point(8, 0, 2)}},
			{"ToWithinTheMinute", id, hour(8, 0), hour(8, 30*time.Minute+time.Microsecond), points{point(8, 1, 3)}},
			{"AfterTheFirst", id, hour(7, 0), hour(9, 0), points{point(7, 0, 2), point(8, 1, 3)}},
			{"Future", id, hour(9, 0), hour(12, 0), points{point(9, 0, 3), point(10, 0, 3)}},
			{"FutureWithoutFrom", id, nil, hour(1000, 0), points{point(5, 2, 2), point(6, 0, 2), point(7, 0, 2), point(8, 1, 3), point(9, 0, 3), point(10, 0, 3)}},
			{"FutureInThisInterval", id, hour(10, 0), hour(11, -time.Microsecond), points{point(10, 0, 3)}},
			{"FutureAlone", id, hour(20, 0), hour(21, 0), nil},
			{"Nothing", id, hour(7, 0), hour(7, 0), nil},
			{"NothingWithinAnInterval", id, hour(5, 30*time.Minute), hour(5, 30*time.Minute), nil},
			{"UntilBeforeTheFirst", id, nil, hour(4, 0), nil},
			{"Unsigned", unsigned, nil, nil, nil},
			{"UnsignedFrom", unsigned, hour(9, 0), nil, points{point(9, 0, 0), point(10, 0, 0)}},
		}
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				got, err := b.points(b.As(t, ""), tt.id, history.Hour, tt.from, tt.to)
				ok(t, err)
				equal(t, "points", tt.want, got)
			})
		}
		_, err := b.History(b.As(t, ""), id, history.Hour, hour(7, 1), hour(7, 0))
		refused(t, err, "a range that ends before it starts", "to")
		_, err = b.History(b.As(t, ""), id, history.Hour, hour(11, 0), nil)
		refused(t, err, "a range that starts after now", "from")
		for _, from := range []time.Time{{}, time.Unix(0, 0).UTC(), monday.AddDate(-5000, 0, 0)} {
			_, err = b.History(b.As(t, ""), id, history.Week, &from, nil)
			refused(t, err, "too many weeks", "interval")
		}
		far := time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
		all, err := b.History(b.As(t, ""), id, history.Minute, nil, &far)
		ok(t, err)
		equal(t, "last minute", monday.Truncate(time.Minute), all[len(all)-1].At)
		most, err := b.History(b.As(t, ""), id, history.Minute, hour(10, -1000*time.Minute), hour(10, 0))
		ok(t, err)
		equal(t, "points of the longest range", 1000, len(most))
		_, err = b.History(b.As(t, ""), id, history.Minute, hour(10, -1000*time.Minute), hour(10, 1))
		refused(t, err, "one minute more", "interval")
	})
}

// TestHistoryWithoutStart asks for more intervals than a history may have: it has the latest of them, and its first
// point tells what was counted before.
func TestHistoryWithoutStart(t *testing.T) {
	t.Parallel()
	ago := func(d time.Duration) time.Time { return monday.Add(-d) }
	const day = 24 * time.Hour
	signed := []time.Time{ago(8000 * day), ago(2000 * day), ago(50 * day), ago(41 * day), ago(30 * time.Hour), ago(time.Minute)}
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		id := b.Signed(t, signed)
		for _, folded := range []bool{false, true} {
			if folded {
				ok(t, b.Ledger.Fold(t.Context()))
			}
			for step, span := range map[history.Interval]time.Duration{
				history.Minute: time.Minute, history.Hour: time.Hour, history.Day: day, history.Week: 7 * day,
			} {
				for _, to := range []*time.Time{nil, p(monday.Add(time.Hour)), p(ago(40 * day))} {
					end := monday.Add(time.Nanosecond) // as in the model
					if to != nil && to.Before(end) {
						end = *to
					}
					from := steps()[step](end.Add(-time.Nanosecond)).Add(-999 * span)
					got, err := b.points(b.As(t, ""), id, step, nil, to)
					ok(t, err)
					equal(t, fmt.Sprintf("%s to %v", step, to), model(signed, step, from, end), got)
					equal(t, "points", 1000, len(got))
				}
			}
		}
	})
}

func TestHistoryOfWeeksAroundTheEpoch(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		id := b.Signed(t, []time.Time{time.Date(1970, 1, 7, 12, 0, 0, 0, time.UTC)})
		from, to := time.Date(1969, 12, 30, 0, 0, 0, 0, time.UTC), time.Date(1970, 1, 14, 0, 0, 0, 0, time.UTC)
		got, err := b.points(b.As(t, ""), id, history.Week, &from, &to)
		ok(t, err)
		equal(t, "weeks", []history.Point{
			{At: time.Date(1969, 12, 29, 0, 0, 0, 0, time.UTC)},
			{At: time.Date(1970, 1, 5, 0, 0, 0, 0, time.UTC), Added: 1, Total: 1},
			{At: time.Date(1970, 1, 12, 0, 0, 0, 0, time.UTC), Total: 1},
		}, got)
	})
}

func TestHistoryTellsWhatWasTakenBack(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		id := b.Signed(t, []time.Time{monday.Add(-90 * time.Minute), monday.Add(-80 * time.Minute), monday.Add(-time.Minute)})
		ok(t, b.Ledger.SumUp(t.Context()))
		b.Exec(t, `UPDATE signature_buckets SET removed = 1 WHERE petition_id = $1 AND minute = $2`, id, monday.Add(-time.Minute).Unix()/60)
		got, err := b.points(b.As(t, ""), id, history.Hour, nil, nil)
		ok(t, err)
		equal(t, "points", []history.Point{
			{At: monday.Add(-2 * time.Hour), Added: 2, Total: 2},
			{At: monday.Add(-time.Hour), Added: 1, Removed: 1, Total: 2},
			{At: monday, Total: 2},
		}, got)
	})
}

// TestHistoryWithAClockBehind asks a server whose clock is behind that of the one which counted: nothing is lost, and
// what is still to come counts with the last interval.
func TestHistoryWithAClockBehind(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		for step := range steps() {
			for _, behind := range []time.Duration{time.Minute, 2 * time.Hour, 24 * time.Hour, 8 * 24 * time.Hour} {
				b := setup(t, db)
				id := b.MustPublish(t).Petition
				b.MustSign(t, id, 1)
				b.Clock.Advance(behind)
				b.MustSign(t, id, 2)
				b.MustSign(t, id, 3)
				b.Clock.Advance(-behind)
				points, err := b.History(b.As(t, ""), id, step, nil, nil)
				ok(t, err)
				last := points[len(points)-1]
				equal(t, fmt.Sprintf("%s, %s behind", step, behind), history.Point{At: steps()[step](monday), Added: 3, Total: 3}, *last)
			}
		}
	})
}
