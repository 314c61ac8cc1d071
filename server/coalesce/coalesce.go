// Package coalesce combines look-ups that are made at the same time into one statement.
package coalesce

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"time"
)

// Reads combines look-ups of the same kind. Only so many of a kind run at once; further ones wait in groups, in the
// order in which they came, and whenever a look-up ends, the next group runs as a single statement. This is to reading
// what the ledger's group commit is to signing: under load each costs less. A full group may run sooner, within a limit
// of its own. A statement starts only after all callers in its group have asked, so none of them gets a result from
// before its call.
type Reads[Kind, Key comparable, V any] struct {
	most   int // look-ups of a kind that run at once; 0: nothing is combined
	full   int // the same, including full groups
	mu     sync.Mutex
	queues map[Kind]*queue[Key, V] // of the kinds with a look-up under way; guarded by mu, contents included
}

// queue holds the callers that look up one kind.
type queue[Key comparable, V any] struct {
	running int              // look-ups under way, including called groups that have not begun yet
	groups  []*group[Key, V] // groups that wait; new callers join the last until it is full
}

// group is one look-up for several callers.
type group[Key comparable, V any] struct {
	keys    []Key
	waiting int
	called  bool          // its turn has come, and nobody joins any more
	turn    chan struct{} // the caller that receives from it reads for all
	done    chan struct{} // closed when found and err are set
	found   map[Key]V
	err     error
}

const (
	// groupMost is how many callers a group has at most: enough that the statement costs each of them little, but few
	// enough that the database can read for one group while the server writes the answers of another.
	groupMost = 16
	// patience is how long the look-up of a group may take. It does not end when the caller that runs it is cancelled.
	patience = 5 * time.Second
)

var errBroken = errors.New("coalesce: the look-up for the group did not finish")

// New returns Reads that run up to atOnce look-ups of a kind at once if the groups are full, and half as many
// otherwise, which leaves the other half of the processors to write answers. With 0 nothing is combined.
func New[Kind, Key comparable, V any](atOnce int) *Reads[Kind, Key, V] {
	r := &Reads[Kind, Key, V]{queues: map[Kind]*queue[Key, V]{}, full: atOnce}
	if atOnce > 0 {
		r.most = max(1, atOnce/2)
	}
	return r
}

// Read returns what fetch finds for the key. Kind must contain everything else that the result depends on, including
// what the viewer may see. The value may be shared with other callers and must not be changed.
func (t *Reads[Kind, Key, V]) Read(ctx context.Context, kind Kind, key Key, fetch func(context.Context, []Key) (map[Key]V, error)) (V, error) {
	if t.most == 0 {
		found, err := fetch(ctx, []Key{key})
		return found[key], err
	}
	g := t.join(kind, key)
	if g == nil {
		defer t.ended(kind)
		found, err := fetch(ctx, []Key{key})
		return found[key], err
	}
	select {
	case <-g.done:
	case <-g.turn:
		t.lead(ctx, kind, g, fetch)
	case <-ctx.Done():
		t.leave(kind, g)
		var none V
		return none, ctx.Err()
	}
	return g.found[key], g.err
}

// join returns the group that waits, or nil for those who may read at once.
func (t *Reads[Kind, Key, V]) join(kind Kind, key Key) *group[Key, V] {
	t.mu.Lock()
	defer t.mu.Unlock()
	l := t.queues[kind]
	if l == nil {
		l = &queue[Key, V]{}
		// Kinds come and go with the searches and viewers of clients: a queue is there only while one of its look-ups
		// runs.
		t.queues[kind] = l
	}
	if l.running < t.most {
		l.running++
		return nil
	}
	last := len(l.groups) - 1
	if last < 0 || l.groups[last].waiting == groupMost {
		l.groups, last = append(l.groups, &group[Key, V]{turn: make(chan struct{}, 1), done: make(chan struct{})}), last+1
	}
	g := l.groups[last]
	g.waiting++
	// Few enough to be compared one by one.
	if !slices.Contains(g.keys, key) {
		g.keys = append(g.keys, key)
	}
	if g.waiting == groupMost && l.running < t.full {
		l.running++
		l.call(l.groups[0]) // which has waited longest
	}
	return g
}

// lead runs the look-up of a group whose turn has come.
func (t *Reads[Kind, Key, V]) lead(ctx context.Context, kind Kind, g *group[Key, V], fetch func(context.Context, []Key) (map[Key]V, error)) {
	// Set first: a panic in fetch passes this function by, but not its deferred close of done.
	g.err = errBroken // for the others, if fetch panics
	defer t.ended(kind)
	defer close(g.done)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	g.found, g.err = fetch(ctx, g.keys)
}

// ended passes the turn of a finished look-up to the group that has waited longest, and yields to it: the database
// should not be idle while the answers of this look-up are written.
func (t *Reads[Kind, Key, V]) ended(kind Kind) {
	t.mu.Lock()
	called := t.pass(kind)
	t.mu.Unlock()
	if called {
		runtime.Gosched()
	}
}

// pass passes a turn on, and reports whether a group took it. It needs mu.
func (t *Reads[Kind, Key, V]) pass(kind Kind) bool {
	l := t.queues[kind]
	if len(l.groups) > 0 && (l.running <= t.most || l.groups[0].waiting == groupMost) {
		l.call(l.groups[0])
		return true
	}
	if l.running--; l.running == 0 {
		delete(t.queues, kind)
	}
	return false
}

// leave removes a caller that was cancelled from its group. If the group's turn had come and nobody is left in it, the
// turn is passed on.
func (t *Reads[Kind, Key, V]) leave(kind Kind, g *group[Key, V]) {
	t.mu.Lock()
	defer t.mu.Unlock()
	// Its key stays with the group: reading it for nobody costs little, and others may want the same.
	if g.waiting--; g.waiting > 0 {
		return
	}
	if g.called {
		t.pass(kind)
		return
	}
	t.queues[kind].remove(g)
}

// call gives a group its turn.
func (l *queue[Key, V]) call(g *group[Key, V]) {
	l.remove(g)
	g.called = true
	// It has room for one, so that the caller, who holds mu, never waits for the one that takes it.
	g.turn <- struct{}{}
}

// remove removes a group from the queue.
func (l *queue[Key, V]) remove(g *group[Key, V]) {
	l.groups = slices.DeleteFunc(l.groups, func(other *group[Key, V]) bool { return other == g })
}
