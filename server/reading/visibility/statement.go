package visibility

import (
	"context"
	"database/sql"
	"errors"
	"strings"

	"github.com/google/uuid"

	"petitiond/server/database"
)

const (
	// Here stands in the text of a statement for the condition of visibility.
	Here = ":seen"
	// Own stands in the text of a list for the ids of the viewer's own petitions, without brackets.
	Own = ":own"
	// Parent stands in the text of a list for the id of the object that the list belongs to.
	Parent = ":parent"
)

// ErrUnguarded reports that the text of a statement has no place for the condition of visibility.
var ErrUnguarded = errors.New("visibility: a statement does not say where its condition of visibility stands")

// Statement is a statement that a [Source] may run.
type Statement struct {
	text string
	args database.Args
	err  error
}

// Statement puts the condition into a text.
func (s Seen) Statement(text string, args database.Args) Statement {
	own := strings.Contains(text, Own)
	if s.condition == "" || own && s.own == "" || !own && !strings.Contains(text, Here) {
		return Statement{err: ErrUnguarded}
	}
	return Statement{text: strings.NewReplacer(Here, s.condition, Own, s.own).Replace(text), args: args}
}

// Unshown returns a statement whose rows are not shown to anybody directly: its result decides how something is read,
// or is held by the live hub, which shows it only to those who may see it.
func Unshown(text string, args database.Args) Statement { return Statement{text: text, args: args} }

// Of inserts the parents of a list: with LATERAL on PostgreSQL, which reads a page for each parent by the index, and
// with a UNION ALL of limited selects on SQLite, which has no LATERAL.
func (s Statement) Of(d database.Dialect, parents []uuid.UUID) Statement {
	if s.err != nil || !strings.Contains(s.text, Parent) {
		return s
	}
	if d == database.Postgres {
		if len(parents) == 1 {
			s.text = strings.ReplaceAll(s.text, Parent, s.args.Add(parents[0])+"::uuid")
			return s
		}
		s.text = "SELECT page.* FROM unnest(" + s.args.Add(database.UUIDArray(parents)) +
			"::uuid[]) AS parents(id) CROSS JOIN LATERAL (" + strings.ReplaceAll(s.text, Parent, "parents.id") + ") AS page"
		return s
	}
	parts := make([]string, len(parents))
	for i, id := range parents {
		parts[i] = strings.ReplaceAll(s.text, Parent, s.args.Add(id))
	}
	if len(parts) > 1 {
		for i, part := range parts {
			parts[i] = "SELECT * FROM (" + part + ")"
		}
	}
	s.text = strings.Join(parts, " UNION ALL ")
	return s
}

// Source runs statements on a database.
type Source struct{ db *database.DB }

// NewSource returns a Source on a migrated database.
func NewSource(db *database.DB) Source { return Source{db} }

// Dialect returns the dialect of the database.
func (s Source) Dialect() database.Dialect { return s.db.Dialect }

// Each runs a statement and calls fn for every row.
func (s Source) Each(ctx context.Context, st Statement, fn func(*sql.Rows) error) error {
	return each(ctx, s.db.Ask, st, fn)
}

// LookUp is Each for a statement that finds its rows by the same indexes whatever its arguments.
func (s Source) LookUp(ctx context.Context, st Statement, fn func(*sql.Rows) error) error {
	return each(ctx, s.db.AskByIndex, st, fn)
}

// each runs a statement, unless it was made without its condition.
func each(
	ctx context.Context, ask func(context.Context, string, ...any) (*database.Rows, error), st Statement,
	fn func(*sql.Rows) error,
) error {
	if st.err != nil {
		return st.err
	}
	rows, err := ask(ctx, st.text, st.args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := fn(rows.Rows); err != nil {
			return err
		}
	}
	return rows.Err()
}
