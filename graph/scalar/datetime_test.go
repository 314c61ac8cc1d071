package scalar_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"petitiond/graph/scalar"
)

func TestUnmarshalDateTime(t *testing.T) {
	t.Parallel()
	start := time.Date(2022, 8, 28, 15, 21, 28, 0, time.UTC)
	tests := []struct {
		name string
		in   any
		want time.Time // zero: an error
	}{
		{"UTC", "2022-08-28T15:21:28Z", start},
		{"Offset", "2022-08-28T17:21:28+02:00", start},
		{"NegativeOffset", "2022-08-28T12:21:28-03:00", start},
		{"ZeroOffset", "2022-08-28T15:21:28+00:00", start},
		{"LowerCase", "2022-08-28t15:21:28z", start},
		{"Milliseconds", "2022-08-28T15:21:28.123Z", start.Add(123 * time.Millisecond)},
		{"CutToMicroseconds", "2022-08-28T15:21:28.123456789Z", start.Add(123456 * time.Microsecond)},
		{"LeapDay", "2024-02-29T00:00:00Z", time.Date(2024, 2, 29, 0, 0, 0, 0, time.UTC)},
		{"FirstYear", "0001-01-01T00:00:01Z", time.Date(1, 1, 1, 0, 0, 1, 0, time.UTC)},
		{"LastYear", "9999-12-31T23:59:59Z", time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)},
		{"YearZero", "0000-12-31T23:59:59Z", time.Time{}},
		{"YearZeroByOffset", "0001-01-01T00:00:00+01:00", time.Time{}},
		{"Year10000ByOffset", "9999-12-31T23:59:59-01:00", time.Time{}},
		{"UnknownOffset", "2022-08-28T15:21:28-00:00", time.Time{}},
		{"NoOffset", "2022-08-28T15:21:28", time.Time{}},
		{"OffsetWithoutMinutes", "2022-08-28T15:21:28+02", time.Time{}},
		{"OffsetWithSeconds", "2022-08-28T15:21:28+02:00:15", time.Time{}},
		{"OffsetTooLarge", "2022-08-28T15:21:28+24:00", time.Time{}},
		{"OffsetMinutesTooLarge", "2022-08-28T15:21:28+02:60", time.Time{}},
		{"DateOnly", "2022-08-28", time.Time{}},
		{"Space", "2022-08-28 15:21:28Z", time.Time{}},
		{"NoSeconds", "2022-08-28T15:21Z", time.Time{}},
		{"Hour24", "2022-08-28T24:00:00Z", time.Time{}},
		{"OneDigitHour", "2022-08-28T5:21:28Z", time.Time{}},
		{"LeapSecond", "2016-12-31T23:59:60Z", time.Time{}},
		{"NoSuchDay", "2022-02-30T15:21:28Z", time.Time{}},
		{"NoLeapYear", "2022-02-29T15:21:28Z", time.Time{}},
		{"NoSuchMonth", "2022-13-01T15:21:28Z", time.Time{}},
		{"FractionComma", "2022-08-28T15:21:28,5Z", time.Time{}},
		{"FractionEmpty", "2022-08-28T15:21:28.Z", time.Time{}},
		{"FractionTooLong", "2022-08-28T15:21:28.1234567890Z", time.Time{}},
		{"SpaceBefore", " 2022-08-28T15:21:28Z", time.Time{}},
		{"LineBreakAfter", "2022-08-28T15:21:28Z\n", time.Time{}},
		{"OtherDigits", "２０２２-08-28T15:21:28Z", time.Time{}},
		{"TheZeroTime", "0001-01-01T00:00:00Z", time.Time{}},
		{"Number", int64(1661700088), time.Time{}},
		{"JSONNumber", json.Number("1661700088"), time.Time{}},
		{"Bool", true, time.Time{}},
		{"Null", nil, time.Time{}},
		{"List", []any{"2022-08-28T15:21:28Z"}, time.Time{}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := scalar.UnmarshalDateTime(test.in)
			checkError(t, err, test.want.IsZero())
			if !got.Equal(test.want) || (err == nil && got.Location() != time.UTC) {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func TestBlankDateTime(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", " ", "\t\n"} {
		if got, err := scalar.UnmarshalDateTime(text); err != nil || !got.IsZero() {
			t.Errorf("%q became %v and %v, want the zero time", text, got, err)
		}
	}
}

func TestMarshalDateTime(t *testing.T) {
	t.Parallel()
	start := time.Date(2022, 8, 28, 15, 21, 28, 0, time.UTC)
	tests := []struct {
		name string
		in   time.Time
		want string
	}{
		{"WholeSecond", start, `"2022-08-28T15:21:28Z"`},
		{"Microseconds", start.Add(1500 * time.Nanosecond), `"2022-08-28T15:21:28.000001Z"`},
		{"OtherZone", start.In(time.FixedZone("", 7200)), `"2022-08-28T15:21:28Z"`},
		{"Zero", time.Time{}, `"0001-01-01T00:00:00Z"`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			scalar.MarshalDateTime(test.in).MarshalGQL(&out)
			if diff := cmp.Diff(test.want, out.String()); diff != "" {
				t.Errorf("written (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDateTimeRoundTrip(t *testing.T) {
	t.Parallel()
	first := time.Date(1, 1, 1, 0, 0, 1, 0, time.UTC).UnixMicro()
	last := time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC).UnixMicro()
	rapid.Check(t, func(t *rapid.T) {
		want := time.UnixMicro(rapid.Int64Range(first, last).Draw(t, "at"))
		var out bytes.Buffer
		scalar.MarshalDateTime(want).MarshalGQL(&out)
		got, err := scalar.UnmarshalDateTime(strings.Trim(out.String(), `"`))
		if err != nil || !got.Equal(want) {
			t.Errorf("got %v and %v, want %v", got, err, want)
		}
	})
}

func FuzzUnmarshalDateTime(f *testing.F) {
	for _, seed := range []string{"2022-08-28T15:21:28Z", "2022-08-28t15:21:28.5+23:59", "0000-01-01T00:00:00Z", "-00:00", ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := scalar.UnmarshalDateTime(text)
		if err != nil || strings.TrimSpace(text) == "" {
			return
		}
		want, err := time.Parse(time.RFC3339Nano, strings.ToUpper(text))
		if err != nil || !got.Equal(want.Truncate(time.Microsecond)) {
			t.Errorf("%q became %v", text, got)
		}
	})
}
