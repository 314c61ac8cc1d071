package transport

import (
	"context"
	"time"
)

// admission bounds how many operations run at once. Up to waitersEach times as many wait for a place, in the order in
// which they came, but not for long. When the queue is full as well, an operation is refused at once.
type admission struct {
	places chan struct{} // taken by what runs
	queue  chan struct{} // taken by what waits
	wait   time.Duration
}

// waitersEach is how many operations may wait for each that may run. Waiting costs little, and a queue that is too
// short refuses operations that could have run a moment later.
const waitersEach = 4

// newAdmission returns an admission with l.InFlight places.
func newAdmission(l Limits) *admission {
	return &admission{places: make(chan struct{}, l.InFlight), queue: make(chan struct{}, waitersEach*l.InFlight), wait: l.Wait}
}

// enter takes a place, waiting for one if necessary, and reports whether it got one.
func (a *admission) enter(ctx context.Context) bool {
	select {
	case a.places <- struct{}{}:
		return true
	default:
	}
	select {
	// Nobody overtakes those who wait: a place that becomes free goes to the first of them, before the channel has room
	// again.
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

// leave returns the place that enter took.
func (a *admission) leave() { <-a.places }
