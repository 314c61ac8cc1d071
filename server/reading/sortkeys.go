package reading

import (
	"database/sql"
	"time"

	"petitiond/server/database"
	"petitiond/server/keyset"
)

// nullTime scans a time that may be absent, even where SQLite no longer knows the column's type.
type nullTime struct{ sql.Null[database.Time] }

func (n nullTime) pointer() *time.Time {
	if !n.Valid {
		return nil
	}
	return &n.V.Time
}

// sortValue scans a sort key and returns it as a key of a cursor.
type sortValue interface{ key() keyset.Key }

type (
	sortTime   struct{ database.Time }
	sortMicros int64 // of a time
	sortInt    int64
	sortFloat  float64
)

func (v *sortTime) key() keyset.Key   { return keyset.Time(v.Time.Time) }
func (v *sortMicros) key() keyset.Key { return keyset.Time(time.UnixMicro(int64(*v))) }
func (v *sortInt) key() keyset.Key    { return keyset.Int(int64(*v)) }
func (v *sortFloat) key() keyset.Key  { return keyset.Float(float64(*v)) }

func deref[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}
