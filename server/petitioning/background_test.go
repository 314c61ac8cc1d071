package petitioning_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"petitiond/server/database"
	"petitiond/server/database/dbtest"
	"petitiond/server/petitioning"
)

// While the database cannot be written to, the log says of each task of upkeep that it fails, in words for operators.
// These are not mutations that somebody has sent, and are not counted as such.
func TestUpkeepFails(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		log := make(lineByLine, 100)
		b := setup(t, db, func(o *petitioning.Options) { o.Logger = slog.New(slog.NewTextHandler(log, nil)) })
		refuseWrites(t, db)

		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- b.Run(ctx) }()
		line := log.until(t, `task="compare ranks"`)
		stop()
		ok(t, <-ended)
		if !strings.Contains(line, `msg="upkeep failed`) || strings.Contains(line, "UNAVAILABLE") {
			t.Errorf("the log says %q", line)
		}
		if n := db.Failed.Count(database.TroubleRefused); n != 0 {
			t.Errorf("%d mutations count as failed, and nobody has sent one", n)
		}

		if _, err := b.Create(b.As(t, ""), draft()); petitioning.Faults(err) == nil {
			t.Errorf("a petition was created: %v", err)
		}
		if n := db.Failed.Count(database.TroubleRefused); n != 1 {
			t.Errorf("%d mutations count as failed, want 1", n)
		}
	})
}

// refuseWrites makes a database refuse what this test writes, as a read-only one does.
func refuseWrites(t *testing.T, db *database.DB) {
	t.Helper()
	statements := []string{
		"CREATE FUNCTION refuse() RETURNS trigger AS $$ BEGIN RAISE EXCEPTION 'canary' USING ERRCODE = '25006'; END $$ LANGUAGE plpgsql",
		"CREATE TRIGGER refuse BEFORE UPDATE ON ranks FOR EACH STATEMENT EXECUTE FUNCTION refuse()",
		"CREATE TRIGGER refuse BEFORE INSERT ON petitions FOR EACH STATEMENT EXECUTE FUNCTION refuse()",
	}
	if db.Dialect == database.SQLite {
		statements = []string{"PRAGMA query_only = 1"}
	}
	for _, statement := range statements {
		_, err := db.Write.ExecContext(t.Context(), statement)
		ok(t, err)
	}
}

// lineByLine is a log whose lines can be waited for.
type lineByLine chan string

func (l lineByLine) Write(p []byte) (int, error) {
	l <- string(bytes.Clone(p))
	return len(p), nil
}

// until returns the first line that contains a text.
func (l lineByLine) until(t *testing.T, text string) string {
	t.Helper()
	late := time.After(20 * time.Second)
	for {
		select {
		case line := <-l:
			if strings.Contains(line, text) {
				return line
			}
		case <-late:
			t.Fatalf("no line has %q", text)
		}
	}
}
