package fields

import (
	"database/sql"
	"encoding/json"
	"strings"
	"time"

	"github.com/google/uuid"

	"petitiond/ent"
	"petitiond/ent/petition"
	"petitiond/server/database"
)

// Columns are columns of a petition's row. Zero stands for all of them; the id is always read.
type Columns uint32

// OnlyID reads nothing but the id. Other columns are added to it.
const OnlyID Columns = 1

// columns are the fields of a petition that are read with its row. A field's index is its bit in Columns. The first is
// the id.
var columns = func() []Field {
	var out []Field
	for _, f := range All {
		if !f.Wide && !f.Sealed {
			out = append(out, f)
		}
	}
	return out
}()

// ColumnsOf returns the columns that a field of the API is made of; ok is false if it is made of something else.
func ColumnsOf(field string) (Columns, bool) {
	c, ok := columnsByName[field]
	return c, ok
}

var columnsByName = func() map[string]Columns {
	out := map[string]Columns{}
	for i, f := range columns {
		for _, name := range append(f.Makes, f.Name) {
			out[name] = 1<<i | OnlyID
		}
	}
	return out
}()

// has reports whether the column at a place is read.
func (c Columns) has(i int) bool { return i == 0 || c == 0 || c>>i&1 == 1 }

// Names returns the columns of petitions AS p.
func (c Columns) Names() string {
	var out strings.Builder
	for i, f := range columns {
		if !c.has(i) {
			continue
		}
		if i > 0 {
			out.WriteString(`, `)
		}
		out.WriteString(`p.` + f.Column)
	}
	return out.String()
}

// Scanning returns a function that scans the rows of a statement, one after the other: the columns of Names, followed
// by more.
func (c Columns) Scanning(more ...any) func(database.Scanner) (*ent.Petition, error) {
	var row ent.Petition
	var into []any
	var convert []func() error
	for i, f := range columns {
		if !c.has(i) {
			continue
		}
		place, after := placeOf(f.In(&row))
		into = append(into, place)
		if after != nil {
			convert = append(convert, after)
		}
	}
	into = append(into, more...)
	return func(from database.Scanner) (*ent.Petition, error) {
		if err := from.Scan(into...); err != nil {
			return &ent.Petition{}, err
		}
		for _, do := range convert {
			if err := do(); err != nil {
				return &ent.Petition{}, err
			}
		}
		out := row
		return &out, nil
	}
}

// placeOf returns where to scan the column for a field of a row, and a function that then sets the field if it is not
// scanned directly: SQLite stores times and lists as text, and each row needs pointers of its own.
func placeOf(field any) (place any, after func() error) {
	switch field := field.(type) {
	case *uuid.UUID:
		return (*database.UUID)(field), nil
	case *time.Time:
		at := new(database.Time)
		return at, func() error { *field = at.Time; return nil }
	case **time.Time:
		at := new(database.NullTime)
		return at, func() error { *field = at.Pointer(); return nil }
	case **string:
		return nullable(field, func(s string) string { return s })
	case **petition.Outcome:
		return nullable(field, func(s string) petition.Outcome { return petition.Outcome(s) })
	case *[]string:
		list := new([]byte)
		return list, func() error {
			*field = nil
			if *list == nil {
				return nil
			}
			return json.Unmarshal(*list, field)
		}
	}
	return field, nil
}

// nullable scans a text that may be absent. Each row gets a pointer of its own, since the places are used again for the
// next row.
func nullable[V any](field **V, of func(string) V) (place any, after func() error) {
	text := new(sql.NullString)
	return text, func() error {
		*field = nil
		if text.Valid {
			v := of(text.String)
			*field = &v
		}
		return nil
	}
}
