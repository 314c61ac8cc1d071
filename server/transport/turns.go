package transport

import (
	"context"
	"errors"
	"sync"
	"time"

	"petitiond/server/answerbudget"
	"petitiond/server/turns"
)

// waitersEach is how many operations may wait for each that may run. Waiting costs little, and a queue that is too
// short refuses operations that could have run a moment later.
const waitersEach = 4

// operationTurns are those of queries, mutations and pages. What a network asks for may hold its places for long, and
// others must not wait for that.
func operationTurns(l Limits) *turns.Queue {
	return turns.New(turns.Options{Places: l.InFlight, Waiting: waitersEach * l.InFlight, Fair: l.SocketsPerAddress > 0, Wait: l.Wait})
}

// startTurns are those of subscriptions that begin: as many at once as operations run, and those who wait are not
// refused, since after a restart all clients come at once.
func startTurns(l Limits) *turns.Queue { return turns.New(turns.Options{Places: l.InFlight}) }

// eventTurns are those of events that are read: a subscription reads for as long as it is open, without being asked for
// again, and thousands may be woken by one signature. An event waits for as long as it takes, and is then the newest:
// they are late rather than refused, so that a few places are enough, and leave nearly all of the processors and of the
// database to those who wait for an answer.
func eventTurns(l Limits) *turns.Queue {
	o := turns.Options{Places: max(1, l.InFlight/50)}
	if l.SocketsPerAddress > 0 {
		o.Pace = l.EventCost
	}
	return turns.New(o)
}

// occasion is the reading and computing of one event, with the place, the time and the memory for it.
type occasion struct {
	turns  *turns.Queue
	points int
	budget *answerbudget.Budget
	time   time.Duration
	cancel context.CancelCauseFunc // of the computing

	mu      sync.Mutex // guards what follows
	turn    turns.Turn
	reading bool
	over    bool
	timer   *time.Timer
}

// read is an [eventmark.Gate]. The computing begins when it returns, and has as much time again.
func (o *occasion) read(ctx context.Context, read func(context.Context) (bool, error)) error {
	turn, err := o.turns.Enter(ctx, o.points)
	if err != nil {
		return err
	}
	if !o.begin(turn) {
		return context.Canceled
	}
	ctx, end := context.WithTimeoutCause(answerbudget.With(ctx, o.budget), o.time, errTimeout)
	defer end()
	found := false
	defer func() { o.pause(found) }()
	found, err = read(ctx)
	if err != nil && errors.Is(context.Cause(ctx), errTimeout) {
		return tooLate(ctx)
	}
	return err
}

// begin notes that the place was taken, and reports whether anybody still waits for the event. If not, the place is
// given back.
func (o *occasion) begin(turn turns.Turn) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.turn, o.reading = turn, true
	if o.over {
		o.close()
	}
	return !o.over
}

// pause ends the reading. The place is kept if something was found that is to be computed.
func (o *occasion) pause(found bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.reading = false
	switch {
	case o.over:
		o.close()
	case found:
		o.timer = time.AfterFunc(o.time, func() { o.cancel(errTimeout) })
	default:
		o.leave()
	}
}

// end gives everything back, as soon as nothing is being read any more: a source may still be reading when nobody waits
// for its event. It is called once.
func (o *occasion) end() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.over = true
	o.cancel(nil)
	if o.timer != nil {
		o.timer.Stop()
	}
	if !o.reading {
		o.close()
	}
}

// close needs mu.
func (o *occasion) close() {
	o.leave()
	o.budget.Close()
}

// leave needs mu.
func (o *occasion) leave() {
	o.turn.Leave()
	o.turn = turns.Turn{}
}
