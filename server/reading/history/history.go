// Package history reads how the counts of petitions came about: what was added and taken back, interval by interval.
// It knows no cache and nobody who waits.
package history

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"math"
	"time"

	"github.com/google/uuid"
	"github.com/lib/pq"

	"petitiond/server/answerbudget"
	"petitiond/server/database"
	"petitiond/server/keyset"
	"petitiond/server/reading/visibility"
	"petitiond/server/timespan"
)

// Interval is the step of a history.
type Interval string

// The intervals, in UTC; a week begins on Monday.
const (
	Minute Interval = "MINUTE"
	Hour   Interval = "HOUR"
	Day    Interval = "DAY"
	Week   Interval = "WEEK"
)

// Query asks for a history. Without From it begins with the first signature, or has the latest Most intervals. Without
// To it ends now, which it does at the latest.
type Query struct {
	Interval Interval
	From, To *time.Time
}

// pointBytes is roughly what a point takes until the answer is written.
const pointBytes = 2 << 10

// Most is how many points a history may have.
const Most = 1000

// Point is one interval of a history.
type Point struct {
	At             time.Time
	Added, Removed int
	Total          int // at the end of the interval
}

// span is the length of an interval. There are no buckets of weeks: they are summed from days.
func (i Interval) span() timespan.Span {
	switch i {
	case Minute:
		return timespan.Minute
	case Hour:
		return timespan.Hour
	case Day:
		return timespan.Day
	}
	// A week, which is the only one left.
	return 7 * timespan.Day
}

func (i Interval) minutes() int64 { return int64(i.span()) }

// start returns the first minute of the interval that contains a minute. 1970 began on a Thursday.
func (i Interval) start(minute int64) int64 {
	shift := int64(0)
	if i == Week {
		shift = 3 * int64(timespan.Day)
	}
	return i.span().Start(minute+shift) - shift
}

// Result is the history of one petition, or the error for which there is none.
type Result struct {
	Points []*Point
	Err    error
}

// reading is one call of Read.
type reading struct {
	Query
	source visibility.Source
	seen   visibility.Seen // the condition on petitions AS p
	now    time.Time
}

// Read returns the history of the count of each petition that the viewer may see, gaps filled with zeros.
func Read(
	ctx context.Context, source visibility.Source, viewer visibility.Viewer, now time.Time, petitions []uuid.UUID, q Query,
) (map[uuid.UUID]Result, error) {
	r := reading{q, source, viewer.Petitions(`p`), now}
	end, open, err := r.ends()
	if err != nil {
		return nil, err
	}
	// Both statements in one turn: a history that has waited for its start should not wait again for its sums.
	ctx, leave := database.InOneTurn(ctx)
	defer leave()
	first, err := r.starts(ctx, petitions)
	if err != nil {
		return nil, err
	}
	out, asked := make(map[uuid.UUID]Result, len(first)), make([]span, 0, len(first))
	for petition, minute := range first {
		if q.From == nil {
			minute = max(minute, end-(Most-1)*q.Interval.minutes())
		}
		one := span{petition, q.Interval.start(minute), end, open}
		// Each has its own error: one petition that is too old for its interval does not spoil the histories of others.
		points, err := one.points(q.Interval)
		if err := answerbudget.From(ctx).Hold(len(points) * pointBytes); err != nil {
			return nil, err
		}
		if out[petition] = (Result{points, err}); len(points) > 0 {
			asked = append(asked, one)
		}
	}
	if len(asked) == 0 {
		return out, nil
	}
	return out, r.fill(ctx, asked, out)
}

// Size returns an upper bound of the points of a history that begins at From, which must be given. A history with more
// than Most is refused.
func (q Query) Size(now time.Time) int {
	end := now
	if q.To != nil && q.To.Before(end) {
		end = *q.To
	}
	// Both ends may lie within an interval.
	return int(min(max(int64(end.Sub(*q.From).Minutes())/q.Interval.minutes()+2, 0), Most))
}

// ends returns the last minute of histories, and whether they last until now: what is still to come has no points.
func (r reading) ends() (end int64, open bool, err error) {
	until := r.now
	if r.To != nil {
		until = *r.To
	}
	switch {
	case r.From != nil && until.Before(*r.From) && r.To == nil:
		return 0, false, &keyset.ArgumentError{Argument: "from", Message: "The range must not start in the future."}
	case r.From != nil && until.Before(*r.From):
		return 0, false, &keyset.ArgumentError{Argument: "to", Message: "The range must not end before it starts."}
	case r.To == nil || r.To.After(r.now):
		return timespan.MinuteOf(r.now), true, nil
	case r.From != nil && r.To.Equal(*r.From): // nothing lies between them, though an interval around them may have signatures
		return math.MinInt32, false, nil
	}
	return timespan.MinuteOf(r.To.Add(time.Minute-1)) - 1, false, nil // exclusive: the last minute that begins before it
}

// unsummed are the signatures s of the petition p that are in no sum yet.
const unsummed = `unsummed AS u CROSS JOIN counters AS c CROSS JOIN signatures AS s
 WHERE u.petition_id = p.id AND c.petition_id = p.id AND ` + timespan.Unsummed

// starts returns the minutes in which histories begin, for petitions that have one.
func (r reading) starts(ctx context.Context, petitions []uuid.UUID) (map[uuid.UUID]int64, error) {
	out := make(map[uuid.UUID]int64, len(petitions))
	if r.From != nil {
		for _, petition := range petitions {
			out[petition] = timespan.MinuteOf(*r.From)
		}
		return out, nil
	}
	// Minutes and hours by themselves, since each is one look at the begin of an index; the least of both would not be.
	var args database.Args
	least := `(SELECT MIN(b.minute) FROM signature_buckets AS b WHERE b.petition_id = p.id AND b.span = `
	text := `SELECT p.id, ` + least + timespan.Minute.SQL() + `), ` + least + timespan.Hour.SQL() + `),
 (SELECT MIN(` + r.source.Dialect().MinuteSQL(`s.signed_at`) + `) FROM ` + unsummed + `) FROM petitions AS p WHERE ` +
		args.Among(r.source.Dialect(), `p.id`, petitions) + ` AND ` + visibility.Here
	err := r.source.Each(ctx, r.seen.Statement(text, args), func(rows *sql.Rows) error {
		var of uuid.UUID
		var minute, hour, unsummed *int64
		err := rows.Scan(&of, &minute, &hour, &unsummed)
		for _, first := range []*int64{minute, hour, unsummed} {
			if before, ok := out[of]; first != nil && (!ok || *first < before) {
				out[of] = *first
			}
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("finding the start of histories: %w", err)
	}
	return out, nil
}

// fill adds the buckets to the points of their intervals. One statement reads both the intervals and the total before
// them, so they are consistent. A history that lasts until now includes, in its last interval, what a server whose
// clock is ahead has counted.
func (r reading) fill(ctx context.Context, asked []span, out map[uuid.UUID]Result) error {
	var args database.Args
	end := asked[0].end
	if asked[0].open {
		end = math.MaxInt32
	}
	text := r.sql(r.spans(asked, &args), args.Add(end))
	before := make(map[uuid.UUID]int, len(asked))
	var of uuid.UUID
	var list []byte
	err := r.source.Each(ctx, r.seen.Statement(text, args), func(rows *sql.Rows) error {
		if err := rows.Scan(&of, &list); err != nil {
			return err
		}
		var steps [][3]int
		if err := json.Unmarshal(list, &steps); err != nil {
			return err
		}
		points := out[of].Points
		for _, step := range steps {
			at, added, removed := step[0], step[1], step[2]
			if at < 0 {
				before[of] = added - removed
				continue
			}
			// A server whose clock is ahead may have counted behind the last interval.
			p := points[min(at, len(points)-1)]
			p.Added += added
			p.Removed += removed
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("reading histories: %w", err)
	}
	// Totals are running sums, so that the last is the sum of all buckets and gaps need no rows.
	for _, one := range asked {
		total := before[one.petition]
		for _, p := range out[one.petition].Points {
			total += p.Added - p.Removed
			p.Total = total
		}
	}
	return nil
}

// spans returns the SQL of a table w of what to read: for which petition, from which minute, and up to which minute by
// whole days.
func (r reading) spans(asked []span, args *database.Args) string {
	ids, first, days := make([]uuid.UUID, len(asked)), make([]int64, len(asked)), make([]int64, len(asked))
	rows := make([][3]any, len(asked))
	for i, one := range asked {
		ids[i], first[i], days[i] = one.petition, one.start, one.wholeDays(r.Interval)
		rows[i] = [3]any{ids[i], first[i], days[i]}
	}
	if r.source.Dialect() == database.Postgres {
		return `unnest(` + args.Add(database.UUIDArray(ids)) + `::uuid[], ` + args.Add(pq.Int64Array(first)) + `::bigint[], ` +
			args.Add(pq.Int64Array(days)) + `::bigint[]) AS w(id, first, days)`
	}
	// SQLite has no arrays; json_each reads a list of any length with one argument.
	list, _ := json.Marshal(rows) //nolint:errchkjson // ids and numbers always marshal
	return `(SELECT value ->> 0 AS id, value ->> 1 AS first, value ->> 2 AS days FROM json_each(` + args.Add(string(list)) + `)) AS w`
}

// sql sums the buckets of the petitions in w by interval, the one that begins with the minute w.first being
// number 0, up to the minute end; what lies before is number -1. It returns one row for each petition, with a JSON list
// of [number, added, removed], so a history is one row whatever its length. Up to the minute w.days whole days are read
// as days, which makes a year some hundred buckets; the rest is read as minutes, and as hours where minutes were folded
// into them. The few signatures that are in no sum yet are read by themselves.
func (r reading) sql(w, end string) string {
	list := `json_group_array(json_array(place, added, removed))`
	if r.source.Dialect() == database.Postgres {
		list = `json_agg(json_build_array(place, added, removed))`
	}
	read := func(minute, table, which string) string {
		return `SELECT w.id, w.first, ` + minute + ` AS minute, b.added, b.removed FROM ` + w + ` CROSS JOIN petitions AS p CROSS JOIN ` +
			table + ` AS b WHERE p.id = w.id AND ` + visibility.Here + ` AND b.petition_id = p.id AND ` + which
	}
	rest := ` AND b.minute >= w.days AND b.minute <= ` + end
	minute := r.source.Dialect().MinuteSQL(`s.signed_at`)
	single := `SELECT w.id, w.first, ` + minute + ` AS minute, 1, 0 FROM ` + w + ` CROSS JOIN petitions AS p CROSS JOIN ` +
		unsummed + ` AND p.id = w.id AND ` + visibility.Here + ` AND ` + minute + ` <= ` + end
	return `SELECT id, ` + list + ` FROM (SELECT id, ` +
		fmt.Sprintf(`CASE WHEN minute < first THEN -1 ELSE (minute - first) / %d END AS place, `, r.Interval.minutes()) +
		`SUM(added) AS added, SUM(removed) AS removed FROM (` + read(`b.day`, `signature_days`, `b.day < w.days`) + ` UNION ALL ` +
		read(`b.minute`, `signature_buckets`, `b.span = `+timespan.Hour.SQL()+rest) + ` UNION ALL ` +
		read(`b.minute`, `signature_buckets`, `b.span = `+timespan.Minute.SQL()+rest) + ` UNION ALL ` + single +
		`) AS history GROUP BY 1, 2) AS steps GROUP BY id`
}

// span is the range of a history, in minutes.
type span struct {
	petition   uuid.UUID
	start, end int64 // inclusive
	open       bool  // it lasts until now
}

// points returns the empty intervals of a history.
func (s span) points(step Interval) ([]*Point, error) {
	points := make([]*Point, 0, 64)
	for at := s.start; at <= s.end; at += step.minutes() {
		if len(points) == Most {
			return nil, &keyset.ArgumentError{
				Argument: "interval",
				Message:  fmt.Sprintf("This gives more than %d points; ask for a longer interval or a shorter time.", Most),
			}
		}
		points = append(points, &Point{At: timespan.TimeOf(at)})
	}
	return points, nil
}

// wholeDays returns the minute before which whole days may be read: the day in which the history begins if its
// intervals are shorter than a day, and otherwise the day in which it ends.
func (s span) wholeDays(step Interval) int64 {
	switch {
	case step.span() < timespan.Day:
		return Day.start(s.start)
	case s.open:
		return math.MaxInt32
	}
	return Day.start(s.end + 1)
}
