package petitioning

import (
	"context"
	"database/sql"
	"fmt"
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
	step := i.minutes()
	return floorDiv(minute+shift, step)*step - shift
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
	return points, s.fill(ctx, petition, step, start, end, points)
}

// historyStart gives the minute with which a history begins, or nil where there is nothing to tell.
func (s *Service) historyStart(ctx context.Context, petition uuid.UUID, from *time.Time) (*int64, error) {
	if from != nil {
		minute := floorDiv(from.Unix(), 60)
		return &minute, nil
	}
	var first *int64
	text := `SELECT MIN(b.minute) FROM signature_buckets AS b WHERE b.petition_id = $1 AND ` + visibleParent(ctx, `b.petition_id`)
	err := s.each(ctx, text, []any{petition}, func(rows *sql.Rows) error { return rows.Scan(&first) })
	if err != nil {
		return nil, fmt.Errorf("finding the start of a history: %w", err)
	}
	return first, nil
}

// fill adds the buckets to the points of their intervals. One statement reads what came before and the
// intervals together, so that they are of one moment.
func (s *Service) fill(ctx context.Context, petition uuid.UUID, step Interval, start, end int64, points []*CountPoint) error {
	// Weeks are shifted so that the division of the database, which cuts towards zero, meets their Mondays.
	shift := step.start(0) + 7*dayMinutes
	place := fmt.Sprintf(`CASE WHEN b.minute < $2 THEN -1 ELSE (b.minute - %d) / %d END`, shift%step.minutes(), step.minutes())
	text := `SELECT ` + place + ` AS place, SUM(b.added), SUM(b.removed) FROM signature_buckets AS b
 WHERE b.petition_id = $1 AND b.minute <= $3 AND ` + visibleParent(ctx, `b.petition_id`) + ` GROUP BY 1 ORDER BY 1`
	base := (start - shift%step.minutes()) / step.minutes()
	total := 0
	err := s.each(ctx, text, []any{petition, start, end}, func(rows *sql.Rows) error {
		var at int64
		var added, removed int
		if err := rows.Scan(&at, &added, &removed); err != nil {
			return err
		}
		if at < 0 {
			total = added - removed
			return nil
		}
		p := points[at-base]
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
