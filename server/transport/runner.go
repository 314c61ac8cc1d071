package transport

import (
	"context"
	"errors"

	"github.com/vektah/gqlparser/v2/ast"

	"petitiond/server/answerbudget"
	"petitiond/server/errcode"
	"petitiond/server/operation"
	"petitiond/server/transport/credential"
	"petitiond/server/transport/fault"
	"petitiond/server/turns"
)

// runner runs operations within the limits of concurrency, time and memory.
type runner struct {
	engine     *engine
	turns      *turns.Queue
	authority  *credential.Authority
	memory     *answerbudget.Memory
	freshness  freshness
	longTexts  map[string]int // Options.LongTexts
	mostTexts  int            // bytes of them for which memory is taken beforehand
	answerSize int            // bytes of an answer
	costLimit  int            // points of an operation
}

func newRunner(o Options, a *credential.Authority) *runner {
	return &runner{
		engine: newEngine(o), turns: operationTurns(o.Limits), authority: a,
		memory:    o.newMemory(o.Memory),
		freshness: newFreshness(o.Schema.Schema()), answerSize: o.Limits.AnswerSize, costLimit: o.Limits.Cost,
		longTexts: o.LongTexts, mostTexts: o.Limits.onConnection(),
	}
}

// begin takes a place for a query or a mutation, over whichever protocol it came, or returns why it may not run: the
// server is full, or the credential ended while the operation waited. The caller calls done once, when the operation
// has ended.
func (r *runner) begin(ctx context.Context) (done func(), f *fault.Fault) {
	turn, err := r.turns.Enter(ctx, 0)
	if err != nil {
		return nil, fault.Passing(errcode.Unavailable, "The server is busy. Try again in a moment.")
	}
	if f = r.authority.Recheck(ctx); f != nil {
		turn.Leave()
		return nil, f
	}
	return turn.Leave, nil
}

// memoryOf returns what the network that asks in ctx may take of the memory for answers.
func (r *runner) memoryOf(ctx context.Context) answerbudget.Share {
	return r.memory.Of(turns.AskerOf(ctx).First())
}

// budget returns a budget for an answer to the network that asks in ctx.
func (r *runner) budget(ctx context.Context) *answerbudget.Budget {
	return r.memoryOf(ctx).Budget(r.answerSize)
}

// run runs a query or a mutation as soon as there is room. The answer reports what it costs, if that is asked for.
func (r *runner) run(ctx context.Context, op *operation.Operation, report bool) *answer {
	b := r.budget(ctx)
	defer b.Close()
	return r.runWithin(ctx, b, op, report)
}

// runWithin is like run for a budget that the caller closes.
func (r *runner) runWithin(ctx context.Context, b *answerbudget.Budget, op *operation.Operation, report bool) *answer {
	done, f := r.begin(ctx)
	if f != nil {
		return &answer{fault: f}
	}
	// The place is given back before the answer is sent: a slow client must not keep others from running.
	defer done() // also if it panics
	// What a mutation has done cannot be refused any more. Bounded, as hardly a text has the greatest length.
	if op.Kind() == ast.Mutation && b.Reserve(min(op.TextBytes(r.longTexts), r.mostTexts)) != nil {
		return noMemory()
	}
	resp := r.engine.execute(answerbudget.With(ctx, b), op)
	if report {
		resp.Extensions = withExtensions(resp.Extensions, costReport(op.Cost, r.costLimit))
	}
	a := newAnswer(resp, r.freshness.of(op.Definition))
	switch err := b.Err(); {
	case errors.Is(err, answerbudget.ErrMemory):
		return outcomeUnknown(op)
	case err != nil || len(a.body.Plain) > r.answerSize: // with its errors
		return tooLarge(op, r.answerSize)
	}
	return a
}

// render renders a page as soon as there is room.
func (r *runner) render(ctx context.Context, render func(context.Context) (Page, bool)) (a *answer, keep bool) {
	done, f := r.begin(ctx)
	if f != nil {
		return &answer{fault: f}, false
	}
	defer done() // also if it panics
	b := r.budget(ctx)
	defer b.Close()
	ctx, cancel := context.WithTimeoutCause(answerbudget.With(ctx, b), r.engine.timeout, errTimeout)
	defer cancel()
	page, keep := render(ctx)
	if errors.Is(b.Err(), answerbudget.ErrMemory) {
		return noMemory(), false
	}
	return &answer{page: page}, keep
}
