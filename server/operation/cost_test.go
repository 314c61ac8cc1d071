package operation

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"

	"petitiond/server/errcode"
)

const costSDL = `
	directive @cost(weight: String!) on ARGUMENT_DEFINITION | ENUM | FIELD_DEFINITION | INPUT_FIELD_DEFINITION | OBJECT | SCALAR
	directive @listSize(
		assumedSize: Int, slicingArguments: [String!], sizedFields: [String!], requireOneSlicingArgument: Boolean = true
	) on FIELD_DEFINITION

	interface Thing { id: ID same: Thing }
	type Item implements Thing { id: ID same: Thing part: Part dear: Int @cost(weight: "2.5") items: [Item] @listSize(assumedSize: 3) }
	type Part implements Thing @cost(weight: "0.1") { id: ID same: Thing parts: [Part] @listSize(assumedSize: 4) }
	type Gem implements Thing @cost(weight: "7") { id: ID same: Thing }
	type Page @cost(weight: "0") { nodes: [Item] edges: [Edge] more: [Item] count: Int }
	type Edge @cost(weight: "0") { node: Item }
	enum Colour @cost(weight: "0.01") { RED }
	scalar Blob @cost(weight: "1.0001")
	input Filter { first: Int, words: [String] @cost(weight: "3"), not: Filter, deep: [Filter] @cost(weight: "0.5") }
	type Query {
		item: Item
		thing: Thing
		colours: [Colour] @listSize(assumedSize: 250)
		blob: Blob
		unsaid: [Item]
		assumed: [Item] @listSize(assumedSize: 20)
		first(first: Int, last: Int, after: String): [Item]
			@listSize(assumedSize: 20, slicingArguments: ["first", "last"], requireOneSlicingArgument: false)
		preset(first: Int = 5): [Item] @listSize(slicingArguments: ["first"], requireOneSlicingArgument: false)
		ids(ids: [ID!]!): [Thing]! @listSize(assumedSize: 100, slicingArguments: ["ids"], requireOneSlicingArgument: false)
		page(first: Int): Page
			@listSize(assumedSize: 20, slicingArguments: ["first"], sizedFields: ["nodes", "edges"], requireOneSlicingArgument: false)
		search(text: String @cost(weight: "10"), filter: Filter): Item
		path(filter: Filter = {first: 9}): [Item] @listSize(slicingArguments: ["filter.first"], requireOneSlicingArgument: false)
		one(first: Int, last: Int): [Item] @listSize(slicingArguments: ["first", "last"])
		oneOrPreset(first: Int = 2, last: Int): [Item] @listSize(slicingArguments: ["first", "last"])
	}
	type Mutation { touch: Item @cost(weight: "10") }
	type Subscription { touched: Item @cost(weight: "1") }
`

func newCostJudge(l Limits) *Judge {
	schema := gqlparser.MustLoadSchema(&ast.Source{Name: "cost.graphqls", Input: costSDL})
	return New(Options{Introspection: true, Limits: l, Schema: schema})
}

// priced returns the cost of an operation, whatever the limit.
func priced(t *testing.T, e *Judge, doc string, variables map[string]any) int {
	t.Helper()
	e.limits.Cost = math.MaxInt
	op, f := e.Prepare(&Request{Query: doc, Variables: variables})
	if f != nil {
		t.Fatal(doc, f.Errors)
	}
	return op.Cost
}

func TestCost(t *testing.T) {
	t.Parallel()
	type vars = map[string]any
	const n = "query($n: Int) "
	tests := []struct {
		name, doc string
		in        vars
		want      int
	}{
		{"Scalar", `{ __typename }`, nil, 0},
		{"Object", `{ item { id } }`, nil, 1},
		{"Objects", `{ item { part { id } items { id } } }`, nil, 5}, // 1 + 0.1 + 3
		{"WeightOfType", `{ item { part { parts { id } } } }`, nil, 2},
		{"WeightOfField", `{ item { dear } }`, nil, 4},
		{"WeightOfFieldInList", `{ item { items { dear } } }`, nil, 12},
		{"WeightOfEnum", `{ colours }`, nil, 3},
		{"WeightOfScalar", `{ blob }`, nil, 2},
		{"Mutation", `mutation { touch { id } }`, nil, 11},
		{"Subscription", `subscription { touched { id } }`, nil, 2},

		{"Unsaid", `{ unsaid { id } }`, nil, 10},
		{"Assumed", `{ assumed { id } }`, nil, 20},
		{"Nested", `{ assumed { items { items { id } } } }`, nil, 20 * (1 + 3*(1+3))},
		{"First", `{ first(first: 7) { id } }`, nil, 8},
		{"Last", `{ first(last: 7) { id } }`, nil, 8},
		{"Both", `{ first(first: 7, last: 9) { id } }`, nil, 10},
		{"Neither", `{ first(after: "x") { id } }`, nil, 21},
		{"Null", `{ first(first: null) { id } }`, nil, 21},
		{"Zero", `{ first(first: 0) { id } }`, nil, 1},
		{"Negative", `{ first(first: -7) { id } }`, nil, 21},
		{"NegativeBesidePositive", `{ first(first: -7, last: 3) { id } }`, nil, 4},
		{"Over", `{ first(first: 101) { id } }`, nil, 21},
		{"FarOver", `{ first(first: 9223372036854775807) { id } }`, nil, 21},
		{"Most", `{ first(first: 100) { id } }`, nil, 101},
		{"Variable", n + `{ first(first: $n) { id } }`, vars{"n": 8}, 9},
		{"VariableMissing", n + `{ first(first: $n) { id } }`, nil, 21},
		{"VariableNull", n + `{ first(first: $n) { id } }`, vars{"n": nil}, 21},
		{"VariableNegative", n + `{ first(first: $n) { id } }`, vars{"n": -8}, 21},
		{"VariableDefault", `query($n: Int = 6) { first(first: $n) { id } }`, nil, 7},
		{"VariableBesideLiteral", n + `{ first(first: $n, last: 5) { id } }`, vars{"n": 2}, 6},
		{"VariableOfOtherField", n + `{ item { items { id } } first(first: $n) { items { id } } }`, vars{"n": 2}, 4 + 2*4 + 1},
		{"Preset", `{ preset { id } }`, nil, 6},
		{"PresetOverridden", `{ preset(first: 3) { id } }`, nil, 4},
		{"PresetVariableMissing", n + `{ preset(first: $n) { id } }`, nil, 6},
		{"PresetVariableNull", n + `{ preset(first: $n) { id } }`, vars{"n": nil}, defaultItems + 1},
		{"List", `{ ids(ids: ["a", "b"]) { ... on Item { id } } }`, nil, 15},
		{"ListOfVariables", `query($a: ID!) { ids(ids: [$a, $a, $a]) { id } }`, vars{"a": "x"}, 22},
		{"ListVariable", `query($ids: [ID!]!) { ids(ids: $ids) { id } }`, vars{"ids": []any{"a", "b"}}, 15},
		{"ListOfOne", `query($ids: [ID!]!) { ids(ids: $ids) { id } }`, vars{"ids": "a"}, 8},
		{"Path", `{ path(filter: {first: 4}) { id } }`, nil, 5},
		{"PathPreset", `{ path { id } }`, nil, 10},
		{"PathVariable", n + `{ path(filter: {first: $n}) { id } }`, vars{"n": 4}, 5},
		{"PathInVariable", `query($f: Filter) { path(filter: $f) { id } }`, vars{"f": vars{"first": 4}}, 5},
		{"OnePreset", `{ oneOrPreset { id } }`, nil, 3},

		{"Sized", `{ page(first: 7) { nodes { id } } }`, nil, 8},
		{"SizedDefault", `{ page { nodes { id } } }`, nil, 21},
		{"SizedTwice", `{ page(first: 7) { nodes { id } edges { node { id } } count } }`, nil, 15},
		{"SizedVariable", n + `{ page(first: $n) { nodes { items { id } } edges { node { id } } } }`, vars{"n": 2}, 2*4 + 2 + 1},
		{"NotSized", `{ page(first: 7) { more { id } } }`, nil, 1 + 7 + 10},
		{"NotSizedBelow", `{ page(first: 7) { nodes { items { id } } } }`, nil, 7*4 + 1},

		{"Argument", `{ search(text: "a") { id } }`, nil, 11},
		{"ArgumentNull", `{ search(text: null) { id } }`, nil, 1},
		{"ArgumentVariable", `query($a: String) { search(text: $a) { id } }`, vars{"a": "x"}, 11},
		{"ArgumentVariableMissing", `query($a: String) { search(text: $a) { id } }`, nil, 1},
		{"ArgumentVariableNull", `query($a: String) { search(text: $a) { id } }`, vars{"a": nil}, 1},
		{"Input", `{ search(filter: {words: ["a"]}) { id } }`, nil, 4},
		{"InputNull", `{ search(filter: {words: null}) { id } }`, nil, 1},
		{"InputNested", `{ search(filter: {words: [], not: {words: []}, deep: [{words: []}, {words: []}]}) { id } }`, nil, 14}, // 1 + 3 + 3 + 0.5 + 6
		{"InputVariable", `query($f: Filter) { search(filter: $f) { id } }`, vars{"f": vars{"words": []any{}, "not": vars{"words": "a"}}}, 7},
		{"InputVariableMissing", `query($f: Filter) { search(filter: $f) { id } }`, nil, 1},

		{"Merged", `{ item { part { id } } item { part { id } id } }`, nil, 2},
		{"MergedByFragment", `{ ...F item { items { id } } ...F } fragment F on Query { item { items { dear } } }`, nil, 12},
		{"Alias", `{ a: item { id } b: item { id } }`, nil, 2},
		{"Skipped", `{ item @skip(if: true) { id } }`, nil, 1},

		{"DearestType", `{ thing { id } }`, nil, 7},
		{"DearestSelection", `{ thing { ... on Gem { id } ... on Item { items { items { id } } } } }`, nil, 13},
		{"NoneOfIt", `{ thing { ... on Item { items { id } } } }`, nil, 7},
		{"InInterface", `{ thing { ... on Thing { ... { same { id } } } } }`, nil, 14},
		{"VariableInType", n + `{ ids(ids: ["a"]) { ... on Item { a: items { id } } ... on Part { parts { parts { id } } } } first(first: $n) { id } }`, vars{"n": 1}, 10},

		{"Introspection", `{ __schema { types { fields { args { name } } } } }`, nil, 4},
		{"TypesOfSchema", introspection, nil, 71},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			// Variables come from JSON, which has numbers of another type.
			if got := priced(t, newCostJudge(DefaultLimits()), test.doc, jsonVariables(t, test.in)); got != test.want {
				t.Errorf("cost %d, want %d", got, test.want)
			}
		})
	}
}

func jsonVariables(t *testing.T, in map[string]any) map[string]any {
	t.Helper()
	if in == nil {
		return nil
	}
	value, err := DefaultLimits().JSON().Decode(mustJSON(in))
	if err != nil {
		t.Fatal(err)
	}
	return value.(map[string]any)
}

// One document is priced once, and answers for all variables.
func TestCostOfOneDocument(t *testing.T) {
	t.Parallel()
	e := newCostJudge(DefaultLimits())
	for _, n := range []int{3, 50, 1, 0} {
		doc := `query A { item { id } } query B($n: Int) { page(first: $n) { nodes { items { id } } } }`
		op, f := e.Prepare(&Request{Query: doc, OperationName: "B", Variables: jsonVariables(t, map[string]any{"n": n})})
		if f != nil {
			t.Fatal(f.Errors)
		}
		if got := op.Cost; got != 1+4*n {
			t.Errorf("%d items cost %d", n, got)
		}
	}
}

func TestCostLimit(t *testing.T) {
	t.Parallel()
	e := newCostJudge(DefaultLimits())
	if _, f := e.Prepare(&Request{Query: `{ first(first: 100) { dear: id a: part { id } items { id } } }`}); f != nil {
		t.Fatal(f.Errors)
	}
	doc := `{ first(first: 100) { items { items { id } } } }`
	_, f := e.Prepare(&Request{Query: doc})
	if f == nil {
		t.Fatal("1,300 points were taken")
	}
	want := map[string]any{"code": errcode.LimitExceeded, "limit": "cost", "value": 1000}
	if diff := cmp.Diff(want, f.Errors[0].Extensions); diff != "" || !strings.Contains(f.Errors[0].Message, "1000") {
		t.Errorf("%s, extensions (-want +got):\n%s", f.Errors[0].Message, diff)
	}
}

func TestCostNeedsOneSlicingArgument(t *testing.T) {
	t.Parallel()
	e := newCostJudge(DefaultLimits())
	for doc, ok := range map[string]bool{
		`{ one { id } }`:                            false,
		`{ one(first: null) { id } }`:               false,
		`{ one(first: 1) { id } }`:                  true,
		`{ one(last: 1) { id } }`:                   true,
		`{ one(first: 1, last: 1) { id } }`:         false,
		`{ oneOrPreset(first: 1, last: 1) { id } }`: false,
		`{ oneOrPreset(last: 1) { id } }`:           true,
	} {
		_, f := e.Prepare(&Request{Query: doc})
		if (f == nil) != ok {
			t.Errorf("%s: %v", doc, f)
		}
		if f != nil && (CodeOf(f.Errors[0]) != errcode.ValidationFailed || len(f.Errors[0].Locations) == 0) {
			t.Errorf("%s: %v", doc, f.Errors[0])
		}
	}
}

// Lists within lists pass what an int64 holds long before the limit of depth.
func TestCostSaturates(t *testing.T) {
	t.Parallel()
	l := DefaultLimits()
	l.Tokens, l.Depth, l.Fields, l.Page = 5000, 100, 1000, math.MaxInt
	body := "id"
	for range 60 {
		body = "items { " + body + " }"
	}
	e := newCostJudge(l)
	for _, doc := range []string{
		`{ first(first: 9223372036854775807) { ` + body + ` } }`,
		`{ a: first(first: 9223372036854775807) { id } b: first(first: 9223372036854775807) { id } c: page(first: 4611686018427387904) { nodes { id } } }`,
		`query($n: Int) {` + numbered(10, "f%d: first(first: $n) { "+body+" }") + ` }`,
	} {
		if got := priced(t, e, doc, map[string]any{"n": json.Number("2147483647")}); got != maxPoints.whole() {
			t.Errorf("cost %d", got)
		}
	}
	if got := plus(maxPoints, maxPoints); got != maxPoints {
		t.Errorf("the sum is %d", got)
	}
	if got := times(math.MaxInt, maxPoints); got != maxPoints {
		t.Errorf("the product is %d", got)
	}
}

// A bill looks at a fragment for each type that it may be spread in. That has
// a bound.
func TestCostGivesUpOnTangles(t *testing.T) {
	t.Parallel()
	l := DefaultLimits()
	l.Depth = 30
	doc := "{ thing " + strings.Repeat("{ same ", 15) + "{ id }" + strings.Repeat("}", 16)
	got := messages(t, newCostJudge(l), doc)
	want := []string{"LIMIT_EXCEEDED: An operation may have at most 500 fields, counted for each type that they may be of."}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("messages (-want +got):\n%s", diff)
	}
}

func TestWeight(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]points{"0": 0, "1": 1000, "0.1": 100, "2.5": 2500, "0.0001": 1, "1e3": 1_000_000, ".5": 500} {
		schema := gqlparser.MustLoadSchema(&ast.Source{Input: costSDL + fmt.Sprintf("type Extra @cost(weight: %q) { a: Int }", text)})
		if got := newTariff(schema, 100, nil).types["Extra"]; got != want {
			t.Errorf("%s is %d", text, got)
		}
	}
	for _, text := range []string{"", "x", "-1", "1e400", "NaN", "0x"} {
		schema := gqlparser.MustLoadSchema(&ast.Source{Input: costSDL + fmt.Sprintf("type Extra @cost(weight: %q) { a: Int }", text)})
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("the weight %q was taken", text)
				}
			}()
			newTariff(schema, 100, nil)
		}()
	}
}

// What pages, tools and the README ask for is far from the limit.
func TestCostOfTheContract(t *testing.T) {
	t.Parallel()
	e := newContractJudge(Options{Introspection: true})
	for doc, want := range map[string]int{
		introspection: 71,
		`{ petitions(first: 3) { nodes { title signatureCount } } }`:                                                               1 + 3,
		`{ petitions { edges { cursor node { id title } } nodes { id } pageInfo { endCursor } totalCount } }`:                      1 + 40 + 20,
		`{ petitions(search: "water") { nodes { title tags { label } count { total progress } } } }`:                               200 + 1 + 20*(1+3+1),
		`{ petition(slug: "a") { title signatureHistory(interval: DAY) { at total } } }`:                                           1 + 10 + 100,
		`{ petition(slug: "a") { comments { nodes { body replies(first: 5) { nodes { body } } } } } }`:                             1 + 1 + 20*(1+1+5),
		`{ nodes(ids: ["a", "b"]) { id } }`:                                                                                        1 + 2,
		`{ petitions(first: 100) { edges { cursor } } }`:                                                                           1 + 100,
		`{ petitions(first: 100) { totalCount } }`:                                                                                 1 + 100 + 20,
		`{ tags { pageInfo { endCursor } } }`:                                                                                      1 + 20,
		`{ tags(first: 100) { nodes { label petitions(first: 1) { edges { cursor } } } } }`:                                        1 + 100*(1+1) + 30,
		`{ petition(slug: "a") { body a: body b: body bodyHtml c: bodyHtml } }`:                                                    1 + 5*5,
		`{ petitions(first: 9) { nodes { body bodyHtml } } }`:                                                                      1 + 9*(1+10),
		`{ tags(first: 100, search: "a") { nodes { label petitions(first: 5) { nodes { title } } } } }`:                            5 + 1 + 100*(1+5) + 30,
		`{ trendingTags { tag { label } signaturesLastDay } statistics { petitionCount } }`:                                        100 + 1 + 13 + 50 + 1,
		`{ petitions(filter: {states: [CLOSED], tags: ["a"], language: "en", minSignatures: null}) { nodes { title } } }`:          2*50 + 1 + 20,
		`mutation { signPetition(input: {petitionId: "a", name: "b", email: "c"}) { petition { title } userErrors { message } } }`: 11,
		`subscription { signatureCount(petitionId: "a") { total goal } }`:                                                          1,
	} {
		if got := priced(t, e, doc, nil); got != want {
			t.Errorf("cost %d, want %d: %s", got, want, doc)
		}
	}
}

// What only the program can measure is measured again for every operation: it may hang on the time.
func TestCostThatIsMeasured(t *testing.T) {
	t.Parallel()
	n := 0
	var given map[string]any
	e := newContractJudge(Options{Introspection: true, Sizes: map[string]func(map[string]any) int{
		"Petition.signatureHistory": func(arguments map[string]any) int { given = arguments; return n },
	}})
	const doc = `query($from: DateTime) { petition(slug: "a") { signatureHistory(interval: DAY, from: $from) { at } } }`
	for _, n = range []int{0, 30, 1000, 5} {
		if got, want := priced(t, e, doc, map[string]any{"from": "2026-01-01T00:00:00Z"}), int(points(11_000+100*n).whole()); got != want {
			t.Errorf("%d points cost %d, want %d", n, got, want)
		}
	}
	want := map[string]any{"interval": "DAY", "from": "2026-01-01T00:00:00Z", "to": nil}
	if diff := cmp.Diff(want, given); diff != "" {
		t.Errorf("arguments (-want +got):\n%s", diff)
	}
	for doc, want := range map[string]bool{doc: true, `{ petition(slug: "a") { id } }`: false} {
		if j, f := e.Prepare(&Request{Query: doc}); f != nil || j.Timed != want {
			t.Errorf("the cost hangs on the time: %v, want %v: %s", !want, want, doc)
		}
	}
}

// Every list of objects in the contract must say how long it may be, or be
// sized by the field around it.
func TestContractSaysHowLongListsAre(t *testing.T) {
	t.Parallel()
	schema := contract()
	sizing := newTariff(schema, 100, nil)
	outer := map[string]bool{}
	for _, def := range schema.Types {
		for _, field := range def.Fields {
			if size := sizing.fields[field].size; size != nil {
				for _, name := range size.sized {
					outer[field.Type.Name()+"."+name] = true
				}
			}
		}
	}
	for name, def := range maps.All(schema.Types) {
		for _, field := range def.Fields {
			of := schema.Types[field.Type.Name()]
			if def.Kind != ast.Object || strings.HasPrefix(name, "__") || field.Type.Elem == nil || of.IsLeafType() {
				continue
			}
			if sizing.fields[field].size == nil && !outer[name+"."+field.Name] {
				t.Errorf("%s.%s is a list that nothing sizes", name, field.Name)
			}
		}
	}
}

// BenchmarkCost measures what a known document costs with other variables.
func BenchmarkCost(b *testing.B) {
	e := newContractJudge(Options{Introspection: true})
	doc, f := e.document(`query($n: Int, $m: Int) { petitions(first: $n) { nodes { title tags { label } comments(first: $m) { nodes { body replies(first: $m) { nodes { body } } } } } } }`)
	if f != nil {
		b.Fatal(f.Errors)
	}
	variables := map[string]any{"n": int64(5), "m": int64(3)}
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := e.cost(doc, doc.Operations[0], variables); err != nil {
			b.Fatal(err)
		}
	}
}
