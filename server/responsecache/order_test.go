package responsecache

import (
	"context"
	"fmt"
	"testing"
	"time"
)

// What follows tries every order in which the steps of some actors can happen. A step is what happens at once: a read,
// a write, or a call that takes the lock.

// world is what the actors of one order share.
type world struct {
	shelf  *shelf
	at     time.Time
	cells  [2]int // what is read and written: versions
	acked  [2]int // that were acknowledged
	faults []string
	waits  []*reading

	kept, joined int // how often that was of use
}

type step func(*world)

// reading is one reader's.
type reading struct {
	e    *entry
	role role
	at   moment
	due  [2]int // the versions that were acknowledged when it came
	got  [2]int
}

var topics = [2]Topic{{Kind: 1, ID: [16]byte{1}}, {Kind: 1, ID: [16]byte{2}}}

func (w *world) check(who string, due, got [2]int) {
	for c := range got {
		if got[c] < due[c] {
			w.faults = append(w.faults, fmt.Sprintf("%s: version %d of cell %d, after %d was acknowledged", who, got[c], c, due[c]))
		}
	}
}

// enter is the first step of every reader. One who finds the answer checks it at once.
func (r *reading) enter(w *world) {
	*r = reading{due: w.acked}
	r.e, r.role, r.at = w.shelf.enter(context.Background(), Key{1})
	switch r.role {
	case finder:
		w.kept++
		w.check("found", r.due, r.e.value.([2]int))
	case waiter:
		w.waits = append(w.waits, r)
	}
}

func (r *reading) read(cell int) step {
	return func(w *world) {
		if r.role == author {
			r.got[cell] = w.cells[cell]
		}
	}
}

func (r *reading) on(cell int) step {
	return func(w *world) {
		if r.role == author {
			w.shelf.learn(r.e, []link{{topic: topics[cell], entry: r.e}})
		}
	}
}

func (r *reading) finish(w *world) {
	if r.role == author {
		w.check("computed", r.due, r.got)
		w.shelf.finish(r.e, r.got, Keep, 0)
	}
}

// computer takes every step of a computation by itself, where another may come between.
func computer(program func(*reading) []step) []step {
	r := &reading{}
	return append(append([]step{r.enter}, program(r)...), r.finish)
}

// passer takes them all at once.
func passer(program func(*reading) []step) []step {
	all := computer(program)
	return []step{func(w *world) {
		for _, s := range all {
			s(w)
		}
	}}
}

// writer writes a cell, says so, and acknowledges it.
func writer(cell, times int, tell func(*shelf)) (steps []step) {
	for range times {
		version := 0
		steps = append(steps,
			func(w *world) {
				w.cells[cell]++
				version = w.cells[cell]
			},
			func(w *world) {
				tell(w.shelf)
				w.acked[cell] = max(w.acked[cell], version)
			})
	}
	return steps
}

func drops(cell int) func(*shelf) { return func(s *shelf) { s.Drop(topics[cell]) } }

// pass lets more time pass than an answer may be kept.
func pass(w *world) { w.at = w.at.Add(2 * time.Second) }

// orders calls do with every order of the actors' steps, each given by the actors' numbers.
func orders(actors [][]step, do func([]int)) {
	left, order := make([]int, len(actors)), []int{}
	for i, a := range actors {
		left[i] = len(a)
	}
	var next func()
	next = func() {
		some := false
		for i := range left {
			if left[i] == 0 {
				continue
			}
			some = true
			left[i]--
			order = append(order, i)
			next()
			order = order[:len(order)-1]
			left[i]++
		}
		if !some {
			do(order)
		}
	}
	next()
}

func TestEveryOrder(t *testing.T) {
	t.Parallel()
	programs := map[string]func(*reading) []step{
		"Before": func(r *reading) []step { return []step{r.on(0), r.read(0), r.on(1), r.read(1)} },
		"After":  func(r *reading) []step { return []step{r.read(0), r.on(0), r.read(1), r.on(1)} },
		"Mixed":  func(r *reading) []step { return []step{r.on(0), r.read(0), r.read(1), r.on(1)} },
		"Late":   func(r *reading) []step { return []step{r.read(0), r.read(1), r.on(1), r.on(0)} },
	}
	everything := func(s *shelf) { s.Clear() }
	casts := map[string]func(program func(*reading) []step) [][]step{
		"OneCell": func(p func(*reading) []step) [][]step {
			return [][]step{computer(p), writer(0, 2, drops(0)), passer(p), passer(p)}
		},
		"TwoCells": func(p func(*reading) []step) [][]step {
			return [][]step{computer(p), writer(0, 1, drops(0)), writer(1, 1, drops(1)), passer(p)}
		},
		"TwoWriters": func(p func(*reading) []step) [][]step {
			return [][]step{computer(p), writer(0, 1, drops(0)), writer(0, 1, drops(0)), passer(p)}
		},
		"Clear": func(p func(*reading) []step) [][]step {
			return [][]step{computer(p), writer(0, 1, everything), writer(1, 1, drops(1)), passer(p)}
		},
		"LongTime": func(p func(*reading) []step) [][]step {
			return [][]step{computer(p), writer(0, 1, drops(0)), {pass}, passer(p), passer(p)}
		},
		"TwoComputers": func(p func(*reading) []step) [][]step {
			return [][]step{computer(p), computer(p), writer(0, 1, drops(0))}
		},
	}
	for name, program := range programs {
		for cast, actors := range casts {
			t.Run(name+cast, func(t *testing.T) {
				t.Parallel()
				tryAll(t, actors(program))
			})
		}
	}
}

func tryAll(t *testing.T, actors [][]step) {
	t.Helper()
	kept, joined, tried := 0, 0, 0
	orders(actors, func(order []int) {
		if t.Failed() {
			return
		}
		w, done := &world{at: time.Unix(0, 0)}, make([]int, len(actors))
		s := newShelf(1<<20, time.Second, time.Second, func() time.Time { return w.at })
		w.shelf = &s
		for _, i := range order {
			actors[i][done[i]](w)
			done[i]++
		}
		for _, r := range w.waits {
			if _, mine := s.judge(r.e, r.at); mine {
				w.joined++
				w.check("joined", r.due, r.e.value.([2]int))
			}
		}
		w.faults = append(w.faults, s.unsound()...)
		if len(w.faults) > 0 {
			t.Errorf("in the order %v: %v", order, w.faults)
		}
		kept, joined, tried = kept+w.kept, joined+w.joined, tried+1
	})
	// It is easy to be right by sharing nothing.
	if kept == 0 || joined == 0 {
		t.Errorf("in %d orders %d found the answer and %d waited for it, want some", tried, kept, joined)
	}
}

// unsound tells what a shelf on which nothing is computed holds against the rules.
func (s *shelf) unsound() (faults []string) {
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	if s.running.first != nil || s.running.last != nil || len(s.dropped.of) > 0 || len(s.dropped.order) > 0 {
		fault("it remembers computations or drops")
	}
	links, bytes, used := 0, 0, 0
	for topic, first := range s.topics {
		if first == nil || first.prev != nil {
			fault("topic %v has no first link", topic)
		}
		for l := first; l != nil; l = l.next {
			links++
			if l.topic != topic || s.entries[l.entry.key] != l.entry || l.next != nil && l.next.prev != l {
				fault("topic %v leads astray", topic)
			}
		}
	}
	for e := s.used.first; e != nil; e = e.next {
		used++
	}
	for key, e := range s.entries {
		if e.key != key || !e.attached || e.running {
			fault("an entry is in the wrong place")
		}
		bytes += e.bytes
		for l := e.links; l != nil; l = l.sibling {
			links--
		}
	}
	if links != 0 || bytes != s.bytes || used != len(s.entries) {
		fault("%d links too many, %d bytes of %d, %d entries in the queue of %d", links, s.bytes, bytes, used, len(s.entries))
	}
	return faults
}
