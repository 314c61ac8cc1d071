package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"petitiond/server/database"
	"petitiond/server/database/dbtest"
	"petitiond/server/ledger"
	"petitiond/server/ledger/ledgertest"
	"petitiond/server/timespan"
)

// columns says what the row of a signature holds: its state and number, and which columns are filled.
func columns(t testing.TB, db *database.DB, id uuid.UUID) string {
	t.Helper()
	return scan[string](t, db, `SELECT state || ' ' || COALESCE(CAST(number AS text), '-')
 || CASE WHEN token IS NULL THEN '' ELSE ' token' END || CASE WHEN code IS NULL THEN '' ELSE ' code' END
 || CASE WHEN reason IS NULL THEN '' ELSE ' reason' END || CASE WHEN updates THEN ' updates' ELSE '' END
 || CASE WHEN confirmed_at IS NULL THEN '' ELSE ' confirmed' END FROM signatures WHERE id = $1`, id)
}

// TestConfirm lets a signature wait, in which it counts for nothing, and count: at the time of its signing, with the
// next number, and with its reason.
func TestConfirm(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		t.Parallel()
		p, other := petition(t, db, open()), petition(t, db, open())
		now := epoch
		b := newBook(t, db, ledger.Options{Now: func() time.Time { return now }})
		ann := waiting(p, "ann")
		ann.Waiting.Reason = []byte("sealed")
		if got := must(t, b.Batch(ann, waiting(p, "ann"), signature(p, "ann"))...); got[0].Number != 0 || got[2].Number != 0 {
			t.Errorf("got %+v, want no number", got)
		}
		if got, want := columns(t, db, ann.ID), "PENDING - token code reason updates"; got != want {
			t.Errorf("the row has %s, want %s", got, want)
		}
		if f := audit(t, db, p); f.Total != 0 || f.Pending != 1 || f.Issued != 0 || len(b.told(p)) != 0 {
			t.Errorf("got %+v, told %+v, want one that waits and nothing told", f, b.told(p))
		}
		now = epoch.Add(3*time.Hour + 5*time.Minute)
		reason := comment(p, nil)
		confirmation := confirm(ann)
		confirmation.Comment = &reason
		strange := confirm(ann)
		strange.Petition = other
		// A second one that says the same changes nothing, not even in the same batch.
		again := comment(p, nil)
		twice := confirm(ann)
		twice.Comment = &again
		answers := b.Batch(signature(p, "bob"), confirmation, twice, confirm(signature(p, "nobody")), strange)
		if diff := cmp.Diff([]string{"ok", "ok", "ok", "Gone", "Gone"}, errs(answers)); diff != "" {
			t.Errorf("answers (-want +got):\n%s", diff)
		}
		number := answers[1].Number
		if number < 1 || number > 2 || answers[0].Number+number != 3 || answers[2].Number != number || answers[1].Answer != p {
			t.Errorf("got %+v, want the numbers 1 and 2, and the same number twice", answers)
		}
		if got, want := columns(t, db, ann.ID), fmt.Sprintf("COUNTED %d token code updates confirmed", number); got != want {
			t.Errorf("the row has %s, want %s", got, want)
		}
		f := audit(t, db, p)
		want := map[int64]int{timespan.MinuteOf(epoch): 1, timespan.MinuteOf(now): 1}
		if diff := cmp.Diff(want, f.Minutes); diff != "" || f.Comments != 1 || f.Pending != 0 || f.Named != 2 {
			t.Errorf("got %+v; minutes (-want +got):\n%s", f, diff)
		}
		if got := scan[uuid.UUID](t, db, `SELECT id FROM comments WHERE petition_id = $1`, p); got != reason.ID {
			t.Errorf("the comment is %v, want %v", got, reason.ID)
		}
		told := b.told(p)
		if len(told) != 1 || told[0].Version != 1 || told[0].Total != 2 || *told[0].LastHour != 1 || told[0].Comment != 1 {
			t.Errorf("told %+v, want one version, with one in the last hour", told)
		}
		if got := must(t, b.Batch(confirm(ann))...); got[0].Number != number || len(b.told(p)) != 1 {
			t.Errorf("got %+v for a repetition, told %+v", got, b.told(p))
		}
		if audit(t, db, other).Total != 0 || len(differences(t, b)) > 0 {
			t.Errorf("another petition has signatures, or a recount finds differences")
		}
	})
}

// TestConfirmWithoutAReason writes no comment where the reason was taken back meanwhile.
func TestConfirmWithoutAReason(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		p := petition(t, db, open())
		b := newBook(t, db, ledger.Options{})
		ann := waiting(p, "ann")
		said := comment(p, nil)
		c := confirm(ann)
		c.Comment = &said
		must(t, b.Batch(ann)...)
		must(t, b.Batch(c)...)
		if f := audit(t, db, p); f.Total != 1 || f.Comments != 0 {
			t.Errorf("got %d signatures and %d comments, want 1 and 0", f.Total, f.Comments)
		}
	})
}

// TestConfirmWhereItEnds confirms before and after ends of all kinds.
func TestConfirmWhereItEnds(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	type at = func(*ledger.Terms)
	closes := func(terms *ledger.Terms) { terms.Accepting = false }
	ends := func(after time.Duration) at {
		return func(terms *ledger.Terms) { end := epoch.Add(after); terms.Until = &end }
	}
	tests := map[string]struct {
		change at
		state  string        // of the petition
		closed time.Duration // when that was, after the epoch
		signed time.Duration
		now    time.Duration
		want   string
	}{
		"Open":              {ends(2 * day), "OPEN", 0, time.Hour, 2*day - 1, "ok"},
		"WithoutEnd":        {func(*ledger.Terms) {}, "OPEN", 0, time.Hour, 90 * day, "ok"},
		"JustEnded":         {ends(day), "OPEN", 0, time.Hour, day, "ok"},
		"EndedADayAgo":      {ends(day), "OPEN", 0, time.Hour, 2 * day, "ok"},
		"EndedLongAgo":      {ends(day), "OPEN", 0, time.Hour, 2*day + time.Microsecond, "Closed"},
		"EndedBeforeSigned": {ends(day), "OPEN", 0, day, day, "Closed"},
		"Closed":            {closes, "CLOSED", day, time.Hour, day + time.Hour, "ok"},
		"ClosedADayAgo":     {closes, "CLOSED", day, time.Hour, 2 * day, "ok"},
		"ClosedLongAgo":     {closes, "CLOSED", day, time.Hour, 2*day + time.Microsecond, "Closed"},
		"ClosedBefore":      {closes, "CLOSED", day, day, day + time.Hour, "Closed"},
		"Paused":            {closes, "PAUSED", day, time.Hour, day, "Closed"},
		"Hidden":            {closes, "HIDDEN", day, time.Hour, day, "Closed"},
		"Archived":          {closes, "ARCHIVED", day, time.Hour, day, "Closed"},
		"NotBegun": {
			func(terms *ledger.Terms) {
				since, until := epoch.Add(2*day), epoch.Add(3*day)
				terms.Since, terms.Until = &since, &until
			}, "OPEN", 0, time.Hour, day, "Closed",
		},
	}
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		now := epoch
		b := newBook(t, db, ledger.Options{Now: func() time.Time { return now }})
		for name, tt := range tests {
			t.Run(name, func(t *testing.T) {
				now = epoch
				p := petition(t, db, open())
				ann, bob := waiting(p, "ann"), waiting(p, "bob")
				ann.At, bob.At = epoch.Add(tt.signed), epoch
				must(t, b.Batch(ann, bob)...)
				counted := must(t, b.Batch(confirm(bob))...)[0]
				if _, _, err := amend(db, p, now, tt.change); err != nil {
					t.Fatal(err)
				}
				exec(t, db, `UPDATE petitions SET state = $2, closed_at = $3 WHERE id = $1`, p, tt.state, epoch.Add(tt.closed))
				now = epoch.Add(tt.now)
				// What counts already is answered at all times, and can be withdrawn.
				if got := b.Batch(confirm(ann), confirm(bob)); errName(got[0].Err) != tt.want || got[1] != counted {
					t.Errorf("got %+v, want %s and %+v", got, tt.want, counted)
				}
				if f := audit(t, db, p); f.Total != map[string]int{"ok": 2, "Closed": 1}[tt.want] {
					t.Errorf("%d count", f.Total)
				}
				must(t, b.Batch(withdraw(ann), withdraw(bob))...)
				if f := audit(t, db, p); f.Total != 0 || f.Pending != 0 {
					t.Errorf("%d count and %d wait when all are withdrawn", f.Total, f.Pending)
				}
			})
		}
	})
}

// TestWithdraw takes signatures back in each state, and lets their addresses sign again.
func TestWithdraw(t *testing.T) {
	t.Parallel()
	for name, unsummed := range map[string]int{"Summed": 1, "Unsummed": 32} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dbtest.Each(t, func(t *testing.T, db *database.DB) {
				p, other := petition(t, db, open()), petition(t, db, open())
				now := epoch
				b := newBook(t, db, ledger.Options{Unsummed: unsummed, Now: func() time.Time { return now }})
				ann, bob, cid, dan := signature(p, "ann"), signature(p, "bob"), waiting(p, "cid"), waiting(p, "dan")
				bob.ShowName, bob.Country = false, "PT"
				must(t, b.Batch(ann, bob, cid, dan)...)
				now = epoch.Add(2 * time.Hour)
				strange := withdraw(bob)
				strange.Petition = other
				onlyWaiting := func(s ledger.Signature) ledger.Withdrawal { w := withdraw(s); w.OnlyWaiting = true; return w }
				must(t, b.Batch(withdraw(ann), withdraw(ann), withdraw(cid), strange, onlyWaiting(bob), withdraw(signature(p, "nobody")))...)
				f := audit(t, db, p)
				if f.Total != 1 || f.Named != 0 || f.Pending != 1 || f.Issued != 2 || f.Removed != 1 || f.Countries["EE"] != 0 {
					t.Errorf("got %+v, want bob, and one that waits", f)
				}
				// Histories tell when it was, and the last hour is short of it.
				want := map[int64]int{timespan.MinuteOf(epoch): 2, timespan.MinuteOf(now): -1}
				if diff := cmp.Diff(want, f.Minutes); diff != "" {
					t.Errorf("minutes (-want +got):\n%s", diff)
				}
				if told := b.told(p); len(told) != 2 || told[1].Total != 1 || told[1].Version != 2 || *told[1].LastHour != -1 {
					t.Errorf("told %+v, want a lower count", told)
				}
				// In one batch with the withdrawal, and after it; each has a new number.
				again := must(t, b.Batch(signature(p, "ann"), signature(p, "bob"), withdraw(bob), onlyWaiting(dan), waiting(p, "dan"))...)
				if again[0].Number != 3 || again[1].Number != 4 {
					t.Errorf("got %+v, want the numbers 3 and 4", again)
				}
				if f := audit(t, db, p); f.Total != 2 || f.Pending != 1 || f.Removed != 2 {
					t.Errorf("got %+v, want two, and one that waits", f)
				}
				// All of it at once.
				eve := waiting(p, "eve")
				must(t, b.Batch(eve)...)
				got := must(t, b.Batch(confirm(eve), withdraw(eve), signature(p, "eve"))...)
				if got[0].Number != 5 || got[2].Number != 6 {
					t.Errorf("got %+v, want the numbers 5 and 6", got)
				}
				if got := b.Batch(withdraw(eve), confirm(eve)); errName(got[0].Err) != "ok" || errName(got[1].Err) != "Gone" {
					t.Errorf("got %+v, want that it is gone", got)
				}
				if f := audit(t, db, p); f.Total != 3 || f.Removed != 3 || audit(t, db, other).Total != 0 {
					t.Errorf("got %+v, want three", f)
				}
				sumUp(t, b)
				audit(t, db, p)
				checkTold(t, db, p, b.told(p))
				if found := differences(t, b); len(found) > 0 {
					t.Errorf("found %+v", found)
				}
			})
		})
	}
}

// TestWithdrawInvalidated erases what counts for nothing already.
func TestWithdrawInvalidated(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		p := petition(t, db, open())
		b := newBook(t, db, ledger.Options{})
		ann, bob := signature(p, "ann"), waiting(p, "bob")
		must(t, b.Batch(ann, bob)...)
		exec(t, db, `UPDATE signatures SET state = 'INVALIDATED' WHERE id = $1`, bob.ID)
		exec(t, db, `UPDATE counters SET pending = 0`)
		if got := b.Batch(confirm(bob), withdraw(bob)); errName(got[0].Err) != "Gone" || errName(got[1].Err) != "ok" {
			t.Errorf("got %+v, want that it cannot count", got)
		}
		if f := audit(t, db, p); f.Total != 1 || f.Pending != 0 || f.Removed != 0 || scan[int](t, db, `SELECT COUNT(*) FROM signatures`) != 1 {
			t.Errorf("got %+v, want one", f)
		}
	})
}

// TestConfirmLate counts what was signed in a minute that has become part of an hour meanwhile.
func TestConfirmLate(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		p := petition(t, db, open())
		now := epoch
		b := newBook(t, db, ledger.Options{Unsummed: 1, Now: func() time.Time { return now }})
		ann, bob := waiting(p, "ann"), waiting(p, "bob")
		must(t, b.Batch(ann, bob, signature(p, "cid"))...)
		for i, row := range []ledger.Signature{ann, bob} {
			now = epoch.Add(time.Duration(8+i) * 24 * time.Hour)
			if err := b.Fold(t.Context()); err != nil {
				t.Fatal(err)
			}
			must(t, b.Batch(confirm(row))...)
			if got, want := summed(t, db, p), i+2; got != [3]int{want, want, want} {
				t.Errorf("the sums hold %v, want %d", got, want)
			}
			if found := differences(t, b); len(found) > 0 {
				t.Errorf("found %+v", found)
			}
		}
	})
}

// TestOneConfirmationAtOnce presses one button fifty times, at two replicas.
func TestOneConfirmationAtOnce(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		p := petition(t, db, open())
		books := [2]*book{running(t, db, ledger.Options{MaxBatch: 7}), running(t, db, ledger.Options{MaxBatch: 3})}
		for round := range 10 {
			ann := waiting(p, person(round))
			ann.Waiting.Reason = []byte("sealed")
			if _, err := books[0].Sign(t.Context(), ann); err != nil {
				t.Fatal(err)
			}
			together(50, func(i int) {
				c := confirm(ann)
				said := comment(p, nil)
				c.Comment = &said
				if got, err := books[i%2].Confirm(t.Context(), c); err != nil || got.Number != round+1 {
					t.Errorf("Confirm: %+v, %v, want number %d", got, err, round+1)
				}
			})
			if f := audit(t, db, p); f.Total != round+1 || f.Issued != round+1 || f.Comments != round+1 || f.Pending != 0 {
				t.Fatalf("got %+v, want %d of each", f, round+1)
			}
		}
	})
}

// TestAllAtOnce lets the same people sign, confirm and withdraw at two replicas at once, while the petition closes and
// opens and sums are made: count, rows and history agree, and nothing that was answered is forgotten.
func TestAllAtOnce(t *testing.T) {
	t.Parallel()
	const people, rounds = 12, 30
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		t.Parallel()
		p := petition(t, db, open())
		books := [2]*book{running(t, db, ledger.Options{MaxBatch: 16, Unsummed: 6}), running(t, db, ledger.Options{MaxBatch: 5, Unsummed: 9})}
		var numbers, withdrawn sync.Map
		var counted atomic.Int64
		stop := make(chan struct{})
		var beside sync.WaitGroup
		beside.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				if _, _, err := amend(db, p, database.Now(), func(terms *ledger.Terms) { terms.Accepting = i%3 > 0 }); err != nil {
					t.Errorf("amending: %v", err)
				}
				sumUp(t, books[i%2])
			}
		})
		together(people, func(i int) {
			random := rand.New(rand.NewPCG(3, uint64(i)))
			for range rounds {
				s := waiting(p, person(i%(people/2))) // two of the same address at once
				if random.IntN(3) == 0 {
					s.Waiting = nil
				}
				b := books[random.IntN(2)]
				if _, err := b.Sign(t.Context(), s); err != nil && !errors.Is(err, ledger.ErrClosed) {
					t.Errorf("Sign: %v", err)
				}
				var all sync.WaitGroup
				for range 3 {
					all.Go(func() {
						got, err := b.Confirm(t.Context(), confirm(s))
						switch {
						case err == nil:
							if before, again := numbers.LoadOrStore(s.ID, got.Number); !again {
								counted.Add(1)
							} else if before != got.Number {
								t.Errorf("the numbers %v and %d were given to one signature", before, got.Number)
							}
							if _, gone := withdrawn.Load(s.ID); gone {
								t.Error("confirmed after it was withdrawn")
							}
						case !errors.Is(err, ledger.ErrClosed) && !errors.Is(err, ledger.ErrGone):
							t.Errorf("Confirm: %v", err)
						}
					})
				}
				late := random.IntN(2) == 0
				if late {
					all.Wait()
				}
				if random.IntN(4) > 0 {
					if err := b.Withdraw(t.Context(), withdraw(s)); err != nil {
						t.Errorf("Withdraw: %v", err)
					}
					if late {
						withdrawn.Store(s.ID, true)
						if _, err := books[random.IntN(2)].Confirm(t.Context(), confirm(s)); !errors.Is(err, ledger.ErrGone) {
							t.Errorf("Confirm after Withdraw: %v", err)
						}
					}
				}
				all.Wait()
			}
		})
		close(stop)
		beside.Wait()
		f := audit(t, db, p)
		if f.Issued < int(counted.Load()) || f.Removed == 0 || f.Total == 0 {
			t.Errorf("got %+v of %d numbers", f, counted.Load())
		}
		withdrawn.Range(func(id, _ any) bool {
			if scan[int](t, db, `SELECT COUNT(*) FROM signatures WHERE id = $1`, id) != 0 {
				t.Errorf("%v is there after it was withdrawn", id)
			}
			return true
		})
		if found := differences(t, books[0]); len(found) > 0 {
			t.Errorf("found %+v", found)
		}
	})
}

// TestTakeTrend takes signatures away again, in any order, as far as the difference can tell what is left.
func TestTakeTrend(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(5, 5))
	lost := 0
	for range 300 {
		var times []time.Time
		trend := 0.0
		for range 1 + random.IntN(40) {
			at := epoch.Add(time.Duration(random.IntN(400_000)) * time.Second)
			times, trend = append(times, at), ledger.AddTrend(trend, at, 1)
		}
		gone := random.IntN(len(times))
		left := append(append([]time.Time(nil), times[:gone]...), times[gone+1:]...)
		got, ok := ledger.TakeTrend(trend, times[gone])
		want := ledgertest.TrendOf(left)
		// What is lost is less than a millionth of what there was.
		if !ok {
			if lost++; len(left) > 0 && want > trend-19 {
				t.Errorf("the trend %v is lost, although %v is left of it", trend, want)
			}
			continue
		}
		if math.Abs(got-want) > 1e-4 {
			t.Errorf("got %v, want %v of %v", got, want, trend)
		}
	}
	if lost == 0 {
		t.Error("nothing was lost, not even the last one")
	}
}

// TestTrendOfMany takes back the signature that outweighs all others of a petition with more than a trend is made of:
// it is as good as the newest rows tell, and a recount mends it.
func TestTrendOfMany(t *testing.T) {
	t.Parallel()
	const most = 1000
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		now := epoch
		b := newBook(t, db, ledger.Options{Now: func() time.Time { return now }})
		for name, tt := range map[string]struct {
			people int
			after  time.Duration
			off    float64
		}{
			"Little":     {most + 200, time.Minute, 1e-9},
			"NearlyAll":  {most + 200, 120 * time.Hour, 1e-4},
			"All":        {most + 200, 400 * time.Hour, 0.3}, // log2(1200/1000)
			"AllOfSmall": {most, 400 * time.Hour, 1e-9},
		} {
			t.Run(name, func(t *testing.T) {
				now = epoch
				p := petition(t, db, open())
				must(t, b.Batch(signatures(p, tt.people)...)...)
				now = epoch.Add(tt.after)
				late := signature(p, "late")
				must(t, b.Batch(late)...)
				must(t, b.Batch(withdraw(late))...)
				if f := ledgertest.Agree(t, db, p, tt.off); f.Total != tt.people {
					t.Errorf("%d count, want %d", f.Total, tt.people)
				}
				differences(t, b)
				ledgertest.Agree(t, db, p, 0.01)
			})
		}
	})
}

// TestWithdrawAll leaves nothing, in any order.
func TestWithdrawAll(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		p := petition(t, db, open())
		now := epoch
		b := newBook(t, db, ledger.Options{Now: func() time.Time { return now }})
		var list []ledger.Signature
		for i := range 40 {
			now = now.Add(5 * time.Hour)
			list = append(list, signature(p, person(i)))
			must(t, b.Batch(list[i])...)
		}
		for i := range list { // the newest first: each time a good part of the trend goes
			must(t, b.Batch(withdraw(list[len(list)-1-i]))...)
			audit(t, db, p)
		}
		if f := audit(t, db, p); f.Total != 0 || f.Trending != 0 || f.Removed != 40 {
			t.Errorf("got %+v, want nothing", f)
		}
	})
}

// TestConfirmGoesInBatches confirms what waits for one petition with far fewer transactions.
func TestConfirmGoesInBatches(t *testing.T) {
	t.Parallel()
	const people = 200
	eachStaged(t, func(t *testing.T, db *database.DB, s *stage) {
		p := petition(t, db, open())
		b := newBook(t, db, ledger.Options{})
		var list []ledger.Signature
		for i := range people {
			list = append(list, waiting(p, person(i)))
			must(t, b.Batch(list[i])...)
		}
		s.commits.Store(0)
		var rows []any
		for _, row := range list {
			rows = append(rows, confirm(row))
		}
		wait := b.Queue(rows...)
		stop := b.run()
		must(t, wait()...)
		stop()
		if got := s.commits.Load(); got > people/20 {
			t.Errorf("%d transactions for %d confirmations", got, people)
		}
		if f := audit(t, db, p); f.Total != people || f.Pending != 0 {
			t.Errorf("got %+v, want %d", f, people)
		}
	})
}

// TestConfirmAway hears of a database that cannot be reached, and confirms when it is back.
func TestConfirmAway(t *testing.T) {
	t.Parallel()
	eachStaged(t, func(t *testing.T, db *database.DB, s *stage) {
		p := petition(t, db, open())
		b := newBook(t, db, impatient())
		ann, bob := waiting(p, "ann"), signature(p, "bob")
		must(t, b.Batch(ann, bob)...)
		s.play(away())
		for _, a := range b.Batch(confirm(ann), withdraw(bob)) {
			if !errors.Is(a.Err, ledger.ErrUnavailable) {
				t.Errorf("got %v while nothing was sent, want ErrUnavailable", a.Err)
			}
		}
		s.play(script{})
		if got := must(t, persist(t, b, confirm(ann))); got[0].Number != 2 {
			t.Errorf("got %+v after the recovery, want number 2", got)
		}
		must(t, persist(t, b, withdraw(bob)))
		if f := audit(t, db, p); f.Total != 1 || f.Removed != 1 {
			t.Errorf("got %+v, want one", f)
		}
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		if err := b.Withdraw(ended, withdraw(ann)); !errors.Is(err, ledger.ErrUnavailable) {
			t.Errorf("got %v from one who has gone, want ErrUnavailable", err)
		}
	})
}
