package httpserver

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"time"
)

// ServeHTTP passes a request to the handler. It makes sure that neither the body nor the answer occupies the connection
// for longer than allowed, and that the client gets an answer if the handler panics.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a := &answer{ResponseWriter: w, server: s, place: placeOf(r.Context())}
	if r.ContentLength == 0 {
		a.place.work()
	} else {
		r = a.expectBody(r)
	}
	if len(r.TransferEncoding) > 0 {
		// net/http forgets a Content-Length beside it. A proxy may have believed that one, and what comes next would not be
		// a request of the same client (RFC 9112, section 6.3).
		w.Header().Set("Connection", "close")
	}
	defer func() { a.finish(r.Context(), recover()) }()
	if r.RequestURI == "*" && r.Method == http.MethodOptions {
		return // "OPTIONS *" asks about the server as a whole: that it answers is all there is to say
	}
	s.options.Handler.ServeHTTP(a, r)
}

// answer is the http.ResponseWriter that a handler writes to.
type answer struct {
	http.ResponseWriter
	server *Server
	place  *place
	body   *body // nil: the request has none
	begun  bool
	until  time.Time // when it must have been sent, once it is begun
	size   int       // how much of it the handler has written
	taken  bool      // the handler has taken over the connection
}

// buffered is how much of an answer net/http buffers before it sends any of it.
const buffered = 2 << 10

// body is the body of a request.
type body struct {
	io.ReadCloser
	answer *answer
	came   int  // bytes since the deadline was set
	whole  bool // has been read to its end
}

// stretch is how many bytes of a body must arrive within BodyTime. So a long body may come as slowly as a short one.
const stretch = 64 << 10

// Read notices the end of the body, at which net/http removes the deadline. From then on the client is not waited for.
func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.came += n; err == nil && b.came >= stretch && !b.answer.place.hurried() {
		b.came = 0
		b.answer.limitReading(b.answer.server.options.BodyTime)
	}
	if errors.Is(err, io.EOF) && !b.whole {
		b.whole = true
		b.answer.place.work()
	}
	return n, err //nolint:wrapcheck // a reader passes on what it reads
}

// expectBody bounds how long the body of a request may take to arrive, and returns a request whose body knows the
// place.
func (a *answer) expectBody(r *http.Request) *http.Request {
	a.limitReading(a.server.options.BodyTime)
	a.place.expect()
	a.body = &body{ReadCloser: r.Body, answer: a}
	r = r.WithContext(r.Context()) // a copy, since net/http still needs the original body
	r.Body = a.body
	return r
}

// limitReading sets the read deadline. Only the connection of a test may not have one.
func (a *answer) limitReading(d time.Duration) {
	_ = http.NewResponseController(a.ResponseWriter).SetReadDeadline(a.server.options.Now().Add(d))
}

// Unwrap lets http.ResponseController reach the connection.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// WriteHeader begins the answer.
func (a *answer) WriteHeader(status int) {
	if status >= http.StatusOK {
		a.begin()
	} else { // an informational status, which net/http sends at once
		a.place.write(a.until)
		defer a.place.wrote()
	}
	a.ResponseWriter.WriteHeader(status)
}

// Write sends a part of the answer. While all of it still fits into net/http's buffer, writing cannot block on the
// client, and the place need not be told. This holds for most answers, and saves them the lock that all connections
// share.
func (a *answer) Write(p []byte) (int, error) {
	a.begin()
	// Counted here, since net/http does not tell how full its buffer is.
	a.size += len(p)
	if a.size > buffered {
		a.place.write(a.until)
		defer a.place.wrote()
	}
	return a.ResponseWriter.Write(p) //nolint:wrapcheck // a writer passes on what it writes
}

// FlushError sends what net/http has buffered. [http.ResponseController] calls it.
func (a *answer) FlushError() error {
	a.begin()
	a.place.write(a.until)
	defer a.place.wrote()
	return http.NewResponseController(a.ResponseWriter).Flush() //nolint:wrapcheck // as above
}

// begin bounds how long it may take to send the answer. An answer that does not wait for the body must be the last one
// on its connection: otherwise net/http would read the whole body before it sent anything.
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

// unread reports whether a part of the body has not been read.
func (a *answer) unread() bool { return a.body != nil && !a.body.whole }

// Hijack hands the connection over to the handler, without deadlines. It then no longer has a place among the plain
// ones.
func (a *answer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffered, err := http.NewResponseController(a.ResponseWriter).Hijack()
	a.taken = err == nil
	return conn, buffered, err //nolint:wrapcheck // the error is clear as it is
}

// finish completes the answer, also if the handler has panicked.
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
		a.limitReading(linger) // net/http tries to read the rest of the body
	}
	a.place.write(a.until) // net/http sends the rest when this returns, and then calls follow
	if abort {
		panic(http.ErrAbortHandler)
	}
}
