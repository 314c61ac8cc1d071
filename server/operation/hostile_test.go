package operation

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
)

// contract is the schema that the program serves.
var contract = sync.OnceValue(func() *ast.Schema {
	text, err := os.ReadFile("../../schema.graphqls")
	if err != nil {
		panic(err)
	}
	return gqlparser.MustLoadSchema(&ast.Source{Name: "schema.graphqls", Input: string(text)})
})

// newContractJudge returns an engine for the program's schema, with its own cache.
func newContractJudge(o Options) *Judge {
	if o.Schema = contract(); o.Limits == (Limits{}) {
		o.Limits = DefaultLimits()
	}
	return New(o)
}

// numbered returns n times a format that has one number.
func numbered(n int, format string) string {
	var doc strings.Builder
	for i := range n {
		fmt.Fprintf(&doc, format, i)
	}
	return doc.String()
}

// chain returns n fragments on a type that each spread the next, with a body.
func chain(n int, typ, body string) string {
	var doc strings.Builder
	for i := range n {
		fmt.Fprintf(&doc, " fragment F%d on %s { %s ", i, typ, body)
		if i < n-1 {
			fmt.Fprintf(&doc, "...F%d ", i+1)
		}
		doc.WriteString("}")
	}
	return doc.String()
}

// web returns n fragments that each spread all later ones, or all others.
func web(n int, typ, body string, cyclic bool) string {
	var doc strings.Builder
	for i := range n {
		fmt.Fprintf(&doc, " fragment F%d on %s { %s ", i, typ, body)
		for j := range n {
			if j > i || cyclic {
				fmt.Fprintf(&doc, "...F%d ", j)
			}
		}
		doc.WriteString("}")
	}
	return doc.String()
}

// ladder returns two rows of n fragments in which each rung spreads both of the
// next: fields double at each step.
func ladder(n int, typ, field, body string) string {
	var doc strings.Builder
	for i := range n {
		for _, row := range []string{"F", "G"} {
			fmt.Fprintf(&doc, " fragment %s%d on %s { %s { ...F%d ...G%d } }", row, i, typ, field, i+1, i+1)
		}
	}
	fmt.Fprintf(&doc, " fragment F%d on %s { %s } fragment G%d on %s { %s }", n, typ, body, n, typ, body)
	return doc.String()
}

// adversaries are documents within the limits of bytes and tokens that make a
// part of the guard, of validation or of the bill work as much as it can.
var adversaries = sync.OnceValue(func() map[string]string {
	long := strings.Repeat("x", 1500)
	type doc = string
	petition := func(body string) doc { return `{ petition(slug: "a") {` + body + `} }` }
	argument := func(value string) doc { return "{ petitions(filter: " + value + ") { totalCount } }" }
	return map[string]string{
		// The parser.
		"Comments":        "{ __typename }" + strings.Repeat("#\n", 990),
		"Whitespace":      "{ __typename }" + strings.Repeat(" ", 16000),
		"Lines":           "{ __typename }" + strings.Repeat("\r", 16000),
		"LongString":      petition(`title @skip(if: "` + long + long + long + `")`),
		"Escapes":         `{ petition(slug: "` + strings.Repeat(`\u0041`, 2600) + `") { id } }`,
		"BlockString":     `{ petition(slug: """` + strings.Repeat("\n \t", 5000) + `""") { id } }`,
		"Quotes":          `{ petition(slug: """` + strings.Repeat(`""`+"\n", 5300) + `""") { id } }`,
		"Braces":          strings.Repeat("{a", 499),
		"BracesClosed":    strings.Repeat("{a", 330) + strings.Repeat("}", 330),
		"Brackets":        "{ a(a: " + strings.Repeat("[", 990),
		"BracketsClosed":  "{ a(a: " + strings.Repeat("[", 490) + strings.Repeat("]", 490) + ") }",
		"Objects":         "{ a(a: " + strings.Repeat("{a:", 300) + "1" + strings.Repeat("}", 300) + ") }",
		"ListTypes":       "query($a: " + strings.Repeat("[", 490) + "Int" + strings.Repeat("]", 490) + ") { __typename }",
		"ManyListTypes":   "query(" + strings.Repeat("$a:[[[[[Int]]]]] ", 50) + ") { __typename }",
		"Tokens":          petition(strings.Repeat("id ", 980)),
		"Unterminated":    petition(strings.Repeat("id ", 900) + `"`),
		"Descriptions":    strings.Repeat(`"a" query A { __typename } `, 10),
		"FragmentDefault": "{ ...F } fragment F($a: Int = " + strings.Repeat("[", 400) + strings.Repeat("]", 400) + ") on Query { __typename }",

		// Fragments.
		"Bomb":             bomb(19),
		"Chain":            `{ petition(slug: "a") { ...F0 } }` + chain(20, "Petition", strings.Repeat("id ", 30)),
		"PagesOfTen":       numbered(10, "query Q%d { nodes(ids: []) { ...F } }") + " fragment F on Petition {" + strings.Repeat("signatures(first:1) { totalCount } ", 85) + "}",
		"ChainOfTen":       numbered(10, "query Q%d { petition(slug: \"a\") { ...F0 } }") + chain(20, "Petition", strings.Repeat("id ", 20)),
		"OneForTen":        numbered(10, "query Q%d { petition(slug: \"a\") { ...F0 } }") + chain(1, "Petition", strings.Repeat("id ", 490)),
		"Web":              `{ petition(slug: "a") { ...F0 } }` + web(8, "Petition", "id", false),
		"WideWeb":          `{ petition(slug: "a") { ...F0 } }` + web(20, "Petition", "id", false),
		"EmptyWeb":         `{ petition(slug: "a") { ...F0 } }` + web(20, "Petition", "", false),
		"CyclicWeb":        `{ petition(slug: "a") { ...F0 } }` + web(20, "Petition", "id", true),
		"CyclesWithin":     `{ node(id: "a") { ...F0 } }` + ladder(4, "SignatureCount", "petition", "...F0 ...G0"),
		"Cycles":           petition("...F0") + numbered(20, " fragment F%[1]d on Petition { id ...F%[1]d ...F0 }"),
		"UnknownFragments": petition(numbered(480, "...F%d ")),
		"UnusedFragments":  "{ __typename }" + numbered(20, " fragment F%d on Petition { "+strings.Repeat("count { ", 12)+"total"+strings.Repeat("}", 12)+" }"),
		"DeepUnused":       "{ __typename } fragment F on Query {" + strings.Repeat("__schema{", 450) + "__typename" + strings.Repeat("}", 450) + "}",
		"SameNames":        petition("...F") + strings.Repeat(" fragment F on Petition { "+strings.Repeat("id ", 40)+"}", 20),
		"SameNameDeep":     petition("...F") + " fragment F on Petition { id } fragment F on Petition { id @skip(if: " + strings.Repeat("[", 300) + strings.Repeat("]", 300) + ") }",
		"LongFragments":    petition(strings.Repeat("..."+long+" ", 10)),
		"Spreads":          petition(strings.Repeat("...F ", 480)) + " fragment F on Petition { id }",
		"InlineFragments":  petition(strings.Repeat("...{id}", 240)),
		"InlineOnTypes":    `{ node(id: "a") { ` + strings.Repeat("... on Petition { id } ... on Tag { id } ", 80) + "} }",
		"Impossible":       petition(strings.Repeat("... on Tag { id } ", 160)),

		// Overlapping fields.
		"Duplicates":    petition(strings.Repeat("count { total } ", 230)),
		"DeepPairs":     petition(strings.Repeat("signatures { nodes { petition { count { petition { id } } } } } ", 60)),
		"Conflicts":     petition(strings.Repeat("signatures(first:1){totalCount} signatures(first:2){totalCount} ", 55)),
		"AliasConflict": petition(strings.Repeat("a: id ", 8) + strings.Repeat("a: slug ", 7)),
		"ByType":        `{ node(id: "a") { ` + strings.Repeat("... on Petition { count { total } } ... on Signature { count: petition { id } } ", 15) + "} }",
		"Ladder":        comment("...F0 ...G0") + ladder(7, "Comment", "parent", "id"),
		"LadderOfTen":   numbered(10, "query Q%d { nodes(ids: []) { ...F0 ...G0 } }") + ladder(6, "Comment", "parent", "id"),
		"PairedSpreads": comment(strings.Repeat("parent { ...F0 ...G0 } ", 15)) + ladder(2, "Comment", "parent", "id"),
		"BigLiterals":   petition(strings.Repeat("signatureHistory(interval: DAY, from: {"+numbered(75, "a%d:1 ")+"}) { at } ", 4)),

		// Names and values.
		"UnknownFields":    petition(numbered(480, "v%d ")),
		"NearFields":       petition(strings.Repeat("signatureCounts ", 480)),
		"LongFields":       petition(strings.Repeat(long+" ", 10)),
		"LongishFields":    petition(strings.Repeat(long[:maxSuggested]+" ", 200)),
		"LongArguments":    petition("id(" + strings.Repeat(long+":1 ", 10) + ")"),
		"LongTypes":        petition("id " + strings.Repeat("... on "+long+"{ id } ", 10)),
		"LongishFragments": petition("...F0") + numbered(20, " fragment F%d on "+long[:maxSuggested]+" { id }"),
		"UnknownArguments": petition("id(" + numbered(320, "a%d:1 ") + ")"),
		"SameArguments":    petition("signatures(" + strings.Repeat("first:1 ", 320) + ") { totalCount }"),
		"Enums":            argument("{states: [" + numbered(900, "A%d ") + "]}"),
		"NearEnums":        argument("{states: [" + strings.Repeat("OPENED ", 900) + "]}"),
		"EnumStrings":      argument("{states: [" + strings.Repeat(`"`+long+`" `, 10) + "]}"),
		"Strings":          argument("{tags: [" + strings.Repeat(`"a" `, 950) + "]}"),
		"Numbers":          argument("{tags: [" + strings.Repeat(`1 `, 950) + "]}"),
		"NestedLists":      argument("{tags: [[[[" + strings.Repeat(`"a" `, 950) + "]]]]}"),
		"NestedObjects":    argument(strings.Repeat("{minSignatures: 1 tags: ", 4) + `"` + long + `"` + strings.Repeat("}", 4)),
		"UnknownInputs":    argument("{" + numbered(300, "a%d:1 ") + "}"),
		"SameInputs":       argument("{" + strings.Repeat("minSignatures:1 ", 300) + "}"),
		"Variables":        "query(" + numbered(50, "$"+long[:60]+"%d: Int ") + ") { petitions(" + numbered(50, "a%[1]d: $"+long[:60]+"%[1]d ") + ") { totalCount } }",
		"LastVariable":     "query(" + numbered(49, "$a%d: String ") + " $a49: String!) {" + argument("{tags: [" + strings.Repeat("$a49 ", 350) + "]}")[1:],
		"VariablesOfTen":   numbered(10, "query Q%d($c: String!) { ...F }") + " fragment F on Query {" + argument("{tags: [" + strings.Repeat("$c ", 380) + "]}")[1:],
		"UnknownVariables": argument("{tags: [" + numbered(470, "$a%d ") + "]}"),
		"Defaults":         "query($a: PetitionFilter = {states: [" + numbered(900, "A%d ") + "]}) { __typename }",
		"Directives":       petition(strings.Repeat("id @skip(if: true) ", 20)),
		"SameDirectives":   petition("id " + strings.Repeat("@a ", 20)),

		// Introspection and the bill.
		"Introspection":   introspection,
		"SchemaRoots":     "{" + strings.Repeat("__schema { types { fields { args { name } } } } ", 10) + "}",
		"SchemaDeep":      "{ __schema { types " + strings.Repeat("{ ofType ", 18) + "{ name }" + strings.Repeat("}", 19) + "}",
		"TypesWithin":     "{ __schema { types { fields { type { fields { type { fields { name } } } } } } } }",
		"ByEveryType":     `query($n: Int) { nodes(ids: []) { id ` + node("signatures(first: $n) { nodes { id } }", "replies(first: $n) { nodes { id } }", "petitions(first: $n) { nodes { id } }") + " } }",
		"OpenBill":        "query($n: Int) {" + petition(strings.Repeat("comments(first: $n) { nodes { replies(first: $n) { nodes { parent { id } } } } } ", 30))[1:],
		"Greedy":          `{ petitions(first: 100) { nodes { comments(first: 100) { nodes { replies(first: 100) { nodes { parent { petition { signatures(first: 100) { nodes { id } } } } } } } } } } }`,
		"SubscriptionWeb": `subscription { ...F0 }` + web(20, "Subscription", "statistics { petitionCount }", false),
	}
})

func comment(body string) string { return `{ node(id: "a") { ... on Comment { ` + body + " } } }" }

func node(petition, comment, tag string) string {
	return "... on Petition { " + petition + " } ... on Comment { " + comment + " } ... on Tag { " + tag + " }"
}

// judge does everything to a document that nobody has seen before.
func judge(e *Judge, text string) *Refusal {
	e.documents = newDocuments(0)
	_, f := e.Prepare(&Request{Query: text, OperationName: firstName(text)})
	return f
}

// firstName is the name of the first of several operations.
func firstName(text string) string {
	if strings.HasPrefix(text, "query Q0 ") || strings.HasPrefix(text, "query Q0(") {
		return "Q0"
	}
	return ""
}

// BenchmarkJudge measures how long each adversary keeps the guard, validation
// and the bill busy, none of it from the cache: 5 ms at most are allowed.
func BenchmarkJudge(b *testing.B) {
	e := newContractJudge(Options{Introspection: true})
	for _, name := range slices.Sorted(maps.Keys(adversaries())) {
		text := adversaries()[name]
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				judge(e, text)
			}
		})
	}
}

// TestAdversaries holds that every adversary is answered in few and short words.
func TestAdversaries(t *testing.T) {
	t.Parallel()
	for _, o := range []Options{{Introspection: true}, {}} {
		e := newContractJudge(o)
		for name, text := range adversaries() {
			if len(text) > e.limits.Document {
				t.Errorf("%s has %d bytes: it never gets far", name, len(text))
			}
			f := judge(e, text)
			if f == nil {
				continue
			}
			if code := CodeOf(f.Errors[0]); code == "" {
				t.Errorf("%s: %v", name, f.Errors)
			}
			for _, fault := range faults(f, "canary") {
				t.Errorf("%s: %s", name, fault)
			}
		}
	}
}

// faults returns what is wrong with a refusal, whatever is refused: too many
// words, or such as were sent.
func faults(f *Refusal, canary string) (list []string) {
	if len(f.Errors) == 0 || len(f.Errors) > DefaultLimits().Errors {
		list = append(list, fmt.Sprintf("%d errors", len(f.Errors)))
	}
	for _, err := range f.Errors {
		if len(err.Message) > longest || !utf8.ValidString(err.Message) {
			list = append(list, fmt.Sprintf("an error of %d bytes: %q", len(err.Message), err.Message))
		}
		if strings.Contains(string(mustJSON(err)), canary) {
			list = append(list, "a value is repeated: "+err.Message)
		}
	}
	return list
}
