package transport

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"petitiond/server/errcode"
	"petitiond/server/operation"
	"petitiond/server/transport/credential"
	"petitiond/server/transport/fault"
	"petitiond/server/transport/trace"
)

// ErrUnavailable says that a credential could not be checked just now. What
// wraps it is answered with UNAVAILABLE instead of UNAUTHENTICATED.
var ErrUnavailable = credential.ErrUnavailable

// errTimeout is why the context of an operation ended that took too long.
var errTimeout = errors.New("the operation took too long")

// statusFor returns the status to answer with. A flaw is 200 in the older
// media type, whose clients look no further when the status is another.
func statusFor(f *fault.Fault, m media) int {
	switch {
	case f.Status != 0:
		return f.Status
	case m == mediaJSON:
		return http.StatusOK
	default:
		return http.StatusBadRequest
	}
}

// retryAfter is the extension in which the domain says how many seconds to
// wait, and whether it did.
func retryAfter(err *gqlerror.Error) (seconds int, ok bool) {
	seconds, ok = err.Extensions["retryAfterSeconds"].(int)
	return seconds, ok
}

// statusOf returns the status of what was executed. Errors of fields are part
// of a good answer; only an answer without data tells of the failure behind it.
func statusOf(resp *graphql.Response) (status int, because *gqlerror.Error) {
	if len(resp.Data) > 0 && !bytes.Equal(resp.Data, []byte("null")) {
		return http.StatusOK, nil
	}
	for _, err := range resp.Errors {
		switch operation.CodeOf(err) {
		case errcode.RateLimited:
			return http.StatusTooManyRequests, err
		case errcode.OutcomeUnknown, errcode.Unavailable:
			return http.StatusServiceUnavailable, err
		case errcode.Timeout:
			return http.StatusGatewayTimeout, err
		case errcode.Internal:
			return http.StatusInternalServerError, err
		}
	}
	return http.StatusOK, nil
}

// present calls the presenter of the domain and adds what only the transport
// knows: that time ran out, or the request to look for in the log.
func present(domain graphql.ErrorPresenterFunc) graphql.ErrorPresenterFunc {
	return func(ctx context.Context, err error) *gqlerror.Error {
		presented := domain(ctx, err)
		if presented == nil || operation.CodeOf(presented) != errcode.Internal {
			return presented
		}
		if errors.Is(context.Cause(ctx), errTimeout) {
			late := tooLate(ctx)
			late.Path, late.Locations = presented.Path, presented.Locations
			return late
		}
		presented.Extensions["requestId"] = trace.ID(ctx)
		return presented
	}
}

// onlyPublished calls a presenter and lets nothing pass that has no published code.
// The log tells that something was held back, and what kind of error it was.
func onlyPublished(presenter graphql.ErrorPresenterFunc, log *slog.Logger) graphql.ErrorPresenterFunc {
	return func(ctx context.Context, err error) *gqlerror.Error {
		presented := presenter(ctx, err)
		if presented == nil || errcode.Published[operation.CodeOf(presented)] {
			return presented
		}
		log.ErrorContext(ctx, "an error without a published code was held back",
			"request_id", trace.ID(ctx), "code", operation.CodeOf(presented), "type", fmt.Sprintf("%T", err))
		secret := fault.Hidden(ctx)
		secret.Path, secret.Locations = presented.Path, presented.Locations
		return secret
	}
}

// hideUncoded is the presenter of a transport that was given none: an error that
// has no code yet is nobody's business.
func hideUncoded(ctx context.Context, err error) *gqlerror.Error {
	known, ok := errors.AsType[*gqlerror.Error](err)
	if ok && operation.CodeOf(known) != "" {
		return known
	}
	secret := fault.Hidden(ctx)
	if ok {
		secret.Path, secret.Locations = known.Path, known.Locations
	} else {
		secret.Path = graphql.GetPath(ctx)
	}
	return secret
}

// tooLate is the error of an operation whose time ran out. What a mutation had begun may have been done.
func tooLate(ctx context.Context) *gqlerror.Error {
	if op := graphql.GetOperationContext(ctx); op.Operation != nil && op.Operation.Operation == ast.Mutation {
		err := operation.Coded(errcode.OutcomeUnknown, "The operation took too long and its outcome is unknown. Send it again, with the same idempotencyKey where it has one.")
		err.Extensions["retryAfterSeconds"] = 1
		return err
	}
	return operation.Coded(errcode.Timeout, "The operation took too long and was stopped. Ask for less at a time.")
}
