package petitioning

import (
	"github.com/google/uuid"

	"petitiond/ent"
	"petitiond/server/database"
)

// Wanted says what is read of petitions beside their narrow rows, in the same statement.
type Wanted struct {
	Figures bool // their numbers
	Body    bool // into the row
	Bare    bool // nothing of the row but its id
}

// Found are petitions that were read at once.
type Found struct {
	Rows    []*ent.Petition
	Figures map[uuid.UUID]*Figures // of each of them; nil where they were not wanted
}

// reading reads what is wanted. Its columns stand before those of the row.
type reading struct {
	Wanted
	figures map[uuid.UUID]*Figures
}

func newReading(w Wanted) reading {
	if !w.Figures {
		return reading{w, nil}
	}
	return reading{w, map[uuid.UUID]*Figures{}}
}

// table is what must be joined to petitions AS p.
func (r reading) table() string {
	if r.Figures {
		return ` JOIN counters AS f ON f.petition_id = p.id`
	}
	return ``
}

// columns ends in a comma, unless nothing is wanted.
func (r reading) columns() (out string) {
	if r.Figures {
		out += figureColumns + `, `
	}
	if r.Body {
		out += `p.body, `
	}
	return out
}

// scan scans what is wanted and then the row.
func (r reading) scan(row scanner, rest func(scanner) (*ent.Petition, error)) (*ent.Petition, error) {
	f, asOf, body := Figures{}, database.Time{}, ""
	var first []any
	if r.Figures {
		first = f.columns(&asOf)
	}
	if r.Body {
		first = append(first, &body)
	}
	p, err := rest(behind{row, first})
	p.Body = body
	if r.Figures {
		f.Petition, f.AsOf = p.ID, asOf.Time
		r.figures[p.ID] = &f
	}
	return p, err
}

// behind scans columns that stand before others.
type behind struct {
	row   scanner
	first []any
}

// Scan reads the first columns and then dest.
func (b behind) Scan(dest ...any) error {
	if len(b.first) == 0 {
		return b.row.Scan(dest...)
	}
	return b.row.Scan(append(b.first, dest...)...)
}
