package turns

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// ErrBusy reports that too many wait already, or that a place did not become free in time.
var ErrBusy = errors.New("turns: there is no place")

// Burst is the time whose points a network may spend at once.
const Burst = 4 * time.Second

// Options configures a Queue. Only Places is required; where another is zero, there is no such limit.
type Options struct {
	Places      int           // taken at once
	Each        int           // those of one network
	Waiting     int           // who may wait for a place
	WaitingEach int           // those of one network
	Wait        time.Duration // longest time that they wait, if their context does not end before
	Pace        int           // points a second that one network may spend, or those of Burst after a pause
}

// Queue gives out places. Those who wait are served by networks: the next is the one that has the fewest places, and of
// those with as many the one whose turn was longest ago. Within a network the oldest is first.
type Queue struct {
	options Options

	mu       sync.Mutex // guards what follows, and all that it leads to
	taken    int
	waiting  int
	networks map[netip.Prefix]*network
	ring     []*network // for which somebody waits; the longest since its turn first
	swept    int        // networks that there were after the last look for those that can go
	timer    *time.Timer
}

// network is those who share an address.
type network struct {
	nobody bool      // has no limits
	taken  int       // places
	line   []*waiter // the oldest first
	paid   time.Time // until when its points are spent
}

// waiter is one who waits, in the lines of all its networks.
type waiter struct {
	age    uint64
	points int
	lines  []*network
	turn   *network      // that of whose turn it has a place; nil: it has none yet
	served chan struct{} // closed when it has one; nil while nobody listens
}

// Turn is a place that was taken.
type Turn struct {
	queue *Queue
	of    *network
}

// New returns a Queue.
func New(o Options) *Queue { return &Queue{options: o, networks: map[netip.Prefix]*network{}} }

// Enter takes a place for the one who asks in ctx, and waits for one if necessary. It spends points if they are
// limited: of a network that has some left, more than are left if need be, for which its next one waits. It fails with
// [ErrBusy], or when ctx ends.
func (q *Queue) Enter(ctx context.Context, points int) (Turn, error) {
	if err := ctx.Err(); err != nil {
		return Turn{}, err
	}
	a := AskerOf(ctx)
	w := &waiter{age: a.age, points: points}
	if w.age == 0 {
		w.age = ages.Add(1)
	}
	served, err := q.begin(w, a.asking())
	if !served && err == nil {
		err = q.wait(ctx, w, a)
	}
	if err != nil {
		return Turn{}, err
	}
	return Turn{q, w.turn}, nil
}

// begin has w wait, unless it is served at once or there is no room to wait.
func (q *Queue) begin(w *waiter, networks []netip.Prefix) (served bool, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting++
	q.join(w, networks)
	switch {
	case w.turn != nil:
		return true, nil
	// Only now: one that can be served at once is never refused, however many wait for others.
	case q.full(w):
		q.remove(w)
		return false, ErrBusy
	}
	w.served = make(chan struct{})
	return false, nil
}

// wait waits until w is served.
func (q *Queue) wait(ctx context.Context, w *waiter, a Asker) error {
	var late <-chan time.Time
	if q.options.Wait > 0 {
		timer := time.NewTimer(q.options.Wait)
		defer timer.Stop()
		late = timer.C
	}
	for {
		// Each time round: a network that has joined meanwhile may be served sooner than those in whose lines w is.
		networks, more := a.joined()
		q.mu.Lock()
		q.join(w, networks)
		q.mu.Unlock()
		select {
		case <-w.served:
			return nil
		case <-more:
		case <-late:
			return q.giveUp(w, ErrBusy)
		case <-ctx.Done():
			return q.giveUp(w, ctx.Err())
		}
	}
}

// giveUp ends the wait of w without a place.
func (q *Queue) giveUp(w *waiter, because error) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if w.turn != nil { // it came at the last moment
		q.leave(w.turn)
	} else {
		q.remove(w)
	}
	return because
}

// Leave gives the place back. That of the zero Turn is none.
func (t Turn) Leave() {
	if t.queue == nil {
		return
	}
	t.queue.mu.Lock()
	defer t.queue.mu.Unlock()
	t.queue.leave(t.of)
}

// Taken returns how many places are taken, and how many wait for one.
func (q *Queue) Taken() (taken, waiting int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.taken, q.waiting
}

// The rest needs mu.

// leave frees a place of a network.
func (q *Queue) leave(n *network) {
	n.taken--
	q.taken--
	q.serve()
}

// join puts w into the lines of networks, unless it is there or has a place already, and serves those who can be.
func (q *Queue) join(w *waiter, networks []netip.Prefix) {
	if w.turn != nil {
		return
	}
	for _, prefix := range networks {
		n := q.network(prefix)
		if slices.Contains(w.lines, n) {
			continue
		}
		w.lines = append(w.lines, n)
		if len(n.line) == 0 {
			q.ring = append(q.ring, n)
		}
		at := len(n.line) // most are the youngest
		for at > 0 && n.line[at-1].age > w.age {
			at--
		}
		n.line = slices.Insert(n.line, at, w)
	}
	q.serve()
}

// full reports whether there is no room for w to wait, which is in its lines.
func (q *Queue) full(w *waiter) bool {
	if q.options.Waiting > 0 && q.waiting > q.options.Waiting {
		return true
	}
	return q.options.WaitingEach > 0 && !slices.ContainsFunc(w.lines, func(n *network) bool { return n.nobody || len(n.line) <= q.options.WaitingEach })
}

// remove takes w out of its lines.
func (q *Queue) remove(w *waiter) {
	q.waiting--
	for _, n := range w.lines {
		n.line = slices.DeleteFunc(n.line, func(other *waiter) bool { return other == w })
		if len(n.line) == 0 {
			q.ring = slices.DeleteFunc(q.ring, func(other *network) bool { return other == n })
		}
	}
}

// serve gives free places to those whose turn it is.
func (q *Queue) serve() {
	for q.taken < q.options.Places && len(q.ring) > 0 {
		n := q.next()
		if n == nil {
			return
		}
		w := n.line[0]
		q.remove(w)
		if len(n.line) > 0 { // the others have their turns before its next
			q.ring = append(slices.DeleteFunc(q.ring, func(other *network) bool { return other == n }), n)
		}
		q.taken++
		n.taken++
		// Even if that is more than it has left: otherwise what costs more than a burst would never have its turn.
		n.spend(q.options.Pace, w.points)
		w.turn = n
		if w.served != nil {
			close(w.served)
		}
	}
}

// next returns the network whose turn it is, or nil if none may have a place now. If one may as soon as it has points
// again, it is looked for then.
func (q *Queue) next() (best *network) {
	var at time.Time
	if q.options.Pace > 0 {
		at = now()
	}
	var early time.Duration
	for _, n := range q.ring {
		switch wait := n.paid.Sub(at); {
		case q.options.Each > 0 && n.taken >= q.options.Each && !n.nobody:
		case wait > 0:
			if early == 0 || wait < early {
				early = wait
			}
		// In the order of the ring: of those with as many places the first one had its turn longest ago.
		case best == nil || n.taken < best.taken:
			best = n
		}
		// No other can have fewer.
		if best != nil && best.taken == 0 {
			return best
		}
	}
	if best == nil && early > 0 {
		q.wake(early)
	}
	return best
}

// wake has places given out after a time.
func (q *Queue) wake(after time.Duration) {
	if q.timer != nil {
		q.timer.Reset(after)
		return
	}
	q.timer = time.AfterFunc(after, func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		q.serve()
	})
}

// spend notes that points are spent. A pause saves those of Burst at most.
func (n *network) spend(pace, points int) {
	if pace == 0 {
		return
	}
	if full := now().Add(-Burst); n.paid.Before(full) {
		n.paid = full
	}
	n.paid = n.paid.Add(time.Duration(max(1, points)) * time.Second / time.Duration(pace))
}

// network returns the network with an address. Those that are idle and have spent nothing lately are forgotten whenever
// there are twice as many.
func (q *Queue) network(prefix netip.Prefix) *network {
	n := q.networks[prefix]
	if n != nil {
		return n
	}
	if len(q.networks) >= 2*q.swept+64 {
		full := now().Add(-Burst)
		for prefix, n := range q.networks {
			if n.taken == 0 && len(n.line) == 0 && !n.paid.After(full) {
				delete(q.networks, prefix)
			}
		}
		q.swept = len(q.networks)
	}
	n = &network{nobody: prefix == netip.Prefix{}}
	q.networks[prefix] = n
	return n
}

// now is the clock of deadlines.
func now() time.Time { return time.Now() } //nolint:forbidigo // only how much time has passed counts
