package fastexec_test

import (
	"runtime"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/google/go-cmp/cmp"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/validator/rules"

	"petitiond/graph/fastexec"
)

const things = `type Query { thing: Thing things: [Thing] }
interface Named { name: String }
type Thing implements Named { name: String other: Thing }`

var (
	queryTypes = []string{"Query"}
	thingTypes = []string{"Thing", "Named"}
)

// selection is what a document selects, field by field.
type selection struct {
	Alias, Name string
	Below       []selection
}

type collect = func(*graphql.OperationContext, ast.SelectionSet, []string) []graphql.CollectedField

func selections(collect collect, op *graphql.OperationContext, set ast.SelectionSet, types []string) (out []selection) {
	for _, field := range collect(op, set, types) {
		s := selection{Alias: field.Alias, Name: field.Name}
		if len(field.Selections) > 0 {
			s.Below = selections(collect, op, field.Selections, thingTypes)
		}
		out = append(out, s)
	}
	return out
}

func operation(t *testing.T, document string) func(variables map[string]any) *graphql.OperationContext {
	t.Helper()
	schema := gqlparser.MustLoadSchema(&ast.Source{Input: things})
	doc, err := gqlparser.LoadQueryWithRules(schema, document, rules.NewDefaultRules())
	if err != nil {
		t.Fatal(err)
	}
	return func(variables map[string]any) *graphql.OperationContext {
		return &graphql.OperationContext{Doc: doc, Operation: doc.Operations[0], Variables: variables}
	}
}

// TestFieldsAreAsCollectFields checks that of every operation of a document the same is found as gqlgen finds.
func TestFieldsAreAsCollectFields(t *testing.T) {
	t.Parallel()
	for name, document := range map[string]string{
		"Plain":      `{ thing { name other { name } } }`,
		"Merged":     `{ thing { name other { name } } thing { other { again: name } } }`,
		"Aliases":    `{ a: thing { name } b: thing { b: name } }`,
		"Fragments":  `{ thing { ...f } things { ...f ... on Named { name } ... on Thing { other { ...g } } } } fragment f on Thing { other { ...g } } fragment g on Named { name }`,
		"Skipped":    `query($b: Boolean!) { thing @skip(if: $b) { name } things { name @include(if: $b) other { name } } }`,
		"Included":   `query($b: Boolean!) { thing { ...f @include(if: $b) ... @skip(if: $b) { other { name } } } } fragment f on Thing { name }`,
		"InFragment": `query($b: Boolean!) { thing { ...f } } fragment f on Thing { name @include(if: $b) other { name } }`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			op := operation(t, document)
			for _, b := range []bool{true, false, true} {
				variables := map[string]any{"b": b}
				want := selections(graphql.CollectFields, op(variables), op(nil).Operation.SelectionSet, queryTypes)
				got := selections(func(oc *graphql.OperationContext, set ast.SelectionSet, types []string) []graphql.CollectedField {
					return fastexec.Fields(t.Context(), oc, set, types)
				}, op(variables), op(nil).Operation.SelectionSet, queryTypes)
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("with %t (-CollectFields +Fields):\n%s", b, diff)
				}
			}
		})
	}
}

func TestFieldsOfAnotherType(t *testing.T) {
	t.Parallel()
	op := operation(t, `{ things { ... on Thing { name } ... on Named { other: name } } }`)
	below := fastexec.Fields(t.Context(), op(nil), op(nil).Operation.SelectionSet, queryTypes)[0].Selections
	if n := len(fastexec.Fields(t.Context(), op(nil), below, thingTypes)); n != 2 {
		t.Errorf("%d fields of a thing, want 2", n)
	}
	if n := len(fastexec.Fields(t.Context(), op(nil), below, thingTypes[1:])); n != 1 {
		t.Errorf("%d fields of something else that has a name, want 1", n)
	}
}

// TestFieldsAreFoundOnce checks that a document's next operation finds what the first has found, as long as it lives.
func TestFieldsAreFoundOnce(t *testing.T) { //nolint:paralleltest // it counts what others would leave
	func() {
		op := operation(t, `{ thing { name } }`)
		selected := op(nil).Operation.SelectionSet
		first, next := fastexec.Fields(t.Context(), op(nil), selected, queryTypes), fastexec.Fields(t.Context(), op(nil), selected, queryTypes)
		if &first[0] != &next[0] {
			t.Error("they were found again")
		}
		if fastexec.Known() == 0 {
			t.Error("nothing is known")
		}
	}()
	for until := time.Now().Add(10 * time.Second); fastexec.Known() > 0; runtime.GC() {
		if time.Now().After(until) {
			t.Fatalf("of %d documents that are gone something is known", fastexec.Known())
		}
		runtime.Gosched() // what forgets them runs after the collection
	}
}
