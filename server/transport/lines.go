package transport

import (
	"context"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"time"

	"petitiond/server/transport/socket"
	"petitiond/server/transport/epoll"
)

const (
	// ticksASecond of the clock by which lines are watched. It counts from the first line.
	ticksASecond = 20
	tick         = time.Second / ticksASecond
	// chunk are the lines looked at before others may come and go.
	chunk = 1024
)

// lines are all open connections.
type lines struct {
	t    *Transport
	zero time.Time

	mu     sync.Mutex // guards what follows
	all    []*line
	by     map[netip.Prefix]int
	closed bool
	loop   *epoll.Loop    // nil before the first
	empty  chan struct{} // closed when the last has gone after closing
	stop   chan struct{}
}

func (s *lines) ticks() int32 { return int32(now().Sub(s.zero)/tick) + 1 }

// admit counts a line in, under the credential that it bears, or says why there can be no other.
func (s *lines) admit(l *line, who identity) *fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.t.limits
	switch {
	case s.closed:
		return stopped()
	case len(s.all) >= o.Sockets:
		return crowded("This server has as many open connections as it can hold. Try again later.")
	case o.SocketsPerAddress > 0 && s.by[l.address] >= o.SocketsPerAddress:
		return crowded("There are too many open connections from your address. Close one first.")
	}
	if err := s.begin(); err != nil {
		return crowded("This server cannot keep another connection open. Try again later.")
	}
	l.place = len(s.all)
	s.all = append(s.all, l)
	s.by[l.address]++
	l.opened = s.ticks()
	l.rate = rate{at: l.opened, left: float32(o.MessageBurst)}
	l.who = s.t.credentials.hold(who)
	return nil
}

// begin starts what lines need, with the first. It needs mu.
func (s *lines) begin() (err error) {
	if s.loop != nil {
		return nil
	}
	if s.loop, err = epoll.New(); err != nil {
		return err
	}
	s.stop = make(chan struct{})
	s.t.running.Go(s.watch)
	s.t.dispatch.start(&s.t.running)
	return nil
}

// running returns the loop, or nil after its end.
func (s *lines) running() *epoll.Loop {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.loop
}

func (s *lines) ended() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

// remove counts a line out.
func (s *lines) remove(l *line) {
	s.mu.Lock()
	defer s.mu.Unlock()
	last := len(s.all) - 1
	s.all[l.place] = s.all[last]
	s.all[l.place].place = l.place
	s.all[last] = nil
	s.all = s.all[:last]
	if s.by[l.address]--; s.by[l.address] == 0 {
		delete(s.by, l.address)
	}
	if s.closed && last == 0 {
		close(s.empty)
	}
}

func (s *lines) size() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.all)
}

// some gives the lines from a place on.
func (s *lines) some(from int, into []*line) []*line {
	s.mu.Lock()
	defer s.mu.Unlock()
	if from >= len(s.all) {
		return nil
	}
	return append(into[:0], s.all[from:min(from+chunk, len(s.all))]...)
}

// watch looks after every line once a second, or more often where limits are shorter than they are in earnest.
func (s *lines) watch() {
	o := s.t.limits
	ticker := time.NewTicker(max(tick, min(time.Second, o.Init/2, o.Event/2, o.Ping/2, o.Pong/2)))
	defer ticker.Stop()
	buffer := make([]*line, 0, chunk)
	for {
		select {
		case <-s.stop:
			return
		case <-ticker.C:
		}
		s.t.credentials.check()
		at := s.ticks()
		for from := 0; ; from += chunk {
			part := s.some(from, buffer)
			if len(part) == 0 {
				break
			}
			for _, l := range part {
				l.look(at)
			}
		}
		s.t.streams.sweep()
	}
}

// look ends a line that is over, and asks one that is silent whether it is there.
func (l *line) look(at int32) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.gone || l.conn == nil {
		return
	}
	l.expire()
	o := l.t.limits
	since := func(then int32) time.Duration { return time.Duration(at-then) * tick }
	switch {
	case l.gone:
	case l.leaving:
		if since(l.parted) >= farewell {
			l.drop()
		}
	case len(l.texts) == 0 && l.stalled != 0 && since(l.stalled) >= o.Event:
		l.drop()
	case len(l.texts) > 0: // the client waits for us
		if l.stalled != 0 && since(l.stalled)-since(max(l.paused, l.stalled)) >= o.Event {
			l.drop()
		}
	case l.manner == overSocket && !l.session.Ready() && !l.session.Initialising() && since(l.opened) >= o.Init:
		l.closing(socket.ErrInitTimeout)
	case l.halved != 0 && since(l.halved) >= o.Read:
		l.close(socket.Policy, "A message took too long to arrive")
	case since(l.opened) >= l.age():
		l.say(socket.GoingAway, "Connect again")
	case l.asked != 0 && since(l.asked) >= o.Pong && l.stalled == 0:
		l.drop()
	case l.asked == 0 && since(max(l.spoke, l.opened)) >= o.Ping && len(l.pending) == 0:
		l.ping(at)
	}
}

// age is how long the line may live: not for all the same, so that they do not come back together.
func (l *line) age() time.Duration {
	spread := time.Duration(l.opened%1000) * l.t.limits.Age / 5000 // to 20 %
	return l.t.limits.Age - l.t.limits.Age/10 + spread
}

// ping proves that both ends are there: the kernel takes bytes for a client that reads no more.
func (l *line) ping(at int32) {
	l.spoke = at
	if l.manner == overSocket {
		l.asked = at
		l.write(socket.AppendFrame(nil, socket.Ping, nil))
		return
	}
	l.write([]byte(":\n\n"))
}

// say ends a line: with a close code where there is one. A stream just ends: its operations are not complete,
// and its client comes back. It needs mu.
func (l *line) say(code int, reason string) {
	if l.manner == overSocket {
		l.close(code, reason)
		return
	}
	if !l.gone && !l.leaving {
		l.releaseAll()
		l.part()
	}
}

// expire ends what may not go on because its credential has ended. It needs mu.
func (l *line) expire() {
	if l.leaving {
		return
	}
	if l.manner != overSocket { // there all operations bear the credential of the line
		for id, r := range l.session.Operations() {
			f := r.who.fault()
			if l.manner == overEvents {
				f = l.who.fault()
			}
			if f != nil {
				l.last(id, l.appendEnd(nil, r, mustJSON(f.errs)))
			}
		}
	}
	switch f := l.who.fault(); {
	case f == nil:
	case f.status == http.StatusServiceUnavailable:
		l.say(tryLater, "Try again later")
	default:
		l.say(socket.Forbidden, "Forbidden")
	}
}

// part says good-bye to everybody, spread over a time so that they do not all come back at once, and returns
// when the last has gone.
func (s *lines) part(ctx context.Context, spread time.Duration) error {
	everybody, empty := s.end()
	spread = min(spread, time.Duration(len(everybody))*20*time.Millisecond)
	began := now()
	for i, l := range everybody {
		wait := time.Duration(i)*spread/time.Duration(len(everybody)) - now().Sub(began)
		if wait > 0 {
			select {
			case <-time.After(wait):
			case <-ctx.Done():
			}
		}
		l.mu.Lock()
		if l.conn != nil {
			l.say(socket.GoingAway, "Going away")
		}
		l.mu.Unlock()
	}
	select {
	case <-empty:
		return nil
	case <-ctx.Done():
		for _, l := range everybody {
			l.abandon()
		}
		return ctx.Err()
	}
}

// end lets nobody in any more.
func (s *lines) end() (everybody []*line, empty <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.closed = true
		s.empty = make(chan struct{})
		if len(s.all) == 0 {
			close(s.empty)
		}
	}
	return slices.Clone(s.all), s.empty
}

// close ends what lines need, after the last of them.
func (s *lines) close() {
	s.mu.Lock()
	loop := s.loop
	s.loop = nil
	s.mu.Unlock()
	if loop != nil {
		loop.Close()
		close(s.stop)
		close(s.t.dispatch.halted)
	}
}
