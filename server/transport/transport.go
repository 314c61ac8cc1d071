package transport

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/rs/cors"

	"petitiond/server/operation"
	"petitiond/server/transport/connection"
	"petitiond/server/transport/credential"
	"petitiond/server/transport/fault"
	"petitiond/server/transport/trace"
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
	// called for every event of a subscription, and once for its start:
	// what that call adds lives as long as the subscription.
	Around func(ctx context.Context) context.Context
	// Expires says until when the credential holds that Authenticate found, if it ends. Then it is asked again.
	Expires func(ctx context.Context) time.Time
	// Same reports whether Authenticate found the same twice: who it is, and what they may. Where it did not, what is
	// open under the credential ends as if it had been revoked. By default all that holds is the same.
	Same func(before, now context.Context) bool
	// Impersonal are the types whose leaf fields have the same values for everybody who may see an object of
	// them at all. A subscription that selects nothing else is shared by all.
	Impersonal []string
	// Sizes say how many items fields have by their arguments, where @listSize cannot: by the name of the field, such
	// as Petition.signatureHistory. Arguments come as JSON has them, absent ones as their defaults or nil.
	Sizes map[string]func(arguments map[string]any) int
	// ShareAnswers lets equal queries of those who show no credential have one answer. Whoever computes it says with
	// [responsecache.On] what it depends on; those who change that drop it from the Responses.
	ShareAnswers bool
	// Responses are those that are shared. The default is a store of its own.
	Responses *Responses
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
	intake      *intake
	sharing     *sharing
	opener      *opener
	authority   *credential.Authority
	connections *connection.Keeper
	handler     http.Handler
	log         *slog.Logger

	die     context.CancelFunc // ends what outlives its request
	running sync.WaitGroup     // what runs for connections
}

// New returns a Transport. Shutdown ends what it keeps open.
func New(o Options) *Transport {
	o = o.withDefaults()
	t := &Transport{log: o.Logger}
	var alive context.Context
	alive, t.die = context.WithCancel(context.Background())
	t.intake = &intake{limits: o.Limits, judge: operation.New(operation.Options{
		Schema: o.Schema.Schema(), Sizes: o.Sizes, Introspection: o.Introspection, Discreet: o.Discreet, Limits: o.Limits.Limits,
	})}
	t.authority = &credential.Authority{
		Authenticate: o.Authenticate, Expires: o.Expires, Same: o.Same, Patience: o.Limits.Operation, Alive: alive, Now: now, Logger: o.Logger,
	}
	t.sharing = newSharing(o, newRunner(o, t.authority))
	t.connections = connection.New(connection.Options{
		Host:   &host{sharing: t.sharing, intake: t.intake, alike: o.Impersonal},
		Limits: o.Limits.Bounds, Message: o.Limits.Body, Answer: o.Limits.onConnection(), JSON: o.Limits.JSON(),
		Credentials: credential.NewRegistry(t.authority, &t.running), Memory: t.sharing.memory,
		Readers: make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2)),
		Alive:   alive, Running: &t.running, Now: now, Logger: o.Logger,
	})
	t.opener = &opener{
		intake: t.intake, authority: t.authority, connections: t.connections, address: o.Address, origins: o.AllowedOrigins,
	}
	t.handler = allowOrigins(o.AllowedOrigins, http.HandlerFunc(t.route))
	return t
}

// allowOrigins lets pages of other sites read answers.
func allowOrigins(origins []string, next http.Handler) http.Handler {
	return cors.New(cors.Options{
		// An empty list of origins would mean all of them.
		AllowOriginFunc: func(origin string) bool { return slices.Contains(origins, origin) },
		AllowedMethods:  []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodDelete},
		AllowedHeaders:  []string{"Accept", "Authorization", "Content-Type", "Last-Event-ID", trace.Header, costHeader, streamHeader},
		ExposedHeaders:  []string{trace.Header, "Retry-After", cacheStatusHeader},
		MaxAge:          int((10 * time.Minute).Seconds()),
	}).Handler(next)
}

// withDefaults fills in what was left out.
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
		o.ErrorPresenter = hideUncoded
	}
	if o.Recover == nil {
		o.Recover = recovered(o.Logger)
	}
	if o.Responses == nil {
		o.Responses = NewResponses(o.Limits.AnswerBytes)
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
	o.ErrorPresenter = onlyPublished(o.ErrorPresenter, o.Logger)
	return o
}

// Responses returns those of Options, or the Transport's own.
func (t *Transport) Responses() *Responses { return t.sharing.answers }

// Share sends the page of a name, and says how it came by it, for the header Cache-Status. A page is treated as the
// answer of a query is: it is in memory until something changes that it depends on (see [responsecache.On]); else it is
// rendered once for all who ask at the same time, when there is room among what runs, within the time of an operation
// and the budget of an answer. Render reports whether the page may be kept: otherwise it is for those who have asked
// already. Where there is an error nothing was sent, since the server has as much to do as it can.
func (t *Transport) Share(
	ctx context.Context, name string,
	render func(context.Context) (page Page, keep bool), send func(page Page, status string),
) error {
	a, how := t.sharing.page(ctx, name, render)
	if a.fault != nil || !a.hold(t.sharing.memory) {
		return errBusy
	}
	defer a.release(t.sharing.memory)
	send(a.page, how)
	return nil
}

var errBusy = errors.New("transport: there is as much to do as can be done")

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
	id := trace.Of(r)
	r = r.WithContext(trace.With(r.Context(), id))
	header := w.Header()
	header[trace.Header] = []string{id}
	header["X-Content-Type-Options"] = headerValues["nosniff"]
	header["Cache-Control"] = headerValues["no-store"]
	header.Add("Vary", "Accept, Authorization, X-GraphQL-Cost")
	defer t.recoverPanic(w, r)
	t.handler.ServeHTTP(w, r)
}

// Trust makes t serve the documents of a manifest, and no others. It judges them first, as if they had been sent. It
// must be called before t serves.
func (t *Transport) Trust(m operation.Manifest) error { return t.intake.judge.Trust(m) }

// recoverPanic answers a request whose handling panicked.
func (t *Transport) recoverPanic(w http.ResponseWriter, r *http.Request) {
	v := recover()
	if v == nil {
		return
	}
	if err, ok := v.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(v)
	}
	trace.LogPanic(r.Context(), t.log, v)
	refuse(w, mediaJSON, fault.Internal(r.Context()))
}

// Shutdown ends every subscription: sockets are closed with 1001 and event streams cut, spread over half
// of the time that ctx leaves so that they do not all come back at once. It returns when the last is gone or
// ctx ends, and what runs for them has ended. New ones are refused from now on; queries and mutations are not.
func (t *Transport) Shutdown(ctx context.Context) error {
	err := t.connections.Shutdown(ctx, spreadOver(ctx))
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
func (t *Transport) Open() int { return t.connections.Size() }

// longestSpread is for the farewell of very many.
const longestSpread = 10 * time.Second

// spreadOver returns over which time all are sent away: half of what ctx leaves, for the other half they need to go.
func spreadOver(ctx context.Context) time.Duration {
	if end, ok := ctx.Deadline(); ok {
		return min(longestSpread, time.Until(end)/2)
	}
	return longestSpread
}

// recovered is the recoverer of a transport that was given none.
func recovered(log *slog.Logger) graphql.RecoverFunc {
	return func(ctx context.Context, v any) error {
		trace.LogPanic(ctx, log, v)
		return fault.Hidden(ctx)
	}
}
