package faults

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"petitiond/server/database"
	"petitiond/server/database/diskfault"
	"petitiond/server/database/pgproxy"
	"petitiond/server/ledger"
	"petitiond/server/petitioning"
	"petitiond/server/secret"
)

// brittle is a database of which any single step can be made to fail: an operation on a file of SQLite, a message of
// PostgreSQL's protocol.
type brittle struct {
	url  string
	ways []way
	cut  func() // ends what is open; nil where nothing outlives an operation

	mu     sync.Mutex // guards what follows
	armed  bool
	way    way
	at     int // the step that fails, from 1 on; 0: none
	steps  int // taken since it was armed
	struck string
}

// way is how a step fails. It is a fate of one of the two packages.
type way struct {
	name string
	disk diskfault.Fate
	wire pgproxy.Fate
}

// onBrittle runs f on both databases.
func onBrittle(t *testing.T, f func(t *testing.T, b *brittle)) {
	t.Helper()
	t.Run(database.SQLite.String(), func(t *testing.T) {
		t.Parallel()
		f(t, brittleSQLite(t))
	})
	t.Run(database.Postgres.String(), func(t *testing.T) {
		t.Parallel()
		f(t, brittlePostgres(t))
	})
}

func brittleSQLite(t *testing.T) *brittle {
	folder := t.TempDir()
	b := &brittle{url: "sqlite:" + filepath.Join(folder, "petitions.db"), ways: []way{
		{name: "not carried out", disk: diskfault.FailBefore},
		{name: "half written", disk: diskfault.FailAmid},
		{name: "carried out and said to have failed", disk: diskfault.FailAfter},
		{name: "no room", disk: diskfault.Full},
	}}
	diskfault.New(t, folder).Judge(func(o diskfault.Operation) diskfault.Fate {
		if b.fails(string(o.Kind)+" "+o.File, func(w way) bool { return matters(o.Kind, w.disk) }) {
			return b.way.disk
		}
		return diskfault.Pass
	})
	return b
}

// matters leaves out where a way to fail is the same as another.
func matters(kind diskfault.Kind, fate diskfault.Fate) bool {
	switch fate {
	case diskfault.FailAmid, diskfault.Full:
		return kind == diskfault.Write
	case diskfault.FailAfter:
		switch kind {
		case diskfault.Write, diskfault.Truncate, diskfault.Sync, diskfault.Delete, diskfault.Close, diskfault.Unlock:
			return true
		}
		return false
	case diskfault.FailBefore, diskfault.Pass:
	}
	return kind != diskfault.Close && kind != diskfault.Unlock
}

func brittlePostgres(t *testing.T) *brittle {
	p := pgproxy.New(t, onPostgres(t).direct)
	b := &brittle{url: p.URL, cut: p.CutAll, ways: []way{
		{name: "cut before it", wire: pgproxy.CutBefore},
		{name: "cut within it", wire: pgproxy.CutAmid},
		{name: "cut after it", wire: pgproxy.CutAfter},
	}}
	p.Judge(func(m pgproxy.Message) pgproxy.Fate {
		what := fmt.Sprintf("message %.1q of the program", m.Bytes[0])
		if m.From == pgproxy.Server {
			what = fmt.Sprintf("message %.1q of the server", m.Bytes[0])
		}
		if b.fails(what, func(way) bool { return true }) {
			return b.way.wire
		}
		return pgproxy.Pass
	})
	return b
}

// fails counts a step, and reports whether it is the one that fails.
func (b *brittle) fails(step string, counts func(way) bool) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.armed || !counts(b.way) {
		return false
	}
	if b.steps++; b.steps != b.at {
		return false
	}
	b.struck = step
	return true
}

// arm lets a step from now on fail, once; 0 only counts.
func (b *brittle) arm(w way, at int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.armed, b.way, b.at, b.steps, b.struck = true, w, at, 0, ""
}

// disarm gives how many steps there were, and which of them failed.
func (b *brittle) disarm() (steps int, struck string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.armed = false
	return b.steps, b.struck
}

// world is the domain on a brittle database, as the program runs it.
type world struct {
	*petitioning.Service
	db       *database.DB
	ledger   *ledger.Ledger
	petition uuid.UUID // which everybody signs
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
	w.Service = petitioning.New(petitioning.Options{
		Database: db, Ledger: w.ledger, Keys: keys, PublicURL: "https://petitions.example",
	})
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

// publish makes a petition that can be signed.
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

// newKey gives an idempotency key that nobody guesses.
func newKey() string { return uuid.NewString() + uuid.NewString() }

// verdict is what the API makes of an error of the domain.
func verdictOf(ctx context.Context, err error) string {
	switch faults := petitioning.Faults(err); {
	case err == nil:
		return "done"
	case len(faults) > 0:
		return string(faults[0].Code)
	case ctx.Err() != nil:
		return "TIMEOUT"
	case petitioning.IsPassing(err):
		return "UNAVAILABLE"
	}
	return "INTERNAL"
}

// deed is something that is asked for and may be asked for again.
type deed struct {
	do     func(ctx context.Context) (answer string, err error)
	traces string // the statement that counts its traces, one in each table where it leaves some
	of     any    // its argument
	before []int  // the traces that were there before
}

// deeds are what is asked of a petition server, each to be made for one person.
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
 (SELECT COALESCE(SUM(added - removed), 0) FROM signature_buckets WHERE petition_id = $1),
 (SELECT COALESCE(SUM(added - removed), 0) FROM signature_days WHERE petition_id = $1),
 (SELECT COALESCE(SUM(added - removed), 0) FROM signature_country_buckets WHERE petition_id = $1),
 (SELECT COUNT(*) FROM idempotency_keys)`,
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

// done gives how often a deed was done, where all its traces say the same.
func (d deed) done(t *testing.T, w *world) int {
	t.Helper()
	traces := less(w.numbers(t, d.traces, d.of), d.before)
	for _, n := range traces {
		if n != traces[0] {
			t.Errorf("its traces are %v: it was done in part", traces)
			break
		}
	}
	return traces[0]
}

// chosen gives the steps that are to fail: every one where it may take long, else some of them and the last ones,
// among which is the commit.
func chosen(steps int) (list []int) {
	every := of(max(1, steps/8), 1)
	for at := 1; at <= steps; at++ {
		if at%every == 0 || at > steps-6 {
			list = append(list, at)
		}
	}
	return list
}

// TestEveryStepFails lets each step of each deed fail once, in each way: nothing that was acknowledged is lost, nothing
// is done twice, whoever asks again with the same key hears the same, what was said is so, and the next request is
// served as if nothing had been.
func TestEveryStepFails(t *testing.T) {
	t.Parallel()
	onBrittle(t, func(t *testing.T, b *brittle) {
		w := b.world(t)
		answers := map[string]int{}
		for name, make := range deeds {
			began := time.Now()
			defer func() { t.Log(name, time.Since(began)) }()
			for _, way := range b.ways {
				for _, fresh := range []bool{false, true} {
					if fresh && b.cut == nil {
						continue
					}
					try := func(at int) (steps int) {
						d := make(t, w)
						d.before = w.numbers(t, d.traces, d.of)
						if fresh {
							b.cut()
						}
						b.arm(way, at)
						ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
						defer cancel()
						first, err := d.do(ctx)
						steps, struck := b.disarm()
						verdict := verdictOf(ctx, err)
						answers[verdict]++
						where := fmt.Sprintf("%s, step %d (%s) %s", name, at, struck, way.name)
						n := d.done(t, w)
						if !(verdict == "done" && n == 1 || verdict == "UNAVAILABLE" && n == 0 || verdict == "OUTCOME_UNKNOWN" && n <= 1) {
							t.Errorf("%s: it was answered %s (%v), and was done %d times", where, verdict, err, n)
						}
						again, err2 := d.do(t.Context())
						if err2 != nil {
							t.Errorf("%s: asked again, it was answered %v", where, err2)
						}
						if err == nil && again != first {
							t.Errorf("%s: it was answered %s, and then %s", where, first, again)
						}
						if n := d.done(t, w); n != 1 {
							t.Errorf("%s: asked again, it was done %d times", where, n)
						}
						return steps
					}
					if at := 0; try(at) == 0 {
						t.Errorf("%s: no step was seen", name)
					}
					steps := try(0) // the second time more is prepared
					for _, at := range chosen(steps) {
						try(at)
					}
				}
			}
		}
		t.Logf("answers: %v", answers)
		w.audit(t)
	})
}

// audit recounts every figure.
func (w *world) audit(t *testing.T) {
	t.Helper()
	wrong, err := w.ledger.Recount(t.Context())
	if err != nil || len(wrong) > 0 {
		t.Errorf("figures that are not what the rows say: %v, error %v", wrong, err)
	}
	if w.db.Dialect == database.SQLite {
		var verdict string
		if err := w.db.Read.QueryRowContext(t.Context(), "PRAGMA integrity_check").Scan(&verdict); err != nil || verdict != "ok" {
			t.Errorf("the file: %s, error %v", verdict, err)
		}
	}
}
