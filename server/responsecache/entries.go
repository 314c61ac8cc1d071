package responsecache

import (
	"context"
	"math"
	"sync"
	"time"

	"petitiond/server/turns"
)

// entry is an answer: first one that is computed, then one that is kept. The shelf's lock guards it, but for what is
// read after done is closed and never changes then.
type entry struct {
	key      Key
	start    uint64        // number of the last drop before it was begun
	began    time.Time     // when that was
	ended    time.Time     // when it was computed, or the oldest of its parts that had been kept; zero: neither yet
	running  bool          // being computed
	asked    turns.Asker   // for whom
	attached bool          // those who come now may have it
	kept     bool          // and it is there
	fleeting bool          // Briefly was said
	costly   time.Duration // how long Costly lets it be kept; 0: it was not said
	// before is the number of the drop before which one must have come to get the result: of the first since the
	// beginning that took something the result may have been read from.
	before uint64
	links  *link
	count  int           // of links
	took   time.Duration // how long it was computed

	done    chan struct{} // closed when the next two are there
	value   any
	verdict Verdict

	bytes      int
	prev, next *entry // in the queue of what is computed, then in that of what is kept
}

// role is what a caller is to an entry.
type role uint8

const (
	author role = iota // computes it
	waiter             // waits for another who does
	finder             // finds it
)

// moment is when a caller came.
type moment struct {
	seq  uint64 // number of the last drop before
	time time.Time
}

// shelf is a store without its type: what is computed and kept, and what it depends on. Nothing is computed under
// its lock.
//
// Every drop has a number. A computation began after the drop start; those who came before the drop d of something that
// it depends on, and only they, may have what it read before d. Of a topic that is known when it is dropped the number
// is exact, and the entry takes no more callers. Of one that is named later only the last drop is remembered: if that
// was since the start, there may have been earlier ones too, so only those who came before any have the result.
type shelf struct {
	most           int
	longest, short time.Duration
	now            func() time.Time

	mu       sync.Mutex // guards all that follows, and the entries
	seq      uint64     // number of the last drop
	entries  map[Key]*entry
	topics   index
	running  queue // what is computed, the oldest first; also what takes no more callers
	used     queue // what is kept, the one first that was not used for the longest time
	dropped  memory
	bytes    int
	cautious bool
	stats    Stats
}

// Stats are what a store did since it was made, and what it holds.
type Stats struct {
	Hits, Joined, Computed uint64
	Entries, Bytes         int
}

// What an answer takes besides its value, about.
const (
	entryBytes = 400
	linkBytes  = 120
)

// share is the part of all memory that one answer may take: a few must not push out all others.
const share = 8

// costlyRest is for how many times as long as it took to compute something is kept of which [Costly] was said: a
// twentieth of the time, and of one processor, is the most that is spent on it.
const costlyRest = 19

// newShelf returns an empty shelf for so many bytes.
func newShelf(most int, longest, short time.Duration, now func() time.Time) shelf {
	return shelf{most: most, longest: longest, short: short, now: now, entries: map[Key]*entry{}, topics: index{}}
}

// enter returns the entry that a caller has to do with, and as what.
func (s *shelf) enter(ctx context.Context, key Key) (*entry, role, moment) {
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	// Taken under the same lock as the entry is found: a drop is before both or after both.
	at := moment{seq: s.seq, time: now}
	e := s.current(key, now)
	switch {
	case e == nil:
		e = &entry{key: key, asked: turns.AskerOf(ctx), start: s.seq, began: now, running: true, attached: true, before: math.MaxUint64, done: make(chan struct{})}
		s.entries[key] = e
		// At the end, and so the oldest is first: it decides for how long drops are remembered.
		s.running.push(e)
		s.stats.Computed++
		return e, author, at
	case e.running:
		e.asked.Join(ctx)
		s.stats.Joined++
		return e, waiter, at
	default:
		s.use(e)
		return e, finder, at
	}
}

// find returns what is kept.
func (s *shelf) find(key Key) *entry {
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.current(key, now)
	if e == nil || e.running {
		return nil
	}
	s.use(e)
	return e
}

// use counts a hit and moves the entry to where it is dropped last.
func (s *shelf) use(e *entry) {
	s.stats.Hits++
	s.used.remove(e)
	s.used.push(e)
}

// current returns the entry of key unless it is too old. Then the one who comes now computes it again.
func (s *shelf) current(key Key, now time.Time) *entry {
	e := s.entries[key]
	if e != nil && s.expired(e, now) {
		s.remove(e)
		return nil
	}
	return e
}

// expired reports whether an entry is older than it may be. Its age is that of its end: had something that it
// depends on changed since its beginning, it would have been dropped. So what is computed has no age, however long it
// takes, and those who come meanwhile wait for it instead of computing the same again. Where news of changes may be
// lost nobody knows what has changed, and what was read may be as old as the beginning.
func (s *shelf) expired(e *entry, now time.Time) bool {
	switch {
	case s.cautious:
		return now.Sub(e.began) > s.lifetime(e)
	case e.running:
		return false
	}
	return now.Sub(e.ended) > s.lifetime(e)
}

// lifetime returns how old an entry may grow.
func (s *shelf) lifetime(e *entry) time.Duration {
	switch {
	case e.costly > 0 && !e.running:
		return max(s.short, min(costlyRest*e.took, e.costly))
	case e.costly > 0, e.fleeting, s.cautious:
		return s.short
	}
	return s.longest
}

// judge reports whether those who came at that moment may have the result that they waited for.
func (s *shelf) judge(e *entry, at moment) (verdict Verdict, mine bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return e.verdict, e.verdict != Own && at.seq < e.before && !s.expired(e, at.time)
}

// countUnshared notes a computation that has no entry.
func (s *shelf) countUnshared() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.Computed++
}

// finish ends a computation.
func (s *shelf) finish(e *entry, value any, verdict Verdict, bytes int) {
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running.remove(e)
	e.running, e.asked = false, turns.Asker{}
	e.took = now.Sub(e.began)
	// Else it has the age of a part that was kept before.
	if e.ended.IsZero() {
		e.ended = now
	}
	e.value, e.verdict = value, verdict
	e.bytes = bytes + entryBytes + e.count*linkBytes
	switch {
	case !e.attached:
	// It is not kept, but those who waited for it may still have it, as judge decides.
	case verdict != Keep, s.expired(e, now), e.bytes > s.most/share:
		s.remove(e)
	default:
		e.kept = true
		s.used.push(e)
		s.bytes += e.bytes
		s.sweep(now)
	}
	// Drops are remembered for the sake of what began before them: the oldest that still runs decides.
	if oldest := s.running.first; oldest != nil {
		s.dropped.forget(oldest.start)
	} else {
		s.dropped.forget(s.seq)
	}
	close(e.done)
}

// sweep lets go of what was not used for the longest time until the rest fits, and of what nobody may have any more.
// What is too old stays until it is the next in the queue, which is not much longer.
func (s *shelf) sweep(now time.Time) {
	for e := s.used.first; e != nil && (s.bytes > s.most || s.expired(e, now)); e = s.used.first {
		s.remove(e)
	}
}

// remove keeps everybody who comes from an entry. If it is still computed, those who wait for it stay.
func (s *shelf) remove(e *entry) {
	if !e.attached {
		return
	}
	e.attached = false
	delete(s.entries, e.key)
	for l := e.links; l != nil; l = l.sibling {
		s.topics.remove(l)
	}
	e.links = nil
	if e.kept {
		e.kept = false
		s.used.remove(e)
		s.bytes -= e.bytes
	}
}

// learn notes what an entry depends on.
func (s *shelf) learn(e *entry, links []link) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range links {
		l := &links[i]
		switch {
		case !e.running:
			// Said too late, against the rules: there is no telling what happened meanwhile.
			s.remove(e)
		case s.dropped.last(l.topic) > e.start:
			e.before = min(e.before, e.start+1)
			s.remove(e)
		case e.attached:
			l.sibling, e.links = e.links, l
			e.count++
			s.topics.add(l)
		}
	}
}

// brief makes an entry live for a moment only.
func (s *shelf) brief(e *entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e.fleeting = true
}

// cost makes an entry live for as long as its computing deserves, and longest at most.
func (s *shelf) cost(e *entry, longest time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e.costly = longest
}

// age makes an entry that is computed as old as a part of it that was kept already, maybe on another shelf.
func (s *shelf) age(e, part *entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !e.running {
		return
	}
	if e.ended.IsZero() || part.ended.Before(e.ended) {
		e.ended = part.ended
	}
	if part.began.Before(e.began) {
		e.began = part.began
	}
}

// Stats says what the store did and what it holds.
func (s *shelf) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	stats := s.stats
	stats.Entries, stats.Bytes = len(s.entries), s.bytes
	return stats
}
