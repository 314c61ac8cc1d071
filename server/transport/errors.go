package transport

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"petitiond/server/errcode"
	"petitiond/server/operation"
	"petitiond/server/transport/credential"
	"petitiond/server/transport/fault"
	"petitiond/server/transport/requestid"
)

// ErrUnavailable reports that a credential cannot be checked at present. An error that wraps it is answered with
// UNAVAILABLE instead of UNAUTHENTICATED.
var ErrUnavailable = credential.ErrUnavailable

// errTimeout is the cause of the end of an operation's context when the operation took too long.
var errTimeout = errors.New("the operation took too long")

// statusFor returns the status to answer with. A flaw (see [fault.Flaw]) is sent with 200 in the older media type,
// whose clients do not read the body of any other status.
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

// retryAfter returns how many seconds the domain asks the client to wait, and whether it does.
func retryAfter(err *gqlerror.Error) (seconds int, ok bool) {
	seconds, ok = err.Extensions["retryAfterSeconds"].(int)
	return seconds, ok
}

// statusOf returns the status of what was executed. Field errors beside data are part of a successful answer; only an
// answer without data has the status of its error.
func statusOf(resp *graphql.Response) (status int, because *gqlerror.Error) {
	if len(resp.Data) > 0 && !bytes.Equal(resp.Data, []byte("null")) {
		return http.StatusOK, nil
	}
	// The first error that has a status decides. Other codes have none: the operation was executed, and this is its
	// answer.
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

// present calls the domain's presenter and adds what only the transport knows: that the time ran out, or the request id
// under which the log has the details.
func present(domain graphql.ErrorPresenterFunc) graphql.ErrorPresenterFunc {
	return func(ctx context.Context, err error) *gqlerror.Error {
		presented := domain(ctx, err)
		if presented == nil || operation.CodeOf(presented) != errcode.Internal {
			return presented
		}
		// When the time is over every statement fails, with errors that nobody knows: the cause tells them from real
		// ones.
		if errors.Is(context.Cause(ctx), errTimeout) {
			late := tooLate(ctx)
			late.Path, late.Locations = presented.Path, presented.Locations
			return late
		}
		presented.Extensions["requestId"] = requestid.ID(ctx)
		return presented
	}
}

// onlyPublished calls a presenter and hides every error that has no published code. The log records that an error was
// hidden, and what caused it.
func onlyPublished(presenter graphql.ErrorPresenterFunc, log *slog.Logger) graphql.ErrorPresenterFunc {
	return func(ctx context.Context, err error) *gqlerror.Error {
		presented := presenter(ctx, err)
		if presented == nil || errcode.Published[operation.CodeOf(presented)] {
			return presented
		}
		log.ErrorContext(ctx, "an error without a published code was held back",
			"request_id", requestid.ID(ctx), "code", operation.CodeOf(presented), "error", err)
		secret := fault.Hidden(ctx)
		secret.Path, secret.Locations = presented.Path, presented.Locations
		return secret
	}
}

// hideUncoded is the default presenter: it hides every error that has no code.
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

// tooLate returns the error of an operation that ran out of time. A mutation may have taken effect all the same.
func tooLate(ctx context.Context) *gqlerror.Error {
	if op := graphql.GetOperationContext(ctx); op.Operation != nil && op.Operation.Operation == ast.Mutation {
		err := operation.Coded(errcode.OutcomeUnknown, "The operation took too long and its outcome is unknown. Send it again, with the same idempotencyKey where it has one.")
		err.Extensions["retryAfterSeconds"] = 1
		return err
	}
	return operation.Coded(errcode.Timeout, "The operation took too long and was stopped. Ask for less at a time.")
}
