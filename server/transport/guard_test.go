package transport

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/google/go-cmp/cmp"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"
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
		{"DirectivesOnInline", "{ ... " + strings.Repeat("@defer ", 21) + "{ v } }", "directives"},
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
				if codeOf(err) != limitExceeded || !strings.Contains(err.Message, fmt.Sprint(err.Extensions["value"])) {
					t.Errorf("the error does not say the limit: %v, %v", err.Message, err.Extensions)
				}
			}
			if diff := cmp.Diff(test.limit, got); diff != "" {
				t.Errorf("limit (-want +got):\n%s", diff)
			}
		})
	}
}

// hostile are documents within the limits that make validation work the most.
func hostile() map[string]string {
	pairs := func(field string, n int) string { return "{ n {" + strings.Repeat(field, n) + "} }" }
	var web strings.Builder // every fragment spreads every other
	web.WriteString("{ ...F0 }")
	for i := range 8 {
		fmt.Fprintf(&web, " fragment F%d on T { n { v ", i)
		for j := range 8 {
			if i != j {
				fmt.Fprintf(&web, "...F%d ", j)
			}
		}
		web.WriteString("} }")
	}
	var ladder strings.Builder
	ladder.WriteString("{ n { ...F0 ...G0 } }")
	for i := range 6 {
		fmt.Fprintf(&ladder, " fragment F%d on T { n { ...F%d ...G%d } } fragment G%d on T { n { ...G%d ...F%d } }", i, i+1, i+1, i, i+1, i+1)
	}
	ladder.WriteString(" fragment F6 on T { v } fragment G6 on T { v }")
	return map[string]string{
		"Duplicates":   pairs("v ", 51),
		"Conflicts":    pairs(`w(a:"0") w(a:"1") `, 25),
		"NestedPairs":  pairs("n { n { v } } ", 51),
		"Unknown":      pairs(distinct(490), 1),
		"Bomb":         bomb(6),
		"Web":          web.String(),
		"Ladder":       ladder.String(),
		"Variables":    "query(" + strings.Repeat("$a: Int = 1 ", 50) + ") { v }",
		"Lists":        "{ w(a: [" + strings.Repeat("1 ", 900) + "]) }",
		"Introspect":   introspection,
		"UnusedPieces": "{ v }" + strings.Repeat(" fragment F on T { n { n { v } } }", 20),
	}
}

// The bound is far above what any document takes here, and far below what one
// took without the guard.
func TestHostileDocumentsAreCheap(t *testing.T) {
	t.Parallel()
	for name, doc := range hostile() {
		t.Run(name, func(t *testing.T) {
			e := newTestEngine(Options{Introspection: true})
			begin := time.Now()
			_, f := e.prepare(context.Background(), &graphql.RawParams{Query: doc})
			if took := time.Since(begin); took > 500*time.Millisecond {
				t.Errorf("took %v", took)
			}
			if f != nil && codeOf(f.errs[0]) == limitExceeded {
				t.Errorf("never came to validation: %v", f.errs)
			}
			if f != nil && len(f.errs) > e.limits.Errors {
				t.Errorf("%d errors, want at most %d", len(f.errs), e.limits.Errors)
			}
		})
	}
}

func FuzzPrepare(f *testing.F) {
	for _, doc := range hostile() {
		f.Add(doc)
	}
	f.Add(`query($a: T! = {b: [RED]}) @x { a: n @include(if: $a) { ... on T @defer { v } ...F } }`)
	e := newTestEngine(Options{})
	f.Fuzz(func(t *testing.T, doc string) {
		op, refused := e.prepare(t.Context(), &graphql.RawParams{Query: doc})
		if refused == nil && op.Operation == nil {
			t.Errorf("%q has no operation", doc)
		}
		if refused != nil && len(mustJSON(refused.errs)) > 64<<10 {
			t.Errorf("%q is refused with %d bytes", doc, len(mustJSON(refused.errs)))
		}
	})
}

const guardSDL = `
	type Query { n: T v: String w(a: String): String }
	type T { n: T v: String w(a: String): String value: String colour(in: Colour, at: When): Colour }
	enum Colour { RED GREEN }
	scalar When
	input In { title: String! goal: Int = 100 need: Int! = 1 inner: In colours: [Colour!] at: When }
	type Mutation { v: String }
	type Subscription { v: String }
`

func newTestEngine(o Options) *engine {
	schema := gqlparser.MustLoadSchema(&ast.Source{Name: "guard.graphqls", Input: guardSDL})
	o.Schema = &graphql.ExecutableSchemaMock{SchemaFunc: func() *ast.Schema { return schema }}
	return newEngine(o.withDefaults())
}
