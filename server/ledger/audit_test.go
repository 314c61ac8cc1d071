package ledger_test

import (
	"context"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"

	"petitiond/server/database"
	"petitiond/server/figures"
)

// audited are all that is counted of a petition.
type audited struct {
	Total, Issued, Named, Threads, Comments, CommentsIssued int
	Trending                                                float64
	Minutes, Days                                           map[int64]int
	Countries                                               map[string]int
	Replies                                                 map[uuid.UUID]int
}

// audit compares what the counters of a petition say with its rows, and numbers with 1..n, and gives the
// figures. Nothing was withdrawn.
func audit(t testing.TB, db *database.DB, petition uuid.UUID) audited {
	t.Helper()
	return agree(t, db, petition, 1e-9)
}

// agree does the same where the trend may be off by so much.
func agree(t testing.TB, db *database.DB, petition uuid.UUID, off float64) audited {
	t.Helper()
	got, want := stored(t, db, petition), recounted(t, db, petition)
	if diff := cmp.Diff(want, got, cmpopts.EquateApprox(1e-9, off), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("figures (-recounted +stored):\n%s", diff)
	}
	return got
}

// stored returns the figures as they were written.
func stored(t testing.TB, db *database.DB, petition uuid.UUID) audited {
	t.Helper()
	f := audited{Replies: map[uuid.UUID]int{}}
	err := db.Read.QueryRowContext(context.Background(), `SELECT total, issued, named, threads, comments, comments_issued, trending
 FROM counters WHERE petition_id = $1`, petition).
		Scan(&f.Total, &f.Issued, &f.Named, &f.Threads, &f.Comments, &f.CommentsIssued, &f.Trending)
	if err != nil {
		t.Fatal(err)
	}
	f.Minutes = sums[int64](t, db, `SELECT minute, added - removed FROM signature_buckets WHERE petition_id = $1 AND span = 1`, petition)
	f.Days = sums[int64](t, db, `SELECT day, added - removed FROM signature_days WHERE petition_id = $1`, petition)
	f.Countries = sums[string](t, db, `SELECT country, added - removed FROM signature_country_buckets WHERE petition_id = $1`, petition)
	f.addUnsummed(t, db, petition)
	for id, n := range sums[uuid.UUID](t, db, `SELECT id, replies FROM comments WHERE petition_id = $1`, petition) {
		if n != 0 {
			f.Replies[id] = n
		}
	}
	return f
}

// addUnsummed adds the signatures that are in no sum yet. There are never many.
func (f *audited) addUnsummed(t testing.TB, db *database.DB, petition uuid.UUID) {
	t.Helper()
	left := 0
	for number := range sums[int](t, db, `SELECT s.number, 1 FROM unsummed AS u JOIN counters AS c ON c.petition_id = u.petition_id
 JOIN signatures AS s ON s.petition_id = u.petition_id AND s.number > c.unsummed_after AND s.number <= c.unsummed_to
 WHERE u.petition_id = $1 AND s.state = 'COUNTED'`, petition) {
		left++
		at := scan[database.Time](t, db, `SELECT signed_at FROM signatures WHERE petition_id = $1 AND number = $2`, petition, number)
		country := scan[string](t, db, `SELECT COALESCE(country, '') FROM signatures WHERE petition_id = $1 AND number = $2`, petition, number)
		f.Minutes[int64(math.Floor(at.Sub(time.Unix(0, 0)).Minutes()))]++
		f.Days[1440*int64(math.Floor(at.Sub(time.Unix(0, 0)).Hours()/24))]++
		f.Countries[country]++
	}
	marked := scan[int](t, db, `SELECT unsummed_to - unsummed_after FROM counters WHERE petition_id = $1`, petition)
	if left != marked || left >= 32 {
		t.Errorf("%d signatures are in no sum, the counter says %d, and there may be 31", left, marked)
	}
}

// recounted returns the same from the rows alone.
func recounted(t testing.TB, db *database.DB, petition uuid.UUID) audited {
	t.Helper()
	f := audited{
		Minutes: map[int64]int{}, Days: map[int64]int{}, Countries: map[string]int{}, Replies: map[uuid.UUID]int{},
		Named:   scan[int](t, db, `SELECT COUNT(*) FROM signatures WHERE petition_id = $1 AND show_name AND state = 'COUNTED'`, petition),
		Threads: scan[int](t, db, `SELECT COUNT(*) FROM comments WHERE petition_id = $1 AND parent_id IS NULL`, petition),
	}
	var times []time.Time
	rows, err := db.Read.QueryContext(context.Background(), `SELECT number, signed_at, COALESCE(country, '') FROM signatures
 WHERE petition_id = $1 AND state = 'COUNTED' ORDER BY number`, petition)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var number int
		var at time.Time
		var country string
		if err := rows.Scan(&number, &at, &country); err != nil {
			t.Fatal(err)
		}
		if f.Total++; number != f.Total {
			t.Fatalf("number %d stands at place %d", number, f.Total)
		}
		f.Minutes[int64(math.Floor(at.Sub(time.Unix(0, 0)).Minutes()))]++
		f.Days[1440*int64(math.Floor(at.Sub(time.Unix(0, 0)).Hours()/24))]++
		f.Countries[country]++
		times = append(times, at)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	f.Issued, f.Trending = f.Total, trendOf(times)
	f.Comments = len(sums[int](t, db, `SELECT number, 1 FROM comments WHERE petition_id = $1`, petition))
	f.CommentsIssued = scan[int](t, db, `SELECT COALESCE(MAX(number), 0) FROM comments WHERE petition_id = $1`, petition)
	f.Replies = sums[uuid.UUID](t, db, `SELECT parent_id, COUNT(*) FROM comments WHERE petition_id = $1 AND parent_id IS NOT NULL
 GROUP BY parent_id`, petition)
	return f
}

// sums reads rows of a key and a number.
func sums[K comparable](t testing.TB, db *database.DB, query string, args ...any) map[K]int {
	t.Helper()
	rows, err := db.Read.QueryContext(context.Background(), query, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	out := map[K]int{}
	for rows.Next() {
		var k K
		var n int
		if err := rows.Scan(&k, &n); err != nil {
			t.Fatal(err)
		}
		out[k] = n
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

// trendOf computes log2 Σ 2^((t−t0)/6 h) as the formula says, with the newest weight taken out.
func trendOf(times []time.Time) float64 {
	t0 := time.Date(2020, time.January, 1, 0, 0, 0, 0, time.UTC)
	if len(times) == 0 {
		return 0
	}
	high := math.Inf(-1)
	for _, t := range times {
		high = max(high, t.Sub(t0).Hours()/6)
	}
	sum := 0.0
	for _, t := range times {
		sum += math.Exp2(t.Sub(t0).Hours()/6 - high)
	}
	return high + math.Log2(sum)
}

// checkTold makes sure that a petition's changes were told in their order: no version left out or twice, no
// time and no total before the one told before, and the last one as it is stored.
func checkTold(t testing.TB, db *database.DB, petition uuid.UUID, told []figures.Value) {
	t.Helper()
	var last figures.Value
	comment := 0
	for _, c := range told {
		if c.Comment > 0 {
			if c.Comment <= comment {
				t.Fatalf("told of %+v after comment %d", c, comment)
			}
			comment = c.Comment
		}
		if c.Version == 0 { // comments alone
			continue
		}
		if c.Version != last.Version+1 || c.Total < last.Total || c.AsOf.Before(last.AsOf) {
			t.Fatalf("told of %+v after %+v", c, last)
		}
		last = c
	}
	if last.Version == 0 {
		return
	}
	got := scan[int](t, db, `SELECT total FROM counters WHERE petition_id = $1 AND version = $2`, petition, last.Version)
	at := scan[database.Time](t, db, `SELECT as_of FROM counters WHERE petition_id = $1`, petition)
	if got != last.Total || !at.Equal(last.AsOf) {
		t.Errorf("last told of %+v, stored are %d at %v", last, got, at)
	}
}
