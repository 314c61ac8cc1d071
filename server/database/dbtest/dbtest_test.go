package dbtest

import (
	"context"
	"database/sql"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	entsql "entgo.io/ent/dialect/sql"
	"github.com/google/go-cmp/cmp"

	"petitiond/ent"
	"petitiond/server/database"
)

func TestMain(m *testing.M) { Main(m) }

const insert = "INSERT INTO tags (id, key, label) VALUES ('01890a5d-ac96-774b-bcce-b302099a8057', 'k', 'l')"

func count(t *testing.T, db *database.DB) (rows int) {
	t.Helper()
	if err := db.Read.QueryRowContext(t.Context(), "SELECT count(*) FROM tags").Scan(&rows); err != nil {
		t.Fatal(err)
	}
	return rows
}

func TestEachIsMigratedAndAlone(t *testing.T) {
	t.Parallel()
	var ran []string
	Each(t, func(t *testing.T, db *database.DB) {
		ran = append(ran, t.Name())
		if pending, err := db.Pending(t.Context()); err != nil || len(pending) != 0 {
			t.Errorf("migrations %v are missing, error %v", pending, err)
		}
		if _, err := db.Write.ExecContext(t.Context(), insert); err != nil {
			t.Fatal(err)
		}
		if got := count(t, New(t, db.Dialect)); got != 0 {
			t.Errorf("another database holds %d rows of this one", got)
		}
	})
	want := []string{t.Name() + "/SQLite"}
	if os.Getenv("PETITION_TEST_POSTGRES") != "off" {
		want = append(want, t.Name()+"/PostgreSQL")
	}
	if diff := cmp.Diff(want, ran); diff != "" {
		t.Errorf("subtests (-want +got):\n%s", diff)
	}
}

func TestNothingStays(t *testing.T) {
	t.Parallel()
	urls := make(map[database.Dialect]string)
	Each(t, func(t *testing.T, db *database.DB) { urls[db.Dialect] = URL(t, db.Dialect) })
	path := strings.TrimPrefix(urls[database.SQLite], "sqlite:")
	if left, err := filepath.Glob(path + "*"); err != nil || len(left) > 0 {
		t.Errorf("files %v stayed, error %v", left, err)
	}
	u, err := url.Parse(urls[database.Postgres])
	if err != nil {
		t.Fatal(err)
	}
	var stayed int
	err = New(t, database.Postgres).Read.QueryRowContext(t.Context(),
		"SELECT count(*) FROM pg_database WHERE datname = $1", strings.TrimPrefix(u.Path, "/")).Scan(&stayed)
	if err != nil || stayed > 0 {
		t.Errorf("%d databases stayed, error %v", stayed, err)
	}
}

func TestPostgresOff(t *testing.T) {
	t.Setenv("PETITION_TEST_POSTGRES", "off")
	skipped := make(map[string]bool)
	for _, dialect := range []database.Dialect{database.SQLite, database.Postgres} {
		t.Run(dialect.String(), func(t *testing.T) {
			defer func() { skipped[dialect.String()] = t.Skipped() }()
			New(t, dialect)
		})
	}
	if diff := cmp.Diff(map[string]bool{"SQLite": false, "PostgreSQL": true}, skipped); diff != "" {
		t.Errorf("skipped (-want +got):\n%s", diff)
	}
}

// TestServerOfOthers treats the server of these tests as one that outlives them.
func TestServerOfOthers(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	s, err := connect(ctx, URL(t, database.Postgres))
	if err != nil {
		t.Fatal(err)
	}
	if s.stop != nil {
		t.Fatal("it would be stopped")
	}
	template, clone := newName(), newName()
	if err := s.create(ctx, template); err != nil {
		t.Fatal(err)
	}
	s.template = template
	if err := s.create(ctx, clone); err != nil {
		t.Fatal(err)
	}
	db, err := database.Open(ctx, s.url(clone))
	if err != nil {
		t.Fatal(err)
	}
	if pending, err := db.Pending(ctx); err != nil || len(pending) != 0 {
		t.Errorf("migrations %v are missing, error %v", pending, err)
	}
	for _, name := range []string{clone, template} { // the clone is still open
		if err := s.drop(ctx, name); err != nil {
			t.Error(err)
		}
	}
	if err := db.Close(); err != nil && !database.IsConnectionLost(err) {
		t.Error(err)
	}
	for _, address := range []string{"mysql://x", "postgres://ann:hunter2%zz@h/db"} {
		if _, err := connect(ctx, address); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("got %v, want an error that does not quote the address", err)
		}
	}
}

func TestCounting(t *testing.T) {
	t.Parallel()
	EachCounting(t, func(t *testing.T, db *database.DB, counter *Counter) {
		t.Parallel()
		ctx := t.Context()
		if got := counter.Count(); got != 0 {
			t.Errorf("%d statements before the first: %v", got, counter.Statements())
		}
		const query = "SELECT label FROM tags WHERE key = $1"
		err := database.InTx(ctx, db.Ledger, func(tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, insert)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		_ = database.InTx(ctx, db.Write, func(*sql.Tx) error { return context.Canceled })
		stmt, err := db.Read.PrepareContext(ctx, query)
		if err != nil {
			t.Fatal(err)
		}
		defer stmt.Close()
		for range 2 {
			var label string
			if err := stmt.QueryRowContext(ctx, "k").Scan(&label); err != nil || label != "l" {
				t.Errorf("got %q, error %v", label, err)
			}
		}
		if got := count(t, db); got != 1 {
			t.Errorf("got %d rows, want 1", got)
		}
		want := []string{"BEGIN", insert, "COMMIT", "BEGIN", "ROLLBACK", query, query, "SELECT count(*) FROM tags"}
		if diff := cmp.Diff(want, counter.Statements()); diff != "" || counter.Count() != len(want) {
			t.Errorf("%d statements (-want +got):\n%s", counter.Count(), diff)
		}
		counter.Reset()
		if counter.Count() != 0 {
			t.Error("Reset forgot nothing")
		}
	})
}

// TestCountingEnt lets ent work through the counter.
func TestCountingEnt(t *testing.T) {
	t.Parallel()
	EachCounting(t, func(t *testing.T, db *database.DB, counter *Counter) {
		t.Parallel()
		if _, err := db.Write.ExecContext(t.Context(), insert); err != nil {
			t.Fatal(err)
		}
		counter.Reset()
		client := ent.NewClient(ent.Driver(entsql.OpenDB(string(db.Dialect), db.Read)))
		tag, err := client.Tag.Query().WithPetitions().Only(t.Context())
		if err != nil || tag.Label != "l" {
			t.Fatalf("got %v, error %v", tag, err)
		}
		if got := counter.Count(); got != 2 { // the tag, and which petitions bear it
			t.Errorf("got %d statements, want 2: %v", got, counter.Statements())
		}
	})
}

func TestTemplateFolderIsGone(t *testing.T) {
	t.Parallel()
	if _, err := sqliteFile(); err != nil {
		t.Fatal(err)
	}
	if left, err := filepath.Glob(filepath.Join(os.TempDir(), "petitiond-dbtest-*")); err != nil || len(left) > 0 {
		t.Errorf("folders %v stayed, error %v", left, err)
	}
}

func BenchmarkNew(b *testing.B) {
	for _, dialect := range []database.Dialect{database.SQLite, database.Postgres} {
		b.Run(dialect.String(), func(b *testing.B) {
			for b.Loop() {
				URL(b, dialect)
			}
		})
	}
}
