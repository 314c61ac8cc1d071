package reading

import (
	"database/sql"
	"encoding/json"
	"strings"

	"petitiond/ent"
	"petitiond/ent/petition"
	"petitiond/server/database"
)

// Columns are columns of a petition's row. None are all of them; the id is always read.
type Columns uint32

// OnlyID is a row of which nothing else is asked for. Others are added to it.
const OnlyID Columns = 1

// petitionFields are the columns that may be read, all but the body, which is wide, and what nobody is ever shown. Their
// places say what they are in Columns.
var petitionFields = []struct {
	name string
	into func(*petitionRow) any
}{
	{petition.FieldID, func(r *petitionRow) any { return &r.to.ID }},
	{petition.FieldSlug, func(r *petitionRow) any { return &r.to.Slug }},
	{petition.FieldTitle, func(r *petitionRow) any { return &r.to.Title }},
	{petition.FieldSummary, func(r *petitionRow) any { return &r.to.Summary }},
	{petition.FieldLanguage, func(r *petitionRow) any { return &r.to.Language }},
	{petition.FieldAddressees, func(r *petitionRow) any { return &r.addressees }},
	{petition.FieldState, func(r *petitionRow) any { return &r.to.State }},
	{petition.FieldOutcome, func(r *petitionRow) any { return &r.outcome }},
	{petition.FieldPetitioner, func(r *petitionRow) any { return &r.to.Petitioner }},
	{petition.FieldStartsAt, func(r *petitionRow) any { return &r.starts }},
	{petition.FieldEndsAt, func(r *petitionRow) any { return &r.ends }},
	{petition.FieldClosedAt, func(r *petitionRow) any { return &r.closed }},
	{petition.FieldCreatedAt, func(r *petitionRow) any { return &r.created }},
	{petition.FieldUpdatedAt, func(r *petitionRow) any { return &r.updated }},
	{petition.FieldVersion, func(r *petitionRow) any { return &r.to.Version }},
}

// Column gives the column of a name, as ent's package petition has them. It panics for any other.
func Column(name string) Columns {
	for i, field := range petitionFields {
		if field.name == name {
			return 1 << i
		}
	}
	panic("reading: no column is read by the name of " + name)
}

// has reports whether the column at a place of petitionFields is read.
func (c Columns) has(i int) bool { return i == 0 || c == 0 || c>>i&1 == 1 }

// names gives the columns of petitions AS p.
func (c Columns) names() string {
	var out strings.Builder
	for i, field := range petitionFields {
		if !c.has(i) {
			continue
		}
		if i > 0 {
			out.WriteString(`, `)
		}
		out.WriteString(`p.` + field.name)
	}
	return out.String()
}

// petitionRow is where the rows of a statement are scanned, one after the other.
type petitionRow struct {
	to                   ent.Petition
	addressees           []byte
	outcome              sql.NullString
	created, updated     database.Time
	starts, ends, closed nullTime
}

// into gives the places of what names gives.
func (c Columns) into(r *petitionRow) []any {
	into := make([]any, 0, len(petitionFields))
	for i, field := range petitionFields {
		if c.has(i) {
			into = append(into, field.into(r))
		}
	}
	return into
}

// petition gives the petition of the row that was scanned last.
func (r *petitionRow) petition() (*ent.Petition, error) {
	p := r.to
	p.StartsAt, p.EndsAt, p.ClosedAt = r.starts.pointer(), r.ends.pointer(), r.closed.pointer()
	p.CreatedAt, p.UpdatedAt = r.created.Time, r.updated.Time
	if r.outcome.Valid {
		o := petition.Outcome(r.outcome.String)
		p.Outcome = &o
	}
	if r.addressees == nil {
		return &p, nil
	}
	return &p, json.Unmarshal(r.addressees, &p.Addressees)
}

// scanning gives a function that scans the rows of a statement: what names gives, and more behind it.
func (c Columns) scanning(more ...any) func(scanner) (*ent.Petition, error) {
	r := &petitionRow{}
	into := append(c.into(r), more...)
	return func(row scanner) (*ent.Petition, error) {
		if err := row.Scan(into...); err != nil {
			return &ent.Petition{}, err
		}
		return r.petition()
	}
}
