package ledger_test

import (
	"bytes"
	"log/slog"
	"maps"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"petitiond/server/database"
	"petitiond/server/database/dbtest"
	"petitiond/server/ledger"
	"petitiond/server/timespan"
)

// atWill is a book whose clock is set by hand.
type atWill struct {
	*book
	clock atomic.Pointer[time.Time]
}

func newAtWill(t *testing.T, db *database.DB) *atWill {
	t.Helper()
	b := &atWill{}
	b.book = newBook(t, db, ledger.Options{Now: func() time.Time { return *b.clock.Load() }, Unsummed: 1})
	return b
}

// at writes signatures and comments at a time.
func (b *atWill) at(t *testing.T, now time.Time, list ...any) {
	t.Helper()
	b.clock.Store(&now)
	must(t, b.Batch(list...)...)
}

// found recounts twice at a time and returns what the first recount found. The second must find nothing.
func (b *atWill) found(t *testing.T, now time.Time) map[string][2]int {
	t.Helper()
	b.clock.Store(&now)
	out := map[string][2]int{}
	for _, d := range recount(t, b.book) {
		out[d.Figure] = [2]int{d.Stored, d.Counted}
	}
	if again := recount(t, b.book); len(again) > 0 {
		t.Errorf("found %+v again", again)
	}
	return out
}

// times returns the times of rows in the order of their numbers, from a time on. Those without a number come first.
func times(t *testing.T, db *database.DB, query string, petition uuid.UUID, from time.Time) (out []time.Duration) {
	t.Helper()
	rows, err := db.Read.QueryContext(t.Context(), query+` WHERE petition_id = $1 ORDER BY COALESCE(number, 0)`, petition)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var at database.Time
		if err := rows.Scan(&at); err != nil {
			t.Fatal(err)
		}
		out = append(out, at.Sub(from))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

const (
	signedAt  = `SELECT signed_at FROM signatures`
	createdAt = `SELECT created_at FROM comments`
)

// TestRecountRedates has a clock that was ahead date signatures and comments: a recount gives them the present time,
// and their sums with them, also shortly before a minute or a day ends. What is ahead as little as clocks may differ
// stays.
func TestRecountRedates(t *testing.T) {
	t.Parallel()
	midnight := epoch.Truncate(24 * time.Hour)
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := newAtWill(t, db)
		for name, when := range map[string]struct {
			now  time.Time
			late time.Duration // what is dated anew lies so far ahead
		}{
			"Noon": {epoch, 0}, "WithinAMinute": {epoch.Add(31 * time.Second), 0}, "BeforeTheMinute": {epoch.Add(-3 * time.Second), 3 * time.Second},
			"BeforeMidnight": {midnight.Add(-time.Second), time.Second}, "AfterMidnight": {midnight, 0},
		} {
			for _, off := range []time.Duration{database.MaxSkew + time.Microsecond, 40 * time.Second, 20 * time.Minute, 36 * time.Hour, 9000 * time.Hour} {
				t.Run(name+off.String(), func(t *testing.T) {
					p := petition(t, db, open())
					thread := comment(p, nil)
					b.at(t, when.now.Add(-time.Hour), signature(p, "before"), thread)
					b.at(t, when.now.Add(database.MaxSkew), signature(p, "a little ahead"), comment(p, nil))
					b.at(t, when.now.Add(off), signature(p, "ahead"), signature(p, "also"), comment(p, &thread.ID))
					exec(t, db, `INSERT INTO signatures (id, petition_id, state, show_name, signed_at) VALUES ($1, $2, 'PENDING', TRUE, $3)`,
						newID(), p, when.now.Add(off))
					exec(t, db, `UPDATE counters SET pending = 1 WHERE petition_id = $1`, p)
					got := b.found(t, when.now)
					for figure, want := range map[string][2]int{
						"signatures dated ahead": {3, 0}, "comments dated ahead": {1, 0}, "as of, in seconds ahead": {int(off.Seconds()), 0},
					} {
						if got[figure] != want {
							t.Errorf("%s: found %v, want %v", figure, got[figure], want)
						}
					}
					late := when.late
					if diff := cmp.Diff([]time.Duration{late, -time.Hour, database.MaxSkew, late, late}, times(t, db, signedAt, p, when.now)); diff != "" {
						t.Errorf("signed at (-want +got):\n%s", diff)
					}
					if diff := cmp.Diff([]time.Duration{-time.Hour, database.MaxSkew, late}, times(t, db, createdAt, p, when.now)); diff != "" {
						t.Errorf("created at (-want +got):\n%s", diff)
					}
					agree(t, db, p, 0.01) // a mended trend takes each signature as of the middle of its minute
				})
			}
		}
	})
}

// sumsOf returns what the buckets of a petition say: added and taken back, by span and first minute.
func sumsOf(t *testing.T, db *database.DB, petition uuid.UUID) map[[2]int64][2]int {
	t.Helper()
	rows, err := db.Read.QueryContext(t.Context(), `SELECT span, minute, added, removed FROM signature_buckets WHERE petition_id = $1
 UNION ALL SELECT 1440, day, added, removed FROM signature_days WHERE petition_id = $1`, petition)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	out := map[[2]int64][2]int{}
	for rows.Next() {
		var bucket [2]int64
		var sum [2]int
		if err := rows.Scan(&bucket[0], &bucket[1], &sum[0], &sum[1]); err != nil {
			t.Fatal(err)
		}
		out[bucket] = sum
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

// takeBack takes the signature of a number back, in the minute and on the day that are given.
func takeBack(t *testing.T, db *database.DB, petition uuid.UUID, number int, minute, day int64) {
	t.Helper()
	exec(t, db, `DELETE FROM signatures WHERE petition_id = $1 AND number = $2`, petition, number)
	exec(t, db, `UPDATE counters SET total = total - 1, named = named - 1 WHERE petition_id = $1`, petition)
	exec(t, db, `UPDATE signature_buckets SET removed = 1 WHERE petition_id = $1 AND minute = $2`, petition, minute)
	exec(t, db, `UPDATE signature_days SET removed = 1 WHERE petition_id = $1 AND day = $2`, petition, day)
	exec(t, db, `UPDATE signature_country_buckets SET removed = 1 WHERE petition_id = $1`, petition)
}

// TestRecountRedatesTakenBack does the same where signatures were taken back, so that sums alone can be compared, and
// where the numbers of signatures lie far apart.
func TestRecountRedatesTakenBack(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b, p := newAtWill(t, db), petition(t, db, open())
		minute, day := timespan.MinuteOf(epoch), timespan.MinuteOf(epoch.Truncate(24*time.Hour))
		b.at(t, epoch.Add(-time.Hour), signature(p, "before"))
		b.at(t, epoch.Add(36*time.Hour), signature(p, "ahead"), signature(p, "taken back"))
		b.at(t, epoch.Add(72*time.Hour), signature(p, "later"))
		takeBack(t, db, p, 3, minute+36*60, day+2*1440)
		exec(t, db, `UPDATE signatures SET number = 45000 WHERE petition_id = $1 AND number = 4`, p)
		exec(t, db, `UPDATE counters SET issued = 45000 WHERE petition_id = $1`, p)
		trend := hundredths(t, db, p)
		want := map[string][2]int{
			"signatures dated ahead": {2, 0}, "minutes that lie ahead": {2, 0}, "days that lie ahead": {2, 0},
			"as of, in seconds ahead": {72 * 3600, 0},
		}
		got := b.found(t, epoch)
		want["trend in hundredths"] = [2]int{trend, hundredths(t, db, p)}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("differences (-want +got):\n%s", diff)
		}
		sums := map[[2]int64][2]int{{1, minute - 60}: {1, 0}, {1, minute}: {3, 1}, {1440, day}: {4, 1}}
		if diff := cmp.Diff(sums, sumsOf(t, db, p)); diff != "" {
			t.Errorf("buckets (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]time.Duration{-time.Hour, 0, 0}, times(t, db, signedAt, p, epoch)); diff != "" {
			t.Errorf("signed at (-want +got):\n%s", diff)
		}
		if told := b.told(p); *told[len(told)-1].LastHour != 2 {
			t.Errorf("told of %d signatures in the last hour, want 2", *told[len(told)-1].LastHour)
		}
	})
}

func hundredths(t *testing.T, db *database.DB, petition uuid.UUID) int {
	t.Helper()
	return scan[int](t, db, `SELECT CAST(ROUND(100 * trending) AS integer) FROM counters WHERE petition_id = $1`, petition)
}

// TestRecountRedatesHours does the same where minutes were folded: an hour that has begun does not lie ahead, one that
// has not does.
func TestRecountRedatesHours(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := newAtWill(t, db)
		now, minute, day := epoch.Add(10*time.Minute), timespan.MinuteOf(epoch), timespan.MinuteOf(epoch.Truncate(24*time.Hour))
		fold := func(p uuid.UUID, hour int64) {
			exec(t, db, `UPDATE signature_buckets SET span = 60, minute = $2 WHERE petition_id = $1`, p, hour)
		}
		this, later := petition(t, db, open()), petition(t, db, open())
		b.at(t, now.Add(20*time.Minute), signature(this, "ann"), signature(this, "bob"))
		fold(this, minute)
		b.at(t, now.Add(5*time.Hour), signature(later, "ann"), signature(later, "bob"))
		fold(later, minute+5*60)
		if got := b.found(t, now)["minutes that lie ahead"]; got != [2]int{1, 0} {
			t.Errorf("minutes that lie ahead: found %v, want the later hour", got)
		}
		for p, want := range map[uuid.UUID][2]int64{this: {1, minute + 10}, later: {1, minute + 10}} {
			if diff := cmp.Diff(map[[2]int64][2]int{want: {2, 0}, {1440, day}: {2, 0}}, sumsOf(t, db, p)); diff != "" {
				t.Errorf("buckets (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff([]time.Duration{0, 0}, times(t, db, signedAt, p, now)); diff != "" {
				t.Errorf("signed at (-want +got):\n%s", diff)
			}
		}
	})
}

// TestKeepRedatesByTwoClocks has Keep find what lies ahead. Where two clocks agree it dates it anew; by one clock
// alone, which may be behind, it changes nothing, says so once, and leaves it to those who know that the clock is
// right.
func TestKeepRedatesByTwoClocks(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		var log bytes.Buffer
		now := epoch.Add(48 * time.Hour)
		b := newBook(t, db, ledger.Options{
			Now: func() time.Time { return now }, Logger: slog.New(slog.NewTextHandler(&log, nil)),
		})
		for range 2 {
			p := petition(t, db, open())
			must(t, b.Batch(signature(p, "ann"), signature(p, "bob"), comment(p, nil))...)
		}
		p := petition(t, db, open())
		must(t, b.Batch(signature(p, "ann"), comment(p, nil))...)
		before := sumsOf(t, db, p)
		now = epoch
		exec(t, db, `UPDATE counters SET as_of = $1`, epoch)
		if err := b.RecountOnce(t.Context()); err != nil {
			t.Fatal(err)
		}
		warned := strings.Count(log.String(), "dates lie ahead: see to the clock of this machine, then run `petitiond recount`")
		found := func() int { return strings.Count(log.String(), "a figure was wrong") }
		signed, commented := times(t, db, signedAt, p, epoch)[0], times(t, db, createdAt, p, epoch)[0]
		if db.Clock.Confirmed() {
			if warned != 0 || found() == 0 || signed != 0 || commented != 0 {
				t.Errorf("by two clocks: warned %d times, found %d, signed %s ahead, commented %s ahead", warned, found(), signed, commented)
			}
			return
		}
		if warned != 1 || found() > 0 || signed != 48*time.Hour || commented != 48*time.Hour {
			t.Errorf("by one clock: warned %d times, found %d, signed %s ahead, commented %s ahead\n%s", warned, found(), signed, commented, &log)
		}
		if diff := cmp.Diff(before, sumsOf(t, db, p)); diff != "" {
			t.Errorf("buckets (-before +after):\n%s", diff)
		}
		exec(t, db, `UPDATE counters SET total = 9, as_of = $1`, epoch.Add(48*time.Hour))
		if err := b.RecountOnce(t.Context()); err != nil || found() != 6 {
			t.Errorf("found %d and %v, want the total and the time of three counters\n%s", found(), err, &log)
		}
		recount(t, b)
		if got := times(t, db, signedAt, p, epoch)[0]; got != 0 {
			t.Errorf("asked for, a recount leaves a signature %s ahead", got)
		}
	})
}

// TestRecountUnfolds has a clock that is ahead fold minutes of today into hours: a recount makes minutes of them, so
// that the last hour and the last day are whole. An hour that is old enough stays, and so does all where something was
// taken back.
func TestRecountUnfolds(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b, p, other := newAtWill(t, db), petition(t, db, open()), petition(t, db, open())
		minute, old := timespan.MinuteOf(epoch), int64(8*24*60)
		at := func(p uuid.UUID, ago int64, key string) {
			s := signature(p, key)
			s.At = epoch.Add(-time.Duration(ago) * time.Minute)
			b.at(t, epoch, s)
		}
		at(p, 30, "ann")
		at(p, 31, "bob")
		at(p, 90, "cleo")
		at(p, old, "dan")
		at(other, 30, "ann")
		at(other, 31, "bob")
		exec(t, db, `UPDATE signature_buckets SET removed = 1 WHERE petition_id = $1 AND minute = $2`, other, minute-30)
		exec(t, db, `UPDATE signature_days SET removed = 1 WHERE petition_id = $1`, other)
		exec(t, db, `UPDATE counters SET total = 1, named = 1 WHERE petition_id = $1`, other)
		exec(t, db, `UPDATE signature_country_buckets SET removed = 1 WHERE petition_id = $1`, other)
		exec(t, db, `DELETE FROM signatures WHERE petition_id = $1 AND number = 1`, other)
		later := epoch.Add(9 * 24 * time.Hour)
		b.clock.Store(&later)
		if err := b.Fold(t.Context()); err != nil {
			t.Fatal(err)
		}
		at(p, 20, "eve") // once the clock is right again, beside the hour
		taken := sumsOf(t, db, other)
		if found := b.found(t, epoch); len(found) == 0 {
			t.Error("found nothing")
		}
		got := sumsOf(t, db, p)
		maps.DeleteFunc(got, func(b [2]int64, _ [2]int) bool { return b[0] == 1440 })
		want := map[[2]int64][2]int{
			{1, minute - 20}: {1, 0}, {1, minute - 30}: {1, 0}, {1, minute - 31}: {1, 0}, {1, minute - 90}: {1, 0}, {60, minute - old}: {1, 0},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("buckets (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(taken, sumsOf(t, db, other)); diff != "" {
			t.Errorf("buckets where something was taken back (-before +after):\n%s", diff)
		}
	})
}
