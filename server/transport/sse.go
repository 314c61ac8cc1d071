package transport

import (
	"context"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/99designs/gqlgen/graphql"

	"petitiond/server/operation"
)

// serveEvents answers an operation as server-sent events, on a connection of its own: next for every answer,
// then complete. graphql-sse calls this the distinct connections mode; a browser's own EventSource reads it too.
func (t *Transport) serveEvents(w http.ResponseWriter, r *http.Request, who identity, op *operation.Operation) {
	l := t.newLine(overEvents, r)
	if f := t.lines.admit(l, who.outlive(t.alive)); f != nil {
		t.refuse(w, mediaGraphQL, f)
		return
	}
	read := &reader{line: l}
	// Who comes back says which version it has: EventSource does so by itself.
	read.known, _ = strconv.ParseInt(r.Header.Get("Last-Event-ID"), 10, 64)
	who = t.credentials.identity(l.who)
	own := t.lasting(who, l.id)
	own, read.end = context.WithCancel(own)
	t.openEvents(w, r, l, func() {
		l.session.Begin("", read)
		go l.run(own, "", read, who, op)
	})
}

// refuseByEvents tells by a stream why an operation was refused, to a client that reads nothing else: of another
// answer a browser's EventSource shows no more than that it failed.
func (t *Transport) refuseByEvents(w http.ResponseWriter, f *fault) {
	out := appendEvent(nil, "next", 0, encode(&graphql.Response{Errors: f.errs}))
	t.write(w, http.StatusOK, mediaEvents, appendEvent(out, "complete", 0, nil))
}

// openEvents answers with the head of a stream, so that the client knows it stands before the first event comes.
func (t *Transport) openEvents(w http.ResponseWriter, r *http.Request, l *line, begin func()) {
	head := w.Header()
	head["Content-Type"] = values[string(mediaEvents)]
	// Some proxies keep events back until they have enough of them.
	head.Set("X-Accel-Buffering", "no")
	if r.ProtoMajor == 1 {
		own := head.Clone()
		own.Set("Date", now().UTC().Format(http.TimeFormat))
		own.Set("Connection", "close") // its end is the end of the stream
		t.takeOver(w, l, http.StatusOK, own, func() {
			l.write([]byte(":\n\n"))
			begin()
		})
		return
	}
	// HTTP/2 does not give its connections away: this goroutine stands between.
	w.WriteHeader(http.StatusOK)
	near, far := net.Pipe()
	t.keep(l, far, nil, []byte(":\n\n"), begin)
	copyEvents(w, r, near, t.limits.Event)
}

// copyEvents passes on what comes until either side ends.
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

func stopped() *fault {
	return refusal(http.StatusServiceUnavailable, unavailable, "The server is about to stop. Connect again in a moment.")
}

func crowded(message string) *fault {
	return refusal(http.StatusServiceUnavailable, unavailable, message)
}

// appendEvent adds an event of a stream. A version is its id, which the client sends when it comes back.
func appendEvent(out []byte, name string, version int64, body []byte) []byte {
	out = append(append(out, "event: "...), name...)
	if version > 0 {
		out = strconv.AppendInt(append(out, "\nid: "...), version, 10)
	}
	out = append(out, "\ndata:"...) // also where there is nothing to say: without it a browser passes the event over
	if len(body) > 0 {
		out = append(append(out, ' '), body...)
	}
	return append(out, "\n\n"...)
}

func statusLine(status int) string { return strconv.Itoa(status) + " " + http.StatusText(status) }
