package graph_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2/ast"

	"petitiond/server/database"
	"petitiond/server/database/dbtest"
)

// free are the arguments and input fields that make no list read more than it answers: TestPlans looks at the
// statements.
var free = []string{
	"first", "after", "last", "before", // the page itself
	"ids", "interval", "from", "to", // what is paid for by its size
	"Query.petitions.orderBy", "Petition.comments.orderBy", "PetitionFilter.states", // with an index for each
	"PetitionOrder.field", "PetitionOrder.direction", // where an order has a price, it is that of the argument
}

// TestEveryArgumentThatReadsMoreHasAWeight looks for arguments of lists that make them read more than they answer, and
// have no price.
func TestEveryArgumentThatReadsMoreHasAWeight(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, def := range schema().Types {
		for _, field := range def.Fields {
			if field.Directives.ForName("listSize") == nil {
				continue
			}
			for _, argument := range field.Arguments {
				path := def.Name + "." + field.Name + "." + argument.Name
				for _, name := range unpriced(path, argument.Name, argument.Type, argument.Directives) {
					t.Errorf("%s makes a list read what nobody pays for", name)
				}
				seen[argument.Name], seen[path] = true, true
			}
		}
	}
	for _, name := range free {
		if of, field, _ := strings.Cut(name, "."); !seen[name] && (schema().Types[of] == nil || schema().Types[of].Fields.ForName(field) == nil) {
			t.Errorf("there is no %s any more", name)
		}
	}
}

// unpriced returns what has no weight of an argument, or of the fields of an object that is one.
func unpriced(path, name string, typ *ast.Type, directives ast.DirectiveList) (out []string) {
	def := schema().Types[typ.Name()]
	switch {
	case directives.ForName("cost") != nil || slices.Contains(free, path) || slices.Contains(free, name):
	case def.Kind == ast.InputObject:
		for _, field := range def.Fields {
			out = append(out, unpriced(def.Name+"."+field.Name, "", field.Type, field.Directives)...)
		}
	default:
		out = []string{path}
	}
	return out
}

// TestPrices has documents that read much refused, and lets pass what people ask for.
func TestPrices(t *testing.T) {
	t.Parallel()
	aliases := func(n int, field string) (out string) {
		for i := range n {
			out += fmt.Sprintf(" a%d: %s", i, field)
		}
		return "{" + out + " }"
	}
	const page = `{ nodes { title tags { name } signatureCount } pageInfo { endCursor hasNextPage } }`
	dbtest.EachCounting(t, func(t *testing.T, db *database.DB, counter *dbtest.Counter) {
		s := newSite(t, db)
		for query, want := range map[string]int{
			`{ petitions ` + page + ` }`: 81,
			`{ petitions(orderBy: {field: TRENDING}, filter: {states: [CLOSED]}) ` + page + ` }`:                                                 81,
			`{ petitions(filter: {tags: ["a"]}) ` + page + ` }`:                                                                                  131,
			`{ petitions(search: "a", filter: {language: "en", minSignatures: 9}) { totalCount nodes { title tags { name } signatureCount } } }`: 401,
			`{ tag(name: "a") { name petitions ` + page + ` } }`:                                                                                 82,
			`{ tag(name: "a") { name petitions(orderBy: {field: TRENDING}) ` + page + ` } }`:                                                     182,
			`{ trendingTags(first: 10) { tag { name } } }`:                                                                                       114,
			`{ statistics { petitionCount openPetitionCount signatureCount signaturesLastHour } }`:                                               51,
			// These go through all of a site's petitions again and again.
			`{ tags(first: 100) { nodes { petitions(first: 1, orderBy: {field: TRENDING}) { nodes { id } } } } }`:                 10_231,
			`{ petitions(first: 5) { nodes { tags { petitions(first: 1, orderBy: {field: ENDS_AT}) { nodes { id } } } } } }`:      5_121,
			aliases(10, `petitions(first: 1, search: "a", filter: {tags: ["a"], allTags: ["b"], language: "fr"}) { totalCount }`): 3_720,
		} {
			m, err := s.measure(context.Background(), counter, query)
			if err != nil || m.cost != want || m.refused != (want > 1000) {
				t.Errorf("%s costs %d, refused %t (%v), want %d: %s", query, m.cost, m.refused, err, want, m.body)
			}
		}
	})
}
