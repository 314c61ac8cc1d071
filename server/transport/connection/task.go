package connection

import (
	"context"

	"github.com/vektah/gqlparser/v2/ast"

	"petitiond/server/operation"
	"petitiond/server/transport/credential"
	"petitiond/server/transport/fault"
	"petitiond/server/transport/requestid"
	"petitiond/server/turns"
)

// task is an operation of a client. A subscription reads a feed. What changes is guarded by the lock of the connection,
// except for place.
type task struct {
	conn  *Conn
	name  string                 // its id on the connection; empty on a stream of its own
	who   *credential.Credential // its own, beside the connection's; nil: none
	id    string                 // the same as JSON
	feed  *feed                  // nil until the operation has begun
	taken int                    // bytes of the memory for requests
	end   context.CancelFunc     // cancels what runs for this operation alone
	// apart starts a feed of the task's own, if more may be seen so; nil: it does already.
	apart func(op *operation.Operation, begun bool)
	place int    // in the feed's readers; guarded by the feed's lock
	seen  uint64 // number of the last event that was sent
	since uint64 // number of the feed's last event when the task joined
	known int64  // version of the last event that the client has; 0: none, or the first event was judged
	left  bool
}

// recoverPanic ends a task whose handling panicked.
func (t *task) recoverPanic(ctx context.Context) {
	if v := recover(); v != nil {
		requestid.LogPanic(ctx, t.conn.keeper.Logger, v)
		t.refuse(fault.Flaw(fault.Hidden(ctx)))
	}
}

// run runs an operation that was checked.
func (t *task) run(ctx context.Context, who credential.Identity, op *operation.Operation) {
	defer t.recoverPanic(ctx)
	if op.Kind() == ast.Subscription {
		// A subscription waits for its place later, when its feed begins, and under nobody's credential if that is
		// shared. That of a query or a mutation is checked again where it waits.
		if f := t.conn.keeper.Credentials.Recheck(ctx); f != nil {
			t.refuse(f)
			return
		}
		t.attach(func() bool { return t.conn.keeper.subscribe(ctx, t, who, op) })
		return
	}
	body, f := t.conn.keeper.Host.Answer(turns.From(ctx, t.conn.address), who.Anonymous(), op)
	if f != nil {
		t.refuse(f)
		return
	}
	t.answer(body)
}

// attach calls join to make t read a feed, unless the operation has ended meanwhile. If join reports that there was no
// room, the operation ends.
func (t *task) attach(join func() bool) {
	t.conn.mu.Lock()
	joined := t.left || join()
	t.conn.mu.Unlock()
	if !joined {
		t.refuse(fault.Crowded())
		return
	}
	// The feed may have events already, and queues its readers only for the next.
	t.conn.keeper.dispatch.callOne(t.conn)
}

// answer sends the one answer of a query or a mutation.
func (t *task) answer(body []byte) {
	t.conn.mu.Lock()
	defer t.conn.mu.Unlock()
	if t.left {
		return
	}
	// Answer and end in one write: a client that has one has the other, unless the connection breaks.
	out := t.conn.protocol.appendNext(nil, t.id, event{body: body})
	out = t.conn.protocol.appendEnd(out, t.id, nil)
	t.conn.finish(t.name, out)
}

// refuse sends why an operation may not run.
func (t *task) refuse(f *fault.Fault) {
	t.conn.mu.Lock()
	defer t.conn.mu.Unlock()
	if t.left {
		return
	}
	t.conn.finish(t.name, t.conn.protocol.appendEnd(nil, t.id, f.JSON()))
}

// appendDue appends the events that the client has not been sent yet, and reports whether the operation has ended. If a
// shared feed has failed or is denied something, a task that may have more rights gets a feed of its own. It needs the
// connection's mu.
func (t *task) appendDue(out []byte) (_ []byte, ended bool) {
	n := t.feed.news.Load()
	for _, e := range n.events {
		if !t.isNew(e) {
			continue
		}
		if e.Denied && t.apart != nil {
			t.goApart(true)
			return out, false
		}
		out = t.conn.protocol.appendNext(out, t.id, e)
	}
	t.seen = n.last
	switch {
	case !n.ended:
		return out, false
	case n.errs != nil && t.apart != nil:
		t.goApart(false)
		return out, false
	}
	return t.conn.protocol.appendEnd(out, t.id, n.errs), true
}

// goApart leaves the shared feed for one of the task's own. Begun says whether the shared one had begun. It needs the
// connection's mu.
func (t *task) goApart(begun bool) {
	t.conn.keeper.feeds.leave(t)
	op := t.feed.op
	t.feed = nil
	// On a goroutine, since it takes the connection's lock, which is held here. Until then the task has no feed and
	// nothing is due.
	go t.apart(op, begun)
}
