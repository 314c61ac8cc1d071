package fastexec

import (
	"runtime"
	"slices"
	"sync"
	"weak"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
)

// shapes hold what is known of each document in use, and lose it when the document goes. They take some 100 bytes for a
// field.
var shapes sync.Map // of *shape by weak.Pointer[ast.QueryDocument]

// shape is what is selected by a document, whatever its variables are.
type shape struct {
	varies bool     // what is selected depends on variables
	fields sync.Map // of []graphql.CollectedField by place
}

// place is a selection, by where it lies in memory, on an object of some types, by the same.
type place struct {
	first  *ast.Selection
	length int
	types  *string
}

// Fields returns the fields that a selection has on an object. It stands for graphql.CollectFields, which finds them
// again for every operation: here they are found once for a document in which nothing is left out or deferred.
//
// The result must not be changed. The types must be a variable of a package: a list that was made for the call would be
// remembered for each call.
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
	known, ok := s.fields.Load(at)
	if !ok { // what was found first stays: the selections in it are places, too
		known, _ = s.fields.LoadOrStore(at, graphql.CollectFields(oc, selected, types))
	}
	return known.([]graphql.CollectedField) //nolint:forcetypeassert // nothing else is in there
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
