package database_test

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"petitiond/server/database"
)

// column is a column that can be written.
type column struct{ table, name, kind string }

// columns returns the columns of every table, except the list of migrations and the tables of a search index.
func columns(t *testing.T, db *database.DB) []column {
	t.Helper()
	query := `SELECT table_name, column_name, data_type FROM information_schema.columns
		WHERE table_schema = 'public' AND is_generated = 'NEVER' AND table_name <> 'goose_db_version'`
	if db.Dialect == database.SQLite {
		query = `SELECT t.name, c.name, lower(c.type) FROM pragma_table_list AS t, pragma_table_xinfo(t.name) AS c
			WHERE t.schema = 'main' AND t.type = 'table' AND c.hidden = 0 AND t.name NOT LIKE 'sqlite_%' AND t.name <> 'goose_db_version'`
	}
	rows, err := db.Read.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var all []column
	for rows.Next() {
		var c column
		if err := rows.Scan(&c.table, &c.name, &c.kind); err != nil {
			t.Fatal(err)
		}
		all = append(all, c)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// sample returns a value for a column. All ids are the same, so every reference finds its row, and searches find the
// petition, since everybody sees it.
func sample(name, kind string) any {
	if name == "state" {
		return "OPEN"
	}
	for part, value := range map[string]any{
		"uuid": "01890a5d-ac96-774b-bcce-b302099a8057", "int": 1, "bool": true, "json": "[]", "double": 1.5, "real": 1.5,
		"bytea": []byte{1}, "blob": []byte{1}, "time": database.Now(),
	} {
		if strings.Contains(kind, part) {
			return value
		}
	}
	return "word"
}

// fill writes a row into every table.
func fill(t *testing.T, db *database.DB) {
	t.Helper()
	tables := make(map[string][]column)
	for _, c := range columns(t, db) {
		tables[c.table] = append(tables[c.table], c)
	}
	for len(tables) > 0 {
		before, failure := len(tables), error(nil)
		for table, columns := range maps.Clone(tables) {
			filled := scan[int](t, db.Read, "SELECT count(*) FROM "+table) > 0 // by a trigger
			if err := put(t.Context(), db, table, columns); err != nil && !filled {
				failure = fmt.Errorf("%s: %w", table, err) // its parent may come later
				continue
			}
			delete(tables, table)
		}
		if len(tables) == before {
			t.Fatalf("%d tables cannot be filled: %v", len(tables), failure)
		}
	}
}

func put(ctx context.Context, db *database.DB, table string, columns []column) error {
	var names, places []string
	var values []any
	for i, c := range columns {
		names = append(names, c.name)
		places = append(places, fmt.Sprintf("$%d", i+1))
		values = append(values, sample(c.name, c.kind))
	}
	_, err := db.Write.ExecContext(ctx, "INSERT INTO "+table+" ("+strings.Join(names, ", ")+") VALUES ("+strings.Join(places, ", ")+")", values...)
	return err
}

// holdings counts what a migration might lose: the rows of every table, and the triggers.
func holdings(t *testing.T, db *database.DB) map[string]int {
	t.Helper()
	held := make(map[string]int)
	for _, c := range columns(t, db) {
		held[c.table] = scan[int](t, db.Read, "SELECT count(*) FROM "+c.table)
	}
	if db.Dialect == database.SQLite {
		for _, name := range triggers(t, db) {
			held["trigger "+name] = 1
		}
		held["broken references"] = scan[int](t, db.Read, "SELECT count(*) FROM pragma_foreign_key_check")
		held["found by search"] = scan[int](t, db.Read, "SELECT count(*) FROM search_index WHERE search_index MATCH 'word'")
	}
	return held
}

// triggers returns the names of those of SQLite.
func triggers(t *testing.T, db *database.DB) []string {
	t.Helper()
	names := scan[string](t, db.Read, "SELECT group_concat(name) FROM sqlite_master WHERE type = 'trigger'")
	return strings.Split(names, ",")
}

// outgrown are triggers that a later version has no use for.
var outgrown = []string{"petitions_deleted", "petitions_moving", "search_documents_updating"}

// loss fills a database of an earlier version, migrates it completely, and reports what is missing then.
func loss(t *testing.T, db *database.DB, files fs.FS, version int64) string {
	t.Helper()
	if _, err := db.MigrateTo(t.Context(), files, version); err != nil {
		t.Fatal(err)
	}
	fill(t, db)
	before := holdings(t, db)
	if _, err := db.MigrateTo(t.Context(), files, math.MaxInt64); err != nil {
		t.Fatal(err)
	}
	after := holdings(t, db)
	for _, name := range outgrown {
		delete(before, "trigger "+name)
	}
	maps.DeleteFunc(after, func(table string, _ int) bool { _, old := before[table]; return !old })
	return cmp.Diff(before, after)
}

// TestMigrationsLoseNothing starts from every earlier version.
func TestMigrationsLoseNothing(t *testing.T) {
	t.Parallel()
	for _, dialect := range []database.Dialect{database.SQLite, database.Postgres} {
		versions, err := empty(t, dialect).Pending(t.Context())
		if err != nil || len(versions) == 0 {
			t.Fatalf("%d migrations, error %v", len(versions), err)
		}
		for _, from := range versions {
			t.Run(fmt.Sprintf("%s/%05d", dialect, from.Version), func(t *testing.T) {
				t.Parallel()
				db := empty(t, dialect)
				if diff := loss(t, db, db.Migrations(), from.Version); diff != "" {
					t.Errorf("migrating a filled database (-before +after):\n%s", diff)
				}
				for table, rows := range holdings(t, db) {
					if rows == 0 && table != "broken references" && from == versions[len(versions)-1] {
						t.Errorf("%s was not filled: the test is blind there", table)
					}
				}
			})
		}
	}
}

// TestLossIsNoticed makes sure that the test above can fail.
func TestLossIsNoticed(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		statements string
		dialects   []database.Dialect
	}{
		"Rows":     {"DELETE FROM api_keys;", []database.Dialect{database.SQLite, database.Postgres}},
		"Children": {"DELETE FROM comments; DELETE FROM search_documents;", []database.Dialect{database.SQLite, database.Postgres}},
		"Triggers": {"DROP TRIGGER petitions_moved;", []database.Dialect{database.SQLite}},
	}
	for name, test := range tests {
		for _, dialect := range test.dialects {
			t.Run(name+"/"+dialect.String(), func(t *testing.T) {
				t.Parallel()
				db := empty(t, dialect)
				if loss(t, db, withNext(t, db, test.statements), nextVersion-1) == "" {
					t.Error("the loss was not noticed")
				}
			})
		}
	}
}

// nextVersion is the version of the test's own migration.
const nextVersion = 99_999

// withNext returns the migrations of the database's kind and one of the test's own after them.
func withNext(t *testing.T, db *database.DB, statements string) fs.FS {
	t.Helper()
	all := map[string]string{fmt.Sprintf("%05d_next.sql", nextVersion): "-- +goose Up\n" + statements + "\n"}
	names, err := fs.Glob(db.Migrations(), "*.sql")
	if err != nil || len(names) == 0 {
		t.Fatalf("%d migrations, error %v", len(names), err)
	}
	for _, name := range names {
		text, err := fs.ReadFile(db.Migrations(), name)
		if err != nil {
			t.Fatal(err)
		}
		all[name] = string(text)
	}
	return files(all)
}

// ordered returns the names of migrations.
func ordered(migrations []database.Migration) []string {
	names := make([]string, 0, len(migrations))
	for _, m := range migrations {
		names = append(names, fmt.Sprintf("%05d_%s.sql", m.Version, m.Name))
	}
	if !slices.IsSorted(names) {
		names = append(names, "out of order")
	}
	return names
}

// TestListsLearnOfPetitions starts from a version in which neither tags nor ranks had a petition's age and state.
func TestListsLearnOfPetitions(t *testing.T) {
	t.Parallel()
	eachEmpty(t, func(t *testing.T, db *database.DB) {
		if _, err := db.MigrateTo(t.Context(), db.Migrations(), 3); err != nil {
			t.Fatal(err)
		}
		exec(t, db.Write, "INSERT INTO tags (id, key, label) VALUES ($1, 'k', 'l')", petition)
		var want []time.Time
		states := []string{"OPEN", "DRAFT", "CLOSED", "HIDDEN", "ARCHIVED", "PAUSED"}
		for i, fraction := range []time.Duration{0, 500_000, 123_456, 100, 1, 999_999} {
			created := time.Date(2026, time.March, 2, 10, 0, i, 0, time.UTC).Add(fraction * time.Microsecond)
			if i == 0 {
				created = created.AddDate(-90, 0, 0)
			}
			want = append(want, created)
			id := fmt.Sprintf("01890a5d-ac96-774b-bcce-b302099a80%02d", i)
			exec(t, db.Write, `INSERT INTO petitions (id, slug, title, body, language, addressees, state, petitioner, created_at, updated_at)
				VALUES ($1, $2, 't', 'b', 'en', '[]', $4, 'p', $3, $3)`, id, id, created, states[i])
			exec(t, db.Write, "INSERT INTO ranks (petition_id) VALUES ($1)", id)
			exec(t, db.Write, "INSERT INTO petition_tags (petition_id, tag_id) VALUES ($1, $2)", id, petition)
		}
		if _, err := db.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		for i, created := range want {
			id := fmt.Sprintf("01890a5d-ac96-774b-bcce-b302099a80%02d", i)
			if got := scan[int64](t, db.Read, "SELECT created FROM petition_tags WHERE petition_id = $1", id); got != created.UnixMicro() {
				t.Errorf("got %s, want %s", time.UnixMicro(got).UTC(), created)
			}
			for _, table := range []string{"petition_tags", "ranks"} {
				if got := scan[string](t, db.Read, "SELECT state FROM "+table+" WHERE petition_id = $1", id); got != states[i] {
					t.Errorf("%s has the state %s, want %s", table, got, states[i])
				}
			}
		}
		if got := scan[int](t, db.Read, "SELECT public_petitions FROM tags WHERE id = $1", petition); got != 4 {
			t.Errorf("the tag has %d public petitions, want 4", got)
		}
	})
}
