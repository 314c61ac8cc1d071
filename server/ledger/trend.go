package ledger

import (
	"math"
	"time"
)

// trendEpoch is t0 of the trend, and trendHalfLife the time in which a signature's weight halves.
var trendEpoch = time.Date(2020, time.January, 1, 0, 0, 0, 0, time.UTC)

const trendHalfLife = 6 * time.Hour

// AddTrend adds n signatures of one time to a trend, which is log2 Σ 2^((t−t0)/6 h) over a petition's signatures
// (forward decay: Cormode, Shkapenyuk, Srivastava, Xu, «Forward Decay», ICDE 2009). The logarithm is kept
// because the sum itself leaves the range of a float64 within months. 0 stands for no signature.
func AddTrend(trend float64, t time.Time, n int) float64 {
	weight := float64(t.Sub(trendEpoch))/float64(trendHalfLife) + math.Log2(float64(n))
	if trend == 0 {
		return weight
	}
	high, low := max(trend, weight), min(trend, weight)
	return high + math.Log2(1+math.Exp2(low-high))
}

// TakeTrend takes one signature of a time away from a trend. Where next to nothing is left beside it, it reports that
// what is left cannot be told by the difference of two numbers that are nearly the same.
func TakeTrend(trend float64, t time.Time) (_ float64, ok bool) {
	left := 1 - math.Exp2(float64(t.Sub(trendEpoch))/float64(trendHalfLife)-trend)
	if left < 1.0/(1<<20) {
		return trend, false
	}
	return trend + math.Log2(left), true
}
