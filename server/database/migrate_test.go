package database_test

import (
	"database/sql"
	"fmt"
	"io/fs"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"petitiond/server/database"
	"petitiond/server/database/dbtest"
)

// files creates a folder with files.
func files(content map[string]string) fs.FS {
	folder := make(fstest.MapFS)
	for name, text := range content {
		folder[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return folder
}

func TestMigrate(t *testing.T) {
	t.Parallel()
	eachEmpty(t, func(t *testing.T, db *database.DB) {
		t.Parallel()
		want, err := fs.Glob(db.Migrations(), "*.sql")
		if err != nil {
			t.Fatal(err)
		}
		pending := func() []string {
			t.Helper()
			p, err := db.Pending(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return ordered(p)
		}
		if diff := cmp.Diff(want, pending()); diff != "" {
			t.Errorf("pending before (-want +got):\n%s", diff)
		}
		done, err := db.Migrate(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, ordered(done)); diff != "" {
			t.Errorf("applied (-want +got):\n%s", diff)
		}
		if got := pending(); len(got) != 0 {
			t.Errorf("pending afterwards: %v", got)
		}
		if again, err := db.Migrate(t.Context()); err != nil || len(again) != 0 {
			t.Errorf("a second time: applied %v, error %v; want nothing to do", again, err)
		}
	})
}

// TestMigrateAtOnce migrates one database from several programs at the same time.
func TestMigrateAtOnce(t *testing.T) {
	t.Parallel()
	eachEmpty(t, func(t *testing.T, db *database.DB) {
		t.Parallel()
		url := "sqlite:" + t.TempDir() + "/test.db"
		if db.Dialect == database.Postgres {
			url = dbtest.URL(t, database.Postgres)
			exec(t, opened(t, database.Options{}, url).Write, "DROP SCHEMA public CASCADE; CREATE SCHEMA public")
		}
		type result struct {
			done []database.Migration
			err  error
		}
		results := make(chan result)
		const programs = 3
		for range programs {
			one := opened(t, database.Options{}, url)
			go func() {
				done, err := one.Migrate(t.Context())
				results <- result{done, err}
			}()
		}
		applied := 0
		for range programs {
			r := <-results
			if r.err != nil {
				t.Error(r.err)
			}
			applied += len(r.done)
		}
		if want, _ := fs.Glob(db.Migrations(), "*.sql"); applied != len(want) {
			t.Errorf("%d migrations were applied by all together, want %d", applied, len(want))
		}
	})
}

func TestMigrateStopsAtAFault(t *testing.T) {
	t.Parallel()
	broken := files(map[string]string{
		"00001_good.sql":  "-- +goose Up\nCREATE TABLE good (n int);\n",
		"00002_bad.sql":   "-- +goose Up\nCREATE TABLE half (n int);\nINSERT INTO nowhere VALUES (1);\n",
		"00003_never.sql": "-- +goose Up\nCREATE TABLE never (n int);\n",
	})
	eachEmpty(t, func(t *testing.T, db *database.DB) {
		t.Parallel()
		done, err := db.MigrateTo(t.Context(), broken, 9)
		if err == nil {
			t.Fatal("a broken migration was applied")
		}
		if diff := cmp.Diff([]string{"00001_good.sql"}, ordered(done)); diff != "" {
			t.Errorf("applied (-want +got):\n%s", diff)
		}
		for table, want := range map[string]bool{"good": true, "half": false, "never": false} {
			_, err := db.Read.ExecContext(t.Context(), "SELECT n FROM "+table)
			if got := err == nil; got != want {
				t.Errorf("table %s is there: %t, want %t", table, got, want)
			}
		}
		if _, err := db.MigrateTo(t.Context(), broken, 1); err != nil {
			t.Errorf("the lock was not released: %v", err)
		}
	})
}

// TestMigrateTriesAgain keeps a table locked for longer than a migration waits for it.
func TestMigrateTriesAgain(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t, database.Postgres)
	locked, freed := make(chan struct{}), make(chan error)
	go func() {
		freed <- database.InTx(t.Context(), db.Ledger, func(tx *sql.Tx) error {
			_, err := tx.ExecContext(t.Context(), "LOCK TABLE tags")
			close(locked)
			if err == nil {
				_, err = tx.ExecContext(t.Context(), "SELECT pg_sleep(2.5)")
			}
			return err
		})
	}()
	<-locked
	done, err := db.MigrateTo(t.Context(), withNext(t, db, "ALTER TABLE tags ADD COLUMN more int;"), nextVersion)
	if err := <-freed; err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"99999_next.sql"}, ordered(done)); err != nil || diff != "" {
		t.Errorf("error %v, applied (-want +got):\n%s", err, diff)
	}
}

// TestMigrationsPair compares the names of the files: a step must have the same number and name on both databases.
func TestMigrationsPair(t *testing.T) {
	t.Parallel()
	names := func(dialect database.Dialect) []string {
		names, err := fs.Glob((&database.DB{Dialect: dialect}).Migrations(), "*")
		if err != nil {
			t.Fatal(err)
		}
		return names
	}
	lite := names(database.SQLite)
	for i, name := range lite {
		if want := fmt.Sprintf("%05d_", i+1); !strings.HasPrefix(name, want) || !strings.HasSuffix(name, ".sql") {
			t.Errorf("migration %d is called %s, want %s….sql", i+1, name, want)
		}
	}
	if diff := cmp.Diff(lite, names(database.Postgres)); diff != "" {
		t.Errorf("migrations (-SQLite +PostgreSQL):\n%s", diff)
	}
}

// dropsCarelessly reports whether a migration drops a table inside a transaction, which every migration is unless it
// says otherwise. On SQLite this would also delete the rows that refer to the table, and its triggers. Nothing refers
// to the index of searches, which is made from other rows.
func dropsCarelessly(text string) bool {
	text = strings.ReplaceAll(text, "DROP TABLE search_index;", "")
	return regexp.MustCompile(`(?im)^[^-\n]*\bDROP\s+TABLE\b`).MatchString(text) && !strings.Contains(text, "+goose NO TRANSACTION")
}

func TestSQLiteMigrationsDropNoTable(t *testing.T) {
	t.Parallel()
	migrations := empty(t, database.SQLite).Migrations()
	names, err := fs.Glob(migrations, "*.sql")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		text, err := fs.ReadFile(migrations, name)
		if err != nil {
			t.Fatal(err)
		}
		if dropsCarelessly(string(text)) {
			t.Errorf("%s drops a table in a transaction; use ALTER TABLE … ADD COLUMN, or NO TRANSACTION and create the triggers again", name)
		}
	}
}

func TestDropsCarelessly(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		text string
		want bool
	}{
		"Drop":          {"-- +goose Up\nDROP TABLE a;", true},
		"LowerCase":     {"-- +goose Up\n  drop  table `a`;", true},
		"SecondOnLine":  {"-- +goose Up\nSELECT 1; DROP TABLE a;", true},
		"Rebuild":       {"-- +goose Up\nCREATE TABLE b (n);\nDROP TABLE a;\nALTER TABLE b RENAME TO a;", true},
		"NoTransaction": {"-- +goose NO TRANSACTION\n-- +goose Up\nDROP TABLE a;", false},
		"Comment":       {"-- +goose Up\n-- we do not DROP TABLE here\nSELECT 1;", false},
		"Index":         {"-- +goose Up\nDROP INDEX a;", false},
		"Name":          {"-- +goose Up\nCREATE TABLE raindrop_tables (n);", false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := dropsCarelessly(test.text); got != test.want {
				t.Errorf("got %t, want %t", got, test.want)
			}
		})
	}
}

// TestDaysAreFilled checks the days of signatures that are older than the table of days.
func TestDaysAreFilled(t *testing.T) {
	t.Parallel()
	eachEmpty(t, func(t *testing.T, db *database.DB) {
		t.Parallel()
		if _, err := db.MigrateTo(t.Context(), db.Migrations(), 1); err != nil {
			t.Fatal(err)
		}
		for _, minute := range []int{-1440, -1, 0, 1439, 1440} {
			exec(t, db.Write, "INSERT INTO signature_buckets (petition_id, minute, added, removed) VALUES ($1, $2, 2, 1)", petition, minute)
		}
		if _, err := db.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		for day, want := range map[int]int{-1440: 4, 0: 4, 1440: 2} {
			query := "SELECT added FROM signature_days WHERE petition_id = $1 AND day = $2"
			if got := scan[int](t, db.Read, query, petition, day); got != want {
				t.Errorf("day %d: got %d, want %d", day, got, want)
			}
		}
	})
}
