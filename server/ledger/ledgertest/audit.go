package ledgertest

import (
	"context"
	"maps"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"

	"petitiond/server/database"
)

// Audited is all that is counted of a petition.
type Audited struct {
	Total, Issued, Pending, Named, Threads, Comments, CommentsIssued int
	Removed                                                          int // signatures that were taken back, by each of the sums
	Trending                                                         float64
	Minutes, Days                                                    map[int64]int
	Countries                                                        map[string]int
	Replies                                                          map[uuid.UUID]int
}

// Audit compares what the counters of a petition say with its rows, and numbers with those that were given, and returns
// the figures. It counts by statements of its own. Where signatures were taken back, numbers may have holes, and it is
// unknown where in the sums the rows were that have gone: there only all of them are compared.
func Audit(t testing.TB, db *database.DB, petition uuid.UUID) Audited {
	t.Helper()
	return Agree(t, db, petition, 1e-9)
}

// Agree does the same where the trend may be off by so much.
func Agree(t testing.TB, db *database.DB, petition uuid.UUID, off float64) Audited {
	t.Helper()
	got, want := stored(t, db, petition), recounted(t, db, petition)
	compared := got
	if got.Removed > 0 {
		want.Issued = max(want.Issued, got.Issued)
		compared.Minutes, compared.Days = map[int64]int{0: sumOf(got.Minutes)}, map[int64]int{0: sumOf(got.Days)}
		want.Minutes, want.Days = map[int64]int{0: want.Total}, map[int64]int{0: want.Total}
		want.Removed = got.Issued - want.Total
		maps.DeleteFunc(compared.Countries, func(_ string, n int) bool { return n == 0 })
	} else if want.Issued != want.Total {
		t.Errorf("the last number is %d of %d, though nothing was taken back", want.Issued, want.Total)
	}
	if diff := cmp.Diff(want, compared, cmpopts.EquateApprox(1e-9, off), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("figures (-recounted +stored):\n%s", diff)
	}
	return got
}

func sumOf(m map[int64]int) (sum int) {
	for _, n := range m {
		sum += n
	}
	return sum
}

// stored returns the figures as they were written.
func stored(t testing.TB, db *database.DB, petition uuid.UUID) Audited {
	t.Helper()
	f := Audited{Replies: map[uuid.UUID]int{}}
	err := db.Read.QueryRowContext(context.Background(), `SELECT total, issued, pending, named, threads, comments, comments_issued, trending
 FROM counters WHERE petition_id = $1`, petition).
		Scan(&f.Total, &f.Issued, &f.Pending, &f.Named, &f.Threads, &f.Comments, &f.CommentsIssued, &f.Trending)
	if err != nil {
		t.Fatal(err)
	}
	f.Minutes = Sums[int64](t, db, `SELECT minute, added - removed FROM signature_buckets WHERE petition_id = $1 AND span = 1`, petition)
	f.Days = Sums[int64](t, db, `SELECT day, added - removed FROM signature_days WHERE petition_id = $1`, petition)
	f.Countries = Sums[string](t, db, `SELECT country, added - removed FROM signature_country_buckets WHERE petition_id = $1`, petition)
	removed := sums(t, db, `removed`, petition)
	if f.Removed = removed[0]; removed != [3]int{f.Removed, f.Removed, f.Removed} {
		t.Errorf("minutes, days and countries have %v that were taken back", removed)
	}
	f.addUnsummed(t, db, petition)
	for id, n := range Sums[uuid.UUID](t, db, `SELECT id, replies FROM comments WHERE petition_id = $1`, petition) {
		if n != 0 {
			f.Replies[id] = n
		}
	}
	return f
}

// addUnsummed adds the signatures that are in no sum yet. There are never many.
func (f *Audited) addUnsummed(t testing.TB, db *database.DB, petition uuid.UUID) {
	t.Helper()
	left := 0
	for number := range Sums[int](t, db, `SELECT s.number, 1 FROM unsummed AS u JOIN counters AS c ON c.petition_id = u.petition_id
 JOIN signatures AS s ON s.petition_id = u.petition_id AND s.number > c.unsummed_after AND s.number <= c.unsummed_to
 WHERE u.petition_id = $1 AND s.state = 'COUNTED'`, petition) {
		left++
		at := Scan[database.Time](t, db, `SELECT signed_at FROM signatures WHERE petition_id = $1 AND number = $2`, petition, number)
		country := Scan[string](t, db, `SELECT COALESCE(country, '') FROM signatures WHERE petition_id = $1 AND number = $2`, petition, number)
		f.Minutes[int64(math.Floor(at.Sub(time.Unix(0, 0)).Minutes()))]++
		f.Days[1440*int64(math.Floor(at.Sub(time.Unix(0, 0)).Hours()/24))]++
		f.Countries[country]++
	}
	marked := Scan[int](t, db, `SELECT unsummed_to - unsummed_after FROM counters WHERE petition_id = $1`, petition)
	if left != marked || left >= 32 {
		t.Errorf("%d signatures are in no sum, the counter says %d, and there may be 31", left, marked)
	}
}

// recounted returns the same from the rows alone.
func recounted(t testing.TB, db *database.DB, petition uuid.UUID) Audited {
	t.Helper()
	f := Audited{
		Minutes: map[int64]int{}, Days: map[int64]int{}, Countries: map[string]int{}, Replies: map[uuid.UUID]int{},
		Named:   Scan[int](t, db, `SELECT COUNT(*) FROM signatures WHERE petition_id = $1 AND show_name AND state = 'COUNTED'`, petition),
		Pending: Scan[int](t, db, `SELECT COUNT(*) FROM signatures WHERE petition_id = $1 AND state = 'PENDING' AND number IS NULL`, petition),
		Threads: Scan[int](t, db, `SELECT COUNT(*) FROM comments WHERE petition_id = $1 AND parent_id IS NULL`, petition),
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
		if f.Total++; number <= f.Issued {
			t.Fatalf("number %d follows number %d", number, f.Issued)
		}
		f.Issued = number
		f.Minutes[int64(math.Floor(at.Sub(time.Unix(0, 0)).Minutes()))]++
		f.Days[1440*int64(math.Floor(at.Sub(time.Unix(0, 0)).Hours()/24))]++
		f.Countries[country]++
		times = append(times, at)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	f.Trending = TrendOf(times)
	f.Comments = len(Sums[int](t, db, `SELECT number, 1 FROM comments WHERE petition_id = $1`, petition))
	f.CommentsIssued = Scan[int](t, db, `SELECT COALESCE(MAX(number), 0) FROM comments WHERE petition_id = $1`, petition)
	f.Replies = Sums[uuid.UUID](t, db, `SELECT parent_id, COUNT(*) FROM comments WHERE petition_id = $1 AND parent_id IS NOT NULL
 GROUP BY parent_id`, petition)
	return f
}

// Sums reads rows of a key and a number.
func Sums[K comparable](t testing.TB, db *database.DB, query string, args ...any) map[K]int {
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

// TrendOf computes log2 Σ 2^((t−t0)/6 h) as the formula says, with the newest weight taken out.
func TrendOf(times []time.Time) float64 {
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

// Summed returns how many signatures of a petition the tables of sums hold: by minutes, days and countries.
func Summed(t testing.TB, db *database.DB, petition uuid.UUID) [3]int {
	t.Helper()
	return sums(t, db, `added - removed`, petition)
}

func sums(t testing.TB, db *database.DB, what string, petition uuid.UUID) (out [3]int) {
	t.Helper()
	for i, table := range []string{"signature_buckets", "signature_days", "signature_country_buckets"} {
		out[i] = Scan[int](t, db, `SELECT COALESCE(SUM(`+what+`), 0) FROM `+table+` WHERE petition_id = $1`, petition)
	}
	return out
}
