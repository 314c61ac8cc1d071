package main

import "testing"

func TestUp(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		arrows map[string]string // to letters, each a file
		want   int
	}{
		"Nothing":        {nil, 0},
		"Layers":         {map[string]string{"a": "bc", "b": "c"}, 0},
		"Pair":           {map[string]string{"a": "b", "b": "a"}, 1},
		"Circle":         {map[string]string{"a": "b", "b": "c", "c": "a"}, 1},
		"TwoCircles":     {map[string]string{"a": "b", "b": "a", "c": "da", "d": "c"}, 2},
		"SharedArrow":    {map[string]string{"a": "b", "b": "cd", "c": "a", "d": "a"}, 1},
		"EachUsesEach":   {map[string]string{"a": "bcd", "b": "acd", "c": "abd", "d": "abc"}, 6},
		"CircleBelowTop": {map[string]string{"top": "ab", "a": "b", "b": "a"}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			arrows := map[string]map[string]bool{}
			for from, all := range tt.arrows {
				arrows[from] = map[string]bool{}
				for _, to := range all {
					arrows[from][string(to)] = true
				}
			}
			if got := up(arrows); got != tt.want {
				t.Errorf("%d arrows run up, want %d", got, tt.want)
			}
		})
	}
}
