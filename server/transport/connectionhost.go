package transport

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"time"

	"github.com/99designs/gqlgen/graphql"

	"petitiond/server/answerbudget"
	"petitiond/server/eventmark"
	"petitiond/server/operation"
	"petitiond/server/transport/connection"
	"petitiond/server/transport/fault"
	"petitiond/server/turns"
)

// host runs what clients ask for over connections that stay open.
type host struct {
	*sharing

	intake *intake
	alike  []string // Options.Impersonal
	starts *turns.Queue
	events *turns.Queue
}

var _ connection.Host = (*host)(nil)

// Prepare returns the operation that a request in JSON asks for.
func (h *host) Prepare(text []byte) (*operation.Operation, *fault.Fault) {
	request, f := h.intake.decode(http.MethodPost, text)
	if f != nil {
		return nil, f
	}
	return h.intake.prepare(request)
}

// Answer runs a query or a mutation and returns its answer in JSON.
func (h *host) Answer(ctx context.Context, anonymous bool, op *operation.Operation) ([]byte, *fault.Fault) {
	a := h.answer(ctx, anonymous, op)
	// Measured again, since a shared answer may have been made for HTTP, where more is allowed.
	if most := h.intake.limits.onConnection(); len(a.body.Plain) > most {
		a = tooLarge(op, most)
	}
	return a.body.Plain, a.fault
}

// Subscribe starts a subscription. Each call of next waits for an event, which is computed within a memory budget of
// its own; if it has to be read, in its turn and within the time of an operation.
func (h *host) Subscribe(
	ctx context.Context, op *operation.Operation, from func() []netip.Prefix,
) (next func() (*connection.Event, *fault.Fault)) {
	ctx = turns.FromAny(ctx, from)
	// Before the start: the resolver takes from this context what says that an event is asked for.
	ctx, asking := eventmark.With(ctx)
	responses, ctx := h.start(ctx, op)
	began, reads := false, !h.Impersonal(op)
	return func() (*connection.Event, *fault.Fault) {
		b := h.memory.Budget(h.intake.limits.onConnection())
		ctx, cancel := context.WithCancelCause(ctx)
		o := &occasion{turns: h.events, points: op.Cost, budget: b, time: h.engine.timeout, cancel: cancel}
		defer o.end()
		gate := eventmark.Gate(nil)
		if reads {
			gate = o.read
		}
		// Asked for before the event is read, since its source fills in the mark first and sends the event then.
		answer := asking.Ask(gate)
		resp := responses(withAnswer(answerbudget.With(ctx, b), answer))
		switch err := b.Err(); {
		case resp == nil && errors.Is(context.Cause(ctx), errTimeout):
			return nil, fault.Flaw(tooLate(ctx))
		case resp == nil:
			return nil, nil
		case errors.Is(err, answerbudget.ErrMemory):
			return nil, fault.NoMemory()
		case err != nil:
			return nil, fault.AnswerTooLarge(h.intake.limits.onConnection())
		// Only at the start is this a refusal. Later the same is an event, as one field of it may have failed.
		case !began && len(resp.Data) == 0 && len(resp.Errors) > 0:
			return nil, fault.Flaw(resp.Errors...)
		}
		began = true
		// encode copies, which is needed: gqlgen writes every event into the same buffer.
		return &connection.Event{Mark: answer.Mark, Body: encode(resp)}, nil
	}
}

// start starts a subscription in its turn and within the time of an operation.
func (h *host) start(ctx context.Context, op *operation.Operation) (graphql.ResponseHandler, context.Context) {
	turn, err := h.starts.Enter(ctx, 0)
	if err != nil {
		return func(context.Context) *graphql.Response { return nil }, ctx
	}
	defer turn.Leave()
	// What has started lasts longer, and ends with the context that this one comes from.
	ctx, cancel := context.WithCancelCause(ctx)
	timer := time.AfterFunc(h.engine.timeout, func() { cancel(errTimeout) })
	defer timer.Stop()
	return h.engine.begin(ctx, op)
}

// Impersonal reports whether an operation selects nothing but what is the same for all who may see it at all. What any
// other edge leads to may depend on who is looking.
func (h *host) Impersonal(op *operation.Operation) bool { return op.SelectsOnly(h.alike) }
