package database_test

import (
	"database/sql"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"petitiond/server/database"
	"petitiond/server/database/dbtest"
)

func TestNow(t *testing.T) {
	t.Parallel()
	before := time.Now().Truncate(time.Microsecond)
	now := database.Now()
	if now.Before(before) || now.After(time.Now()) {
		t.Errorf("got %v, which is not now", now)
	}
	if now.Location() != time.UTC || now.Nanosecond()%1000 != 0 {
		t.Errorf("got %v, want UTC and microseconds", now)
	}
	if now != now.Round(0) { // Equal would ignore a monotonic reading
		t.Error("the time has a monotonic part")
	}
}

// moments draws times that a database can hold, in any zone and with any fraction.
func moments() *rapid.Generator[time.Time] {
	return rapid.Custom(func(t *rapid.T) time.Time {
		seconds := rapid.Int64Range(-2_000_000_000, 4_000_000_000).Draw(t, "seconds")
		nanos := rapid.OneOf(rapid.Int64Range(0, 999_999_999), rapid.SampledFrom([]int64{0, 500_000_000, 120_000, 999_999_999})).Draw(t, "nanos")
		zone := time.FixedZone("somewhere", 60*rapid.IntRange(-14*60, 14*60).Draw(t, "minutes east"))
		return time.Unix(seconds, nanos).In(zone)
	})
}

// TestTimesSurvive writes times and reads them back in the database's order. Both times and order must be as in Go.
func TestTimesSurvive(t *testing.T) {
	t.Parallel()
	eachEmpty(t, func(t *testing.T, db *database.DB) {
		t.Parallel()
		exec(t, db.Write, "CREATE TABLE moments (at "+timestamp(db.Dialect)+" NOT NULL)")
		rapid.Check(t, func(rt *rapid.T) {
			exec(t, db.Write, "DELETE FROM moments")
			var want []time.Time
			for _, at := range rapid.SliceOfN(moments(), 1, 6).Draw(rt, "times") {
				exec(t, db.Write, "INSERT INTO moments VALUES ($1)", database.Time{Time: at})
				want = append(want, at.UTC().Truncate(time.Microsecond))
			}
			slices.SortFunc(want, time.Time.Compare)
			if diff := cmp.Diff(want, times(t, db.Read, "SELECT at FROM moments ORDER BY at")); diff != "" {
				rt.Fatalf("times (-want +got):\n%s", diff)
			}
		})
	})
}

// timestamp returns the column type that ent uses for times.
func timestamp(d database.Dialect) string {
	if d == database.SQLite {
		return "datetime"
	}
	return "timestamptz"
}

// times reads a column of times.
func times(t *testing.T, pool *sql.DB, query string) []time.Time {
	t.Helper()
	rows, err := pool.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var all []time.Time
	for rows.Next() {
		var at database.Time
		if err := rows.Scan(&at); err != nil {
			t.Fatal(err)
		}
		all = append(all, at.Time)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

func TestTimeOfExpressions(t *testing.T) {
	t.Parallel()
	at := time.Date(2022, 8, 28, 15, 21, 28, 123_456_000, time.UTC)
	eachEmpty(t, func(t *testing.T, db *database.DB) {
		t.Parallel()
		exec(t, db.Write, "CREATE TABLE moments (at "+timestamp(db.Dialect)+")")
		exec(t, db.Write, "INSERT INTO moments VALUES ($1)", at)
		for _, query := range []string{
			"SELECT at FROM moments",
			"SELECT max(at) FROM moments",
			"SELECT coalesce(at, at) FROM moments",
			"SELECT at FROM moments UNION SELECT at FROM moments",
			"SELECT * FROM (SELECT at FROM moments LIMIT 1) AS m",
		} {
			if got := scan[database.Time](t, db.Read, query); !got.Equal(at) || got.Location() != time.UTC {
				t.Errorf("%s: got %v, want %v", query, got, at)
			}
			if got := scan[sql.Null[database.Time]](t, db.Read, query); !got.Valid || !got.V.Equal(at) {
				t.Errorf("%s, nullable: got %v, want %v", query, got, at)
			}
		}
		if got := scan[sql.Null[database.Time]](t, db.Read, "SELECT max(at) FROM moments WHERE at IS NULL"); got.Valid {
			t.Errorf("got %v for NULL", got)
		}
	})
}

func TestTimeScan(t *testing.T) {
	t.Parallel()
	want := time.Date(2022, 9, 28, 23, 26, 53, 120_000_000, time.UTC)
	tests := map[string]struct {
		src  any
		want time.Time
		ok   bool
	}{
		"Time":         {want.In(time.FixedZone("x", 3600)), want, true},
		"SQLite":       {"2022-09-28 23:26:53.12+00:00", want, true},
		"OtherZone":    {"2022-09-29 01:26:53.12+02:00", want, true},
		"Bytes":        {[]byte("2022-09-28 23:26:53.12+00:00"), want, true},
		"PostgreSQL":   {"2022-09-28 23:26:53.12+00", want, true},
		"RFC3339":      {"2022-09-28T23:26:53.12Z", want, true},
		"WholeSeconds": {"2022-09-28 23:26:53+00:00", want.Truncate(time.Second), true},
		"SQLFunction":  {"2022-09-28 23:26:53", want.Truncate(time.Second), true},
		"Nanoseconds":  {"2022-09-28 23:26:53.120000999+00:00", want, true},
		"NULL":         {nil, time.Time{}, false},
		"Number":       {int64(1664407613), time.Time{}, false},
		"Words":        {"yesterday", time.Time{}, false},
		"Empty":        {"", time.Time{}, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got database.Time
			err := got.Scan(test.src)
			if (err == nil) != test.ok || got.Time != test.want { // Equal would ignore the zone
				t.Errorf("got %v, error %v; want %v", got, err, test.want)
			}
		})
	}
}

func TestTimeValue(t *testing.T) {
	t.Parallel()
	at := time.Date(2022, 9, 29, 1, 26, 53, 120_000_999, time.FixedZone("x", 7200))
	got, err := database.Time{Time: at}.Value()
	if want := time.Date(2022, 9, 28, 23, 26, 53, 120_000_000, time.UTC); err != nil || got != want {
		t.Errorf("got %v, error %v; want %v", got, err, want)
	}
}

// TestEntTimes reads times through ent that were written as plain time.Time.
func TestEntTimes(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		t.Parallel()
		now := database.Now()
		exec(t, db.Write, "INSERT INTO counters (petition_id, as_of, goal) VALUES ('00000000-0000-0000-0000-000000000001', $1, 1)", now)
		if got := scan[time.Time](t, db.Read, "SELECT as_of FROM counters"); !got.Equal(now) {
			t.Errorf("wrote %v, read %v", now, got)
		}
	})
}
