package connection

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"

	"petitiond/server/budget"
	"petitiond/server/operation"
	"petitiond/server/subscription"
	"petitiond/server/transport/credential"
	"petitiond/server/transport/fault"
	"petitiond/server/transport/trace"
)

// backlog are the events without a topic that a slow reader may be behind by; then it misses the oldest.
const backlog = 100

// event is one answer of a subscription, encoded.
type event struct {
	subscription.Mark

	number uint64 // in its feed, from 1
	body   []byte
}

// news are what a feed has to tell. They never change: what comes next makes new ones.
type news struct {
	events []event // the newest of each topic and the last without, in order
	last   uint64  // number of the newest event
	ended  bool
	errs   []byte // in JSON, if the operation failed before it began
}

// feed is one execution of a subscription. Equal operations have one together: it is executed and encoded
// once, and everybody reads the same bytes.
type feed struct {
	key    operation.Key // of a shared one
	news   atomic.Pointer[news]
	cancel context.CancelFunc

	mu      sync.Mutex // guards what follows, and the making of news
	readers []*task
	bytes   int // of the events in news, taken from the transport's memory
}

// publish adds an event and calls everybody who reads. What the feed has to tell takes no more bytes than one answer,
// and no more memory than is left.
func (f *feed) publish(k *Keeper, mark subscription.Mark, body []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	old := f.news.Load()
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
	f.news.Store(next)
	k.dispatch.call(f.readers)
	return nil
}

// account takes the memory of what comes next instead of that of what was there. It needs mu.
func (f *feed) account(k *Keeper, next *news) error {
	bytes := 0
	for _, e := range next.events {
		bytes += len(e.body)
	}
	switch {
	case bytes > k.Answer:
		return budget.ErrAnswer
	case bytes <= f.bytes:
		k.Memory.Give(f.bytes - bytes)
	case !k.Memory.Take(bytes - f.bytes):
		return budget.ErrMemory
	}
	f.bytes = bytes
	return nil
}

// surplus is how many of the oldest events without a topic are too many beside a new one.
func (n *news) surplus(mark subscription.Mark, size, most int) (surplus int) {
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

// finish says that nothing more comes.
func (f *feed) finish(k *Keeper, errs []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	last := *f.news.Load()
	last.ended, last.errs = true, errs
	f.news.Store(&last)
	k.Memory.Give(f.bytes)
	f.bytes = 0
	k.dispatch.call(f.readers)
}

// join lets a task read the feed, from what is the newest on.
func (f *feed) join(t *task) {
	f.mu.Lock()
	defer f.mu.Unlock()
	t.feed, t.place, t.since = f, len(f.readers), f.news.Load().last
	f.readers = append(f.readers, t)
}

// leave reports whether nobody reads any more.
func (f *feed) leave(t *task) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	last := len(f.readers) - 1
	f.readers[t.place] = f.readers[last]
	f.readers[t.place].place = t.place
	f.readers[last] = nil
	f.readers = f.readers[:last]
	return last == 0
}

// feeds are the executions that are shared, by what makes operations equal.
type feeds struct {
	mu   sync.Mutex
	open map[operation.Key]*feed
}

// join lets t read the feed of key. If there is none, open opens it with t as its first reader.
func (s *feeds) join(t *task, key operation.Key, open func() *feed) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.open[key]; f != nil {
		f.join(t)
		return
	}
	f := open()
	f.key = key
	s.open[key] = f
}

// leave ends the feed that nobody reads any more.
func (s *feeds) leave(t *task) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t.feed.leave(t) {
		s.forget(t.feed)
		t.feed.cancel()
	}
}

// forget keeps newcomers from a feed that has ended. It needs mu.
func (s *feeds) forget(f *feed) {
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

// close keeps newcomers from a feed that has ended.
func (s *feeds) close(f *feed) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget(f)
}

// newFeed runs a subscription until it ends or ctx does. Its first reader is there before it begins, to miss nothing.
func (k *Keeper) newFeed(ctx context.Context, op *operation.Operation, first *task) *feed {
	ctx, cancel := context.WithCancel(ctx)
	f := &feed{cancel: cancel}
	f.news.Store(&news{})
	f.join(first)
	k.Running.Go(func() {
		defer cancel()
		errs := k.broadcast(ctx, op, f)
		k.feeds.close(f)
		f.finish(k, errs)
	})
	return f
}

// broadcast publishes what a subscription answers. It returns the errors of one that did not begin, or whose events
// become too large.
func (k *Keeper) broadcast(ctx context.Context, op *operation.Operation, f *feed) (errs []byte) {
	defer func() {
		if v := recover(); v != nil {
			trace.LogPanic(ctx, k.Logger, v)
			errs = fault.Internal(ctx).JSON()
		}
	}()
	next := k.Host.Subscribe(ctx, op)
	for {
		e, refused := next()
		if refused != nil {
			return refused.JSON()
		}
		if e == nil {
			return nil
		}
		switch err := f.publish(k, e.Mark, e.Body); {
		case errors.Is(err, budget.ErrMemory):
			return fault.NoMemory().JSON()
		case err != nil:
			return fault.AnswerTooLarge(k.Answer).JSON()
		}
	}
}

// subscribe lets t read what op answers: what all get alike from one execution, and the rest from its own.
// The shared one runs as nobody; who may see more than nobody has one alone if that fails.
func (k *Keeper) subscribe(ctx context.Context, t *task, who credential.Identity, op *operation.Operation) {
	if !who.Anonymous() && !k.Host.Impersonal(op) {
		k.newFeed(ctx, op, t)
		return
	}
	if who.Anonymous() {
		t.end() // nothing runs for this one alone, and a context costs more than all the rest of it
		t.end = nil
	} else {
		t.apart = func() {
			t.attach(func() {
				t.apart, t.seen = nil, 0
				k.newFeed(ctx, op, t)
			})
		}
	}
	k.feeds.join(t, op.Key(), func() *feed {
		return k.newFeed(trace.With(k.Alive, trace.New()), op, t)
	})
}
