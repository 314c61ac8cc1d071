package ledger

import (
	"math"
	"time"
)

// The lengths of buckets, in minutes. A signature is in one minute or, when this has aged, in one hour; and in
// one day.
const (
	spanMinute = 1
	spanHour   = 60
	spanDay    = 1440
)

// bucket is a stretch of time in which signatures are summed.
type bucket struct {
	span  int
	start int64 // its first minute since 1970 in UTC
}

// bucketOf gives the bucket of a length that holds a minute.
func bucketOf(span int, minute int64) bucket {
	in := minute % int64(span)
	if in < 0 { // imported petitions may lie before 1970
		in += int64(span)
	}
	return bucket{span, minute - in}
}

// time is when the bucket begins.
func (b bucket) time() time.Time { return time.Unix(60*b.start, 0).UTC() }

// String names the bucket for people, in UTC.
func (b bucket) String() string {
	switch b.span {
	case spanMinute:
		return b.time().Format("2006-01-02 15:04")
	case spanHour:
		return b.time().Format("2006-01-02 15h")
	case spanDay:
		return b.time().Format("2006-01-02")
	}
	return "all time"
}

func minuteOf(t time.Time) int64 {
	return int64(math.Floor(float64(t.Unix()) / 60))
}
