package fastexec_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/google/go-cmp/cmp"
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
		Field:      &ast.Field{Name: name, Alias: name, Definition: &ast.FieldDefinition{Name: name}, Position: &ast.Position{Line: 1, Column: 2}},
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
	a, seven, large := "a", 7, 1<<40
	for name, give := range map[string]func() (any, error){
		"Text": func() (any, error) { return "a\"b", nil }, "Nothing": func() (any, error) { return nil, nil },
		"Error": func() (any, error) { return nil, errors.New("lost") }, "ErrorBesideValue": func() (any, error) { return a, errors.New("lost") },
		"OtherType": func() (any, error) { return 1.5, nil }, "Time": func() (any, error) { return time.Unix(1e9, 1000), nil },
		"Number": func() (any, error) { return -7, nil }, "NumberTooLarge": func() (any, error) { return large, nil },
		"TextPointer": func() (any, error) { return &a, nil }, "NoText": func() (any, error) { return (*string)(nil), nil },
		"NumberPointer": func() (any, error) { return &seven, nil }, "NoNumber": func() (any, error) { return (*int)(nil), nil },
		"LargePointer": func() (any, error) { return &large, nil }, "NoTime": func() (any, error) { return (*time.Time)(nil), nil },
	} {
		for _, nonNull := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s/%v", name, nonNull), func(t *testing.T) {
				t.Parallel()
				alike(t, give, text, nonNull)
				alike(t, give, number, nonNull)
				alike(t, give, instant, nonNull)
				alike(t, give, pointed(text, nonNull), nonNull)
				alike(t, give, pointed(number, nonNull), nonNull)
				alike(t, give, pointed(instant, nonNull), nonNull)
			})
		}
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

func alike[T any](t *testing.T, give func() (any, error), marshal marshaler[T], nonNull bool) {
	t.Helper()
	reads := 0
	resolve := func(context.Context) (any, error) { reads++; return give() }
	ways := map[string]told{}
	for way, field := range map[string]func(context.Context, *graphql.OperationContext) graphql.Marshaler{
		"gqlgen": func(ctx context.Context, op *graphql.OperationContext) graphql.Marshaler {
			return graphql.ResolveField(ctx, op, named("leaf"), begin, resolve, nil, marshal, true, nonNull)
		},
		"fastexec": func(ctx context.Context, op *graphql.OperationContext) graphql.Marshaler {
			return fastexec.Leaf(ctx, op, named("leaf"), begin, resolve, nil, marshal, true, nonNull)
		},
	} {
		ctx, op := request(t)
		value := field(ctx, op)
		if reads != 1 {
			t.Errorf("%s reads it %d times", way, reads)
		}
		reads = 0
		ways[way] = told{written(value), value == graphql.Null, graphql.GetErrors(ctx)}
	}
	if diff := cmp.Diff(ways["gqlgen"], ways["fastexec"], cmp.Comparer(func(a, b *gqlerror.Error) bool { return a.Error() == b.Error() && a.Path.String() == b.Path.String() })); diff != "" {
		t.Errorf("as gqlgen (-) and here (+):\n%s", diff)
	}
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

// TestResolve checks that fields that lead to objects run side by side in the first element, and that in later ones
// none waits for another.
func TestResolve(t *testing.T) {
	t.Parallel()
	for _, place := range []int{0, 1} {
		ctx, op := request(t)
		graphql.GetFieldContext(ctx).Index = &place
		fields := []graphql.CollectedField{named("leaf"), named("a", named("x").Field), named("b", named("x").Field)}
		out := graphql.NewFieldSet(fields)
		deferred := fastexec.Deferred(ctx, fields)
		var meeting sync.WaitGroup
		meeting.Add(2)
		for i, field := range fields {
			fastexec.Resolve(ctx, out, field, op, &deferred, i, true, true, func(context.Context) graphql.Marshaler {
				if len(field.Selections) > 0 && place == 0 {
					meeting.Done()
					meeting.Wait() // which never ends if the other waits for this one
				}
				return scalar.MarshalText(field.Name)
			})
			if at := out.Values[i] != nil; at != (place > 0 || field.Name == "leaf") {
				t.Errorf("element %d: field %s is there at once: %v", place, field.Name, at)
			}
		}
		out.Dispatch(ctx)
		if got := written(fastexec.Object(fields, out)); got != written(out) || got != `{"leaf":"leaf","a":"a","b":"b"}` || out.Invalids != 0 {
			t.Errorf("element %d: %s, %d invalid", place, got, out.Invalids)
		}
	}
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
		deferred := graphql.NewDeferredGroup(ctx)
		fastexec.Resolve(ctx, out, named("leaf"), op, &deferred, 0, true, test.nonNull, test.gives)
		if out.Invalids != test.want {
			t.Errorf("%+v: %d invalid", test, out.Invalids)
		}
	}
}
