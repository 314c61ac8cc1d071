package keyset

import (
	"fmt"
	"strings"
)

// Order is the order of a list: columns that together are unique, all in one direction. The last one may be the id,
// which a cursor stores separately from the keys.
type Order struct {
	Columns []string
	Desc    bool
	Micros  bool // the first column stores a time as microseconds
}

// Condition returns the SQL of the bounds, beginning with AND; add returns the placeholder of a value.
func (o Order) Condition(after, before *Cursor, add func(any) string) string {
	var out strings.Builder
	for _, bound := range []struct {
		at      *Cursor
		greater bool
	}{{after, !o.Desc}, {before, o.Desc}} {
		if bound.at == nil {
			continue
		}
		// Rows are compared as a whole, which both databases do along an index of the columns.
		sign := "<"
		if bound.greater {
			sign = ">"
		}
		values := make([]string, len(o.Columns))
		for i := range o.Columns {
			values[i] = add(o.value(bound.at, i))
		}
		fmt.Fprintf(&out, " AND (%s) %s (%s)", strings.Join(o.Columns, ", "), sign, strings.Join(values, ", "))
	}
	return out.String()
}

// By returns the terms of ORDER BY. A backward window is read in the opposite order of the list.
func (o Order) By(backward bool) string {
	direction := " ASC"
	if o.Desc != backward {
		direction = " DESC"
	}
	return strings.Join(o.Columns, direction+", ") + direction
}

// value returns the i-th sort key; the id comes after the last.
func (o Order) value(at *Cursor, i int) any {
	switch {
	case i == 0 && o.Micros:
		return int64(at.Keys[0].bits)
	case i < len(at.Keys):
		return at.Keys[i].Value()
	}
	return at.ID
}
