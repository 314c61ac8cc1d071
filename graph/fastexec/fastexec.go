// Package fastexec takes the place of some functions of gqlgen's runtime in the code that gqlgen generates: how lists,
// objects and fields are computed and written. The answer is the same, byte for byte; it costs less.
//
// gqlgen starts a goroutine for every element of a list and for every field with a resolver, since any of them might
// wait. Here they do not: whoever first asks something of a row asks it for all rows that were read with it (see
// loader.go in graph), so that of a list only the first element waits, and of that one only the fields that lead to
// other rows. They are computed side by side, all others where they stand.
//
// The program in rewrite puts these functions in; make generate runs it.
package fastexec

import (
	"bytes"
	"context"
	"io"
	"sync"
	"sync/atomic"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"petitiond/server/budget"
)

// Slice computes a list, element by element. It stands for graphql.MarshalSliceConcurrently.
func Slice(
	ctx context.Context, length int, _ int64, omitPanicHandler bool, element func(ctx context.Context, i int) graphql.Marshaler,
) graphql.Array {
	list := make(graphql.Array, length)
	for i := range list {
		at := graphql.WithFieldContext(ctx, &graphql.FieldContext{Index: &i})
		list[i] = guarded(at, !omitPanicHandler, graphql.AddError, graphql.Recover, func(ctx context.Context) graphql.Marshaler {
			return element(ctx, i)
		})
	}
	return list
}

// Resolve computes a field that has a resolver: side by side with others if it leads to other objects and they are
// the first of their kind that are asked for, and else at once. It stands for the method ResolveConcurrently of
// graphql.FieldSet.
func Resolve(
	ctx context.Context, out *graphql.FieldSet, field graphql.CollectedField, oc *graphql.OperationContext,
	deferred *graphql.DeferredGroup, i int, recoverFromPanic, nonNull bool, resolve func(ctx context.Context) graphql.Marshaler,
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

// follows reports whether an element that comes earlier in a list has asked the same.
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

// Field computes a field. It stands for graphql.ResolveField, and leaves to it whatever is not a plain leaf, or goes
// wrong: only then does anybody ask at which place of the answer that was, and to know it takes more than all the rest
// of a leaf. So the resolver of a leaf is called again after it has failed. Field middleware does not see leaves.
func Field[T any](
	ctx context.Context, oc *graphql.OperationContext, field graphql.CollectedField,
	begin func(context.Context, graphql.CollectedField) (*graphql.FieldContext, error),
	resolve func(context.Context) (any, error),
	middleware func(context.Context, graphql.Resolver) graphql.Resolver,
	marshal func(context.Context, ast.SelectionSet, T) graphql.Marshaler,
	recoverFromPanic, nonNull bool,
) graphql.Marshaler {
	if len(field.Selections) == 0 && len(field.Definition.Arguments) == 0 && middleware == nil {
		if out := leaf(ctx, resolve, marshal, nonNull); out != nil {
			return out
		}
	}
	return graphql.ResolveField(ctx, oc, field, begin, resolve, middleware, marshal, recoverFromPanic, nonNull)
}

// leaf gives the value of a field that has neither arguments nor fields below it, or nil if anything is wrong.
func leaf[T any](
	ctx context.Context, resolve func(context.Context) (any, error), marshal func(context.Context, ast.SelectionSet, T) graphql.Marshaler,
	nonNull bool,
) (out graphql.Marshaler) {
	defer func() {
		if recover() != nil { // graphql.ResolveField meets it again, and tells
			out = nil
		}
	}()
	v, err := resolve(ctx)
	if err != nil || v == nil && nonNull {
		return nil
	}
	if v == nil {
		return graphql.Null
	}
	value, ok := v.(T)
	if n, whole := v.(int); !ok || whole && int(int32(n)) != n { // an Int cannot say it, which shows when it is written
		return nil
	}
	// A context without an answer: whoever wants to report an error panics.
	if out = marshal(context.Background(), nil, value); out == graphql.Null && nonNull {
		return nil
	}
	return out
}

// Deferred stands for graphql.NewDeferredGroup, which notes the place of every object for the fields that are deferred.
func Deferred(ctx context.Context, fields []graphql.CollectedField) graphql.DeferredGroup {
	for i := range fields {
		if fields[i].IsDeferred() {
			return graphql.NewDeferredGroup(ctx)
		}
	}
	return graphql.DeferredGroup{}
}

// Object writes what was computed of an object. It stands for the method MarshalGQL of graphql.FieldSet, which looks for
// fields of the same name, although there are none.
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

// write needs no error: what gqlgen writes to is a buffer.
func write(w io.Writer, text string) { _, _ = io.WriteString(w, text) }

// Written returns an answer in JSON, and nothing if it passes the budget of its operation, which then knows. It grows in
// a buffer that others grew in before.
func Written(ctx context.Context, data graphql.Marshaler) *bytes.Buffer {
	growing := pages.Get().(*page) //nolint:forcetypeassert // nothing else is in there
	growing.Reset()
	written := new(bytes.Buffer)
	if growing.write(budget.From(ctx), data) {
		written = bytes.NewBuffer(bytes.Clone(growing.Bytes()))
	}
	if growing.Cap() <= largest {
		pages.Put(growing)
	}
	return written
}

// Event writes an event of a subscription as Written does, into the buffer that gqlgen keeps for all of them.
func Event(ctx context.Context, into *bytes.Buffer, data graphql.Marshaler) {
	if into.Cap() > largest {
		*into = bytes.Buffer{}
	}
	p := page{Buffer: *into}
	if !p.write(budget.From(ctx), data) {
		p.Buffer = bytes.Buffer{}
	}
	*into = p.Buffer
}

// largest is a buffer that is kept, in bytes: hardly an answer is larger.
const largest = 256 << 10

var pages = sync.Pool{New: func() any { return new(page) }}

// page is a buffer that asks the budget as it grows.
type page struct {
	bytes.Buffer

	budget *budget.Budget
	room   int // bytes at which the budget is asked again
}

// full is thrown out of the middle of an answer that passes its budget: gqlgen writes without errors.
type full struct{}

// write reports whether the answer fits.
func (p *page) write(b *budget.Budget, data graphql.Marshaler) (fits bool) {
	defer func() {
		p.budget = nil
		if v := recover(); v != nil {
			if _, ok := v.(full); !ok {
				panic(v)
			}
			fits = false
		}
	}()
	var err error
	p.budget = b
	if p.room, err = b.Write(0); err != nil {
		return false
	}
	data.MarshalGQL(p)
	_, err = b.Write(p.Len())
	return err == nil
}

// Write appends text. A single text is no longer than what the budget allowed to be read.
func (p *page) Write(text []byte) (int, error) {
	n, err := p.Buffer.Write(text)
	p.grown()
	return n, err
}

// WriteString is Write for a string.
func (p *page) WriteString(text string) (int, error) {
	n, err := p.Buffer.WriteString(text)
	p.grown()
	return n, err
}

// WriteByte is Write for a byte.
func (p *page) WriteByte(c byte) error {
	err := p.Buffer.WriteByte(c)
	p.grown()
	return err
}

func (p *page) grown() {
	if p.Len() <= p.room {
		return
	}
	var err error
	if p.room, err = p.budget.Write(p.Len()); err != nil {
		panic(full{})
	}
}
