package recount_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"petitiond/server/database"
	"petitiond/server/database/dbtest"
	"petitiond/server/figures"
	"petitiond/server/ledger"
	"petitiond/server/ledger/ledgertest"
	"petitiond/server/ledger/recount"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

// book is a database on which ledgers write and one Recounter recounts, and what both told of their commits. The clock
// of all stands where it is put.
type book struct {
	*recount.Recounter
	db    *database.DB
	opt   ledger.Options
	clock atomic.Pointer[time.Time]

	mu      sync.Mutex
	changes map[uuid.UUID][]figures.Value // guarded by mu
}

// newBook sums each batch up at once unless most says how many signatures may be in no sum.
func newBook(t testing.TB, db *database.DB, most int, o recount.Options) *book {
	t.Helper()
	b := &book{db: db, changes: map[uuid.UUID][]figures.Value{}}
	b.set(ledgertest.Epoch)
	now := func() time.Time { return *b.clock.Load() }
	b.opt = ledger.Options{Now: now, Observer: observer{b}, Unsummed: most}
	o.Observer = observer{b}
	if o.Now == nil {
		o.Now = now
	}
	b.Recounter = recount.New(db, o)
	return b
}

// set moves the clock.
func (b *book) set(now time.Time) { b.clock.Store(&now) }

// observer notes what was committed.
type observer struct{ *book }

func (o observer) Committed(changes ...figures.Value) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, c := range changes {
		o.changes[c.Petition] = append(o.changes[c.Petition], c)
	}
}
func (observer) Doubtful()                      {}
func (observer) Recounted([]recount.Difference) {}

// told returns what was told of a petition so far.
func (b *book) told(petition uuid.UUID) []figures.Value {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.changes[petition]
}

// ledger returns one that does not run.
func (b *book) ledger(t testing.TB) *ledger.Ledger {
	t.Helper()
	l, err := ledger.New(t.Context(), b.db, b.opt)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// run starts a ledger and returns the function that stops it and waits for its end.
func run(t testing.TB, l *ledger.Ledger) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- l.Run(ctx) }()
	return func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	}
}

// write writes signatures as one batch in their order, and then comments one by one.
func (b *book) write(t testing.TB, list ...any) {
	t.Helper()
	l := b.ledger(t)
	// All are queued before the ledger runs, so that it takes them together.
	var waits []func() error
	for _, what := range list {
		switch w := what.(type) {
		case ledger.Signature:
			waits = append(waits, l.SignLater(t.Context(), w))
		case ledger.Comment:
			waits = append(waits, func() error { _, err := l.Comment(t.Context(), w); return err })
		}
	}
	defer run(t, l)()
	for _, wait := range waits {
		if err := wait(); err != nil {
			t.Errorf("writing: %v", err)
		}
	}
}

// fold folds the minutes that have aged.
func (b *book) fold(t testing.TB) {
	t.Helper()
	if err := b.ledger(t).Fold(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// differences recounts and returns what it has found.
func (b *book) differences(t testing.TB) []recount.Difference {
	t.Helper()
	found, err := b.Recount(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// person names the i-th address.
func person(i int) string { return fmt.Sprintf("person %d", i) }

// discussed returns a petition with four signatures, of two countries and in three minutes of two days, a comment
// and a reply.
func discussed(t *testing.T, b *book) (p uuid.UUID, thread ledger.Comment) {
	t.Helper()
	p = ledgertest.Petition(t, b.db, ledgertest.Open())
	thread = ledgertest.Comment(p, nil)
	reply := ledgertest.Comment(p, &thread.ID)
	var list []any
	for i, at := range []time.Duration{-13 * time.Hour, -time.Microsecond, -time.Minute, 0} {
		s := ledgertest.Signature(p, person(i))
		s.At, s.ShowName, s.Country = ledgertest.Epoch.Add(at), i > 0, []string{"DE", "DE", "FR", ""}[i]
		list = append(list, s)
	}
	b.write(t, append(list, thread, reply)...)
	return p, thread
}
