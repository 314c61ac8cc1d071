package ledger_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"petitiond/server/database"
	"petitiond/server/database/dbtest"
	"petitiond/server/ledger"
	"petitiond/server/ledger/ledgertest"
	"petitiond/server/timespan"
)

// TestFold turns aged minutes into hours, at no moment of which a sum is wrong, and not more than that.
func TestFold(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		now := epoch
		b := newBook(t, db, ledger.Options{Now: func() time.Time { return now }, KeepMinutes: 48 * time.Hour, Unsummed: 1})
		p := petition(t, db, open())
		sign := func(ages ...time.Duration) {
			t.Helper()
			for _, age := range ages {
				s := signature(p, newID().String())
				s.At = epoch.Add(-age)
				must(t, b.Batch(s)...)
			}
		}
		fold := func() map[int64]int {
			t.Helper()
			if err := b.Fold(t.Context()); err != nil {
				t.Fatal(err)
			}
			if found := differences(t, b); len(found) > 0 {
				t.Errorf("after folding: %+v", found)
			}
			return ledgertest.Sums[int64](t, db, `SELECT minute, added FROM signature_buckets WHERE span = 60 AND petition_id = $1`, p)
		}
		sign(time.Hour, 47*time.Hour, 49*time.Hour-time.Minute, 49*time.Hour, 50*time.Hour+time.Minute, 50*time.Hour+2*time.Minute, 5000*time.Hour)
		hour := func(hours int64) int64 { return timespan.MinuteOf(epoch) - 60*hours }
		if diff := cmp.Diff(map[int64]int{hour(49): 2, hour(51): 2, hour(5000): 1}, fold()); diff != "" {
			t.Errorf("hours (-want +got):\n%s", diff)
		}
		if fine := scan[int](t, db, `SELECT COUNT(*) FROM signature_buckets WHERE span = 1`); fine != 2 {
			t.Errorf("%d minutes are left, want the two that are younger than 48 hours", fine)
		}
		sign(49 * time.Hour) // late
		now = now.Add(time.Hour)
		if diff := cmp.Diff(map[int64]int{hour(49): 3, hour(51): 2, hour(5000): 1}, fold()); diff != "" {
			t.Errorf("hours (-want +got):\n%s", diff)
		}
		now = now.Add(time.Hour)
		if diff := cmp.Diff(map[int64]int{hour(47): 1, hour(49): 3, hour(51): 2, hour(5000): 1}, fold()); diff != "" {
			t.Errorf("hours (-want +got):\n%s", diff)
		}
		exec(t, db, `UPDATE signature_buckets SET added = 9 WHERE span = 60 AND minute = $1`, hour(51))
		if found := differences(t, b); len(found) != 1 || found[0].Figure != "signed in 2026-02-27 09h" {
			t.Errorf("found %+v, want a wrong hour", found)
		}
		fold()
	})
}

// TestFoldWhileSigning folds again and again what is signed at the same time.
func TestFoldWhileSigning(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := running(t, db, ledger.Options{MaxBatch: 8})
		p := petition(t, db, open())
		var signing sync.WaitGroup
		for caller := range 4 {
			signing.Go(func() {
				for i := range 50 {
					s := signature(p, fmt.Sprint(caller, " ", i))
					s.At = database.Now().AddDate(0, 0, -8).Add(time.Duration(i) * 17 * time.Minute)
					if _, err := b.Sign(t.Context(), s); err != nil {
						t.Errorf("signing: %v", err)
					}
				}
			})
		}
		for range 10 {
			if err := b.Fold(t.Context()); err != nil {
				t.Error(err)
			}
			if found := differences(t, b); len(found) > 0 {
				t.Errorf("found %+v", found)
			}
		}
		signing.Wait()
		if found := differences(t, b); len(found) > 0 {
			t.Errorf("found %+v", found)
		}
	})
}
