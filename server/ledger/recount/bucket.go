package recount

import (
	"time"

	"petitiond/server/timespan"
)

// bucket is a stretch of time in which signatures are summed.
type bucket struct {
	span  timespan.Span
	start int64 // its first minute
}

// bucketOf returns the bucket of a length that holds a minute.
func bucketOf(span timespan.Span, minute int64) bucket { return bucket{span, span.Start(minute)} }

// time is when the bucket begins.
func (b bucket) time() time.Time { return timespan.TimeOf(b.start) }

// String names the bucket for people, in UTC.
func (b bucket) String() string {
	switch b.span {
	case timespan.Minute:
		return b.time().Format("2006-01-02 15:04")
	case timespan.Hour:
		return b.time().Format("2006-01-02 15h")
	case timespan.Day:
		return b.time().Format("2006-01-02")
	}
	return "all time"
}
