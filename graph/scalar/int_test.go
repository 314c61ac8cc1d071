package scalar_test

import (
	"bytes"
	"context"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"petitiond/graph/scalar"
)

func TestUnmarshalInt(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		in   any
		want int32
		fail bool
	}{
		{name: "Int32", in: int32(5), want: 5},
		{name: "Int", in: 5, want: 5},
		{name: "Int64", in: int64(-5), want: -5},
		{name: "JSONNumber", in: json.Number("5"), want: 5},
		{name: "JSONNumberWhole", in: json.Number("1.0"), want: 1},
		{name: "JSONNumberExponent", in: json.Number("1e2"), want: 100},
		{name: "FloatWhole", in: 1.0, want: 1},
		{name: "Largest", in: int64(math.MaxInt32), want: math.MaxInt32},
		{name: "Smallest", in: int64(math.MinInt32), want: math.MinInt32},
		{name: "TooLarge", in: int64(math.MaxInt32 + 1), fail: true},
		{name: "TooSmall", in: int64(math.MinInt32 - 1), fail: true},
		{name: "WrapsAround", in: int64(1<<32 + 1), fail: true},
		{name: "FloatTooLarge", in: float64(math.MaxInt32) + 1, fail: true},
		{name: "JSONNumberTooLarge", in: json.Number("99999999999999999999"), fail: true},
		{name: "JSONNumberHuge", in: json.Number("1e999"), fail: true},
		{name: "Fraction", in: 1.5, fail: true},
		{name: "JSONNumberFraction", in: json.Number("1.5"), fail: true},
		{name: "Infinity", in: math.Inf(1), fail: true},
		{name: "NaN", in: math.NaN(), fail: true},
		{name: "String", in: "1", fail: true},
		{name: "Bool", in: true, fail: true},
		{name: "Null", in: nil, fail: true},
		{name: "List", in: []any{1}, fail: true},
		{name: "Object", in: map[string]any{}, fail: true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := scalar.UnmarshalInt32(test.in)
			checkError(t, err, test.fail)
			if got != test.want {
				t.Errorf("32 bits: got %d, want %d", got, test.want)
			}
			wide, err := scalar.UnmarshalInt(t.Context(), test.in)
			checkError(t, err, test.fail)
			if wide != int(test.want) {
				t.Errorf("int: got %d, want %d", wide, test.want)
			}
		})
	}
}

func TestMarshalInt(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		in   int
		want string
		fail bool
	}{
		{name: "Zero", in: 0, want: "0"},
		{name: "Negative", in: -12, want: "-12"},
		{name: "Largest", in: math.MaxInt32, want: "2147483647"},
		{name: "TooLarge", in: math.MaxInt32 + 1, fail: true},
		{name: "TooSmall", in: math.MinInt32 - 1, fail: true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			checkError(t, scalar.MarshalInt(test.in).MarshalGQLContext(t.Context(), &out), test.fail)
			if diff := cmp.Diff(test.want, out.String()); diff != "" {
				t.Errorf("written (-want +got):\n%s", diff)
			}
		})
	}
}

func TestIntRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.Int32().Draw(t, "n")
		var out bytes.Buffer
		scalar.MarshalInt32(want).MarshalGQL(&out)
		got, err := scalar.UnmarshalInt32(json.Number(out.String()))
		if err != nil || got != want {
			t.Errorf("got %d and %v, want %d", got, err, want)
		}
	})
}

func FuzzUnmarshalInt(f *testing.F) {
	for _, seed := range []string{"0", "-1", "1.0", "1.5", "1e9", "1e10", "2147483648", "1e400", "x", ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		n, err := scalar.UnmarshalInt(context.Background(), json.Number(text))
		if err != nil {
			if len(text) > 11 && strings.Contains(err.Error(), text) {
				t.Errorf("the error repeats the value: %v", err)
			}
			return
		}
		if f, perr := strconv.ParseFloat(text, 64); perr != nil || f != float64(n) {
			t.Errorf("%q became %d", text, n)
		}
	})
}
