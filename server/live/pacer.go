package live

import (
	"context"
	"sync"
	"time"
)

// A pacer wakes the watchers of changed topics: at once after the first change, then no more than four times within
// four intervals, which are a second.
//
// A wake every interval would keep that, and would let a last change wait for a whole interval when it just missed a
// wake. No pace can do better for every change: when changes never pause, those told within L each are told every L,
// and L below an interval makes five wakes within four. But people wait for the change that ends a run of them. So
// three gaps in a row are a tenth longer and the fourth may be as much shorter, and it is kept for a change that was
// not followed by another. With an interval of 250 ms, what ends a run is told after 175 ms at most, the time left of
// a quarter of a second being for the way to the watcher; any other change is told after 275 ms at most.
type pacer struct {
	interval time.Duration
	now      func() time.Time
	signal   chan struct{} // holds one: fresh is not empty

	mu    sync.Mutex
	fresh []*topic // changed while at rest; guarded by mu

	// Used by run alone. Every topic that was told stands in early and then, unless it was told there, in due.
	early, due schedule
	spare      []*topic // the array of the last fresh, used again
	woken      []*slot  // the array of the slots being woken, used again
}

// A schedule holds the topics that were told, to come back to each after the same wait: so it is in order of time by
// itself.
type schedule struct {
	wait   time.Duration
	topics []appointment
}

// appointment is a topic with the time at which it was told last.
type appointment struct {
	topic *topic
	told  time.Time
}

// newPacer returns a pacer of an interval, whose parts are explained above.
func newPacer(interval time.Duration, now func() time.Time) *pacer {
	return &pacer{
		interval: interval, now: now, signal: make(chan struct{}, 1),
		early: schedule{wait: interval * 7 / 10}, due: schedule{wait: interval * 11 / 10},
	}
}

// add hands over a topic that changed while at rest. It never blocks.
func (p *pacer) add(t *topic) {
	p.mu.Lock()
	p.fresh = append(p.fresh, t)
	p.mu.Unlock()
	poke(p.signal)
}

// run wakes watchers until ctx ends. One timer serves all topics; those at rest are not looked at.
func (p *pacer) run(ctx context.Context) {
	timer := time.NewTimer(p.interval)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.signal:
		case <-timer.C:
		}
		p.tellFresh()
		p.tellEarly()
		p.tellDue()
		timer.Reset(min(p.early.left(p.now()), p.due.left(p.now())))
	}
}

// tellFresh tells the topics that have changed while at rest. The two arrays take turns, so that add never waits for
// those who are woken.
func (p *pacer) tellFresh() {
	p.mu.Lock()
	fresh := p.fresh
	p.fresh = p.spare[:0]
	p.mu.Unlock()
	for _, t := range fresh {
		p.tell(t)
	}
	clear(fresh)
	p.spare = fresh
}

// tellEarly tells the topics that may be told before they are due, and lets the others wait on.
func (p *pacer) tellEarly() {
	for range p.early.topics { // and not those added meanwhile, which under load would never end
		now := p.now()
		if p.early.left(now) > 0 {
			return
		}
		a := p.early.pop()
		if a.topic.hurries(now, p.interval) {
			p.tell(a.topic)
		} else {
			p.due.topics = append(p.due.topics, a)
		}
	}
}

// tellDue tells those that are due, or lets them come to rest.
func (p *pacer) tellDue() {
	for range p.due.topics {
		if p.due.left(p.now()) > 0 {
			return
		}
		p.tell(p.due.pop().topic)
	}
}

// tell wakes those who watch the topic and makes the next appointment, unless there is nothing to tell.
func (p *pacer) tell(t *topic) {
	slots, untold, tick := t.tell(p.woken[:0])
	if untold == 0 {
		return
	}
	p.early.topics = append(p.early.topics, appointment{t, p.now()})
	for _, s := range slots {
		if s.watcher.aspect&untold != 0 {
			s.watcher.ready(s, tick)
		}
	}
	clear(slots)
	p.woken = slots
}

// left returns how long it is until the first appointment.
func (s *schedule) left(now time.Time) time.Duration {
	if len(s.topics) == 0 {
		return time.Hour
	}
	return s.topics[0].told.Add(s.wait).Sub(now)
}

// pop takes the first appointment.
func (s *schedule) pop() appointment {
	a := s.topics[0]
	s.topics[0] = appointment{}
	if s.topics = s.topics[1:]; len(s.topics) == 0 {
		s.topics = nil // lets the array of a busy time go
	}
	return a
}

// poke leaves a signal in c unless one is waiting there.
func poke(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
