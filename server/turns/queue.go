package turns

import (
	"cmp"
	"container/heap"
	"context"
	"errors"
	"math"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// ErrBusy reports that too many wait already, or that a place did not become free in time.
var ErrBusy = errors.New("turns: there is no place")

// Burst is the time whose points a network may spend at once.
const Burst = 4 * time.Second

// redrawn is how often who waits with [FromAny] is asked again for which networks.
const redrawn = time.Second

// Options configures a Queue. Only Places is required; where another is zero, there is no such limit.
type Options struct {
	Places  int           // taken at once
	Waiting int           // who may wait for a place
	Fair    bool          // a network takes another place, or waits for another, only while it has fewer than are free
	Wait    time.Duration // longest time that they wait, if their context does not end before
	Pace    int           // points a second that one network may spend, or those of Burst after a pause
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
	lines    lengths    // of the same
	swept    int        // networks that there were after the last look for those that can go
	timer    *time.Timer
}

// network is those who share an address.
type network struct {
	nobody bool      // has no limits
	taken  int       // places
	line   []*waiter // the oldest first
	length int       // its place in lengths
	paid   time.Time // until when its points are spent
}

// waiter is one who waits, in the lines of all its networks.
type waiter struct {
	age    uint64
	points int
	lines  []*network
	turn   *network      // that of whose turn it has a place; nil: it has none
	over   bool          // it waits no longer
	served chan struct{} // closed when it has a place or is refused one; nil while nobody listens
}

// shortest returns how many wait for that of its networks that has the fewest. Nobody's are not counted.
func (w *waiter) shortest() int {
	fewest := math.MaxInt
	for _, n := range w.lines {
		if n.nobody {
			return 0
		}
		fewest = min(fewest, len(n.line))
	}
	return fewest
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
	q.stand(w, networks)
	switch {
	case w.turn != nil:
		return true, nil
	// Only now: one that can be served at once is never refused, however many wait for others.
	case !q.fits(w):
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
	var again <-chan time.Time
	if a.of != nil {
		ticker := time.NewTicker(redrawn)
		defer ticker.Stop()
		again = ticker.C
	}
	for {
		// Each time round: a network that has joined meanwhile may be served sooner than those in whose lines w is.
		networks, more := a.joined()
		q.mu.Lock()
		q.stand(w, networks)
		q.mu.Unlock()
		select {
		case <-w.served:
			if w.turn == nil {
				return ErrBusy
			}
			return nil
		case <-more:
		case <-again:
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
	switch {
	case w.turn != nil: // it came at the last moment
		q.leave(w.turn)
	case !w.over:
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

// stand has w, unless it waits no longer, wait in the lines of networks and in no others, and serves who can be served
// now.
func (q *Queue) stand(w *waiter, networks []netip.Prefix) {
	if w.over {
		return
	}
	lines, more := make([]*network, 0, len(networks)), false
	for _, prefix := range networks {
		n := q.network(prefix)
		if slices.Contains(lines, n) {
			continue
		}
		lines = append(lines, n)
		if !slices.Contains(w.lines, n) {
			q.lengthen(n, w)
			more = true
		}
	}
	for _, n := range w.lines {
		if !slices.Contains(lines, n) {
			q.shorten(n, w)
		}
	}
	w.lines = lines
	if more { // else nothing has changed for anybody
		q.serve()
	}
}

// fits reports whether there is room for w to wait, which is in its lines.
func (q *Queue) fits(w *waiter) bool {
	free := q.options.Waiting - q.waiting // without its own
	switch {
	case q.options.Waiting == 0:
		return true
	case !q.options.Fair:
		return free >= 0
	case free >= 0:
		return w.shortest() <= free+1
	}
	return q.replace(w)
}

// replace refuses one for w, and reports whether there is one: the youngest in the longest line whose networks have all
// more who wait.
func (q *Queue) replace(w *waiter) bool {
	fewer := w.shortest()
	for _, other := range slices.Backward(q.lines[0].line) {
		if other.shortest() > fewer {
			q.remove(other)
			close(other.served)
			return true
		}
	}
	return false
}

// remove ends the wait of w.
func (q *Queue) remove(w *waiter) {
	q.waiting--
	w.over = true
	for _, n := range w.lines {
		q.shorten(n, w)
	}
}

// lengthen puts w into the line of n.
func (q *Queue) lengthen(n *network, w *waiter) {
	if len(n.line) == 0 {
		q.ring = append(q.ring, n)
		heap.Push(&q.lines, n)
	}
	at, _ := slices.BinarySearchFunc(n.line, w.age+1, func(other *waiter, age uint64) int { return cmp.Compare(other.age, age) })
	n.line = slices.Insert(n.line, at, w)
	heap.Fix(&q.lines, n.length)
}

// shorten takes w out of the line of n.
func (q *Queue) shorten(n *network, w *waiter) {
	at := slices.Index(n.line, w)
	n.line = slices.Delete(n.line, at, at+1)
	if len(n.line) > 0 {
		heap.Fix(&q.lines, n.length)
		return
	}
	heap.Remove(&q.lines, n.length)
	q.ring = slices.DeleteFunc(q.ring, func(other *network) bool { return other == n })
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
		case q.options.Fair && n.taken >= q.options.Places-q.taken && !n.nobody:
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

// lengths is a heap of the networks for which somebody waits: that with the longest line is the first.
type lengths []*network

func (l lengths) Len() int           { return len(l) }
func (l lengths) Less(i, j int) bool { return len(l[i].line) > len(l[j].line) }
func (l lengths) Swap(i, j int) {
	l[i], l[j] = l[j], l[i]
	l[i].length, l[j].length = i, j
}

func (l *lengths) Push(n any) {
	n.(*network).length = len(*l)
	*l = append(*l, n.(*network))
}

func (l *lengths) Pop() any {
	last := len(*l) - 1
	n := (*l)[last]
	(*l)[last] = nil
	*l = (*l)[:last]
	return n
}
