package credential

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"petitiond/server/transport/fault"
	"petitiond/server/transport/trace"
)

// recheck is how long a credential holds without being asked again: it may have been revoked.
const recheck = time.Minute

// ErrUnavailable says that a credential could not be checked just now. What wraps it is answered with UNAVAILABLE
// instead of UNAUTHENTICATED.
var ErrUnavailable = errors.New("the credential cannot be checked at present")

// Authority asks whose credentials are whose. All fields are needed.
type Authority struct {
	// Authenticate returns a context that knows whose credential bearer is. An error refuses it; see [ErrUnavailable].
	Authenticate func(ctx context.Context, bearer string) (context.Context, error)
	// Expires returns until when the credential holds that Authenticate found, if it ends.
	Expires func(ctx context.Context) time.Time
	// Same reports whether Authenticate found the same twice: who it is, and what they may.
	Same func(before, now context.Context) bool
	// Patience is how long an answer may take that no request waits for.
	Patience time.Duration
	// Alive ends with all that outlives its request.
	Alive  context.Context //nolint:containedctx // see above
	Now    func() time.Time
	Logger *slog.Logger
}

type identityKey struct{}

// Authorize asks whose credential stands in a value of the header Authorization.
func (a *Authority) Authorize(ctx context.Context, value string) (Identity, *fault.Fault) {
	scheme, bearer, _ := strings.Cut(value, " ")
	bearer = strings.TrimSpace(bearer)
	if !strings.EqualFold(scheme, "Bearer") || bearer == "" {
		return Identity{}, fault.Denied()
	}
	known, err := a.Authenticate(ctx, bearer)
	switch {
	case errors.Is(err, ErrUnavailable):
		return Identity{}, fault.Unchecked()
	case err != nil:
		return Identity{}, fault.Denied()
	default:
		return a.identity(known, bearer), nil
	}
}

// identity makes an identity of what authentication found. Its context knows it, so that Recheck can ask again.
func (a *Authority) identity(ctx context.Context, bearer string) Identity {
	who := Identity{bearer: bearer, until: a.Now().Add(recheck)}
	if end := a.Expires(ctx); !end.IsZero() && end.Before(who.until) {
		who.until = end
	}
	who.Context = context.WithValue(ctx, identityKey{}, who)
	return who
}

// Recheck asks again for the credential of an operation that is about to run, if its time is over: the operation may
// have waited. It would run with the rights that were found before.
func (a *Authority) Recheck(ctx context.Context) *fault.Fault {
	who, ok := ctx.Value(identityKey{}).(Identity)
	if !ok || a.Now().Before(who.until) {
		return nil
	}
	again, f := a.Authorize(ctx, "Bearer "+who.bearer)
	if f == nil && !a.Same(ctx, again.Context) {
		return fault.Altered()
	}
	return f
}

// Prove asks whose credential stands in a value of Authorization, for what is no request. The identity lives as long as
// Alive.
func (a *Authority) Prove(id, value string) (who Identity, f *fault.Fault) {
	ctx, cancel := context.WithTimeout(trace.With(a.Alive, id), a.Patience)
	defer cancel()
	defer func() {
		if v := recover(); v != nil {
			trace.LogPanic(ctx, a.Logger, v)
			who, f = Identity{}, fault.Unchecked()
		}
	}()
	who, f = a.Authorize(ctx, value)
	if f != nil && ctx.Err() != nil {
		f = fault.Unchecked()
	}
	return who.Outlive(a.Alive), f
}
