// Package fastexec replaces some functions of gqlgen's runtime in the code that gqlgen generates: those that compute
// lists, objects and leaves, and that write answers. Answers are the same, byte for byte, at lower cost. While an
// answer is written, its bytes are charged to the budget of its operation.
//
// gqlgen starts a goroutine for every element of a list and for every field with a resolver, since any of them might
// wait. Here they do not: the first row of a list that needs something reads it for all rows of the list (see loader.go
// in graph), so only the first element waits, and of that one only the fields that lead to other rows. These are
// computed concurrently, all others in place.
//
// The program in rewrite inserts these functions into the generated code; make generate runs it. Decision 0018 has the
// measurements.
package fastexec

import (
	"context"
	"io"
	"sync/atomic"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
)

// Slice computes a list, element by element. It replaces graphql.MarshalSliceConcurrently.
func Slice(
	ctx context.Context, length int, _ int64, omitPanicHandler bool,
	element func(ctx context.Context, i int) graphql.Marshaler,
) graphql.Array {
	list := make(graphql.Array, length)
	for i := range list {
		at := graphql.WithFieldContext(ctx, &graphql.FieldContext{Index: &i})
		list[i] = guarded(at, !omitPanicHandler, graphql.AddError, graphql.Recover,
			func(ctx context.Context) graphql.Marshaler { return element(ctx, i) })
	}
	return list
}

// Resolve computes a field that has a resolver: concurrently with others if it leads to other objects and is not in a
// later element of a list, and otherwise at once. It replaces the method ResolveConcurrently of graphql.FieldSet.
func Resolve(
	ctx context.Context, out *graphql.FieldSet, field graphql.CollectedField, oc *graphql.OperationContext,
	deferred *graphql.DeferredGroup, i int, recoverFromPanic, nonNull bool,
	resolve func(ctx context.Context) graphql.Marshaler,
) {
	if field.IsDeferred() || len(field.Selections) > 0 && !follows(ctx) {
		out.ResolveConcurrently(oc, deferred, i, recoverFromPanic, nonNull, resolve)
		return
	}
	out.Values[i] = guarded(ctx, recoverFromPanic, oc.Error, oc.Recover, resolve)
	invalid := graphql.Marshaler(graphql.RequiredNull)
	if nonNull {
		invalid = graphql.Null
	}
	if out.Values[i] == invalid {
		atomic.AddUint32(&out.Invalids, 1)
	}
}

// follows reports whether an earlier element of a list has already read the same.
func follows(ctx context.Context) bool {
	for at := graphql.GetFieldContext(ctx); at != nil; at = at.Parent {
		if at.Index != nil && *at.Index > 0 {
			return true
		}
	}
	return false
}

func guarded(
	ctx context.Context, recovers bool, tell func(context.Context, error), recovered func(context.Context, any) error,
	compute func(context.Context) graphql.Marshaler,
) (out graphql.Marshaler) {
	if recovers {
		defer func() {
			if v := recover(); v != nil {
				tell(ctx, recovered(ctx, v))
				out = graphql.Null
			}
		}()
	}
	return compute(ctx)
}

// Leaf computes a field that is a field of a struct and has neither arguments nor fields below it. It replaces
// graphql.ResolveField, which records the path of the field for possible errors; that costs more than all the rest of a
// leaf. A value that cannot cause an error needs no path; any other value is left to graphql.ResolveField.
func Leaf[T any](
	ctx context.Context, oc *graphql.OperationContext, field graphql.CollectedField,
	begin func(context.Context, graphql.CollectedField) (*graphql.FieldContext, error),
	read func(context.Context) (any, error),
	middleware func(context.Context, graphql.Resolver) graphql.Resolver,
	marshal func(context.Context, ast.SelectionSet, T) graphql.Marshaler,
	recoverFromPanic, nonNull bool,
) graphql.Marshaler {
	v, err := read(ctx)
	if err == nil && isPlain(v, nonNull) {
		if value, ok := v.(T); ok {
			return marshal(ctx, nil, value)
		}
	}
	again := func(context.Context) (any, error) { return v, err }
	return graphql.ResolveField(ctx, oc, field, begin, again, middleware, marshal, recoverFromPanic, nonNull)
}

// isPlain reports whether a value can be written without an error. An Int has 32 bits, and a nil pointer is null, which
// is an error for a non-null type.
func isPlain(v any, nonNull bool) bool {
	switch v := v.(type) {
	case string, bool, time.Time:
		return true
	case int:
		return isInt(v)
	case *int:
		return v == nil && !nonNull || v != nil && isInt(*v)
	case *string:
		return v != nil || !nonNull
	case *time.Time:
		return v != nil || !nonNull
	}
	return false
}

func isInt(n int) bool { return n == int(int32(n)) }

// Deferred replaces graphql.NewDeferredGroup, which records the path of every object for deferred fields.
func Deferred(ctx context.Context, fields []graphql.CollectedField) graphql.DeferredGroup {
	for i := range fields {
		if fields[i].IsDeferred() {
			return graphql.NewDeferredGroup(ctx)
		}
	}
	return graphql.DeferredGroup{}
}

// Object writes what was computed of an object. It replaces the method MarshalGQL of graphql.FieldSet, which searches
// for duplicate names, although there are none.
func Object(fields []graphql.CollectedField, out *graphql.FieldSet) graphql.Marshaler {
	return &object{fields, out.Values}
}

type object struct {
	fields []graphql.CollectedField
	values []graphql.Marshaler
}

// MarshalGQL writes the fields as members. Names of GraphQL need no escapes.
func (o *object) MarshalGQL(w io.Writer) {
	for i := range o.fields {
		before := `,"`
		if i == 0 {
			before = `{"`
		}
		write(w, before)
		write(w, o.fields[i].Alias)
		write(w, `":`)
		o.values[i].MarshalGQL(w)
	}
	if len(o.fields) == 0 {
		write(w, "{")
	}
	write(w, "}")
}
