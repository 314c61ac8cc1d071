package ledger_test

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

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

var errStrange = errors.New("strange")

// lostCommits are ways in which a COMMIT goes unanswered.
var lostCommits = map[string]func(t *testing.T) script{
	"CommittedThenLost": func(*testing.T) script { return first((*curtain).writeAndLose) },
	"LostBeforeCommit":  func(*testing.T) script { return first((*curtain).lose) },
	"LostManyTimes": func(*testing.T) script {
		return first((*curtain).lose, (*curtain).lose, (*curtain).lose, (*curtain).writeAndLose)
	},
	"StrangeAnswer": func(*testing.T) script {
		return first(func(c *curtain) error { return errors.Join(c.write(), errStrange) })
	},
	"StrangeRefusal": func(*testing.T) script {
		return first(func(c *curtain) error { return errors.Join(c.Rollback(), errStrange) })
	},
	"UnderWay":           underWay,
	"LostWhileLookingUp": func(*testing.T) script { return lostWhileLookingUp() },
}

// TestLostCommit sends a batch of everything while its COMMIT goes unanswered: every caller hears what it
// would have heard, and every row is there once.
func TestLostCommit(t *testing.T) {
	t.Parallel()
	eachStaged(t, func(t *testing.T, db *database.DB, s *stage) {
		for name, play := range lostCommits {
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

// TestLostConfirmation does the same with confirmations and withdrawals, alone and beside new rows. They have no rows
// of their own by which they could be found, and those who watch hear of them all the same.
func TestLostConfirmation(t *testing.T) {
	t.Parallel()
	beside := map[string]func(p uuid.UUID) any{
		"": nil, "BesideASignature": func(p uuid.UUID) any { return signature(p, newID().String()) },
		"BesideOneThatWaits": func(p uuid.UUID) any { return waiting(p, newID().String()) },
		"BesideAComment":     func(p uuid.UUID) any { return comment(p, nil) },
	}
	eachStaged(t, func(t *testing.T, db *database.DB, s *stage) {
		for name, play := range lostCommits {
			for with, row := range beside {
				t.Run(name+with, func(t *testing.T) {
					s.play(script{})
					p := petition(t, db, open())
					b := newBook(t, db, ledger.Options{})
					ann, bob, cid, dan := waiting(p, "ann"), signature(p, "bob"), signature(p, "cid"), waiting(p, "dan")
					ann.Waiting.Reason = []byte("sealed")
					must(t, b.Batch(ann, bob, cid, dan)...)
					said := comment(p, nil)
					confirmed := confirm(ann)
					if confirmed.Comment = &said; row == nil { // with a comment there is a new row, which tells
						confirmed.Comment = nil
					}
					rows := []any{confirmed, confirm(cid), withdraw(bob), withdraw(dan), confirm(signature(p, "nobody"))}
					if row != nil {
						rows = append(rows, row(p))
					}
					for range 2 { // the second time nothing moves
						s.play(play(t))
						got := b.Batch(rows...)
						if diff := cmp.Diff([]string{"ok", "ok", "ok", "ok", "Gone"}, errs(got[:5])); diff != "" {
							t.Errorf("answers (-want +got):\n%s", diff)
						}
						if got[0].Number != 3 || got[1].Number != 2 {
							t.Errorf("got %+v, want the numbers 3 and 2", got)
						}
						rows = rows[:5]
					}
					f := audit(t, db, p)
					if f.Removed != 1 || f.Total-f.Issued != -1 || f.Issued < 3 || f.Issued > 4 {
						t.Errorf("got %+v, want one that was taken back", f)
					}
					checkTold(t, db, p, b.told(p))
				})
			}
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

// TestConfirmationCutAnywhere does the same while signatures are confirmed and withdrawn.
func TestConfirmationCutAnywhere(t *testing.T) {
	t.Parallel()
	faults := map[string]error{"Lost": driver.ErrBadConn, "Strange": errStrange}
	eachStaged(t, func(t *testing.T, db *database.DB, s *stage) {
		for name, fault := range faults {
			t.Run(name, func(t *testing.T) {
				p := petition(t, db, open())
				b := newBook(t, db, ledger.Options{})
				rounds := 0
				for cut := true; cut; rounds++ {
					s.play(script{})
					address := fmt.Sprint(rounds)
					ann, bob := waiting(p, "ann "+address), signature(p, "bob "+address)
					ann.Waiting.Reason = []byte("sealed")
					must(t, b.Batch(ann, bob)...)
					said := comment(p, nil)
					confirmed := confirm(ann)
					confirmed.Comment = &said
					var n atomic.Int64
					cut = false
					s.play(script{statement: func() error {
						if n.Add(1) == int64(rounds+1) {
							cut = true
							return fault
						}
						return nil
					}})
					got := must(t, b.Batch(confirmed, withdraw(bob), waiting(p, "cid "+address), confirmed)...)
					if want := 2*rounds + 2; got[0].Number != want || got[3].Number != want {
						t.Errorf("round %d: got %+v, want number %d", rounds, got, want)
					}
				}
				s.play(script{})
				if rounds < 9 {
					t.Errorf("only %d statements were cut", rounds)
				}
				f := audit(t, db, p)
				got := [4]int{f.Total, f.Comments, f.Removed, f.Pending}
				if got != [4]int{rounds, rounds, rounds, rounds} {
					t.Errorf("got %v after %d rounds", got, rounds)
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
				switch j % 3 {
				case 0:
					s = keyed(other, fmt.Sprint(i, j), fmt.Sprint(i, j), "1")
				case 1:
					s = waiting(p, fmt.Sprint(i, j))
				}
				got, err := b.Sign(t.Context(), s)
				if s.Waiting != nil && err == nil {
					got, err = b.Confirm(t.Context(), confirm(s))
				}
				if err != nil || got.Number == 0 {
					t.Errorf("Sign: %+v, %v", got, err)
				}
				if gone := signature(p, fmt.Sprint("gone", i, j)); j%2 == 0 {
					_, err := b.Sign(t.Context(), gone)
					if err := errors.Join(err, b.Withdraw(t.Context(), withdraw(gone))); err != nil {
						t.Errorf("Withdraw: %v", err)
					}
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
