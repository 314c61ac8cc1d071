package edge

import (
	"container/list"
	"context"
	"iter"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"
)

// places are all connections that no handler has taken over. When there is no room for another, the one goes that has
// waited longest for something of its client: for the first byte, the rest of a header, a body, the next request, or
// that it reads its answer. So those who hold connections without using them lose them to those who do, and nobody who
// is being served loses one. Whoever comes when all are being served is refused.
type places struct {
	most, each int
	client     func(netip.Addr) netip.Prefix
	log        *slog.Logger
	now        func() time.Time

	mu       sync.Mutex // guards what follows, and each place
	open     map[net.Conn]*place
	all      *queue
	clients  map[netip.Prefix]*queue
	draining bool
	told     map[string]time.Time
}

// place is one connection.
type place struct {
	*places
	conn      net.Conn
	client    netip.Prefix
	expecting bool          // a handler has the request, but not its body
	writing   bool          // an answer is being sent, which takes as long as the client does not read
	since     time.Time     // when writing began
	until     time.Time     // when the answer that is being sent must have left; zero: not known
	leave     time.Time     // when what is being sent must have left because of a stop
	left      time.Duration // what remains of leaveTime
	all, own  spot          // own is nowhere for a client that has no limit
}

const (
	// moment is how long a connection on which an answer is being sent does not give way: a client that reads needs
	// less, and would otherwise lose an answer that is on its way whenever all others are at work.
	moment = 250 * time.Millisecond
	// leaveTime is how long a client is waited for to read an answer during a stop.
	leaveTime = 2 * time.Second
)

func newPlaces(o Options) *places {
	return &places{
		most: o.Connections, each: o.ConnectionsPerClient, client: o.Client, log: o.Logger, now: o.Now,
		open: map[net.Conn]*place{}, all: newQueue(), clients: map[netip.Prefix]*queue{}, told: map[string]time.Time{},
	}
}

// enter finds a place for a connection, or refuses it.
func (s *places) enter(conn net.Conn) bool {
	p := &place{places: s, conn: conn, left: leaveTime}
	if s.each > 0 {
		p.client = s.client(addressOf(conn))
	}
	s.mu.Lock()
	gone, ok := s.room(p.client)
	if ok {
		s.take(p)
	}
	s.mu.Unlock()
	if gone != nil {
		_ = gone.Close() // what was answered on it is sent, or the client does not read it
	}
	if !ok {
		refuse(conn)
	}
	return ok
}

// room makes room for another connection of a client, and returns the one that had to go for it. It needs mu.
func (s *places) room(client netip.Prefix) (gone net.Conn, ok bool) {
	own := s.clients[client]
	var longest *place
	switch {
	case s.draining:
		return nil, false
	case own != nil && own.size() >= s.each:
		longest = own.longest(s.now())
		s.tell("a client has as many connections as one may have", "most", s.each)
	case s.all.size() >= s.most:
		longest = s.all.longest(s.now())
		s.tell("there are as many connections as there may be", "most", s.most)
	default:
		return nil, true
	}
	if longest == nil {
		return nil, false
	}
	s.remove(longest)
	return longest.conn, true
}

// tell warns of something at most once a minute. It needs mu.
func (s *places) tell(what string, more ...any) {
	at := s.now()
	if last, ok := s.told[what]; ok && at.Sub(last) < time.Minute {
		return
	}
	s.told[what] = at
	s.log.Warn(what, more...)
}

func (s *places) take(p *place) {
	s.open[p.conn] = p
	p.all = s.all.join(p)
	if p.client == (netip.Prefix{}) {
		return
	}
	own := s.clients[p.client]
	if own == nil {
		own = newQueue()
		s.clients[p.client] = own
	}
	p.own = own.join(p)
}

func (s *places) remove(p *place) {
	delete(s.open, p.conn)
	p.all.leave()
	p.own.leave()
	if own := s.clients[p.client]; own != nil && own.size() == 0 {
		delete(s.clients, p.client)
	}
}

// spare closes the connection that has waited longest, so that its descriptor can be another's.
func (s *places) spare() {
	s.mu.Lock()
	longest := s.all.longest(s.now())
	if longest != nil {
		s.remove(longest)
	}
	s.mu.Unlock()
	if longest != nil {
		_ = longest.conn.Close()
	}
}

func (s *places) size() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.all.size()
}

type placeKey struct{}

// know is the http.Server's ConnContext: requests find the place of their connection.
func (s *places) know(ctx context.Context, conn net.Conn) context.Context {
	s.mu.Lock()
	defer s.mu.Unlock()
	return context.WithValue(ctx, placeKey{}, s.open[conn])
}

// placeOf returns nil where there are no places, as in a test of a handler.
func placeOf(ctx context.Context) *place {
	p, _ := ctx.Value(placeKey{}).(*place)
	return p
}

// follow is the http.Server's ConnState. That a request has begun is not of interest before a handler has it.
func (s *places) follow(conn net.Conn, state http.ConnState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.open[conn]
	switch {
	case p == nil: // it had to go
	case state == http.StateIdle:
		p.wait()
	case state == http.StateHijacked, state == http.StateClosed:
		s.remove(p)
	}
}

// drain hurries everybody who is waited for. Who reads an answer gets the rest of it.
func (s *places) drain() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.draining = true
	for p := range s.all.waiting() {
		if p.expecting {
			p.hurry()
		}
		if p.writing {
			p.press()
		}
		if !p.expecting && !p.writing {
			_ = p.conn.Close() // follow hears of it
		}
	}
}

// wait notes that the client has to do something from now on. It needs mu.
func (p *place) wait() {
	p.expecting, p.writing = false, false
	p.all.wait()
	p.own.wait()
}

// expect notes that a handler has a request whose body is still to come.
func (p *place) expect() {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wait()
	p.expecting = true
	if p.draining {
		p.hurry()
	}
}

// hurry ends the time for a body. It needs mu.
func (p *place) hurry() { _ = p.conn.SetReadDeadline(time.Unix(1, 0)) }

// hurried reports whether the time for a body has been ended.
func (p *place) hurried() bool {
	if p == nil {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.draining
}

// press ends the time for an answer soon. What earlier parts of it took counts too, or a client that reads a little now
// and then would put off the end with each of them; what the handler takes between them does not. It needs mu.
func (p *place) press() {
	p.leave = p.now().Add(p.left)
	at := p.leave
	if !p.until.IsZero() && p.until.Before(at) {
		at = p.until
	}
	_ = p.conn.SetWriteDeadline(at)
}

// work notes that it is the server who has to do something.
func (p *place) work() {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.expecting = false
	p.resume()
}

// write notes that from now on the client has to read, an answer that must have left by a time.
func (p *place) write(until time.Time) {
	if p == nil {
		return
	}
	now := p.now()
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.expecting { // else it has been waited for already
		p.wait()
	}
	p.writing, p.since, p.until = true, now, until
	if p.draining {
		p.press()
	}
}

// wrote notes that what was to be read has left, and that the handler goes on.
func (p *place) wrote() {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.writing = false
	if p.draining {
		p.left = max(p.leave.Sub(p.now()), 0)
	}
	p.resume()
}

// resume lets the place wait no more, unless there is something else that it waits for. It needs mu.
func (p *place) resume() {
	if p.expecting || p.writing {
		return
	}
	p.all.work()
	p.own.work()
}

// queue holds places: first those who wait for their clients, the longest first, then a mark, then the others.
type queue struct {
	places *list.List
	mark   *list.Element
}

func newQueue() *queue {
	q := &queue{places: list.New()}
	q.mark = q.places.PushBack((*place)(nil))
	return q
}

func (q *queue) size() int { return q.places.Len() - 1 }

// longest returns the place that has waited longest and may give way, or nil if there is none.
func (q *queue) longest(now time.Time) *place {
	for p := range q.waiting() {
		if !p.writing || now.Sub(p.since) >= moment {
			return p
		}
	}
	return nil
}

func (q *queue) join(p *place) spot { return spot{q, q.places.InsertBefore(p, q.mark)} }

// waiting yields those who wait, the longest first.
func (q *queue) waiting() iter.Seq[*place] {
	return func(yield func(*place) bool) {
		for e := q.places.Front(); e != q.mark; e = e.Next() {
			if !yield(e.Value.(*place)) {
				return
			}
		}
	}
}

// spot is where in a queue a place is; the zero spot is in none.
type spot struct {
	queue *queue
	at    *list.Element
}

func (s spot) wait() {
	if s.queue != nil {
		s.queue.places.MoveBefore(s.at, s.queue.mark)
	}
}

func (s spot) work() {
	if s.queue != nil {
		s.queue.places.MoveToBack(s.at)
	}
}

func (s spot) leave() {
	if s.queue != nil {
		s.queue.places.Remove(s.at)
	}
}
