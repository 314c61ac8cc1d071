package walk

import (
	"maps"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"weak"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
)

// shapes are known of documents that are in use: each goes with its document. They take some 100 bytes for a field.
var shapes sync.Map // of *shape by weak.Pointer[ast.QueryDocument]

// shape is what is selected by a document, whatever its variables are.
type shape struct {
	varies bool // what is selected hangs on variables
	mu     sync.Mutex
	known  atomic.Pointer[map[place][]graphql.CollectedField] // never changed; a new one is put in its place under mu
}

// placesMost is how many selections are remembered of a document. None has so many: this is for callers who make lists of types
// themselves, every time.
const placesMost = 10_000

// place is a selection, by where it lies in memory, on an object of some types, by the same.
type place struct {
	first  *ast.Selection
	length int
	types  *string
}

// Fields gives the fields that a selection has on an object. It stands for graphql.CollectFields, which finds them anew
// for every operation: here they are found once for a document in which nothing is left out or deferred.
//
// What it gives must not be changed.
func Fields(oc *graphql.OperationContext, selected ast.SelectionSet, types []string) []graphql.CollectedField {
	if len(selected) == 0 || oc.Doc == nil {
		return graphql.CollectFields(oc, selected, types)
	}
	s := shapeOf(oc.Doc)
	if s.varies {
		return graphql.CollectFields(oc, selected, types)
	}
	at := place{first: &selected[0], length: len(selected)}
	if len(types) > 0 {
		at.types = &types[0]
	}
	if known := s.known.Load(); known != nil {
		if fields, ok := (*known)[at]; ok {
			return fields
		}
	}
	return s.learn(at, graphql.CollectFields(oc, selected, types))
}

// learn gives the fields that were found first: the selections in them are places, too.
func (s *shape) learn(at place, fields []graphql.CollectedField) []graphql.CollectedField {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := map[place][]graphql.CollectedField{}
	if known := s.known.Load(); known != nil {
		if first, ok := (*known)[at]; ok {
			return first
		}
		if len(*known) >= placesMost {
			return fields
		}
		next = maps.Clone(*known)
	}
	next[at] = fields
	s.known.Store(&next)
	return fields
}

func shapeOf(doc *ast.QueryDocument) *shape {
	key := weak.Make(doc)
	if known, ok := shapes.Load(key); ok {
		return known.(*shape) //nolint:forcetypeassert // nothing else is in there
	}
	s := &shape{}
	for _, op := range doc.Operations {
		s.varies = s.varies || varies(op.SelectionSet)
	}
	for _, fragment := range doc.Fragments {
		s.varies = s.varies || varies(fragment.SelectionSet)
	}
	known, had := shapes.LoadOrStore(key, s)
	if !had {
		runtime.AddCleanup(doc, func(key weak.Pointer[ast.QueryDocument]) { shapes.Delete(key) }, key)
	}
	return known.(*shape) //nolint:forcetypeassert // the same
}

// varies reports whether something in a selection is left out or deferred.
func varies(selected ast.SelectionSet) bool {
	return slices.ContainsFunc(selected, func(s ast.Selection) bool {
		switch s := s.(type) {
		case *ast.Field:
			return some(s.Directives) || varies(s.SelectionSet)
		case *ast.InlineFragment:
			return some(s.Directives) || varies(s.SelectionSet)
		case *ast.FragmentSpread:
			return some(s.Directives)
		}
		return true
	})
}

// some reports whether there are directives: a request has no others than those that leave out and defer.
func some(directives ast.DirectiveList) bool { return len(directives) > 0 }
