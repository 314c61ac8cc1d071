package reading

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"petitiond/ent"
	"petitiond/server/database"
	"petitiond/server/keyset"
	"petitiond/server/reading/visibility"
)

// Connection is a page of a list. Its rows carry no database client: nothing can be read through them that bypasses the
// conditions of this package.
type Connection[N any] struct {
	Edges    []keyset.Edge[N]
	PageInfo keyset.PageInfo
	total    func(context.Context) (*int, error)
	figures  map[uuid.UUID]*Figures
}

// A page of each kind of row, and a row in it.
type (
	// PetitionConnection is a page of petitions.
	PetitionConnection = Connection[*ent.Petition]
	// PetitionEdge is one of them.
	PetitionEdge = keyset.Edge[*ent.Petition]
	// SignatureConnection is a page of signatures.
	SignatureConnection = Connection[*ent.Signature]
	// SignatureEdge is one of them.
	SignatureEdge = keyset.Edge[*ent.Signature]
	// CommentConnection is a page of comments.
	CommentConnection = Connection[*ent.Comment]
	// CommentEdge is one of them.
	CommentEdge = keyset.Edge[*ent.Comment]
	// TagConnection is a page of tags.
	TagConnection = Connection[*ent.Tag]
	// TagEdge is one of them.
	TagEdge = keyset.Edge[*ent.Tag]
)

// Nodes returns the rows without their cursors.
func (c *Connection[N]) Nodes() []N {
	out := make([]N, len(c.Edges))
	for i, e := range c.Edges {
		out[i] = e.Node
	}
	return out
}

// TotalCount returns the length of the whole list, or nil if counting it would take too long.
func (c *Connection[N]) TotalCount(ctx context.Context) (*int, error) { return c.total(ctx) }

// Figures returns the numbers of the page's petitions if it was read with them, and otherwise nil.
func (c *Connection[N]) Figures() map[uuid.UUID]*Figures { return c.figures }

// Totalling sets how the total of the page's list is found, and returns the page. A nil page stays nil.
func (c *Connection[N]) Totalling(total func(context.Context) (int, error)) *Connection[N] {
	if c == nil {
		return nil
	}
	return &Connection[N]{Edges: c.Edges, PageInfo: c.PageInfo, total: func(ctx context.Context) (*int, error) {
		n, err := total(ctx)
		return &n, err
	}}
}

// list says how a list is read: one page for each of any number of parents, in one statement. It is immutable.
type list[N any] struct {
	name     string // with its filter and order: binds the cursors
	columns  string
	from     string // FROM and joins
	where    string
	seen     visibility.Seen // the condition of visibility in where
	args     database.Args   // of all of these
	order    keyset.Order
	inner    inner                                       // chooses the ids of a page first, where that is cheaper; where then joins them
	byValues bool                                        // the best plan depends on the values of the arguments
	combined bool                                        // name, where and columns determine it, so equal readings may be one
	scan     func(row scanner) (N, keyset.Cursor, error) // of columns, in its order
	belongs  func(node N, parent uuid.UUID)              // sets the parent of a row; may be nil
}

type scanner = database.Scanner

// placed is a row with its position in the list.
type placed[N any] struct {
	node N
	at   keyset.Cursor
}

// parentsMost is how many lists one statement reads: SQLite joins at most 500 selects.
const parentsMost = 500

// browse reads one page of the list of each parent. A list without parents belongs to uuid.Nil.
func browse[N any](ctx context.Context, s *Reader, l list[N], page keyset.Args, parents ...uuid.UUID) (map[uuid.UUID]*Connection[N], error) {
	w, err := page.Window(keyset.DefaultSize, keyset.MaxSize)
	if err != nil {
		return nil, err
	}
	if len(parents) == 0 {
		parents = []uuid.UUID{uuid.Nil}
	}
	after, before, err := w.Bounds(s.codec, bound(l.name, parents...))
	if err != nil {
		return nil, err
	}
	if l.combined && len(parents) == 1 && after == nil && before == nil {
		return beginning(ctx, s, l, w, parents[0])
	}
	return pages(ctx, s, l, w, after, before, parents)
}

// paged is everything besides the parent that the first or last page of a list depends on.
type paged struct {
	name, where, columns string
	seen                 visibility.Seen
	keyset.Window
}

// beginning reads the first or last page of one list, in one statement with the same page of other lists that is read
// at the same time.
func beginning[N any](ctx context.Context, s *Reader, l list[N], w keyset.Window, parent uuid.UUID) (map[uuid.UUID]*Connection[N], error) {
	page, err := s.byParent.Read(ctx, paged{l.name, l.where, l.columns, l.seen, w}, parent, func(ctx context.Context, parents []uuid.UUID) (map[uuid.UUID]any, error) {
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
func pages[N any](ctx context.Context, s *Reader, l list[N], w keyset.Window, after, before *keyset.Cursor, parents []uuid.UUID) (map[uuid.UUID]*Connection[N], error) {
	found := make(map[uuid.UUID][]placed[N], len(parents))
	for some := range slices.Chunk(parents, parentsMost) {
		// A statement whose plan does not depend on its values keeps the plan that it was prepared with.
		read := s.source.LookUp
		if l.byValues {
			read = s.source.Each
		}
		of, row := some[0], &behind{}
		// The statement of a single parent has no column that says of which it is.
		if len(some) > 1 {
			row.first = []any{&of}
		}
		err := read(ctx, l.statement(s.source.Dialect(), w, after, before, some), func(rows *sql.Rows) error {
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

// bound returns the name of the list that a cursor belongs to. A cursor of one parent's list is not valid for another;
// no cursor is valid for the lists of several parents at once.
func bound(name string, parents ...uuid.UUID) string {
	if len(parents) == 1 {
		return name + " " + parents[0].String()
	}
	return name + " of several"
}

// connect makes a page of the rows that were read, one more than it may have if there is a next one.
func connect[N any](s *Reader, l list[N], id uuid.UUID, w keyset.Window, rows []placed[N]) *Connection[N] {
	list := bound(l.name, id)
	edges, info := keyset.Cut(rows, w, func(p placed[N]) string { return s.codec.Encode(list, p.at) })
	c := &Connection[N]{PageInfo: info, Edges: make([]keyset.Edge[N], len(edges))}
	for i, e := range edges {
		c.Edges[i] = keyset.At(e, e.Node.node)
	}
	return c
}

// statement writes the SQL of a page of each parent's list.
func (l list[N]) statement(d database.Dialect, w keyset.Window, after, before *keyset.Cursor, parents []uuid.UUID) visibility.Statement {
	args, first := slices.Clone(l.args), ""
	if len(parents) > 1 {
		first = visibility.Parent + " AS of_parent, "
	}
	text := l.body(first, w, after, before, &args)
	return l.seen.Statement(text, args).Of(d, parents)
}

// body returns the SELECT of one list; first comes before its own columns. If the ids are chosen first, its table is
// joined to them.
func (l list[N]) body(first string, w keyset.Window, after, before *keyset.Cursor, args *database.Args) string {
	if len(l.inner) == 0 {
		return fmt.Sprintf("SELECT %s%s FROM %s WHERE %s%s ORDER BY %s LIMIT %d", first, l.columns, l.from, l.where,
			l.order.Condition(after, before, args.Add), l.order.By(w.Backward), w.Fetch())
	}
	of := l.order
	// The page has been chosen and cut already: it is only put into order again, which a join does not keep.
	of.Columns = []string{"page.key", "page.id"}
	return fmt.Sprintf("SELECT %s%s FROM (%s) AS page CROSS JOIN %s WHERE %s ORDER BY %s",
		first, l.columns, l.inner.sql(l.order, w, after, before, args), l.from, l.where, of.By(w.Backward))
}

// inner chooses the ids of a page, with their sort keys, from indexes alone. It merges several sorted lists, such as
// one for each state: the database then reads one page of each list instead of all rows.
type inner []branch

// branch is one of the sorted lists.
type branch struct {
	place
	key  string     // the sort key of rows without one of their own, which all of them share
	last *time.Time // its value, which sorts last in either direction; nil: rows have their own keys
}

// sql writes the SELECT of the ids of a page.
func (i inner) sql(k keyset.Order, w keyset.Window, after, before *keyset.Cursor, args *database.Args) string {
	parts := make([]string, len(i))
	for n, b := range i {
		key, order, condition := k.Columns[0], k.By(w.Backward), ""
		if b.last == nil {
			condition = k.Condition(after, before, args.Add)
		} else {
			// The first column is NULL in all of these rows; it stays in ORDER BY to match the index.
			key, condition = b.key, b.condition(k, after, before, args)
		}
		parts[n] = fmt.Sprintf("SELECT %s AS id, %s AS key FROM %s WHERE %s%s ORDER BY %s LIMIT %d",
			k.Columns[1], key, b.from, b.where, condition, order, w.Fetch())
	}
	if len(parts) == 1 {
		return parts[0]
	}
	// SQLite takes neither ORDER BY nor brackets in a part of a UNION, so each part is a table of its own.
	for n, part := range parts {
		parts[n] = fmt.Sprintf("SELECT * FROM (%s) AS of_%d", part, n)
	}
	// Each part has at most a page, so that sorting all of them is cheap.
	all := keyset.Order{Columns: []string{"key", "id"}, Desc: k.Desc}
	return fmt.Sprintf("SELECT * FROM (%s) AS all_of ORDER BY %s LIMIT %d", strings.Join(parts, " UNION ALL "), all.By(w.Backward), w.Fetch())
}

// single reports whether there is only one list, and its rows have sort keys of their own.
func (i inner) single() bool { return len(i) == 1 && i[0].last == nil }

// condition returns the SQL of the bounds among rows that share their sort key.
func (b branch) condition(k keyset.Order, after, before *keyset.Cursor, args *database.Args) string {
	rest, out := keyset.Order{Columns: k.Columns[1:], Desc: k.Desc}, ""
	of := func(at *keyset.Cursor) *keyset.Cursor {
		if at == nil || at.Keys[0] != keyset.Time(*b.last) {
			return nil
		}
		return &keyset.Cursor{ID: at.ID}
	}
	if before != nil && of(before) == nil { // the bound is a row with a key of its own, and all rows here come after that
		return " AND FALSE"
	}
	out += rest.Condition(of(after), of(before), args.Add)
	return out
}
