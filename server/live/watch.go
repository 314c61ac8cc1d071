package live

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/google/uuid"

	"petitiond/server/figures"
)

// Watcher is one who watches some petitions. It has no goroutine of its own: its owner calls Next; or Poll
// when Wait has returned or Notify has called. Those are for one goroutine at a time; Close may be called by any.
type Watcher struct {
	hub      *Hub
	aspect   figures.Aspect
	slots    []slot
	baseline []figures.Value
	bell     chan struct{} // holds one: Next shall look again

	mu         sync.Mutex // guards all below; taken before a shard's lock, never after
	ended      bool
	head, tail *slot  // queue of the slots that may have news
	notify     func() // called without mu
}

// Watch begins to watch these aspects of the petitions. It registers first and then waits for what the hub does not
// hold yet, so that no change is lost in between. It fails with ErrUnknown if a petition does not exist, with
// ErrClosed once the hub has ended, and with the read's error if that failed.
func (h *Hub) Watch(ctx context.Context, aspect figures.Aspect, ids ...uuid.UUID) (*Watcher, error) {
	ids = distinct(ids)
	w := h.newWatcher(aspect, len(ids))
	lookups, err := w.join(ids)
	if err == nil {
		err = h.await(ctx, lookups)
	}
	if err == nil {
		err = w.begin()
	}
	if err != nil {
		w.Close()
		return nil, err
	}
	return w, nil
}

// newWatcher returns a watcher with room for n slots. One slot, the usual case, is part of the same allocation.
func (h *Hub) newWatcher(aspect figures.Aspect, n int) *Watcher {
	h.watchers.Add(1)
	if n != 1 {
		return &Watcher{hub: h, aspect: aspect, slots: make([]slot, n)}
	}
	// Tens of thousands watch one petition each: one allocation instead of two is a large part of what each costs.
	one := &struct {
		Watcher
		slot [1]slot
	}{}
	one.hub, one.aspect, one.slots = h, aspect, one.slot[:]
	return &one.Watcher
}

// join takes a place in the topic of every id and returns the reads to wait for.
func (w *Watcher) join(ids []uuid.UUID) ([]*lookup, error) {
	var lookups []*lookup
	for i, id := range ids {
		s := &w.slots[i]
		// Before it joins: from then on it may be woken.
		s.watcher = w
		l, err := w.hub.shard(id).join(s, id, w.hub.queue.ask)
		if err != nil {
			return nil, err
		}
		if l != nil && !slices.Contains(lookups, l) {
			lookups = append(lookups, l)
		}
	}
	return lookups, nil
}

// await waits for the reads. The caller may give up, which does not end a read that others wait for too.
func (h *Hub) await(ctx context.Context, lookups []*lookup) error {
	for _, l := range lookups {
		select {
		case <-l.done:
		// When the hub ends, what waits in its queue is never read.
		case <-h.done:
			return ErrClosed
		case <-ctx.Done():
			return ctx.Err()
		}
		if l.err != nil {
			return fmt.Errorf("reading a petition to be watched: %w", l.err)
		}
	}
	return nil
}

// begin says what counts as news: for a watcher of counts the present value and all after it, for others what comes
// after the baseline.
func (w *Watcher) begin() error {
	for i := range w.slots {
		s := &w.slots[i]
		value, tick, held := s.topic.present()
		// The read has ended well and brought no value, so that there is no such petition.
		if !held {
			return ErrUnknown
		}
		w.mu.Lock()
		if w.aspect&figures.Count != 0 {
			w.push(s)
		} else {
			s.seen = tick
		}
		w.mu.Unlock()
		if w.aspect&^figures.Count != 0 {
			w.baseline = append(w.baseline, value)
		}
	}
	return nil
}

// Baseline returns the values from which a watcher of comments or editions began, in the order of the ids: news are
// what is newer. It is empty for a watcher of counts alone, whose first values are news.
func (w *Watcher) Baseline() []figures.Value { return w.baseline }

// Next waits for news and returns them: for a watcher of counts first the present value of each petition, and from
// then on, one petition after another, the newest value of each that changed in a watched aspect. What changed twice
// before it was fetched comes once, and versions grow from one value of a petition to the next, but for a watcher of
// other aspects, which gets the same version again when only one of those changed. It fails with ErrClosed when the
// watcher or the hub has ended, and with the context's error when ctx ends first. It takes the place of Notify.
func (w *Watcher) Next(ctx context.Context) (figures.Value, error) {
	for {
		v, ok, err := w.Poll()
		if ok || err != nil {
			return v, err
		}
		if err := w.Wait(ctx); err != nil {
			return figures.Value{}, err
		}
	}
}

// Wait waits until Poll may have something to return: news, or that the watcher or the hub has ended. It fails only
// with the context's error. Like Next it takes the place of Notify.
func (w *Watcher) Wait(ctx context.Context) error {
	if w.bell == nil {
		w.bell = make(chan struct{}, 1)
		w.Notify(func() { poke(w.bell) })
	}
	for !w.queued() {
		select {
		case <-w.bell:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// queued reports whether there is something for Poll to look at.
func (w *Watcher) queued() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.ended || w.head != nil
}

// Poll returns the next news if there are any, in the same order as Next, and never waits.
func (w *Watcher) Poll() (v figures.Value, ok bool, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended {
		return figures.Value{}, false, ErrClosed
	}
	// A slot may be queued without news: its topic changed in an aspect that is not watched, or was looked at in between.
	for s := w.pop(); s != nil; s = w.pop() {
		value, tick, newer := s.topic.since(s.seen, w.aspect)
		if newer {
			s.seen = tick
			return value, true, nil
		}
	}
	return figures.Value{}, false, nil
}

// Notify asks for fn to be called when there are news after Poll said that there are none, and when the watcher ends;
// at once if that is so already. It may be called for nothing, and once more after Close. It runs on the hub's own
// goroutine, so it must be quick and must not block; it may call Poll.
func (w *Watcher) Notify(fn func()) {
	w.mu.Lock()
	w.notify = fn
	// Under the lock, so that nothing that comes now falls between the look and fn being known.
	now := w.ended || w.head != nil
	w.mu.Unlock()
	if now {
		fn()
	}
}

// Close ends the watcher and lets go of everything kept for it. It may be called more than once.
func (w *Watcher) Close() {
	if !w.end() {
		return
	}
	for i := range w.slots {
		w.slots[i].leave()
	}
}

// end wakes the owner for the last time, and tells whether the watcher had not ended before.
func (w *Watcher) end() bool {
	w.mu.Lock()
	first, notify := !w.ended, w.notify
	w.ended = true
	w.mu.Unlock()
	if first {
		w.hub.watchers.Add(-1)
		if notify != nil {
			notify()
		}
	}
	return first
}

// ready queues a slot whose topic has come to tick, and calls the owner if the queue was empty.
func (w *Watcher) ready(s *slot, tick uint64) {
	w.mu.Lock()
	first := w.head == nil
	var notify func()
	// The owner is called for the first slot alone: it looks until the queue is empty.
	if !w.ended && s.seen < tick && w.push(s) && first {
		notify = w.notify
	}
	w.mu.Unlock()
	if notify != nil {
		notify()
	}
}

// push puts the slot at the end of the queue, unless it is in it. The caller holds mu.
func (w *Watcher) push(s *slot) bool {
	if s.queued {
		return false
	}
	s.queued = true
	if w.tail == nil {
		w.head = s
	} else {
		w.tail.next = s
	}
	w.tail = s
	return true
}

// pop takes the first slot from the queue, nil when it is empty. The caller holds mu.
func (w *Watcher) pop() *slot {
	s := w.head
	if s == nil {
		return nil
	}
	if w.head = s.next; w.head == nil {
		w.tail = nil
	}
	s.next, s.queued = nil, false
	return s
}

// distinct returns the ids without repetitions, in their order.
func distinct(ids []uuid.UUID) []uuid.UUID {
	if len(ids) < 2 {
		return ids
	}
	seen := make(map[uuid.UUID]bool, len(ids))
	return slices.DeleteFunc(slices.Clone(ids), func(id uuid.UUID) bool {
		again := seen[id]
		seen[id] = true
		return again
	})
}
