package recount_test

import (
	"bytes"
	"log/slog"
	"maps"
	"strings"
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

// at writes signatures and comments at a time.
func (b *book) at(t *testing.T, now time.Time, list ...any) {
	t.Helper()
	b.set(now)
	b.write(t, list...)
}

// found recounts twice at a time and returns what the first recount found. The second must find nothing.
func (b *book) found(t *testing.T, now time.Time) map[string][2]int {
	t.Helper()
	b.set(now)
	out := map[string][2]int{}
	for _, d := range b.differences(t) {
		out[d.Figure] = [2]int{d.Stored, d.Counted}
	}
	if again := b.differences(t); len(again) > 0 {
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
	midnight := ledgertest.Epoch.Truncate(24 * time.Hour)
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := newBook(t, db, 1, recount.Options{})
		for name, when := range map[string]struct {
			now  time.Time
			late time.Duration // what is dated anew lies so far ahead
		}{
			"Noon": {ledgertest.Epoch, 0}, "WithinAMinute": {ledgertest.Epoch.Add(31 * time.Second), 0}, "BeforeTheMinute": {ledgertest.Epoch.Add(-3 * time.Second), 3 * time.Second},
			"BeforeMidnight": {midnight.Add(-time.Second), time.Second}, "AfterMidnight": {midnight, 0},
		} {
			for _, off := range []time.Duration{database.MaxSkew + time.Microsecond, 40 * time.Second, 20 * time.Minute, 36 * time.Hour, 9000 * time.Hour} {
				t.Run(name+off.String(), func(t *testing.T) {
					p := ledgertest.Petition(t, db, ledgertest.Open())
					thread := ledgertest.Comment(p, nil)
					b.at(t, when.now.Add(-time.Hour), ledgertest.Signature(p, "before"), thread)
					b.at(t, when.now.Add(database.MaxSkew), ledgertest.Signature(p, "a little ahead"), ledgertest.Comment(p, nil))
					b.at(t, when.now.Add(off), ledgertest.Signature(p, "ahead"), ledgertest.Signature(p, "also"), ledgertest.Comment(p, &thread.ID))
					ledgertest.Exec(t, db, `INSERT INTO signatures (id, petition_id, state, show_name, signed_at) VALUES ($1, $2, 'PENDING', TRUE, $3)`,
						ledgertest.NewID(), p, when.now.Add(off))
					ledgertest.Exec(t, db, `UPDATE counters SET pending = 1 WHERE petition_id = $1`, p)
					ledgertest.Exec(t, db, `UPDATE signatures SET confirmed_at = $2 WHERE petition_id = $1 AND number = 1`, p, when.now.Add(off))
					got := b.found(t, when.now)
					for figure, want := range map[string][2]int{
						"signatures dated ahead": {4, 0}, "comments dated ahead": {1, 0}, "as of, in seconds ahead": {int(off.Seconds()), 0},
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
					if got := ledgertest.Scan[int](t, db, `SELECT COUNT(*) FROM signatures WHERE petition_id = $1 AND confirmed_at > $2`,
						p, when.now.Add(late)); got != 0 {
						t.Errorf("%d were confirmed ahead", got)
					}
					ledgertest.Agree(t, db, p, 0.01) // a mended trend takes each signature as of the middle of its minute
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
	ledgertest.Exec(t, db, `DELETE FROM signatures WHERE petition_id = $1 AND number = $2`, petition, number)
	ledgertest.Exec(t, db, `UPDATE counters SET total = total - 1, named = named - 1 WHERE petition_id = $1`, petition)
	ledgertest.Exec(t, db, `UPDATE signature_buckets SET removed = 1 WHERE petition_id = $1 AND minute = $2`, petition, minute)
	ledgertest.Exec(t, db, `UPDATE signature_days SET removed = 1 WHERE petition_id = $1 AND day = $2`, petition, day)
	ledgertest.Exec(t, db, `UPDATE signature_country_buckets SET removed = 1 WHERE petition_id = $1`, petition)
}

// TestRecountRedatesTakenBack does the same where signatures were taken back, so that sums alone can be compared, and
// where the numbers of signatures lie far apart.
func TestRecountRedatesTakenBack(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b, p := newBook(t, db, 1, recount.Options{}), ledgertest.Petition(t, db, ledgertest.Open())
		minute, day := timespan.MinuteOf(ledgertest.Epoch), timespan.MinuteOf(ledgertest.Epoch.Truncate(24*time.Hour))
		b.at(t, ledgertest.Epoch.Add(-time.Hour), ledgertest.Signature(p, "before"))
		b.at(t, ledgertest.Epoch.Add(36*time.Hour), ledgertest.Signature(p, "ahead"), ledgertest.Signature(p, "taken back"))
		b.at(t, ledgertest.Epoch.Add(72*time.Hour), ledgertest.Signature(p, "later"))
		takeBack(t, db, p, 3, minute+36*60, day+2*1440)
		ledgertest.Exec(t, db, `UPDATE signatures SET number = 45000 WHERE petition_id = $1 AND number = 4`, p)
		ledgertest.Exec(t, db, `UPDATE counters SET issued = 45000 WHERE petition_id = $1`, p)
		trend := hundredths(t, db, p)
		want := map[string][2]int{
			"signatures dated ahead": {2, 0}, "minutes that lie ahead": {2, 0}, "days that lie ahead": {2, 0},
			"as of, in seconds ahead": {72 * 3600, 0},
		}
		got := b.found(t, ledgertest.Epoch)
		want["trend in hundredths"] = [2]int{trend, hundredths(t, db, p)}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("differences (-want +got):\n%s", diff)
		}
		sums := map[[2]int64][2]int{{1, minute - 60}: {1, 0}, {1, minute}: {3, 1}, {1440, day}: {4, 1}}
		if diff := cmp.Diff(sums, sumsOf(t, db, p)); diff != "" {
			t.Errorf("buckets (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]time.Duration{-time.Hour, 0, 0}, times(t, db, signedAt, p, ledgertest.Epoch)); diff != "" {
			t.Errorf("signed at (-want +got):\n%s", diff)
		}
		if told := b.told(p); *told[len(told)-1].LastHour != 2 {
			t.Errorf("told of %d signatures in the last hour, want 2", *told[len(told)-1].LastHour)
		}
	})
}

func hundredths(t *testing.T, db *database.DB, petition uuid.UUID) int {
	t.Helper()
	return ledgertest.Scan[int](t, db, `SELECT CAST(ROUND(100 * trending) AS integer) FROM counters WHERE petition_id = $1`, petition)
}

// TestRecountRedatesHours does the same where minutes were folded: an hour that has begun does not lie ahead, one that
// has not does.
func TestRecountRedatesHours(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := newBook(t, db, 1, recount.Options{})
		now, minute, day := ledgertest.Epoch.Add(10*time.Minute), timespan.MinuteOf(ledgertest.Epoch), timespan.MinuteOf(ledgertest.Epoch.Truncate(24*time.Hour))
		fold := func(p uuid.UUID, hour int64) {
			ledgertest.Exec(t, db, `UPDATE signature_buckets SET span = 60, minute = $2 WHERE petition_id = $1`, p, hour)
		}
		this, later := ledgertest.Petition(t, db, ledgertest.Open()), ledgertest.Petition(t, db, ledgertest.Open())
		b.at(t, now.Add(20*time.Minute), ledgertest.Signature(this, "ann"), ledgertest.Signature(this, "bob"))
		fold(this, minute)
		b.at(t, now.Add(5*time.Hour), ledgertest.Signature(later, "ann"), ledgertest.Signature(later, "bob"))
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
		b := newBook(t, db, 0, recount.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
		b.set(ledgertest.Epoch.Add(48 * time.Hour))
		for range 2 {
			p := ledgertest.Petition(t, db, ledgertest.Open())
			b.write(t, ledgertest.Signature(p, "ann"), ledgertest.Signature(p, "bob"), ledgertest.Comment(p, nil))
		}
		p := ledgertest.Petition(t, db, ledgertest.Open())
		b.write(t, ledgertest.Signature(p, "ann"), ledgertest.Comment(p, nil))
		before := sumsOf(t, db, p)
		b.set(ledgertest.Epoch)
		ledgertest.Exec(t, db, `UPDATE counters SET as_of = $1`, ledgertest.Epoch)
		if err := b.RecountOnce(t.Context()); err != nil {
			t.Fatal(err)
		}
		warned := strings.Count(log.String(), "dates lie ahead: see to the clock of this machine, then run `petitiond recount`")
		found := func() int { return strings.Count(log.String(), "a figure was wrong") }
		signed, commented := times(t, db, signedAt, p, ledgertest.Epoch)[0], times(t, db, createdAt, p, ledgertest.Epoch)[0]
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
		ledgertest.Exec(t, db, `UPDATE counters SET total = 9, as_of = $1`, ledgertest.Epoch.Add(48*time.Hour))
		if err := b.RecountOnce(t.Context()); err != nil || found() != 6 {
			t.Errorf("found %d and %v, want the total and the time of three counters\n%s", found(), err, &log)
		}
		b.differences(t)
		if got := times(t, db, signedAt, p, ledgertest.Epoch)[0]; got != 0 {
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
		b, p, other := newBook(t, db, 1, recount.Options{}), ledgertest.Petition(t, db, ledgertest.Open()), ledgertest.Petition(t, db, ledgertest.Open())
		minute, old := timespan.MinuteOf(ledgertest.Epoch), int64(8*24*60)
		at := func(p uuid.UUID, ago int64, key string) {
			s := ledgertest.Signature(p, key)
			s.At = ledgertest.Epoch.Add(-time.Duration(ago) * time.Minute)
			b.at(t, ledgertest.Epoch, s)
		}
		at(p, 30, "ann")
		at(p, 31, "bob")
		at(p, 90, "cleo")
		at(p, old, "dan")
		at(other, 30, "ann")
		at(other, 31, "bob")
		ledgertest.Exec(t, db, `UPDATE signature_buckets SET removed = 1 WHERE petition_id = $1 AND minute = $2`, other, minute-30)
		ledgertest.Exec(t, db, `UPDATE signature_days SET removed = 1 WHERE petition_id = $1`, other)
		ledgertest.Exec(t, db, `UPDATE counters SET total = 1, named = 1 WHERE petition_id = $1`, other)
		ledgertest.Exec(t, db, `UPDATE signature_country_buckets SET removed = 1 WHERE petition_id = $1`, other)
		ledgertest.Exec(t, db, `DELETE FROM signatures WHERE petition_id = $1 AND number = 1`, other)
		b.set(ledgertest.Epoch.Add(9 * 24 * time.Hour))
		b.fold(t)
		at(p, 20, "eve") // once the clock is right again, beside the hour
		taken := sumsOf(t, db, other)
		if found := b.found(t, ledgertest.Epoch); len(found) == 0 {
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
