package reading

import (
	"context"
	"encoding/json"

	"github.com/google/uuid"

	"petitiond/ent"
	"petitiond/server/answerbudget"
	"petitiond/server/database"
	"petitiond/server/fields"
)

// Selection says what is read of petitions in one statement.
type Selection struct {
	Columns fields.Columns // of the row
	Figures bool           // their numbers
	Body    bool           // into the row
	Tags    bool           // into the row's edges, if it is one petition: for many a separate statement is cheaper
}

// Found are petitions that were read in one statement.
type Found struct {
	Rows    []*ent.Petition
	Figures map[uuid.UUID]*Figures // of each of them; nil if not selection
}

// reading reads what is wanted besides the row. Its columns come before those of the row.
type reading struct {
	Selection
	figures map[uuid.UUID]*Figures
	tagged  string // the column of tags
	budget  *answerbudget.Budget
	before  behind
	numbers figuresRow
	body    string
	tags    []byte
}

// newReading returns the places for what comes before the row, in the order of columns.
func newReading(ctx context.Context, w Selection) *reading {
	r := &reading{Selection: w, budget: answerbudget.From(ctx)}
	if r.Figures {
		r.figures, r.before.first = map[uuid.UUID]*Figures{}, r.numbers.into()
	}
	if r.Body {
		r.before.first = append(r.before.first, &r.body)
	}
	if r.Tags {
		r.before.first = append(r.before.first, &r.tags)
	}
	return r
}

// table returns what must be joined to petitions AS p.
func (r *reading) table() string {
	if r.Figures {
		return ` JOIN counters AS f ON f.petition_id = p.id`
	}
	return ``
}

// columns ends in a comma, unless nothing is wanted.
func (r *reading) columns() (out string) {
	if r.Figures {
		out += figureColumns + `, `
	}
	if r.Body {
		out += `p.body, `
	}
	if r.Tags {
		out += r.tagged + `, `
	}
	return out
}

// taggedColumn returns a column with the tags of petitions AS p, in the order in which they were given, as a JSON list
// of lists.
func taggedColumn(d database.Dialect) string {
	const tags = `petition_tags AS pt JOIN tags AS t ON t.id = pt.tag_id WHERE pt.petition_id = p.id`
	if d == database.Postgres {
		return `(SELECT json_agg(json_build_array(` + writtenColumns + `) ORDER BY pt.position) FROM ` + tags + `)`
	}
	return `(SELECT json_group_array(json(tag)) FROM (SELECT json_array(` + writtenColumns + `) AS tag FROM ` + tags + ` ORDER BY pt.position))`
}

// tagsOf decodes a value of taggedColumn. An empty text means no tags.
func tagsOf(text []byte) ([]*ent.Tag, error) {
	var list [][]json.RawMessage
	if len(text) > 0 {
		if err := json.Unmarshal(text, &list); err != nil {
			return nil, err
		}
	}
	out := make([]*ent.Tag, len(list))
	for i, columns := range list {
		t := &ent.Tag{}
		// In the order of writtenColumns.
		for k, into := range []any{&t.ID, &t.Key, &t.Label, &t.OpenPetitions} {
			if err := json.Unmarshal(columns[k], into); err != nil {
				return nil, err
			}
		}
		out[i] = t
	}
	return out, nil
}

// scan scans what is wanted and then the row.
func (r *reading) scan(row scanner, rest func(scanner) (*ent.Petition, error)) (*ent.Petition, error) {
	r.before.row = row
	p, err := rest(&r.before)
	p.Body = r.body
	if err == nil && r.Body {
		err = r.budget.Read(len(r.body))
	}
	if r.Tags && err == nil {
		p.Edges.Tags, err = tagsOf(r.tags)
	}
	if r.Figures {
		r.figures[p.ID] = r.numbers.figures(p.ID)
	}
	return p, err
}

// figuresOf returns the numbers of one petition, if they were wanted.
func (r *reading) figuresOf(id uuid.UUID) map[uuid.UUID]*Figures {
	if !r.Figures {
		return nil
	}
	return map[uuid.UUID]*Figures{id: r.figures[id]}
}

// behind scans columns that follow others. It is reused for all rows of a statement.
type behind struct {
	row   scanner
	first []any // places of the others
	all   []any // for Scan
}

// Scan reads the first columns and then dest.
func (b *behind) Scan(dest ...any) error {
	if len(b.first) == 0 {
		return b.row.Scan(dest...)
	}
	// The same array for every row: it would be the most of what scanning a row allocates.
	b.all = append(append(b.all[:0], b.first...), dest...)
	return b.row.Scan(b.all...)
}
