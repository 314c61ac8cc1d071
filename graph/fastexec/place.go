package fastexec

import (
	"context"
	"sync"

	"github.com/99designs/gqlgen/graphql"
)

// place is the context of a place in an answer: of a field, or of an element of a list. gqlgen makes a FieldContext for
// each place, in case an error has to say where it happened. Here it is made when it is first asked for.
type place struct {
	context.Context // of what the place is in

	field *graphql.CollectedField // nil: an element of a list
	index int                     // of the element
	later bool                    // in an element that is not the first of its list
	shape *shape                  // of the document

	asked sync.Once
	made  *graphql.FieldContext
}

type placeKey struct{}

// Value returns the place's FieldContext, or what the context has that the place is in.
func (p *place) Value(key any) any {
	switch key {
	case fieldContextKey:
		return p.fieldContext()
	case placeKey{}:
		return p
	}
	return p.Context.Value(key)
}

// fieldContext makes what gqlgen would have made for each field, once somebody asks for it: nearly nobody does, unless
// there is an error whose path is wanted.
func (p *place) fieldContext() *graphql.FieldContext {
	p.asked.Do(func() {
		p.made = &graphql.FieldContext{Parent: graphql.GetFieldContext(p.Context)}
		if p.field == nil {
			p.made.Index = &p.index
		} else {
			p.made.Object, p.made.Field = p.field.ObjectDefinition.Name, *p.field
		}
	})
	return p.made
}

// fieldContextKey is the key under which gqlgen looks for a FieldContext, which it does not export.
var fieldContextKey = func() any {
	var asked keyOf
	graphql.GetFieldContext(&asked)
	return asked.key
}()

// keyOf is a context that remembers the key of a value that it was asked for.
type keyOf struct {
	context.Context

	key any
}

// Value remembers the key and returns nothing.
func (k *keyOf) Value(key any) any {
	k.key = key
	return nil
}

// placeOf returns the innermost place of a context, or nil.
func placeOf(ctx context.Context) *place {
	if p, ok := ctx.(*place); ok { // as nearly always
		return p
	}
	p, _ := ctx.Value(placeKey{}).(*place)
	return p
}

// in returns a place in what ctx is the context of. Its field or index is still to be set.
func in(ctx context.Context) place {
	if p := placeOf(ctx); p != nil {
		return place{Context: ctx, later: p.later, shape: p.shape}
	}
	return place{Context: ctx, shape: shapeIn(ctx)}
}

// isLater reports whether an earlier element of a list has already read the same.
func isLater(ctx context.Context) bool {
	p := placeOf(ctx)
	return p != nil && p.later
}
