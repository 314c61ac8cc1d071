package transport

import (
	"context"
	"time"
)

// gate lets only so many operations run at once. As many times the number as
// crowd says wait for a place, in the order in which they came, but not for
// long: to whom the wait would be in vain, it says so at once.
type gate struct {
	places chan struct{} // taken by what runs
	queue  chan struct{} // taken by what waits
	wait   time.Duration
}

// crowd is how many may wait for each that may run. Those who wait take
// little, and a queue that is too short turns away what a moment would have
// served.
const crowd = 4

func newGate(l Limits) *gate {
	return &gate{places: make(chan struct{}, l.InFlight), queue: make(chan struct{}, crowd*l.InFlight), wait: l.Wait}
}

// enter takes a place, and reports whether it has one.
func (g *gate) enter(ctx context.Context) bool {
	select {
	case g.places <- struct{}{}:
		return true
	default:
	}
	select {
	case g.queue <- struct{}{}:
		defer func() { <-g.queue }()
	default:
		return false
	}
	patience := time.NewTimer(g.wait)
	defer patience.Stop()
	select {
	case g.places <- struct{}{}:
		return true
	case <-patience.C:
		return false
	case <-ctx.Done():
		return false
	}
}

func (g *gate) leave() { <-g.places }

// begin takes a place for a query or a mutation, whichever way it came in, or
// returns why it may not run: the server is full, or its credential has ended
// while it waited. Who has a place calls done once, when the operation has
// ended.
func (t *Transport) begin(ctx context.Context) (done func(), f *fault) {
	if t.gate.enter(ctx) {
		if f = t.still(ctx); f != nil {
			t.gate.leave()
			return nil, f
		}
		return t.gate.leave, nil
	}
	return nil, passing(unavailable, "The server has as much to do as it can. Try again in a moment.")
}
