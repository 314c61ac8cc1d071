package graph_test

import (
	"context"
	"encoding/json"
	"maps"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/validator/rules"

	"petitiond/ent"
	"petitiond/ent/comment"
	"petitiond/graph"
	"petitiond/graph/generated"
	"petitiond/graph/scalar"
	"petitiond/server/database"
	"petitiond/server/database/dbtest"
	"petitiond/server/figures"
	"petitiond/server/petitioning"
	"petitiond/server/transport"
)

// rowTypes are the types whose rows may be hidden.
var rowTypes = []string{"Petition", "Comment", "Signature", "Tag"}

// edges are the fields of the schema that lead to such rows, by themselves or through connections, payloads
// and the like.
func edges() map[string]bool {
	leads := map[string]bool{"Node": true}
	for _, name := range rowTypes {
		leads[name] = true
	}
	found := map[string]bool{}
	for grown := true; grown; {
		grown = false
		for _, def := range schema().Types {
			if def.BuiltIn || def.Kind != ast.Object {
				continue
			}
			for _, f := range def.Fields {
				edge := def.Name + "." + f.Name
				if !leads[f.Type.Name()] || found[edge] {
					continue
				}
				found[edge], grown = true, true
				leads[def.Name] = leads[def.Name] || !strings.HasSuffix(def.Name, "Query") // roots lead nowhere
			}
		}
	}
	return found
}

// covered are the fields that a document asks for.
func covered(t *testing.T, document string) map[string]bool {
	t.Helper()
	doc, errs := gqlparser.LoadQueryWithRules(schema(), document, rules.NewDefaultRules())
	if len(errs) > 0 {
		t.Fatalf("%v in %s", errs, document)
	}
	found := map[string]bool{}
	var walk func(ast.SelectionSet)
	walk = func(set ast.SelectionSet) {
		for _, selection := range set {
			switch s := selection.(type) {
			case *ast.Field:
				found[s.ObjectDefinition.Name+"."+s.Name] = true
				walk(s.SelectionSet)
			case *ast.InlineFragment:
				walk(s.SelectionSet)
			}
		}
	}
	for _, op := range doc.Operations {
		walk(op.SelectionSet)
	}
	return found
}

const (
	probePetition  = `id title slug body petitioner count { total petition { id title } }`
	probeSignature = `id name country petition { id title }`
	probeComment   = `id body authorName parent { id body } petition { id title }`
	probeTag       = `id name label`
	everyPetition  = probePetition + `
		tags { ` + probeTag + ` petitions { edges { node { id title } } nodes { id title } } }
		signatures { edges { node { ` + probeSignature + ` } } nodes { id name } }
		comments { edges { node { ` + probeComment + ` replies { edges { node { ` + probeComment + ` } } nodes { body } } } } nodes { body } }`
	payload = `{ petition { ` + probePetition + ` } userErrors { code message } }`
)

// probe asks for something that is hidden, or lies beside it.
type probe struct {
	document  string
	variables map[string]any
	visible   string // stands in the answer, which proves that the probe got somewhere
}

// probes together use every edge of the schema.
func probes(s *site) []probe {
	hidden := map[string]any{"ids": s.hiddenIDs(), "id": s.names.real["petition:black"]}
	seen := map[string]any{"id": s.names.real["petition:green"]}
	sign := map[string]any{"in": map[string]any{"petitionId": seen["id"], "name": "Lise", "email": "lise@example.org"}}
	unsigned := map[string]any{"in": map[string]any{"petitionId": hidden["id"], "name": "Lise", "email": "lise@example.org"}}
	draft := map[string]any{"in": map[string]any{"title": "A fine draft", "body": "x", "petitioner": "Lise", "tags": []string{"canary tag"}}}
	update := map[string]any{"in": map[string]any{"id": hidden["id"], "version": 2, "goal": 5}}
	const every = `filter: {states: [DRAFT, IN_REVIEW, REJECTED, OPEN, PAUSED, CLOSED, ARCHIVED, HIDDEN]}`
	confirm := `mutation($token: String!) { confirmSignature(token: $token) { signature { ` + probeSignature + ` } petition { ` + probePetition + ` } userErrors { code } } }`
	amend := `mutation($token: String!) { updateSignature(input: {token: $token, showName: true}) { signature { id petition { ` + probePetition + ` } } userErrors { code } } }`
	return []probe{
		{`query($ids: [ID!]!) { nodes(ids: $ids) { id ... on Petition { title } ... on Comment { body } ... on Tag { label } } }`, hidden, "null"},
		{`query($id: ID!) { node(id: $id) { id ... on Petition { ` + everyPetition + ` } } }`, hidden, "null"},
		{`query($id: ID!) { petition(id: $id) { ` + everyPetition + ` } }`, hidden, "null"},
		{`query($id: ID!) { petition(id: $id) { ` + everyPetition + ` } }`, seen, "Green roofs"},
		{`{ petition(slug: "canary-in-a-hidden-petition") { ` + everyPetition + ` } }`, nil, "null"},
		{`{ petitions(` + every + `) { edges { node { ` + everyPetition + ` } } nodes { id title } totalCount } }`, nil, "Green roofs"},
		{`{ petitions(search: "canary", ` + every + `) { nodes { id title } totalCount } }`, nil, `"totalCount":0`},
		{`{ petitions(` + every[:len(every)-1] + `, tags: ["canary tag"]}) { nodes { id title } totalCount } }`, nil, `"totalCount":0`},
		{`{ tag(name: "canary tag") { ` + probeTag + ` petitions { nodes { title } } } }`, nil, "null"},
		{`{ tags { edges { node { ` + probeTag + ` petitions { nodes { title } } } } nodes { ` + probeTag + ` } totalCount } }`, nil, "schools"},
		{`{ trendingTags(first: 100) { tag { ` + probeTag + ` petitions { nodes { title } } } signaturesLastDay } }`, nil, "schools"},
		{`mutation($in: CreatePetitionInput!) { createPetition(input: $in) ` + payload + ` }`, draft, "A fine draft"},
		{`mutation($in: UpdatePetitionInput!) { updatePetition(input: $in) ` + payload + ` }`, update, "NOT_FOUND"},
		{`mutation($id: ID!) { publishPetition(id: $id) ` + payload + ` }`, hidden, "NOT_FOUND"},
		{`mutation($id: ID!) { closePetition(input: {id: $id}) ` + payload + ` }`, hidden, "NOT_FOUND"},
		{`mutation($in: SignPetitionInput!) { signPetition(input: $in) ` + payload + ` }`, unsigned, "NOT_FOUND"},
		{`mutation($in: SignPetitionInput!) { signPetition(input: $in) { petition { ` + everyPetition + ` } } }`, sign, "Green roofs"},
		{confirm, map[string]any{"token": s.names.real["mailed:green"]}, "Green roofs"},
		{confirm, map[string]any{"token": s.names.real["mailed:black"]}, "NOT_FOUND"},
		{`mutation($id: ID!) { resendConfirmation(petitionId: $id, email: "x@example.org") { accepted userErrors { code } } }`, hidden, "NOT_FOUND"},
		{amend, map[string]any{"token": s.names.real["mailed:green"]}, "Green roofs"},
		{amend, map[string]any{"token": s.names.real["mailed:black"]}, `"petition":null`},
		{`{ mySignature { id petition { ` + probePetition + ` } } }`, nil, "null"},
		{`mutation($token: String!) { withdrawSignature(token: $token) { accepted userErrors { code } } }`, map[string]any{"token": s.names.real["mailed:black"]}, "true"},
		{`mutation($id: ID!) { addComment(input: {petitionId: $id, body: "x"}) { comment { ` + probeComment + ` } userErrors { code } } }`, hidden, "NOT_FOUND"},
		{`subscription($id: ID!) { signatureCount(petitionId: $id) { total petition { title } } }`, hidden, "NOT_FOUND"},
		{`subscription($id: ID!) { signatureCounts(petitionIds: [$id]) { total petition { title } } }`, hidden, "NOT_FOUND"},
		{`subscription($id: ID!) { commentAdded(petitionId: $id) { ` + probeComment + ` } }`, hidden, "NOT_FOUND"},
		{`subscription($id: ID!) { petitionChanged(petitionId: $id) { ` + everyPetition + ` } }`, hidden, "NOT_FOUND"},
		{`subscription($id: ID!) { petitionChanged(petitionId: $id) { ` + everyPetition + ` } }`, seen, "Green roofs"},
	}
}

// hide adds to what is seen what is not: comments that were hidden, their answers, signatures that do not count.
func (s *site) hide(t testing.TB) {
	t.Helper()
	ctx, green := operator(t.Context()), s.id("petition:green")
	say := func(parent *ent.Comment, body string) *ent.Comment {
		r := petitioning.Remark{Petition: green, Body: body}
		if parent != nil {
			r.Parent = &parent.ID
		}
		id, err := s.domain.Comment(ctx, r)
		if err != nil {
			t.Fatal(err)
		}
		return &ent.Comment{ID: id}
	}
	bad := say(nil, "A canary in a comment.")
	say(bad, "Seen, but not what it answers.")
	worse := say(&ent.Comment{ID: s.id("comment:green.1")}, "A canary in a reply.")
	for _, c := range []*ent.Comment{bad, worse} {
		s.exec(t, `UPDATE comments SET state = $2 WHERE id = $1`, c.ID, string(comment.StateHIDDEN))
	}
	for i, state := range []string{"INVALIDATED", "PENDING"} {
		in := signed(green, state+"@example.org")
		in.Name = "Canary " + state
		if err := s.domain.Sign(ctx, in); err != nil {
			t.Fatal(err)
		}
		s.exec(t, `UPDATE signatures SET state = $3 WHERE petition_id = $1 AND number = $2`, green, 7+i, state)
	}
	for _, name := range []string{"green", "black"} {
		if err := s.wait(ctx, s.names, name, s.id("petition:"+name)); err != nil {
			t.Fatal(err)
		}
	}
	s.label(t, s.names, "green", green)
	for name, id := range map[string]*ent.Comment{"comment:bad": bad, "comment:worse": worse} {
		s.names.set(name, scalar.NewID(scalar.Comment, id.ID).String())
	}
}

// hiddenIDs are those of all rows that nobody may see.
func (s *site) hiddenIDs() []string {
	s.names.mu.Lock()
	defer s.names.mu.Unlock()
	hidden := []string{"comment:bad", "comment:worse", "signature:green.2", "signature:green.7", "signature:green.8", "tag:canarytag", "tag:unborn"}
	for name := range s.names.real {
		for _, petition := range []string{":black", ":amber", ":mauve", ":white"} {
			if strings.Contains(name, petition) && !strings.HasPrefix(name, "token:") {
				hidden = append(hidden, name)
			}
		}
	}
	slices.Sort(hidden)
	ids := make([]string, len(hidden))
	for i, name := range hidden {
		ids[i] = s.names.real[name]
	}
	return ids
}

// leaks finds what must not be in an answer.
func leaks(s *site, body string) []string {
	secrets := append(s.hiddenIDs(), "Canary", "canary", "Blaise", "White lines", "unborn")
	return slices.DeleteFunc(secrets, func(secret string) bool { return !strings.Contains(body, secret) })
}

// TestHidden looks for what must not be seen: from every root, over every edge, and behind each edge by itself.
func TestHidden(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		t.Parallel()
		s := newPatientSite(t, db)
		s.furnish(t)
		s.hide(t)
		t.Run("Edges", func(t *testing.T) { edgesHide(t, s) })
		t.Run("Roots", func(t *testing.T) { rootsHide(t, s) })
	})
}

func rootsHide(t *testing.T, s *site) {
	missing := edges()
	for _, p := range probes(s) {
		maps.DeleteFunc(missing, func(edge string, _ bool) bool { return covered(t, p.document)[edge] })
		got := s.ask(t, "", p.document, p.variables).body
		found := leaks(s, got)
		if strings.Contains(p.document, "createPetition") { // one's own draft bears the tag it was given
			found = nil
		}
		if len(found) > 0 || !strings.Contains(got, p.visible) {
			t.Errorf("%s\ntells %v, want %q and nothing hidden:\n%s", p.document, found, p.visible, got)
		}
	}
	if len(missing) > 0 {
		t.Errorf("no probe uses the edges %v: add one", slices.Sorted(maps.Keys(missing)))
	}
}

// leak lets any row through at the root, so that every edge below must hide by itself.
type leak struct {
	generated.ResolverRoot
	rows map[scalar.ID]scalar.Node
}

type leakyQuery struct {
	generated.QueryResolver
	rows map[scalar.ID]scalar.Node
}

type leakyPetition struct{ generated.PetitionResolver }

func (l leak) Query() generated.QueryResolver { return leakyQuery{l.ResolverRoot.Query(), l.rows} }

func (l leak) Petition() generated.PetitionResolver {
	return leakyPetition{l.ResolverRoot.Petition()}
}

func (q leakyQuery) Node(_ context.Context, id scalar.ID) (scalar.Node, error) {
	return q.rows[id], nil
}

func (p leakyPetition) Count(_ context.Context, obj *ent.Petition) (*figures.Value, error) {
	return &figures.Value{Petition: obj.ID, Goal: 1, LastHour: ptr(0)}, nil
}

// number is one that a row of nothing has not.
var number = regexp.MustCompile(`:[1-9]`)

// edgesHide gives every edge of the schema a row that should have been hidden, and looks at what lies behind.
func edgesHide(t *testing.T, s *site) {
	black := s.id("petition:black")
	first := s.id("comment:black.1")
	rows := map[string]scalar.Node{
		"Petition":  &ent.Petition{ID: black},
		"Comment":   &ent.Comment{ID: first, PetitionID: black, ParentID: &first},
		"Signature": &ent.Signature{ID: s.id("signature:black.1"), PetitionID: black},
		"Tag":       &ent.Tag{ID: s.id("tag:canarytag")},
	}
	l := leak{ResolverRoot: s.resolver, rows: map[scalar.ID]scalar.Node{}}
	for i, name := range rowTypes {
		l.rows[scalar.ID{Type: byte(i)}] = rows[name]
	}
	leaky := transport.New(transport.Options{
		Schema: graph.Schema(l), ErrorPresenter: s.resolver.PresentError, Around: s.resolver.Around,
	})
	server := httptest.NewServer(leaky)
	t.Cleanup(server.Close)
	leakySite := &site{url: server.URL, client: s.client, names: s.names}
	ask := func(owner, fields string) json.RawMessage {
		id := scalar.ID{Type: byte(slices.Index(rowTypes, owner))}
		got := leakySite.ask(t, "", `query($id: ID!) { node(id: $id) { ... on `+owner+` { `+fields+` } } }`, map[string]any{"id": id.String()})
		for _, e := range got.answer(t).Errors {
			if e.Extensions["code"] != "NOT_FOUND" {
				t.Errorf("%s { %s }: %+v", owner, fields, e)
			}
		}
		if found := leaks(s, got.body); len(found) > 0 {
			t.Errorf("%s { %s } tells %v:\n%s", owner, fields, found, got.body)
		}
		return got.answer(t).Data
	}
	for _, f := range []string{
		"body", "bodyHtml", "goal", "signatureCount", "commentCount", "signatures { totalCount }",
		"comments { totalCount }", "signatureHistory(interval: DAY) { added total }",
	} {
		if data := ask("Petition", f); number.Match(data) {
			t.Errorf("%s tells a number: %s", f, data)
		}
	}
	for edge := range edges() {
		switch owner, field, _ := strings.Cut(edge, "."); {
		case edge == "Petition.count": // the leak itself; what it would be made of was refused above
		case owner == "SignatureCount":
			ask("Petition", "count { "+field+" "+selection(owner, field)+" }")
		case slices.Contains(rowTypes, owner):
			ask(owner, field+" "+selection(owner, field))
		} // roots have their probes; connections and edges hold what a row's edge has found
	}
}

// selection asks for what a field leads to: connections and edges, and of the rows in them every value.
func selection(owner, field string) string {
	def := schema().Types[schema().Types[owner].Fields.ForName(field).Type.Name()]
	var out []string
	for _, f := range def.Fields {
		below := schema().Types[f.Type.Name()]
		switch {
		case strings.HasPrefix(f.Name, "__"), f.Name == "signatureHistory", f.Name == "totalCount":
			// They are asked for by themselves: where they are refused, what stands beside them is not seen.
		case !below.IsCompositeType():
			out = append(out, f.Name)
		case !slices.Contains(rowTypes, def.Name):
			out = append(out, f.Name+" "+selection(def.Name, f.Name))
		}
	}
	return "{ " + strings.Join(out, " ") + " }"
}

// TestNoAddressIsAnswered looks at the types of all fields.
func TestNoAddressIsAnswered(t *testing.T) {
	t.Parallel()
	for _, def := range schema().Types {
		for _, f := range def.Fields {
			if def.Kind != ast.InputObject && f.Type.Name() == "EmailAddress" {
				t.Errorf("%s.%s answers with an address", def.Name, f.Name)
			}
		}
	}
}

// TestEveryRootHasCases compares the roots with what the cases ask for.
func TestEveryRootHasCases(t *testing.T) {
	t.Parallel()
	want, got := map[string]bool{}, map[string]bool{}
	for _, root := range []*ast.Definition{schema().Query, schema().Mutation, schema().Subscription} {
		for _, f := range root.Fields {
			if !strings.HasPrefix(f.Name, "__") {
				want[root.Name+"."+f.Name] = true
			}
		}
	}
	for _, query := range caseSections(t, "*", "query") {
		doc, errs := gqlparser.LoadQueryWithRules(schema(), query, rules.NewDefaultRules())
		if len(errs) > 0 {
			continue // refused on purpose
		}
		for _, selected := range doc.Operations[0].SelectionSet {
			if f, ok := selected.(*ast.Field); ok && !strings.HasPrefix(f.Name, "__") {
				got[f.ObjectDefinition.Name+"."+f.Name] = true
			}
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("root fields (-want +got):\n%s", diff)
	}
}

// TestUserErrorsHaveCases compares the codes that each mutation promises with those that its cases show. Some need a
// fault of the server.
func TestUserErrorsHaveCases(t *testing.T) {
	t.Parallel()
	elsewhere := []string{"UNAVAILABLE", "OUTCOME_UNKNOWN"}
	code := regexp.MustCompile(`[A-Z]+(_[A-Z]+)*`)
	shown := regexp.MustCompile(`"code": "([A-Z_]+)",\n`)
	for _, m := range schema().Mutation.Fields {
		_, promise, _ := strings.Cut(m.Description, "User errors:")
		want := slices.DeleteFunc(code.FindAllString(promise, -1), func(c string) bool {
			return slices.Contains(elsewhere, c)
		})
		var got []string
		for _, answer := range caseSections(t, m.Name, "want") {
			for _, match := range shown.FindAllStringSubmatch(answer, -1) {
				got = append(got, match[1])
			}
		}
		slices.Sort(want)
		slices.Sort(got)
		if diff := cmp.Diff(want, slices.Compact(got)); diff != "" {
			t.Errorf("user errors of %s (-promised +shown):\n%s", m.Name, diff)
		}
	}
}
