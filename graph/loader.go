package graph

import (
	"bytes"
	"context"
	"slices"
	"sync"

	"github.com/google/uuid"

	"petitiond/server/keyset"
	"petitiond/server/reading"
)

// loaders know which rows of an answer were read together. They live as long as the answer. Their lock is taken before
// that of siblings, never while one of these is held.
type loaders struct {
	mu sync.Mutex // guards siblings and later
	// Of any type of row, since one answer has several; siblingsOf knows which it asks for.
	siblings map[any]any      // by each of the rows
	later    []func(*loaders) // functions that join more

	judged sync.Once // guards bodies and hours
	bodies reading.Bodies
	hours  reading.Hours
}

type loadersKey struct{}

// withLoaders returns a context for one answer, of which nothing is known yet.
func withLoaders(ctx context.Context) context.Context {
	return context.WithValue(ctx, loadersKey{}, &loaders{siblings: map[any]any{}})
}

// loadersFrom returns those of the answer that is being computed.
func loadersFrom(ctx context.Context) *loaders {
	return ctx.Value(loadersKey{}).(*loaders) //nolint:forcetypeassert // Around puts them there for every answer
}

// siblings are rows that were read together. A query selects the same of all of them, so the first resolver that needs
// something reads it for all. The number of statements therefore depends only on the text of the query, and neither on
// the number of rows nor on timing.
type siblings[Row comparable] struct {
	rows []Row
	mu   sync.Mutex // guards read
	read []answered
}

// answered is a reading for siblings, which is an asked, and the function that returns its outcome, whose type depends
// on that of asked.
type answered struct{ what, once any }

// edge leads from rows to something that is read for all siblings at once. Edges are declared once, as variables; two
// readings of the same edge differ only in their arguments. They are told apart by their addresses.
type edge[Row, Args comparable, V any] struct {
	key func(Row) uuid.UUID // for a row with a zero key nothing is read

	// read reads for many keys at once, and leaves out keys for which there is nothing. It is nil for an edge whose
	// values are only known from rows that were read under others.
	read func(context.Context, *siblings[Row], *reading.Reader, Args, []uuid.UUID) (map[uuid.UUID]V, error)
}

// none is the type of arguments of an edge that has none.
type none struct{}

// asked is a reading of an edge.
type asked[Row, Args comparable, V any] struct {
	edge *edge[Row, Args, V]
	args Args
}

// outcome returns the outcome of this reading, or nil if it was not made for the siblings yet. It needs their mu.
func (a asked[Row, Args, V]) outcome(s *siblings[Row]) func() (map[uuid.UUID]V, error) {
	for i := range s.read {
		// A list, since an answer asks few things of the same rows; equal only if edge, arguments and all types are.
		if s.read[i].what == any(a) {
			return s.read[i].once.(func() (map[uuid.UUID]V, error)) //nolint:forcetypeassert // the type follows from that of a
		}
	}
	return nil
}

// join makes siblings of rows that were read together.
func join[Row comparable](ctx context.Context, rows []Row) *siblings[Row] {
	l := loadersFrom(ctx)
	l.mu.Lock()
	defer l.mu.Unlock()
	return register(l, rows)
}

// know records what was read with the siblings, so it is not read again.
func know[Row, Args comparable, V any](s *siblings[Row], e *edge[Row, Args, V], known map[uuid.UUID]V) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var args Args
	s.read = append(s.read, answered{asked[Row, Args, V]{e, args}, func() (map[uuid.UUID]V, error) { return known, nil }})
}

// known returns what know has recorded for row's siblings.
func known[Row, Args comparable, V any](ctx context.Context, row Row, e *edge[Row, Args, V]) (V, bool) {
	var args Args
	var nothing V
	s := siblingsOf(ctx, row)
	s.mu.Lock()
	once := asked[Row, Args, V]{e, args}.outcome(s)
	s.mu.Unlock()
	if once == nil {
		return nothing, false
	}
	all, err := once()
	v, ok := all[e.key(row)]
	return v, ok && err == nil
}

// register makes siblings of rows. It needs the lock of the loaders.
func register[Row comparable](l *loaders, rows []Row) *siblings[Row] {
	s := &siblings[Row]{rows: rows}
	for _, row := range rows {
		// A row read twice is two rows, with two addresses. Of one that is registered again, the latest siblings count.
		l.siblings[row] = s
	}
	return s
}

// joinLater defers the joining of rows of which little is usually selected. Do joins them; it is called under the lock
// when something is needed of a row that has no siblings yet.
func joinLater(ctx context.Context, do func(*loaders)) {
	l := loadersFrom(ctx)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.later = append(l.later, do)
}

// siblingsOf returns the row and those it was read with. A row that was read alone has only itself.
func siblingsOf[Row comparable](ctx context.Context, row Row) *siblings[Row] {
	l := loadersFrom(ctx)
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		if s, ok := l.siblings[row].(*siblings[Row]); ok {
			return s
		}
		if len(l.later) == 0 {
			return register(l, []Row{row})
		}
		// Until the row is found: which of the deferred it belongs to is not known.
		l.later[0](l)
		l.later = l.later[1:]
	}
}

// load returns what an edge leads to from a row. It reads it for all of the row's siblings at once.
func load[Row, Args comparable, V any](ctx context.Context, r *Resolver, row Row, e *edge[Row, Args, V], args Args) (V, error) {
	s, a := siblingsOf(ctx, row), asked[Row, Args, V]{e, args}
	s.mu.Lock()
	once := a.outcome(s)
	if once == nil {
		// Read outside of mu, and once also if it fails: resolvers of other fields need the siblings meanwhile, and
		// reading joins rows itself. All who ask for the same wait for the one reading.
		once = sync.OnceValues(func() (map[uuid.UUID]V, error) {
			if keys := distinct(s.rows, e.key); len(keys) > 0 {
				return e.read(ctx, s, r.reads(ctx), args, keys)
			}
			return nil, nil //nolint:nilnil // without keys there is nothing to read
		})
		s.read = append(s.read, answered{a, once})
	}
	s.mu.Unlock()
	found, err := once()
	return found[e.key(row)], err
}

// distinct returns the keys of the rows that have one, each once.
func distinct[Row any](rows []Row, key func(Row) uuid.UUID) []uuid.UUID {
	keys := make([]uuid.UUID, 0, len(rows))
	for _, row := range rows {
		// A comment that is no reply has no parent, for example.
		if k := key(row); k != uuid.Nil {
			keys = append(keys, k)
		}
	}
	// Sorted, so that equal questions make equal statements, and duplicates stand together.
	slices.SortFunc(keys, func(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) })
	return slices.Compact(keys)
}

// allOf returns the rows in what was found.
func allOf[V, Row any](found map[uuid.UUID]V, rows func(V) []Row) (all []Row) {
	for _, v := range found {
		all = append(all, rows(v)...)
	}
	return all
}

// pageOf identifies a page of a list: by its order or other arguments, and by which page it is.
type pageOf[By comparable] struct {
	by            By
	first, last   option[int]
	after, before option[string]
}

// page returns which page the arguments of a field ask for, so that two fields that ask for the same read it once.
func page[By comparable](by By, p keyset.Args) pageOf[By] {
	return pageOf[By]{by, optional(p.First), optional(p.Last), optional(p.After), optional(p.Before)}
}

func (p pageOf[By]) args() keyset.Args {
	return keyset.Args{First: p.first.pointer(), Last: p.last.pointer(), After: p.after.pointer(), Before: p.before.pointer()}
}

// pages is a method of a reader that reads a page of the list of each parent.
type pages[N, By any] = func(
	*reading.Reader, context.Context, By, keyset.Args, ...uuid.UUID,
) (map[uuid.UUID]*reading.Connection[N], error)

// toList declares the edge to a list: key names the parents, and back leads from the rows of the list to them.
func toList[Row, N, By comparable](
	key func(Row) uuid.UUID, back *edge[N, none, Row], read pages[N, By],
) *edge[Row, pageOf[By], *reading.Connection[N]] {
	return &edge[Row, pageOf[By], *reading.Connection[N]]{key, func(
		ctx context.Context, s *siblings[Row], from *reading.Reader, p pageOf[By], parents []uuid.UUID,
	) (map[uuid.UUID]*reading.Connection[N], error) {
		found, err := read(from, ctx, p.by, p.args(), parents...)
		// All rows of all parents become siblings, so what they lead to is read with one statement and not one for each
		// parent.
		know(join(ctx, allOf(found, (*reading.Connection[N]).Nodes)), back, byKey(s.rows, key))
		return found, err
	}}
}

// option is an optional value that can be compared with ==, unlike a pointer.
type option[V comparable] struct {
	value V
	given bool
}

// optional returns what an argument gives, if it does.
func optional[V comparable](p *V) option[V] {
	if p == nil {
		return option[V]{}
	}
	return option[V]{*p, true}
}

// pointer returns it as the domain takes it.
func (o option[V]) pointer() *V {
	if !o.given {
		return nil
	}
	return &o.value
}

// byKey returns rows by their keys.
func byKey[Row any](rows []Row, key func(Row) uuid.UUID) map[uuid.UUID]Row {
	out := make(map[uuid.UUID]Row, len(rows))
	for _, row := range rows {
		out[key(row)] = row
	}
	return out
}
