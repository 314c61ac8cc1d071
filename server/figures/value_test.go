package figures

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestMerge(t *testing.T) {
	t.Parallel()
	old := Value{Total: 5, Goal: 9, LastHour: ptr(2), Version: 3, AsOf: time.Unix(3, 0), Comment: 1, Edition: 2}
	tests := map[string]struct {
		news    Value
		want    Value
		changed Aspect
	}{
		"Nothing": {Value{}, old, 0},
		"Itself":  {old, old, 0},
		"HigherVersion": {
			Value{Total: 4, Goal: 8, LastHour: ptr(1), Version: 4, AsOf: time.Unix(4, 0)},
			Value{Total: 4, Goal: 8, LastHour: ptr(1), Version: 4, AsOf: time.Unix(4, 0), Comment: 1, Edition: 2},
			Count | Hour,
		},
		"HigherVersionInTheSameHour": {
			Value{Total: 5, Goal: 7, LastHour: ptr(2), Version: 4, AsOf: time.Unix(4, 0)},
			Value{Total: 5, Goal: 7, LastHour: ptr(2), Version: 4, AsOf: time.Unix(4, 0), Comment: 1, Edition: 2},
			Count,
		},
		"SameVersionAnHourLater": {Value{Total: 5, Goal: 9, LastHour: ptr(0), Version: 3, AsOf: time.Unix(3, 0)}, old, 0},
		"LateVersion":            {Value{Total: 4, Version: 2, AsOf: time.Unix(9, 0)}, old, 0},
		"NewerComment": {
			Value{Comment: 2},
			Value{Total: 5, Goal: 9, LastHour: ptr(2), Version: 3, AsOf: time.Unix(3, 0), Comment: 2, Edition: 2},
			Comments,
		},
		"LateEdition": {Value{Edition: 1}, old, 0},
		"HigherEditionWithLateVersion": {
			Value{Total: 1, Version: 1, Edition: 7},
			Value{Total: 5, Goal: 9, LastHour: ptr(2), Version: 3, AsOf: time.Unix(3, 0), Comment: 1, Edition: 7},
			Edition,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := old
			changed := got.Merge(test.news)
			if diff := cmp.Diff(test.want, got); diff != "" || changed != test.changed {
				t.Errorf("Merge() changed %b, want %b; value (-want +got):\n%s", changed, test.changed, diff)
			}
		})
	}
}

func TestMergeInAnyOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		news := rapid.SliceOfN(rapid.Custom(drawValue), 1, 6).Draw(t, "news")
		shuffled := rapid.Permutation(append(news, news[0])).Draw(t, "shuffled")
		var one, other Value
		for _, n := range news {
			one.Merge(n)
		}
		for _, n := range shuffled {
			other.Merge(n)
		}
		if diff := cmp.Diff(one, other); diff != "" {
			t.Fatalf("another order gave another value (-one +other):\n%s", diff)
		}
	})
}

// TestRefresh takes over what was read: at the same version, the last hour alone may be another one.
func TestRefresh(t *testing.T) {
	t.Parallel()
	at := func(version, hour, edition int) Value {
		return Value{Total: version, Goal: 9, LastHour: &hour, Version: version, AsOf: time.Unix(int64(version), 0), Comment: 1, Edition: edition}
	}
	tests := map[string]struct {
		old, read, want Value
		changed         Aspect
	}{
		"Itself":          {at(3, 2, 1), at(3, 2, 1), at(3, 2, 1), 0},
		"AnHourLater":     {at(3, 2, 1), at(3, 0, 1), at(3, 0, 1), Hour},
		"HigherVersion":   {at(3, 2, 1), at(4, 3, 1), at(4, 3, 1), Count | Hour},
		"LateVersion":     {at(3, 2, 1), at(2, 1, 1), at(3, 2, 1), 0},
		"HourAndEdition":  {at(3, 2, 1), at(3, 1, 2), at(3, 1, 2), Hour | Edition},
		"First":           {Value{}, at(0, 0, 1), at(0, 0, 1), Hour | Comments | Edition},
		"UnsignedAnyMore": {at(0, 1, 1), at(0, 0, 1), at(0, 0, 1), Hour},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := test.old
			changed := got.Refresh(test.read)
			if diff := cmp.Diff(test.want, got); diff != "" || changed != test.changed {
				t.Errorf("Refresh() changed %b, want %b; value (-want +got):\n%s", changed, test.changed, diff)
			}
		})
	}
}

// drawValue draws a value whose counts follow from its version, as a ledger's do.
func TestProgress(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		total, goal int
		want        float64
	}{{0, 100, 0}, {50, 100, 0.5}, {150, 100, 1.5}} {
		value := Value{Total: tt.total, Goal: tt.goal}
		if got := value.Progress(); got != tt.want {
			t.Errorf("%d of %d: %v, want %v", tt.total, tt.goal, got, tt.want)
		}
	}
}

func drawValue(t *rapid.T) Value {
	version := rapid.IntRange(0, 5).Draw(t, "version")
	return Value{
		Total:   version * 7 % 5,
		Version: version,
		Comment: rapid.IntRange(0, 5).Draw(t, "comment"),
		Edition: rapid.IntRange(0, 5).Draw(t, "edition"),
	}
}

func ptr[T any](v T) *T { return &v }
