package live

import (
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"petitiond/server/figures"
)

// A shard holds the watched petitions whose ids fall to it, so that walking one does not stop the others.
type shard struct {
	mu     sync.Mutex // guards all below, and the fields of the topics therein
	topics map[uuid.UUID]*topic
	closed bool
}

// A topic is one watched petition. Its home's lock guards every field but home and value.Petition, which never change.
type topic struct {
	home  *shard
	value figures.Value
	held  bool    // value was read since the topic exists; until then no watcher was given anything
	asked *lookup // the last read that was to bring value, nil when it did

	tick    uint64                  // grows with every change, and so orders what a watcher has seen
	changed [figures.Aspects]uint64 // tick of the newest change of each aspect
	untold  figures.Aspect          // changed since the watchers were last woken
	paced   bool                    // is with the pacer, which will come back to untold
	newest  time.Time               // of the changes
	hurried time.Time               // when the watchers were last woken before they were due
	slots   []*slot
}

// A slot is the place of one watcher in one topic.
type slot struct {
	watcher *Watcher
	topic   *topic
	at      int // index in topic.slots, guarded by the topic's home

	// Guarded by the watcher's lock.
	seen   uint64 // tick of the topic when the watcher last took its value
	queued bool
	next   *slot // behind this one in the watcher's queue
}

// newTopic returns a topic that holds nothing yet. Its tick is 1 and not 0, so that a slot that has seen nothing
// differs from one that has seen the first value.
func newTopic(home *shard, id uuid.UUID) *topic {
	t := &topic{home: home, value: figures.Value{Petition: id}, tick: 1}
	for i := range t.changed {
		t.changed[i] = t.tick // news to a slot that has seen nothing
	}
	return t
}

// join puts the slot into the topic of id. The lookup returned, if any, brings the value that the topic lacks.
func (sh *shard) join(s *slot, id uuid.UUID, ask func(uuid.UUID) *lookup) (*lookup, error) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.closed {
		return nil, ErrClosed
	}
	t := sh.topics[id]
	if t == nil {
		t = newTopic(sh, id)
		sh.topics[id] = t
	}
	s.topic, s.at = t, len(t.slots)
	t.slots = append(t.slots, s)
	if !t.held && (t.asked == nil || t.asked.over()) {
		t.asked = ask(id) // once more, if a read did not bring it
	}
	return t.asked, nil
}

// leave takes the slot out of its topic, and the topic away with its last slot.
func (s *slot) leave() {
	t := s.topic
	if t == nil {
		return
	}
	t.home.mu.Lock()
	defer t.home.mu.Unlock()
	last := len(t.slots) - 1
	// The last slot takes the place: leaving costs the same in a crowd of any size, and the order tells nobody anything.
	t.slots[s.at] = t.slots[last]
	t.slots[s.at].at = s.at
	t.slots[last] = nil
	t.slots = t.slots[:last]
	switch {
	case last == 0:
		delete(t.home.topics, t.value.Petition)
	case cap(t.slots) > 1024 && last < cap(t.slots)/4:
		t.slots = slices.Clone(t.slots) // the crowd has gone: give its memory back
	}
}

// take merges a value into its topic, if somebody watches it, and returns the topic if the pacer must be told.
// A value that was read, unlike one that was published, is complete and not older than what was read before.
func (sh *shard) take(v figures.Value, now time.Time, read bool) *topic {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	t := sh.topics[v.Petition]
	if t == nil {
		return nil
	}
	if read {
		t.mark(t.value.Refresh(v), now)
	} else {
		t.mark(t.value.Merge(v), now)
	}
	if !t.held {
		if read {
			t.held, t.asked = true, nil
		}
		t.untold = 0 // those who wait for the first value take it without being woken
		return nil
	}
	if t.paced || t.untold == 0 {
		return nil
	}
	t.paced = true
	return t
}

// mark notes which aspects changed. A watcher of comments keeps the tick of its own last look, and so finds a change of
// comments however many counts have come since.
func (t *topic) mark(changed figures.Aspect, now time.Time) {
	if changed == 0 {
		return
	}
	t.tick++
	t.newest = now
	t.untold |= changed
	for i := range t.changed {
		if changed&(1<<i) != 0 {
			t.changed[i] = t.tick
		}
	}
}

// present returns the value and its tick, and whether the topic holds it already.
func (t *topic) present() (v figures.Value, tick uint64, held bool) {
	t.home.mu.Lock()
	defer t.home.mu.Unlock()
	return t.value, t.tick, t.held
}

// since returns the value and its tick, and whether one of the aspects changed after the tick seen.
func (t *topic) since(seen uint64, aspect figures.Aspect) (v figures.Value, tick uint64, newer bool) {
	t.home.mu.Lock()
	defer t.home.mu.Unlock()
	for i, at := range t.changed {
		newer = newer || at > seen && aspect&(1<<i) != 0
	}
	return t.value, t.tick, newer
}

// tell copies those who watch to slots, with what they have not been told yet; none means that the topic has come to
// rest.
func (t *topic) tell(slots []*slot) (_ []*slot, untold figures.Aspect, tick uint64) {
	t.home.mu.Lock()
	defer t.home.mu.Unlock()
	untold, t.untold = t.untold, 0
	// Nothing came for a whole interval. From here on the next change is told at once, by way of take.
	if untold == 0 {
		t.paced = false
		return slots, 0, t.tick
	}
	// A copy, since watchers are woken outside of the lock: one of them may leave meanwhile, and is then woken for
	// nothing.
	return append(slots, t.slots...), untold, t.tick
}

// hurries decides whether the watchers are woken before they are due: for a change that looks like the last one, and
// not twice within four intervals.
func (t *topic) hurries(now time.Time, interval time.Duration) bool {
	t.home.mu.Lock()
	defer t.home.mu.Unlock()
	ok := t.untold != 0 && now.Sub(t.newest) >= interval*3/10 && now.Sub(t.hurried) >= 4*interval
	if ok {
		t.hurried = now
	}
	return ok
}

// ids appends the ids of all topics to dst.
func (sh *shard) ids(dst []uuid.UUID) []uuid.UUID {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	for id := range sh.topics {
		dst = append(dst, id)
	}
	return dst
}

// close refuses further slots and returns those that there are.
func (sh *shard) close() []*slot {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	var slots []*slot
	for _, t := range sh.topics {
		slots = append(slots, t.slots...)
	}
	// Their owners are told outside of the lock: they may come back here to leave.
	sh.closed, sh.topics = true, nil
	return slots
}
