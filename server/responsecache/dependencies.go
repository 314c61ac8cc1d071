package responsecache

// link says that an entry depends on a topic.
type link struct {
	topic      Topic
	entry      *entry
	sibling    *link // of the same entry
	prev, next *link // of the same topic
}

// index finds what depends on a topic. A topic that nothing depends on is not in it.
type index map[Topic]*link

// add puts a link at the front of its topic: the order does not matter.
func (x index) add(l *link) {
	l.next = x[l.topic]
	if l.next != nil {
		l.next.prev = l
	}
	x[l.topic] = l
}

// remove takes a link out of its topic without looking for it, since an answer may depend on thousands and is dropped
// while everybody waits for the lock.
func (x index) remove(l *link) {
	switch {
	case l.prev != nil:
		l.prev.next = l.next
	case l.next != nil:
		x[l.topic] = l.next
	default:
		delete(x, l.topic)
	}
	if l.next != nil {
		l.next.prev = l.prev
	}
	l.prev, l.next = nil, nil
}

// queue is a list of entries in the order in which they were pushed. An entry stands in one queue at most, so that it
// can bear its neighbours itself.
type queue struct{ first, last *entry }

// push appends an entry. The links are in the entries themselves, so that it may leave from the middle without a
// search.
func (q *queue) push(e *entry) {
	e.prev, e.next = q.last, nil
	if q.last != nil {
		q.last.next = e
	} else {
		q.first = e
	}
	q.last = e
}

// remove takes an entry out.
func (q *queue) remove(e *entry) {
	if e.prev != nil {
		e.prev.next = e.next
	} else {
		q.first = e.next
	}
	if e.next != nil {
		e.next.prev = e.prev
	} else {
		q.last = e.prev
	}
	e.prev, e.next = nil, nil
}

// memory knows the number of the last drop of each topic, as long as a computation runs that began before it.
type memory struct {
	of    map[Topic]uint64
	order []drop // the oldest first
	floor uint64 // up to this number everything counts as dropped
}

// drop is a topic that was dropped, and the number of that drop.
type drop struct {
	topic Topic
	seq   uint64
}

// mostDrops bounds the memory. Beyond it the oldest are forgotten, and everything counts as dropped with them: then
// what has run for so long and learns late of a topic is not kept.
const mostDrops = 1 << 15

// add remembers a drop.
func (m *memory) add(t Topic, seq uint64) {
	if m.of == nil {
		m.of = map[Topic]uint64{}
	}
	m.of[t] = seq
	m.order = append(m.order, drop{t, seq})
	if len(m.order) > mostDrops {
		// Half of them at once: to forget one for each that comes would keep the memory at its bound, and raise the floor
		// each time.
		m.floor = m.order[len(m.order)/2].seq
		m.forget(m.floor)
	}
}

// last returns the number of the last drop of a topic, or a greater one; 0 if it is not known to be of any account.
func (m *memory) last(t Topic) uint64 { return max(m.of[t], m.floor) }

// forget forgets the drops up to this number.
func (m *memory) forget(seq uint64) {
	n := 0
	for ; n < len(m.order) && m.order[n].seq <= seq; n++ {
		// A topic may have been dropped again since: then its later drop still stands behind this one.
		if d := m.order[n]; m.of[d.topic] == d.seq {
			delete(m.of, d.topic)
		}
	}
	m.order = m.order[n:] // append moves the rest to the front of a new array now and then
	if len(m.order) == 0 {
		m.of, m.order = nil, nil
	}
}
