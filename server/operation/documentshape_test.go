package operation

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"
	"github.com/vektah/gqlparser/v2/validator/core"

	"petitiond/server/errcode"
)

// introspection is what graphql-js and GraphiQL ask, with every option on.
const introspection = `query IntrospectionQuery {
  __schema {
    description
    queryType { name kind } mutationType { name kind } subscriptionType { name kind }
    types { ...FullType }
    directives { name description isRepeatable locations args(includeDeprecated: true) { ...InputValue } }
  }
}
fragment FullType on __Type {
  kind name description specifiedByURL isOneOf
  fields(includeDeprecated: true) {
    name description args(includeDeprecated: true) { ...InputValue } type { ...TypeRef } isDeprecated deprecationReason
  }
  inputFields(includeDeprecated: true) { ...InputValue }
  interfaces { ...TypeRef }
  enumValues(includeDeprecated: true) { name description isDeprecated deprecationReason }
  possibleTypes { ...TypeRef }
}
fragment InputValue on __InputValue { name description type { ...TypeRef } defaultValue isDeprecated deprecationReason }
fragment TypeRef on __Type {
  kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name
  ofType { kind name ofType { kind name ofType { kind name ofType { kind name } } } } } } } } }
}`

// nested returns n selection sets within each other, of which open begins each.
func nested(n int, open string) string {
	return strings.Repeat("{"+open, n-1) + "{ v" + strings.Repeat("}", n)
}

// distinct returns n fields of different names.
func distinct(n int) string {
	var doc strings.Builder
	for i := range n {
		fmt.Fprintf(&doc, "v%d ", i)
	}
	return doc.String()
}

// bomb returns n fragments that each spread the next one twice.
func bomb(n int) string {
	var doc strings.Builder
	doc.WriteString("{ ...F0 }")
	for i := range n {
		fmt.Fprintf(&doc, " fragment F%d on T { n { ...F%d } n { ...F%d } }", i, i+1, i+1)
	}
	fmt.Fprintf(&doc, " fragment F%d on T { v }", n)
	return doc.String()
}

func TestGuard(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, doc string
		limit     string // nothing: within the limits
	}{
		{"Small", "{ v }", ""},
		{"Introspection", introspection, ""},
		{"Operations", strings.Repeat("query Q { v } ", 10), ""},
		{"OperationsOver", strings.Repeat("query Q { v } ", 11), "operations"},
		{"FragmentsOver", "{ v }" + strings.Repeat(" fragment F on T { v }", 21), "fragments"},
		{"Variables", "query(" + strings.Repeat("$a: Int ", 50) + ") { v }", ""},
		{"VariablesOver", "query(" + strings.Repeat("$a: Int ", 51) + ") { v }", "variables"},
		{"Directives", "{ v " + strings.Repeat("@skip(if: true) ", 20) + "}", ""},
		{"DirectivesOver", "{ v " + strings.Repeat("@skip(if: true) ", 21) + "}", "directives"},
		{"DirectivesOnOperation", "query " + strings.Repeat("@a ", 21) + "{ v }", "directives"},
		{"DirectivesOnVariable", "query($a: Int " + strings.Repeat("@a ", 21) + ") { v }", "directives"},
		{"DirectivesOnSpread", "{ ...F " + strings.Repeat("@a ", 21) + "} fragment F on T { v }", "directives"},
		{"DirectivesOnInline", "{ ... " + strings.Repeat("@a ", 21) + "{ v } }", "directives"},
		{"DirectivesOnFragment", "{ ...F } fragment F on T " + strings.Repeat("@a ", 21) + "{ v }", "directives"},
		{"Aliases", "{ n {" + strings.Repeat("a: v ", 15) + "} }", ""},
		{"AliasesOver", "{ n {" + strings.Repeat("a: v ", 16) + "} }", "aliases"},
		{"AliasesInFragment", "{ v } fragment F on T {" + strings.Repeat("a: v ", 16) + "}", "aliases"},
		{"SameNameInOtherSets", "{ n { v n { v n { v } } } }", ""},
		{"RootFields", "{" + strings.Repeat("v ", 10) + "}", ""},
		{"RootFieldsOver", "{" + strings.Repeat("v ", 11) + "}", "rootFields"},
		{"RootFieldsInFragments", "{ v ...F ... { v v v v v } } fragment F on T { v v v v v }", "rootFields"},
		{"Mutation", "mutation { v }", ""},
		{"MutationTwoFields", "mutation { a: v b: v }", "rootFields"},
		{"MutationTwoFieldsInFragment", "mutation { v ...F } fragment F on T { v }", "rootFields"},
		{"MutationTypename", "mutation { __typename v }", ""},
		{"MutationTypenameBehind", "mutation { v __typename }", ""},
		{"MutationTypenameAlone", "mutation { __typename }", ""},
		{"MutationTypenameByAlias", "mutation { a: __typename v b: __typename }", ""},
		{"MutationTypenameInFragments", "mutation { ...F ... { __typename } v } fragment F on T { __typename }", ""},
		{"MutationFieldInFragment", "mutation { __typename ...F } fragment F on T { __typename v }", ""},
		{"MutationFieldByTheAlias", "mutation { __typename: v a: v }", "rootFields"},
		{"MutationTypenameAndTwoFields", "mutation { __typename a: v b: v }", "rootFields"},
		{"MutationTypenameAndTwoFieldsInFragment", "mutation { v ...F } fragment F on T { __typename v }", "rootFields"},
		{"RootFieldsAndTypename", "{ __typename" + strings.Repeat(" v", 10) + "}", ""},
		{"FieldsAndTypename", "{ __typename n {" + distinct(499) + "} }", "fields"},
		{"AliasesOfTypename", "mutation { v" + strings.Repeat(" a: __typename", 16) + "}", "aliases"},
		{"Fields", "{ n {" + distinct(499) + "} }", ""},
		{"FieldsOver", "{ n {" + distinct(500) + "} }", "fields"},
		{"FieldsInFragments", bomb(10), "fields"},
		{"FieldsInSecondOperation", "query A { v } query B { n {" + distinct(500) + "} }", "fields"},
		{"Depth", nested(12, "n"), ""},
		{"DepthOver", nested(13, "n"), "depth"},
		{"DepthInline", nested(13, "..."), "depth"},
		{"DepthFragment", "{ n ...F } fragment F on T " + nested(12, "n"), ""},
		{"DepthFragmentOver", "{ n { ...F } } fragment F on T " + nested(12, "n"), "depth"},
		{"SchemaDepth", "{ __schema " + nested(20, "n") + "}", ""},
		{"SchemaDepthOver", "{ __schema " + nested(21, "n") + "}", "schemaDepth"},
		{"TypeDepthOver", "{ __type(name: \"T\") " + nested(21, "n") + "}", "schemaDepth"},
		{"SchemaDepthInFragment", "{ ...F } fragment F on T { __schema " + nested(21, "n") + "}", "schemaDepth"},
		{"DepthBesideSchema", "{ __schema { n } n " + nested(12, "n") + "}", "depth"},
		{"Cycle", "{ ...F } fragment F on T { n { ...F } }", ""},
		{"CycleOfTwo", "{ ...F } fragment F on T { ...G } fragment G on T { n { ...F } }", ""},
		{"UnknownFragment", "{ ...F }", ""},
		{"Values", "{ v(a: [[[[[1]]]]]) }", ""},
		{"ValuesOver", "{ v(a: [[[[[[1]]]]]]) }", "valueDepth"},
		{"ObjectsOver", "{ v(a: {a: {a: {a: {a: {a: {}}}}}}) }", "valueDepth"},
		{"ValuesInDefault", "query($a: T = [[[[[[1]]]]]]) { v }", "valueDepth"},
		{"ValuesInDirective", "{ v @a(b: [[[[[[1]]]]]]) }", "valueDepth"},
		{"ValuesInOperationDirective", "query @a(b: [[[[[[1]]]]]]) { v }", "valueDepth"},
		{"Bomb", bomb(19), "fields"},
		{"ListTypes", "query($a: [[[[[T]]]]]) { v }", ""},
		{"ListTypesOver", "query($a: [[[[[[T]]]]]]) { v }", "valueDepth"},
		{"Work", numbered(10, "query Q%d { ...F } ") + "fragment F on T { n {" + distinct(490) + "} }", ""},
		{"WorkOver", numbered(10, "query Q%d { n { ...F0 } } ") + chain(20, "T", distinct(24)), "work"},
		{"WorkInValues", numbered(10, "query Q%d { ...F } ") + "fragment F on T { v(a: [" + strings.Repeat("1 ", 950) + "]) }", "work"},
		{"WorkInDirectives", numbered(10, "query Q%d { ...F } ") + "fragment F on T @a(b: [" + strings.Repeat("1 ", 950) + "]) { v }", "work"},
		{"WorkInUnused", "{ v } " + web(20, "T", "v "+strings.Repeat("__typename ", 20), true), "work"},
		{"SecondOfAName", "{ ...F } fragment F on T { v } fragment F on T { v(a: [[[[[[1]]]]]]) }", "valueDepth"},
		{"AliasesInSecondOfAName", "{ ...F } fragment F on T { v } fragment F on T {" + strings.Repeat("a: v ", 16) + "}", "aliases"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			doc, err := parser.ParseQuery(&ast.Source{Input: test.doc})
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			if _, err := DefaultLimits().inspect(doc); err != nil {
				got = err.Extensions["limit"].(string)
				if CodeOf(err) != errcode.LimitExceeded || !strings.Contains(err.Message, fmt.Sprint(err.Extensions["value"])) {
					t.Errorf("the error does not say the limit: %v, %v", err.Message, err.Extensions)
				}
			}
			if diff := cmp.Diff(test.limit, got); diff != "" {
				t.Errorf("limit (-want +got):\n%s", diff)
			}
		})
	}
}

// What the guard calls work is what the walker does, whatever the document.
func TestWorkIsWhatValidationDoes(t *testing.T) {
	t.Parallel()
	l := DefaultLimits()
	l.Work = maxCount
	for name, text := range adversaries() {
		doc, err := parser.ParseQueryWithTokenLimit(&ast.Source{Input: text}, l.Tokens)
		if err != nil {
			continue
		}
		learned, refused := l.inspect(doc)
		if refused != nil {
			continue
		}
		seen := 0
		events := &core.Events{}
		events.OnField(func(*core.Walker, *ast.Field) { seen++ })
		events.OnInlineFragment(func(*core.Walker, *ast.InlineFragment) { seen++ })
		events.OnFragmentSpread(func(*core.Walker, *ast.FragmentSpread) { seen++ })
		events.OnDirective(func(*core.Walker, *ast.Directive) { seen++ })
		events.OnValue(func(*core.Walker, *ast.Value) { seen++ })
		events.OnVariable(func(*core.Walker, *ast.VariableDefinition) { seen++ })
		core.Walk(contract(), doc, events)
		if seen != learned.work {
			t.Errorf("%s: the walker visits %d nodes, the guard counted %d", name, seen, learned.work)
		}
	}
}

// What is learned of a document decides how its errors are worded, and which
// variables may be null.
func TestSurvey(t *testing.T) {
	t.Parallel()
	doc, err := parser.ParseQuery(&ast.Source{Input: `
		query A($a: Boolean = true, $b: Boolean = true, $c: Int) { v @skip(if: $a) w(a: $c) ...F }
		query B { longestOfAll @include(if: true) ...G }
		fragment F on T { v @include(if: $b) ...G }
		fragment G on T { n { v @skip(if: $d) } }`})
	if err != nil {
		t.Fatal(err)
	}
	learned, refused := DefaultLimits().inspect(doc)
	if refused != nil {
		t.Fatal(refused)
	}
	want := map[string][]string{"A": {"a", "b", "d"}, "B": {"d"}}
	got := map[string][]string{}
	for op, names := range learned.conditions {
		got[op.Name] = slices.Sorted(slices.Values(names))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("conditions (-want +got):\n%s", diff)
	}
	if learned.longest != len("longestOfAll") || len(learned.uses) != 4 {
		t.Errorf("the longest name has %d bytes, and variables are used %d times", learned.longest, len(learned.uses))
	}
}

const guardSDL = `
	type Query { n: T v: String w(a: String): String in(in: In): String }
	type T { n: T v: String w(a: String): String value: String colour(in: Colour, at: When): Colour on(x: Boolean): String }
	enum Colour { RED GREEN }
	scalar When
	input In { title: String! goal: Int = 100 need: Int! = 1 inner: In colours: [Colour!] at: When text: String }
	type Mutation { v: String }
	type Subscription { v: String }
`

func newTestJudge(o Options) *Judge {
	schema := gqlparser.MustLoadSchema(&ast.Source{Name: "guard.graphqls", Input: guardSDL})
	o.Schema, o.Limits = schema, DefaultLimits()
	return New(o)
}
