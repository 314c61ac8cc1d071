package database

import (
	"database/sql/driver"
	"errors"
	"time"
)

// Now is the clock of the program: UTC, cut to the microseconds that PostgreSQL keeps and without a
// monotonic part, so that what is written is what is read, compared and sorted.
func Now() time.Time {
	return cut(time.Now())
}

func cut(t time.Time) time.Time {
	return t.UTC().Truncate(time.Microsecond)
}

// Time is a time.Time that can be scanned from every column and expression. SQLite keeps times as text and
// gives them back as such where a column's declared type is lost, as in a UNION or max(). For what may be
// NULL use sql.Null[Time].
type Time struct{ time.Time }

// errNotTime quotes nothing: the column may hold anything.
var errNotTime = errors.New("the column holds no time; use sql.Null[Time] where it may be NULL")

// Scan takes a time or its text.
func (t *Time) Scan(src any) error {
	switch v := src.(type) {
	case time.Time:
		t.Time = cut(v)
		return nil
	case string:
		return t.parse(v)
	case []byte:
		return t.parse(string(v))
	default:
		return errNotTime
	}
}

func (t *Time) parse(text string) error {
	for _, layout := range []string{"2006-01-02 15:04:05.999999999-07:00", "2006-01-02 15:04:05.999999999Z07", time.RFC3339Nano, time.DateTime} {
		if v, err := time.Parse(layout, text); err == nil {
			t.Time = cut(v)
			return nil
		}
	}
	return errNotTime
}

// Value gives the time as Now would.
func (t Time) Value() (driver.Value, error) {
	return cut(t.Time), nil
}
