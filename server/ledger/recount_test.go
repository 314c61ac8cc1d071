package ledger_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"petitiond/server/database"
	"petitiond/server/database/dbtest"
	"petitiond/server/ledger"
	"petitiond/server/timespan"
)

// discussed returns a petition with four signatures, of two countries and in three minutes of two days, a comment
// and a reply.
func discussed(t *testing.T, b *book) (p uuid.UUID, thread ledger.Comment) {
	t.Helper()
	p = petition(t, b.db, open())
	thread = comment(p, nil)
	reply := comment(p, &thread.ID)
	var list []any
	for i, at := range []time.Duration{-13 * time.Hour, -time.Microsecond, -time.Minute, 0} {
		s := signature(p, person(i))
		s.At, s.ShowName, s.Country = epoch.Add(at), i > 0, []string{"DE", "DE", "FR", ""}[i]
		list = append(list, s)
	}
	must(t, b.Batch(append(list, thread, reply)...)...)
	return p, thread
}

func exec(t testing.TB, db *database.DB, text string, args ...any) {
	t.Helper()
	if _, err := db.Write.ExecContext(t.Context(), text, args...); err != nil {
		t.Fatal(err)
	}
}

func recount(t testing.TB, b *book) []ledger.Difference {
	t.Helper()
	found, err := b.Recount(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestRecount spoils one figure after another: each is found, said, mended, and found no more.
func TestRecount(t *testing.T) {
	t.Parallel()
	type differences map[string][2]int
	minute := timespan.MinuteOf(epoch)
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
		b := newBook(t, db, ledger.Options{Now: func() time.Time { return epoch }, Unsummed: 1})
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				p, _ := discussed(t, b)
				before := len(b.told(p))
				exec(t, db, tt.spoil, p)
				got := differences(nil)
				for _, d := range recount(t, b) {
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
				if again := recount(t, b); len(again) > 0 {
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
		b := newBook(t, db, ledger.Options{})
		p, thread := discussed(t, b)
		exec(t, db, `UPDATE comments SET replies = 3 WHERE id = $1`, thread.ID)
		want := []ledger.Difference{{Petition: p, Figure: "replies to " + thread.ID.String(), Stored: 3, Counted: 1}}
		if diff := cmp.Diff(want, recount(t, b)); diff != "" {
			t.Errorf("differences (-want +got):\n%s", diff)
		}
		audit(t, db, p)
	})
}

// TestRecountOfMany goes through more petitions than one step holds, and finds the one that is wrong.
func TestRecountOfMany(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := newBook(t, db, ledger.Options{})
		var last uuid.UUID
		for range 230 {
			last = petition(t, db, open())
			must(t, b.Batch(signature(last, "ann"))...)
		}
		exec(t, db, `UPDATE counters SET total = 5 WHERE petition_id = $1`, last)
		if diff := cmp.Diff([]ledger.Difference{{Petition: last, Figure: "total", Stored: 5, Counted: 1}}, recount(t, b)); diff != "" {
			t.Errorf("differences (-want +got):\n%s", diff)
		}
	})
}

// TestRecountWhileSigning finds nothing while everything moves, and mends without losing what moves meanwhile.
func TestRecountWhileSigning(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := running(t, db, ledger.Options{MaxBatch: 16})
		list := []uuid.UUID{petition(t, db, open()), petition(t, db, open())}
		var signing sync.WaitGroup
		for caller := range 8 {
			signing.Go(func() {
				for i := range 60 {
					if _, err := b.Sign(t.Context(), signature(list[i%2], fmt.Sprint(caller, " ", i))); err != nil {
						t.Errorf("signing: %v", err)
					}
				}
			})
		}
		for range 10 {
			if found := recount(t, b); len(found) > 0 {
				t.Errorf("found %+v where nothing is wrong", found)
			}
		}
		exec(t, db, `UPDATE counters SET total = total - 7 WHERE petition_id = $1`, list[1])
		if found := recount(t, b); len(found) != 1 || found[0].Counted-found[0].Stored != 7 {
			t.Errorf("found %+v, want a total that is 7 short", found)
		}
		signing.Wait()
		for _, p := range list {
			if f := audit(t, db, p); f.Total != 240 {
				t.Errorf("%d signatures, want 240", f.Total)
			}
		}
	})
}

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
			if found := recount(t, b); len(found) > 0 {
				t.Errorf("after folding: %+v", found)
			}
			return sums[int64](t, db, `SELECT minute, added FROM signature_buckets WHERE span = 60 AND petition_id = $1`, p)
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
		if found := recount(t, b); len(found) != 1 || found[0].Figure != "signed in 2026-02-27 09h" {
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
			if found := recount(t, b); len(found) > 0 {
				t.Errorf("found %+v", found)
			}
		}
		signing.Wait()
		if found := recount(t, b); len(found) > 0 {
			t.Errorf("found %+v", found)
		}
	})
}
