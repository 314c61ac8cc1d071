package graph_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"petitiond/server/database"
	"petitiond/server/database/dbtest"
)

// TestColumns asks for each field of petitions alone, in all the ways in which one comes to them: each says what it
// says among all the others, so that what it needs was read.
func TestColumns(t *testing.T) {
	t.Parallel()
	fields := []string{}
	for _, field := range schema().Types["Petition"].Fields {
		if of := schema().Types[field.Type.Name()]; of.IsLeafType() && len(field.Arguments) == 0 && !strings.HasPrefix(field.Name, "__") {
			fields = append(fields, field.Name)
		}
	}
	if len(fields) < 20 {
		t.Fatalf("%d fields: %v", len(fields), fields)
	}
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		s := newPatientSite(t, db)
		s.furnish(t)
		ids := map[string]any{"id": s.publicID("petition:green").String()}
		for name, query := range map[string]string{
			"ByID":     `query($id: ID!) { petition(id: $id) { % } }`,
			"BySlug":   `{ petition(slug: "green-roofs-for-every-school") { % } }`,
			"Node":     `query($id: ID!) { node(id: $id) { ... on Petition { % } } }`,
			"Nodes":    `query($id: ID!) { nodes(ids: [$id]) { ...p } } fragment p on Petition { % }`,
			"List":     `{ petitions(first: 20) { nodes { % } } }`,
			"Edges":    `{ petitions(first: 20, orderBy: {field: TRENDING, direction: DESC}) { edges { node { ...p } } } } fragment p on Petition { % }`,
			"Search":   `{ petitions(first: 20, search: "school") { nodes { % } } }`,
			"Tags":     `{ tags(first: 20) { nodes { petitions(first: 20) { nodes { % } } } } }`,
			"Count":    `query($id: ID!) { petition(id: $id) { count { petition { % } } } }`,
			"Comments": `query($id: ID!) { petition(id: $id) { comments { nodes { petition { % } replies { nodes { ... { petition { % } } parent { petition { % } } } } } } } }`,
			"Comment":  `query($id: ID!) { petition(id: $id) { comments(first: 1) { nodes { ...c } } } } fragment c on Comment { petition { % } }`,
			"Signed":   `query($id: ID!) { petition(id: $id) { signatures { edges { node { petition { % } } } } } }`,
			"Below":    `{ petitions(first: 20) { nodes { signatures(first: 1) { nodes { petition { comments(first: 1) { nodes { petition { % } } } } } } } } }`,
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				ask := func(fields ...string) (data any) {
					got := s.ask(t, "", strings.ReplaceAll(query, "%", strings.Join(fields, " ")), ids).answer(t)
					if err := json.Unmarshal(got.Data, &data); err != nil || len(got.Errors) > 0 {
						t.Fatalf("%v: %v, errors %v", fields, err, got.Errors)
					}
					return data
				}
				all := ask(fields...)
				if !strings.Contains(fmt.Sprint(all), fields[0]+":") {
					t.Fatalf("no petition in %v", all)
				}
				for _, field := range fields {
					if diff := cmp.Diff(only(all, fields, field), ask(field)); diff != "" {
						t.Errorf("%s among all and alone (-all +alone):\n%s", field, diff)
					}
				}
			})
		}
	})
}

// only leaves one of all fields to each object that has them.
func only(value any, fields []string, field string) any {
	switch value := value.(type) {
	case []any:
		out := make([]any, len(value))
		for i, v := range value {
			out[i] = only(v, fields, field)
		}
		return out
	case map[string]any:
		if _, has := value[fields[0]]; has {
			return map[string]any{field: value[field]}
		}
		out := map[string]any{}
		for name, v := range value {
			out[name] = only(v, fields, field)
		}
		return out
	}
	return value
}

// TestBodiesThatNobodyAskedFor checks that comments say what they do however they are asked, and that it is not read
// otherwise.
func TestBodiesThatNobodyAskedFor(t *testing.T) {
	t.Parallel()
	dbtest.EachCounting(t, func(t *testing.T, db *database.DB, counter *dbtest.Counter) {
		s := newSite(t, db)
		s.furnish(t)
		ids := map[string]any{"id": s.publicID("petition:green").String()}
		for _, test := range []struct {
			fields string
			read   bool
		}{
			{`comments { nodes { id likeCount } }`, false},
			{`body comments { totalCount edges { node { authorName replies { nodes { id parent { id } } } } } }`, false},
			{`comments { nodes { id body } }`, true},
			{`comments { edges { node { ...c } } }`, true},
			{`comments { nodes { id replies { nodes { parent { body } } } } }`, true},
			{`comments { nodes { ... { replies { nodes { body } } } } }`, true},
			{`comments { nodes { id } } more: comments { nodes { body } }`, true},
		} {
			counter.Reset()
			query := `query($id: ID!) { petition(id: $id) { ` + test.fields + ` } }`
			if strings.Contains(query, "...c") {
				query += ` fragment c on Comment { body }`
			}
			got := s.ask(t, "", query, ids).answer(t)
			all := strings.Join(counter.Statements(), "\n")
			if strings.Contains(all, "c.body") != test.read {
				t.Errorf("%s reads:\n%s", query, all)
			}
			if answer := string(got.Data); len(got.Errors) > 0 || !strings.Contains(answer, `"comments":{`) || strings.Contains(answer, `"body":""`) {
				t.Errorf("%s is answered with %s, errors %v", query, answer, got.Errors)
			}
		}
	})
}

// TestEveryFieldNamesItsColumns asks for each field of petitions alone: one of which nobody has said what it needs
// would have the whole row read.
func TestEveryFieldNamesItsColumns(t *testing.T) {
	t.Parallel()
	dbtest.EachCounting(t, func(t *testing.T, db *database.DB, counter *dbtest.Counter) {
		s := newSite(t, db)
		s.furnish(t)
		for _, field := range schema().Types["Petition"].Fields {
			if strings.HasPrefix(field.Name, "__") {
				continue
			}
			inner := map[bool]string{true: "", false: " { __typename }"}[schema().Types[field.Type.Name()].IsLeafType()]
			arguments := map[bool]string{true: "(interval: DAY)"}[field.Name == "signatureHistory"]
			counter.Reset()
			s.ask(t, "", `{ petition(slug: "green-roofs-for-every-school") { `+field.Name+arguments+inner+` } }`, nil).answer(t)
			all := strings.Join(counter.Statements(), "\n")
			if !strings.Contains(all, "p.id") || strings.Contains(all, "p.addressees") != (field.Name == "addressees") {
				t.Errorf("%s reads:\n%s", field.Name, all)
			}
		}
	})
}

// TestColumnsThatNobodyAskedFor checks that they are not read.
func TestColumnsThatNobodyAskedFor(t *testing.T) {
	t.Parallel()
	dbtest.EachCounting(t, func(t *testing.T, db *database.DB, counter *dbtest.Counter) {
		s := newSite(t, db)
		s.furnish(t)
		for _, query := range []string{
			`{ petition(slug: "green-roofs-for-every-school") { title % } }`, `{ petitions { nodes { title % } } }`,
			`{ petitions(search: "school") { edges { node { title % } } } }`, `{ petitions(orderBy: {field: TRENDING, direction: DESC}) { nodes { title % } } }`,
			`{ tags { nodes { petitions { nodes { title % } } } } }`,
		} {
			for _, more := range []string{"", "summary"} {
				counter.Reset()
				s.ask(t, "", strings.ReplaceAll(query, "%", more), nil)
				all := strings.Join(counter.Statements(), "\n")
				if !strings.Contains(all, "p.title") || strings.Contains(all, "p.summary") != (more != "") || strings.Contains(all, "p.addressees") {
					t.Errorf("%s with %q reads:\n%s", query, more, all)
				}
			}
		}
	})
}
