package ledger_test

import (
	"context"
	"database/sql"
	"errors"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"petitiond/server/database"
	"petitiond/server/database/dbtest"
	"petitiond/server/ledger"
)

func TestGate(t *testing.T) {
	t.Parallel()
	at := func(d time.Duration) *time.Time { v := epoch.Add(d); return &v }
	tests := map[string]struct {
		terms ledger.Terms
		want  string
	}{
		"Open":         {ledger.Terms{Accepting: true}, "ok"},
		"NotAccepting": {ledger.Terms{}, "Closed"},
		"Between":      {ledger.Terms{Accepting: true, Since: at(-1), Until: at(time.Microsecond)}, "ok"},
		"BeforeSince":  {ledger.Terms{Accepting: true, Since: at(time.Microsecond)}, "Closed"},
		"AtSince":      {ledger.Terms{Accepting: true, Since: at(0)}, "ok"},
		"BeforeUntil":  {ledger.Terms{Accepting: true, Until: at(time.Microsecond)}, "ok"},
		"AtUntil":      {ledger.Terms{Accepting: true, Until: at(0)}, "Closed"},
		"AfterUntil":   {ledger.Terms{Accepting: true, Until: at(-time.Microsecond)}, "Closed"},
		"ClosedEarly":  {ledger.Terms{Until: at(time.Hour)}, "Closed"},
	}
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		t.Parallel()
		b := newBook(t, db, ledger.Options{Now: func() time.Time { return epoch }})
		for name, test := range tests {
			test.terms.Goal = 1
			p := petition(t, db, test.terms)
			answers := b.Batch(signature(p, "ann"), comment(p, nil))
			if diff := cmp.Diff([]string{test.want, "ok"}, errs(answers)); diff != "" {
				t.Errorf("%s: a signature and a comment (-want +got):\n%s", name, diff)
			}
			if got, want := audit(t, db, p).Total == 1, test.want == "ok"; got != want {
				t.Errorf("%s: counted %t, want %t", name, got, want)
			}
		}
	})
}

// TestMixedBatch refuses in a batch what must be refused, and nothing else.
func TestMixedBatch(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		t.Parallel()
		good, closed, unknown := petition(t, db, open()), petition(t, db, ledger.Terms{Goal: 1}), newID()
		b := newBook(t, db, ledger.Options{})
		refused := signature(closed, "ann")
		said := comment(closed, nil)
		refused.Comment = &said
		answers := b.Batch(signature(unknown, "ann"), signature(good, "ann"), refused, comment(unknown, nil), comment(closed, nil),
			signature(good, "bob"))
		want := []string{"NotFound", "ok", "Closed", "NotFound", "ok", "ok"}
		if diff := cmp.Diff(want, errs(answers)); diff != "" {
			t.Errorf("answers (-want +got):\n%s", diff)
		}
		for i, a := range answers {
			if a.Err != nil && a.Receipt != (ledger.Receipt{}) {
				t.Errorf("answer %d is refused and has the receipt %+v", i, a.Receipt)
			}
		}
		if f := audit(t, db, good); f.Total != 2 {
			t.Errorf("got %d signatures, want 2", f.Total)
		}
		if f := audit(t, db, closed); f.Total != 0 || f.Comments != 1 {
			t.Errorf("got %d signatures and %d comments of the closed one, want the one comment", f.Total, f.Comments)
		}
	})
}

// TestClockUnderLock lets a batch wait for the lock beyond the petition's end: it is out.
func TestClockUnderLock(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		t.Parallel()
		var now atomic.Pointer[time.Time]
		now.Store(&epoch)
		end := epoch.Add(time.Second)
		p := petition(t, db, ledger.Terms{Accepting: true, Until: &end, Goal: 1})
		b := running(t, db, ledger.Options{Now: func() time.Time { return *now.Load() }})
		var wait func() []ledger.Answer
		err := database.InTx(t.Context(), db.Write, func(tx *sql.Tx) error {
			if _, err := ledger.Lock(t.Context(), tx, db.Dialect, p); err != nil {
				return err
			}
			awaitLock(t, db, func() { wait = b.Queue(signature(p, "ann")) })
			now.Store(&end)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if got := wait()[0]; !errors.Is(got.Err, ledger.ErrClosed) {
			t.Errorf("got %v after the end, want ErrClosed", got.Err)
		}
	})
}

// TestClose closes a petition under 32 people who sign it: what the closing transaction saw is the end.
func TestClose(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		t.Parallel()
		p := petition(t, db, open())
		b := running(t, db, ledger.Options{MaxBatch: 16})
		var counted atomic.Int64
		enough := make(chan struct{}, 1)
		closed := make(chan int, 1)
		go func() {
			<-enough
			locked, _, err := amend(db, p, epoch, func(terms *ledger.Terms) { terms.Accepting = false })
			if err != nil {
				t.Errorf("closing: %v", err)
			}
			closed <- locked.Total()
		}()
		together(32, func(i int) {
			for j := 0; ; j++ {
				_, err := b.Sign(t.Context(), signature(p, person(j*32+i)))
				if errors.Is(err, ledger.ErrClosed) {
					return
				}
				if err != nil {
					t.Errorf("Sign: %v", err)
					return
				}
				if counted.Add(1) == 100 {
					enough <- struct{}{}
				}
			}
		})
		total := <-closed
		if f := audit(t, db, p); f.Total != total || counted.Load() != int64(total) {
			t.Errorf("%d are stored and %d were acknowledged, the close saw %d", f.Total, counted.Load(), total)
		}
	})
}

func TestLock(t *testing.T) {
	t.Parallel()
	since, until := epoch.Add(-time.Hour), epoch.Add(time.Hour)
	terms := ledger.Terms{Accepting: true, Since: &since, Until: &until, Goal: 7}
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		t.Parallel()
		p := petition(t, db, terms)
		must(t, newBook(t, db, ledger.Options{Now: func() time.Time { return epoch }}).Batch(signatures(p, 3)...)...)
		locked, _, err := amend(db, p, epoch, func(*ledger.Terms) {})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(terms, locked.Terms()); diff != "" || locked.Total() != 3 || locked.Issued() != 3 {
			t.Errorf("got %d of %d, terms (-want +got):\n%s", locked.Total(), locked.Issued(), diff)
		}
		if _, _, err := amend(db, newID(), epoch, func(*ledger.Terms) {}); !errors.Is(err, ledger.ErrNotFound) {
			t.Errorf("got %v for no petition, want ErrNotFound", err)
		}
	})
}

// TestSet counts versions where the goal changes, and nowhere else; the time never goes back.
func TestSet(t *testing.T) {
	t.Parallel()
	type told struct {
		Goal, Version int
		AsOf          time.Duration
	}
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		t.Parallel()
		p := petition(t, db, open())
		must(t, newBook(t, db, ledger.Options{Now: func() time.Time { return epoch }}).Batch(signatures(p, 2)...)...)
		end := epoch.Add(time.Hour)
		var got []told
		for i, f := range []func(*ledger.Terms){
			func(terms *ledger.Terms) { terms.Until = &end },
			func(terms *ledger.Terms) { terms.Goal = 200 },
			func(terms *ledger.Terms) { terms.Goal = 300 },
			func(terms *ledger.Terms) { terms.Accepting = false },
		} {
			now := epoch.Add([]time.Duration{1, 2, -3, 4}[i] * time.Second)
			_, c, err := amend(db, p, now, f)
			if err != nil || c.Total != 2 || *c.LastHour != 2 || c.Petition != p {
				t.Fatalf("got %+v, error %v; want a total and a last hour of 2", c, err)
			}
			got = append(got, told{c.Goal, c.Version, c.AsOf.Sub(epoch)})
		}
		want := []told{{100, 1, 0}, {200, 2, 2 * time.Second}, {300, 3, 2 * time.Second}, {300, 3, 2 * time.Second}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("changes (-want +got):\n%s", diff)
		}
	})
}

// cut is a transaction whose rows are lost on the way.
type cut struct {
	*sql.Tx
	cancel func()
}

func (c cut) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	rows, err := c.Tx.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	c.cancel()
	for rows.Err() == nil {
		runtime.Gosched()
	}
	return rows, nil
}

// TestLockFails tells a lock that could not be had from a petition that is not there.
func TestLockFails(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		t.Parallel()
		p := petition(t, db, open())
		err := database.InTx(t.Context(), db.Write, func(tx *sql.Tx) error {
			ctx, cancel := context.WithCancel(t.Context())
			_, err := ledger.Lock(ctx, cut{tx, cancel}, db.Dialect, p)
			return err
		})
		if !errors.Is(err, context.Canceled) || errors.Is(err, ledger.ErrNotFound) {
			t.Errorf("got %v, want that the context ended", err)
		}
	})
}

// TestOpenTwice refuses a second counter.
func TestOpenTwice(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		t.Parallel()
		p := petition(t, db, open())
		err := database.InTx(t.Context(), db.Write, func(tx *sql.Tx) error {
			return ledger.Open(t.Context(), tx, p, open(), epoch)
		})
		if !dbtest.IsUniqueViolation(err) {
			t.Errorf("got %v, want the unique key's refusal", err)
		}
	})
}
