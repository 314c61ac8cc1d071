package live

import (
	"context"
	"sync"
	"time"
)

// A pacer wakes the watchers of changed topics: at once after the first change, then no more than once an interval.
type pacer struct {
	interval time.Duration
	now      func() time.Time
	signal   chan struct{} // holds one: fresh is not empty

	mu    sync.Mutex
	fresh []*topic // changed while at rest; guarded by mu

	// Used by run alone.
	waiting []appointment // in order of time by itself, since everyone waits equally long
	spare   []*topic      // the array of the last fresh, used again
	woken   []*slot       // the array of the slots being woken, used again
}

// An appointment is the time before which a topic is not told again.
type appointment struct {
	topic *topic
	at    time.Time
}

func newPacer(interval time.Duration, now func() time.Time) *pacer {
	return &pacer{interval: interval, now: now, signal: make(chan struct{}, 1)}
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
		p.tellDue()
		if len(p.waiting) > 0 {
			timer.Reset(p.waiting[0].at.Sub(p.now()))
		}
	}
}

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

func (p *pacer) tellDue() {
	for range p.waiting { // and not those added meanwhile, which under load would never end
		if p.waiting[0].at.After(p.now()) {
			return
		}
		t := p.waiting[0].topic
		p.waiting[0] = appointment{}
		p.waiting = p.waiting[1:]
		p.tell(t)
	}
	if len(p.waiting) == 0 {
		p.waiting = nil // lets the array of a busy time go
	}
}

// tell wakes who watches the topic and makes the next appointment, unless there is nothing to tell.
func (p *pacer) tell(t *topic) {
	slots, untold, tick := t.tell(p.woken[:0])
	if untold == 0 {
		return
	}
	p.waiting = append(p.waiting, appointment{t, p.now().Add(p.interval)})
	for _, s := range slots {
		if s.watcher.aspect&untold != 0 {
			s.watcher.ready(s, tick)
		}
	}
	clear(slots)
	p.woken = slots
}

// poke leaves a signal in c unless one is waiting there.
func poke(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
