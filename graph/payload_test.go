package graph_test

import (
	"strings"
	"testing"

	"petitiond/server/database"
	"petitiond/server/database/dbtest"
)

// TestPayloadsReadWhatIsSelected changes things with and without asking for what they are now: a petition or a comment
// is read again for those who ask alone.
func TestPayloadsReadWhatIsSelected(t *testing.T) {
	t.Parallel()
	dbtest.EachCounting(t, func(t *testing.T, db *database.DB, counter *dbtest.Counter) {
		s := newSite(t, db)
		s.furnish(t)
		id := s.publicID("petition:green").String()
		for mutation, input := range map[string]map[string]any{
			"createPetition(input: $input) { # petition { title } }": {"title": "Fine title", "body": "x", "petitioner": "W"},
			"addComment(input: $input) { # comment { body } }":       {"petitionId": id, "body": "Fine."},
			"signPetition(input: $input) { # petition { title } }":   {"petitionId": id, "name": "W", "email": "w@example.org", "showName": false},
		} {
			name, _, _ := strings.Cut(mutation, "(")
			query := `mutation($input: ` + strings.ToUpper(name[:1]) + name[1:] + `Input!) { ` + mutation + ` }`
			with := map[string]any{"input": input}
			readAgain := func() bool {
				return strings.Contains(strings.Join(counter.Statements(), "\n"), map[bool]string{true: "c.body", false: "p.title"}[name == "addComment"])
			}
			counter.Reset()
			bare := s.ask(t, "", query[:strings.Index(query, "#")]+`userErrors { message } } }`, with).answer(t)
			if readAgain() {
				t.Errorf("%s reads what nobody asked for:\n%s", name, strings.Join(counter.Statements(), "\n"))
			}
			full := s.ask(t, "", strings.Replace(query, "#", `userErrors { message }`, 1), with).answer(t)
			if !readAgain() {
				t.Errorf("%s does not read what was asked for", name)
			}
			for _, got := range []string{string(bare.Data), string(full.Data)} {
				if !strings.Contains(got, `"userErrors":[]`) {
					t.Errorf("%s answers %s", name, got)
				}
			}
		}
	})
}
