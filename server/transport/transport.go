package transport

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/rs/cors"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"petitiond/server/answers"
	"petitiond/server/budget"
	"petitiond/server/operation"
	"petitiond/server/transport/socket"
)

// Options says what a Transport serves and whom. Only Schema is needed.
type Options struct {
	// Schema is what gqlgen generated. What the events of its subscriptions are about, and with which error they end,
	// their sources say as package subscription has it.
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
	// Expires says until when the credential holds that Authenticate found, if it ends. Then it is asked anew.
	Expires func(ctx context.Context) time.Time
	// Same reports whether Authenticate found the same twice: who it is, and what they may. Where it did not, what is open
	// under the credential ends as if it had been revoked. By default all that holds is the same.
	Same func(before, now context.Context) bool
	// Impersonal are the types whose leaf fields have the same values for everybody who may see an object of
	// them at all. A subscription that selects nothing else is shared by all, whoever they are.
	Impersonal []string
	// Sizes say how many items fields have by their arguments, where @listSize cannot: by the name of the field, such
	// as Petition.signatureHistory. Arguments come as JSON has them, absent ones as their defaults or nil.
	Sizes map[string]func(arguments map[string]any) int
	// ShareAnswers lets equal queries of those who show no credential have one answer. Whoever computes it says with
	// [answers.On] what it depends on; see [Transport.Drop].
	ShareAnswers bool
	// Address returns whose connection a request came over. The default is that of the connection.
	Address func(r *http.Request) netip.Addr
	// AllowedOrigins are the sites besides our own whose pages may read answers
	// and open sockets, such as https://example.org.
	AllowedOrigins []string
	// Introspection lets clients ask for the schema. Off also keeps errors from
	// suggesting names.
	Introspection bool
	// Discreet keeps errors from suggesting names in any case.
	Discreet bool
	// Limits are [DefaultLimits] where they are zero as a whole.
	Limits Limits
	// Memory is how many bytes answers may take together while they are computed, sent, or wait for a client that
	// does not read: 0 is 1 GiB.
	Memory int64
	// Logger is told of panics; nil is silence.
	Logger *slog.Logger
}

// Transport answers GraphQL requests. It is an http.Handler for one path.
type Transport struct {
	engine       *engine
	judge        *operation.Judge
	limits       Limits
	authenticate func(context.Context, string) (context.Context, error)
	expires      func(context.Context) time.Time
	same         func(before, now context.Context) bool
	alike        []string // Options.Impersonal
	address      func(*http.Request) netip.Addr
	sharing      bool
	answers      *answers.Store[*answer]
	recalled     *recalled
	hints        hints
	gate         *gate
	memory       *budget.Memory
	origins      []string
	protocol     socket.Limits
	handler      http.Handler
	log          *slog.Logger

	lines       lines
	streams     streams
	credentials credentials
	feeds       feeds
	dispatch    dispatch
	readers     chan struct{} // taken by what reads a long message

	alive   context.Context //nolint:containedctx // of what outlives its request; ends with Shutdown
	die     context.CancelFunc
	running sync.WaitGroup // feeds, and what lines need
}

// New returns a Transport. Shutdown ends what it keeps open.
func New(o Options) *Transport {
	o = o.withDefaults()
	t := &Transport{
		engine: newEngine(o),
		judge: operation.New(operation.Options{
			Schema: o.Schema.Schema(), Sizes: o.Sizes, Introspection: o.Introspection, Discreet: o.Discreet, Limits: o.Limits.Limits,
		}),
		limits:       o.Limits,
		authenticate: o.Authenticate,
		expires:      o.Expires,
		same:         o.Same,
		alike:        o.Impersonal,
		address:      o.Address,
		sharing:      o.ShareAnswers,
		answers: answers.New(answers.Options[*answer]{
			Bytes: o.Limits.AnswerBytes, Size: (*answer).size, Longest: 5 * time.Second, Brief: time.Second, Now: now,
		}),
		recalled: newRecalled(o.Limits.AnswerBytes / 8),
		hints:    newHints(o.Schema.Schema()),
		gate:     newGate(o.Limits),
		memory:   budget.NewMemory(o.Memory),
		origins:  o.AllowedOrigins,
		protocol: socket.Limits{
			ID: 128, InitPayload: o.Limits.InitPayload, PingPayload: pingPayload, Operations: o.Limits.SocketOperations,
			JSONDepth: o.Limits.JSONDepth, JSONMembers: o.Limits.JSON().Members,
		},
		log:      o.Logger,
		streams:  streams{open: map[string]*stream{}, by: map[netip.Prefix]int{}},
		feeds:    feeds{open: map[operation.Key]*feed{}},
		dispatch: dispatch{wake: make(chan struct{}, 1), halted: make(chan struct{})},
	}
	t.lines = lines{t: t, zero: now(), by: map[netip.Prefix]int{}}
	t.credentials = credentials{t: t, known: map[string]*credential{}}
	t.readers = make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2))
	t.alive, t.die = context.WithCancel(context.Background())
	t.handler = cors.New(cors.Options{
		// An empty list of origins would mean all of them.
		AllowOriginFunc: func(origin string) bool { return slices.Contains(o.AllowedOrigins, origin) },
		AllowedMethods:  []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodDelete},
		AllowedHeaders:  []string{"Accept", "Authorization", "Content-Type", "Last-Event-ID", requestIDHeader, costHeader, streamHeader},
		ExposedHeaders:  []string{requestIDHeader, "Retry-After", statusHeader},
		MaxAge:          int((10 * time.Minute).Seconds()),
	}).Handler(http.HandlerFunc(t.route))
	return t
}

func (o Options) withDefaults() Options {
	if o.Limits == (Limits{}) {
		o.Limits = DefaultLimits()
	}
	if o.Memory == 0 {
		o.Memory = 1 << 30
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
	if o.Expires == nil {
		o.Expires = func(context.Context) time.Time { return time.Time{} }
	}
	if o.Same == nil {
		o.Same = func(context.Context, context.Context) bool { return true }
	}
	if o.Address == nil {
		o.Address = peer
	}
	if o.Authenticate == nil {
		o.Authenticate = func(context.Context, string) (context.Context, error) {
			return nil, errors.New("no credential is known")
		}
	}
	o.ErrorPresenter = screened(o.ErrorPresenter, o.Logger)
	return o
}

// peer is the address at the other end of the connection.
func peer(r *http.Request) netip.Addr {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return at.Addr().Unmap()
}

// ServeHTTP answers one request, or takes over its connection.
func (t *Transport) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := requestID(r)
	r = r.WithContext(WithRequestID(r.Context(), id))
	header := w.Header()
	header[requestIDHeader] = []string{id}
	header["X-Content-Type-Options"] = values["nosniff"]
	header["Cache-Control"] = values["no-store"]
	header.Add("Vary", "Accept, Authorization, X-GraphQL-Cost")
	defer t.survive(w, r)
	t.handler.ServeHTTP(w, r)
}

// Trust makes t serve the documents of a manifest, and no others. It judges them first, as if they had been sent. It must
// be called before t serves.
func (t *Transport) Trust(m operation.Manifest) error { return t.judge.Trust(m) }

// survive answers a request whose handling panicked.
func (t *Transport) survive(w http.ResponseWriter, r *http.Request) {
	v := recover()
	if v == nil {
		return
	}
	if err, ok := v.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(v)
	}
	LogPanic(r.Context(), t.log, v)
	errs := gqlerror.List{internalError(r.Context())}
	t.refuse(w, mediaJSON, &fault{status: http.StatusInternalServerError, errs: errs})
}

// Shutdown ends every subscription: sockets are closed with 1001 and event streams cut, spread over half
// of the time that ctx leaves so that they do not all come back at once. It returns when the last is gone or
// ctx ends, and what runs for them has ended. New ones are refused from now on; queries and mutations are not.
func (t *Transport) Shutdown(ctx context.Context) error {
	err := t.lines.part(ctx, spreadOver(ctx))
	t.lines.close()
	t.die()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		t.running.Wait()
	}()
	select {
	case <-ended:
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil {
		return fmt.Errorf("wait for subscriptions to end: %w", err)
	}
	return nil
}

// Open is how many sockets and event streams there are.
func (t *Transport) Open() int { return t.lines.size() }

// longestSpread is for the farewell of very many.
const longestSpread = 10 * time.Second

func spreadOver(ctx context.Context) time.Duration {
	if end, ok := ctx.Deadline(); ok {
		return min(longestSpread, time.Until(end)/2)
	}
	return longestSpread
}

// recovered is the recoverer of a transport that was given none.
func recovered(log *slog.Logger) graphql.RecoverFunc {
	return func(ctx context.Context, v any) error {
		LogPanic(ctx, log, v)
		return internalError(ctx)
	}
}

// LogPanic says where a panic happened, on the goroutine that it happened on. What was thrown may hold anything, so
// only its type is told.
func LogPanic(ctx context.Context, log *slog.Logger, v any) {
	log.ErrorContext(ctx, "panic while answering a request",
		"request_id", RequestIDFrom(ctx), "type", fmt.Sprintf("%T", v), "stack", string(debug.Stack()))
}
