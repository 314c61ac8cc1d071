package visibility_test

import (
	"database/sql"
	"errors"
	"slices"
	"testing"

	"github.com/google/uuid"

	"petitiond/ent/petition"
	"petitiond/server/database"
	"petitiond/server/database/dbtest"
	"petitiond/server/reading/visibility"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

// run reads a column of texts.
func run(t *testing.T, db *database.DB, asked visibility.Statement) ([]string, error) {
	t.Helper()
	var out []string
	err := visibility.NewSource(db).Each(t.Context(), asked, func(rows *sql.Rows) error {
		var text string
		err := rows.Scan(&text)
		out = append(out, text)
		return err
	})
	return out, err
}

// TestNothingRunsUnguarded leaves the condition out in both ways that there are.
func TestNothingRunsUnguarded(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		for name, asked := range map[string]visibility.Statement{
			"NoPlace":     visibility.Viewer{All: true}.Petitions(`p`).Statement(`SELECT p.slug FROM petitions AS p`, nil),
			"NoOwn":       visibility.Viewer{}.PetitionList(`p`).Statement(`SELECT p.slug FROM petitions AS p WHERE `+visibility.Here+` AND p.id IN (`+visibility.Own+`)`, nil),
			"NotOfLists":  visibility.Viewer{Own: []uuid.UUID{{}}}.Petitions(`p`).Statement(`SELECT p.slug FROM petitions AS p WHERE p.id IN (`+visibility.Own+`)`, nil),
			"NoCondition": visibility.Seen{}.Statement(`SELECT p.slug FROM petitions AS p WHERE `+visibility.Here, nil),
			"List":        visibility.Seen{}.Statement(`SELECT c.body FROM comments AS c WHERE c.petition_id = `+visibility.Parent, nil).Of(db.Dialect, []uuid.UUID{{}}),
		} {
			if got, err := run(t, db, asked); !errors.Is(err, visibility.ErrUnguarded) || got != nil {
				t.Errorf("%s: read %q with error %v, want %v", name, got, err, visibility.ErrUnguarded)
			}
		}
	})
}

// TestViewers asks for petitions in every state as everybody, and for the minutes beside them.
func TestViewers(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		var ids []uuid.UUID
		states := []string{"ARCHIVED", "CLOSED", "DRAFT", "HIDDEN", "IN_REVIEW", "OPEN", "PAUSED", "REJECTED"}
		for _, state := range states {
			id := uuid.New()
			ids = append(ids, id)
			for _, text := range []string{
				`INSERT INTO petitions (id, slug, title, summary, body, language, addressees, state, petitioner, created_at, updated_at, version)
 VALUES ($1, $2, 'T', '', 'B', 'en', '[]', $2, 'P', CURRENT_TIMESTAMP, CURRENT_TIMESTAMP, 1)`,
				`INSERT INTO signature_days (petition_id, day, added, removed) VALUES ($1, 0, CASE WHEN $2 = 'x' THEN 0 ELSE 1 END, 0)`,
			} {
				if _, err := db.Write.ExecContext(t.Context(), text, id, state); err != nil {
					t.Fatal(err)
				}
			}
		}
		public := []string{"ARCHIVED", "CLOSED", "OPEN", "PAUSED"}
		for name, c := range map[string]struct {
			viewer visibility.Viewer
			want   []string
		}{
			"Anybody":    {visibility.Viewer{}, public},
			"Stranger":   {visibility.Viewer{Own: []uuid.UUID{uuid.New()}}, public},
			"Petitioner": {visibility.Viewer{Own: ids[2:4]}, []string{"ARCHIVED", "CLOSED", "DRAFT", "HIDDEN", "OPEN", "PAUSED"}},
			"Operator":   {visibility.Viewer{All: true}, states},
		} {
			rows, err := run(t, db, c.viewer.Petitions(`p`).Statement(`SELECT p.slug FROM petitions AS p WHERE `+visibility.Here+` ORDER BY 1`, nil))
			if err != nil || !slices.Equal(rows, c.want) {
				t.Errorf("%s sees petitions %v, error %v; want %v", name, rows, err, c.want)
			}
			if got := list(t, db, c.viewer); !slices.Equal(got, c.want) {
				t.Errorf("%s meets petitions %v in lists, want %v", name, got, c.want)
			}
			beside, err := run(t, db, c.viewer.Figures(`d.petition_id`).Statement(
				`SELECT p.slug FROM signature_days AS d JOIN petitions AS p ON p.id = d.petition_id WHERE `+visibility.Here+` ORDER BY 1`, nil))
			if err != nil || !slices.Equal(beside, c.want) {
				t.Errorf("%s sees what stands beside %v, error %v; want %v", name, beside, err, c.want)
			}
		}
		open, err := run(t, db, visibility.Open(`p`).Statement(`SELECT p.slug FROM petitions AS p WHERE `+visibility.Here, nil))
		if err != nil || !slices.Equal(open, []string{"OPEN"}) {
			t.Errorf("open petitions are %v, error %v", open, err)
		}
	})
}

// list returns the slugs in both parts of a list.
func list(t *testing.T, db *database.DB, viewer visibility.Viewer) []string {
	t.Helper()
	text := `SELECT p.slug FROM petitions AS p WHERE ` + visibility.Here
	if viewer.Owns() {
		text += ` UNION SELECT p.slug FROM petitions AS p WHERE p.id IN (` + visibility.Own + `)`
	}
	out, err := run(t, db, viewer.PetitionList(`p`).Statement(text+` ORDER BY 1`, nil))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestStatesSavesLookingOnly compares it with what the condition leaves out.
func TestStatesSavesLookingOnly(t *testing.T) {
	t.Parallel()
	draft, open := []petition.State{petition.StateDRAFT}, []petition.State{petition.StateOPEN}
	for name, c := range map[string]struct {
		viewer    visibility.Viewer
		here, own []petition.State
	}{
		"Anybody":    {visibility.Viewer{}, open, nil},
		"Petitioner": {visibility.Viewer{Own: []uuid.UUID{{}}}, open, draft},
		"Operator":   {visibility.Viewer{All: true, Own: []uuid.UUID{{}}}, slices.Concat(draft, open), nil},
	} {
		here, own := c.viewer.States(slices.Concat(draft, open))
		if !slices.Equal(here, c.here) || !slices.Equal(own, c.own) {
			t.Errorf("%s looks in %v, and among own ones in %v", name, here, own)
		}
	}
}
