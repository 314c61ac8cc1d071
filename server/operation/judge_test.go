package operation

import (
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// messages returns what a document is refused with.
func messages(t *testing.T, e *Judge, doc string) (list []string) {
	t.Helper()
	_, f := e.Prepare(&Request{Query: doc})
	if f == nil {
		return nil
	}
	for _, err := range f.Errors {
		list = append(list, CodeOf(err)+": "+err.Message)
	}
	return list
}

func TestMessages(t *testing.T) {
	t.Parallel()
	open, shut := newTestJudge(Options{Introspection: true}), newTestJudge(Options{})
	tests := []struct {
		name string
		e    *Judge
		doc  string
		want []string
	}{
		{"Valid", open, `{ v }`, nil},
		{"Introspection", open, introspection, nil},
		{"IntrospectionOff", shut, `{ __schema { types { name } } }`, []string{"GRAPHQL_VALIDATION_FAILED: Introspection is turned off."}},
		{"TypeOff", shut, `{ ...F } fragment F on Query { __type(name: "T") { name } }`, []string{"GRAPHQL_VALIDATION_FAILED: Introspection is turned off."}},
		{"TypenameStays", shut, `{ __typename n { __typename } }`, nil},
		{"Suggestion", open, `{ n { valu } }`, []string{`GRAPHQL_VALIDATION_FAILED: Cannot query field "valu" on type "T". Did you mean "value"?`}},
		{"SuggestionOff", shut, `{ n { valu } }`, []string{`GRAPHQL_VALIDATION_FAILED: Cannot query field "valu" on type "T".`}},
		{"ArgumentOff", shut, `{ w(aa: "") }`, []string{`GRAPHQL_VALIDATION_FAILED: Unknown argument "aa" on field "Query.w".`}},
		{"TypeNameOff", shut, `{ n { ... on Quer { v } } }`, []string{`GRAPHQL_VALIDATION_FAILED: Unknown type "Quer".`}},
		{"LeafOff", shut, `{ n }`, []string{`GRAPHQL_VALIDATION_FAILED: Field "n" of type "T" must have a selection of subfields.`}},
		{"EnumOff", shut, `{ n { colour(in: REDD) } }`, []string{`GRAPHQL_VALIDATION_FAILED: The value does not exist in "Colour" enum.`}},
		{"Enum", open, `{ n { colour(in: REDD) } }`, []string{`GRAPHQL_VALIDATION_FAILED: The value does not exist in "Colour" enum. Did you mean the enum value "RED"?`}},
		{"EnumString", open, `{ n { colour(in: "RED") } }`, []string{`GRAPHQL_VALIDATION_FAILED: Enum "Colour" cannot represent non-enum value.`}},
		{"WrongLiteral", open, `{ w(a: 12345) }`, []string{`GRAPHQL_VALIDATION_FAILED: String cannot represent a non string value.`}},
		{"LiteralWithOurWords", open, `{ w(a: [" does not exist in secret"]) }`, []string{`GRAPHQL_VALIDATION_FAILED: String cannot represent a non string value.`}},
		{"NumberOutOfRange", open, `{ n { colour(at: 99999999999999999999) } }`, []string{`GRAPHQL_VALIDATION_FAILED: A number is out of range.`}},
		{"FloatOutOfRange", open, `{ n { colour(at: {a: [1e999]}) } }`, []string{`GRAPHQL_VALIDATION_FAILED: A number is out of range.`}},
		{"UnknownDirective", open, `query @secret(a: "secret") { v }`, []string{`GRAPHQL_VALIDATION_FAILED: Unknown directive "@secret".`}},
		{"DirectiveOnOperation", open, `query @include(if: true) { v }`, []string{`GRAPHQL_VALIDATION_FAILED: Directive "@include" may not be used on QUERY.`}},
		{"LongNamesGetNoSuggestion", open, `{ n { valu ` + strings.Repeat("x", 65) + ` } }`, []string{
			`GRAPHQL_VALIDATION_FAILED: Cannot query field "valu" on type "T".`,
			`GRAPHQL_VALIDATION_FAILED: Cannot query field "` + strings.Repeat("x", 65) + `" on type "T".`,
		}},
		{"FragmentWithVariables", open, `{ ...F } fragment F($a: Int) on Query { v }`, []string{`GRAPHQL_PARSE_FAILED: Syntax error: a fragment cannot have variables of its own.`}},
		{"Deep", open, strings.Repeat("{n", 499), []string{`GRAPHQL_PARSE_FAILED: Syntax error: Expected Name, found <EOF>.`}},
		{"Syntax", open, `{ v(`, []string{`GRAPHQL_PARSE_FAILED: Syntax error: Expected Name, found <EOF>.`}},
		{"SyntaxName", open, `secret { v }`, []string{`GRAPHQL_PARSE_FAILED: Syntax error: Unexpected Name.`}},
		{"SyntaxString", open, `{ "secret" }`, []string{`GRAPHQL_PARSE_FAILED: Syntax error: Expected Name, found String.`}},
		{"SyntaxKeyword", open, `fragment F secret T { v }`, []string{`GRAPHQL_PARSE_FAILED: Syntax error: unexpected text.`}},
		{"SyntaxEscape", open, `{ w(a: "\qsecret") }`, []string{`GRAPHQL_PARSE_FAILED: Syntax error: Unexpected <Invalid>.`}},
		{"NoOperation", open, `# nothing`, []string{`GRAPHQL_PARSE_FAILED: The document has no operation.`}},
		{"Tokens", open, "{" + strings.Repeat("v ", 1000) + "}", []string{`LIMIT_EXCEEDED: A document may have at most 1000 tokens.`}},
		{"Comments", open, "{ v }" + strings.Repeat("#\n", 998), []string{`LIMIT_EXCEEDED: A document may have at most 1000 tokens.`}},
		{"JustEnoughTokens", open, "{ v }" + strings.Repeat("#\n", 997), nil},
		{"Bytes", open, "{ v } #" + strings.Repeat("é", 9000), []string{`LIMIT_EXCEEDED: A document may have at most 16384 bytes. Send long texts as variables.`}},
		{"LongName", open, `{ ` + strings.Repeat("x", 300) + ` }`, []string{`GRAPHQL_VALIDATION_FAILED: Cannot query field "` + strings.Repeat("x", 177) + "…"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(test.want, messages(t, test.e, test.doc)); diff != "" {
				t.Errorf("messages (-want +got):\n%s", diff)
			}
		})
	}
}

func TestErrorsHaveLocations(t *testing.T) {
	t.Parallel()
	e := newTestJudge(Options{})
	for _, doc := range []string{"{\n  nope }", "{\n  ( }", "query(\n  $a: Int!) { v }"} {
		_, f := e.Prepare(&Request{Query: doc})
		if f == nil || len(f.Errors[0].Locations) == 0 || f.Errors[0].Locations[0].Line != 2 || f.Errors[0].Locations[0].Column != 3 {
			t.Errorf("%q: want an error at 2:3, got %+v", doc, f)
		}
	}
}

func TestValidationStopsAtTenErrors(t *testing.T) {
	t.Parallel()
	got := messages(t, newTestJudge(Options{}), "{ n { "+distinct(100)+"} }")
	if len(got) != 10 {
		t.Errorf("%d errors, want 10", len(got))
	}
}

func TestDocumentsAreRemembered(t *testing.T) {
	t.Parallel()
	e := newTestJudge(Options{})
	first, _ := e.Prepare(&Request{Query: "{ v }"})
	again, _ := e.Prepare(&Request{Query: "{ v }"})
	if first.Document != again.Document {
		t.Error("the same text was parsed twice")
	}
	for range 2 {
		if _, f := e.Prepare(&Request{Query: "{ nope }"}); f == nil {
			t.Error("an invalid document was taken")
		}
	}
	if n := len(maps.Collect(e.documents.All())); n != 1 {
		t.Errorf("%d documents are kept, want the valid one alone", n)
	}
}

func TestOperationNames(t *testing.T) {
	t.Parallel()
	const (
		unknown = "The document has no operation with that name. Name one of its operations in operationName."
		unnamed = "The document has several operations. Name the one to run in operationName."
	)
	for _, c := range []struct{ doc, name, want string }{
		{"{ v }", "", ""},
		{"query A { v }", "", ""},
		{"query A { v } query B { v }", "B", ""},
		{"{ v }", "A", unknown},
		{"query A { v }", "B", unknown},
		{"query A { v } query B { v }", "C", unknown},
		{"query A { v } query B { v }", "", unnamed},
	} {
		got := ""
		if _, f := newTestJudge(Options{}).Prepare(&Request{Query: c.doc, OperationName: c.name}); f != nil {
			got = f.Errors[0].Message
		}
		if got != c.want {
			t.Errorf("%q of %q: got %q, want %q", c.name, c.doc, got, c.want)
		}
	}
}
