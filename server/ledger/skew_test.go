package ledger_test

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"petitiond/server/database"
	"petitiond/server/database/dbtest"
	"petitiond/server/ledger"
	"petitiond/server/ledger/recount"
)

// wrong is a wall clock that is off by what it holds.
type wrong struct{ atomic.Int64 }

func (w *wrong) wall() time.Time        { return time.Now().Add(time.Duration(w.Load())) }
func (w *wrong) jump(off time.Duration) { w.Store(int64(off)) }

// sinceEver opens a petition that was made now, and not at the time of other tests.
func sinceEver(until time.Time) ledger.Terms {
	return ledger.Terms{Accepting: true, Until: &until, Goal: 100}
}

// latest returns the newest time that is stored of signatures, keys and counters.
func latest(t *testing.T, db *database.DB) time.Time {
	t.Helper()
	return scan[database.Time](t, db, `SELECT MAX(at) FROM (SELECT MAX(signed_at) AS at FROM signatures
 UNION ALL SELECT MAX(created_at) FROM idempotency_keys UNION ALL SELECT MAX(as_of) FROM counters) AS times`).Time
}

// TestWrongClockWritesNothing has a second process write to the same database whose clock has jumped. Far off it
// writes nothing; what others write is not moved by it; and it writes again when its clock is right.
func TestWrongClockWritesNothing(t *testing.T) {
	t.Parallel()
	for _, dialect := range []database.Dialect{database.SQLite, database.Postgres} {
		t.Run(dialect.String(), func(t *testing.T) {
			t.Parallel()
			url := dbtest.URL(t, dialect)
			var w wrong
			here, there := opened(t, database.Options{}, url), opened(t, database.Options{Wall: w.wall}, url)
			a, b := newBook(t, here, ledger.Options{}), newBook(t, there, ledger.Options{})
			p := petition(t, here, sinceEver(time.Now().Add(24*time.Hour)))
			for name, test := range map[string]struct {
				off  time.Duration
				good bool
			}{
				"Ahead2Days": {48 * time.Hour, false}, "Behind2Days": {-48 * time.Hour, false}, "Ahead6s": {6 * time.Second, false},
				"Ahead4s": {4 * time.Second, true}, "Behind4s": {-4 * time.Second, true},
			} {
				w.jump(test.off)
				answers := b.Batch(keyed(p, name, name, "1"), comment(p, nil))
				for _, got := range answers {
					if (got.Err == nil) != test.good || !test.good && !errors.Is(got.Err, ledger.ErrUnavailable) {
						t.Errorf("%s: got %v, want it written: %t", name, got.Err, test.good)
					}
				}
				if kept(t, here, name) != test.good {
					t.Errorf("%s: the key was kept: %t", name, !test.good)
				}
				if _, err := recount.New(there, recount.Options{}).Recount(t.Context()); errors.Is(err, database.ErrClock) == test.good {
					t.Errorf("%s: a recount ended with %v, want it done: %t", name, err, test.good)
				}
				must(t, a.Batch(signature(p, name+" here"))...)
				if ahead := time.Until(latest(t, here)); ahead > database.MaxSkew {
					t.Errorf("%s: something is stored that lies %s ahead", name, ahead)
				}
				w.jump(0)
				must(t, b.Batch(signature(p, name+" later"))...)
			}
			audit(t, here, p)
		})
	}
}

// TestTimeOfDatabase has a process write whose clock was a little ahead from the start: it is the database's time
// that is stored.
func TestTimeOfDatabase(t *testing.T) {
	t.Parallel()
	var w wrong
	w.jump(4500 * time.Millisecond)
	db := opened(t, database.Options{Wall: w.wall}, dbtest.URL(t, database.Postgres))
	b := newBook(t, db, ledger.Options{})
	p := petition(t, db, sinceEver(time.Now().Add(24*time.Hour)))
	must(t, b.Batch(keyed(p, "ann", "k", "1"))...)
	if scan[bool](t, db, `SELECT $1::timestamptz > clock_timestamp()`, latest(t, db)) {
		t.Error("something is stored that lies ahead of the database's clock")
	}
}

// TestStoredAhead finds an as_of of two days ahead, which a wrong clock has written: the real time decides and is
// stored. What is ahead as little as clocks may differ stays.
func TestStoredAhead(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := newBook(t, db, ledger.Options{Now: func() time.Time { return epoch }})
		for name, test := range map[string]struct{ ahead, want time.Duration }{
			"TwoDays": {48 * time.Hour, 0}, "SixSeconds": {6 * time.Second, 0},
			"FiveSeconds": {5 * time.Second, 5 * time.Second},
		} {
			t.Run(name, func(t *testing.T) {
				for way, write := range map[string]func(ledger.Signature){
					"Signing": func(s ledger.Signature) { must(t, b.Batch(s)...) },
					"Goal": func(s ledger.Signature) {
						if _, _, err := amend(db, s.Petition, epoch, func(terms *ledger.Terms) { terms.Goal++ }); err != nil {
							t.Fatal(err)
						}
					},
				} {
					p := petition(t, db, sinceEver(epoch.Add(5500*time.Millisecond)))
					exec(t, db, `UPDATE counters SET as_of = $2 WHERE petition_id = $1`, p, epoch.Add(test.ahead))
					write(signature(p, "ann"))
					got := scan[database.Time](t, db, `SELECT as_of FROM counters WHERE petition_id = $1`, p)
					if ahead := got.Sub(epoch); ahead != test.want {
						t.Errorf("%s: as_of is %s ahead, want %s", way, ahead, test.want)
					}
					if way == "Goal" {
						continue
					}
					got = scan[database.Time](t, db, `SELECT signed_at FROM signatures WHERE petition_id = $1`, p)
					if ahead := got.Sub(epoch); ahead != test.want {
						t.Errorf("signed_at is %s ahead, want %s", ahead, test.want)
					}
				}
			})
		}
	})
}
