// Package timespan knows the stretches of time in which signatures are summed, and how their sums are read. A signature
// is in one minute or, when this has aged, in one hour; and in one day.
//
// Times count in minutes since 1970, in UTC. Nothing here reads a database: the package names what the statements of
// others have in common.
package timespan

import (
	"strconv"
	"time"
)

// Span is the length of a stretch, in minutes. It is what the column span holds.
type Span int64

// The lengths of buckets.
const (
	Minute Span = 1
	Hour        = 60 * Minute
	Day         = 24 * Hour
)

// Start returns the first minute of the stretch that holds a minute. Imported petitions may lie before 1970, so that
// what is before it is rounded down, too.
func (s Span) Start(minute int64) int64 { return floor(minute, int64(s)) * int64(s) }

// SQL returns the length as a literal in SQL, to be compared with the column span.
func (s Span) SQL() string { return strconv.FormatInt(int64(s), 10) }

// StartSQL is Start as an expression in SQL, of an expression for the minute.
func (s Span) StartSQL(minute string) string {
	n := s.SQL()
	return `(` + minute + ` - (` + minute + ` % ` + n + ` + ` + n + `) % ` + n + `)`
}

// MinuteOf returns the minute that holds a time.
func MinuteOf(t time.Time) int64 { return floor(t.Unix(), 60) }

// TimeOf returns when a minute begins.
func TimeOf(minute int64) time.Time { return time.Unix(60*minute, 0).UTC() }

// floor divides towards minus infinity, as minutes before 1970 need it; Go divides towards zero.
func floor(a, b int64) int64 {
	if a%b < 0 {
		return a/b - 1
	}
	return a / b
}

// Ago returns the last minute that is not in the stretch up to now: minutes after it are.
func (s Span) Ago(now time.Time) int64 { return MinuteOf(now) - int64(s) }

// Unsummed is the condition for a signature s that the counter c of its petition says is in no sum yet. All who read
// sums add these rows. There are a few dozen at most, of a petition that the table unsummed names.
const Unsummed = `s.petition_id = c.petition_id AND s.number > c.unsummed_after AND s.number <= c.unsummed_to
 AND s.state = 'COUNTED'`

// LastHour is the number of signatures added, less those taken back, in the last hour, as an expression in SQL. Since
// is the placeholder of Hour.Ago, begin that of the time at which the next minute begins, and of the condition on the
// column that says whose signatures are meant. Minutes are folded into hours when they are much older, so that they
// alone are asked.
func LastHour(since, begin string, of func(column string) string) string {
	return `((SELECT COALESCE(SUM(b.added - b.removed), 0) FROM signature_buckets AS b WHERE b.span = ` + Minute.SQL() +
		` AND b.minute > ` + since + ` AND ` + of(`b.petition_id`) + `)` +
		// A subquery for each petition, so that it goes by the index of numbers whatever the planner thinks of theirs.
		` + (SELECT COALESCE(SUM((SELECT COUNT(*) FROM signatures AS s WHERE ` + Unsummed + ` AND s.signed_at >= ` + begin + `)), 0)
 FROM unsummed AS u CROSS JOIN counters AS c WHERE c.petition_id = u.petition_id AND ` + of(`u.petition_id`) + `))`
}
