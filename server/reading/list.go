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
	"petitiond/server/reading/sight"
)

// Connection is a page of a list. Its rows carry no database client, so that nothing can be read through
// them past the conditions of this package.
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

// list says how a list is read: at most one page of each of any number of parents, in one statement. It is made at once
// and does not change.
type list[N any] struct {
	name     string // with its filter and order: binds the cursors
	columns  string
	from     string // FROM and joins
	where    string
	seen     sight.Seen    // what stands in where for it
	args     database.Args // of all of these
	order    keyset.Order
	inner    *inner                                      // chooses the rows of a page by themselves, where that is cheaper
	byValues bool                                        // how it is best read depends on the values that it is read with
	together bool                                        // name, where and columns say all that there is to know of it
	scan     func(row scanner) (N, keyset.Cursor, error) // of columns, in its order
	belongs  func(node N, parent uuid.UUID)              // tells a row whose list it is in; may be nil
}

type scanner interface{ Scan(dest ...any) error }

// placed is a row with its place in the list.
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
	if l.together && len(parents) == 1 && after == nil && before == nil {
		return beginning(ctx, s, l, w, parents[0])
	}
	return pages(ctx, s, l, w, after, before, parents)
}

// paged is all that the first or last page of a list depends on.
type paged struct {
	name, where, columns string
	seen                 sight.Seen
	keyset.Window
}

// beginning reads the first or last page of one list, together with whoever else reads that of another one.
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
		read := s.source.LookUp
		if l.byValues {
			read = s.source.Each
		}
		of, row := some[0], &behind{}
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

// bound names the list that a cursor belongs to. A cursor of one parent fits no other; where several are
// read at once, there is none that would fit.
func bound(name string, parents ...uuid.UUID) string {
	if len(parents) == 1 {
		return name + " " + parents[0].String()
	}
	return name + " of several"
}

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
func (l list[N]) statement(d database.Dialect, w keyset.Window, after, before *keyset.Cursor, parents []uuid.UUID) sight.Statement {
	args, first := slices.Clone(l.args), ""
	if len(parents) > 1 {
		first = sight.Parent + " AS of_parent, "
	}
	text := l.body(first, w, after, before, &args)
	return l.seen.Statement(text, args).Of(d, parents)
}

// body writes the SELECT of one list, with a column before its own. Where rows are chosen by themselves the table is joined
// by its alias p.
func (l list[N]) body(first string, w keyset.Window, after, before *keyset.Cursor, args *database.Args) string {
	if l.inner == nil {
		return fmt.Sprintf("SELECT %s%s FROM %s WHERE %s%s ORDER BY %s LIMIT %d", first, l.columns, l.from, l.where,
			l.order.Condition(after, before, args.Add), l.order.By(w.Backward), w.Fetch())
	}
	of := l.order
	of.Columns = []string{"page.key", "page.id"}
	return fmt.Sprintf("SELECT %s%s FROM (%s) AS page CROSS JOIN %s WHERE p.id = page.id ORDER BY %s",
		first, l.columns, l.inner.sql(l.where, l.order, w, after, before, args), l.from, of.By(w.Backward))
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

func (i *inner) sql(where string, k keyset.Order, w keyset.Window, after, before *keyset.Cursor, args *database.Args) string {
	parts := make([]string, len(i.branches))
	for n, b := range i.branches {
		key, order, condition := k.Columns[0], k.By(w.Backward), ""
		if b.last == nil {
			condition = k.Condition(after, before, args.Add)
		} else {
			// The order stays that of the index, although all have the same first column: none.
			key, condition = b.key, b.condition(k, after, before, args)
		}
		parts[n] = fmt.Sprintf("SELECT %s AS id, %s AS key FROM %s WHERE %s%s%s ORDER BY %s LIMIT %d",
			k.Columns[1], key, i.from, where, b.where, condition, order, w.Fetch())
	}
	if len(parts) == 1 {
		return parts[0]
	}
	for n, part := range parts {
		parts[n] = fmt.Sprintf("SELECT * FROM (%s) AS of_%d", part, n)
	}
	all := keyset.Order{Columns: []string{"key", "id"}, Desc: k.Desc}
	return fmt.Sprintf("SELECT * FROM (%s) AS all_of ORDER BY %s LIMIT %d", strings.Join(parts, " UNION ALL "), all.By(w.Backward), w.Fetch())
}

// single reports whether there is one list, whose rows have sort keys of their own.
func (i *inner) single() bool { return len(i.branches) == 1 && i.branches[0].last == nil }

// condition gives the SQL of the bounds among rows that have their key in common.
func (b branch) condition(k keyset.Order, after, before *keyset.Cursor, args *database.Args) string {
	rest, out := keyset.Order{Columns: k.Columns[1:], Desc: k.Desc}, ""
	of := func(at *keyset.Cursor) *keyset.Cursor {
		if at == nil || at.Keys[0] != keyset.Time(*b.last) {
			return nil
		}
		return &keyset.Cursor{ID: at.ID}
	}
	if before != nil && of(before) == nil { // a row with a key of its own, and those here come after it
		return " AND FALSE"
	}
	out += rest.Condition(of(after), of(before), args.Add)
	return out
}
