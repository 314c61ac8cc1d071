package ledger_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"petitiond/server/database"
	"petitiond/server/database/dbtest"
	"petitiond/server/ledger"
)

// named reports whether the table of petitions with signatures in no sum names this one.
func named(t testing.TB, db *database.DB, petition uuid.UUID) bool {
	t.Helper()
	return scan[int](t, db, `SELECT COUNT(*) FROM unsummed WHERE petition_id = $1`, petition) == 1
}

func sumUp(t testing.TB, b *book) {
	t.Helper()
	if err := b.SumUp(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// TestUnsummed leaves signatures out of the sums until there are enough of them, one by one and in batches. At each
// moment what is left and what is summed are all that there are.
func TestUnsummed(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		batches []int
		summed  []int // after each of them
	}{
		"OneByOne":    {[]int{1, 1, 1, 1, 1, 1}, []int{0, 0, 0, 4, 4, 4}},
		"Small":       {[]int{2, 1, 2, 2, 2}, []int{0, 0, 5, 5, 9}},
		"Crowd":       {[]int{4, 9, 5}, []int{4, 13, 18}},
		"CrowdComes":  {[]int{3, 9, 4, 1}, []int{0, 12, 16, 16}},
		"CrowdLeaves": {[]int{9, 1, 2, 1}, []int{9, 9, 9, 13}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dbtest.Each(t, func(t *testing.T, db *database.DB) {
				b, p := newBook(t, db, ledger.Options{Unsummed: 4}), petition(t, db, open())
				all := 0
				for i, n := range tt.batches {
					all += n
					must(t, b.Batch(signatures(p, n)...)...)
					if got, want := summed(t, db, p), tt.summed[i]; got != [3]int{want, want, want} {
						t.Errorf("after batch %d the sums hold %v, want %d", i, got, want)
					}
					if got, want := named(t, db, p), tt.summed[i] < all; got != want {
						t.Errorf("after batch %d the petition is named: %v, want %v", i, got, want)
					}
					if f := audit(t, db, p); f.Total != all {
						t.Errorf("after batch %d there are %d signatures, want %d", i, f.Total, all)
					}
				}
				for range 2 { // the second time there is nothing left
					sumUp(t, b)
					if got := summed(t, db, p); got != [3]int{all, all, all} || named(t, db, p) {
						t.Errorf("summed up the sums hold %v, want %d, and the petition is named: %v", got, all, named(t, db, p))
					}
					audit(t, db, p)
				}
			})
		})
	}
}

// TestSumUpManyPetitions sums up more petitions than one transaction does, and signatures of any time and country.
func TestSumUpManyPetitions(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := newBook(t, db, ledger.Options{})
		var list []uuid.UUID
		for i := range 230 {
			p := petition(t, db, open())
			list = append(list, p)
			for j := range i % 3 {
				s := signature(p, person(j))
				s.At, s.Country = epoch.Add(-time.Duration(i*j)*37*time.Minute), []string{"", "EE"}[j]
				must(t, b.Batch(s)...)
			}
		}
		sumUp(t, b)
		for i, p := range list {
			if got, want := summed(t, db, p), i%3; got != [3]int{want, want, want} {
				t.Fatalf("petition %d: the sums hold %v, want %d", i, got, want)
			}
			audit(t, db, p)
		}
		if n := scan[int](t, db, `SELECT COUNT(*) FROM unsummed`); n != 0 {
			t.Errorf("%d petitions are named still", n)
		}
	})
}

// TestSumUpWhileSigning sums up again and again what two replicas sign at the same time, while a third one recounts.
func TestSumUpWhileSigning(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		books := []*book{running(t, db, ledger.Options{Unsummed: 5}), running(t, db, ledger.Options{Unsummed: 7, MaxBatch: 3})}
		var list [6]uuid.UUID
		for i := range list {
			list[i] = petition(t, db, open())
		}
		var signing sync.WaitGroup
		for caller := range 6 {
			signing.Go(func() {
				for i := range 40 {
					if _, err := books[caller%2].Sign(t.Context(), signature(list[(caller+i)%len(list)], fmt.Sprint(caller, " ", i))); err != nil {
						t.Errorf("signing: %v", err)
					}
				}
			})
		}
		done := make(chan struct{})
		go func() { signing.Wait(); close(done) }()
		for running := true; running; {
			select {
			case <-done:
				running = false
			default:
			}
			for _, b := range books {
				sumUp(t, b)
			}
			if found := differences(t, books[0]); len(found) > 0 {
				t.Fatalf("found %+v", found)
			}
		}
		sumUp(t, books[0])
		for _, p := range list {
			if got := summed(t, db, p); got != [3]int{40, 40, 40} {
				t.Errorf("the sums hold %v, want 40", got)
			}
			audit(t, db, p)
		}
	})
}

// TestUnsummedBesideAnEarlierVersion has a program that knows of none sign, too: it gives the next number and sums it
// at once.
func TestUnsummedBesideAnEarlierVersion(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		p := petition(t, db, open())
		now := database.Now() // what the earlier program did besides is taken back from the one minute that there is
		at := func() time.Time { return now }
		b, earlier := newBook(t, db, ledger.Options{Now: at}), func() {
			t.Helper()
			left := [2]int{
				scan[int](t, db, `SELECT unsummed_after FROM counters WHERE petition_id = $1`, p),
				scan[int](t, db, `SELECT unsummed_to FROM counters WHERE petition_id = $1`, p),
			}
			before := summed(t, db, p)[0]
			must(t, newBook(t, db, ledger.Options{Unsummed: 1, Now: at}).Batch(signature(p, newID().String()))...)
			n := summed(t, db, p)[0] - before - 1
			exec(t, db, `UPDATE signature_buckets SET added = added - $2 WHERE petition_id = $1`, p, n)
			exec(t, db, `UPDATE signature_days SET added = added - $2 WHERE petition_id = $1`, p, n)
			exec(t, db, `UPDATE signature_country_buckets SET added = added - $2 WHERE petition_id = $1`, p, n)
			exec(t, db, `UPDATE counters SET unsummed_after = $2, unsummed_to = $3 WHERE petition_id = $1`, p, left[0], left[1])
			if n > 0 {
				exec(t, db, `INSERT INTO unsummed (petition_id) VALUES ($1)`, p)
			}
		}
		for _, step := range []func(){
			earlier, func() { must(t, b.Batch(signatures(p, 2)...)...) }, earlier, earlier,
			func() { must(t, b.Batch(signatures(p, 3)...)...) }, func() { must(t, b.Batch(signatures(p, 1)...)...) }, earlier,
			func() { sumUp(t, b) }, earlier,
		} {
			step()
			audit(t, db, p)
			if found := differences(t, b); len(found) > 0 {
				t.Errorf("found %+v", found)
			}
		}
	})
}
