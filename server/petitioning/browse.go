package petitioning

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"petitiond/ent"
	"petitiond/server/database"
)

// Connection is a page of a list. Its rows carry no database client, so that nothing can be read through
// them past the conditions of this package.
type Connection[N any] struct {
	Edges    []Edge[N]
	PageInfo PageInfo
	total    func(context.Context) (*int, error)
	figures  map[uuid.UUID]*Figures
}

// A page of each kind of row, and a row in it.
type (
	// PetitionConnection is a page of petitions.
	PetitionConnection = Connection[*ent.Petition]
	// PetitionEdge is one of them.
	PetitionEdge = Edge[*ent.Petition]
	// SignatureConnection is a page of signatures.
	SignatureConnection = Connection[*ent.Signature]
	// SignatureEdge is one of them.
	SignatureEdge = Edge[*ent.Signature]
	// CommentConnection is a page of comments.
	CommentConnection = Connection[*ent.Comment]
	// CommentEdge is one of them.
	CommentEdge = Edge[*ent.Comment]
	// TagConnection is a page of tags.
	TagConnection = Connection[*ent.Tag]
	// TagEdge is one of them.
	TagEdge = Edge[*ent.Tag]
)

// Nodes gives the rows without their cursors.
func (c *Connection[N]) Nodes() []N {
	out := make([]N, len(c.Edges))
	for i, e := range c.Edges {
		out[i] = e.Node
	}
	return out
}

// TotalCount gives the length of the whole list, or nil where counting it would take too long.
func (c *Connection[N]) TotalCount(ctx context.Context) (*int, error) { return c.total(ctx) }

// Figures gives the numbers of the petitions of a page that was read with them, and nothing for other pages.
func (c *Connection[N]) Figures() map[uuid.UUID]*Figures { return c.figures }

// Totalling gives the page with a way to learn the length of its list. A page that could not be read stays
// nil.
func (c *Connection[N]) Totalling(total func(context.Context) (int, error)) *Connection[N] {
	if c == nil {
		return nil
	}
	return &Connection[N]{Edges: c.Edges, PageInfo: c.PageInfo, total: func(ctx context.Context) (*int, error) {
		n, err := total(ctx)
		return &n, err
	}}
}

// keyset is the order of a list: columns that together tell every row from every other, all in one
// direction. The last one may be an id, which the cursor keeps apart.
type keyset struct {
	columns []string
	desc    bool
}

// condition gives the SQL of the bounds, and order the ORDER BY of reading.
func (k keyset) condition(w window, after, before *cursor, args *arguments) string {
	var out strings.Builder
	for _, bound := range []struct {
		at      *cursor
		greater bool
	}{{after, !k.desc}, {before, k.desc}} {
		if bound.at == nil {
			continue
		}
		sign := "<"
		if bound.greater {
			sign = ">"
		}
		values := make([]string, len(k.columns))
		for i := range k.columns {
			values[i] = args.add(bound.at.value(i))
		}
		fmt.Fprintf(&out, " AND (%s) %s (%s)", strings.Join(k.columns, ", "), sign, strings.Join(values, ", "))
	}
	return out.String()
}

func (k keyset) order(backward bool) string {
	direction := " ASC"
	if k.desc != backward {
		direction = " DESC"
	}
	return strings.Join(k.columns, direction+", ") + direction
}

// value gives the i-th sort key; the one behind the last is the id.
func (c *cursor) value(i int) any {
	if i < len(c.Keys) {
		return c.Keys[i].Value()
	}
	return c.ID
}

// arguments gathers the values of a statement.
type arguments []any

// add gives the placeholder of a value.
func (a *arguments) add(v any) string {
	*a = append(*a, v)
	return "$" + strconv.Itoa(len(*a))
}

// parent stands in the FROM and WHERE of a listing for the id of the object that the list belongs to.
const parent = ":parent"

// listing says how a list is read: at most one page of each of any number of parents, in one statement.
type listing[N any] struct {
	name       string // with its filter and order: binds the cursors
	table      string // FROM and joins
	where      string
	args       arguments // of all
	whereTable string    // the tables that where needs; set where the list can be counted
	whereArgs  arguments // and those of the arguments that it has
	keys       keyset
	columns    string
	scan       func(row scanner) (N, cursor, error) // of columns, in its order
}

type scanner interface{ Scan(dest ...any) error }

// placed is a row with its place in the list.
type placed[N any] struct {
	node N
	at   cursor
}

// parentsMost is how many lists one statement reads: SQLite joins at most 500 selects.
const parentsMost = 500

// browse reads one page of the list of each parent. A list without parents belongs to uuid.Nil.
func browse[N any](ctx context.Context, s *Service, l listing[N], page PageArgs, parents ...uuid.UUID) (map[uuid.UUID]*Connection[N], error) {
	w, err := page.window(pageDefault, pageMax)
	if err != nil {
		return nil, err
	}
	if len(parents) == 0 {
		parents = []uuid.UUID{uuid.Nil}
	}
	after, before, err := w.bounds(s.cursor, l.bound(parents))
	if err != nil {
		return nil, err
	}
	found := make(map[uuid.UUID][]placed[N], len(parents))
	for some := range slices.Chunk(parents, parentsMost) {
		text, args := l.statement(s.db.Dialect, w, after, before, some)
		err = s.each(ctx, text, args, func(rows *sql.Rows) error {
			var of uuid.UUID
			node, at, err := l.scan(prefixed{rows, &of})
			found[of] = append(found[of], placed[N]{node, at})
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", strings.Fields(l.name)[0], err)
		}
	}
	out := make(map[uuid.UUID]*Connection[N], len(parents))
	for _, id := range parents {
		out[id] = connect(s, l, id, w, found[id])
	}
	return out, nil
}

// bound names the list that a cursor belongs to. A cursor of one parent fits no other; where several are
// read at once, there is none that would fit.
func (l listing[N]) bound(parents []uuid.UUID) string {
	if len(parents) == 1 {
		return l.name + " " + parents[0].String()
	}
	return l.name + " of several"
}

func connect[N any](s *Service, l listing[N], id uuid.UUID, w window, rows []placed[N]) *Connection[N] {
	list := l.bound([]uuid.UUID{id})
	edges, info := cutPage(rows, w, func(p placed[N]) string { return s.cursor.encode(list, p.at) })
	c := &Connection[N]{PageInfo: info, Edges: make([]Edge[N], len(edges))}
	for i, e := range edges {
		c.Edges[i] = Edge[N]{Node: e.Node.node, place: e.place}
	}
	return c
}

// statement writes the SQL: LATERAL on PostgreSQL, which reads a page of each parent by the index, and a
// UNION ALL of limited selects on SQLite, which has no LATERAL and does the same with it.
func (l listing[N]) statement(d database.Dialect, w window, after, before *cursor, parents []uuid.UUID) (string, []any) {
	args := slices.Clone(l.args)
	body := fmt.Sprintf("SELECT %s AS of_parent, %s FROM %s WHERE %s%s ORDER BY %s LIMIT %d", parent, l.columns, l.table, l.where,
		l.keys.condition(w, after, before, &args), l.keys.order(w.Backward), w.fetch())
	if len(parents) == 1 {
		id := args.add(parents[0])
		if d == database.Postgres {
			id += "::uuid"
		}
		return strings.ReplaceAll(body, parent, id), args
	}
	if d == database.Postgres {
		ids := args.add(uuidArray(parents))
		return "SELECT page.* FROM unnest(" + ids + "::uuid[]) AS parents(id) CROSS JOIN LATERAL (" +
			strings.ReplaceAll(body, parent, "parents.id") + ") AS page", args
	}
	parts := make([]string, len(parents))
	for i, id := range parents {
		parts[i] = "SELECT * FROM (" + strings.ReplaceAll(body, parent, args.add(id)) + ")"
	}
	return strings.Join(parts, " UNION ALL "), args
}

// prefixed scans the parent's id before the columns of the list.
type prefixed struct {
	rows *sql.Rows
	of   *uuid.UUID
}

// Scan reads the parent and then dest.
func (p prefixed) Scan(dest ...any) error {
	return p.rows.Scan(append([]any{p.of}, dest...)...)
}

// each runs a reading statement and calls fn for every row.
func (s *Service) each(ctx context.Context, text string, args []any, fn func(*sql.Rows) error) error {
	rows, err := s.db.Read.QueryContext(ctx, text, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := fn(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// among gives the condition that a column of ids holds one of them, as a single argument, so that the text
// of the statement does not depend on their number. One alone has a text of its own: the planner then knows
// that there is one.
func (s *Service) among(column string, ids []uuid.UUID, args *arguments) string {
	switch {
	case len(ids) == 1:
		return column + " = " + args.add(ids[0])
	case s.db.Dialect == database.Postgres:
		return column + " = ANY(" + args.add(uuidArray(ids)) + "::uuid[])"
	}
	return column + " IN (SELECT value FROM json_each(" + args.add(uuidList(ids)) + "))"
}

// uuidArray writes an array of PostgreSQL, and uuidList one of JSON.
func uuidArray(ids []uuid.UUID) string { return writeIDs(ids, `{`, ``, `}`) }
func uuidList(ids []uuid.UUID) string  { return writeIDs(ids, `[`, `"`, `]`) }

func writeIDs(ids []uuid.UUID, begin, quote, end string) string {
	out := make([]byte, 0, 2+len(ids)*39)
	out = append(out, begin...)
	for i, id := range ids {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, quote...)
		out = append(out, id.String()...)
		out = append(out, quote...)
	}
	return string(append(out, end...))
}
