package edge

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"time"
)

// ServeHTTP hands a request to the handler and sees to it that neither its body nor its answer holds the connection
// for longer than they may, and that it is answered if the handler panics.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a := &answer{ResponseWriter: w, server: s, place: placeOf(r.Context())}
	if r.ContentLength == 0 {
		a.place.work()
	} else {
		r = a.expect(r)
	}
	defer func() { a.finish(r.Context(), recover()) }()
	if r.RequestURI == "*" && r.Method == http.MethodOptions {
		return // this server is there, and that is all that may be asked of it as a whole
	}
	s.options.Handler.ServeHTTP(a, r)
}

// answer is what a handler writes to.
type answer struct {
	http.ResponseWriter
	server *Server
	place  *place
	body   *body // nil: the client has announced none
	begun  bool
	until  time.Time // when it must have left, once it is begun
	size   int       // how much of it the handler has written
	taken  bool      // the handler has the connection
}

// buffered is how much of an answer net/http keeps before it sends any of it.
const buffered = 2 << 10

// body is one that a client has announced.
type body struct {
	io.ReadCloser
	place *place
	whole bool // read to its end
}

// Read notes the end. net/http takes back the deadline there.
func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if errors.Is(err, io.EOF) && !b.whole {
		b.whole = true
		b.place.work()
	}
	return n, err //nolint:wrapcheck // a reader passes on what it reads
}

// expect bounds how long the body of a request may take to arrive.
func (a *answer) expect(r *http.Request) *http.Request {
	a.within(a.server.options.BodyTime)
	a.place.expect()
	a.body = &body{ReadCloser: r.Body, place: a.place}
	r = r.WithContext(r.Context()) // a copy: net/http goes on reading the body that it knows
	r.Body = a.body
	return r
}

// within bounds what is read. A connection without deadlines is one of a test.
func (a *answer) within(d time.Duration) {
	_ = http.NewResponseController(a.ResponseWriter).SetReadDeadline(a.server.options.Now().Add(d))
}

// Unwrap lets http.ResponseController reach the connection.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// WriteHeader begins the answer.
func (a *answer) WriteHeader(status int) {
	if status >= http.StatusOK {
		a.begin()
	} else { // net/http sends it at once
		a.place.write(a.until)
		defer a.place.wrote()
	}
	a.ResponseWriter.WriteHeader(status)
}

// Write sends a part of the answer. As long as all of it may be in net/http's buffer, nobody can be waited for here:
// that is so for most answers, and saves them the lock that all connections share.
func (a *answer) Write(p []byte) (int, error) {
	a.begin()
	a.size += len(p)
	if a.size > buffered {
		a.place.write(a.until)
		defer a.place.wrote()
	}
	return a.ResponseWriter.Write(p) //nolint:wrapcheck // a writer passes on what it writes
}

// FlushError sends what net/http has kept. [http.ResponseController] calls it.
func (a *answer) FlushError() error {
	a.begin()
	a.place.write(a.until)
	defer a.place.wrote()
	return http.NewResponseController(a.ResponseWriter).Flush() //nolint:wrapcheck // as above
}

// begin bounds how long the answer may take to leave. An answer that does not wait for the body is the last one on its
// connection: net/http would read the body before it sent anything.
func (a *answer) begin() {
	if a.begun {
		return
	}
	a.begun = true
	if a.unread() {
		a.Header().Set("Connection", "close")
	}
	a.until = a.server.options.Now().Add(a.server.options.AnswerTime)
	_ = http.NewResponseController(a.ResponseWriter).SetWriteDeadline(a.until)
}

func (a *answer) unread() bool { return a.body != nil && !a.body.whole }

// Hijack returns the connection to the handler, without deadlines, and gives up its place among the plain ones.
func (a *answer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffered, err := http.NewResponseController(a.ResponseWriter).Hijack()
	a.taken = err == nil
	return conn, buffered, err //nolint:wrapcheck // it says who cannot
}

// finish ends the answer, also where the handler has panicked.
func (a *answer) finish(ctx context.Context, thrown any) {
	err, _ := thrown.(error)
	abort := errors.Is(err, http.ErrAbortHandler)
	if thrown != nil && !abort {
		a.server.options.Panicked(ctx, thrown)
	}
	switch {
	case a.taken:
		return
	case a.begun:
		abort = thrown != nil // the client must see that its answer is not whole
	case abort:
	case thrown != nil:
		a.Header().Set("Cache-Control", "no-store")
		http.Error(a, "Something went wrong on our side.", http.StatusInternalServerError)
	default:
		a.WriteHeader(http.StatusOK)
	}
	if a.unread() && !a.place.hurried() {
		a.within(linger) // net/http reads on to the end of the body
	}
	a.place.write(a.until) // net/http sends the rest when this returns, and follow hears when it has
	if abort {
		panic(http.ErrAbortHandler)
	}
}
