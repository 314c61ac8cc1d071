package graph

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"sync"

	"github.com/google/uuid"

	"petitiond/server/keyset"
	"petitiond/server/reading"
)

// loaders know which rows of an answer were read together. They live as long as the answer.
type loaders struct {
	mu       sync.Mutex       // guards siblings and later
	siblings map[any]any      // by each of the rows
	later    []func(*loaders) // that join more

	judged sync.Once // guards bodies
	bodies reading.Bodies
}

type loadersKey struct{}

func withLoaders(ctx context.Context) context.Context {
	return context.WithValue(ctx, loadersKey{}, &loaders{siblings: map[any]any{}})
}

func loadersFrom(ctx context.Context) *loaders {
	return ctx.Value(loadersKey{}).(*loaders) //nolint:forcetypeassert // Around puts them there for every answer
}

// siblings are rows that were read together. What a query asks of one of them it asks of all, so whoever comes
// first reads it for all: how many statements an answer costs depends on the text of the query, and neither on
// the number of rows nor on who was fast.
type siblings[Row comparable] struct {
	rows []Row
	mu   sync.Mutex // guards read
	read []answered
}

// answered is what was asked of siblings, and a function that gives the outcome.
type answered struct{ what, once any }

// once gives the reading of what was asked, or nil. It needs mu.
func (s *siblings[Row]) once(what any) any {
	for i := range s.read {
		if s.read[i].what == what {
			return s.read[i].once
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

// know gives siblings what was read with them, so that nobody reads it again.
func know[Row comparable, V any](s *siblings[Row], what any, known map[uuid.UUID]V) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.read = append(s.read, answered{what, func() (map[uuid.UUID]V, error) { return known, nil }})
}

// known gives what row's siblings were read with, where know was told.
func known[V any, Row comparable](ctx context.Context, row Row, what any, key uuid.UUID) (V, bool) {
	s := siblingsOf(ctx, row)
	s.mu.Lock()
	once, ok := s.once(what).(func() (map[uuid.UUID]V, error))
	s.mu.Unlock()
	if !ok {
		var none V
		return none, false
	}
	all, err := once()
	v, ok := all[key]
	return v, ok && err == nil
}

// owner is what rows know by that were read as the list of another one: that row, of this type.
type owner[Row any] struct{}

func register[Row comparable](l *loaders, rows []Row) *siblings[Row] {
	s := &siblings[Row]{rows: rows}
	for _, row := range rows {
		l.siblings[row] = s
	}
	return s
}

// joinLater leaves to do what joins rows of which hardly anybody asks anything: it is called, under the lock, when somebody asks
// something of a row that is not known.
func joinLater(ctx context.Context, do func(*loaders)) {
	l := loadersFrom(ctx)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.later = append(l.later, do)
}

// siblingsOf gives the row and those it was read with. One that came alone stays alone.
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
		l.later[0](l)
		l.later = l.later[1:]
	}
}

// fetch reads something by many keys at once, and leaves out the keys that there is nothing for.
type fetch[V any] = func(ctx context.Context, keys []uuid.UUID) (map[uuid.UUID]V, error)

// load gives what fetch finds by the key of a row, and reads it for the row's siblings too. What tells apart
// all that is loaded for such rows, arguments included. A row without a key has nothing.
func load[Row comparable, V any](ctx context.Context, row Row, what any, key func(Row) uuid.UUID, read fetch[V]) (V, error) {
	s := siblingsOf(ctx, row)
	s.mu.Lock()
	once, ok := s.once(what).(func() (map[uuid.UUID]V, error))
	if !ok {
		once = sync.OnceValues(func() (map[uuid.UUID]V, error) {
			if keys := distinct(s.rows, key); len(keys) > 0 {
				return read(ctx, keys)
			}
			return nil, nil //nolint:nilnil // of no keys there is nothing
		})
		s.read = append(s.read, answered{what, once})
	}
	s.mu.Unlock()
	found, err := once()
	return found[key(row)], err
}

// distinct gives the keys of the rows that have one, each once.
func distinct[Row any](rows []Row, key func(Row) uuid.UUID) []uuid.UUID {
	keys := make([]uuid.UUID, 0, len(rows))
	for _, row := range rows {
		if k := key(row); k != uuid.Nil {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, func(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) })
	return slices.Compact(keys)
}

// joined makes siblings of all the rows that a fetch reads.
func joined[V any, Row comparable](read fetch[V], rows func(V) []Row) fetch[V] {
	return func(ctx context.Context, keys []uuid.UUID) (map[uuid.UUID]V, error) {
		found, err := read(ctx, keys)
		joinAll(ctx, found, rows)
		return found, err
	}
}

// joinAll makes siblings of the rows in what was found.
func joinAll[V any, Row comparable](ctx context.Context, found map[uuid.UUID]V, rows func(V) []Row) *siblings[Row] {
	var all []Row
	for _, v := range found {
		all = append(all, rows(v)...)
	}
	return join(ctx, all)
}

// byID makes a fetch of a function that reads rows by their ids.
func byID[Row comparable](read func(context.Context, []uuid.UUID) ([]Row, error), id func(Row) uuid.UUID) fetch[Row] {
	byID := func(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]Row, error) {
		rows, err := read(ctx, ids)
		found := make(map[uuid.UUID]Row, len(rows))
		for _, row := range rows {
			found[id(row)] = row
		}
		return found, err
	}
	return joined(byID, func(row Row) []Row { return []Row{row} })
}

// list names a list and the page of it that is asked for, so that it can be compared.
type list struct {
	name          string
	order         any
	first, last   option[int]
	after, before option[string]
}

// option is a pointer that can be compared by its content.
type option[V comparable] struct {
	value V
	given bool
}

func optional[V comparable](p *V) option[V] {
	if p == nil {
		return option[V]{}
	}
	return option[V]{*p, true}
}

// parentsMost is for how many parents one statement reads a page of each: SQLite joins no more selects.
const parentsMost = 500

// loadPage gives the page of a row's list.
func loadPage[Row, N comparable](
	ctx context.Context, row Row, key func(Row) uuid.UUID, name string, order any, p keyset.Args,
	read func(context.Context, keyset.Args, ...uuid.UUID) (map[uuid.UUID]*reading.Connection[N], error),
) (*reading.Connection[N], error) {
	return loadPageAnd(ctx, row, key, name, order, p, read, func(context.Context, map[uuid.UUID]*reading.Connection[N]) {})
}

// loadPageAnd is loadPage for rows that are read with more: and is told of the pages when their rows are siblings.
func loadPageAnd[Row, N comparable](
	ctx context.Context, row Row, key func(Row) uuid.UUID, name string, order any, p keyset.Args,
	read func(context.Context, keyset.Args, ...uuid.UUID) (map[uuid.UUID]*reading.Connection[N], error),
	and func(context.Context, map[uuid.UUID]*reading.Connection[N]),
) (*reading.Connection[N], error) {
	pages := func(ctx context.Context, parents []uuid.UUID) (map[uuid.UUID]*reading.Connection[N], error) {
		found := make(map[uuid.UUID]*reading.Connection[N], len(parents))
		for some := range slices.Chunk(parents, parentsMost) {
			read, err := read(ctx, p, some...)
			if err != nil {
				return nil, err
			}
			maps.Copy(found, read)
		}
		return found, nil
	}
	owned := func(ctx context.Context, parents []uuid.UUID) (map[uuid.UUID]*reading.Connection[N], error) {
		found, err := pages(ctx, parents)
		know(joinAll(ctx, found, (*reading.Connection[N]).Nodes), owner[Row]{}, byKey(siblingsOf(ctx, row).rows, key))
		and(ctx, found)
		return found, err
	}
	what := list{name, order, optional(p.First), optional(p.Last), optional(p.After), optional(p.Before)}
	return load(ctx, row, what, key, owned)
}

// byKey gives rows by their keys.
func byKey[Row any](rows []Row, key func(Row) uuid.UUID) map[uuid.UUID]Row {
	out := make(map[uuid.UUID]Row, len(rows))
	for _, row := range rows {
		out[key(row)] = row
	}
	return out
}
