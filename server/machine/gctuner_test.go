package machine

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestGCTuner checks that there is more room once there were many collections, and until there were few for a while.
func TestGCTuner(t *testing.T) {
	t.Parallel()
	tuner, cycles := gcTuner{growth: usualGrowth}, uint64(0)
	var got []int
	for _, second := range []struct{ ran, times int }{
		{7, 30}, {8, 1}, {7, 1}, {20, 3}, {2, 30}, {1, 2}, {2, 1}, {0, 2}, {1, 1}, {7, 2}, {20, 1},
	} {
		for range second.times {
			cycles += uint64(second.ran)
			tuner.decide(cycles)
		}
		got = append(got, tuner.growth)
	}
	if diff := cmp.Diff([]int{100, 400, 400, 400, 400, 400, 400, 400, 100, 100, 400}, got); diff != "" {
		t.Errorf("growth (-want +got):\n%s", diff)
	}
	if collections() > 1<<40 {
		t.Error("Go does not count its collections under this name")
	}
}
