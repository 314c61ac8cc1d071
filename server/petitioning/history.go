package petitioning

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"time"

	"github.com/google/uuid"
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

const historyMost = 1000 // points in one answer

// CountPoint is one interval of a history.
type CountPoint struct {
	At             time.Time
	Added, Removed int
	Total          int // at the end of the interval
}

func (i Interval) minutes() int64 {
	switch i {
	case Minute:
		return 1
	case Hour:
		return hourMinutes
	case Day:
		return dayMinutes
	}
	return 7 * dayMinutes
}

// start gives the first minute of the interval that holds a minute. 1970 began on a Thursday.
func (i Interval) start(minute int64) int64 {
	shift := int64(0)
	if i == Week {
		shift = 3 * dayMinutes
	}
	return floorDiv(minute+shift, i.minutes())*i.minutes() - shift
}

func floorDiv(a, b int64) int64 {
	if a%b < 0 {
		return a/b - 1
	}
	return a / b
}

// History gives the steps of a petition's count, gaps filled with zeros. Without from it begins with the
// first signature, without to it ends now.
func (s *Service) History(ctx context.Context, petition uuid.UUID, step Interval, from, to *time.Time) ([]*CountPoint, error) {
	dependOn(ctx, wordsOf, petition)
	dependOn(ctx, numbersOf, petition)
	until := s.opt.Now()
	end := floorDiv(until.Unix(), 60)
	if to != nil {
		until, end = *to, floorDiv(to.Add(time.Minute-1).Unix(), 60)-1 // exclusive: the last minute that begins before it
	}
	if from != nil && until.Before(*from) {
		return nil, &ArgumentError{Argument: "to", Message: "The range must not end before it starts."}
	}
	first, err := s.historyStart(ctx, petition, from)
	if err != nil || first == nil {
		return nil, err
	}
	start := step.start(*first)
	points := make([]*CountPoint, 0, 64)
	for at := start; at <= end; at += step.minutes() {
		if len(points) == historyMost {
			return nil, &ArgumentError{
				Argument: "interval",
				Message:  fmt.Sprintf("This gives more than %d points; ask for a longer interval or a shorter time.", historyMost),
			}
		}
		points = append(points, &CountPoint{At: time.Unix(at*60, 0).UTC()})
	}
	if len(points) == 0 {
		return points, nil
	}
	return points, s.fill(ctx, petition, step, span{start, end, to == nil}, points)
}

// historyStart gives the minute with which a history begins, or nil where there is nothing to tell.
func (s *Service) historyStart(ctx context.Context, petition uuid.UUID, from *time.Time) (*int64, error) {
	if from != nil {
		minute := floorDiv(from.Unix(), 60)
		return &minute, nil
	}
	var first *int64
	least := `SELECT MIN(b.minute) AS minute FROM signature_buckets AS b WHERE b.petition_id = $1 AND ` +
		visibleParent(ctx, `b.petition_id`) + ` AND b.span = `
	text := `SELECT MIN(minute) FROM (` + least + `1 UNION ALL ` + least + `60) AS fine`
	err := s.each(ctx, text, []any{petition}, func(rows *sql.Rows) error { return rows.Scan(&first) })
	if err != nil {
		return nil, fmt.Errorf("finding the start of a history: %w", err)
	}
	return first, nil
}

// fill adds the buckets to the points of their intervals. One statement reads what came before and the
// intervals together, so that they are of one moment.
func (s *Service) fill(ctx context.Context, petition uuid.UUID, step Interval, r span, points []*CountPoint) error {
	text := historySQL(step, visibleParent(ctx, `b.petition_id`))
	total := 0
	err := s.each(ctx, text, []any{petition, r.start, r.end, r.wholeDays(step)}, func(rows *sql.Rows) error {
		var at int64
		var added, removed int
		if err := rows.Scan(&at, &added, &removed); err != nil {
			return err
		}
		if at < 0 {
			total = added - removed
			return nil
		}
		p := points[at]
		p.Added, p.Removed = added, removed
		return nil
	})
	if err != nil {
		return fmt.Errorf("reading a history: %w", err)
	}
	for _, p := range points {
		total += p.Added - p.Removed
		p.Total = total
	}
	return nil
}

// historySQL sums the buckets of petition $1 by interval, the one that begins with minute $2 being number 0, up
// to minute $3; what lies before is number -1. Whole days are read as days, up to minute $4, so that a year is
// some hundred rows; the rest as minutes, and as hours where minutes were folded.
func historySQL(step Interval, seen string) string {
	place := fmt.Sprintf(`CASE WHEN minute < $2 THEN -1 ELSE (minute - $2) / %d END`, step.minutes())
	bucket := `SELECT b.minute, b.added, b.removed FROM signature_buckets AS b WHERE b.petition_id = $1 AND ` + seen + ` AND b.span = `
	return `SELECT ` + place + ` AS place, SUM(added), SUM(removed) FROM (` +
		`SELECT b.day AS minute, b.added, b.removed FROM signature_days AS b WHERE b.petition_id = $1 AND ` + seen + ` AND b.day < $4 UNION ALL ` +
		bucket + `60 AND b.minute >= $4 AND b.minute <= $3 UNION ALL ` +
		bucket + `1 AND b.minute >= $4 AND b.minute <= $3) AS history GROUP BY 1`
}

// span is a stretch of a history, in minutes.
type span struct {
	start, end int64 // the last one is within
	open       bool  // it lasts until now: there is nothing after it
}

// wholeDays gives the minute before which days may be read whole: up to the day in which short intervals
// begin, and for longer ones up to the day in which the history ends.
func (r span) wholeDays(step Interval) int64 {
	switch {
	case step.minutes() < dayMinutes:
		return Day.start(r.start)
	case r.open:
		return math.MaxInt32
	}
	return Day.start(r.end + 1)
}
