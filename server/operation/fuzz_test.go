package operation

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"
	"github.com/vektah/gqlparser/v2/validator/core"
)

// canary stands in values that no error may repeat, and reckoned where they are
// numbers.
const (
	canary   = "canary"
	reckoned = "8675309"
)

// careless are documents and variables that are refused for a value, each by
// another rule.
var careless = [][2]string{
	{`{ petition(slug: 8675309) { id } }`},
	{`{ petition(slug: canary) { id } }`},
	{`{ petition(slug: {a: "canary"}) { id } }`},
	{`{ petition(slug: ["canary", 8675309.5]) { id } }`},
	{`{ petition(slug: "canary") { nope } }`},
	{`{ petition(slug: """canary does not exist in "canary" enum""", slug: "canary") { id } }`},
	{`{ petition(slug: {a: "x does not exist in canary"}) { id } }`},
	{`{ petition(slug: {a: ", found canary: canary"}) { id } }`},
	{`{ petitions(first: "canary") { totalCount } }`},
	{`{ petitions(first: 86753098675309) { totalCount } }`},
	{`{ petitions(first: 8675309.8675309) { totalCount } }`},
	{`{ petitions(first: 8675309867530986753098675309) { totalCount } }`},
	{`{ petitions(filter: {states: [canary]}) { totalCount } }`},
	{`{ petitions(filter: {states: ["canary"]}) { totalCount } }`},
	{`{ petitions(filter: "canary", orderBy: {field: canary}) { totalCount } }`},
	{`{ petitions(filter: {nope: "canary"}) { totalCount } }`},
	{`{ petitions(first: null, search: 8675309) { totalCount } }`},
	{`{ petition(slug: "a") { signatureHistory(interval: canary, from: 8675309e8675309) { at } } }`},
	{`{ petition(slug: "a") { id @skip(if: "canary") slug @include(if: canary) } }`},
	{`{ petition(slug: "a") { signatures(first: 8675309) { totalCount } signatures(after: "canary") { totalCount } } }`},
	{`mutation { signPetition(input: {petitionId: "canary", name: "canary", email: 8675309, showName: "canary"}) { status } }`},
	{`mutation { signPetition(input: {name: "canary"}) { status } }`},
	{`mutation { addComment(input: {petitionId: "canary", body: null}) { comment { id } } }`},
	{`query($a: Int = "canary", $b: PetitionFilter = {states: [canary]}) { petitions(first: $a, filter: $b) { totalCount } }`},
	{`query($a: String = 8675309) { petition(slug: $a) { id } }`},
	{`query($a: Int!) { petitions(first: $a) { totalCount } }`, `{"a": "canary"}`},
	{`query($a: Int!) { petitions(first: $a) { totalCount } }`, `{"a": 8675309e9}`},
	{`query($a: PetitionFilter) { petitions(filter: $a) { totalCount } }`, `{"a": {"canary": 8675309}}`},
	{`query($a: PetitionFilter) { petitions(filter: $a) { totalCount } }`, `{"a": {"states": ["canary"], "tags": [8675309]}}`},
	{`query($a: ID!) { node(id: $a) { id } }`, `{"a": {"canary": 8675309}}`},
	{`query($a: Boolean = true) { petition(slug: "a") { id @include(if: $a) } }`, `{"a": null}`},
	{`query($a: Boolean = true) { petition(slug: "a") { id @include(if: $a) } }`, `{"a": "canary"}`},
	{`"canary"`},
	{`{ "canary" }`},
	{`{ petition(slug: "canary`},
	{`{ petition(slug: "\canary") { id } }`},
	{`{ petition(slug: "\ucanary") { id } }`},
	{`{ petition(slug: 08675309) { id } }`},
	{`{ petition(slug: 8675309canary) { id } }`},
	{`{ petition(slug: -canary) { id } }`},
	{`query A("canary": Int) { id }`},
	{`{ petition(8675309: "canary") { id } }`},
	{`query { petition(slug: "a") { id @canary(if: 8675309) } } # canary`},
}

// FuzzPrepare throws documents and variables at everything that stands before
// execution: the guard, validation, the overlap rule, coercion and the bill.
func FuzzPrepare(f *testing.F) {
	for _, text := range adversaries() {
		if len(text) < 3000 { // longer ones are judged by TestAdversaries, and leave a fuzzer little time
			f.Add(text, "", firstName(text))
		}
	}
	for _, pair := range careless {
		f.Add(pair[0], pair[1], "")
	}
	f.Add(`query($n: Int, $ids: [ID!]!) { nodes(ids: $ids) { ... on Petition @include(if: true) { comments(first: $n) { nodes { id } } } } }`, `{"n": -1, "ids": ["a"]}`, "")
	f.Add(`query A($n: Int = 5) { petitions(first: $n) { nodes { id } } } query B { __typename }`, `{"n": null}`, "A")
	open, shut := newContractJudge(Options{Introspection: true}), newContractJudge(Options{})
	f.Fuzz(func(t *testing.T, text, variables, name string) {
		request := &Request{Query: text, OperationName: name}
		if value, err := DefaultLimits().JSON().Decode([]byte(variables)); err == nil {
			request.Variables, _ = value.(map[string]any)
		}
		for _, e := range []*Judge{open, shut} {
			e.documents = newDocuments(1 << 20)
			begin := time.Now()
			op, refused := e.Prepare(request)
			// Far above what any takes: other programs run here, too.
			if took := time.Since(begin); took > time.Second {
				t.Errorf("took %v", took)
			}
			if refused == nil {
				sound(t, e, op)
				continue
			}
			for _, word := range []string{canary, reckoned} {
				if names(e, text, word) || isKey(request.Variables, word) {
					word = "\x00"
				}
				for _, fault := range faults(refused, word) {
					t.Error(fault)
				}
			}
			if told := string(mustJSON(refused.Errors)); e == shut && strings.Contains(told, "Did you mean") {
				t.Errorf("names are suggested: %s", told)
			}
		}
	})
}

// sound checks what holds for every operation that may run.
func sound(t *testing.T, e *Judge, op *Operation) {
	cost := op.Cost
	if op.Definition == nil || op.Document == nil || cost < 0 || cost > e.limits.Cost {
		t.Errorf("the operation %v is taken, with a cost of %d", op.Definition, cost)
	}
	if n := len(maps.Collect(e.documents.All())); n != 1 || e.documents.Bytes() <= 0 {
		t.Errorf("%d documents of %d bytes are kept", n, e.documents.Bytes())
	}
	if !pairwise(e, op.Document) {
		t.Error("fields overlap")
	}
}

// isKey tells whether a word is part of a key of an object in a value: it may be the name of a field.
func isKey(value any, word string) bool {
	switch value := value.(type) {
	case []any:
		return slices.ContainsFunc(value, func(item any) bool { return isKey(item, word) })
	case map[string]any:
		for key, item := range value {
			if strings.Contains(key, word) || isKey(item, word) {
				return true
			}
		}
	}
	return false
}

// names tells whether a word is part of a name in a document: errors speak of names.
func names(e *Judge, text, word string) (found bool) {
	doc, err := parser.ParseQueryWithTokenLimit(&ast.Source{Input: text}, e.limits.Tokens)
	if err != nil {
		return false
	}
	look := func(names ...string) {
		for _, name := range names {
			found = found || strings.Contains(name, word)
		}
	}
	events := &core.Events{}
	events.OnField(func(_ *core.Walker, field *ast.Field) {
		look(field.Name, field.Alias)
		for _, argument := range field.Arguments {
			look(argument.Name)
		}
	})
	events.OnDirective(func(_ *core.Walker, directive *ast.Directive) {
		look(directive.Name)
		for _, argument := range directive.Arguments {
			look(argument.Name)
		}
	})
	events.OnValue(func(_ *core.Walker, value *ast.Value) {
		for _, child := range value.Children {
			look(child.Name)
		}
		if value.Kind == ast.Variable {
			look(value.Raw)
		}
	})
	events.OnOperation(func(_ *core.Walker, op *ast.OperationDefinition) { look(op.Name) })
	events.OnVariable(func(_ *core.Walker, v *ast.VariableDefinition) { look(v.Variable, v.Type.Name()) })
	events.OnFragment(func(_ *core.Walker, fragment *ast.FragmentDefinition) { look(fragment.Name, fragment.TypeCondition) })
	events.OnFragmentSpread(func(_ *core.Walker, spread *ast.FragmentSpread) { look(spread.Name) })
	events.OnInlineFragment(func(_ *core.Walker, fragment *ast.InlineFragment) { look(fragment.TypeCondition) })
	core.Walk(e.schema, doc, events)
	return found
}
