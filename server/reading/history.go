package reading

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

// pointBytes is roughly what a point takes until the answer is written.
const pointBytes = 2 << 10

// HistoryMost is how many points a history may have.
const HistoryMost = 1000

// CountPoint is one interval of a history.
type CountPoint struct {
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

// History is the history of one petition, or the error for which there is none.
type History struct {
	Points []*CountPoint
	Err    error
}

// Histories returns the history of each petition's count, gaps filled with zeros. Without from it begins with the first
// signature, or has the latest HistoryMost intervals. Without to it ends now, which it does at the latest.
func (s *Reader) Histories(ctx context.Context, petitions []uuid.UUID, step Interval, from, to *time.Time) (map[uuid.UUID]History, error) {
	dependOn(ctx, wordsOf, petitions...)
	dependOn(ctx, numbersOf, petitions...)
	end, open, err := s.historyEnds(from, to)
	if err != nil {
		return nil, err
	}
	ctx, leave := database.InOneTurn(ctx)
	defer leave()
	first, err := s.historyStarts(ctx, petitions, from)
	if err != nil {
		return nil, err
	}
	out, asked := make(map[uuid.UUID]History, len(first)), make([]span, 0, len(first))
	for petition, minute := range first {
		if from == nil {
			minute = max(minute, end-(HistoryMost-1)*step.minutes())
		}
		r := span{petition, step.start(minute), end, open}
		// Each has its own error: one petition that is too old for its interval does not spoil the histories of others.
		points, err := r.points(step)
		if err := answerbudget.From(ctx).Hold(len(points) * pointBytes); err != nil {
			return nil, err
		}
		if out[petition] = (History{points, err}); len(points) > 0 {
			asked = append(asked, r)
		}
	}
	if len(asked) == 0 {
		return out, nil
	}
	return out, s.fill(ctx, step, asked, out)
}

// HistorySize returns an upper bound of the points of a history that begins at from. A history with more than
// HistoryMost is refused.
func (s *Service) HistorySize(step Interval, from time.Time, to *time.Time) int {
	end := s.opt.Now()
	if to != nil && to.Before(end) {
		end = *to
	}
	// Both ends may lie within an interval.
	return int(min(max(int64(end.Sub(from).Minutes())/step.minutes()+2, 0), HistoryMost))
}

// historyEnds returns the last minute of histories, and whether they last until now: what is still to come has no
// points.
func (s *Service) historyEnds(from, to *time.Time) (end int64, open bool, err error) {
	now := s.opt.Now()
	until := now
	if to != nil {
		until = *to
	}
	switch {
	case from != nil && until.Before(*from) && to == nil:
		return 0, false, &keyset.ArgumentError{Argument: "from", Message: "The range must not start in the future."}
	case from != nil && until.Before(*from):
		return 0, false, &keyset.ArgumentError{Argument: "to", Message: "The range must not end before it starts."}
	case to == nil || to.After(now):
		return timespan.MinuteOf(now), true, nil
	case from != nil && to.Equal(*from): // nothing lies between them, though an interval around them may have signatures
		return math.MinInt32, false, nil
	}
	return timespan.MinuteOf(to.Add(time.Minute-1)) - 1, false, nil // exclusive: the last minute that begins before it
}

// unsummed are the signatures s of the petition p that are in no sum yet.
const unsummed = `unsummed AS u CROSS JOIN counters AS c CROSS JOIN signatures AS s
 WHERE u.petition_id = p.id AND c.petition_id = p.id AND ` + timespan.Unsummed

// historyStarts returns the minutes in which histories begin, for petitions that have one.
func (s *Reader) historyStarts(ctx context.Context, petitions []uuid.UUID, from *time.Time) (map[uuid.UUID]int64, error) {
	out := make(map[uuid.UUID]int64, len(petitions))
	if from != nil {
		for _, petition := range petitions {
			out[petition] = timespan.MinuteOf(*from)
		}
		return out, nil
	}
	// Minutes and hours by themselves, since each is one look at the begin of an index; the least of both would not be.
	var args database.Args
	least := `(SELECT MIN(b.minute) FROM signature_buckets AS b WHERE b.petition_id = p.id AND b.span = `
	text := `SELECT p.id, ` + least + timespan.Minute.SQL() + `), ` + least + timespan.Hour.SQL() + `),
 (SELECT MIN(` + s.source.Dialect().MinuteSQL(`s.signed_at`) + `) FROM ` + unsummed + `) FROM petitions AS p WHERE ` +
		args.Among(s.source.Dialect(), `p.id`, petitions) + ` AND ` + visibility.Here
	err := s.source.Each(ctx, s.viewer.Petitions(`p`).Statement(text, args), func(rows *sql.Rows) error {
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
func (s *Reader) fill(ctx context.Context, step Interval, asked []span, out map[uuid.UUID]History) error {
	var args database.Args
	end := asked[0].end
	if asked[0].open {
		end = math.MaxInt32
	}
	text := s.historySQL(step, s.spans(step, asked, &args), args.Add(end))
	before := make(map[uuid.UUID]int, len(asked))
	var of uuid.UUID
	var list []byte
	err := s.source.Each(ctx, s.viewer.Petitions(`p`).Statement(text, args), func(rows *sql.Rows) error {
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
	for _, r := range asked {
		total := before[r.petition]
		for _, p := range out[r.petition].Points {
			total += p.Added - p.Removed
			p.Total = total
		}
	}
	return nil
}

// spans returns the SQL of a table w of what to read: for which petition, from which minute, and up to which minute by
// whole days.
func (s *Service) spans(step Interval, asked []span, args *database.Args) string {
	ids, first, days := make([]uuid.UUID, len(asked)), make([]int64, len(asked)), make([]int64, len(asked))
	rows := make([][3]any, len(asked))
	for i, r := range asked {
		ids[i], first[i], days[i] = r.petition, r.start, r.wholeDays(step)
		rows[i] = [3]any{r.petition, r.start, r.wholeDays(step)}
	}
	if s.source.Dialect() == database.Postgres {
		return `unnest(` + args.Add(database.UUIDArray(ids)) + `::uuid[], ` + args.Add(pq.Int64Array(first)) + `::bigint[], ` +
			args.Add(pq.Int64Array(days)) + `::bigint[]) AS w(id, first, days)`
	}
	list, _ := json.Marshal(rows) //nolint:errchkjson // ids and numbers always marshal
	return `(SELECT value ->> 0 AS id, value ->> 1 AS first, value ->> 2 AS days FROM json_each(` + args.Add(string(list)) + `)) AS w`
}

// historySQL sums the buckets of the petitions in w by interval, the one that begins with the minute w.first being
// number 0, up to the minute end; what lies before is number -1. It returns one row for each petition, with a JSON list
// of [number, added, removed], so a history is one row whatever its length. Up to the minute w.days whole days are read
// as days, which makes a year some hundred buckets; the rest is read as minutes, and as hours where minutes were folded
// into them. The few signatures that are in no sum yet are read by themselves.
func (s *Service) historySQL(step Interval, w, end string) string {
	list := `json_group_array(json_array(place, added, removed))`
	if s.source.Dialect() == database.Postgres {
		list = `json_agg(json_build_array(place, added, removed))`
	}
	read := func(minute, table, which string) string {
		return `SELECT w.id, w.first, ` + minute + ` AS minute, b.added, b.removed FROM ` + w + ` CROSS JOIN petitions AS p CROSS JOIN ` +
			table + ` AS b WHERE p.id = w.id AND ` + visibility.Here + ` AND b.petition_id = p.id AND ` + which
	}
	rest := ` AND b.minute >= w.days AND b.minute <= ` + end
	minute := s.source.Dialect().MinuteSQL(`s.signed_at`)
	single := `SELECT w.id, w.first, ` + minute + ` AS minute, 1, 0 FROM ` + w + ` CROSS JOIN petitions AS p CROSS JOIN ` +
		unsummed + ` AND p.id = w.id AND ` + visibility.Here + ` AND ` + minute + ` <= ` + end
	return `SELECT id, ` + list + ` FROM (SELECT id, ` +
		fmt.Sprintf(`CASE WHEN minute < first THEN -1 ELSE (minute - first) / %d END AS place, `, step.minutes()) +
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
func (r span) points(step Interval) ([]*CountPoint, error) {
	points := make([]*CountPoint, 0, 64)
	for at := r.start; at <= r.end; at += step.minutes() {
		if len(points) == HistoryMost {
			return nil, &keyset.ArgumentError{
				Argument: "interval",
				Message:  fmt.Sprintf("This gives more than %d points; ask for a longer interval or a shorter time.", HistoryMost),
			}
		}
		points = append(points, &CountPoint{At: timespan.TimeOf(at)})
	}
	return points, nil
}

// wholeDays returns the minute before which whole days may be read: the day in which the history begins if its
// intervals are shorter than a day, and otherwise the day in which it ends.
func (r span) wholeDays(step Interval) int64 {
	switch {
	case step.span() < timespan.Day:
		return Day.start(r.start)
	case r.open:
		return math.MaxInt32
	}
	return Day.start(r.end + 1)
}
