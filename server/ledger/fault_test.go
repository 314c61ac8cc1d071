package ledger_test

import (
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"petitiond/server/database"
	"petitiond/server/database/dbtest"
	"petitiond/server/ledger"
)

// first is a script for the first COMMITs; whatever comes after them passes.
func first(ends ...func(*curtain) error) script {
	var n atomic.Int64
	return script{commit: func(c *curtain) error {
		if i := int(n.Add(1)); i <= len(ends) {
			return ends[i-1](c)
		}
		return c.write()
	}}
}

// underWay is a COMMIT that arrives only when the next transaction begins, which must wait for it.
func underWay(t *testing.T) script {
	var mu sync.Mutex
	var left *curtain // guarded by mu
	var n atomic.Int64
	return script{
		begin: func() error {
			mu.Lock()
			defer mu.Unlock()
			if c := left; c != nil {
				left = nil
				go func() {
					if err := c.arrive(); err != nil {
						t.Errorf("the late COMMIT: %v", err)
					}
				}()
			}
			return nil
		},
		commit: func(c *curtain) error {
			if n.Add(1) > 1 {
				return c.write()
			}
			mu.Lock()
			defer mu.Unlock()
			left = c
			return c.leave()
		},
	}
}

// lostWhileLookingUp loses the answer of the commit and then the first connections that would look it up.
func lostWhileLookingUp() script {
	var commits, begins atomic.Int64
	return script{
		begin: func() error {
			if n := begins.Add(1); n > 1 && n < 7 {
				return driver.ErrBadConn
			}
			return nil
		},
		commit: func(c *curtain) error {
			if commits.Add(1) == 1 {
				return c.writeAndLose()
			}
			return c.write()
		},
	}
}

// TestLostCommit sends a batch of everything while its COMMIT goes unanswered: every caller hears what it
// would have heard, and every row is there once.
func TestLostCommit(t *testing.T) {
	t.Parallel()
	strange := errors.New("strange")
	scripts := map[string]func(t *testing.T) script{
		"CommittedThenLost": func(*testing.T) script { return first((*curtain).writeAndLose) },
		"LostBeforeCommit":  func(*testing.T) script { return first((*curtain).lose) },
		"LostManyTimes": func(*testing.T) script {
			return first((*curtain).lose, (*curtain).lose, (*curtain).lose, (*curtain).writeAndLose)
		},
		"StrangeAnswer": func(*testing.T) script {
			return first(func(c *curtain) error { return errors.Join(c.write(), strange) })
		},
		"StrangeRefusal": func(*testing.T) script {
			return first(func(c *curtain) error { return errors.Join(c.Rollback(), strange) })
		},
		"UnderWay":           underWay,
		"LostWhileLookingUp": func(*testing.T) script { return lostWhileLookingUp() },
	}
	eachStaged(t, func(t *testing.T, db *database.DB, s *stage) {
		for name, play := range scripts {
			t.Run(name, func(t *testing.T) {
				s.play(script{})
				p, other, closed := petition(t, db, open()), petition(t, db, open()), petition(t, db, ledger.Terms{Goal: 1})
				b := newBook(t, db, ledger.Options{})
				must(t, b.Batch(keyed(p, "old", name+"old", "1"))...)
				ann := keyed(p, "ann", name+"ann", "1")
				reason, said, reply := comment(p, nil), comment(p, nil), comment(p, nil)
				ann.Comment, said.Key, reply.Parent = &reason, key(name+"said", "1"), &said.ID
				s.play(play(t))
				got := b.Batch(ann, keyed(p, "old", name+"old", "1"), signature(p, "old"), signature(p, "ann"), said, reply,
					keyed(other, "bob", name+"bob", "1"), signature(closed, "ann"), keyed(p, "ann", name+"ann", "1"))
				want := []ledger.Answer{
					{Receipt: ledger.Receipt{Answer: p, Number: 2}},
					{Receipt: ledger.Receipt{Answer: p}},
					{Receipt: ledger.Receipt{Answer: p}},
					{Receipt: ledger.Receipt{Answer: p}},
					{Receipt: ledger.Receipt{Answer: said.ID, Number: 1}},
					{Receipt: ledger.Receipt{Answer: reply.ID, Number: 2}},
					{Receipt: ledger.Receipt{Answer: other, Number: 1}},
					{Err: ledger.ErrClosed},
					{Receipt: ledger.Receipt{Answer: p}},
				}
				if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b error) bool { return errors.Is(a, b) })); diff != "" {
					t.Errorf("answers (-want +got):\n%s", diff)
				}
				if f := audit(t, db, p); f.Total != 2 || f.Comments != 3 || f.Replies[said.ID] != 1 {
					t.Errorf("got %+v, want two signatures and three comments", f)
				}
				audit(t, db, other)
				for _, id := range []string{"ann", "bob", "said"} {
					if !kept(t, db, name+id) {
						t.Errorf("the key %s was not kept", id)
					}
				}
				if told := b.told(p); len(told) != 2 || told[1].Total != 2 || told[1].Version != 2 || told[1].LastHour != 2 {
					t.Errorf("told %+v, want versions 1 and 2", told)
				}
				checkTold(t, db, p, b.told(p))
				checkTold(t, db, other, b.told(other))
			})
		}
	})
}

// TestLostCommitOfNothing loses the COMMIT of a batch that had no row to write, only a key.
func TestLostCommitOfNothing(t *testing.T) {
	t.Parallel()
	eachStaged(t, func(t *testing.T, db *database.DB, s *stage) {
		p := petition(t, db, open())
		b := newBook(t, db, ledger.Options{})
		must(t, b.Batch(signature(p, "ann"))...)
		s.play(first((*curtain).writeAndLose))
		got := must(t, b.Batch(keyed(p, "ann", "k", "1"))...)
		if got[0].Receipt != (ledger.Receipt{Answer: p}) || !kept(t, db, "k") || audit(t, db, p).Total != 1 {
			t.Errorf("got %+v, want the answer of a repetition", got)
		}
	})
}

// TestFaultsUnderLoad loses every third COMMIT, before or after it took effect, under 48 signers.
func TestFaultsUnderLoad(t *testing.T) {
	t.Parallel()
	eachStaged(t, func(t *testing.T, db *database.DB, s *stage) {
		p, other := petition(t, db, open()), petition(t, db, open())
		b := running(t, db, ledger.Options{MaxBatch: 10})
		var n atomic.Int64
		s.play(script{commit: func(c *curtain) error {
			switch n.Add(1) % 6 {
			case 0:
				return c.lose()
			case 3:
				return c.writeAndLose()
			}
			return c.write()
		}})
		const people, rounds = 48, 6
		together(people, func(i int) {
			for j := range rounds {
				s := signature(p, fmt.Sprint(i, j))
				if j%3 == 0 {
					s = keyed(other, fmt.Sprint(i, j), fmt.Sprint(i, j), "1")
				}
				if got, err := b.Sign(t.Context(), s); err != nil || got.Number == 0 {
					t.Errorf("Sign: %+v, %v", got, err)
				}
			}
		})
		s.play(script{})
		if got := audit(t, db, p).Total + audit(t, db, other).Total; got != people*rounds {
			t.Errorf("got %d signatures, want %d", got, people*rounds)
		}
		checkTold(t, db, p, b.told(p))
		checkTold(t, db, other, b.told(other))
	})
}

// TestSessionsKilled ends the ledger's sessions in PostgreSQL again and again while people sign.
func TestSessionsKilled(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t, database.Postgres)
	p := petition(t, db, open())
	b := running(t, db, ledger.Options{MaxBatch: 10})
	const people, rounds = 32, 8
	var over atomic.Bool
	signed := make(chan struct{}, people)
	go func() {
		defer over.Store(true)
		for range rounds {
			kills := scan[int](t, db, `SELECT COUNT(pg_terminate_backend(pid, 1000)) FROM pg_stat_activity
 WHERE datname = current_database() AND application_name = 'petitiond ledger'`)
			if kills == 0 {
				t.Error("no session was killed")
			}
			for range people { // and on they go
				<-signed
			}
		}
	}()
	var total atomic.Int64
	together(people, func(i int) {
		for j := 0; !over.Load(); j++ {
			if _, err := b.Sign(t.Context(), signature(p, fmt.Sprint(i, " ", j))); err != nil {
				t.Errorf("Sign: %v", err)
			}
			total.Add(1)
			select {
			case signed <- struct{}{}:
			default:
			}
		}
	})
	if f := audit(t, db, p); int64(f.Total) != total.Load() {
		t.Errorf("got %d signatures, %d were acknowledged", f.Total, total.Load())
	}
	checkTold(t, db, p, b.told(p))
}

// away is a database that cannot be reached.
func away() script {
	return script{
		connect: errRefused,
		begin:   func() error { return driver.ErrBadConn },
		commit:  (*curtain).lose,
	}
}

// impatient are options for tests in which the patience runs out.
func impatient() ledger.Options { return ledger.Options{Patience: 200 * time.Millisecond} }

// persist asks until the database answers.
func persist(t *testing.T, b *book, row any) ledger.Answer {
	t.Helper()
	for {
		a := b.Batch(row)[0]
		if t.Context().Err() != nil || !errors.Is(a.Err, ledger.ErrUnavailable) && !errors.Is(a.Err, ledger.ErrOutcomeUnknown) {
			return a
		}
	}
}

// TestAway keeps the database away for longer than the ledger's patience, and lets it come back.
func TestAway(t *testing.T) {
	t.Parallel()
	eachStaged(t, func(t *testing.T, db *database.DB, s *stage) {
		p := petition(t, db, open())
		b := newBook(t, db, impatient())
		s.play(away())
		row := keyed(p, "ann", "k", "1")
		for _, a := range b.Batch(row, comment(p, nil)) {
			if !errors.Is(a.Err, ledger.ErrUnavailable) {
				t.Errorf("got %v while nothing was sent, want ErrUnavailable", a.Err)
			}
		}
		s.play(script{})
		if got := must(t, persist(t, b, row)); got[0].Number != 1 {
			t.Errorf("got %+v after the recovery, want number 1", got)
		}
		audit(t, db, p)
	})
}

// TestAwayAfterCommit keeps it away after a COMMIT was sent. The caller asks again with the same key.
func TestAwayAfterCommit(t *testing.T) {
	t.Parallel()
	ends := map[string]func(*curtain) error{"Written": (*curtain).writeAndLose, "NotWritten": (*curtain).lose}
	eachStaged(t, func(t *testing.T, db *database.DB, s *stage) {
		b := newBook(t, db, impatient())
		for name, end := range ends {
			t.Run(name, func(t *testing.T) {
				p := petition(t, db, open())
				sent := false
				s.play(script{commit: func(c *curtain) error {
					sent = true
					s.play(away())
					return end(c)
				}})
				row := keyed(p, "ann", name, "1")
				got := b.Batch(row)[0]
				for !sent { // a slow machine
					got = b.Batch(row)[0]
				}
				if !errors.Is(got.Err, ledger.ErrOutcomeUnknown) {
					t.Errorf("got %v, want ErrOutcomeUnknown", got.Err)
				}
				s.play(script{})
				row.ID = newID() // a new call
				must(t, persist(t, b, row))
				if f := audit(t, db, p); f.Total != 1 {
					t.Errorf("got %d signatures, want 1", f.Total)
				}
			})
		}
	})
}

// TestLateAnswer loses a COMMIT when the patience is over: there is time left to look it up.
func TestLateAnswer(t *testing.T) {
	t.Parallel()
	eachStaged(t, func(t *testing.T, db *database.DB, s *stage) {
		p := petition(t, db, open())
		b := newBook(t, db, ledger.Options{Patience: time.Second})
		s.play(first(func(c *curtain) error {
			err := c.writeAndLose()
			<-c.ctx.Done()
			return err
		}))
		if got := must(t, b.Batch(signature(p, "ann"))...); got[0].Number != 1 {
			t.Errorf("got %+v, want number 1", got)
		}
		audit(t, db, p)
	})
}

// TestAwayEndsQueue answers what waited behind a batch that was given up, instead of trying each for as long.
func TestAwayEndsQueue(t *testing.T) {
	t.Parallel()
	eachStaged(t, func(t *testing.T, db *database.DB, s *stage) {
		p := petition(t, db, open())
		o := impatient()
		o.MaxBatch = 1
		b := running(t, db, o)
		held, entered, release := hold()
		s.play(held)
		first := b.Queue(signature(p, "first"))
		<-entered
		rest := b.Queue(signatures(p, 100)...)
		s.play(away())
		start := database.Now()
		release()
		first()
		for _, a := range rest() {
			if !errors.Is(a.Err, ledger.ErrUnavailable) {
				t.Fatalf("got %v, want ErrUnavailable", a.Err)
			}
		}
		if took := database.Now().Sub(start); took > 10*time.Second { // there are 100 batches
			t.Errorf("it took %v, much more than one patience", took)
		}
		s.play(script{})
		must(t, persist(t, b, signature(p, "later")))
		audit(t, db, p)
	})
}

// TestLockedTooLong lets a batch wait for a counter longer than it has patience.
func TestLockedTooLong(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		t.Parallel()
		p := petition(t, db, open())
		b := newBook(t, db, impatient())
		row := signature(p, "ann")
		err := database.InTx(t.Context(), db.Write, func(tx *sql.Tx) error {
			if _, err := ledger.Lock(t.Context(), tx, db.Dialect, p); err != nil {
				return err
			}
			for _, a := range b.Batch(row, comment(p, nil)) {
				if !errors.Is(a.Err, ledger.ErrUnavailable) {
					t.Errorf("got %v, want ErrUnavailable", a.Err)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		must(t, persist(t, b, row))
		audit(t, db, p)
	})
}

// TestLockTimeout goes on waiting for a counter where PostgreSQL gives the wait up.
func TestLockTimeout(t *testing.T) {
	t.Parallel()
	address, err := url.Parse(dbtest.URL(t, database.Postgres))
	if err != nil {
		t.Fatal(err)
	}
	query := address.Query()
	query.Set("statement_timeout", "30ms")
	address.RawQuery = query.Encode()
	s := new(stage)
	db := opened(t, database.Options{Wrap: func(c driver.Connector) driver.Connector { return stagedConnector{c, s} }}, address.String())
	p := petition(t, db, open())
	b := running(t, db, ledger.Options{})
	begun := make(chan struct{}, 1000)
	s.play(script{begin: func() error { begun <- struct{}{}; return nil }})
	var wait func() []ledger.Answer
	err = database.InTx(t.Context(), db.Write, func(tx *sql.Tx) error {
		if _, err := ledger.Lock(t.Context(), tx, db.Dialect, p); err != nil {
			return err
		}
		wait = b.Queue(signatures(p, 3)...)
		for range 1 + 3 { // this one, and three tries of the batch
			<-begun
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	must(t, wait()...)
	if f := audit(t, db, p); f.Total != 3 {
		t.Errorf("got %d signatures, want 3", f.Total)
	}
}
