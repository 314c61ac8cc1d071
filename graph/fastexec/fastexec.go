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
	"reflect"
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
	list, places := make(graphql.Array, length), make([]place, length)
	first := in(ctx)
	for i := range list {
		at := &places[i]
		at.Context, at.index, at.later, at.shape = ctx, i, first.later || i > 0, first.shape
		list[i] = guarded(at, !omitPanicHandler, graphql.AddError, graphql.Recover,
			func(ctx context.Context) graphql.Marshaler { return element(ctx, i) })
	}
	return list
}

// Resolve computes a field that has a resolver, unless it may have to wait: if it leads to other objects and is not in
// a later element of a list. It then reports false, and the field is for the method ResolveConcurrently of
// graphql.FieldSet.
func Resolve(
	ctx context.Context, out *graphql.FieldSet, field graphql.CollectedField, oc *graphql.OperationContext,
	i int, recoverFromPanic, nonNull bool, resolve func(ctx context.Context) graphql.Marshaler,
) bool {
	if field.IsDeferred() || len(field.Selections) > 0 && !isLater(ctx) {
		return false
	}
	out.Values[i] = guarded(ctx, recoverFromPanic, oc.Error, oc.Recover, resolve)
	invalid := graphql.Marshaler(graphql.RequiredNull)
	if nonNull {
		invalid = graphql.Null
	}
	if out.Values[i] == invalid {
		atomic.AddUint32(&out.Invalids, 1)
	}
	return true
}

// guarded computes a value. With recovers a panic becomes an error of this value alone, as gqlgen has it, and null.
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

// byGqlgen computes a field by graphql.ResolveField, with what was read or with a function that panics as reading did.
// It is called for whatever may need an error, which gqlgen reports.
type byGqlgen = func(read func(context.Context) (any, error)) graphql.Marshaler

// Leaf computes a field that has neither arguments nor fields below it. It takes the place of graphql.ResolveField,
// which records the path of the field for possible errors; that costs more than all the rest of a leaf. A value that
// cannot cause an error needs no path; any other value is left to graphql.ResolveField.
//
// The functions must be called here and handed to nobody else, or each leaf of an answer would allocate them.
func Leaf[T any](
	ctx context.Context, nonNull bool, read func(context.Context) (T, error),
	marshal func(context.Context, ast.SelectionSet, T) graphql.Marshaler, again byGqlgen,
) (out graphql.Marshaler) {
	defer func() {
		if v := recover(); v != nil {
			out = again(func(context.Context) (any, error) { panic(v) })
		}
	}()
	v, err := read(ctx)
	if err != nil || !isPlain(v, nonNull) {
		return again(func(context.Context) (any, error) { return v, err })
	}
	return marshal(ctx, nil, v)
}

// Branch computes a field without arguments that leads to an object or a list. It takes the place of
// graphql.ResolveField, which records the path of the field: here what is below the field can find the path out.
func Branch[T any](
	ctx context.Context, field graphql.CollectedField, read func(context.Context) (T, error),
	marshal func(context.Context, ast.SelectionSet, T) graphql.Marshaler, again byGqlgen,
) (out graphql.Marshaler) {
	defer func() {
		if v := recover(); v != nil {
			out = again(func(context.Context) (any, error) { panic(v) })
		}
	}()
	at := &branch{place: in(ctx), own: field}
	at.field = &at.own
	v, err := read(&at.place)
	if err != nil || any(v) == nil {
		return again(func(context.Context) (any, error) { return v, err })
	}
	return marshal(&at.place, field.Selections, v)
}

// branch is a place together with its field, as a single allocation.
type branch struct {
	place

	own graphql.CollectedField
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
	case graphql.Marshaler: // a pointer to what writes itself, such as an ID
		at := reflect.ValueOf(v)
		return at.Kind() == reflect.Pointer && (!at.IsNil() || !nonNull)
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

// object is what a selection of fields was computed to. It is written straight into the answer, without a copy in
// between.
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
