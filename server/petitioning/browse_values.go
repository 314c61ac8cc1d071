package petitioning

import (
	"database/sql"
	"time"

	"petitiond/server/database"
)

// nullTime scans a time that may be absent, also where SQLite has lost the column's type.
type nullTime struct{ sql.Null[database.Time] }

func (n nullTime) pointer() *time.Time {
	if !n.Valid {
		return nil
	}
	return &n.V.Time
}

// sortValue is scanned from a sort key and becomes a part of the cursor.
type sortValue interface{ key() cursorKey }

type (
	sortTime   struct{ database.Time }
	sortMicros int64 // of a time
	sortInt    int64
	sortFloat  float64
)

func (v *sortTime) key() cursorKey   { return timeKey(v.Time.Time) }
func (v *sortMicros) key() cursorKey { return timeKey(time.UnixMicro(int64(*v))) }
func (v *sortInt) key() cursorKey    { return intKey(int64(*v)) }
func (v *sortFloat) key() cursorKey  { return floatKey(float64(*v)) }
