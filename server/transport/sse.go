package transport

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// serveEvents answers an operation as server-sent events, on a connection of
// its own: next for every answer, then complete. graphql-sse calls this the
// distinct connections mode.
func (t *Transport) serveEvents(ctx context.Context, w http.ResponseWriter, op *graphql.OperationContext) {
	ctx, release, ok := t.hold(ctx)
	if !ok {
		t.refuse(w, mediaGraphQL, stopped())
		return
	}
	defer release()
	ctx, cancel := context.WithCancel(ctx)
	answers := t.pump(ctx, op)
	defer func() {
		cancel()
		for range answers { // until the operation has ended
		}
	}()

	events := t.openEvents(w)
	idle := time.NewTicker(t.limits.Ping)
	defer idle.Stop()
	for alive := true; alive; {
		select {
		case resp, more := <-answers:
			if !more {
				events.send("event: complete\ndata:\n\n")
				return
			}
			alive = events.send("event: next\ndata: " + string(encode(resp)) + "\n\n")
		case <-idle.C:
			// A dead connection shows only when something is written to it.
			alive = events.send(":\n\n")
		}
	}
}

func stopped() *fault {
	return refusal(http.StatusServiceUnavailable, unavailable, "The server is about to stop. Connect again in a moment.")
}

// pump runs an operation and returns its answers. The channel is closed when
// the operation or ctx ends.
func (t *Transport) pump(ctx context.Context, op *graphql.OperationContext) <-chan *graphql.Response {
	answers := make(chan *graphql.Response)
	send := func(resp *graphql.Response) bool {
		select {
		case answers <- resp:
			return true
		case <-ctx.Done():
			return false
		}
	}
	go func() {
		defer close(answers)
		defer func() {
			if v := recover(); v != nil {
				logPanic(ctx, t.log, v)
				send(&graphql.Response{Errors: gqlerror.List{internalError(ctx)}})
			}
		}()
		next, ctx := t.engine.DispatchOperation(ctx, op)
		for resp := next(ctx); resp != nil; resp = next(ctx) {
			// gqlgen writes every event into the same buffer: the next one must not overwrite this one on its way.
			own := *resp
			own.Data = bytes.Clone(resp.Data)
			if !send(&own) {
				return
			}
		}
	}()
	return answers
}

// eventStream writes to one client, and gives up when that takes too long.
type eventStream struct {
	w        io.Writer
	conn     *http.ResponseController
	patience time.Duration
}

// openEvents sends the head of a stream, so that the client knows it stands
// before the first event comes.
func (t *Transport) openEvents(w http.ResponseWriter) *eventStream {
	header := w.Header()
	header.Set("Content-Type", string(mediaEvents)+"; charset=utf-8")
	// Some proxies keep events back until they have enough of them.
	header.Set("X-Accel-Buffering", "no")
	w.WriteHeader(http.StatusOK)
	s := &eventStream{w: w, conn: http.NewResponseController(w), patience: t.limits.Event}
	s.send(":\n\n")
	return s
}

func (s *eventStream) send(event string) bool {
	_ = s.conn.SetWriteDeadline(within(s.patience))
	if _, err := io.WriteString(s.w, event); err != nil {
		return false
	}
	return s.conn.Flush() == nil
}
