package ledger_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"petitiond/server/database"
	"petitiond/server/database/dbtest"
	"petitiond/server/figures"
	"petitiond/server/idempotency"
	"petitiond/server/ledger"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

// epoch is when the time of these tests begins.
var epoch = time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)

// open gives terms under which everybody may sign.
func open() ledger.Terms { return ledger.Terms{Accepting: true, Goal: 100} }

// book is a ledger on a database, and what it told of its commits.
type book struct {
	*ledger.Ledger
	t  testing.TB
	db *database.DB

	mu      sync.Mutex
	changes map[uuid.UUID][]figures.Value // guarded by mu
}

// told is an observer of commits.
type told func(values ...figures.Value)

func (f told) Committed(values ...figures.Value) { f(values...) }
func (told) Doubtful()                           {}
func (told) Recounted([]ledger.Difference)       {}

// newBook makes a ledger that does not run.
func newBook(t testing.TB, db *database.DB, o ledger.Options) *book {
	t.Helper()
	b := &book{t: t, db: db, changes: map[uuid.UUID][]figures.Value{}}
	tell := o.Observer
	o.Observer = told(func(changes ...figures.Value) {
		if tell != nil {
			tell.Committed(changes...)
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, c := range changes {
			b.changes[c.Petition] = append(b.changes[c.Petition], c)
		}
	})
	var err error
	if b.Ledger, err = ledger.New(t.Context(), db, o); err != nil {
		t.Fatal(err)
	}
	return b
}

// running makes a ledger that runs until the test ends.
func running(t testing.TB, db *database.DB, o ledger.Options) *book {
	t.Helper()
	b := newBook(t, db, o)
	t.Cleanup(b.run())
	return b
}

// run starts the ledger and gives the function that stops it and waits for its end.
func (b *book) run() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	return sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			b.t.Errorf("Run: %v", err)
		}
	})
}

// told returns what was told of a petition so far.
func (b *book) told(petition uuid.UUID) []figures.Value {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.changes[petition]
}

// newID returns a key as the program does.
func newID() uuid.UUID { return uuid.Must(uuid.NewV7()) }

// petition makes a petition with a counter.
func petition(t testing.TB, db *database.DB, terms ledger.Terms) uuid.UUID {
	t.Helper()
	id := newID()
	err := database.InTx(context.Background(), db.Write, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(context.Background(), `INSERT INTO petitions (id, slug, title, body, language, addressees, state,
 petitioner, created_at, updated_at) VALUES ($1, $2, 't', 'b', 'en', '[]', 'OPEN', 'p', $3, $3)`, id, id.String(), epoch)
		if err != nil {
			return err
		}
		return ledger.Open(context.Background(), tx, id, terms, epoch)
	})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// amend changes the terms of a petition in a transaction of its own, as the domain does.
func amend(db *database.DB, id uuid.UUID, now time.Time, f func(*ledger.Terms)) (locked ledger.Locked, change figures.Value, err error) {
	ctx := context.Background()
	err = database.InTx(ctx, db.Write, func(tx *sql.Tx) error {
		if locked, err = ledger.Lock(ctx, tx, db.Dialect, id); err != nil {
			return err
		}
		terms := locked.Terms()
		f(&terms)
		change, err = locked.Set(ctx, tx, terms, now)
		return err
	})
	return locked, change, err
}

// signature returns the signature of an address that shows its name.
func signature(petition uuid.UUID, address string) ledger.Signature {
	return ledger.Signature{
		ID: newID(), Petition: petition, Digest: append(petition[:], address...), Name: []byte{0, 1, 0xff},
		Address: []byte(address), ShowName: true, Country: "EE", Locale: "et", Statement: "v1",
	}
}

// signatures gives those of n addresses that nobody else has.
func signatures(petition uuid.UUID, n int) []any {
	list := make([]any, n)
	for i := range list {
		list[i] = signature(petition, newID().String())
	}
	return list
}

// comment returns a comment, or a reply if there is a parent.
func comment(petition uuid.UUID, parent *uuid.UUID) ledger.Comment {
	return ledger.Comment{ID: newID(), Petition: petition, Parent: parent, Body: "Because."}
}

// key returns an idempotency key.
func key(id, input string) *idempotency.Key { return &idempotency.Key{ID: id, Input: []byte(input)} }

// scan reads the one value of a query.
func scan[T any](t testing.TB, db *database.DB, query string, args ...any) (value T) {
	t.Helper()
	if err := db.Read.QueryRowContext(context.Background(), query, args...).Scan(&value); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return value
}

// kept says whether an idempotency key is stored.
func kept(t testing.TB, db *database.DB, id string) bool {
	t.Helper()
	return scan[int](t, db, `SELECT COUNT(*) FROM idempotency_keys WHERE id = $1`, id) == 1
}

// errs returns the errors of answers by name, for a comparison.
func errs(answers []ledger.Answer) []string {
	names := make([]string, len(answers))
	for i, a := range answers {
		names[i] = errName(a.Err)
	}
	return names
}

func errName(err error) string {
	for name, known := range map[string]error{
		"NotFound": ledger.ErrNotFound, "Closed": ledger.ErrClosed, "KeyMismatch": idempotency.ErrMismatch, "Busy": ledger.ErrBusy,
		"Unavailable": ledger.ErrUnavailable, "OutcomeUnknown": ledger.ErrOutcomeUnknown,
	} {
		if errors.Is(err, known) {
			return name
		}
	}
	if err != nil {
		return "fault"
	}
	return "ok"
}

// must fails the test at the first answer that is an error.
func must(t testing.TB, answers ...ledger.Answer) []ledger.Answer {
	t.Helper()
	for i, a := range answers {
		if a.Err != nil {
			t.Fatalf("answer %d: %v", i, a.Err)
		}
	}
	return answers
}

// awaitLock calls f and returns when somebody waits for a lock. On SQLite that is the one connection.
func awaitLock(t testing.TB, db *database.DB, f func()) {
	t.Helper()
	before := db.Write.Stats().WaitCount
	for f(); ; {
		if db.Dialect == database.SQLite && db.Write.Stats().WaitCount > before {
			return
		}
		if db.Dialect == database.Postgres && scan[bool](t, db, `SELECT EXISTS (SELECT FROM pg_stat_activity
 WHERE datname = current_database() AND wait_event_type = 'Lock')`) {
			return
		}
		if t.Context().Err() != nil {
			t.Fatal("nobody waits for a lock")
		}
		runtime.Gosched()
	}
}

// together runs f n times at once and waits for all.
func together(n int, f func(i int)) {
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { f(i) })
	}
	wg.Wait()
}

// person names the i-th address.
func person(i int) string { return fmt.Sprintf("person %d", i) }

// someZone is a zone that no database of ours is in.
func someZone() *time.Location { return time.FixedZone("somewhere", 5*3600+1800) }
