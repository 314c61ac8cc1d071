package transport

import (
	"encoding/json"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/google/go-cmp/cmp"
)

func TestCoerce(t *testing.T) {
	t.Parallel()
	e := newTestEngine(Options{})
	type vars = map[string]any
	n := func(s string) json.Number { return json.Number(s) }
	tests := []struct {
		name string
		typ  string // of $x, with a default perhaps
		in   vars
		want vars
		err  string
	}{
		{name: "Missing", typ: "Int", in: vars{}, want: vars{}},
		{name: "Null", typ: "Int", in: vars{"x": nil}, want: vars{"x": nil}},
		{name: "MissingRequired", typ: "Int!", in: vars{}, err: `Variable "$x" must not be null or missing.`},
		{name: "NullRequired", typ: "Int!", in: vars{"x": nil}, err: `Variable "$x" must not be null or missing.`},
		{name: "Default", typ: "Int! = 7", in: vars{}, want: vars{"x": int64(7)}},
		{name: "DefaultNotForNull", typ: "Int! = 7", in: vars{"x": nil}, err: `Variable "$x" must not be null or missing.`},
		{name: "Unknown", typ: "Int", in: vars{"y": n("1")}, want: vars{}},

		{name: "Int", typ: "Int", in: vars{"x": n("7")}, want: vars{"x": int64(7)}},
		{name: "IntWhole", typ: "Int", in: vars{"x": n("7.0")}, want: vars{"x": int64(7)}},
		{name: "IntLargest", typ: "Int", in: vars{"x": n("2147483647")}, want: vars{"x": int64(2147483647)}},
		{name: "IntSmallest", typ: "Int", in: vars{"x": n("-2147483648")}, want: vars{"x": int64(-2147483648)}},
		{name: "IntOver", typ: "Int", in: vars{"x": n("2147483648")}, err: `Variable "$x" must be of type Int.`},
		{name: "IntOverWhole", typ: "Int", in: vars{"x": n("2147483648.0")}, err: `Variable "$x" must be of type Int.`},
		{name: "IntHuge", typ: "Int", in: vars{"x": n("1e400")}, err: `Variable "$x" must be of type Int.`},
		{name: "IntFraction", typ: "Int", in: vars{"x": n("7.5")}, err: `Variable "$x" must be of type Int.`},
		{name: "IntString", typ: "Int", in: vars{"x": "7"}, err: `Variable "$x" must be of type Int.`},
		{name: "IntBool", typ: "Int", in: vars{"x": true}, err: `Variable "$x" must be of type Int.`},
		{name: "Float", typ: "Float", in: vars{"x": n("7.5")}, want: vars{"x": 7.5}},
		{name: "FloatWhole", typ: "Float", in: vars{"x": n("7")}, want: vars{"x": 7.0}},
		{name: "FloatString", typ: "Float", in: vars{"x": "7.5"}, err: `Variable "$x" must be of type Float.`},
		{name: "FloatHuge", typ: "Float", in: vars{"x": n("1e400")}, err: `Variable "$x" must be of type Float.`},
		{name: "String", typ: "String", in: vars{"x": "a"}, want: vars{"x": "a"}},
		{name: "StringNumber", typ: "String", in: vars{"x": n("7")}, err: `Variable "$x" must be of type String.`},
		{name: "StringList", typ: "String", in: vars{"x": []any{"a"}}, err: `Variable "$x" must be of type String.`},
		{name: "Boolean", typ: "Boolean", in: vars{"x": true}, want: vars{"x": true}},
		{name: "BooleanString", typ: "Boolean", in: vars{"x": "true"}, err: `Variable "$x" must be of type Boolean.`},
		{name: "ID", typ: "ID", in: vars{"x": "a"}, want: vars{"x": "a"}},
		{name: "IDInt", typ: "ID", in: vars{"x": n("7")}, want: vars{"x": int64(7)}},
		{name: "IDFloat", typ: "ID", in: vars{"x": n("7.5")}, err: `Variable "$x" must be of type ID.`},
		{name: "Custom", typ: "When", in: vars{"x": "now"}, want: vars{"x": "now"}},
		{name: "CustomNumber", typ: "When", in: vars{"x": n("7")}, want: vars{"x": int64(7)}},

		{name: "Enum", typ: "Colour", in: vars{"x": "RED"}, want: vars{"x": "RED"}},
		{name: "EnumDefault", typ: "Colour = GREEN", in: vars{}, want: vars{"x": "GREEN"}},
		{name: "EnumCase", typ: "Colour", in: vars{"x": "red"}, err: `Variable "$x" must be a value of the enum Colour.`},
		{name: "EnumNumber", typ: "Colour", in: vars{"x": n("0")}, err: `Variable "$x" must be a value of the enum Colour.`},

		{name: "List", typ: "[Int!]", in: vars{"x": []any{n("1"), n("2")}}, want: vars{"x": []any{int64(1), int64(2)}}},
		{name: "ListOfOne", typ: "[Int!]", in: vars{"x": n("1")}, want: vars{"x": []any{int64(1)}}},
		{name: "ListOfLists", typ: "[[Int]]", in: vars{"x": n("1")}, want: vars{"x": []any{[]any{int64(1)}}}},
		{name: "ListEmpty", typ: "[Int!]!", in: vars{"x": []any{}}, want: vars{"x": []any{}}},
		{name: "ListNull", typ: "[Int]", in: vars{"x": []any{nil}}, want: vars{"x": []any{nil}}},
		{name: "ListNullItem", typ: "[Int!]", in: vars{"x": []any{n("1"), nil}}, err: `Variable "$x.1" must not be null or missing.`},
		{name: "ListDefault", typ: "[Int!] = 3", in: vars{}, want: vars{"x": []any{int64(3)}}},

		{name: "Object", typ: "In", in: vars{"x": vars{"title": "a", "inner": vars{"title": "b"}}}, want: vars{"x": vars{"title": "a", "inner": vars{"title": "b"}}}},
		{name: "ObjectFieldMissing", typ: "In", in: vars{"x": vars{}}, err: `Variable "$x.title" must not be null or missing.`},
		{name: "ObjectFieldNull", typ: "In", in: vars{"x": vars{"title": "a", "need": nil}}, err: `Variable "$x.need" must not be null or missing.`},
		{name: "ObjectFieldUnknown", typ: "In", in: vars{"x": vars{"title": "a", "secret": "s"}}, err: `Variable "$x" has a field that In does not have.`},
		{name: "ObjectDeep", typ: "[In]", in: vars{"x": []any{vars{"title": "a", "inner": vars{"title": "b", "colours": []any{"RED", "x"}}}}}, err: `Variable "$x.0.inner.colours.1" must be a value of the enum Colour.`},
		{name: "ObjectString", typ: "In", in: vars{"x": "a"}, err: `Variable "$x" must be an object of type In.`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			// The variable is not used, which only validation minds.
			doc, _, err := e.parse("query($x: " + test.typ + ") { v }")
			if err != nil {
				t.Fatal(err)
			}
			got, bad := coerce(e.schema, doc.Operations[0], test.in)
			if bad != nil {
				if diff := cmp.Diff(test.err, bad.Message); diff != "" {
					t.Errorf("error (-want +got):\n%s", diff)
				}
				return
			}
			if test.err != "" {
				t.Errorf("want the error %s", test.err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("variables (-want +got):\n%s", diff)
			}
		})
	}
}

func TestVariablesOfTheNamedOperation(t *testing.T) {
	t.Parallel()
	e := newTestEngine(Options{})
	doc := "query A($x: String = \"a\") { w(a: $x) } query B($x: String = \"b\") { w(a: $x) }"
	op, f := e.prepare(t.Context(), &graphql.RawParams{Query: doc, OperationName: "B"})
	if f != nil {
		t.Fatal(f.errs)
	}
	if diff := cmp.Diff(map[string]any{"x": "b"}, op.Variables); diff != "" {
		t.Errorf("variables (-want +got):\n%s", diff)
	}
}
