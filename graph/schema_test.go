package graph_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vektah/gqlparser/v2/ast"

	"petitiond/server/database"
	"petitiond/server/database/dbtest"
)

// TestSchemaAnnouncesWhatIsDone: introspection names the directives of the contract and of the specification, and no
// type that nothing leads to.
func TestSchemaAnnouncesWhatIsDone(t *testing.T) {
	t.Parallel()
	want := []string{"cacheControl", "cost", "deprecated", "include", "listSize", "oneOf", "skip", "specifiedBy"}
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		t.Parallel()
		told := struct {
			Data struct {
				Schema struct{ Directives, Types []struct{ Name string } } `json:"__schema"`
			}
		}{}
		answer := newSite(t, db).ask(t, "", `{ __schema { directives { name } types { name } } }`, nil)
		if err := json.Unmarshal([]byte(answer.body), &told); err != nil {
			t.Fatal(err)
		}
		var directives []string
		for _, d := range told.Data.Schema.Directives {
			directives = append(directives, d.Name)
		}
		if diff := cmp.Diff(want, directives); diff != "" {
			t.Errorf("directives (-want +got):\n%s", diff)
		}
		used := reachable()
		for _, typ := range told.Data.Schema.Types {
			if !strings.HasPrefix(typ.Name, "__") && !used[typ.Name] {
				t.Errorf("nothing leads to the type %s", typ.Name)
			}
		}
	})
}

// reachable returns the types that operations can name or return, and those of the arguments of directives.
func reachable() map[string]bool {
	used := map[string]bool{}
	var reach func(name string)
	arguments := func(list ast.ArgumentDefinitionList) {
		for _, argument := range list {
			reach(argument.Type.Name())
		}
	}
	reach = func(name string) {
		if used[name] {
			return
		}
		used[name] = true
		def := schema().Types[name]
		for _, field := range def.Fields {
			reach(field.Type.Name())
			arguments(field.Arguments)
		}
		for _, name := range slices.Concat(def.Interfaces, def.Types) {
			reach(name)
		}
		for _, possible := range schema().PossibleTypes[name] {
			reach(possible.Name)
		}
	}
	for _, root := range []*ast.Definition{schema().Query, schema().Mutation, schema().Subscription} {
		reach(root.Name)
	}
	for _, d := range slices.Collect(maps.Values(schema().Directives)) {
		arguments(d.Arguments)
	}
	return used
}
