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
	"petitiond/server/ledger/ledgertest"
	"petitiond/server/ledger/recount"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

// What tests of the ledger and of recounts share.
var (
	epoch     = ledgertest.Epoch
	open      = ledgertest.Open
	newID     = ledgertest.NewID
	petition  = ledgertest.Petition
	signature = ledgertest.Signature
	waiting   = ledgertest.Waiting
	confirm   = ledgertest.Confirmation
	withdraw  = ledgertest.Withdrawal
	comment   = ledgertest.Comment
	exec      = ledgertest.Exec
	audit     = ledgertest.Audit
	summed    = ledgertest.Summed
)

// scan reads the one value of a query.
func scan[T any](t testing.TB, db *database.DB, query string, args ...any) T {
	t.Helper()
	return ledgertest.Scan[T](t, db, query, args...)
}

// book is a ledger on a database, and what it told of its commits.
type book struct {
	*ledger.Ledger
	t   testing.TB
	db  *database.DB
	opt ledger.Options

	mu      sync.Mutex
	changes map[uuid.UUID][]figures.Value // guarded by mu
}

// told is an observer of commits.
type told func(values ...figures.Value)

func (f told) Committed(values ...figures.Value) { f(values...) }
func (told) Doubtful()                           {}

// newBook makes a ledger that does not run.
func newBook(t testing.TB, db *database.DB, o ledger.Options) *book {
	t.Helper()
	b := &book{t: t, db: db, opt: o, changes: map[uuid.UUID][]figures.Value{}}
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

// signatures gives those of n addresses that nobody else has.
func signatures(petition uuid.UUID, n int) []any {
	list := make([]any, n)
	for i := range list {
		list[i] = signature(petition, newID().String())
	}
	return list
}

// key returns an idempotency key.
func key(id, input string) *idempotency.Key { return &idempotency.Key{ID: id, Input: []byte(input)} }

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
		"NotFound": ledger.ErrNotFound, "Closed": ledger.ErrClosed, "Gone": ledger.ErrGone, "KeyMismatch": idempotency.ErrMismatch, "Busy": ledger.ErrBusy,
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

// differences recounts as the ledger's options say and returns what it has found.
func differences(t testing.TB, b *book) []recount.Difference {
	t.Helper()
	found, err := recount.New(b.db, recount.Options{Now: b.opt.Now, KeepMinutes: b.opt.KeepMinutes}).Recount(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// checkTold makes sure that a petition's changes were told in their order: no version left out or twice, no time before
// the one told before, nor a total if nothing was taken back, and the last one as it is stored.
func checkTold(t testing.TB, db *database.DB, petition uuid.UUID, told []figures.Value) {
	t.Helper()
	var last figures.Value
	comment := 0
	removed := scan[int](t, db, `SELECT COALESCE(SUM(removed), 0) FROM signature_days WHERE petition_id = $1`, petition)
	for _, c := range told {
		if c.Comment > 0 {
			if c.Comment <= comment {
				t.Fatalf("told of %+v after comment %d", c, comment)
			}
			comment = c.Comment
		}
		if c.Version == 0 { // comments alone
			continue
		}
		// Where an answer was lost, the same may be told again.
		if c.Version == last.Version && c.Total == last.Total && c.AsOf.Equal(last.AsOf) {
			continue
		}
		if c.Version != last.Version+1 || removed == 0 && c.Total < last.Total || c.AsOf.Before(last.AsOf) {
			t.Fatalf("told of %+v after %+v", c, last)
		}
		last = c
	}
	if last.Version == 0 {
		return
	}
	got := scan[int](t, db, `SELECT total FROM counters WHERE petition_id = $1 AND version = $2`, petition, last.Version)
	at := scan[database.Time](t, db, `SELECT as_of FROM counters WHERE petition_id = $1`, petition)
	if got != last.Total || !at.Equal(last.AsOf) {
		t.Errorf("last told of %+v, stored are %d at %v", last, got, at)
	}
}
