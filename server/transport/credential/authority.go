package credential

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"petitiond/server/transport/fault"
	"petitiond/server/transport/requestid"
)

// recheck is how long a credential is taken as valid before it is authenticated again, since it may have been revoked.
const recheck = time.Minute

// ErrUnavailable reports that a credential cannot be checked at present. An error that wraps it is answered with
// UNAVAILABLE instead of UNAUTHENTICATED.
var ErrUnavailable = errors.New("the credential cannot be checked at present")

// Authority finds out whose credential a request carries. All fields are required.
type Authority struct {
	// Authenticate returns a context that knows whose credential bearer is. An error refuses the credential; see
	// [ErrUnavailable].
	Authenticate func(ctx context.Context, bearer string) (context.Context, error)
	// Expires returns when the credential that Authenticate found expires, or the zero time.
	Expires func(ctx context.Context) time.Time
	// Same reports whether two results of Authenticate are the same person with the same rights.
	Same func(before, now context.Context) bool
	// Patience is how long authentication may take where no request bounds it.
	Patience time.Duration
	// Alive is the context of all that outlives its request.
	Alive  context.Context //nolint:containedctx // see above
	Now    func() time.Time
	Logger *slog.Logger
}

type identityKey struct{}

// Authorize finds whose credential a value of the header Authorization holds.
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

// identity returns the identity that authentication found. Its context contains it, for Recheck to find.
func (a *Authority) identity(ctx context.Context, bearer string) Identity {
	who := Identity{bearer: bearer, until: a.Now().Add(recheck)}
	if end := a.Expires(ctx); !end.IsZero() && end.Before(who.until) {
		who.until = end
	}
	who.Context = context.WithValue(ctx, identityKey{}, who)
	return who
}

// Recheck authenticates the credential of an operation that is about to run again, if its time is over: the operation
// may have waited long, and would otherwise run with rights that were found before.
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

// Prove is Authorize for connections, where there is no request. The identity lives as long as Alive.
func (a *Authority) Prove(id, value string) (who Identity, f *fault.Fault) {
	ctx, cancel := context.WithTimeout(requestid.With(a.Alive, id), a.Patience)
	defer cancel()
	defer func() {
		if v := recover(); v != nil {
			requestid.LogPanic(ctx, a.Logger, v)
			who, f = Identity{}, fault.Unchecked()
		}
	}()
	who, f = a.Authorize(ctx, value)
	if f != nil && ctx.Err() != nil {
		f = fault.Unchecked()
	}
	return who.Outlive(a.Alive), f
}
