package edge

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"time"
)

const (
	// headerTime is in which the header of a request must arrive.
	headerTime = 5 * time.Second
	// headerBytes are what it may hold.
	headerBytes = 16 << 10
	// idleTime is how long a connection may wait for its next request.
	idleTime = time.Minute
	// linger is how long a connection stays after an answer that did not wait for the body: who hangs up on a client
	// that is still sending makes the kernel throw away the answer.
	linger = 250 * time.Millisecond
)

// Options says what a Server serves and how much of it at once.
type Options struct {
	Handler http.Handler
	// BodyTime is in which a body must arrive after its header. A handler that reads gets [os.ErrDeadlineExceeded] then.
	BodyTime time.Duration
	// AnswerTime is in which an answer must leave after it was begun.
	AnswerTime time.Duration
	// Connections is how many there may be at once. Those that a handler has taken over do not count.
	Connections int
	// ConnectionsPerClient is how many of them one client may have; 0: all.
	ConnectionsPerClient int
	// Client returns whose connection comes from an address. The zero prefix is nobody, who has no limit of its own.
	Client func(netip.Addr) netip.Prefix
	// Panicked is called for a handler that panicked, with what it threw, on its goroutine.
	Panicked func(ctx context.Context, thrown any)
	// Now returns the time by the clock of the network's deadlines.
	Now func() time.Time
	// Logger is told of what hinders the server, and of nothing that a client sends.
	Logger *slog.Logger
}

// Server serves HTTP/1. What it bounds holds for every path and method, and for what net/http answers by itself.
type Server struct {
	options Options
	places  *places
	http    *http.Server
}

// New returns a Server that serves nothing yet.
func New(o Options) *Server {
	s := &Server{options: o, places: newPlaces(o)}
	s.http = &http.Server{
		Handler:           s,
		ReadHeaderTimeout: headerTime,
		// The next two are for what net/http reads and writes by itself, such as the body of a request whose
		// expectation it does not know. ServeHTTP sets those of requests that come to a handler.
		ReadTimeout:    headerTime,
		WriteTimeout:   o.AnswerTime,
		IdleTimeout:    idleTime,
		MaxHeaderBytes: headerBytes,
		// net/http would read the body of OPTIONS * without asking us.
		DisableGeneralOptionsHandler: true,
		ConnContext:                  s.places.know,
		ConnState:                    s.places.follow,
		ErrorLog:                     slog.NewLogLogger(complaints{o.Logger.Handler()}, slog.LevelError),
	}
	s.http.RegisterOnShutdown(s.places.drain)
	return s
}

// Serve answers what comes from a listener until Shutdown or Close. Then it returns [http.ErrServerClosed].
func (s *Server) Serve(l net.Listener) error {
	return s.http.Serve(&listener{Listener: l, places: s.places, closed: make(chan struct{})})
}

// Shutdown takes no more connections and returns when every request that has come whole is answered, or ctx ends.
// Nobody waits for a request that has not: connections without one are closed, and handlers that read a body find
// that its time is over. A client that does not read its answer is waited for no longer than a moment.
func (s *Server) Shutdown(ctx context.Context) error { return s.http.Shutdown(ctx) }

// Close ends everything at once.
func (s *Server) Close() error { return s.http.Close() }

// Open is how many connections there are that no handler has taken over.
func (s *Server) Open() int { return s.places.size() }
