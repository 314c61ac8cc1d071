package transport

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"petitiond/server/budget"
	"petitiond/server/operation"
	"petitiond/server/subscription"
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
	readers []*reader
	bytes   int // of the events in news, taken from the transport's memory
}

// reader is an operation of a client that reads a feed.
type reader struct {
	line  *line
	who   *credential        // its own, beside the line's; nil: none
	id    string             // as JSON; empty on a stream of its own
	feed  *feed              // nil until the operation has begun
	end   context.CancelFunc // of what runs for this operation alone
	alone func()             // begins anew if the shared feed may not be read without the credential
	place int                // in the feed's list; the feed's lock
	seen  uint64             // number of the last event that was told
	since uint64             // number of the last event when it came
	known int64              // version that the client has already
	left  bool
}

// publish adds an event and calls everybody who reads. What the feed has to tell takes no more bytes than one answer, and
// no more memory than is left.
func (f *feed) publish(t *Transport, mark subscription.Mark, body []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	old := f.news.Load()
	next := &news{last: old.last + 1, events: make([]event, 0, len(old.events)+1)}
	surplus := old.surplus(mark, len(body), t.limits.onLine())
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
	if err := f.weigh(t, next); err != nil {
		return err
	}
	f.news.Store(next)
	t.dispatch.call(f.readers)
	return nil
}

// weigh takes the memory of what comes next instead of that of what was there. It needs mu.
func (f *feed) weigh(t *Transport, next *news) error {
	bytes := 0
	for _, e := range next.events {
		bytes += len(e.body)
	}
	switch {
	case bytes > t.limits.onLine():
		return budget.ErrAnswer
	case bytes <= f.bytes:
		t.memory.Give(f.bytes - bytes)
	case !t.memory.Take(bytes - f.bytes):
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
func (f *feed) finish(t *Transport, errs []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	last := *f.news.Load()
	last.ended, last.errs = true, errs
	f.news.Store(&last)
	t.memory.Give(f.bytes)
	f.bytes = 0
	t.dispatch.call(f.readers)
}

func (f *feed) join(r *reader) {
	f.mu.Lock()
	defer f.mu.Unlock()
	r.feed, r.place, r.since = f, len(f.readers), f.news.Load().last
	f.readers = append(f.readers, r)
}

// leave reports whether nobody reads any more.
func (f *feed) leave(r *reader) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	last := len(f.readers) - 1
	f.readers[r.place] = f.readers[last]
	f.readers[r.place].place = r.place
	f.readers[last] = nil
	f.readers = f.readers[:last]
	return last == 0
}

// due calls tell for every event that the reader has not been told.
func (r *reader) due(n *news, tell func(event)) {
	for _, e := range n.events {
		old := e.number <= r.seen
		missed := e.Topic == "" && e.number <= r.since
		known := e.Version != 0 && e.Version <= r.known
		if !old && !missed && !known {
			tell(e)
		}
	}
	r.seen = n.last
}

// feeds are the executions that are shared, by what makes operations equal.
type feeds struct {
	mu   sync.Mutex
	open map[operation.Key]*feed
}

// join lets r read the feed of key. If there is none, open opens it with r as its first reader.
func (s *feeds) join(r *reader, key operation.Key, open func() *feed) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.open[key]; f != nil {
		f.join(r)
		return
	}
	f := open()
	f.key = key
	s.open[key] = f
}

// leave ends the feed that nobody reads any more.
func (s *feeds) leave(r *reader) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.feed.leave(r) {
		s.forget(r.feed)
		r.feed.cancel()
	}
}

// forget keeps newcomers from a feed that has ended. It needs mu.
func (s *feeds) forget(f *feed) {
	if s.open[f.key] == f {
		delete(s.open, f.key)
	}
}

func (s *feeds) close(f *feed) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget(f)
}

// newFeed runs a subscription until it ends or ctx does. Its first reader is there before it begins, to miss nothing.
func (t *Transport) newFeed(ctx context.Context, op *operation.Operation, first *reader) *feed {
	ctx, cancel := context.WithCancel(ctx)
	f := &feed{cancel: cancel}
	f.news.Store(&news{})
	f.join(first)
	t.running.Go(func() {
		defer cancel()
		errs := t.broadcast(ctx, op, f)
		t.feeds.close(f)
		f.finish(t, errs)
	})
	return f
}

// broadcast publishes what a subscription answers. It returns the errors of one that did not begin, or whose events
// become too large.
func (t *Transport) broadcast(ctx context.Context, op *operation.Operation, f *feed) (errs []byte) {
	defer func() {
		if v := recover(); v != nil {
			LogPanic(ctx, t.log, v)
			errs = mustJSON(gqlerror.List{internalError(ctx)})
		}
	}()
	ctx, events := subscription.With(ctx)
	next, ctx := t.engine.begin(ctx, op)
	for {
		b := t.memory.Budget(t.limits.onLine())
		answer := events.Ask()
		resp := next(withEnd(budget.With(ctx, b), answer))
		b.Close()
		if resp == nil {
			return nil
		}
		err := b.Err()
		if err == nil && f.news.Load().last == 0 && len(resp.Data) == 0 && len(resp.Errors) > 0 {
			return mustJSON(resp.Errors)
		}
		if err == nil {
			// encode copies: gqlgen writes every event into the same buffer.
			err = f.publish(t, answer.Mark, encode(resp))
		}
		switch {
		case errors.Is(err, budget.ErrMemory):
			return mustJSON(withoutMemory().errs)
		case err != nil:
			return mustJSON(tooLarge(op, t.limits.onLine()).fault.errs)
		}
	}
}

// subscribe lets r read what op answers: what all get alike from one execution, and the rest from its own.
// The shared one runs as nobody; who may see more than nobody has one alone if that fails.
func (t *Transport) subscribe(ctx context.Context, r *reader, who identity, op *operation.Operation) {
	if !who.anonymous() && !t.impersonal(op) {
		t.newFeed(ctx, op, r)
		return
	}
	if who.anonymous() {
		r.end() // nothing runs for this one alone, and a context costs more than all the rest of it
		r.end = nil
	} else {
		r.alone = func() {
			r.line.attach(r, func() {
				r.alone, r.seen = nil, 0
				t.newFeed(ctx, op, r)
			})
		}
	}
	t.feeds.join(r, op.Key(), func() *feed {
		return t.newFeed(WithRequestID(t.alive, newRequestID()), op, r)
	})
}

// impersonal reports whether an operation asks for nothing but leaves of types that are the same for everybody
// who may see them at all. What stands behind an edge may depend on who looks.
func (t *Transport) impersonal(op *operation.Operation) bool {
	for _, root := range op.Definition.SelectionSet {
		field, ok := root.(*ast.Field)
		if !ok || !slices.Contains(t.alike, field.Definition.Type.Name()) || !leaves(field.SelectionSet) {
			return false
		}
	}
	return true
}

func leaves(set ast.SelectionSet) bool {
	return !slices.ContainsFunc(set, func(s ast.Selection) bool {
		switch s := s.(type) {
		case *ast.Field:
			return len(s.SelectionSet) > 0
		case *ast.InlineFragment:
			return !leaves(s.SelectionSet)
		case *ast.FragmentSpread:
			return !leaves(s.Definition.SelectionSet)
		}
		return true
	})
}
