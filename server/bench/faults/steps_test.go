package faults

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"petitiond/server/database"
	"petitiond/server/idempotency"
	"petitiond/server/ledger"
	"petitiond/server/ledger/ledgertest"
	"petitiond/server/ledger/recount"
	"petitiond/server/petitioning"
	"petitiond/server/secret"
)

// world is the domain on a brittle database, as the program runs it.
type world struct {
	*petitioning.Service
	db       *database.DB
	ledger   *ledger.Ledger
	petition uuid.UUID // the one that everybody signs
	people   int
}

func (b *brittle) world(t *testing.T) *world {
	t.Helper()
	db, err := database.Open(t.Context(), b.url)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	w := &world{db: db}
	if w.ledger, err = ledger.New(t.Context(), db, ledger.Options{}); err != nil {
		t.Fatal(err)
	}
	keys, err := secret.Parse([]byte(base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, secret.RootSize))))
	if err != nil {
		t.Fatal(err)
	}
	w.Service = petitioning.New(petitioning.Options{Database: db, Ledger: w.ledger, Keys: keys})
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.ledger.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil && !database.IsConnectionLost(err) {
			t.Error(err)
		}
		if err := db.Close(); err != nil && !database.IsConnectionLost(err) {
			t.Error(err)
		}
	})
	w.petition = w.publish(t)
	return w
}

// numbers reads the numbers of one row, when nothing is under way any more.
func (w *world) numbers(t *testing.T, query string, args ...any) []int {
	t.Helper()
	for w.db.Dialect == database.Postgres {
		if n := w.row(t, `SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
 AND (backend_xid IS NOT NULL OR state = 'active')`); n[0] == 0 {
			break
		}
	}
	return w.row(t, query, args...)
}

func (w *world) row(t *testing.T, query string, args ...any) []int {
	t.Helper()
	rows, err := w.db.Ask(t.Context(), query, args...)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	out, into := make([]int, len(names)), make([]any, len(names))
	for i := range out {
		into[i] = &out[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return out
}

func (w *world) draft(ctx context.Context, key string) (petitioning.Created, error) {
	return w.Create(ctx, petitioning.Draft{
		Title: "More trees " + key, Body: "Plant them.", Petitioner: "Ann", Tags: []string{"Trees", "Parks"}, IdempotencyKey: &key,
	})
}

// publish creates and publishes a petition.
func (w *world) publish(t *testing.T) uuid.UUID {
	t.Helper()
	made, err := w.draft(t.Context(), newKey())
	if err == nil {
		err = w.Publish(petitioning.WithActor(t.Context(), petitioning.Operator()), made.Petition)
	}
	if err != nil {
		t.Fatal(err)
	}
	return made.Petition
}

// newKey returns an idempotency key that nobody can guess.
func newKey() string { return uuid.NewString() + uuid.NewString() }

// verdictOf returns the code by which the API reports an error of the domain, or of the ledger by itself.
func verdictOf(ctx context.Context, err error) string {
	switch faults := petitioning.Faults(err); {
	case err == nil:
		return "done"
	case len(faults) > 0:
		return string(faults[0].Code)
	case errors.Is(err, ledger.ErrUnavailable):
		return "UNAVAILABLE"
	case errors.Is(err, ledger.ErrOutcomeUnknown):
		return "OUTCOME_UNKNOWN"
	case ctx.Err() != nil:
		return "TIMEOUT"
	case petitioning.IsPassing(err):
		return "UNAVAILABLE"
	}
	return "INTERNAL"
}

// deed is a write that can be requested, and requested again.
type deed struct {
	do     func(ctx context.Context) (answer string, err error)
	traces string // a statement that counts its rows, in each table where it writes some
	of     any    // the statement's argument
	before []int  // how many rows there were before
}

// sums are columns with what minutes, days and countries make together with what is in none of them yet.
const sums = `(SELECT COALESCE(SUM(added - removed), 0) FROM signature_buckets WHERE petition_id = $1)
 + (SELECT unsummed_to - unsummed_after FROM counters WHERE petition_id = $1) AS minutes,
 (SELECT COALESCE(SUM(added - removed), 0) FROM signature_days WHERE petition_id = $1)
 + (SELECT unsummed_to - unsummed_after FROM counters WHERE petition_id = $1) AS days,
 (SELECT COALESCE(SUM(added - removed), 0) FROM signature_country_buckets WHERE petition_id = $1)
 + (SELECT unsummed_to - unsummed_after FROM counters WHERE petition_id = $1) AS countries`

// sign writes a signature that a deed needs.
func (w *world) sign(t *testing.T, row ledger.Signature) {
	t.Helper()
	if _, err := w.ledger.Sign(t.Context(), row); err != nil {
		t.Fatal(err)
	}
}

// deeds are the writes of a petition server. Each function prepares one for a new person.
var deeds = map[string]func(t *testing.T, w *world) deed{
	"Create": func(t *testing.T, w *world) deed {
		key := newKey()
		return deed{do: func(ctx context.Context) (string, error) {
			made, err := w.draft(ctx, key)
			return made.Petition.String() + " " + made.EditToken, err
		}, of: "More trees " + key, traces: `WITH made AS (SELECT id FROM petitions WHERE title = $1)
 SELECT (SELECT COUNT(*) FROM made), (SELECT COUNT(*) FROM slugs WHERE petition_id IN (SELECT id FROM made)),
 (SELECT COUNT(*) FROM counters WHERE petition_id IN (SELECT id FROM made)), (SELECT COUNT(*) FROM tokens WHERE petition_id IN (SELECT id FROM made)),
 (SELECT COUNT(*) FROM idempotency_keys WHERE answer IN (SELECT id FROM made)),
 (SELECT COUNT(*) / 2 FROM petition_tags WHERE petition_id IN (SELECT id FROM made))`}
	},
	"Sign": func(t *testing.T, w *world) deed {
		w.people++
		key, reason := newKey(), "Because."
		in := petitioning.Signing{
			Petition: w.petition, Name: "Bob", Email: fmt.Sprintf("bob%d@example.org", w.people), Comment: &reason, IdempotencyKey: &key,
		}
		return deed{
			do: func(ctx context.Context) (string, error) { return "", w.Sign(ctx, in) }, of: w.petition,
			traces: `SELECT (SELECT COUNT(*) FROM signatures WHERE petition_id = $1), (SELECT total FROM counters WHERE petition_id = $1),
 (SELECT issued FROM counters WHERE petition_id = $1), (SELECT version FROM counters WHERE petition_id = $1),
 (SELECT COUNT(*) FROM comments WHERE petition_id = $1), (SELECT comments FROM counters WHERE petition_id = $1),
 (SELECT COUNT(*) FROM idempotency_keys), ` + sums,
		}
	},
	"SignAndWait": func(t *testing.T, w *world) deed {
		row := ledgertest.Waiting(w.petition, newKey())
		row.Key = &idempotency.Key{ID: newKey(), Input: []byte("input")}
		return deed{
			do: func(ctx context.Context) (string, error) { _, err := w.ledger.Sign(ctx, row); return "", err }, of: w.petition,
			traces: `SELECT (SELECT COUNT(*) FROM signatures WHERE petition_id = $1 AND state = 'PENDING'),
 (SELECT pending FROM counters WHERE petition_id = $1), (SELECT COUNT(*) FROM idempotency_keys)`,
		}
	},
	"Confirm": func(t *testing.T, w *world) deed {
		row := ledgertest.Waiting(w.petition, newKey())
		row.Waiting.Reason = []byte("sealed")
		w.sign(t, row)
		reason := ledgertest.Comment(w.petition, nil)
		return deed{
			do: func(ctx context.Context) (string, error) {
				got, err := w.ledger.Confirm(ctx, ledger.Confirmation{Signature: row.ID, Petition: row.Petition, Comment: &reason})
				return fmt.Sprint(got.Number), err
			}, of: w.petition,
			traces: `SELECT (SELECT COUNT(*) FROM signatures WHERE petition_id = $1 AND state = 'COUNTED'),
 (SELECT -pending FROM counters WHERE petition_id = $1),
 (SELECT total FROM counters WHERE petition_id = $1), (SELECT issued FROM counters WHERE petition_id = $1),
 (SELECT version FROM counters WHERE petition_id = $1), (SELECT COUNT(*) FROM comments WHERE petition_id = $1), ` + sums,
		}
	},
	"Withdraw": func(t *testing.T, w *world) deed {
		row := ledgertest.Signature(w.petition, newKey())
		w.sign(t, row)
		return deed{
			do: func(ctx context.Context) (string, error) {
				return "", w.ledger.Withdraw(ctx, ledgertest.Withdrawal(row))
			}, of: w.petition,
			traces: `SELECT -n, -total, version, -minutes, -days, -countries FROM (SELECT
 (SELECT COUNT(*) FROM signatures WHERE petition_id = $1) AS n, (SELECT total FROM counters WHERE petition_id = $1) AS total,
 (SELECT version FROM counters WHERE petition_id = $1) AS version, ` + sums + `) AS traces`,
		}
	},
	"Comment": func(t *testing.T, w *world) deed {
		key := newKey()
		return deed{
			do: func(ctx context.Context) (string, error) {
				id, err := w.Comment(ctx, petitioning.Remark{Petition: w.petition, Body: "Indeed.", IdempotencyKey: &key})
				return id.String(), err
			}, of: w.petition,
			traces: `SELECT (SELECT COUNT(*) FROM comments WHERE petition_id = $1), (SELECT comments FROM counters WHERE petition_id = $1),
 (SELECT threads FROM counters WHERE petition_id = $1), (SELECT COUNT(*) FROM idempotency_keys)`,
		}
	},
	"Close": func(t *testing.T, w *world) deed {
		id := w.publish(t)
		return deed{
			do: func(ctx context.Context) (string, error) {
				return "", w.Close(petitioning.WithActor(ctx, petitioning.Operator()), id, nil)
			}, of: id,
			traces: `SELECT (SELECT COUNT(*) FROM petitions WHERE id = $1 AND state = 'CLOSED'), (SELECT version FROM petitions WHERE id = $1),
 (SELECT COUNT(*) FROM counters WHERE petition_id = $1 AND NOT accepting), (SELECT CAST(-SUM(open_petitions) / 2 AS bigint) FROM tags)`,
		}
	},
}

func less(a, b []int) []int {
	out := slices.Clone(a)
	for i := range b {
		out[i] = a[i] - b[i]
	}
	return out
}

// TestEveryStepFails makes each step of each deed fail once, in each way. Nothing that was acknowledged may be lost,
// nothing may be done twice, a repeated request with the same key must get the same answer, every answer must be true,
// and the next request must be served as if nothing had happened.
func TestEveryStepFails(t *testing.T) {
	t.Parallel()
	onBrittle(t, func(t *testing.T, b *brittle) {
		w := b.world(t)
		answers := map[string]int{}
		for name, make := range deeds {
			b.fail(t, func(a attempt) int {
				d := make(t, w)
				d.before = w.numbers(t, d.traces, d.of)
				w.fold(t)
				b.arm(a)
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
				defer cancel()
				first, err := d.do(ctx)
				steps, struck := b.disarm()
				verdict := verdictOf(ctx, err)
				answers[verdict]++
				where := fmt.Sprintf("%s, %s (%s)", name, a, struck)
				d.judge(t, w, where, verdict)
				if b.folder != "" {
					b.crash(t, func(found *world) { d.judge(t, found, where+", and a crash", verdict) })
				}
				again, repeated := d.do(t.Context())
				if repeated != nil {
					t.Errorf("%s: the repeated request was answered %v", where, repeated)
				}
				if err == nil && again != first {
					t.Errorf("%s: the first answer is %s, and the next one %s", where, first, again)
				}
				d.judge(t, w, where+", and asked again", "done")
				return steps
			})
		}
		t.Logf("answers: %v", answers)
		w.audit(t)
	})
}

// judge compares the answer to a deed with what was actually written.
func (d deed) judge(t *testing.T, w *world, where, verdict string) {
	t.Helper()
	traces := less(w.numbers(t, d.traces, d.of), d.before)
	for _, n := range traces {
		if n != traces[0] {
			t.Errorf("%s: its rows are %v: it was only done in part", where, traces)
			return
		}
	}
	n := traces[0]
	if verdict == "done" && n == 1 || verdict == "UNAVAILABLE" && n == 0 || verdict == "OUTCOME_UNKNOWN" && (n == 0 || n == 1) {
		return
	}
	t.Errorf("%s: it was answered %s, but done %d times", where, verdict, n)
}

// fold empties SQLite's write-ahead log, since the database file is to be copied.
func (w *world) fold(t *testing.T) {
	t.Helper()
	if w.db.Dialect == database.Postgres {
		return
	}
	if _, err := w.db.Write.ExecContext(t.Context(), "PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
		t.Fatal(err)
	}
}

// crash opens a copy of the files as they would be found if the program had crashed now.
func (b *brittle) crash(t *testing.T, look func(found *world)) {
	t.Helper()
	folder := t.TempDir()
	for _, name := range []string{"petitions.db", "petitions.db-wal"} {
		content, err := os.ReadFile(filepath.Join(b.folder, name))
		if err == nil {
			err = os.WriteFile(filepath.Join(folder, name), content, 0o600)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
	}
	db, err := database.Open(t.Context(), "sqlite:"+filepath.Join(folder, "petitions.db"))
	if err != nil {
		t.Fatal(err)
	}
	look(&world{db: db})
	if err := errors.Join(db.Close(), os.RemoveAll(folder)); err != nil {
		t.Error(err)
	}
}

// audit recounts every figure.
func (w *world) audit(t *testing.T) {
	t.Helper()
	wrong, err := recount.New(w.db, recount.Options{}).Recount(t.Context())
	if err != nil || len(wrong) > 0 {
		t.Errorf("figures that differ from the rows: %v, error %v", wrong, err)
	}
	if w.db.Dialect == database.SQLite {
		var verdict string
		if err := w.db.Read.QueryRowContext(t.Context(), "PRAGMA integrity_check").Scan(&verdict); err != nil || verdict != "ok" {
			t.Errorf("the file: %s, error %v", verdict, err)
		}
	}
}

// TestEveryStepOfRecountFails falsifies figures, and makes each step of the recount that corrects them fail.
func TestEveryStepOfRecountFails(t *testing.T) {
	t.Parallel()
	const figures = `SELECT (SELECT total FROM counters WHERE petition_id = $1), (SELECT pending FROM counters WHERE petition_id = $1), (SELECT named FROM counters WHERE petition_id = $1),
 (SELECT COALESCE(SUM(added - removed), 0) FROM signature_buckets WHERE petition_id = $1), (SELECT COALESCE(SUM(added - removed), 0) FROM signature_days WHERE petition_id = $1),
 (SELECT COALESCE(SUM(added - removed), 0) FROM signature_country_buckets WHERE petition_id = $1)`
	onBrittle(t, func(t *testing.T, b *brittle) {
		w := b.world(t)
		for _, name := range []string{"Sign", "Sign", "Sign", "SignAndWait", "Withdraw"} {
			if _, err := deeds[name](t, w).do(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.ledger.SumUp(t.Context()); err != nil { // or there would be no sums to falsify
			t.Fatal(err)
		}
		want := w.numbers(t, figures, w.petition)
		b.fail(t, func(a attempt) int {
			err := database.InTx(t.Context(), w.db.Write, func(tx *sql.Tx) error {
				for _, text := range []string{
					`UPDATE counters SET total = total + 5, pending = pending - 1, named = named + 1 WHERE petition_id = $1`,
					`UPDATE signature_buckets SET added = added + 2 WHERE petition_id = $1`,
					`DELETE FROM signature_days WHERE petition_id = $1`,
					`UPDATE signature_country_buckets SET removed = removed + 1 WHERE petition_id = $1`,
				} {
					if _, err := tx.ExecContext(t.Context(), text, w.petition); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			b.arm(a)
			_, err = recount.New(w.db, recount.Options{}).Recount(t.Context())
			steps, struck := b.disarm()
			if got := w.numbers(t, figures, w.petition); err == nil && !slices.Equal(got, want) {
				t.Errorf("%s (%s): a recount that found no fault left %v, want %v", a, struck, got, want)
			}
			if _, err := recount.New(w.db, recount.Options{}).Recount(t.Context()); err != nil {
				t.Errorf("%s (%s): the recount after it: %v", a, struck, err)
			}
			if got := w.numbers(t, figures, w.petition); !slices.Equal(got, want) {
				t.Errorf("%s (%s): two recounts left %v, want %v", a, struck, got, want)
			}
			return steps
		})
		w.audit(t)
	})
}

// TestEveryStepOfMigrationFails starts with an empty database each time, makes one step of opening and migrating fail,
// and repeats it: every migration must be applied once, and the schema must be the same as without a failure.
func TestEveryStepOfMigrationFails(t *testing.T) {
	t.Parallel()
	onBrittle(t, func(t *testing.T, b *brittle) {
		ctx := t.Context()
		b.cut = nil // every connection is new anyway
		up := func() error {
			db, err := database.Open(ctx, b.url)
			if err != nil {
				return err
			}
			_, err = db.Migrate(ctx)
			return errors.Join(err, db.Close())
		}
		var want []string
		b.fail(t, func(a attempt) int {
			b.empty(t)
			b.arm(a)
			err := up()
			steps, struck := b.disarm()
			for try := 0; err != nil && try < 2; try++ { // the server may still hold locks of the first attempt
				err = up()
			}
			if err != nil {
				t.Errorf("%s (%s): the migration after it: %v", a, struck, err)
				return steps
			}
			if got := b.schema(t); want == nil {
				want = got
			} else if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s (%s): the schema (-faultless +after):\n%s", a, struck, diff)
			}
			return steps
		})
	})
}

// empty removes everything from the database.
func (b *brittle) empty(t *testing.T) {
	t.Helper()
	if b.folder != "" {
		found, err := filepath.Glob(filepath.Join(b.folder, "*"))
		for _, path := range found {
			err = errors.Join(err, os.Remove(path))
		}
		if err != nil {
			t.Fatal(err)
		}
		return
	}
	pool, err := sql.Open("postgres", b.url)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	if _, err := pool.ExecContext(t.Context(), `SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
 WHERE datname = current_database() AND pid <> pg_backend_pid()`); err != nil {
		t.Fatal(err)
	}
	if _, err := pool.ExecContext(t.Context(), "DROP SCHEMA public CASCADE; CREATE SCHEMA public"); err != nil {
		t.Fatal(err)
	}
}

// schema returns everything that migrations create.
func (b *brittle) schema(t *testing.T) (all []string) {
	t.Helper()
	db, err := database.Open(t.Context(), b.url)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	query := `SELECT type || ' ' || name || ': ' || COALESCE(sql, '') AS text FROM sqlite_master`
	if db.Dialect == database.Postgres {
		query = `SELECT table_name || '.' || column_name || ' ' || data_type || ' ' || is_nullable || ' ' || COALESCE(column_default, '') AS text
  FROM information_schema.columns WHERE table_schema = 'public'
 UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'
 UNION ALL SELECT conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = 'public'::regnamespace`
	}
	rows, err := db.Read.QueryContext(t.Context(), `SELECT text FROM (`+query+` UNION ALL SELECT 'version ' || version_id FROM goose_db_version) AS parts ORDER BY 1`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var part string
		if err := rows.Scan(&part); err != nil {
			t.Fatal(err)
		}
		all = append(all, part)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}
