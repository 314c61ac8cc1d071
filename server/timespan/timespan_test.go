package timespan

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"petitiond/server/database"
	"petitiond/server/database/dbtest"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

func TestStart(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		span         Span
		minute, want int64
	}{
		"Minute":            {Minute, 61, 61},
		"FirstOfAnHour":     {Hour, 120, 120},
		"LastOfAnHour":      {Hour, 179, 120},
		"LastOfADay":        {Day, 1439, 0},
		"LastBefore1970":    {Hour, -1, -60},
		"FirstOfItsHour":    {Hour, -60, -60},
		"DayBefore1970":     {Day, -1, -1440},
		"MinuteBefore1970":  {Minute, -7, -7},
		"SecondDayFromZero": {Day, 1440, 1440},
	} {
		if got := test.span.Start(test.minute); got != test.want {
			t.Errorf("%s: %d, want %d", name, got, test.want)
		}
	}
}

func TestMinuteOf(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		seconds int64
		want    int64
	}{
		"Epoch": {0, 0}, "End": {59, 0}, "Next": {60, 1}, "Before": {-1, -1}, "MinuteBefore": {-60, -1}, "TwoBefore": {-61, -2},
		"Now": {1_800_000_059, 30_000_000},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := MinuteOf(time.Unix(test.seconds, 999_999_999)); got != test.want {
				t.Errorf("got %d, want %d", got, test.want)
			}
		})
	}
}

// Every time lies in the minute that it is said to lie in, and every minute in its stretch.
func TestWithin(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		at := time.Unix(rapid.Int64Range(-1<<40, 1<<40).Draw(t, "seconds"), rapid.Int64Range(0, 999_999_999).Draw(t, "nanoseconds"))
		minute := MinuteOf(at)
		if begin := TimeOf(minute); at.Before(begin) || !at.Before(begin.Add(time.Minute)) {
			t.Fatalf("%v is not in the minute that begins at %v", at, begin)
		}
		for _, span := range []Span{Minute, Hour, Day} {
			start := span.Start(minute)
			if start%int64(span) != 0 || minute < start || minute >= start+int64(span) {
				t.Fatalf("minute %d is not in the %d minutes from %d", minute, span, start)
			}
		}
	})
}

// The databases compute the start of a stretch as Go does, before 1970 too.
func TestStartSQL(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		for _, span := range []Span{Minute, Hour, Day} {
			for _, minute := range []int64{-1441, -1440, -61, -60, -1, 0, 1, 59, 60, 179, 1439, 1440} {
				var got int64
				text := `SELECT ` + span.StartSQL(`m.minute`) + ` FROM (SELECT CAST($1 AS bigint) AS minute) AS m`
				if err := db.Read.QueryRowContext(t.Context(), text, minute).Scan(&got); err != nil {
					t.Fatal(err)
				}
				if want := span.Start(minute); got != want {
					t.Errorf("minute %d is in the %s minutes from %d, want %d", minute, span.SQL(), got, want)
				}
			}
		}
	})
}

func TestAgo(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, time.March, 1, 12, 30, 59, 0, time.UTC)
	if got, want := TimeOf(Hour.Ago(now)), now.Add(-time.Hour).Truncate(time.Minute); !got.Equal(want) {
		t.Errorf("%v, want %v", got, want)
	}
}
