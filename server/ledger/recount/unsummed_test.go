package recount_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"petitiond/server/database"
	"petitiond/server/database/dbtest"
	"petitiond/server/ledger/ledgertest"
	"petitiond/server/ledger/recount"
)

// TestRecountUnsummed finds what is wrong also where signatures are in no sum yet, and finds nothing where nothing is.
func TestRecountUnsummed(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := newBook(t, db, 0, recount.Options{})
		for name, tt := range map[string]struct {
			spoil string
			want  []string
		}{
			"Nothing":   {`SELECT $1`, nil},
			"Total":     {`UPDATE counters SET total = 9 WHERE petition_id = $1`, []string{"total"}},
			"SummedToo": {`INSERT INTO signature_days (petition_id, day, added) VALUES ($1, 0, 2)`, []string{"signed on 1970-01-01"}},
			"Withdrawn": {`DELETE FROM signatures WHERE petition_id = $1 AND number = 4`, []string{"named", "total", "trend in hundredths"}},
			"Invalid":   {`UPDATE signatures SET state = 'INVALIDATED' WHERE petition_id = $1 AND number = 4`, []string{"named", "total", "trend in hundredths"}},
			"NotNamed":  {`DELETE FROM unsummed WHERE petition_id = $1`, nil},
		} {
			t.Run(name, func(t *testing.T) {
				p, _ := discussed(t, b)
				ledgertest.Exec(t, db, tt.spoil, p)
				var got []string
				for _, d := range b.differences(t) {
					got = append(got, d.Figure)
				}
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Errorf("figures that differ (-want +got):\n%s", diff)
				}
				if again := b.differences(t); len(again) > 0 {
					t.Errorf("found again: %+v", again)
				}
				// Where something was to be mended nothing is left out of the sums, nor where no reader would find it.
				if got, want := ledgertest.Summed(t, db, p) == [3]int{}, name == "Nothing"; got != want {
					t.Errorf("all signatures are left out of the sums: %v, want %v", got, want)
				}
			})
		}
	})
}

// TestRecountRedatesUnsummed dates signatures anew that are in no sum yet.
func TestRecountRedatesUnsummed(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := newBook(t, db, 0, recount.Options{})
		p := ledgertest.Petition(t, db, ledgertest.Open())
		b.at(t, ledgertest.Epoch.Add(-time.Hour), ledgertest.Signature(p, "before"))
		b.at(t, ledgertest.Epoch.Add(36*time.Hour), ledgertest.Signature(p, "ahead"), ledgertest.Signature(p, "also"))
		if got := b.found(t, ledgertest.Epoch)["signatures dated ahead"]; got != [2]int{2, 0} {
			t.Errorf("found %v signatures ahead, want 2", got)
		}
		if diff := cmp.Diff([]time.Duration{-time.Hour, 0, 0}, times(t, db, signedAt, p, ledgertest.Epoch)); diff != "" {
			t.Errorf("signed at (-want +got):\n%s", diff)
		}
		if told := b.told(p); *told[len(told)-1].LastHour != 2 {
			t.Errorf("told of %d signatures in the last hour, want 2", *told[len(told)-1].LastHour)
		}
		ledgertest.Agree(t, db, p, 0.01)
	})
}
