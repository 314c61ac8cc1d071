package operation

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vektah/gqlparser/v2/ast"
)

func TestCoerce(t *testing.T) {
	t.Parallel()
	e := newTestJudge(Options{})
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
		{name: "IntMinusZero", typ: "Int", in: vars{"x": n("-0")}, want: vars{"x": int64(0)}},
		{name: "IntPower", typ: "Int", in: vars{"x": n("1E2")}, want: vars{"x": int64(100)}},
		{name: "IntBeyondFloats", typ: "Int", in: vars{"x": n("9007199254740993")}, err: `Variable "$x" must be of type Int.`},
		{name: "IntFraction", typ: "Int", in: vars{"x": n("7.5")}, err: `Variable "$x" must be of type Int.`},
		{name: "IntString", typ: "Int", in: vars{"x": "7"}, err: `Variable "$x" must be of type Int.`},
		{name: "IntBool", typ: "Int", in: vars{"x": true}, err: `Variable "$x" must be of type Int.`},
		{name: "Float", typ: "Float", in: vars{"x": n("7.5")}, want: vars{"x": 7.5}},
		{name: "FloatWhole", typ: "Float", in: vars{"x": n("7")}, want: vars{"x": 7.0}},
		{name: "FloatString", typ: "Float", in: vars{"x": "7.5"}, err: `Variable "$x" must be of type Float.`},
		{name: "FloatMinusZero", typ: "Float", in: vars{"x": n("-0")}, want: vars{"x": 0.0}},
		{name: "FloatTiny", typ: "Float", in: vars{"x": n("1e-400")}, want: vars{"x": 0.0}},
		{name: "FloatHuge", typ: "Float", in: vars{"x": n("1e400")}, err: `Variable "$x" must be of type Float.`},
		{name: "String", typ: "String", in: vars{"x": "a"}, want: vars{"x": "a"}},
		{name: "StringNumber", typ: "String", in: vars{"x": n("7")}, err: `Variable "$x" must be of type String.`},
		{name: "StringList", typ: "String", in: vars{"x": []any{"a"}}, err: `Variable "$x" must be of type String.`},
		{name: "Boolean", typ: "Boolean", in: vars{"x": true}, want: vars{"x": true}},
		{name: "BooleanString", typ: "Boolean", in: vars{"x": "true"}, err: `Variable "$x" must be of type Boolean.`},
		{name: "ID", typ: "ID", in: vars{"x": "a"}, want: vars{"x": "a"}},
		{name: "IDInt", typ: "ID", in: vars{"x": n("7")}, want: vars{"x": int64(7)}},
		{name: "IDBeyondFloats", typ: "ID", in: vars{"x": n("9007199254740993")}, want: vars{"x": int64(9007199254740993)}},
		{name: "IDHuge", typ: "ID", in: vars{"x": n("1e400")}, err: `Variable "$x" must be of type ID.`},
		{name: "IDFloat", typ: "ID", in: vars{"x": n("7.5")}, err: `Variable "$x" must be of type ID.`},
		{name: "Custom", typ: "When", in: vars{"x": "now"}, want: vars{"x": "now"}},
		{name: "StringHuge", typ: "String", in: vars{"x": n("1e400")}, err: `Variable "$x" must be of type String.`},
		{name: "EnumHuge", typ: "Colour", in: vars{"x": n("1e400")}, err: `Variable "$x" must be a value of the enum Colour.`},
		{name: "CustomHuge", typ: "When", in: vars{"x": n("1e400")}, want: vars{"x": n("1e400")}},
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
		{name: "ObjectFieldUnknown", typ: "In", in: vars{"x": vars{"title": "a", "secret": "s"}}, err: `Variable "$x" has a field "secret" that In does not have.`},
		{name: "ObjectFieldsUnknown", typ: "[In]", in: vars{"x": []any{vars{"title": "a", "inner": vars{"b": 1, "a": 1, "title": "b", "c": 1}}}}, err: `Variable "$x.0.inner" has a field "a" that In does not have.`},
		{name: "ObjectFieldLong", typ: "In", in: vars{"x": vars{"title": "a", strings.Repeat("n", maxEchoed): "s"}}, err: `Variable "$x" has a field "` + strings.Repeat("n", maxEchoed) + `" that In does not have.`},
		{name: "ObjectFieldTooLong", typ: "In", in: vars{"x": vars{"title": "a", strings.Repeat("n", maxEchoed+1): "s"}}, err: `Variable "$x" has a field that In does not have.`},
		{name: "ObjectFieldNoName", typ: "In", in: vars{"x": vars{"title": "a", "ada@example.org": "s"}}, err: `Variable "$x" has a field that In does not have.`},
		{name: "ObjectFieldEmpty", typ: "In", in: vars{"x": vars{"title": "a", "": "s"}}, err: `Variable "$x" has a field that In does not have.`},
		{name: "ObjectFieldDigit", typ: "In", in: vars{"x": vars{"title": "a", "4111": "s"}}, err: `Variable "$x" has a field that In does not have.`},
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

// A variable that may be null may stand where @skip asks for a Boolean, if it
// has a default. Executed with null it would be a panic.
func TestConditionsAreNotNull(t *testing.T) {
	t.Parallel()
	e := newTestJudge(Options{})
	const (
		field    = `query A($x: Boolean = true) { v @include(if: $x) }`
		fragment = `query A($x: Boolean = true) { ...F } fragment F on Query { n { v @skip(if: $x) } }`
		other    = `query A($x: Boolean = true) { n { on(x: $x) } } query B($x: Boolean = true) { v @skip(if: $x) }`
	)
	for _, test := range []struct {
		doc string
		in  map[string]any
		ok  bool
	}{
		{field, map[string]any{}, true},
		{field, map[string]any{"x": false}, true},
		{field, map[string]any{"x": nil}, false},
		{fragment, map[string]any{"x": nil}, false},
		{fragment, map[string]any{"x": true}, true},
		{other, map[string]any{"x": nil}, true},
	} {
		_, f := e.Prepare(&Request{Query: test.doc, OperationName: "A", Variables: test.in})
		if (f == nil) != test.ok {
			t.Errorf("%s with %v: %v", test.doc, test.in, f)
		}
		if f != nil && f.Errors[0].Message != `Variable "$x" must not be null, since @skip or @include depends on it.` {
			t.Error(f.Errors[0].Message)
		}
	}
}

// The default of a variable counts in its own operation alone.
func TestDefaultsOfOtherOperations(t *testing.T) {
	t.Parallel()
	e := newTestJudge(Options{})
	doc := `query A($x: String) { ...F } query B($x: String = "b") { ...F } fragment F on Query { in(in: {title: "t", text: $x}) }`
	op, f := e.Prepare(&Request{Query: doc, OperationName: "A"})
	if f != nil {
		t.Fatal(f.Errors)
	}
	got := op.Document.Fragments[0].SelectionSet[0].(*ast.Field).ArgumentMap(op.Variables)
	if diff := cmp.Diff(map[string]any{"in": map[string]any{"title": "t"}}, got); diff != "" {
		t.Errorf("arguments (-want +got):\n%s", diff)
	}
}

func TestErrorsOfVariablesAreShort(t *testing.T) {
	t.Parallel()
	e := newTestJudge(Options{})
	name := strings.Repeat("x", 15_000)
	_, f := e.Prepare(&Request{Query: "query($" + name + ": Int!) { v(a: $" + name + ") }"})
	if f == nil || len(faults(f, canary)) > 0 {
		t.Errorf("refused with %.300v", f)
	}
	_, bad := coerce(e.schema, &ast.OperationDefinition{VariableDefinitions: ast.VariableDefinitionList{
		{Variable: name, Type: ast.NonNullNamedType("Int", nil)},
	}}, nil)
	if len(bad.Message) != longest {
		t.Errorf("the error has %d bytes", len(bad.Message))
	}
}

func TestVariablesOfTheNamedOperation(t *testing.T) {
	t.Parallel()
	e := newTestJudge(Options{})
	doc := "query A($x: String = \"a\") { w(a: $x) } query B($x: String = \"b\") { w(a: $x) }"
	op, f := e.Prepare(&Request{Query: doc, OperationName: "B"})
	if f != nil {
		t.Fatal(f.Errors)
	}
	if diff := cmp.Diff(map[string]any{"x": "b"}, op.Variables); diff != "" {
		t.Errorf("variables (-want +got):\n%s", diff)
	}
}
