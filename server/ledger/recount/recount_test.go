package recount_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"petitiond/server/database"
	"petitiond/server/database/dbtest"
	"petitiond/server/ledger/ledgertest"
	"petitiond/server/ledger/recount"
	"petitiond/server/timespan"
)

// TestRecount spoils one figure after another: each is found, said, mended, and found no more.
func TestRecount(t *testing.T) {
	t.Parallel()
	type differences map[string][2]int
	minute := timespan.MinuteOf(ledgertest.Epoch)
	tests := []struct {
		name, spoil string
		want        differences
		told        bool // does the version grow
	}{
		{"Nothing", `SELECT $1`, nil, false},
		{"Total", `UPDATE counters SET total = 9 WHERE petition_id = $1`, differences{"total": {9, 4}}, true},
		{"Negative", `UPDATE counters SET total = -2 WHERE petition_id = $1`, differences{"total": {-2, 4}}, true},
		{"Issued", `UPDATE counters SET issued = 3 WHERE petition_id = $1`, differences{"issued": {3, 4}}, false},
		{"IssuedMore", `UPDATE counters SET issued = 7 WHERE petition_id = $1`, nil, false},
		{
			"ManyFigures", `UPDATE counters SET named = 0, pending = 1, threads = 0, comments = 5, comments_issued = 1, trending = 17 WHERE petition_id = $1`,
			differences{"comments": {5, 2}, "comments issued": {1, 2}, "named": {0, 3}, "pending": {1, 0}, "threads": {0, 1}, "trend in hundredths": {1700, 900769}},
			false,
		},
		{
			"RowLost", `DELETE FROM signatures WHERE number = 2 AND petition_id = $1`,
			differences{
				"total": {4, 3}, "named": {3, 2}, `country "DE"`: {2, 1}, "signed in 2026-03-01 11:59": {2, 1}, "signed on 2026-03-01": {3, 2},
				"trend in hundredths": {900769, 900715},
			},
			true,
		},
		{
			"WrongMinute", fmt.Sprintf(`UPDATE signature_buckets SET minute = minute - 3 WHERE minute = %d AND petition_id = $1`, minute),
			differences{"signed in 2026-03-01 11:57": {1, 0}, "signed in 2026-03-01 12:00": {0, 1}},
			false,
		},
		{"WrongMinuteCount", fmt.Sprintf(`UPDATE signature_buckets SET added = 8 WHERE minute = %d AND petition_id = $1`, minute), differences{"signed in 2026-03-01 12:00": {8, 1}}, false},
		{"WrongDay", `UPDATE signature_days SET added = 5 WHERE added = 3 AND petition_id = $1`, differences{"signed on 2026-03-01": {5, 3}}, false},
		{
			"TakenBackTwice", fmt.Sprintf(`UPDATE signature_buckets SET removed = 1 WHERE minute = %d AND petition_id = $1`, minute),
			differences{"signed in all time": {3, 4}},
			false,
		},
		{
			"TakenBackTooOften", `UPDATE signature_days SET removed = 6 WHERE added = 3 AND petition_id = $1`,
			differences{"signed on all time": {-2, 4}},
			false,
		},
		{"Countries", `UPDATE signature_country_buckets SET added = added + 1, removed = 2 WHERE country = 'DE' AND petition_id = $1`, differences{`country "DE"`: {1, 2}}, false},
		{"CountryLost", `DELETE FROM signature_country_buckets WHERE country = '' AND petition_id = $1`, differences{`country ""`: {0, 1}}, false},
		{"CountryInvented", `INSERT INTO signature_country_buckets (petition_id, country, added) VALUES ($1, 'EE', 2)`, differences{`country "EE"`: {2, 0}}, false},
	}
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := newBook(t, db, 1, recount.Options{})
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				p, _ := discussed(t, b)
				before := len(b.told(p))
				ledgertest.Exec(t, db, tt.spoil, p)
				got := differences(nil)
				for _, d := range b.differences(t) {
					if d.Petition != p {
						t.Errorf("%+v is of another petition", d)
					}
					if got == nil {
						got = differences{}
					}
					got[d.Figure] = [2]int{d.Stored, d.Counted}
				}
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Errorf("differences (-want +got):\n%s", diff)
				}
				if again := b.differences(t); len(again) > 0 {
					t.Errorf("found %+v again", again)
				}
				told := b.told(p)[before:]
				if len(tt.want) > 0 && (len(told) != 1 || told[0].Version != map[bool]int{true: 2, false: 1}[tt.told]) {
					t.Errorf("told %+v, want one change, with a new version: %t", told, tt.told)
				}
			})
		}
	})
}

// TestRecountReplies mends how many replies a comment has.
func TestRecountReplies(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := newBook(t, db, 0, recount.Options{})
		p, thread := discussed(t, b)
		ledgertest.Exec(t, db, `UPDATE comments SET replies = 3 WHERE id = $1`, thread.ID)
		want := []recount.Difference{{Petition: p, Figure: "replies to " + thread.ID.String(), Stored: 3, Counted: 1}}
		if diff := cmp.Diff(want, b.differences(t)); diff != "" {
			t.Errorf("differences (-want +got):\n%s", diff)
		}
		ledgertest.Audit(t, db, p)
	})
}

// TestRecountOfMany goes through more petitions than one step holds, and finds the one that is wrong.
func TestRecountOfMany(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := newBook(t, db, 0, recount.Options{})
		var last uuid.UUID
		var list []any
		for range 230 {
			last = ledgertest.Petition(t, db, ledgertest.Open())
			list = append(list, ledgertest.Signature(last, "ann"))
		}
		b.write(t, list...)
		ledgertest.Exec(t, db, `UPDATE counters SET total = 5 WHERE petition_id = $1`, last)
		if diff := cmp.Diff([]recount.Difference{{Petition: last, Figure: "total", Stored: 5, Counted: 1}}, b.differences(t)); diff != "" {
			t.Errorf("differences (-want +got):\n%s", diff)
		}
	})
}

// TestRecountWhileSigning finds nothing while everything moves, and mends without losing what moves meanwhile.
func TestRecountWhileSigning(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := newBook(t, db, 0, recount.Options{})
		b.opt.MaxBatch = 16
		signer := b.ledger(t)
		defer run(t, signer)()
		list := []uuid.UUID{ledgertest.Petition(t, db, ledgertest.Open()), ledgertest.Petition(t, db, ledgertest.Open())}
		var signing sync.WaitGroup
		for caller := range 8 {
			signing.Go(func() {
				for i := range 60 {
					if _, err := signer.Sign(t.Context(), ledgertest.Signature(list[i%2], fmt.Sprint(caller, " ", i))); err != nil {
						t.Errorf("signing: %v", err)
					}
				}
			})
		}
		for range 10 {
			if found := b.differences(t); len(found) > 0 {
				t.Errorf("found %+v where nothing is wrong", found)
			}
		}
		ledgertest.Exec(t, db, `UPDATE counters SET total = total - 7 WHERE petition_id = $1`, list[1])
		if found := b.differences(t); len(found) != 1 || found[0].Counted-found[0].Stored != 7 {
			t.Errorf("found %+v, want a total that is 7 short", found)
		}
		signing.Wait()
		for _, p := range list {
			if f := ledgertest.Audit(t, db, p); f.Total != 240 {
				t.Errorf("%d signatures, want 240", f.Total)
			}
		}
	})
}

// TestRecountMendsTime finds an as_of of two days ahead where nobody signs any more, tells those who watch, and
// leaves alone what clocks may differ.
func TestRecountMendsTime(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := newBook(t, db, 0, recount.Options{})
		p, _ := discussed(t, b)
		for range 2 { // once found and once not found any more
			ledgertest.Exec(t, db, `UPDATE counters SET as_of = $2 WHERE petition_id = $1`, p, ledgertest.Epoch.Add(database.MaxSkew))
			if found := b.differences(t); len(found) > 0 {
				t.Errorf("found %+v where nothing is wrong", found)
			}
			ledgertest.Exec(t, db, `UPDATE counters SET as_of = $2 WHERE petition_id = $1`, p, ledgertest.Epoch.Add(48*time.Hour))
			want := []recount.Difference{{Petition: p, Figure: "as of, in seconds ahead", Stored: 2 * 24 * 3600}}
			if diff := cmp.Diff(want, b.differences(t)); diff != "" {
				t.Errorf("differences (-want +got):\n%s", diff)
			}
			if found := b.differences(t); len(found) > 0 {
				t.Errorf("found %+v again", found)
			}
		}
		told := b.told(p)
		if last := told[len(told)-1]; last.Version != 3 || !last.AsOf.Equal(ledgertest.Epoch) || last.Total != 4 {
			t.Errorf("told %+v at last, want version 3 as of %s", last, ledgertest.Epoch)
		}
	})
}

// TestRecountRestsByWork lets the clock jump while a recount works: it rests as long as its work has taken.
func TestRecountRestsByWork(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		now := ledgertest.Epoch
		b := newBook(t, db, 0, recount.Options{Now: func() time.Time {
			now = now.Add(48 * time.Hour)
			return now
		}})
		ledgertest.Petition(t, db, ledgertest.Open())
		err := b.RecountResting(t.Context(), func(worked time.Duration) {
			if worked > time.Hour {
				t.Errorf("one petition took %s", worked)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

// TestRecountAfterWithdrawals spoils figures of a petition of which some signatures wait and some were taken back.
func TestRecountAfterWithdrawals(t *testing.T) {
	t.Parallel()
	type differences map[string][2]int
	tests := map[string]struct {
		spoil string
		want  differences
	}{
		"Nothing": {`SELECT $1`, nil},
		"Pending": {`UPDATE counters SET pending = 0 WHERE petition_id = $1`, differences{"pending": {0, 2}}},
		"Counted": {
			`UPDATE counters SET total = total + 2, named = named + 2 WHERE petition_id = $1`,
			differences{"total": {6, 4}, "named": {5, 3}},
		},
		"WaitingLost": {`DELETE FROM signatures WHERE state = 'PENDING' AND petition_id = $1`, differences{"pending": {2, 0}}},
		"CountsUnnoticed": {
			`UPDATE signatures SET state = 'COUNTED', number = 9 WHERE state = 'PENDING' AND country = 'PT' AND petition_id = $1`,
			differences{
				"pending": {2, 1}, "total": {4, 5}, "issued": {5, 9}, "named": {3, 4}, `country "PT"`: {0, 1},
				"signed in all time": {4, 5}, "signed on all time": {4, 5}, "trend in hundredths": {900769, 900808},
			},
		},
		"RemovedTwice": {
			`UPDATE signature_country_buckets SET removed = removed + 1 WHERE country = 'EE' AND petition_id = $1`,
			differences{`country "EE"`: {-1, 0}},
		},
		"NotRemovedFromDays": {
			`UPDATE signature_days SET removed = 0 WHERE petition_id = $1`, differences{"signed on all time": {5, 4}},
		},
		"RemovedFromTheTrend": {`UPDATE counters SET trending = trending - 1 WHERE petition_id = $1`, differences{"trend in hundredths": {900669, 900769}}},
	}
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := newBook(t, db, 1, recount.Options{})
		for name, tt := range tests {
			t.Run(name, func(t *testing.T) {
				p, _ := discussed(t, b)
				gone, left, later := ledgertest.Signature(p, "gone"), ledgertest.Waiting(p, "left"), ledgertest.Waiting(p, "later")
				later.Country = "PT"
				b.write(t, gone, left, later)
				l := b.ledger(t)
				stop := run(t, l)
				if err := l.Withdraw(t.Context(), ledgertest.Withdrawal(gone)); err != nil {
					t.Fatal(err)
				}
				stop()
				ledgertest.Exec(t, db, tt.spoil, p)
				got := differences(nil)
				for _, d := range b.differences(t) {
					if got == nil {
						got = differences{}
					}
					got[d.Figure] = [2]int{d.Stored, d.Counted}
				}
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Errorf("differences (-want +got):\n%s", diff)
				}
				if again := b.differences(t); len(again) > 0 {
					t.Errorf("found %+v again", again)
				}
			})
		}
	})
}
