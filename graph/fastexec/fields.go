package fastexec

import (
	"runtime"
	"slices"
	"sync"
	"weak"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
)

// shapes holds what is known about each document in use; an entry is removed when the document is garbage collected. It
// takes some 100 bytes for each field.
var shapes sync.Map // of *shape by weak.Pointer[ast.QueryDocument]

// shape is what a document selects, independent of its variables.
type shape struct {
	varies bool     // the selection depends on variables
	fields sync.Map // of []graphql.CollectedField by place
}

// place identifies a selection and a list of types by their addresses in memory.
type place struct {
	first  *ast.Selection
	length int
	types  *string
}

// Fields returns the fields that a selection has on an object. It replaces graphql.CollectFields, which collects them
// again for every operation: here they are collected once for a document without @skip and @include.
//
// The result must not be changed. The types must be a package-level variable: a list that was made for the call would
// add an entry with each call.
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
	if !ok { // the first result is kept: its selections are used as places, too
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

// varies reports whether a selection contains @skip or @include.
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

// some reports whether there are directives: a valid request has no others than @skip and @include.
func some(directives ast.DirectiveList) bool { return len(directives) > 0 }
