package transport

import (
	"context"
	"errors"
	"net/http"

	"petitiond/server/answerbudget"
	"petitiond/server/eventmark"
	"petitiond/server/operation"
	"petitiond/server/transport/connection"
	"petitiond/server/transport/fault"
)

// host runs what clients ask for over connections that stay open.
type host struct {
	*sharing

	intake *intake
	alike  []string // Options.Impersonal
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
// its own.
func (h *host) Subscribe(ctx context.Context, op *operation.Operation) (next func() (*connection.Event, *fault.Fault)) {
	// Before the start: the resolver takes from this context what says that an event is asked for.
	ctx, asking := eventmark.With(ctx)
	responses, ctx := h.engine.begin(ctx, op)
	began := false
	return func() (*connection.Event, *fault.Fault) {
		b := h.memory.Budget(h.intake.limits.onConnection())
		defer b.Close()
		// Asked for before the event is read, since its source fills in the mark first and sends the event then.
		answer := asking.Ask()
		resp := responses(withAnswer(answerbudget.With(ctx, b), answer))
		switch err := b.Err(); {
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

// Impersonal reports whether an operation selects nothing but what is the same for all who may see it at all. What any
// other edge leads to may depend on who is looking.
func (h *host) Impersonal(op *operation.Operation) bool { return op.SelectsOnly(h.alike) }
