package ledger_test

import (
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"petitiond/server/ledger"
	"petitiond/server/ledger/ledgertest"
)

// TestTrend adds signatures one by one, in any order, and compares with the formula.
func TestTrend(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		minutes := rapid.SliceOfN(rapid.IntRange(-3_000_000, 30_000_000), 1, 200).Draw(t, "minutes since 2020")
		var times []time.Time
		trend := 0.0
		for i, m := range minutes {
			at := time.Date(2020, 1, 1, 0, 0, 1, 0, time.UTC).Add(time.Duration(m) * time.Minute)
			n := 1 + i%3
			times = append(times, slices.Repeat([]time.Time{at}, n)...)
			trend = ledger.AddTrend(trend, at, n)
		}
		if want := ledgertest.TrendOf(times); math.Abs(trend-want) > 1e-8*max(1, math.Abs(want)) {
			t.Fatalf("got %v, want %v", trend, want)
		}
	})
}

// TestTrendDecays lets two signatures now weigh as much as four that are six hours old.
func TestTrendDecays(t *testing.T) {
	t.Parallel()
	of := func(n int, at time.Time) (trend float64) {
		for range n {
			trend = ledger.AddTrend(trend, at, 1)
		}
		return trend
	}
	old, fresh := of(4, epoch), of(2, epoch.Add(6*time.Hour))
	if math.Abs(old-fresh) > 1e-9 {
		t.Errorf("four of then are %v, two of now are %v, want the same", old, fresh)
	}
}
