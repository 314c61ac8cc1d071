// Package coalesce reads what several ask for at the same time in one statement.
package coalesce

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"time"
)

// Reads are readings of several kinds. While as many of a kind are under way as there may be, those who come wait, and
// each reading that ends lets some of them go as one, in the order in which they came. It is to reading what the ledger's
// group commit is to signing: the more ask, the less each costs. A group that is full need not wait, unless for a
// processor. A reading begins after all those it is for have asked, so that nobody is told what was true before.
type Reads[Kind, Key comparable, V any] struct {
	most   int // readings of a kind at once; 0: all read alone
	full   int // the same with those of groups that are full
	mu     sync.Mutex
	queues map[Kind]*queue[Key, V] // guarded by mu, as is what they hold; those with a reading under way
}

// queue is those who read one kind.
type queue[Key comparable, V any] struct {
	running int              // readings under way, and the turns that nobody has taken yet
	groups  []*group[Key, V] // those who wait; the last takes who comes, until it is full
}

// group is one reading for several.
type group[Key comparable, V any] struct {
	keys    []Key
	waiting int
	called  bool          // it is its turn, and nobody joins any more
	turn    chan struct{} // who takes the one thing that comes reads for all
	done    chan struct{} // closed when found and err are there
	found   map[Key]V
	err     error
}

const (
	// groupMost is how many go as one: enough that the statement costs each little, and few enough of a crowd that the
	// database reads for some while the server writes the answers of others.
	groupMost = 16
	// patience is how long a reading for several may take. It does not end with one of those who wait for it.
	patience = 5 * time.Second
)

var errBroken = errors.New("coalesce: who read for others did not come to an end")

// New returns Reads of which atOnce groups that are full are read at once, and half as many others: the other half of the
// processors writes answers. With none all read alone.
func New[Kind, Key comparable, V any](atOnce int) *Reads[Kind, Key, V] {
	r := &Reads[Kind, Key, V]{queues: map[Kind]*queue[Key, V]{}, full: atOnce}
	if atOnce > 0 {
		r.most = max(1, atOnce/2)
	}
	return r
}

// Read returns what fetch finds by the key. Kind says all else that the reading depends on, what the viewer may see
// included. Others may be given the same value, so that nobody may change it.
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

// join gives the group that waits, or nil to who may read at once.
func (t *Reads[Kind, Key, V]) join(kind Kind, key Key) *group[Key, V] {
	t.mu.Lock()
	defer t.mu.Unlock()
	l := t.queues[kind]
	if l == nil {
		l = &queue[Key, V]{}
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
	if !slices.Contains(g.keys, key) {
		g.keys = append(g.keys, key)
	}
	if g.waiting == groupMost && l.running < t.full {
		l.running++
		l.call(l.groups[0]) // which waits longest
	}
	return g
}

// lead reads for a group that has been called.
func (t *Reads[Kind, Key, V]) lead(ctx context.Context, kind Kind, g *group[Key, V], fetch func(context.Context, []Key) (map[Key]V, error)) {
	g.err = errBroken // for the others, if fetch panics
	defer t.ended(kind)
	defer close(g.done)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	g.found, g.err = fetch(ctx, g.keys)
}

// ended gives the turn of a reading that has ended to those who wait longest. They go first, so that the database does not
// stand idle while the answers of this reading are written.
func (t *Reads[Kind, Key, V]) ended(kind Kind) {
	t.mu.Lock()
	called := t.pass(kind)
	t.mu.Unlock()
	if called {
		runtime.Gosched()
	}
}

// pass gives a turn on, with mu held. It tells whether anybody takes it.
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

// leave takes somebody out of a group who does not want to wait any longer. A turn that nobody is left to take goes on.
func (t *Reads[Kind, Key, V]) leave(kind Kind, g *group[Key, V]) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if g.waiting--; g.waiting > 0 {
		return
	}
	if g.called {
		t.pass(kind)
		return
	}
	t.queues[kind].remove(g)
}

// call lets a group read.
func (l *queue[Key, V]) call(g *group[Key, V]) {
	l.remove(g)
	g.called = true
	g.turn <- struct{}{}
}

// remove takes a group out of those who wait.
func (l *queue[Key, V]) remove(g *group[Key, V]) {
	l.groups = slices.DeleteFunc(l.groups, func(other *group[Key, V]) bool { return other == g })
}
