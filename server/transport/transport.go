package transport

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"runtime"
	"sync"
	"time"

	"github.com/99designs/gqlgen/graphql"

	"petitiond/server/answerbudget"
	"petitiond/server/operation"
	"petitiond/server/transport/connection"
	"petitiond/server/transport/credential"
	"petitiond/server/transport/fault"
	"petitiond/server/transport/requestid"
	"petitiond/server/turns"
)

// Options says what a Transport serves, and to whom. Only Schema is required.
type Options struct {
	// Schema is what gqlgen generated. Its subscriptions mark their events, and report the error with which they end,
	// by means of package eventmark.
	Schema graphql.ExecutableSchema
	// ErrorPresenter turns errors of execution into what clients read. It must map unknown errors to the code INTERNAL,
	// to which the request id is added here. The default hides every error that has no code.
	ErrorPresenter graphql.ErrorPresenterFunc
	// Recover turns a panic in a resolver into an error. The default logs it.
	Recover graphql.RecoverFunc
	// Authenticate returns a context that knows whose credential bearer is. It is not called for anonymous requests. An
	// error refuses the request with UNAUTHENTICATED, or with UNAVAILABLE if it is [ErrUnavailable].
	Authenticate func(ctx context.Context, bearer string) (context.Context, error)
	// Around adds to the context what a single answer needs, such as loaders. It is called for every event of a
	// subscription, and once for its start; what that first call adds lives as long as the subscription.
	Around func(ctx context.Context) context.Context
	// Expires returns when the credential that Authenticate found expires, or the zero time. It is authenticated again
	// then.
	Expires func(ctx context.Context) time.Time
	// Same reports whether two results of Authenticate are the same person with the same rights. If not, whatever is
	// open under the credential ends as if the credential had been revoked. By default any two are the same.
	Same func(before, now context.Context) bool
	// Impersonal names what has the same value for all who may see the object at all: the leaf fields of a type, such as
	// SignatureCount, or a single field, such as Petition.goal. A subscription that selects nothing else is executed once
	// for all its subscribers, and its events wait for no turn: computing one must read nothing.
	Impersonal []string
	// Sizes are functions, by the name of a field such as Petition.signatureHistory, that return how many items the
	// field has, for fields where @listSize cannot express it. Arguments have the types that JSON decodes to; absent
	// ones have their defaults or are nil.
	Sizes map[string]func(arguments map[string]any) int
	// ShareAnswers makes equal queries without a credential share one answer. The code that computes it records with
	// [responsecache.On] what it depends on; the code that changes something drops the answers that depend on it from
	// the Responses.
	ShareAnswers bool
	// Responses is the store of shared answers. By default the Transport makes its own.
	Responses *Responses
	// Address returns the client's address. By default it is the peer's address.
	Address func(r *http.Request) netip.Addr
	// AllowedOrigins are the sites besides our own whose pages may use the API, such as https://example.org. With "*"
	// among them the pages of all other sites may send queries and subscriptions, but no mutations.
	AllowedOrigins []string
	// LoopbackOrigins allows everything to pages that are served by the machine of their visitor.
	LoopbackOrigins bool
	// OwnHost reports whether a Host is the site itself; see [OwnHosts]. A request for any other is refused. By default
	// every one is.
	OwnHost func(host string) bool
	// Introspection lets clients ask for the schema. Where it is off, errors do not suggest names either.
	Introspection bool
	// Discreet keeps errors from suggesting names in any case.
	Discreet bool
	// Limits defaults to [DefaultLimits] if it is the zero value.
	Limits Limits
	// Memory is how many bytes all answers together may take while they are computed, sent, or wait for a client that
	// does not read. The default is 1 GiB. Requests longer than 64 KiB may take a quarter as much besides, and open
	// subscriptions three eighths. Of each of the three, one address may take as much as it leaves to others (see
	// [answerbudget.Memory]), unless Limits.SocketsPerAddress is zero.
	Memory int64
	// LongTexts are the bytes that values may have of fields that alone make an answer long, such as Petition.body. A
	// mutation that selects some has the memory for them before it is executed.
	LongTexts map[string]int
	// Logger records panics and hidden errors. By default nothing is logged.
	Logger *slog.Logger
}

// Transport answers GraphQL requests. It is an http.Handler for one path.
type Transport struct {
	intake      *intake
	sharing     *sharing
	opener      *opener
	authority   *credential.Authority
	connections *connection.Keeper
	ownHost     func(host string) bool
	handler     http.Handler
	log         *slog.Logger

	die     context.CancelFunc // ends what outlives its request
	running sync.WaitGroup     // what runs for connections
}

// New returns a Transport. Shutdown ends what it keeps open.
func New(o Options) *Transport {
	o = o.withDefaults()
	t := &Transport{ownHost: o.OwnHost, log: o.Logger}
	var alive context.Context
	alive, t.die = context.WithCancel(context.Background())
	origins := newOrigins(o)
	// Apart from the answers' memory: long requests must not take what others are answered with, nor the reverse.
	requests := o.newMemory(o.Memory / 4)
	t.intake = &intake{limits: o.Limits, origins: origins, address: o.Address, memory: requests, judge: operation.New(operation.Options{
		Schema: o.Schema.Schema(), Sizes: o.Sizes, Introspection: o.Introspection, Discreet: o.Discreet, Limits: o.Limits.Limits,
	})}
	t.authority = &credential.Authority{
		Authenticate: o.Authenticate, Expires: o.Expires, Same: o.Same, Patience: o.Limits.Operation, Alive: alive, Now: now, Logger: o.Logger,
	}
	t.sharing = newSharing(o, newRunner(o, t.authority))
	t.connections = connection.New(connection.Options{
		Host: &host{
			sharing: t.sharing, intake: t.intake, alike: o.Impersonal,
			starts: startTurns(o.Limits), events: eventTurns(o.Limits),
		},
		Limits: o.Limits.Bounds, Message: o.Limits.Body, Answer: o.Limits.onConnection(), JSON: o.Limits.JSON(),
		Credentials: credential.NewRegistry(t.authority, &t.running), Memory: t.sharing.memory, MemorySize: o.Memory,
		Requests: requests, Readers: make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2)),
		Alive: alive, Running: &t.running, Now: now, Logger: o.Logger,
	})
	t.opener = &opener{intake: t.intake, authority: t.authority, connections: t.connections}
	// Around everything else, so that a page of another site can read refusals, too.
	t.handler = origins.share(http.HandlerFunc(t.route))
	return t
}

// Shutdown ends every subscription: sockets are closed with 1001 and event streams are cut, one after the other (see
// [connection.Keeper.Shutdown]). It returns when the last connection has gone and what ran for them has ended, or when
// ctx ends. New connections are refused from now on; queries and mutations over HTTP are not.
func (t *Transport) Shutdown(ctx context.Context) error {
	err := t.connections.Shutdown(ctx)
	// Only after the connections have gone: it ends the contexts of what still runs for them.
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

// newMemory returns a memory of which one address alone may take half, if there are limits for one address.
func (o Options) newMemory(bytes int64) *answerbudget.Memory {
	if o.Limits.SocketsPerAddress == 0 {
		return answerbudget.NewMemory(bytes, 1)
	}
	return answerbudget.NewMemory(bytes, 2)
}

// withDefaults fills in what was left out.
func (o Options) withDefaults() Options {
	if o.Limits == (Limits{}) {
		o.Limits = DefaultLimits()
	}
	if o.Memory == 0 {
		o.Memory = 1 << 30
	}
	// A larger one would be asked to come back again and again: it never finds the memory that it needs.
	o.Limits.AnswerSize = min(o.Limits.AnswerSize, answerbudget.Largest(o.Memory))
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.OwnHost == nil {
		o.OwnHost = func(string) bool { return true }
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
	// Around whatever presenter was given: no error passes that has no published code.
	o.ErrorPresenter = onlyPublished(o.ErrorPresenter, o.Logger)
	return o
}

// Responses returns the store of shared answers.
func (t *Transport) Responses() *Responses { return t.sharing.answers }

// From returns the context of a request in which the network of its client asks for turns (see package turns).
func (t *Transport) From(r *http.Request) context.Context { return t.from(r.Context(), r) }

func (t *Transport) from(ctx context.Context, r *http.Request) context.Context {
	return turns.From(ctx, t.intake.network(r))
}

// Share calls send with the page of that name and its Cache-Status. A page is treated like the answer of a query: it is
// kept in memory until something that it depends on changes (see [responsecache.On]). If it is not in memory, it is
// rendered once for all who ask at the same time; rendering takes a place among the operations that run, in the turn of
// those who ask in ctx (see From), and has the time of an operation and the budget of an answer. Render reports whether
// the page may be kept: otherwise it goes only to those who have already asked. If Share returns an error, the server
// is busy and send was not called.
func (t *Transport) Share(
	ctx context.Context, name string,
	render func(context.Context) (page Page, keep bool), send func(page Page, status string),
) error {
	a, how := t.sharing.page(ctx, name, render)
	share := t.sharing.memoryOf(ctx)
	if a.fault != nil || !a.hold(share) {
		return errBusy
	}
	defer a.release(share)
	send(a.page, how)
	return nil
}

var errBusy = errors.New("transport: the server is busy")

// peer returns the address at the other end of the connection.
func peer(r *http.Request) netip.Addr {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return at.Addr().Unmap()
}

// ServeHTTP answers one request, or takes over its connection.
func (t *Transport) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := requestid.Of(r)
	r = r.WithContext(requestid.With(r.Context(), id))
	header := w.Header()
	header[requestid.Header] = []string{id}
	header["X-Content-Type-Options"] = headerValues["nosniff"]
	// Unless a handler says otherwise, nothing may be kept: most answers are for one client.
	header["Cache-Control"] = headerValues["no-store"]
	header.Add("Vary", "Accept, Authorization, X-GraphQL-Cost")
	defer t.recoverPanic(w, r)
	t.handler.ServeHTTP(w, r)
}

// Trust makes t serve the documents of a manifest and no others, after checking them as if a client had sent them. It
// must be called before t serves.
func (t *Transport) Trust(m operation.Manifest) error { return t.intake.judge.Trust(m) }

// recoverPanic answers a request whose handling panicked.
func (t *Transport) recoverPanic(w http.ResponseWriter, r *http.Request) {
	v := recover()
	if v == nil {
		return
	}
	// This is how a handler cuts a connection; net/http knows it and logs nothing.
	if err, ok := v.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(v)
	}
	requestid.LogPanic(r.Context(), t.log, v)
	refuse(w, mediaJSON, fault.Internal(r.Context()))
}

// Open returns how many sockets and event streams are open.
func (t *Transport) Open() int { return t.connections.Size() }

// Running returns how many operations and pages run, and how many wait for a place.
func (t *Transport) Running() (run, wait int) { return t.sharing.turns.Taken() }

// Refusals returns how many sockets and event streams were refused, by the cause.
func (t *Transport) Refusals() map[string]int { return t.connections.Refusals() }

// Kept returns how many bytes of memory open subscriptions are reckoned to take.
func (t *Transport) Kept() int64 { return t.connections.Kept() }

// recovered returns the default of Options.Recover.
func recovered(log *slog.Logger) graphql.RecoverFunc {
	return func(ctx context.Context, v any) error {
		requestid.LogPanic(ctx, log, v)
		return fault.Hidden(ctx)
	}
}
