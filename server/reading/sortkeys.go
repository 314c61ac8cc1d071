package reading

import (
	"time"

	"petitiond/server/database"
	"petitiond/server/keyset"
)

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
