package fastexec_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"petitiond/graph/fastexec"
	"petitiond/graph/scalar"
)

// request is a context in which fields can be computed, at the path list.0.
func request(t *testing.T) (context.Context, *graphql.OperationContext) {
	t.Helper()
	op := &graphql.OperationContext{
		ResolverMiddleware: func(ctx context.Context, next graphql.Resolver) (any, error) { return next(ctx) },
		RecoverFunc:        func(_ context.Context, v any) error { return fmt.Errorf("panic: %v", v) },
	}
	ctx := graphql.WithOperationContext(t.Context(), op)
	ctx = graphql.WithResponseContext(ctx, graphql.DefaultErrorPresenter, op.RecoverFunc)
	first := 0
	ctx = graphql.WithFieldContext(ctx, &graphql.FieldContext{Field: named("list")})
	return graphql.WithFieldContext(ctx, &graphql.FieldContext{Index: &first}), op
}

func named(name string, below ...ast.Selection) graphql.CollectedField {
	return graphql.CollectedField{
		Field:      &ast.Field{Name: name, Alias: name, Definition: &ast.FieldDefinition{Name: name}, ObjectDefinition: &ast.Definition{Name: "Thing"}, Position: &ast.Position{Line: 1, Column: 2}},
		Selections: below,
	}
}

func begin(_ context.Context, field graphql.CollectedField) (*graphql.FieldContext, error) {
	return &graphql.FieldContext{Object: "Thing", Field: field}, nil
}

func written(m graphql.Marshaler) string {
	var out bytes.Buffer
	m.MarshalGQL(&out)
	return out.String()
}

type told struct {
	Value  string
	Null   bool // the value that makes an object invalid
	Errors gqlerror.List
}

// read is what a field's function returns, or its panic.
type read[T any] struct {
	value T
	err   error
	bug   any
}

var errLost = errors.New("lost")

func reads[T any](values ...T) map[string]read[T] {
	var none T
	out := map[string]read[T]{"Error": {err: errLost}, "ErrorBesideValue": {value: values[0], err: errLost}, "Panic": {bug: "bug"}, "Zero": {value: none}}
	for i, v := range values {
		out[fmt.Sprint("Value", i)] = read[T]{value: v}
	}
	return out
}

// TestLeafIsAsResolveField checks that every value of a leaf is answered as gqlgen answers it, errors with their places
// included.
func TestLeafIsAsResolveField(t *testing.T) {
	t.Parallel()
	text := func(_ context.Context, _ ast.SelectionSet, v string) graphql.Marshaler { return scalar.MarshalText(v) }
	number := func(ctx context.Context, _ ast.SelectionSet, v int) graphql.Marshaler {
		return graphql.WrapContextMarshaler(ctx, scalar.MarshalInt(v))
	}
	instant := func(_ context.Context, _ ast.SelectionSet, v time.Time) graphql.Marshaler {
		return scalar.MarshalDateTime(v)
	}
	id := func(_ context.Context, _ ast.SelectionSet, v scalar.ID) graphql.Marshaler { return v }
	truth := func(_ context.Context, _ ast.SelectionSet, v bool) graphql.Marshaler {
		return graphql.MarshalBoolean(v)
	}
	float := func(_ context.Context, _ ast.SelectionSet, v float64) graphql.Marshaler {
		return graphql.MarshalFloat(v)
	}
	one := scalar.NewID(scalar.Tag, uuid.UUID{1})
	for _, nonNull := range []bool{true, false} {
		leafAlike(t, text, nonNull, reads("a\"b"))
		leafAlike(t, number, nonNull, reads(-7, 1<<40))
		leafAlike(t, instant, nonNull, reads(time.Unix(1e9, 1000)))
		leafAlike(t, truth, nonNull, reads(true))
		leafAlike(t, float, nonNull, reads(1.5))
		leafAlike(t, pointed(text, nonNull), nonNull, reads(new("a")))
		leafAlike(t, pointed(number, nonNull), nonNull, reads(new(7), new(1<<40)))
		leafAlike(t, pointed(instant, nonNull), nonNull, reads(new(time.Unix(1e9, 1000))))
		leafAlike(t, pointed(id, nonNull), nonNull, reads(&one))
	}
}

type marshaler[T any] = func(context.Context, ast.SelectionSet, T) graphql.Marshaler

// pointed writes what a pointer points to, as the generated code does.
func pointed[T any](marshal marshaler[T], nonNull bool) marshaler[*T] {
	return func(ctx context.Context, selected ast.SelectionSet, v *T) graphql.Marshaler {
		if v == nil {
			if nonNull {
				graphql.AddInvalidNullError(ctx, "String!")
			}
			return graphql.Null
		}
		return marshal(ctx, selected, *v)
	}
}

func leafAlike[T any](t *testing.T, marshal marshaler[T], nonNull bool, all map[string]read[T]) {
	t.Helper()
	alike(t, named("leaf"), marshal, nonNull, all, func(
		ctx context.Context, _ graphql.CollectedField, read func(context.Context) (T, error), again func(func(context.Context) (any, error)) graphql.Marshaler,
	) graphql.Marshaler {
		return fastexec.Leaf(ctx, nonNull, read, marshal, again)
	})
}

// alike compares what gqlgen makes of a field with what a way to compute it makes of it.
func alike[T any](
	t *testing.T, field graphql.CollectedField, marshal marshaler[T], nonNull bool, all map[string]read[T],
	compute func(context.Context, graphql.CollectedField, func(context.Context) (T, error), func(func(context.Context) (any, error)) graphql.Marshaler) graphql.Marshaler,
) {
	t.Helper()
	for name, one := range all {
		times := 0
		resolve := func(context.Context) (T, error) {
			if times++; one.bug != nil {
				panic(one.bug)
			}
			return one.value, one.err
		}
		ways := [2]told{}
		for i := range ways {
			ctx, op := request(t)
			byGqlgen := func(read func(context.Context) (any, error)) graphql.Marshaler {
				return graphql.ResolveField(ctx, op, field, begin, read, nil, marshal, true, nonNull)
			}
			var value graphql.Marshaler
			if i == 0 {
				value = byGqlgen(func(ctx context.Context) (any, error) { return resolve(ctx) })
			} else {
				value = compute(ctx, field, resolve, byGqlgen)
			}
			ways[i] = told{written(value), value == graphql.Null, graphql.GetErrors(ctx)}
		}
		if times != len(ways) {
			t.Errorf("%T, %s: it was read %d times in %d ways", one.value, name, times, len(ways))
		}
		if diff := cmp.Diff(ways[0], ways[1], cmp.Comparer(func(a, b *gqlerror.Error) bool { return a.Error() == b.Error() && a.Path.String() == b.Path.String() })); diff != "" {
			t.Errorf("%T, non-null %v, %s: as gqlgen (-) and here (+):\n%s", one.value, nonNull, name, diff)
		}
	}
}

// TestLeafAllocatesLittle checks that the functions which a leaf is given are not allocated: an answer has hundreds of
// leaves.
func TestLeafAllocatesLittle(t *testing.T) { //nolint:paralleltest // it counts what others would allocate
	ctx, op := request(t)
	field := named("leaf")
	marshal := func(_ context.Context, _ ast.SelectionSet, v string) graphql.Marshaler { return scalar.MarshalText(v) }
	object := &struct{ text string }{"a"}
	got := testing.AllocsPerRun(100, func() {
		fastexec.Leaf(ctx, true, func(context.Context) (string, error) { return object.text, nil },
			func(ctx context.Context, selected ast.SelectionSet, v string) graphql.Marshaler {
				return marshal(ctx, selected, v)
			},
			func(read func(context.Context) (any, error)) graphql.Marshaler {
				return graphql.ResolveField(ctx, op, field, begin, read, nil, marshal, true, true)
			})
	})
	if got > 1 {
		t.Errorf("a text takes %v allocations, want the one for the text itself", got)
	}
}

// TestBranchIsAsResolveField checks the same of fields that lead to objects and lists, whose fields may fail, too.
func TestBranchIsAsResolveField(t *testing.T) {
	t.Parallel()
	below := func(ctx context.Context, _ ast.SelectionSet, name string) graphql.Marshaler {
		switch name {
		case "fails":
			graphql.AddError(ctx, errLost)
			return graphql.Null
		case "panics":
			panic("bug below")
		}
		return scalar.MarshalText(graphql.GetPath(ctx).String() + " " + graphql.GetFieldContext(ctx).Object)
	}
	list := func(ctx context.Context, selected ast.SelectionSet, names []string) graphql.Marshaler {
		return fastexec.Slice(ctx, len(names), 0, false, func(ctx context.Context, i int) graphql.Marshaler { return below(ctx, selected, names[i]) })
	}
	anything := func(ctx context.Context, selected ast.SelectionSet, v any) graphql.Marshaler {
		return below(ctx, selected, fmt.Sprint(v))
	}
	for _, nonNull := range []bool{true, false} {
		branchAlike(t, below, nonNull, reads("works", "fails", "panics"))
		branchAlike(t, pointed(below, nonNull), nonNull, reads(new("works")))
		branchAlike(t, list, nonNull, reads([]string{"works", "fails", "panics", "works"}))
		branchAlike(t, anything, nonNull, reads[any]("works"))
	}
}

func branchAlike[T any](t *testing.T, marshal marshaler[T], nonNull bool, all map[string]read[T]) {
	t.Helper()
	alike(t, named("branch", named("x").Field), marshal, nonNull, all, func(
		ctx context.Context, field graphql.CollectedField, read func(context.Context) (T, error), again func(func(context.Context) (any, error)) graphql.Marshaler,
	) graphql.Marshaler {
		return fastexec.Branch(ctx, field, read, marshal, again)
	})
}

// TestSlice checks that elements are computed one after another, that each knows its place, and that a
// panic harms its own alone.
func TestSlice(t *testing.T) {
	t.Parallel()
	ctx, _ := request(t)
	var order []int
	list := fastexec.Slice(ctx, 4, 0, false, func(ctx context.Context, i int) graphql.Marshaler {
		order = append(order, i)
		if i == 2 {
			panic("bug")
		}
		return scalar.MarshalText(graphql.GetPath(ctx).String())
	})
	if got, want := written(list), `["list[0][0]","list[0][1]",null,"list[0][3]"]`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if diff := cmp.Diff([]int{0, 1, 2, 3}, order); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
	if errs := graphql.GetErrors(ctx); len(errs) != 1 || errs[0].Path.String() != "list[0][2]" {
		t.Errorf("errors %v", errs)
	}
}

// TestResolve checks that fields that lead to objects are left to run side by side in the first element, and that all
// others are computed at once.
func TestResolve(t *testing.T) {
	t.Parallel()
	ctx, op := request(t)
	fields := []graphql.CollectedField{named("leaf"), named("a", named("x").Field)}
	fastexec.Slice(ctx, 3, 0, false, func(ctx context.Context, place int) graphql.Marshaler {
		return fastexec.Branch(ctx, named("node", named("x").Field), func(context.Context) (string, error) { return "", nil },
			func(ctx context.Context, _ ast.SelectionSet, _ string) graphql.Marshaler {
				out := graphql.NewFieldSet(fields)
				for i, field := range fields {
					done := fastexec.Resolve(ctx, out, field, op, i, true, true, func(context.Context) graphql.Marshaler {
						return scalar.MarshalText(field.Name)
					})
					if want := place > 0 || field.Name == "leaf"; done != want || done != (out.Values[i] != nil) {
						t.Errorf("element %d: field %s is there at once: %v", place, field.Name, done)
					}
				}
				return graphql.Null
			}, nil)
	})
}

// TestResolveInvalid checks that null where there must be none makes the object invalid, and so does a panic.
func TestResolveInvalid(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		nonNull bool
		gives   func(context.Context) graphql.Marshaler
		want    uint32
	}{
		{true, func(context.Context) graphql.Marshaler { return graphql.Null }, 1},
		{false, func(context.Context) graphql.Marshaler { return graphql.Null }, 0},
		{false, func(context.Context) graphql.Marshaler { return graphql.RequiredNull }, 1},
		{true, func(context.Context) graphql.Marshaler { panic("bug") }, 1},
		{true, func(context.Context) graphql.Marshaler { return scalar.MarshalText("a") }, 0},
	} {
		ctx, op := request(t)
		out := graphql.NewFieldSet([]graphql.CollectedField{named("leaf")})
		fastexec.Resolve(ctx, out, named("leaf"), op, 0, true, test.nonNull, test.gives)
		if out.Invalids != test.want {
			t.Errorf("%+v: %d invalid", test, out.Invalids)
		}
	}
}
