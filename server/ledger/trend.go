package ledger

import (
	"math"
	"time"
)

// trendEpoch is t0 of the trend, and trendHalfLife the time in which a signature's weight halves.
var trendEpoch = time.Date(2020, time.January, 1, 0, 0, 0, 0, time.UTC)

const trendHalfLife = 6 * time.Hour

// addTrend adds one signature to a trend, which is log2 Σ 2^((t−t0)/6 h) over a petition's signatures
// (forward decay: Cormode, Shkapenyuk, Srivastava, Xu, «Forward Decay», ICDE 2009). The logarithm is kept
// because the sum itself leaves the range of a float64 within months. 0 stands for no signature.
func addTrend(trend float64, t time.Time) float64 {
	weight := weightOf(t)
	if trend == 0 {
		return weight
	}
	high, low := max(trend, weight), min(trend, weight)
	return high + math.Log2(1+math.Exp2(low-high))
}

// weightOf returns the binary logarithm of a signature's weight.
func weightOf(t time.Time) float64 { return float64(t.Sub(trendEpoch)) / float64(trendHalfLife) }

// trendOf returns the trend of signatures in these minutes, as if all had been given in the middle of theirs.
func trendOf(minutes map[bucket]int) float64 {
	const middle = 30 * time.Second
	high, sum := math.Inf(-1), 0.0
	for b, n := range minutes {
		if n > 0 {
			high = max(high, weightOf(b.time().Add(middle)))
		}
	}
	// Weights grow without bound with time. Divided by the greatest, all of them are numbers that can be added.
	for b, n := range minutes {
		sum += float64(n) * math.Exp2(weightOf(b.time().Add(middle))-high)
	}
	if sum <= 0 {
		return 0
	}
	return high + math.Log2(sum)
}

// sameTrend compares a trend with one that was made of whole minutes, which are off by half a minute at most:
// 2^(1/720) for a half-life of six hours.
func sameTrend(stored, counted float64) bool { return math.Abs(stored-counted) < 0.01 }
