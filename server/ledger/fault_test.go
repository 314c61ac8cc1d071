package ledger_test

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

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
				if told := b.told(p); len(told) != 2 || told[1].Total != 2 || told[1].Version != 2 || *told[1].LastHour != 2 {
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

// TestCutAnywhere fails each statement of a batch in turn, once, by a lost connection and by an error that may
// be a row's: all callers hear what they would have heard.
func TestCutAnywhere(t *testing.T) {
	t.Parallel()
	faults := map[string]error{"Lost": driver.ErrBadConn, "Strange": errors.New("strange")}
	eachStaged(t, func(t *testing.T, db *database.DB, s *stage) {
		for name, fault := range faults {
			t.Run(name, func(t *testing.T) {
				p := petition(t, db, open())
				b := newBook(t, db, ledger.Options{Unsummed: 1}) // one statement more
				said := comment(p, nil)
				must(t, b.Batch(said, keyed(p, "old", name+"old", "1"))...)
				rounds := 0
				for cut := true; cut; rounds++ {
					var n atomic.Int64
					cut = false
					s.play(script{statement: func() error {
						if n.Add(1) == int64(rounds+1) {
							cut = true
							return fault
						}
						return nil
					}})
					address := fmt.Sprint(rounds)
					answers := b.Batch(keyed(p, address, name+address, "1"), signature(p, "old"), comment(p, &said.ID), keyed(p, "old", name+"old", "1"))
					if got := must(t, answers...); got[0].Number != rounds+2 || got[2].Number != rounds+2 {
						t.Errorf("round %d: got %+v, want number %d", rounds, got, rounds+2)
					}
				}
				s.play(script{})
				if rounds < 5 {
					t.Errorf("only %d statements were cut", rounds)
				}
				if f := audit(t, db, p); f.Total != rounds+1 || f.Comments != rounds+1 {
					t.Errorf("got %d signatures and %d comments after %d rounds", f.Total, f.Comments, rounds)
				}
				checkTold(t, db, p, b.told(p))
			})
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
	signed := make(chan struct{})
	go func() {
		defer over.Store(true)
		for range rounds {
			kills := scan[int](t, db, `SELECT COUNT(pg_terminate_backend(pid, 1000)) FROM pg_stat_activity
 WHERE datname = current_database() AND application_name = 'petitiond ledger'`)
			if kills == 0 {
				t.Error("no session was killed")
			}
			for range 2 * people { // and on they go: half of these at least began after the kill
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
