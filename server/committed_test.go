package main

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestEveryMinute calls at the beginning of each minute of a clock that is not this machine's.
func TestEveryMinute(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const ahead = 12*time.Hour + 34*time.Minute + 50*time.Second
		now := func() time.Time { return time.Now().Add(ahead) }
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
		defer cancel()
		var called []string
		if err := everyMinute(ctx, now, func() { called = append(called, now().UTC().Format(time.TimeOnly)) }); err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff([]string{"12:35:00", "12:36:00", "12:37:00"}, called); diff != "" {
			t.Errorf("called (-want +got):\n%s", diff)
		}
	})
}
