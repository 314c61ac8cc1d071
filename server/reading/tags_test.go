package reading_test

import (
	"fmt"
	"strings"
	"testing"

	"petitiond/server/database"
	"petitiond/server/database/dbtest"
	"petitiond/server/keyset"
	"petitiond/server/petitioning"
)

// TestTagsOfDrafts makes many tags that only drafts have. Nobody but their petitioners sees them, and lists of tags do
// not walk past them.
func TestTagsOfDrafts(t *testing.T) {
	t.Parallel()
	dbtest.EachCounting(t, func(t *testing.T, db *database.DB, counter *dbtest.Counter) {
		b := setup(t, db)
		made := b.MustCreate(t, func(d *petitioning.Draft) { d.Tags = []string{"yarrow"} })
		b.MustPublish(t, func(d *petitioning.Draft) { d.Tags = []string{"moss"} })
		b.Exec(t, `INSERT INTO tags (id, key, label)
 WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
 SELECT `+draftTagID(db.Dialect)+`, 'draft' || CAST(i AS text), 'draft' FROM n`)
		b.Exec(t, `ANALYZE`)
		for bearer, want := range map[string]string{"": "moss", made.EditToken: "moss yarrow"} {
			counter.Reset()
			page, err := b.Reads(b.As(t, bearer)).Tags(b.As(t, bearer), nil, keyset.Args{Last: p(2)})
			ok(t, err)
			var keys []string
			for _, tag := range page.Nodes() {
				keys = append(keys, tag.Key)
			}
			equal(t, "tags", want, strings.Join(keys, " "))
			if bearer != "" { // who may see drafts looks at all
				continue
			}
			for _, call := range counter.Calls() {
				if !strings.Contains(call.Text, `FROM tags AS t`) {
					continue
				}
				plan := b.planOf(t, explainOf[db.Dialect]+call.Text, call.Args)
				if !strings.Contains(plan, "tag_public") {
					t.Errorf("a list of tags walks along others than the public ones:\n%s\n%s", call.Text, plan)
				}
			}
		}
		for name, want := range map[string]bool{"moss": true, "yarrow": false, "draft7": false} {
			tag, err := b.Reads(b.As(t, "")).TagByName(b.As(t, ""), name)
			ok(t, err)
			equal(t, fmt.Sprintf("is there a tag %q", name), want, tag != nil)
		}
	})
}

// draftTagID is the SQL of an id that depends on i.
func draftTagID(d database.Dialect) string {
	if d == database.Postgres {
		return `CAST('00000000-0000-7000-8009-' || lpad(to_hex(i), 12, '0') AS uuid)`
	}
	return `printf('00000000-0000-7000-8009-%012x', i)`
}
