package connection

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"

	"petitiond/server/answerbudget"
	"petitiond/server/eventmark"
	"petitiond/server/operation"
	"petitiond/server/transport/credential"
	"petitiond/server/transport/fault"
	"petitiond/server/transport/requestid"
)

// backlog is how many events without a topic are kept for slow readers. A reader that falls further behind misses the
// oldest.
const backlog = 100

// event is one answer of a subscription, encoded.
type event struct {
	eventmark.Mark

	number uint64 // in its feed, from 1
	body   []byte
}

// news is what a feed currently offers its readers. It is immutable: every event makes a new one, so readers need no
// lock.
type news struct {
	events []event // the newest of each topic and the latest without one, in order
	last   uint64  // number of the newest event
	ended  bool
	errs   []byte // in JSON, if the operation failed before it began
}

// feed is one execution of a subscription. Equal operations share one: each event is computed and encoded once, and all
// readers are sent the same bytes.
type feed struct {
	key    operation.Key // of a shared one
	op     *operation.Operation
	news   atomic.Pointer[news]
	cancel context.CancelFunc

	mu       sync.Mutex // guards what follows, and the making of news
	readers  []*task
	networks map[netip.Prefix]int // how many readers each has
	bytes    int                  // of the events in news, taken from the transport's memory
	payer    netip.Prefix         // the network for which they count
}

// publish adds an event and queues the connections of all readers. The events of a feed together may take no more bytes
// than one answer, and no more memory than is left.
func (f *feed) publish(k *Keeper, mark eventmark.Mark, body []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	old := f.news.Load()
	// Copied for each event, which is a few pointers: readers then need no lock, and there are many of them.
	next := &news{last: old.last + 1, events: make([]event, 0, len(old.events)+1)}
	surplus := old.surplus(mark, len(body), k.Answer)
	for _, e := range old.events {
		switch {
		case mark.Topic != "" && e.Topic == mark.Topic: // replaced
		case e.Topic == "" && surplus > 0:
			surplus--
		default:
			next.events = append(next.events, e)
		}
	}
	next.events = append(next.events, event{Mark: mark, number: next.last, body: body})
	if err := f.account(k, next); err != nil {
		return err
	}
	// Stored before the readers are queued: a writer that is quick must find the new event, as nobody queues them
	// again.
	f.news.Store(next)
	k.dispatch.call(f.readers)
	return nil
}

// account adjusts the reserved memory to the events of next. They count for one network of the readers. If that has
// gone or may have no more, they count for another: else whoever is the first to open what everybody reads, and then
// uses up its share, would end it for all. It needs mu.
func (f *feed) account(k *Keeper, next *news) error {
	bytes := 0
	for _, e := range next.events {
		bytes += len(e.body)
	}
	if bytes > k.Answer {
		return answerbudget.ErrAnswer
	}
	switch payer := k.Memory.Of(f.payer); {
	case bytes <= f.bytes:
		payer.Give(f.bytes - bytes)
	case f.networks[f.payer] > 0 && payer.Take(bytes-f.bytes):
	default:
		return f.pass(k, bytes)
	}
	f.bytes = bytes
	return nil
}

// pass has the events, as many bytes as they have become, count for another network. It needs mu.
func (f *feed) pass(k *Keeper, bytes int) error {
	asked := 0
	for network := range f.networks {
		if k.Memory.Of(network).Take(bytes) {
			k.Memory.Of(f.payer).Give(f.bytes)
			f.payer, f.bytes = network, bytes
			return nil
		}
		if asked++; asked == sampled {
			break
		}
	}
	return answerbudget.ErrMemory
}

// surplus returns how many of the oldest events without a topic must go to make room for a new event.
func (n *news) surplus(mark eventmark.Mark, size, most int) (surplus int) {
	if mark.Topic != "" {
		return 0
	}
	count := 1
	for _, e := range slices.Backward(n.events) {
		if e.Topic != "" {
			continue
		}
		count, size = count+1, size+len(e.body)
		if count > backlog || size > most {
			surplus++
		}
	}
	return surplus
}

// finish ends the feed; errs are the errors to end it with, or nil.
func (f *feed) finish(k *Keeper, errs []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	// The events stay: a reader that is behind is sent them, and then the end. A copy, since those who read news hold
	// no lock.
	last := *f.news.Load()
	last.ended, last.errs = true, errs
	f.news.Store(&last)
	k.Memory.Of(f.payer).Give(f.bytes)
	f.bytes = 0
	k.dispatch.call(f.readers)
}

// join makes a task a reader of the feed, beginning with the newest events.
func (f *feed) join(t *task) {
	f.mu.Lock()
	defer f.mu.Unlock()
	// Events before since that have no topic were not meant for this task; those with a topic are the present state,
	// and are.
	t.feed, t.place, t.since = f, len(f.readers), f.news.Load().last
	f.readers = append(f.readers, t)
	f.networks[t.conn.address]++
}

// leave removes a reader, and reports whether it was the last.
func (f *feed) leave(t *task) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	// The last reader takes the place of the one that leaves: thousands may leave at once.
	last := len(f.readers) - 1
	f.readers[t.place] = f.readers[last]
	f.readers[t.place].place = t.place
	f.readers[last] = nil
	f.readers = f.readers[:last]
	if f.networks[t.conn.address]--; f.networks[t.conn.address] == 0 {
		delete(f.networks, t.conn.address)
	}
	return last == 0
}

// feeds are the shared feeds, by the key of their operations.
type feeds struct {
	mu   sync.Mutex
	open map[operation.Key]*feed
}

// join lets t read the feed of key. If there is none, open opens it with t as its first reader, or returns nil if there
// is no room for it, which join reports.
func (s *feeds) join(t *task, key operation.Key, open func() *feed) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.open[key]; f != nil {
		f.join(t)
		return true
	}
	// Under the lock, so two tasks that come together do not both open a feed.
	f := open()
	if f == nil {
		return false
	}
	f.key = key
	s.open[key] = f
	return true
}

// leave removes a reader from its feed, and cancels a feed that has none left.
func (s *feeds) leave(t *task) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t.feed.leave(t) {
		s.forget(t.feed)
		t.feed.cancel()
	}
}

// forget keeps new readers from joining a feed that has ended. It needs mu.
func (s *feeds) forget(f *feed) {
	// A later feed may have its key by now, and a feed of one task alone is not in the map at all.
	if s.open[f.key] == f {
		delete(s.open, f.key)
	}
}

// reading returns how many tasks read shared feeds.
func (s *feeds) reading() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.open {
		f.mu.Lock()
		n += len(f.readers)
		f.mu.Unlock()
	}
	return n
}

// close keeps new readers from joining a feed that has ended.
func (s *feeds) close(f *feed) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget(f)
}

// sampled is how many networks of a feed are asked for.
const sampled = 16

// addresses returns the networks of a feed, however many readers each has: all if they are few, and else any of them,
// others each time.
func (f *feed) addresses() (some []netip.Prefix) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for address := range f.networks { // which begins anywhere
		if some = append(some, address); len(some) == sampled {
			break
		}
	}
	return some
}

// newFeed runs a subscription until it ends or ctx does. Its first reader joins before it starts, lest it miss an
// event. It returns nil if there is no memory for it.
func (k *Keeper) newFeed(ctx context.Context, op *operation.Operation, first *task) *feed {
	held := k.holdings.take(op, first.conn.address)
	if held == nil {
		return nil
	}
	ctx, cancel := context.WithCancel(ctx)
	f := &feed{op: op, cancel: cancel, networks: map[netip.Prefix]int{}}
	f.news.Store(&news{})
	f.join(first)
	k.Running.Go(func() {
		defer held.give()
		defer cancel()
		errs := k.broadcast(ctx, op, f)
		// Closed before it is finished: a task that joined between the two would be sent the end of this feed, although
		// it could have had another.
		k.feeds.close(f)
		f.finish(k, errs)
	})
	return f
}

// broadcast publishes the events of a subscription. It returns errors if the subscription could not begin, or if its
// events became too large.
func (k *Keeper) broadcast(ctx context.Context, op *operation.Operation, f *feed) (errs []byte) {
	defer func() {
		if v := recover(); v != nil {
			requestid.LogPanic(ctx, k.Logger, v)
			errs = fault.Internal(ctx).JSON()
		}
	}()
	next := k.Host.Subscribe(ctx, op, f.addresses)
	for {
		e, refused := next()
		if refused != nil {
			return refused.JSON()
		}
		if e == nil {
			return nil
		}
		if e.Denied {
			k.feeds.close(f) // those who come now are told that it is missing by an execution of their own
		}
		switch err := f.publish(k, e.Mark, e.Body); {
		case errors.Is(err, answerbudget.ErrMemory):
			return fault.NoMemory().JSON()
		case err != nil:
			return fault.AnswerTooLarge(k.Answer).JSON()
		}
	}
}

// subscribe makes t read the events of op: from a shared feed if they are the same for everybody, and otherwise from a
// feed of its own. A shared feed runs without a credential; if it fails or is denied something, a client with a
// credential gets a feed of its own, since it may be allowed to see more. It reports whether there was room.
func (k *Keeper) subscribe(ctx context.Context, t *task, who credential.Identity, op *operation.Operation) bool {
	if !who.Anonymous() && !k.Host.Impersonal(op) {
		return k.newFeed(ctx, op, t) != nil
	}
	if who.Anonymous() {
		t.end() // nothing runs for this task alone, and the context would take more memory than all the rest of it
		t.end = nil
	} else {
		// The shared feed sees what anybody sees: only where it is denied something, or fails, may this client see
		// more.
		t.apart = func(op *operation.Operation, begun bool) { // op is that of the feed, lest it be kept twice
			own := ctx
			if begun {
				own = eventmark.Continue(ctx)
			}
			t.attach(func() bool {
				// The numbers of events begin again in another feed. The own feed has the client's rights, so there is
				// nowhere else to go.
				t.apart, t.seen = nil, 0
				return k.newFeed(own, op, t) != nil
			})
		}
	}
	return k.feeds.join(t, op.Key(), func() *feed {
		// It outlives the request of its first reader, and so has neither that request's context and id nor anyone's
		// credential.
		return k.newFeed(requestid.With(k.Alive, requestid.New()), op, t)
	})
}
