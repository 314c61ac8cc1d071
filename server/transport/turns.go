package transport

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"time"

	"petitiond/server/answerbudget"
)

// turns lets few events be read at a time, and those of one network at a pace: a subscription reads for as long as it
// is open, without being asked for again, and thousands may be woken by one signature. An event waits for as long as it
// takes, and is then the newest. Of each network only the first waits for a place: so networks take turns, however many
// events of one are waiting.
type turns struct {
	places chan struct{}
	pace   int // points a second of one network; 0: as many as they like

	mu       sync.Mutex // guards what follows, and the networks' waiting
	networks map[netip.Prefix]*network
	swept    int // networks that there were after the last look for those that can go
}

// network is those who share an address.
type network struct {
	waiting int           // events
	first   chan struct{} // taken by the one that waits for a place
	paid    time.Time     // until when its points are spent; the one who is first changes it
}

// burst is the time whose points a network may spend at once: a page begins with all its subscriptions together.
const burst = 4 * time.Second

// eventPlaces returns how many events are read at once. They are late rather than refused, so there need not be many,
// and they leave nearly all of the processors and of the database to those who wait for an answer.
func eventPlaces(l Limits) int { return max(1, l.InFlight/50) }

func newTurns(l Limits) *turns {
	t := &turns{places: make(chan struct{}, eventPlaces(l)), networks: map[netip.Prefix]*network{}}
	if l.SocketsPerAddress > 0 {
		t.pace = l.EventCost
	}
	return t
}

// enter waits until an event that costs so many points may be read, and takes a place for it. It is charged to the
// network of those asked that has the fewest waiting. It fails when ctx ends.
func (t *turns) enter(ctx context.Context, asked []netip.Prefix, points int) error {
	n := t.join(asked)
	defer t.part(n)
	if err := take(ctx, n.first); err != nil {
		return err
	}
	defer func() { <-n.first }()
	if err := t.pay(ctx, n, points); err != nil {
		return err
	}
	return take(ctx, t.places)
}

// leave gives back the place that enter took.
func (t *turns) leave() { <-t.places }

// take takes a place, in the order of those who wait for one.
func take(ctx context.Context, places chan struct{}) error {
	select {
	case places <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// pay waits until a network has points left, and spends some: more than are left, if need be, for which the next one
// waits.
func (t *turns) pay(ctx context.Context, n *network, points int) error {
	if t.pace == 0 {
		return nil
	}
	at := now()
	if early := n.paid.Sub(at); early > 0 {
		timer := time.NewTimer(early)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if full := at.Add(-burst); n.paid.Before(full) {
		n.paid = full
	}
	n.paid = n.paid.Add(time.Duration(max(1, points)) * time.Second / time.Duration(t.pace))
	return nil
}

// join adds an event to those of a network that wait.
func (t *turns) join(asked []netip.Prefix) *network {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sweep()
	least := netip.Prefix{}
	for i, prefix := range asked {
		if i == 0 || t.waiting(prefix) < t.waiting(least) {
			least = prefix
		}
	}
	n := t.networks[least]
	if n == nil {
		n = &network{first: make(chan struct{}, 1)}
		t.networks[least] = n
	}
	n.waiting++
	return n
}

// waiting needs mu.
func (t *turns) waiting(prefix netip.Prefix) int {
	if n := t.networks[prefix]; n != nil {
		return n.waiting
	}
	return 0
}

func (t *turns) part(n *network) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n.waiting--
}

// sweep forgets the networks that have spent nothing lately, each time that there are twice as many. It needs mu.
func (t *turns) sweep() {
	if len(t.networks) < 2*t.swept+64 {
		return
	}
	full := now().Add(-burst)
	for prefix, n := range t.networks {
		if n.waiting == 0 && !n.paid.After(full) {
			delete(t.networks, prefix)
		}
	}
	t.swept = len(t.networks)
}

// occasion is the reading and computing of one event, with the place, the time and the memory for it.
type occasion struct {
	turns  *turns
	from   func() []netip.Prefix
	points int
	budget *answerbudget.Budget
	time   time.Duration
	cancel context.CancelCauseFunc // of the computing

	mu      sync.Mutex // guards what follows
	placed  bool
	reading bool
	over    bool
	timer   *time.Timer
}

// read is an [eventmark.Gate]. The computing begins when it returns, and has as much time again.
func (o *occasion) read(ctx context.Context, read func(context.Context) (bool, error)) error {
	if err := o.turns.enter(ctx, o.from(), o.points); err != nil {
		return err
	}
	if !o.begin() {
		return context.Canceled
	}
	ctx, end := context.WithTimeoutCause(answerbudget.With(ctx, o.budget), o.time, errTimeout)
	defer end()
	found := false
	defer func() { o.pause(found) }()
	found, err := read(ctx)
	if err != nil && errors.Is(context.Cause(ctx), errTimeout) {
		return tooLate(ctx)
	}
	return err
}

// begin notes that the place was taken, and reports whether anybody still waits for the event. If not, the place is
// given back.
func (o *occasion) begin() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.placed, o.reading = true, true
	if o.over {
		o.close()
	}
	return !o.over
}

// pause ends the reading. The place is kept if something was found that is to be computed.
func (o *occasion) pause(found bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.reading = false
	switch {
	case o.over:
		o.close()
	case found:
		o.timer = time.AfterFunc(o.time, func() { o.cancel(errTimeout) })
	default:
		o.placed = false
		o.turns.leave()
	}
}

// end gives everything back, as soon as nothing is being read any more: a source may still be reading when nobody waits
// for its event. It is called once.
func (o *occasion) end() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.over = true
	o.cancel(nil)
	if o.timer != nil {
		o.timer.Stop()
	}
	if !o.reading {
		o.close()
	}
}

// close needs mu.
func (o *occasion) close() {
	if o.placed {
		o.turns.leave()
	}
	o.budget.Close()
}
