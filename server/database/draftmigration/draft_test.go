// No test here runs beside another: ent writes to its one description of the tables while it compares.

package main

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"petitiond/server/database"
	"petitiond/server/database/dbtest"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

const migrations = "../migrations"

// address returns a database without a schema.
func address(t *testing.T, dialect database.Dialect) string {
	t.Helper()
	if dialect == database.SQLite {
		return "sqlite:" + filepath.Join(t.TempDir(), "draft.db")
	}
	url := dbtest.URL(t, dialect)
	db, err := database.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Write.ExecContext(t.Context(), "DROP SCHEMA public CASCADE; CREATE SCHEMA public"); err != nil {
		t.Fatal(err)
	}
	return url
}

// empties returns databases of the test.
func empties(t *testing.T) empty {
	return func(_ context.Context, dialect database.Dialect) (string, func() error, error) {
		return address(t, dialect), func() error { return nil }, nil
	}
}

func TestScratch(t *testing.T) {
	url, discard, err := scratch(t.Context(), database.SQLite)
	if err != nil {
		t.Fatal(err)
	}
	db, err := database.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(db.Close(), discard()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Dir(strings.TrimPrefix(url, "sqlite:"))); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the folder stays (%v)", err)
	}
}

// difference runs diff for one database and the migrations below root.
func difference(t *testing.T, dialect database.Dialect, root string) string {
	t.Helper()
	db, err := database.Open(t.Context(), address(t, dialect))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	got, err := diff(t.Context(), db, filepath.Join(root, folders[dialect]))
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// changed copies the migrations and replaces text in the first ones.
func changed(t *testing.T, replace ...string) string {
	t.Helper()
	root := t.TempDir()
	if err := os.CopyFS(root, os.DirFS(migrations)); err != nil {
		t.Fatal(err)
	}
	for _, folder := range folders {
		path := filepath.Join(root, folder, "00001_core.sql")
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(strings.NewReplacer(replace...).Replace(string(text))), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// each runs f for both databases.
func each(t *testing.T, f func(t *testing.T, dialect database.Dialect)) {
	t.Helper()
	for dialect := range folders {
		t.Run(dialect.String(), func(t *testing.T) {
			f(t, dialect)
		})
	}
}

// TestSchemaAndMigrationsAgree is the check that nobody forgot a migration.
func TestSchemaAndMigrationsAgree(t *testing.T) {
	each(t, func(t *testing.T, dialect database.Dialect) {
		if got := difference(t, dialect, migrations); got != "" {
			t.Errorf("ent/schema wants what no migration makes; draft one with make migration name=…:\n%s", got)
		}
	})
}

func TestDifferencesAreSeen(t *testing.T) {
	tests := map[string]struct {
		replace []string
		want    string // in lower case
	}{
		"IndexMissing":  {[]string{"CREATE INDEX slug_petition_id", "-- "}, "slug_petition_id"},
		"IndexLeftOver": {[]string{"CREATE INDEX slug_petition_id", "CREATE INDEX too_much ON slugs (created_at);\nCREATE INDEX slug_petition_id"}, "too_much"},
		"ColumnMissing": {[]string{
			"  open_petitions bigint NOT NULL DEFAULT 0,\n", "", "  open_petitions integer NOT NULL DEFAULT 0,\n", "",
			"(open_petitions, key)", "(key)",
		}, "open_petitions"},
		"ColumnLeftOver": {[]string{"  position ", "  surplus text NULL,\n  position "}, "petition_tags"},
		"Nullable":       {[]string{"goal bigint NOT NULL", "goal bigint NULL", "goal integer NOT NULL", "goal integer NULL"}, "goal"},
		"OtherCondition": {[]string{"WHERE signatory IS NOT NULL", "WHERE signatory IS NULL"}, "comment_signatory"},
		"NotUnique":      {[]string{"CREATE UNIQUE INDEX signature_petition_id_number", "CREATE INDEX signature_petition_id_number"}, "unique"},
		"TableMissing":   {[]string{"CREATE TABLE api_keys", "CREATE TABLE doors", "ON api_keys", "ON doors"}, "create table \"api_keys\""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			root := changed(t, test.replace...)
			each(t, func(t *testing.T, dialect database.Dialect) {
				got := strings.ReplaceAll(strings.ToLower(difference(t, dialect, root)), "`", `"`)
				if !strings.Contains(got, test.want) {
					t.Errorf("got %q, want something about %s", got, test.want)
				}
			})
		})
	}
}

func TestRun(t *testing.T) {
	root := changed(t, "CREATE INDEX slug_petition_id", "-- ")
	for range 2 { // the second time nothing is left to do
		if err := run(t.Context(), io.Discard, empties(t), root, "find_slugs"); err != nil {
			t.Fatal(err)
		}
	}
	for _, folder := range folders {
		drafts, err := filepath.Glob(filepath.Join(root, folder, "*_find_slugs.sql"))
		if err != nil || len(drafts) != 2 {
			t.Fatalf("%d drafts, error %v; want two", len(drafts), err)
		}
		text, err := os.ReadFile(drafts[0])
		if err != nil {
			t.Fatal(err)
		}
		if got := string(text); !strings.HasPrefix(got, "-- +goose Up\n") || !strings.Contains(got, "slug_petition_id") || strings.Contains(got, "search") {
			t.Errorf("%s: the draft is %q, want the index that is missing, and nothing about search", folder, got)
		}
		text, err = os.ReadFile(drafts[1])
		if err != nil || !strings.Contains(string(text), "Nothing to do") {
			t.Errorf("%s: the second draft is %q, error %v; want one that does nothing", folder, text, err)
		}
	}
	for dialect, folder := range folders {
		if got := difference(t, dialect, root); got != "" {
			t.Errorf("%s: the draft leaves %s", folder, got)
		}
	}
}

func TestRunRefusesNames(t *testing.T) {
	for _, name := range []string{"", "Add reports", "../../x", "add-reports", "1st"} {
		if err := run(t.Context(), io.Discard, scratch, t.TempDir(), name); err == nil {
			t.Errorf("the name %q was taken", name)
		}
	}
}

func TestNext(t *testing.T) {
	root := t.TempDir()
	for _, step := range []struct {
		file string
		want int
	}{{"", 1}, {"a/00007_x.sql", 8}, {"b/00009_y.sql", 10}, {"a/00008_z.sql", 10}} {
		if step.file != "" {
			path := filepath.Join(root, step.file)
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := next(root); err != nil || got != step.want {
			t.Errorf("after %q: got %d, error %v; want %d", step.file, got, err, step.want)
		}
	}
	if err := os.WriteFile(filepath.Join(root, "a", "readme.sql"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := next(root); err == nil {
		t.Error("a file without a number was passed over")
	}
}
