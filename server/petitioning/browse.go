package petitioning

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

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
	micros  bool // the first column has the microseconds of the time that cursors have
}

// condition gives the SQL of the bounds, and order the ORDER BY of reading.
func (k keyset) condition(after, before *cursor, args *arguments) string {
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
			values[i] = args.add(k.value(bound.at, i))
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

func (k keyset) value(at *cursor, i int) any {
	if i == 0 && k.micros {
		return int64(at.Keys[0].bits)
	}
	return at.value(i)
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
	inner      *inner                               // chooses the rows of a page by themselves, where that is cheaper
	byValues   bool                                 // how it is best read depends on the values that it is read with
	together   bool                                 // name, where and columns say all that there is to know of it
	scan       func(row scanner) (N, cursor, error) // of columns, in its order
	belongs    func(node N, parent uuid.UUID)       // tells a row whose list it is in; may be nil
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
	if l.together && len(parents) == 1 && after == nil && before == nil {
		return beginning(ctx, s, l, w, parents[0])
	}
	return pages(ctx, s, l, w, after, before, parents)
}

// paged is all that the first or last page of a list depends on.
type paged struct {
	name, where, columns string
	window
}

// beginning reads the first or last page of one list, together with whoever else reads that of another one.
func beginning[N any](ctx context.Context, s *Service, l listing[N], w window, parent uuid.UUID) (map[uuid.UUID]*Connection[N], error) {
	page, err := s.byParent.read(ctx, paged{l.name, l.where, l.columns, w}, parent, func(ctx context.Context, parents []uuid.UUID) (map[uuid.UUID]any, error) {
		found, err := pages(ctx, s, l, w, nil, nil, parents)
		out := make(map[uuid.UUID]any, len(found))
		for id, page := range found {
			out[id] = page
		}
		return out, err
	})
	if err != nil {
		return nil, err
	}
	return map[uuid.UUID]*Connection[N]{parent: page.(*Connection[N])}, nil //nolint:forcetypeassert // the name says of what
}

// pages reads a page of the list of each parent.
func pages[N any](ctx context.Context, s *Service, l listing[N], w window, after, before *cursor, parents []uuid.UUID) (map[uuid.UUID]*Connection[N], error) {
	found := make(map[uuid.UUID][]placed[N], len(parents))
	for some := range slices.Chunk(parents, parentsMost) {
		text, args := l.statement(s.db.Dialect, w, after, before, some)
		read := s.lookUp
		if l.byValues {
			read = s.each
		}
		of, row := some[0], &behind{}
		if len(some) > 1 {
			row.first = []any{&of}
		}
		err := read(ctx, text, args, func(rows *sql.Rows) error {
			row.row = rows
			node, at, err := l.scan(row)
			if err != nil {
				return err
			}
			if l.belongs != nil {
				l.belongs(node, of)
			}
			found[of] = append(found[of], placed[N]{node, at})
			return hold(ctx, node)
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
	if len(parents) == 1 {
		body := l.body("", w, after, before, &args)
		if !strings.Contains(body, parent) {
			return body, args
		}
		id := args.add(parents[0])
		if d == database.Postgres {
			id += "::uuid"
		}
		return strings.ReplaceAll(body, parent, id), args
	}
	body := l.body(parent+" AS of_parent, ", w, after, before, &args)
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

// body writes the SELECT of one list, with a column before its own. Where rows are chosen by themselves the table is joined
// by its alias p.
func (l listing[N]) body(first string, w window, after, before *cursor, args *arguments) string {
	if l.inner == nil {
		return fmt.Sprintf("SELECT %s%s FROM %s WHERE %s%s ORDER BY %s LIMIT %d", first, l.columns, l.table, l.where,
			l.keys.condition(after, before, args), l.keys.order(w.Backward), w.fetch())
	}
	of := l.keys
	of.columns = []string{"page.key", "page.id"}
	return fmt.Sprintf("SELECT %s%s FROM (%s) AS page CROSS JOIN %s WHERE p.id = page.id ORDER BY %s",
		first, l.columns, l.inner.sql(l.where, l.keys, w, after, before, args), l.table, of.order(w.Backward))
}

// inner chooses the ids of a page, with their sort key, from what indexes hold. It joins lists that are sorted each for
// itself, such as those of several states: the database reads one page of each and not all of them.
type inner struct {
	from     string
	branches []branch
}

// branch is one of the lists.
type branch struct {
	where string     // AND …
	key   string     // instead of the list's, for rows that have none of their own; all of them have this one
	last  *time.Time // and it is this one, which comes last whatever the direction
}

func (i *inner) sql(where string, k keyset, w window, after, before *cursor, args *arguments) string {
	parts := make([]string, len(i.branches))
	for n, b := range i.branches {
		key, order, condition := k.columns[0], k.order(w.Backward), ""
		if b.last == nil {
			condition = k.condition(after, before, args)
		} else {
			// The order stays that of the index, although all have the same first column: none.
			key, condition = b.key, b.condition(k, after, before, args)
		}
		parts[n] = fmt.Sprintf("SELECT %s AS id, %s AS key FROM %s WHERE %s%s%s ORDER BY %s LIMIT %d",
			k.columns[1], key, i.from, where, b.where, condition, order, w.fetch())
	}
	if len(parts) == 1 {
		return parts[0]
	}
	for n, part := range parts {
		parts[n] = fmt.Sprintf("SELECT * FROM (%s) AS of_%d", part, n)
	}
	all := keyset{columns: []string{"key", "id"}, desc: k.desc}
	return fmt.Sprintf("SELECT * FROM (%s) AS all_of ORDER BY %s LIMIT %d", strings.Join(parts, " UNION ALL "), all.order(w.Backward), w.fetch())
}

// condition gives the SQL of the bounds among rows that have their key in common.
func (b branch) condition(k keyset, after, before *cursor, args *arguments) string {
	rest, out := keyset{columns: k.columns[1:], desc: k.desc}, ""
	of := func(at *cursor) *cursor {
		if at == nil || !at.Keys[0].is(timeKey(*b.last)) {
			return nil
		}
		return &cursor{ID: at.ID}
	}
	if before != nil && of(before) == nil { // a row with a key of its own, and those here come after it
		return " AND FALSE"
	}
	out += rest.condition(of(after), of(before), args)
	return out
}

// each runs a reading statement and calls fn for every row.
func (s *Service) each(ctx context.Context, text string, args []any, fn func(*sql.Rows) error) error {
	return each(ctx, s.db.Ask, text, args, fn)
}

// lookUp is each for a statement that finds its rows by the same indexes whatever its arguments.
func (s *Service) lookUp(ctx context.Context, text string, args []any, fn func(*sql.Rows) error) error {
	return each(ctx, s.db.AskByIndex, text, args, fn)
}

func each(
	ctx context.Context, ask func(context.Context, string, ...any) (*database.Rows, error), text string, args []any, fn func(*sql.Rows) error,
) error {
	rows, err := ask(ctx, text, args...)
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
