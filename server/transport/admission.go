package transport

import (
	"context"
	"time"
)

// admission lets only so many operations run at once. As many times the number as waitersEach says wait for a place, in
// the order in which they came, but not for long. Those for whom the wait would be in vain are told at once.
type admission struct {
	places chan struct{} // taken by what runs
	queue  chan struct{} // taken by what waits
	wait   time.Duration
}

// waitersEach is how many may wait for each that may run. Those who wait take
// little, and a queue that is too short turns away what a moment would have
// served.
const waitersEach = 4

// newAdmission returns an admission with as many places as may run.
func newAdmission(l Limits) *admission {
	return &admission{places: make(chan struct{}, l.InFlight), queue: make(chan struct{}, waitersEach*l.InFlight), wait: l.Wait}
}

// enter takes a place, and reports whether it has one.
func (a *admission) enter(ctx context.Context) bool {
	select {
	case a.places <- struct{}{}:
		return true
	default:
	}
	select {
	case a.queue <- struct{}{}:
		defer func() { <-a.queue }()
	default:
		return false
	}
	patience := time.NewTimer(a.wait)
	defer patience.Stop()
	select {
	case a.places <- struct{}{}:
		return true
	case <-patience.C:
		return false
	case <-ctx.Done():
		return false
	}
}

// leave gives the place back that enter took.
func (a *admission) leave() { <-a.places }
