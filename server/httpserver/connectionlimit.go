package httpserver

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

	"petitiond/server/recurring"
)

// places are all connections that no handler has hijacked. If there is no room for another one, the connection is
// closed that has waited longest for its client: for the first byte, the rest of a header, a body, the next request, or
// for the client to read its answer. So clients that hold connections without using them lose them to those that do,
// and no client loses a connection on which the server is working. Only if the server is working on all of them is a
// new one refused.
type places struct {
	most, each int
	client     func(netip.Addr) netip.Prefix
	log        *slog.Logger
	now        func() time.Time

	mu       sync.Mutex // guards what follows, and each place
	open     map[net.Conn]*place
	all      *queue                  // of all places
	clients  map[netip.Prefix]*queue // of the places of each client that has a limit
	draining bool

	limited recurring.Lines // how often there was no room, by the limit
}

// place is one connection. It waits for its client while expecting or writing is set, and between requests; otherwise
// the server is working on it.
type place struct {
	*places
	conn      net.Conn
	client    netip.Prefix
	expecting bool          // a handler has the request, but not yet all of its body
	writing   bool          // an answer is being sent, which may block until the client reads
	since     time.Time     // when writing began
	until     time.Time     // when the answer must have been sent; zero: not known
	leave     time.Time     // when it must have been sent because the server stops
	left      time.Duration // what remains of leaveTime
	all, own  spot          // in the two queues; own is zero for a client without a limit
}

const (
	// moment is for how long a connection on which an answer is being sent is not closed for another. A client that
	// reads its answer needs less, and would otherwise lose it whenever the server is working on all other connections.
	moment = 250 * time.Millisecond
	// leaveTime is how long, while the server stops, a client may take to read its answer.
	leaveTime = 2 * time.Second
)

// newPlaces returns places that are all free.
func newPlaces(o Options) *places {
	return &places{
		most: o.Connections, each: o.ConnectionsPerClient, client: o.Client, log: o.Logger, now: o.Now,
		open: map[net.Conn]*place{}, all: newQueue(), clients: map[netip.Prefix]*queue{}, limited: recurring.Lines{Now: o.Now},
	}
}

// enter finds a place for a connection, or refuses the connection.
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
		_ = gone.Close() // loses nothing but what the client has not read for a while
	}
	if !ok {
		refuse(conn)
	}
	return ok
}

// room makes room for another connection of a client, and returns the one that must be closed for it, if any. A client
// at its own limit can only replace a connection of its own. It needs mu.
func (s *places) room(client netip.Prefix) (gone net.Conn, ok bool) {
	own := s.clients[client]
	var longest *place
	switch {
	case s.draining:
		return nil, false
	case own != nil && own.size() >= s.each:
		longest = own.longest(s.now())
		s.warn(PerClient, "a client has reached the limit of connections per address: if it is a proxy, "+
			"PETITION_TRUSTED_PROXIES must name it; else see PETITION_MAX_CONNECTIONS_PER_ADDRESS", s.each)
	case s.all.size() >= s.most:
		longest = s.all.longest(s.now())
		s.warn(OfAll, "the limit of connections is reached: see PETITION_MAX_CONNECTIONS", s.most)
	default:
		return nil, true
	}
	if longest == nil {
		return nil, false
	}
	s.remove(longest)
	return longest.conn, true
}

// Limit is one that connections can reach.
type Limit string

// The limits.
const (
	PerClient Limit = "address"
	OfAll     Limit = "all"
)

// Limits returns all of them.
func Limits() []Limit { return []Limit{PerClient, OfAll} }

// warn counts that a limit was reached and logs it, each at most once a minute: a flood of connections must not become
// a flood of lines.
func (s *places) warn(limit Limit, text string, most int) {
	if times, due := s.limited.Due(string(limit)); due {
		s.log.Warn(text, "most", most, "times", times)
	}
}

// take registers a place and puts it into its queues, as one that waits for its client. It needs mu.
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

// remove forgets a place. It needs mu, and leaves the connection open.
func (s *places) remove(p *place) {
	delete(s.open, p.conn)
	p.all.leave()
	p.own.leave()
	if own := s.clients[p.client]; own != nil && own.size() == 0 {
		delete(s.clients, p.client)
	}
}

// spare closes the connection that has waited longest, to free its file descriptor.
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

// size returns how many connections there are.
func (s *places) size() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.all.size()
}

type placeKey struct{}

// know is the http.Server's ConnContext. It lets requests find the place of their connection.
func (s *places) know(ctx context.Context, conn net.Conn) context.Context {
	s.mu.Lock()
	defer s.mu.Unlock()
	return context.WithValue(ctx, placeKey{}, s.open[conn])
}

// placeOf returns the place of a request's connection, or nil if there is none, as in a test of a handler. All methods
// that handlers need accept a nil place.
func placeOf(ctx context.Context) *place {
	p, _ := ctx.Value(placeKey{}).(*place)
	return p
}

// follow is the http.Server's ConnState. It ignores that a request has begun: until a handler has the request, the
// connection still waits for its client.
func (s *places) follow(conn net.Conn, state http.ConnState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.open[conn]
	switch {
	case p == nil: // it was closed to make room
	case state == http.StateIdle:
		p.wait()
	case state == http.StateHijacked, state == http.StateClosed:
		s.remove(p)
	}
}

// drain shortens every wait for a client, since the server stops. Clients that read their answers still get the rest.
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
			_ = p.conn.Close() // follow removes it
		}
	}
}

// wait notes that the connection waits for its client from now on. It needs mu.
func (p *place) wait() {
	p.expecting, p.writing = false, false
	p.all.wait()
	p.own.wait()
}

// expect notes that a handler has a request whose body has not arrived yet.
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

// hurry makes reading a body fail at once. It needs mu.
func (p *place) hurry() { _ = p.conn.SetReadDeadline(time.Unix(1, 0)) }

// hurried reports whether the time for a body was cut short, since the server stops.
func (p *place) hurried() bool {
	if p == nil {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.draining
}

// press shortens the time for an answer, of which the client may take leaveTime in total. The time that earlier parts
// of the answer took counts too: otherwise a client that reads a little now and then could put off the end with each
// part. The time that the handler takes between the parts does not count. It needs mu.
func (p *place) press() {
	p.leave = p.now().Add(p.left)
	at := p.leave
	if !p.until.IsZero() && p.until.Before(at) {
		at = p.until
	}
	_ = p.conn.SetWriteDeadline(at)
}

// work notes that from now on the server has to do something.
func (p *place) work() {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.expecting = false
	p.resume()
}

// write notes that from now on the client has to read an answer, which must have been sent by a certain time.
func (p *place) write(until time.Time) {
	if p == nil {
		return
	}
	now := p.now()
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.expecting { // else it is waiting already, and keeps its position in the queue
		p.wait()
	}
	p.writing, p.since, p.until = true, now, until
	if p.draining {
		p.press()
	}
}

// wrote notes that a part of the answer has been sent and that the handler continues.
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

// resume notes that the connection no longer waits for its client, unless it still does for another reason. It needs
// mu.
func (p *place) resume() {
	if p.expecting || p.writing {
		return
	}
	p.all.work()
	p.own.work()
}

// queue contains places: first those that wait for their clients, the longest first, then a mark, then those on which
// the server is working. A list with a mark moves a place between the two in constant time.
type queue struct {
	places *list.List
	mark   *list.Element
}

// newQueue returns an empty queue. Its mark stands between the connections that wait, before it, and those at work.
func newQueue() *queue {
	q := &queue{places: list.New()}
	q.mark = q.places.PushBack((*place)(nil))
	return q
}

// size counts the places, without the mark.
func (q *queue) size() int { return q.places.Len() - 1 }

// longest returns the place that has waited longest and may be closed for another, or nil if there is none.
func (q *queue) longest(now time.Time) *place {
	for p := range q.waiting() {
		if !p.writing || now.Sub(p.since) >= moment {
			return p
		}
	}
	return nil
}

// join adds a place at the end of those that wait.
func (q *queue) join(p *place) spot { return spot{q, q.places.InsertBefore(p, q.mark)} }

// waiting yields the places that wait, the longest first.
func (q *queue) waiting() iter.Seq[*place] {
	return func(yield func(*place) bool) {
		for e := q.places.Front(); e != q.mark; e = e.Next() {
			if !yield(e.Value.(*place)) {
				return
			}
		}
	}
}

// spot is the position of a place in a queue; the zero spot is in none, and moving it has no effect.
type spot struct {
	queue *queue
	at    *list.Element
}

// wait puts the connection behind all that wait, so that the one that has waited longest is first.
func (s spot) wait() {
	if s.queue != nil {
		s.queue.places.MoveBefore(s.at, s.queue.mark)
	}
}

// work puts it among those at work, which give way to nobody.
func (s spot) work() {
	if s.queue != nil {
		s.queue.places.MoveToBack(s.at)
	}
}

// leave takes it out.
func (s spot) leave() {
	if s.queue != nil {
		s.queue.places.Remove(s.at)
	}
}
