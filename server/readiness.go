package main

import (
	"context"
	"net/http"
	"sync"
	"time"
)

// probe asks something that may take longer than anybody waits for it: a driver need not notice that a context has
// ended. There is one question at a time, however many ask, and all who wait get its answer.
type probe struct {
	question func(context.Context) (bool, error)

	mu      sync.Mutex // guards what follows
	pending *reply     // nil: nothing is being asked
}

// reply is what comes back; its fields are set once done is closed.
type reply struct {
	done chan struct{}
	yes  bool
	err  error
}

// ask returns the answer of a question, or an error when ctx ends. The question has the time of the first who asked.
func (p *probe) ask(ctx context.Context) (bool, error) {
	p.mu.Lock()
	r := p.pending
	if r == nil {
		r = &reply{done: make(chan struct{})}
		p.pending = r
		// Not awaited: if the driver never answers, one goroutine and one connection are lost, and not one for each who asks.
		go p.answer(ctx, r)
	}
	p.mu.Unlock()
	select {
	case <-r.done:
		return r.yes, r.err
	case <-ctx.Done():
		return false, ctx.Err()
	}
}

// answer asks once for all who wait. It has the time of the one who asked first, and does not end with that request.
func (p *probe) answer(ctx context.Context, r *reply) {
	if end, ok := ctx.Deadline(); ok { // that the first one hangs up is no answer for the others
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(context.WithoutCancel(ctx), end)
		defer cancel()
	}
	r.yes, r.err = p.question(ctx)
	p.mu.Lock()
	// Before done is closed: those who come from now on ask again instead of getting an answer that is old already.
	p.pending = nil
	p.mu.Unlock()
	close(r.done)
}

// ready reports whether the server can do its work: not draining, database there and migrated, clock right. The clock
// comes last: while the database is away, nobody knows whether it still differs from the database's.
func (a *App) ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	if a.draining.Load() {
		say(w, http.StatusServiceUnavailable, "draining")
		return
	}
	migrated, err := a.migrated.ask(ctx)
	skew := a.db.Clock.Check()
	switch {
	case err != nil:
		say(w, http.StatusServiceUnavailable, "the database does not answer")
	case !migrated:
		say(w, http.StatusServiceUnavailable, "the database is not migrated")
	case skew != nil:
		say(w, http.StatusServiceUnavailable, skew.Error())
	default:
		say(w, http.StatusOK, "ready")
	}
}
