package transport

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// Who waits gets the place that becomes free, first come, first served; who finds the queue full is told at once.
func TestAdmission(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g, began := newAdmission(Limits{InFlight: 1, Wait: time.Second}), time.Now()
		if !g.enter(t.Context()) {
			t.Fatal("the first has no place")
		}
		const waiting = waitersEach
		turns := make(chan int, waiting)
		for i := range waiting {
			go func() {
				if g.enter(t.Context()) {
					turns <- i
				}
			}()
			synctest.Wait()
		}
		if g.enter(t.Context()) || time.Since(began) > 0 {
			t.Errorf("one more than may wait was let in, or kept for %s", time.Since(began))
		}
		for want := range waiting {
			time.Sleep(g.wait / (waiting + 1))
			g.leave()
			if got := <-turns; got != want {
				t.Errorf("number %d has the place, want %d", got, want)
			}
		}
		g.leave()
	})
}

func TestAdmissionPatience(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g, began := newAdmission(Limits{InFlight: 1, Wait: time.Second}), time.Now()
		g.enter(t.Context())
		if g.enter(t.Context()) || time.Since(began) != g.wait {
			t.Errorf("let in, or turned away after %s, want %s", time.Since(began), g.wait)
		}
		gone, leave := context.WithTimeout(t.Context(), g.wait/2)
		defer leave()
		if g.enter(gone) || time.Since(began) != g.wait*3/2 {
			t.Errorf("who has gone was let in, or kept for %s", time.Since(began)-g.wait)
		}
		if len(g.queue) != 0 {
			t.Errorf("%d still wait, want none", len(g.queue))
		}
	})
}
