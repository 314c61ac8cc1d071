package operation

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"
	"github.com/vektah/gqlparser/v2/validator/core"
	"github.com/vektah/gqlparser/v2/validator/rules"
	"pgregory.net/rapid"
)

// zooSDL has what makes the rule hard: fields of one name whose type differs
// from object to object.
const zooSDL = `
	interface Animal { friend: Animal mate: Animal name: String age(in: Int, at: Where): Int }
	type Cat implements Animal { friend: Animal mate: Cat! name: String! age(in: Int, at: Where): Int lives: Int toys: [Toy] }
	type Dog implements Animal { friend: Animal mate: Dog name: String age(in: Int, at: Where): Int lives: String toys: [Toy!] }
	type Toy { name: String owner: Animal lives: Int }
	union Pet = Cat | Dog
	input Where { x: Int y: [Int] }
	type Query { animal: Animal pet: Pet cat: Cat dog: Dog }
`

func newZooJudge(l Limits) *Judge {
	schema := gqlparser.MustLoadSchema(&ast.Source{Name: "zoo.graphqls", Input: zooSDL})
	return New(Options{Limits: l, Schema: schema})
}

func TestOverlaps(t *testing.T) {
	t.Parallel()
	const apart = " are different fields"
	tests := []struct {
		name, doc string
		want      []string // the response name and why, of each error
	}{
		{"Same", `{ cat { name name age(in: 1) age(in: 1) } cat { name } }`, nil},
		{"Alias", `{ cat { a: name a: lives } }`, []string{`a: "name" and "lives"` + apart}},
		{"AliasOfField", `{ cat { name name: lives } }`, []string{`name: "name" and "lives"` + apart}},
		{"Arguments", `{ cat { age(in: 1) age(in: 2) } }`, []string{`age: they have differing arguments`}},
		{"ArgumentMissing", `{ cat { age age(in: 2) } }`, []string{`age: they have differing arguments`}},
		{"ArgumentOrder", `{ cat { age(in: 1, at: {x: 1, y: [1, 2]}) age(at: {y: [1, 2], x: 1}, in: 1) } }`, nil},
		{"ListOrder", `{ cat { age(at: {y: [1, 2]}) age(at: {y: [2, 1]}) } }`, []string{`age: they have differing arguments`}},
		{"Variables", `query($a: Int, $b: Int) { cat { age(in: $a) age(in: $b) } }`, []string{`age: they have differing arguments`}},
		{"Below", `{ cat { friend { a: name } friend { a: __typename } } }`, []string{`a: "name" and "__typename"` + apart}},
		{"InFragments", `{ cat { ...F ...G } } fragment F on Cat { a: name } fragment G on Animal { a: age }`, []string{`a: "name" and "age"` + apart}},
		{"FragmentTwice", `{ cat { ...F ...F } } fragment F on Cat { name }`, nil},
		{"OtherObjects", `{ pet { ... on Cat { a: age(in: 1) } ... on Dog { a: age(in: 2) } } }`, nil},
		{"OtherObjectsOtherFields", `{ pet { ... on Cat { a: lives } ... on Dog { a: age } } }`, nil},
		{"OtherObjectsOtherTypes", `{ pet { ... on Cat { lives } ... on Dog { lives } } }`, []string{`lives: they return conflicting types "Int" and "String"`}},
		{"OtherObjectsOtherNull", `{ pet { ... on Cat { name } ... on Dog { name } } }`, []string{`name: they return conflicting types "String!" and "String"`}},
		{"OtherObjectsOtherItems", `{ pet { ... on Cat { toys { name } } ... on Dog { toys { name } } } }`, []string{`toys: they return conflicting types "[Toy]" and "[Toy!]"`}},
		{"InterfaceAndObject", `{ animal { a: name ... on Cat { a: lives } } }`, []string{`a: "name" and "lives"` + apart}},
		{"BelowOtherObjects", `{ pet { ... on Cat { friend { a: name } } ... on Dog { friend { a: age } } } }`, []string{`a: they return conflicting types "String" and "Int"`}},
		{"BelowOtherObjectsApart", `{ pet { ... on Cat { friend { a: age(in: 1) } } ... on Dog { friend { a: age(in: 2) } } } }`, nil},
		{"BelowInterfaceAndObject", `{ animal { friend { a: age(in: 1) } ... on Cat { friend { a: age(in: 2) } } } }`, []string{`a: they have differing arguments`}},
		{"ThirdField", `{ cat { a: name a: name a: lives } }`, []string{`a: "name" and "lives"` + apart}},
		{"SecondOperation", `query A { cat { name } } query B { cat { a: name a: lives } }`, []string{`a: "name" and "lives"` + apart}},
		{"OnceForTwoOperations", `query A { cat { ...F } } query B { cat { ...F } } fragment F on Cat { a: name a: lives }`, []string{`a: "name" and "lives"` + apart}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, message := range messages(t, newZooJudge(DefaultLimits()), test.doc) {
				name, because, ok := strings.Cut(strings.TrimPrefix(message, `GRAPHQL_VALIDATION_FAILED: Fields "`), `" conflict because `)
				if !ok {
					if strings.Contains(message, "has several operations") {
						continue // valid, and more than one
					}
					t.Fatal(message)
				}
				because, _, _ = strings.Cut(because, ". Use")
				got = append(got, name+": "+because)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("conflicts (-want +got):\n%s", diff)
			}
		})
	}
}

// pairwise tells whether gqlparser's own rule takes a document.
func pairwise(e *Judge, doc *ast.QueryDocument) bool {
	return len(e.walk(doc, []core.Rule{rules.OverlappingFieldsCanBeMergedRule})) == 0
}

// Both rules must agree on every document; only the time differs.
func TestOverlapsAgreesWithTheStockRule(t *testing.T) {
	t.Parallel()
	taken, refused := 0, 0
	e := newZooJudge(DefaultLimits())
	rapid.Check(t, func(t *rapid.T) {
		text := zooDocument(t)
		doc, err := parser.ParseQuery(&ast.Source{Input: text})
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if errs := e.walk(doc, e.rules.plain); len(errs) > 0 {
			t.Skip(errs)
		}
		want := pairwise(e, doc)
		if errs := e.overlaps(doc); want != (len(errs) == 0) {
			t.Fatalf("the stock rule says %v, ours %v:\n%s", want, errs, text)
		}
		if want {
			taken++
		} else {
			refused++
		}
	})
	if taken == 0 || refused == 0 {
		t.Errorf("%d documents were taken and %d refused: that tells nothing", taken, refused)
	}
}

// zooFields are the fields of each type, with the type below them.
var zooFields = map[string][][2]string{
	"Query":  {{"animal", "Animal"}, {"pet", "Pet"}, {"cat", "Cat"}},
	"Animal": {{"friend", "Animal"}, {"mate", "Animal"}, {"name", ""}, {"age", ""}, {"age(in: 1)", ""}},
	"Cat":    {{"friend", "Animal"}, {"mate", "Cat"}, {"name", ""}, {"age", ""}, {"lives", ""}, {"toys", "Toy"}},
	"Dog":    {{"friend", "Animal"}, {"mate", "Dog"}, {"name", ""}, {"age", ""}, {"lives", ""}, {"toys", "Toy"}},
	"Toy":    {{"name", ""}, {"owner", "Animal"}, {"lives", ""}},
	"Pet":    {{"__typename", ""}},
}

// zooDocument draws a document that is valid but for fields that may overlap.
func zooDocument(t *rapid.T) string {
	conditions := []string{"Cat", "Dog", "Animal"}
	var used []bool
	var selection func(typ string, depth, from int) string
	selection = func(typ string, depth, from int) string {
		var b strings.Builder
		b.WriteString("{ ")
		for range rapid.IntRange(1, 3).Draw(t, "selections") {
			switch kind := rapid.IntRange(0, 5).Draw(t, "kind"); {
			case kind == 0 && depth > 0 && (typ == "Animal" || typ == "Pet"):
				on := rapid.SampledFrom(conditions).Draw(t, "on")
				fmt.Fprintf(&b, "... on %s %s ", on, selection(on, depth-1, from))
			case kind == 1 && from < len(used) && (typ == "Animal" || typ == "Pet"):
				i := rapid.IntRange(from, len(used)-1).Draw(t, "fragment")
				used[i] = true
				fmt.Fprintf(&b, "...F%d ", i)
			default:
				field := rapid.SampledFrom(zooFields[typ]).Draw(t, "field")
				if field[1] != "" && depth == 0 {
					field = [2]string{"__typename", ""}
				}
				if rapid.IntRange(0, 9).Draw(t, "alias") == 0 {
					b.WriteString("name: ")
				}
				b.WriteString(field[0] + " ")
				if field[1] != "" {
					b.WriteString(selection(field[1], depth-1, from) + " ")
				}
			}
		}
		return b.String() + "}"
	}
	used = make([]bool, 3)
	text := selection("Query", 4, 0)
	for i := range used {
		body := selection(conditions[i], 2, i+1)
		if used[i] {
			text += fmt.Sprintf(" fragment F%d on %s %s", i, conditions[i], body)
		}
	}
	return text
}

// looked returns how many fields the rule looks at if it may look at most of them.
func looked(t *testing.T, text string, most int) int {
	t.Helper()
	e := newZooJudge(DefaultLimits())
	doc, err := parser.ParseQuery(&ast.Source{Input: text})
	if err != nil {
		t.Fatal(err)
	}
	if errs := e.walk(doc, e.rules.plain); len(errs) > 0 {
		t.Fatal(errs)
	}
	o := &overlap{schema: e.schema, most: e.limits.Errors, left: most, told: map[*ast.Field]bool{}}
	o.meanings([]ast.SelectionSet{doc.Operations[0].SelectionSet})
	o.shapes([]ast.SelectionSet{doc.Operations[0].SelectionSet})
	return most - o.left
}

// The stock rule compares every pair: twice the fields, four times the work.
func TestOverlapsIsLinear(t *testing.T) {
	t.Parallel()
	work := func(text string) int { return looked(t, text, maxCount) }
	if n := work("{ cat {" + strings.Repeat("...F ", 100) + "} } fragment F on Cat { name }"); n != 4 {
		t.Errorf("one field of a fragment, named a hundred times, is looked at in %d steps", n)
	}
	for name, doc := range map[string]func(n int) string{
		"Fields":    func(n int) string { return "{ cat {" + strings.Repeat("name ", n) + "} }" },
		"Nested":    func(n int) string { return "{" + strings.Repeat("cat { friend { friend { name } } } ", n) + "}" },
		"Fragments": func(n int) string { return "{ cat {" + strings.Repeat("...F ", n) + "} } fragment F on Cat { name }" },
		"Objects": func(n int) string {
			return "{ pet {" + strings.Repeat("... on Cat { friend { age } } ... on Dog { friend { age } } ", n) + "} }"
		},
	} {
		once, twice := work(doc(100)), work(doc(200))
		if twice > 2*once {
			t.Errorf("%s: %d steps, and %d for twice as many", name, once, twice)
		}
	}
}

// Where an interface splits at every level into the same two objects, fields
// are looked at for each way through them. That has a bound.
func TestOverlapsGivesUpOnTangles(t *testing.T) {
	t.Parallel()
	maxRevisits := func(n int) string {
		body := "age"
		for range n {
			body = "friend { " + body + " } ... on Cat { friend { age } } ... on Dog { friend { age } }"
		}
		return "{ animal { " + body + " } }"
	}
	deep := DefaultLimits()
	deep.Depth = 30
	got := messages(t, newZooJudge(deep), maxRevisits(20))
	want := []string{"LIMIT_EXCEEDED: An operation may have at most 500 fields, counted for each type that they may be of."}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("messages (-want +got):\n%s", diff)
	}
	if n := looked(t, maxRevisits(20), 4000); n > 4100 {
		t.Errorf("%d steps, though 4,000 are allowed", n)
	}
	if got := messages(t, newZooJudge(DefaultLimits()), maxRevisits(8)); got != nil {
		t.Errorf("as deep as is allowed: %v", got)
	}
}
