package ledger_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"petitiond/server/database"
	"petitiond/server/database/dbtest"
	"petitiond/server/figures"
	"petitiond/server/ledger"
	"petitiond/server/timespan"
)

// restless is a clock that runs, stumbles and goes back.
func restless() func() time.Time {
	var ticks atomic.Int64
	return func() time.Time {
		at := ticks.Add(1) * 17 % 500
		return epoch.Add(time.Duration(at) * database.MaxSkew / 500)
	}
}

// TestNumbers lets 64 people at once sign, repeat themselves, comment and reply, under a clock that goes back.
func TestNumbers(t *testing.T) {
	t.Parallel()
	const people, rounds, addresses = 64, 12, 300
	eachStaged(t, func(t *testing.T, db *database.DB, s *stage) {
		p := petition(t, db, open())
		b := running(t, db, ledger.Options{Now: restless(), MaxBatch: 50})
		thread := comment(p, nil)
		must(t, b.Queue(thread)()...)
		s.commits.Store(0)
		var numbers [people * rounds]int
		together(people, func(i int) {
			random := rand.New(rand.NewPCG(1, uint64(i)))
			for j := range rounds {
				row := signature(p, person(random.IntN(addresses)))
				row.ShowName, row.Country = random.IntN(2) == 0, [...]string{"", "EE", "PT"}[random.IntN(3)]
				if random.IntN(3) == 0 {
					c := comment(p, nil)
					row.Comment = &c
				}
				got, err := b.Sign(t.Context(), row)
				if err != nil || got.Answer != p {
					t.Errorf("Sign: %+v, %v", got, err)
				}
				numbers[i*rounds+j] = got.Number
				if random.IntN(8) == 0 {
					if _, err := b.Comment(t.Context(), comment(p, &thread.ID)); err != nil {
						t.Errorf("Comment: %v", err)
					}
				}
			}
		})
		f := audit(t, db, p)
		if distinct := scan[int](t, db, `SELECT COUNT(DISTINCT digest) FROM signatures`); f.Total != distinct || f.Total > addresses {
			t.Errorf("got %d signatures of %d addresses", f.Total, distinct)
		}
		if told := countNumbers(t, numbers[:]); told != f.Total {
			t.Errorf("%d receipts bear a number, want %d", told, f.Total)
		}
		checkTold(t, db, p, b.told(p))
		if got, most := s.commits.Load(), int64(people*rounds); got >= most/2 {
			t.Errorf("%d transactions for some %d rows: nothing was gathered", got, most)
		}
		before := scan[int](t, db, `SELECT COUNT(*) FROM signatures a JOIN signatures b ON a.number < b.number WHERE a.signed_at > b.signed_at`)
		if before != 0 {
			t.Errorf("%d pairs are numbered against their times", before)
		}
	})
}

// countNumbers counts receipts with a number and makes sure that no number was given twice.
func countNumbers(t *testing.T, numbers []int) int {
	t.Helper()
	seen := map[int]bool{}
	for _, n := range numbers {
		if n == 0 {
			continue
		}
		if seen[n] {
			t.Errorf("number %d was given twice", n)
		}
		seen[n] = true
	}
	return len(seen)
}

// TestManyPetitions spreads signers over petitions and lanes, with two replicas that take the same locks, in the
// same order: no transaction has to be run again.
func TestManyPetitions(t *testing.T) {
	t.Parallel()
	eachStaged(t, func(t *testing.T, db *database.DB, s *stage) {
		var list [12]uuid.UUID
		for i := range list {
			list[i] = petition(t, db, open())
		}
		books := [2]*book{running(t, db, ledger.Options{}), running(t, db, ledger.Options{})}
		together(32, func(i int) {
			for j := range 15 {
				if _, err := books[i%2].Sign(t.Context(), signature(list[(i*7+j*5)%len(list)], person(j*32+i))); err != nil {
					t.Errorf("Sign: %v", err)
				}
			}
		})
		if begun, committed := s.begins.Load(), s.commits.Load(); begun != committed {
			t.Errorf("%d transactions were begun and %d committed", begun, committed)
		}
		total := 0
		for _, p := range list {
			total += audit(t, db, p).Total
		}
		if total != 32*15 {
			t.Errorf("got %d signatures, want %d", total, 32*15)
		}
	})
}

func TestRepeatedAddress(t *testing.T) {
	t.Parallel()
	signing := func(p uuid.UUID, name string) ledger.Signature {
		s := signature(p, "ann")
		s.Name = []byte(name)
		c := comment(p, nil)
		c.Body = name
		s.Comment = &c
		return s
	}
	tests := map[string]func(b *book, first, second ledger.Signature) []ledger.Answer{
		"OneBatch": func(b *book, first, second ledger.Signature) []ledger.Answer { return b.Batch(first, second) },
		"Later": func(b *book, first, second ledger.Signature) []ledger.Answer {
			return append(b.Batch(first), b.Batch(second)...)
		},
	}
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		t.Parallel()
		for name, write := range tests {
			t.Run(name, func(t *testing.T) {
				p, other := petition(t, db, open()), petition(t, db, open())
				b := newBook(t, db, ledger.Options{})
				answers := must(t, write(b, signing(p, "first"), signing(p, "second"))...)
				want := []ledger.Answer{{Receipt: ledger.Receipt{Answer: p, Number: 1}}, {Receipt: ledger.Receipt{Answer: p}}}
				if diff := cmp.Diff(want, answers); diff != "" {
					t.Errorf("answers (-want +got):\n%s", diff)
				}
				if got := scan[string](t, db, `SELECT name FROM signatures WHERE petition_id = $1`, p); got != "first" {
					t.Errorf("the row says %q, want the first", got)
				}
				if got := scan[string](t, db, `SELECT body FROM comments WHERE petition_id = $1`, p); got != "first" {
					t.Errorf("the comment says %q, want the first", got)
				}
				if f := audit(t, db, p); f.Total != 1 || f.Comments != 1 {
					t.Errorf("got %d signatures and %d comments, want one each", f.Total, f.Comments)
				}
				must(t, b.Batch(signing(other, "elsewhere"))...) // the same address under another petition is new
				if f := audit(t, db, other); f.Total != 1 {
					t.Errorf("got %d signatures under another petition, want 1", f.Total)
				}
			})
		}
	})
}

// TestNothingMoved writes no counter for a batch of repetitions, and tells nobody.
func TestNothingMoved(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		t.Parallel()
		p := petition(t, db, open())
		b := newBook(t, db, ledger.Options{})
		must(t, b.Batch(signature(p, "ann"))...)
		must(t, b.Batch(signature(p, "ann"), signature(p, "ann"))...)
		if told := b.told(p); len(told) != 1 || told[0].Version != 1 {
			t.Errorf("told %+v, want one version", told)
		}
		if got := scan[int](t, db, `SELECT version FROM counters WHERE petition_id = $1`, p); got != 1 {
			t.Errorf("version %d, want 1", got)
		}
	})
}

func TestReplies(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		t.Parallel()
		p := petition(t, db, open())
		b := newBook(t, db, ledger.Options{})
		one, two := comment(p, nil), comment(p, nil)
		answers := must(t, b.Batch(one, two, comment(p, &one.ID), comment(p, &one.ID))...)
		answers = append(answers, must(t, b.Batch(comment(p, &one.ID), comment(p, &two.ID), signature(p, "ann"))...)...)
		var numbers []int
		for _, a := range answers {
			numbers = append(numbers, a.Number)
		}
		if diff := cmp.Diff([]int{1, 2, 3, 4, 5, 6, 1}, numbers); diff != "" {
			t.Errorf("numbers (-want +got):\n%s", diff)
		}
		f := audit(t, db, p)
		if f.Threads != 2 || f.Replies[one.ID] != 3 || f.Replies[two.ID] != 1 {
			t.Errorf("got %d threads and replies %v, want 2, and 3 and 1", f.Threads, f.Replies)
		}
		told := b.told(p)
		if len(told) != 2 || told[0].Version != 0 || told[0].Comment != 4 || told[1].Version != 1 || told[1].Comment != 6 {
			t.Errorf("told %+v, want 4 comments without a version, then 6 with version 1", told)
		}
	})
}

// TestLastHour sums the buckets of sixty minutes and no older one.
func TestLastHour(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		t.Parallel()
		p, other := petition(t, db, open()), petition(t, db, open())
		now := epoch
		b := newBook(t, db, ledger.Options{Now: func() time.Time { return now }})
		var got []int
		for _, after := range []time.Duration{0, 30 * time.Minute, 59 * time.Minute, time.Hour, 3 * time.Hour} {
			now = epoch.Add(after)
			must(t, b.Batch(signature(p, after.String()), signature(p, "other "+after.String()))...)
			told := b.told(p)
			got = append(got, *told[len(told)-1].LastHour)
		}
		must(t, b.Batch(signature(other, "ann"))...)
		if diff := cmp.Diff([]int{2, 4, 6, 6, 2}, got); diff != "" {
			t.Errorf("last hours (-want +got):\n%s", diff)
		}
	})
}

// TestPast takes the times of imported signatures as they are and moves the buckets where they belong.
func TestPast(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		t.Parallel()
		p := petition(t, db, open())
		b := newBook(t, db, ledger.Options{Now: func() time.Time { return epoch }})
		var list []any
		for i, at := range []time.Time{
			epoch.AddDate(-4, 0, 0), epoch.Add(-time.Nanosecond), epoch.Add(-time.Nanosecond).In(someZone()),
			time.Date(1969, 12, 31, 23, 58, 30, 0, time.UTC), epoch.Add(59*time.Second + 999_999_999),
		} {
			s := signature(p, person(i))
			s.At = at
			c := comment(p, nil)
			c.At = at
			list = append(list, s, c)
		}
		must(t, b.Batch(list...)...)
		f := audit(t, db, p)
		if f.Minutes[-2] != 1 || f.Minutes[timespan.MinuteOf(epoch)-1] != 2 || f.Minutes[timespan.MinuteOf(epoch)] != 1 {
			t.Errorf("got minutes %v", f.Minutes)
		}
		if got := scan[database.Time](t, db, `SELECT MAX(created_at) FROM comments`); !got.Equal(epoch.Add(time.Minute - time.Microsecond)) {
			t.Errorf("the last comment is of %v", got)
		}
	})
}

// TestHoles leaves the hole that a withdrawn signature makes, and hides no wrong figure.
func TestHoles(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		t.Parallel()
		p := petition(t, db, open())
		b := newBook(t, db, ledger.Options{})
		must(t, b.Batch(signatures(p, 3)...)...)
		for _, change := range []string{
			`DELETE FROM signatures WHERE number = 3`,
			`UPDATE counters SET total = -5`,
		} {
			if _, err := db.Write.ExecContext(t.Context(), change); err != nil {
				t.Fatal(err)
			}
		}
		if got := must(t, b.Batch(signature(p, "ann"))...); got[0].Number != 4 {
			t.Errorf("got number %d, want 4: numbers are never given again", got[0].Number)
		}
		if got := scan[int](t, db, `SELECT total FROM counters`); got != -4 {
			t.Errorf("got a total of %d, want the wrong -5 and one more", got)
		}
		if _, err := db.Write.ExecContext(t.Context(), `UPDATE counters SET issued = 1`); err != nil {
			t.Fatal(err)
		}
		if got := b.Batch(signature(p, "bob")); !dbtest.IsUniqueViolation(got[0].Err) {
			t.Errorf("got %v for a number that is taken, want the unique key's refusal", got[0].Err)
		}
	})
}

// TestBigNumbers counts beyond 32 bits.
func TestBigNumbers(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		t.Parallel()
		p := petition(t, db, open())
		_, err := db.Write.ExecContext(t.Context(), `UPDATE counters SET total = $1, issued = $1, named = $1, threads = $1, comments = $1,
 comments_issued = $1, version = $1`, math.MaxInt32)
		if err != nil {
			t.Fatal(err)
		}
		b := newBook(t, db, ledger.Options{})
		got := must(t, b.Batch(signature(p, "ann"), comment(p, nil))...)
		if got[0].Number != math.MaxInt32+1 || got[1].Number != math.MaxInt32+1 {
			t.Errorf("got %+v, want numbers of 2^31", got)
		}
	})
}

// TestToldAfterCommit finds every change that is told in the database already, and in the order of versions.
func TestToldAfterCommit(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		t.Parallel()
		var list [5]uuid.UUID
		for i := range list {
			list[i] = petition(t, db, open())
		}
		b := running(t, db, ledger.Options{MaxBatch: 8, Observer: told(func(changes ...figures.Value) {
			for _, c := range changes {
				rows := scan[int](t, db, `SELECT COUNT(*) FROM signatures WHERE petition_id = $1`, c.Petition)
				if version := scan[int](t, db, `SELECT version FROM counters WHERE petition_id = $1`, c.Petition); version != c.Version || rows != c.Total {
					t.Errorf("told of %+v while %d rows of version %d are there", c, rows, version)
				}
			}
		})})
		together(16, func(i int) {
			for j := range 10 {
				if _, err := b.Sign(t.Context(), signature(list[(i+j)%len(list)], fmt.Sprint(i, j))); err != nil {
					t.Errorf("Sign: %v", err)
				}
			}
		})
		for _, p := range list {
			checkTold(t, db, p, b.told(p))
		}
	})
}
