package transport

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/rs/cors"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// Options says what a Transport serves and whom. Only Schema is needed.
type Options struct {
	// Schema is what gqlgen generated.
	Schema graphql.ExecutableSchema
	// ErrorPresenter turns errors of execution into what clients read. It gives
	// unknown ones the code INTERNAL; the request id is added here. The default
	// hides every error that has no code.
	ErrorPresenter graphql.ErrorPresenterFunc
	// Recover turns a panic in a resolver into an error. The default logs it.
	Recover graphql.RecoverFunc
	// Authenticate returns a context that knows whose credential bearer is. It
	// is not called for anonymous requests. An error refuses the request with
	// UNAUTHENTICATED, or with UNAVAILABLE if it is [ErrUnavailable].
	Authenticate func(ctx context.Context, bearer string) (context.Context, error)
	// Around adds to the context what one answer needs, such as loaders. It is
	// called anew for every event of a subscription, and once for its start:
	// what that call adds lives as long as the subscription.
	Around func(ctx context.Context) context.Context
	// AllowedOrigins are the sites besides our own whose pages may read answers
	// and open sockets, such as https://example.org.
	AllowedOrigins []string
	// Introspection lets clients ask for the schema. Off also keeps errors from
	// suggesting names.
	Introspection bool
	// Limits are [DefaultLimits] where they are zero as a whole.
	Limits Limits
	// Logger is told of panics; nil is silence.
	Logger *slog.Logger
}

// Transport answers GraphQL requests. It is an http.Handler for one path.
type Transport struct {
	engine       *engine
	limits       Limits
	authenticate func(context.Context, string) (context.Context, error)
	origins      []string
	handler      http.Handler
	log          *slog.Logger

	stopping context.Context // ends when Shutdown begins
	stop     context.CancelFunc

	mu     sync.Mutex     // guards closed against streams.Add
	closed bool           // no new stream begins
	stream sync.WaitGroup // open sockets and event streams
}

// New returns a Transport. Shutdown ends what it keeps open.
func New(o Options) *Transport {
	o = o.withDefaults()
	stopping, stop := context.WithCancel(context.Background())
	t := &Transport{
		engine:       newEngine(o),
		limits:       o.Limits,
		authenticate: o.Authenticate,
		origins:      o.AllowedOrigins,
		log:          o.Logger,
		stopping:     stopping,
		stop:         stop,
	}
	t.handler = cors.New(cors.Options{
		// An empty list of origins would mean all of them.
		AllowOriginFunc: func(origin string) bool { return slices.Contains(o.AllowedOrigins, origin) },
		AllowedMethods:  []string{http.MethodGet, http.MethodPost},
		AllowedHeaders:  []string{"Accept", "Authorization", "Content-Type", requestIDHeader},
		ExposedHeaders:  []string{requestIDHeader, "Retry-After"},
		MaxAge:          int((10 * time.Minute).Seconds()),
	}).Handler(http.HandlerFunc(t.route))
	return t
}

func (o Options) withDefaults() Options {
	if o.Limits == (Limits{}) {
		o.Limits = DefaultLimits()
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.ErrorPresenter == nil {
		o.ErrorPresenter = conceal
	}
	if o.Recover == nil {
		o.Recover = recovered(o.Logger)
	}
	if o.Authenticate == nil {
		o.Authenticate = func(context.Context, string) (context.Context, error) {
			return nil, errors.New("no credential is known")
		}
	}
	return o
}

// ServeHTTP answers one request, or takes over its connection.
func (t *Transport) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := requestID(r)
	r = r.WithContext(WithRequestID(r.Context(), id))
	header := w.Header()
	header.Set(requestIDHeader, id)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Cache-Control", "no-store")
	header.Add("Vary", "Accept, Authorization")
	defer t.survive(w, r)
	t.handler.ServeHTTP(w, r)
}

// survive answers a request whose handling panicked.
func (t *Transport) survive(w http.ResponseWriter, r *http.Request) {
	v := recover()
	if v == nil {
		return
	}
	if err, ok := v.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(v)
	}
	logPanic(r.Context(), t.log, v)
	errs := gqlerror.List{internalError(r.Context())}
	t.refuse(w, mediaJSON, &fault{status: http.StatusInternalServerError, errs: errs})
}

// Shutdown ends every subscription: sockets are closed with 1001 and event
// streams completed. It returns when the last is gone or ctx ends. New ones
// are refused from now on; queries and mutations are not.
func (t *Transport) Shutdown(ctx context.Context) error {
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
	t.stop()
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		t.stream.Wait()
	}()
	select {
	case <-gone:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for subscriptions to end: %w", ctx.Err())
	}
}

// hold keeps Shutdown waiting until release is called, and ends the context
// when Shutdown begins. It is refused after that.
func (t *Transport) hold(ctx context.Context) (held context.Context, release func(), ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil, nil, false
	}
	t.stream.Add(1)
	held, cancel := context.WithCancel(ctx)
	detach := context.AfterFunc(t.stopping, cancel)
	return held, func() {
		detach()
		cancel()
		t.stream.Done()
	}, true
}

// recovered is the recoverer of a transport that was given none.
func recovered(log *slog.Logger) graphql.RecoverFunc {
	return func(ctx context.Context, v any) error {
		logPanic(ctx, log, v)
		return internalError(ctx)
	}
}

// logPanic says where a panic happened. What was thrown may hold anything, so
// only its type is told.
func logPanic(ctx context.Context, log *slog.Logger, v any) {
	log.ErrorContext(ctx, "panic while answering a request",
		"request_id", RequestIDFrom(ctx), "type", fmt.Sprintf("%T", v), "stack", string(debug.Stack()))
}
