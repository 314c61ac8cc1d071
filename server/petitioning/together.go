package petitioning

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"time"

	"petitiond/server/database"
)

// together reads what several ask for at once in one statement: who comes while as many readings of a kind are under way
// as there may be waits, and the first that ends lets all who wait go as one. It is to reading what the ledger's group
// commit is to signing: the more ask, the less each costs. A reading begins after everyone it is for has asked, so that
// nobody is told what was true before.
//
// Of SQLite a statement costs little beside its rows, and everyone reads alone.
type together[Kind, Key comparable, V any] struct {
	most  int // readings of a kind at once; 0: everyone reads alone
	mu    sync.Mutex
	lines map[Kind]*line[Key, V] // guarded by mu, as is what they hold; those with a reading under way
}

// line is who reads one kind.
type line[Key comparable, V any] struct {
	running int            // readings under way, and the turns that nobody has taken yet
	next    *group[Key, V] // nil: nobody waits
}

// group is one reading for several.
type group[Key comparable, V any] struct {
	keys    []Key
	waiting int
	called  bool          // it is its turn
	turn    chan struct{} // who takes the one thing that comes reads for all
	done    chan struct{} // closed when found and err are there
	found   map[Key]V
	err     error
}

// togetherMost is how long a reading for several may take. It does not end with one of those who wait for it.
const togetherMost = 5 * time.Second

var errBroken = errors.New("petitioning: who read for others did not come to an end")

func newTogether[Kind, Key comparable, V any](d database.Dialect) *together[Kind, Key, V] {
	t := &together[Kind, Key, V]{lines: map[Kind]*line[Key, V]{}}
	if d == database.Postgres {
		t.most = max(1, runtime.GOMAXPROCS(0)/2) // the other half writes answers
	}
	return t
}

// read gives what fetch finds by the key. Kind says all else that the reading depends on, the sight of the actor
// included. Others may be given the same value, so that nobody may change it.
func (t *together[Kind, Key, V]) read(ctx context.Context, kind Kind, key Key, fetch func(context.Context, []Key) (map[Key]V, error)) (V, error) {
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
func (t *together[Kind, Key, V]) join(kind Kind, key Key) *group[Key, V] {
	t.mu.Lock()
	defer t.mu.Unlock()
	l := t.lines[kind]
	if l == nil {
		l = &line[Key, V]{}
		t.lines[kind] = l
	}
	if l.running < t.most {
		l.running++
		return nil
	}
	if l.next == nil {
		l.next = &group[Key, V]{turn: make(chan struct{}, 1), done: make(chan struct{})}
	}
	g := l.next
	g.waiting++
	if !slices.Contains(g.keys, key) {
		g.keys = append(g.keys, key)
	}
	return g
}

// lead reads for a group, which nobody joins any more.
func (t *together[Kind, Key, V]) lead(ctx context.Context, kind Kind, g *group[Key, V], fetch func(context.Context, []Key) (map[Key]V, error)) {
	t.mu.Lock()
	t.lines[kind].next = nil
	t.mu.Unlock()
	g.err = errBroken // for the others, if fetch panics
	defer t.ended(kind)
	defer close(g.done)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), togetherMost)
	defer cancel()
	g.found, g.err = fetch(ctx, g.keys)
}

// ended gives the turn of a reading that has ended to those who wait.
func (t *together[Kind, Key, V]) ended(kind Kind) {
	t.mu.Lock()
	defer t.mu.Unlock()
	l := t.lines[kind]
	if l.next == nil || l.next.called {
		t.rest(kind, l)
		return
	}
	l.next.called = true
	l.next.turn <- struct{}{}
}

// leave takes somebody out of a group who does not want to wait any longer.
func (t *together[Kind, Key, V]) leave(kind Kind, g *group[Key, V]) {
	t.mu.Lock()
	defer t.mu.Unlock()
	l := t.lines[kind]
	if g.waiting--; g.waiting > 0 || l == nil || l.next != g {
		return
	}
	if l.next = nil; g.called {
		t.rest(kind, l)
	}
}

// rest ends a turn that nobody takes.
func (t *together[Kind, Key, V]) rest(kind Kind, l *line[Key, V]) {
	if l.running--; l.running == 0 && l.next == nil {
		delete(t.lines, kind)
	}
}
