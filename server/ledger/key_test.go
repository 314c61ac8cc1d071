package ledger_test

import (
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"petitiond/server/database"
	"petitiond/server/database/dbtest"
	"petitiond/server/idempotency"
	"petitiond/server/ledger"
)

// keyed returns the signature of an address with a key.
func keyed(petition uuid.UUID, address, id, input string) ledger.Signature {
	s := signature(petition, address)
	s.Key = key(id, input)
	return s
}

// TestKeys writes batches one after another and compares the answers, and how many rows there are at the end.
func TestKeys(t *testing.T) {
	t.Parallel()
	type batches [][]any
	tests := map[string]struct {
		write                func(p, other, closed uuid.UUID) batches
		want                 [][]string
		signatures, comments int
	}{
		"Again": {func(p, _, _ uuid.UUID) batches {
			return batches{{keyed(p, "ann", "k", "1")}, {keyed(p, "ann", "k", "1")}}
		}, [][]string{{"ok"}, {"ok"}}, 1, 0},
		"AgainInOneBatch": {func(p, _, _ uuid.UUID) batches {
			return batches{{keyed(p, "ann", "k", "1"), keyed(p, "ann", "k", "1"), keyed(p, "ann", "k", "1")}}
		}, [][]string{{"ok", "ok", "ok"}}, 1, 0},
		"OtherInput": {func(p, _, _ uuid.UUID) batches {
			return batches{{keyed(p, "ann", "k", "1")}, {keyed(p, "bob", "k", "2")}}
		}, [][]string{{"ok"}, {"KeyMismatch"}}, 1, 0},
		"OtherInputInOneBatch": {func(p, _, _ uuid.UUID) batches {
			return batches{{keyed(p, "ann", "k", "1"), keyed(p, "bob", "k", "2"), keyed(p, "ann", "k", "1")}}
		}, [][]string{{"ok", "KeyMismatch", "ok"}}, 1, 0},
		// the first of the second batch must not answer for the second of it
		"OtherInputBeforeTheSame": {func(p, _, _ uuid.UUID) batches {
			return batches{{keyed(p, "ann", "k", "1")}, {keyed(p, "bob", "k", "2"), keyed(p, "ann", "k", "1")}}
		}, [][]string{{"ok"}, {"KeyMismatch", "ok"}}, 1, 0},
		"OtherPetition": {func(p, other, _ uuid.UUID) batches {
			return batches{{keyed(p, "ann", "k", "1")}, {keyed(other, "ann", "k", "2")}}
		}, [][]string{{"ok"}, {"KeyMismatch"}}, 1, 0},
		"RefusedThenMended": {func(p, _, closed uuid.UUID) batches {
			return batches{{keyed(closed, "ann", "k", "1")}, {keyed(p, "ann", "k", "2")}}
		}, [][]string{{"Closed"}, {"ok"}}, 1, 0},
		// what is kept for the second must not be taken for an answer to it
		"RefusedThenMendedInOneBatch": {func(p, _, closed uuid.UUID) batches {
			return batches{{keyed(closed, "ann", "k", "1"), keyed(p, "ann", "k", "2")}}
		}, [][]string{{"Closed", "ok"}}, 1, 0},
		"MendedThenRefusedInOneBatch": {func(p, _, closed uuid.UUID) batches {
			return batches{{keyed(p, "ann", "k", "2"), keyed(closed, "ann", "k", "1")}}
		}, [][]string{{"ok", "KeyMismatch"}}, 1, 0},
		"Unknown": {func(p, _, _ uuid.UUID) batches {
			return batches{{keyed(newID(), "ann", "k", "1")}, {keyed(p, "ann", "k", "2")}}
		}, [][]string{{"NotFound"}, {"ok"}}, 1, 0},
		"RefusedTwice": {func(_, _, closed uuid.UUID) batches {
			return batches{{keyed(closed, "ann", "k", "1"), keyed(closed, "ann", "k", "1")}}
		}, [][]string{{"Closed", "Closed"}}, 0, 0},
		"RepeatedAddress": {func(p, _, _ uuid.UUID) batches {
			return batches{{signature(p, "ann")}, {keyed(p, "ann", "k", "1")}, {keyed(p, "ann", "k", "1"), keyed(p, "bob", "k", "2")}}
		}, [][]string{{"ok"}, {"ok"}, {"ok", "KeyMismatch"}}, 1, 0},
		"ManyKeys": {func(p, _, _ uuid.UUID) batches {
			return batches{
				{keyed(p, "ann", "z", "1"), keyed(p, "bob", "a", "1"), keyed(p, "cid", "m", "1")},
				{keyed(p, "bob", "a", "1"), keyed(p, "dan", "b", "1"), keyed(p, "ann", "z", "1")},
			}
		}, [][]string{{"ok", "ok", "ok"}, {"ok", "ok", "ok"}}, 4, 0},
		"Comments": {func(p, _, _ uuid.UUID) batches {
			c := comment(p, nil)
			c.Key = key("k", "1")
			again := comment(p, nil)
			again.Key = key("k", "1")
			return batches{{c, again}, {again, keyed(p, "ann", "k", "2")}}
		}, [][]string{{"ok", "ok"}, {"ok", "KeyMismatch"}}, 0, 1},
	}
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		t.Parallel()
		for name, test := range tests {
			t.Run(name, func(t *testing.T) {
				p, other, closed := petition(t, db, open()), petition(t, db, open()), petition(t, db, ledger.Terms{Goal: 1})
				b := newBook(t, db, ledger.Options{})
				var got [][]string
				for _, batch := range test.write(p, other, closed) {
					got = append(got, errs(b.Batch(scoped(name, batch)...)))
				}
				if diff := cmp.Diff(test.want, got); diff != "" {
					t.Errorf("answers (-want +got):\n%s", diff)
				}
				total := audit(t, db, p).Total + audit(t, db, other).Total + audit(t, db, closed).Total
				if comments := audit(t, db, p).Comments; total != test.signatures || comments != test.comments {
					t.Errorf("got %d signatures and %d comments, want %d and %d", total, comments, test.signatures, test.comments)
				}
			})
		}
	})
}

// scoped gives rows keys that no other test has.
func scoped(scope string, rows []any) []any {
	out := make([]any, len(rows))
	for i, row := range rows {
		switch r := row.(type) {
		case ledger.Signature:
			if r.Key != nil {
				r.Key = key(scope+r.Key.ID, string(r.Key.Input))
			}
			out[i] = r
		case ledger.Comment:
			r.Key = key(scope+r.Key.ID, string(r.Key.Input))
			out[i] = r
		}
	}
	return out
}

func TestKeyOfRefusedIsNotKept(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		t.Parallel()
		p := petition(t, db, ledger.Terms{Goal: 1})
		b := newBook(t, db, ledger.Options{})
		b.Batch(keyed(p, "ann", "closed", "1"), keyed(newID(), "ann", "unknown", "1"))
		if kept(t, db, "closed") || kept(t, db, "unknown") {
			t.Error("the key of a refused signature was kept")
		}
	})
}

// TestReplay answers as the first time, also where the petition has closed since or would take the row anew.
func TestReplay(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		t.Parallel()
		p := petition(t, db, open())
		b := newBook(t, db, ledger.Options{})
		said := comment(p, nil)
		said.Key = key("said", "1")
		first := must(t, b.Batch(keyed(p, "ann", "signed", "1"), said)...)
		want := []ledger.Answer{{Receipt: ledger.Receipt{Answer: p, Number: 1}}, {Receipt: ledger.Receipt{Answer: said.ID, Number: 1}}}
		if diff := cmp.Diff(want, first); diff != "" {
			t.Errorf("first answers (-want +got):\n%s", diff)
		}
		if _, _, err := amend(db, p, epoch, func(terms *ledger.Terms) { terms.Accepting = false }); err != nil {
			t.Fatal(err)
		}
		again := comment(p, nil)
		again.Key = said.Key
		got := b.Batch(keyed(p, "ann", "signed", "1"), again, keyed(p, "ann", "signed", "2"), keyed(p, "ann", "new", "1"))
		want = []ledger.Answer{
			{Receipt: ledger.Receipt{Answer: p}},
			{Receipt: ledger.Receipt{Answer: said.ID}}, // the first comment's id, and not that of the repetition
		}
		if diff := cmp.Diff(want, got[:2]); diff != "" {
			t.Errorf("repeated answers (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{"KeyMismatch", "Closed"}, errs(got[2:])); diff != "" {
			t.Errorf("refused (-want +got):\n%s", diff)
		}
		if f := audit(t, db, p); f.Total != 1 || f.Comments != 1 {
			t.Errorf("got %d signatures and %d comments, want one each", f.Total, f.Comments)
		}
	})
}

// TestKeyHundredTimes sends one key a hundred times at once, through one ledger and through two replicas.
func TestKeyHundredTimes(t *testing.T) {
	t.Parallel()
	for name, replicas := range map[string]int{"OneLedger": 1, "TwoLedgers": 2} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, dialect := range []database.Dialect{database.SQLite, database.Postgres} {
				t.Run(dialect.String(), func(t *testing.T) {
					t.Parallel()
					url := dbtest.URL(t, dialect)
					db := opened(t, database.Options{}, url)
					p := petition(t, db, open())
					books := []*book{running(t, db, ledger.Options{})}
					for range replicas - 1 {
						at := db // SQLite has one server, so the other ledger shares its pool
						if dialect == database.Postgres {
							at = opened(t, database.Options{}, url)
						}
						books = append(books, running(t, at, ledger.Options{}))
					}
					var first [100]ledger.Receipt
					var numbered atomic.Int64
					together(len(first), func(i int) {
						c := comment(p, nil)
						c.Key = key("said", "1")
						b := books[i%replicas]
						got, err := b.Sign(t.Context(), keyed(p, "ann", "signed", "1"))
						if err != nil || got.Answer != p {
							t.Errorf("Sign: %+v, %v", got, err)
						}
						numbered.Add(int64(got.Number))
						if first[i], err = b.Comment(t.Context(), c); err != nil {
							t.Errorf("Comment: %v", err)
						}
					})
					for _, r := range first {
						if r.Answer != first[0].Answer {
							t.Errorf("answered %v and %v", first[0].Answer, r.Answer)
						}
					}
					if f := audit(t, db, p); f.Total != 1 || f.Comments != 1 || numbered.Load() != 1 {
						t.Errorf("got %d signatures, %d comments and %d with number 1, want one each", f.Total, f.Comments, numbered.Load())
					}
				})
			}
		})
	}
}

// TestCrossedKeys keeps the same keys in opposite orders at once, with other petitions locked: none waits for one that
// waits for it, and each has to be run again at most once, when it finds the keys.
func TestCrossedKeys(t *testing.T) {
	t.Parallel()
	eachStaged(t, func(t *testing.T, db *database.DB, s *stage) {
		b := newBook(t, db, ledger.Options{Patience: time.Minute}) // the race detector makes it long
		const n, keys = 8, 100
		petitions := make([]uuid.UUID, n)
		for i := range petitions {
			petitions[i] = petition(t, db, open())
		}
		s.begins.Store(0)
		s.commits.Store(0)
		s.refused.Store(0)
		together(n, func(i int) {
			var list []any
			for j := range keys {
				list = append(list, keyed(petitions[i], person(j), person(j), person(i)))
			}
			if i%2 == 0 {
				slices.Reverse(list)
			}
			for _, a := range b.Batch(list...) {
				if name := errName(a.Err); name != "ok" && name != "KeyMismatch" {
					t.Errorf("got %v", a.Err)
				}
			}
		})
		if begun, committed := s.begins.Load(), s.commits.Load(); begun > 2*committed || s.refused.Load() > 0 {
			t.Errorf("%d transactions were begun and %d committed, %d statements were refused", begun, committed, s.refused.Load())
		}
		total := 0
		for _, p := range petitions {
			total += audit(t, db, p).Total
		}
		if total != keys {
			t.Errorf("got %d signatures, want one for each of the %d keys", total, keys)
		}
	})
}

// TestKeyStoredMeanwhile stores keys between the look for them and the rows that are written with them: these are
// written for the rest of the batch alone, and the keys are answered as whoever stored them was.
func TestKeyStoredMeanwhile(t *testing.T) {
	t.Parallel()
	db, s := staged(t, database.Postgres) // SQLite has one writer
	p, other := petition(t, db, open()), petition(t, db, open())
	b := newBook(t, db, ledger.Options{})
	must(t, b.Batch(signature(p, "old"))...) // the statements are prepared
	statements := 0
	s.play(script{statement: func() error {
		statements++
		if statements != 2 {
			return nil
		}
		return database.InTx(t.Context(), db.Write, func(tx *sql.Tx) error {
			for id, input := range map[string]string{"same": "1", "another": "2"} {
				r := idempotency.Record{Key: *key(id, input), Answer: other, At: epoch}
				if fresh, err := idempotency.Keep(t.Context(), tx, r); err != nil || !fresh {
					return fmt.Errorf("it was there: %w", err)
				}
			}
			return nil
		})
	}})
	got := b.Batch(keyed(p, "ann", "same", "1"), keyed(p, "bob", "another", "1"), keyed(p, "cid", "free", "1"), signature(p, "dan"))
	s.play(script{})
	want := []ledger.Answer{
		{Receipt: ledger.Receipt{Answer: other}},
		{Err: idempotency.ErrMismatch},
		{Receipt: ledger.Receipt{Answer: p, Number: 2}},
		{Receipt: ledger.Receipt{Answer: p, Number: 3}},
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b error) bool { return errors.Is(a, b) })); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
	if f := audit(t, db, p); f.Total != 3 {
		t.Errorf("got %d signatures, want 3", f.Total)
	}
	checkTold(t, db, p, b.told(p))
}

// TestLookBehindLock has a batch wait for the counter while another ledger signs: what it looked for before it had to
// wait is looked for again.
func TestLookBehindLock(t *testing.T) {
	t.Parallel()
	db, s := staged(t, database.Postgres)
	p := petition(t, db, open())
	first, second := newBook(t, db, ledger.Options{}), newBook(t, db, ledger.Options{})
	must(t, append(first.Batch(signature(p, "old")), second.Batch(signature(p, "older"))...)...)
	held, entered, release := hold()
	s.play(held)
	signed := make(chan []ledger.Answer, 1)
	go func() { signed <- first.Batch(keyed(p, "ann", "k", "1")) }()
	<-entered
	var got []ledger.Answer
	answered := make(chan struct{})
	s.refused.Store(0)
	awaitLock(t, db, func() {
		go func() {
			defer close(answered)
			got = second.Batch(signature(p, "ann"), keyed(p, "ann", "k", "1"), signature(p, "bob"))
		}()
	})
	release()
	<-answered
	must(t, <-signed...)
	var numbers []int
	for _, a := range must(t, got...) {
		numbers = append(numbers, a.Number)
	}
	if diff := cmp.Diff([]int{0, 0, 4}, numbers); diff != "" || s.refused.Load() > 0 {
		t.Errorf("%d statements were refused; numbers (-want +got):\n%s", s.refused.Load(), diff)
	}
	if told := second.told(p); *told[len(told)-1].LastHour != 4 {
		t.Errorf("told %+v, want four in the last hour", told[len(told)-1])
	}
	audit(t, db, p)
}
