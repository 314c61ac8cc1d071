package pages_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/validator/rules"
	"golang.org/x/text/language"

	"petitiond/server/pages"
)

func script(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile("static/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestOperations checks what the scripts ask for against the contract.
func TestOperations(t *testing.T) {
	t.Parallel()
	contract, err := os.ReadFile("../../schema.graphqls")
	if err != nil {
		t.Fatal(err)
	}
	schema := gqlparser.MustLoadSchema(&ast.Source{Name: "schema.graphqls", Input: string(contract)})
	quoted := regexp.MustCompile("'((?:subscription|{ )[^']*)'|`((?:#.*\n)*(?:query|mutation|subscription) [^`]*)`")
	sources := map[string]int{"live.js": 2, "sign.js": 1, "graphiql.js": 3, "start": 1}
	for name, want := range sources {
		text := ""
		if name == "start" {
			text = curl(t)
		} else {
			text = script(t, name)
		}
		documents := quoted.FindAllStringSubmatch(text, -1)
		if len(documents) != want {
			t.Errorf("%s: found %d operations, want %d: %q", name, len(documents), want, documents)
		}
		for _, found := range documents {
			if _, errs := gqlparser.LoadQueryWithRules(schema, found[1]+found[2], rules.NewDefaultRules()); len(errs) > 0 {
				t.Errorf("%s: %v\n%s", name, errs, found[0])
			}
		}
	}
}

// curl returns the query of the start page.
func curl(t *testing.T) string {
	t.Helper()
	body := page(t, serve(t, setup().options(), bundle()), "/")
	found := regexp.MustCompile(`\{"query": "(.*)"\}`).FindStringSubmatch(body)
	if found == nil {
		t.Fatal("the start page has no query")
	}
	return "'" + found[1] + "'"
}

// TestFields checks that the form can show the faults of what it sends.
func TestFields(t *testing.T) {
	t.Parallel()
	var fields, faults []string
	for _, e := range elements(t, page(t, serve(t, setup().options(), bundle()), "/p/night-bus")) {
		if e["name"] != "" && e[""] != "meta" && e["type"] != "checkbox" {
			fields = append(fields, e["name"])
		}
		if e["data-fault"] != "" {
			faults = append(faults, e["data-fault"])
		}
	}
	if diff := cmp.Diff(fields, faults); diff != "" || len(fields) != 4 {
		t.Errorf("%d fields; fields and places for faults differ (-fields +faults)\n%s", len(fields), diff)
	}
}

func TestCountries(t *testing.T) {
	t.Parallel()
	list := regexp.MustCompile("(?s)const countries = `(.*?)`").FindStringSubmatch(script(t, "sign.js"))
	if list == nil {
		t.Fatal("there is no list of countries")
	}
	codes := strings.Fields(list[1])
	if len(codes) != 250 || !slices.IsSorted(codes) || len(slices.Compact(slices.Clone(codes))) != len(codes) {
		t.Errorf("%d countries, want the 249 of ISO 3166-1 and XK in their order, each once", len(codes))
	}
	for _, code := range codes {
		if region, err := language.ParseRegion(code); err != nil || region.String() != code || !region.IsCountry() {
			t.Errorf("%s is no country", code)
		}
	}
}

func TestNumber(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 123456: "123,456", 100_000_000: "100,000,000", -999: "-999", -1000: "-1,000"} {
		if got := pages.Number(n); got != want {
			t.Errorf("number(%d) = %s, want %s", n, got, want)
		}
	}
}

func TestDirection(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"en": "ltr", "ar": "rtl", "ar-EG": "rtl", "he": "rtl", "fa": "rtl", "ur": "rtl", "yi": "rtl", "dv": "rtl", "az": "ltr", "az-Arab": "rtl",
		"ar-Latn": "ltr", "zh-Hans": "ltr", "ja": "ltr", "und": "auto", "": "auto", "not a tag": "auto",
	}
	for tag, want := range tests {
		if got := pages.Direction(tag); got != want {
			t.Errorf("direction(%q) = %s, want %s", tag, got, want)
		}
	}
}

// TestOutcomes checks that there is a sentence for all that the contract names.
func TestOutcomes(t *testing.T) {
	t.Parallel()
	contract, err := os.ReadFile("../../schema.graphqls")
	if err != nil {
		t.Fatal(err)
	}
	schema := gqlparser.MustLoadSchema(&ast.Source{Name: "schema.graphqls", Input: string(contract)})
	for _, value := range schema.Types["Outcome"].EnumValues {
		if pages.Outcome(value.Name) == "" {
			t.Errorf("there is no sentence for %s", value.Name)
		}
	}
	if got := pages.Outcome(""); got != "" {
		t.Errorf("without an outcome it says %q", got)
	}
}
