package outbox

import (
	"context"
	"log/slog"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"petitiond/server/database"
	"petitiond/server/secret"
)

// lane works on the entries of one kind, so that no kind waits for another. One goroutine leases and settles; each
// entry is sent by one of its own.
type lane struct {
	box    *Outbox
	kind   string
	handle Handler
	pace   pace
	turn   int           // whose turn it is when not all can be taken, see share; used by the goroutine of run alone
	wake   chan struct{} // there may be something to send
	ended  chan struct{} // a try has ended

	mu      sync.Mutex
	running int      // guarded by mu
	results []result // that are not settled yet; guarded by mu

	sent, failed, givenUp atomic.Uint64

	// Used by the goroutine of run alone.
	paced  time.Time // until when the pace allows no other; past if that is not known
	quiet  time.Time // until when failed tries are only counted
	unsaid int       // how many were
	away   bool      // the database is, and the log says so
}

// result is how a try ended.
type result struct {
	leased
	err error
}

// run leases and settles until ctx ends.
func (l *lane) run(ctx context.Context) {
	// What is being sent when the program ends has the time of Grace to be sent.
	sending, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	for ctx.Err() == nil {
		wait := l.turnOver(ctx, sending)
		select {
		case <-ctx.Done():
		case <-l.wake:
		case <-l.ended:
		case <-time.After(wait):
		}
	}
	l.finish(sending, stop)
}

// turnOver settles what has ended and begins with as many others as there are places. It returns after how long to look
// again. Nothing is leased while something cannot be settled: so the results that wait are never more than the places.
func (l *lane) turnOver(ctx, sending context.Context) (wait time.Duration) {
	if !l.settle(ctx) {
		return l.box.opt.Every
	}
	room := min(l.free(), l.box.opt.Batch)
	if room == 0 || l.box.opt.DB.Clock.Check() != nil { // the Clock itself reports that it is wrong
		return l.box.opt.Every
	}
	found, wait, err := l.lease(ctx, room)
	l.trouble(ctx, "leasing from the outbox failed", err)
	l.begin(len(found))
	for _, e := range found {
		go l.send(sending, e)
	}
	return min(wait, l.box.opt.Every)
}

// free returns how many entries can be begun with.
func (l *lane) free() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.box.opt.AtOnce - l.running
}

func (l *lane) begin(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.running += n
}

// send hands an entry to its handler and notes how that ended.
func (l *lane) send(ctx context.Context, e leased) {
	err := l.try(ctx, e)
	l.mu.Lock()
	l.running--
	l.results = append(l.results, result{e, err})
	l.mu.Unlock()
	signal(l.ended)
}

// try opens an entry and calls its handler, which has a time of its own.
func (l *lane) try(ctx context.Context, e leased) (err error) {
	payload, err := l.box.opt.Keys.Open(secret.OutboxSeal, e.sealed, place(e.ID, l.kind))
	if err != nil {
		return Permanent(errSealed)
	}
	e.Payload = payload
	ctx, cancel := context.WithTimeout(ctx, l.box.opt.Time)
	defer cancel()
	defer func() {
		if thrown := recover(); thrown != nil {
			// The stack has places and no values; what was thrown may quote anything.
			l.box.opt.Logger.Error("the handler of an entry panicked", "kind", l.kind, "id", e.ID, "stack", string(debug.Stack()))
			err = errPanicked
		}
	}()
	return l.handle(ctx, e.Delivery)
}

// finish waits for what is being sent, cuts off what takes too long, and settles.
func (l *lane) finish(sending context.Context, stop context.CancelFunc) {
	late := time.AfterFunc(l.box.opt.Grace, stop)
	defer late.Stop()
	// Each try ends: its context does.
	for l.free() < l.box.opt.AtOnce {
		<-l.ended
	}
	settling, cancel := context.WithTimeout(context.WithoutCancel(sending), 5*time.Second)
	defer cancel()
	l.settle(settling)
}

// trouble logs that the database fails, once until it works again.
func (l *lane) trouble(ctx context.Context, what string, err error) {
	if err != nil && !l.away && ctx.Err() == nil {
		l.box.opt.Logger.Error(what, "kind", l.kind, "error", err)
	}
	l.away = err != nil
}

// say logs how a try failed: each entry that is given up, and of the others at most one a second, since all fail while
// a mail server is away.
func (l *lane) say(r result, parked bool, now time.Time) {
	cause := slog.String("error", database.Cause(r.err)) // never its text, in which the address may stand
	attrs := []any{"kind", l.kind, "id", r.ID, "try", r.Try, cause}
	switch {
	case parked:
		l.box.opt.Logger.Error("gave up sending", attrs...)
	case now.Before(l.quiet):
		l.unsaid++
	default:
		l.box.opt.Logger.Warn("could not send, will try again", append(attrs, "others", l.unsaid)...)
		l.quiet, l.unsaid = now.Add(time.Second), 0
	}
}
