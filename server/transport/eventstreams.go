package transport

import (
	"context"
	"net"
	"net/http"
	"strconv"
	"time"

	"petitiond/server/operation"
	"petitiond/server/transport/connection"
	"petitiond/server/transport/credential"
	"petitiond/server/transport/fault"
)

// serveEvents answers an operation on a connection of its own, as server-sent events or as the parts of a multipart
// response: one for every answer, and then the end. graphql-sse calls this the distinct connections mode; a browser's
// own EventSource reads it too. Parts are what Apollo's clients read.
func (o *opener) serveEvents(w http.ResponseWriter, r *http.Request, m media, who credential.Identity, op *operation.Operation) {
	p := streaming(m)
	c, f := o.open(p, r, who)
	if f != nil {
		refuse(w, mediaGraphQL, f)
		return
	}
	o.openEvents(w, r, p, c, connection.WithOperation(op, lastVersion(r.Header)))
}

// streaming returns the protocol of a stream for one operation.
func streaming(m media) connection.Protocol {
	if m == mediaParts {
		return connection.Parts
	}
	return connection.Events
}

// lastVersion returns the version of the last event that a client has, which it sends when it reconnects; EventSource
// does so by itself. It is 0 if there is none, or it is no number that we have sent as an id.
func lastVersion(h http.Header) int64 {
	version, err := strconv.ParseInt(h.Get("Last-Event-ID"), 10, 64)
	if err != nil { // of a number that is too large ParseInt returns the largest beside the error
		return 0
	}
	return version
}

// refuseByStream sends the refusal of an operation as a stream, to a client that accepts nothing else: of any other
// response, a browser's EventSource reports only that it failed.
func refuseByStream(w http.ResponseWriter, m media, f *fault.Fault) {
	write(w, http.StatusOK, m, streaming(m).Refusal(f.JSON()))
}

// openEvents sends the head of a stream at once: the client learns that the stream is open before the first event.
func (o *opener) openEvents(w http.ResponseWriter, r *http.Request, p connection.Protocol, c *connection.Conn, begin connection.Beginning) {
	head := w.Header()
	head["Content-Type"] = headerValues[string(mediaEvents)]
	if p == connection.Parts {
		head["Content-Type"] = headerValues[string(mediaParts)]
	}
	// Some proxies would otherwise buffer events.
	head.Set("X-Accel-Buffering", "no")
	if r.ProtoMajor == 1 {
		own := head.Clone()
		own.Set("Date", now().UTC().Format(http.TimeFormat))
		own.Set("Connection", "close") // its end is the end of the stream
		o.takeOver(w, c, http.StatusOK, own, p.Head(), begin)
		return
	}
	// An HTTP/2 connection cannot be hijacked, so this goroutine copies the events.
	w.WriteHeader(http.StatusOK)
	// A pipe has no buffer: as long as the client takes nothing, nothing is taken from the connection either.
	near, far := net.Pipe()
	c.Adopt(far, nil, []byte(p.Head()), begin)
	copyEvents(w, r, near, o.intake.limits.Event)
}

// copyEvents copies events to the client until either side ends.
func copyEvents(w http.ResponseWriter, r *http.Request, from net.Conn, patience time.Duration) {
	defer from.Close()
	// Read would otherwise wait for the next event, although its client has gone.
	stop := context.AfterFunc(r.Context(), func() { _ = from.Close() })
	defer stop()
	conn, buffer := http.NewResponseController(w), make([]byte, 4<<10)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		// Anew for each write: the stream may last for hours.
		_ = conn.SetWriteDeadline(within(patience))
		if _, err := w.Write(buffer[:n]); err != nil || conn.Flush() != nil {
			return
		}
	}
}

func statusLine(status int) string { return strconv.Itoa(status) + " " + http.StatusText(status) }
