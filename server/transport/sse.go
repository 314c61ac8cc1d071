package transport

import (
	"context"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/99designs/gqlgen/graphql"

	"petitiond/server/operation"
	"petitiond/server/transport/connection"
	"petitiond/server/transport/credential"
	"petitiond/server/transport/fault"
)

// serveEvents answers an operation as server-sent events, on a connection of its own: next for every answer, then
// complete. graphql-sse calls this the distinct connections mode; a browser's own EventSource reads it too.
func (o *opener) serveEvents(w http.ResponseWriter, r *http.Request, who credential.Identity, op *operation.Operation) {
	c, f := o.open(connection.Events, r, who)
	if f != nil {
		refuse(w, mediaGraphQL, f)
		return
	}
	// A client that reconnects sends the version that it has; EventSource does so by itself.
	version, _ := strconv.ParseInt(r.Header.Get("Last-Event-ID"), 10, 64)
	o.openEvents(w, r, c, connection.WithOperation(op, version))
}

// refuseByEvents sends the refusal of an operation as an event stream, to a client that accepts nothing else: of any
// other response, a browser's EventSource reports only that it failed.
func refuseByEvents(w http.ResponseWriter, f *fault.Fault) {
	out := connection.AppendEvent(nil, "next", 0, encode(&graphql.Response{Errors: f.Errors}))
	write(w, http.StatusOK, mediaEvents, connection.AppendEvent(out, "complete", 0, nil))
}

// openEvents sends the head of a stream at once: the client learns that the stream is open before the first event.
func (o *opener) openEvents(w http.ResponseWriter, r *http.Request, c *connection.Conn, begin connection.Beginning) {
	const blank = ":\n\n"
	head := w.Header()
	head["Content-Type"] = headerValues[string(mediaEvents)]
	// Some proxies would otherwise buffer events.
	head.Set("X-Accel-Buffering", "no")
	if r.ProtoMajor == 1 {
		own := head.Clone()
		own.Set("Date", now().UTC().Format(http.TimeFormat))
		own.Set("Connection", "close") // its end is the end of the stream
		o.takeOver(w, c, http.StatusOK, own, blank, begin)
		return
	}
	// An HTTP/2 connection cannot be hijacked, so this goroutine copies the events.
	w.WriteHeader(http.StatusOK)
	near, far := net.Pipe()
	c.Adopt(far, nil, []byte(blank), begin)
	copyEvents(w, r, near, o.intake.limits.Event)
}

// copyEvents copies events to the client until either side ends.
func copyEvents(w http.ResponseWriter, r *http.Request, from net.Conn, patience time.Duration) {
	defer from.Close()
	stop := context.AfterFunc(r.Context(), func() { _ = from.Close() })
	defer stop()
	conn, buffer := http.NewResponseController(w), make([]byte, 4<<10)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		_ = conn.SetWriteDeadline(within(patience))
		if _, err := w.Write(buffer[:n]); err != nil || conn.Flush() != nil {
			return
		}
	}
}

func statusLine(status int) string { return strconv.Itoa(status) + " " + http.StatusText(status) }
