package fastexec

import (
	"context"
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
	fields sync.Map // of *collected by the address of the first of the selections
}

// collected are the fields that a selection has on objects of some types. Lists of types are told apart by their
// addresses. The list of those with the same first selection is never changed, only replaced.
type collected struct {
	length int
	types  *string
	fields []graphql.CollectedField
	next   *collected
}

// Fields returns the fields that a selection has on an object. It replaces graphql.CollectFields, which collects them
// again for every operation: here they are collected once for a document without @skip and @include.
//
// The result must not be changed. The types must be a package-level variable: a list that was made for the call would
// add an entry with each call.
func Fields(
	ctx context.Context, oc *graphql.OperationContext, selected ast.SelectionSet, types []string,
) []graphql.CollectedField {
	if len(selected) == 0 || oc.Doc == nil {
		return graphql.CollectFields(oc, selected, types)
	}
	s := shapeOf(ctx, oc)
	if s.varies {
		return graphql.CollectFields(oc, selected, types)
	}
	var of *string
	if len(types) > 0 {
		of = &types[0]
	}
	at := &selected[0]
	for {
		first, _ := s.fields.Load(at)
		list, _ := first.(*collected)
		for one := list; one != nil; one = one.next {
			if one.length == len(selected) && one.types == of {
				return one.fields
			}
		}
		// Until it is found: the first result is kept, since its selections are used as addresses, too.
		more := &collected{len(selected), of, graphql.CollectFields(oc, selected, types), list}
		if list == nil {
			s.fields.LoadOrStore(at, more)
		} else {
			s.fields.CompareAndSwap(at, list, more)
		}
	}
}

// shapeOf returns the shape of the document of the operation under ctx.
func shapeOf(ctx context.Context, oc *graphql.OperationContext) *shape {
	if p := placeOf(ctx); p != nil && p.shape != nil {
		return p.shape // which saves looking for it
	}
	return shapeOfDocument(oc.Doc)
}

// shapeIn is shapeOf where there may be no operation.
func shapeIn(ctx context.Context) *shape {
	if !graphql.HasOperationContext(ctx) || graphql.GetOperationContext(ctx).Doc == nil {
		return nil
	}
	return shapeOfDocument(graphql.GetOperationContext(ctx).Doc)
}

// shapeOfDocument returns what is known of a document, which is the same each time that it is executed. It is kept for
// as long as the document is, by a weak pointer: the cache of documents decides how long that is.
func shapeOfDocument(doc *ast.QueryDocument) *shape {
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
