package httpserver

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"time"
)

const (
	// headerTime is how long the header of a request may take to arrive.
	headerTime = 5 * time.Second
	// headerBytes is how large a header may be.
	headerBytes = 16 << 10
	// idleTime is how long a connection may wait for its next request.
	idleTime = time.Minute
	// linger is how long a connection stays open after an answer that did not wait for the body. If it were closed
	// while the client is still sending, the kernel would send a reset, and the client might never see the answer.
	linger = 250 * time.Millisecond
)

// Options are what a Server serves, and its limits.
type Options struct {
	Handler http.Handler
	// BodyTime is how long a body may take to arrive after its header, for each 64 KiB of it. Then a handler that reads
	// gets [os.ErrDeadlineExceeded].
	BodyTime time.Duration
	// AnswerTime is how long an answer may take to be sent after it was begun.
	AnswerTime time.Duration
	// Connections is how many connections there may be at once. Those that a handler has hijacked do not count.
	Connections int
	// ConnectionsPerClient is how many of them one client may have; 0: no limit.
	ConnectionsPerClient int
	// Client returns the client to which an address belongs. The zero prefix stands for no client in particular, which
	// has no limit of its own.
	Client func(netip.Addr) netip.Prefix
	// Panicked is called when a handler has panicked, with the value of the panic and on the handler's goroutine.
	Panicked func(ctx context.Context, thrown any)
	// Now returns the time of the clock that network deadlines use.
	Now func() time.Time
	// Logger logs what hinders the server, and nothing that a client sends.
	Logger *slog.Logger
}

// Server serves HTTP/1. Its limits hold for every path and method, and for the requests that net/http answers itself.
type Server struct {
	options Options
	places  *places
	http    *http.Server
}

// New returns a Server that does not serve yet.
func New(o Options) *Server {
	s := &Server{options: o, places: newPlaces(o)}
	s.http = &http.Server{
		Handler:           s,
		ReadHeaderTimeout: headerTime,
		// The next two apply to what net/http reads and writes itself, such as the body of a request with an unknown
		// expectation. For requests that reach a handler, ServeHTTP sets other deadlines.
		ReadTimeout:    headerTime,
		WriteTimeout:   o.AnswerTime,
		IdleTimeout:    idleTime,
		MaxHeaderBytes: headerBytes,
		// Otherwise net/http would read the body of OPTIONS * without our deadline.
		DisableGeneralOptionsHandler: true,
		ConnContext:                  s.places.know,
		ConnState:                    s.places.follow,
		ErrorLog:                     slog.NewLogLogger(httpLog{o.Logger.Handler()}, slog.LevelError),
	}
	s.http.RegisterOnShutdown(s.places.drain)
	return s
}

// Serve serves the connections of a listener until Shutdown or Close. Then it returns [http.ErrServerClosed].
func (s *Server) Serve(l net.Listener) error {
	return s.http.Serve(&listener{Listener: l, places: s.places, closed: make(chan struct{})})
}

// Shutdown accepts no more connections, and returns when every request that has arrived completely is answered, or ctx
// ends. It does not wait for other requests: connections without a request are closed, and for handlers that read a
// body the deadline passes at once. A client that does not read its answer is waited for only briefly.
func (s *Server) Shutdown(ctx context.Context) error { return s.http.Shutdown(ctx) }

// Close ends everything at once.
func (s *Server) Close() error { return s.http.Close() }

// Limited returns how many connections were lost to a limit: refused, or closed for a newer one.
func (s *Server) Limited(limit Limit) int { return s.places.limited.Total(string(limit)) }

// Open returns how many connections are open, without those that a handler has hijacked.
func (s *Server) Open() int { return s.places.size() }
