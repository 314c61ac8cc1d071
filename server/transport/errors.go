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

	"petitiond/server/operation"
)

// The protocol's own codes in extensions.code beside those of package operation, and those of the domain that have a
// status of their own.
const (
	badRequest           = operation.BadRequest
	unauthenticated      = "UNAUTHENTICATED"
	forbidden            = "FORBIDDEN"
	notFound             = "NOT_FOUND"
	methodNotAllowed     = "METHOD_NOT_ALLOWED"
	payloadTooLarge      = "PAYLOAD_TOO_LARGE"
	unsupportedMediaType = "UNSUPPORTED_MEDIA_TYPE"
	badUserInput         = "BAD_USER_INPUT"
	rateLimited          = "RATE_LIMITED"
	outcomeUnknown       = "OUTCOME_UNKNOWN"
	unavailable          = "UNAVAILABLE"
	timeout              = "TIMEOUT"
	internal             = "INTERNAL"
)

// published are the codes of which the README tells. No other leaves: an error
// with another code is one that nobody thought of.
var published = map[string]bool{
	badRequest: true, unauthenticated: true, forbidden: true, notFound: true, methodNotAllowed: true, payloadTooLarge: true,
	unsupportedMediaType: true, operation.ParseFailed: true, operation.ValidationFailed: true, operation.LimitExceeded: true,
	badUserInput: true, operation.UnknownDocument: true, operation.NotPersisted: true, rateLimited: true, outcomeUnknown: true,
	unavailable: true, timeout: true, internal: true,
}

// ErrUnavailable says that a credential could not be checked just now. What
// wraps it is answered with UNAVAILABLE instead of UNAUTHENTICATED.
var ErrUnavailable = errors.New("the credential cannot be checked at present")

// errTimeout is why the context of an operation ended that took too long.
var errTimeout = errors.New("the operation took too long")

// fault is a request that is refused before anything was executed.
type fault struct {
	status int
	allow  string // the methods that would do
	errs   gqlerror.List

	cost       int            // points of the operation, where it is refused for them
	extensions map[string]any // of the answer
}

func refusal(status int, code, message string) *fault {
	return &fault{status: status, errs: gqlerror.List{operation.Coded(code, message)}}
}

// passing is a fault that is over in a moment.
func passing(code, message string) *fault {
	f := refusal(http.StatusServiceUnavailable, code, message)
	f.errs[0].Extensions["retryAfterSeconds"] = 1
	return f
}

// flaw is a fault of the document or its variables, in a request that is
// otherwise well formed.
func flaw(errs ...*gqlerror.Error) *fault { return &fault{errs: errs} }

// refused is the fault of an operation that may not run, or nil if it may.
func refused(r *operation.Refusal) *fault {
	if r == nil {
		return nil
	}
	f := &fault{errs: r.Errors, cost: r.Cost}
	if operation.CodeOf(r.Errors[0]) == operation.BadRequest {
		f.status = http.StatusBadRequest
	}
	return f
}

func malformed(format string, args ...any) *fault {
	return refusal(http.StatusBadRequest, badRequest, fmt.Sprintf(format, args...))
}

// statusFor returns the status to answer with. A flaw is 200 in the older
// media type, whose clients look no further when the status is another.
func (f *fault) statusFor(m media) int {
	switch {
	case f.status != 0:
		return f.status
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
		case rateLimited:
			return http.StatusTooManyRequests, err
		case outcomeUnknown, unavailable:
			return http.StatusServiceUnavailable, err
		case timeout:
			return http.StatusGatewayTimeout, err
		case internal:
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
		if presented == nil || operation.CodeOf(presented) != internal {
			return presented
		}
		if errors.Is(context.Cause(ctx), errTimeout) {
			late := tooLate(ctx)
			late.Path, late.Locations = presented.Path, presented.Locations
			return late
		}
		presented.Extensions["requestId"] = RequestIDFrom(ctx)
		return presented
	}
}

// screened calls a presenter and lets nothing pass that has no published code.
// The log tells that something was held back, and what kind of error it was.
func screened(presenter graphql.ErrorPresenterFunc, log *slog.Logger) graphql.ErrorPresenterFunc {
	return func(ctx context.Context, err error) *gqlerror.Error {
		presented := presenter(ctx, err)
		if presented == nil || published[operation.CodeOf(presented)] {
			return presented
		}
		log.ErrorContext(ctx, "an error without a published code was held back",
			"request_id", RequestIDFrom(ctx), "code", operation.CodeOf(presented), "type", fmt.Sprintf("%T", err))
		secret := internalError(ctx)
		secret.Path, secret.Locations = presented.Path, presented.Locations
		return secret
	}
}

// conceal is the presenter of a transport that was given none: an error that
// has no code yet is nobody's business.
func conceal(ctx context.Context, err error) *gqlerror.Error {
	known, ok := errors.AsType[*gqlerror.Error](err)
	if ok && operation.CodeOf(known) != "" {
		return known
	}
	secret := internalError(ctx)
	if ok {
		secret.Path, secret.Locations = known.Path, known.Locations
	} else {
		secret.Path = graphql.GetPath(ctx)
	}
	return secret
}

func internalError(ctx context.Context) *gqlerror.Error {
	err := operation.Coded(internal, "Something went wrong on our side. Quote the request id if you report it.")
	err.Extensions["requestId"] = RequestIDFrom(ctx)
	return err
}

// tooLate is the error of an operation whose time ran out. What a mutation had begun may have been done.
func tooLate(ctx context.Context) *gqlerror.Error {
	if op := graphql.GetOperationContext(ctx); op.Operation != nil && op.Operation.Operation == ast.Mutation {
		err := operation.Coded(outcomeUnknown, "The operation took too long and its outcome is unknown. Send it again, with the same idempotencyKey where it has one.")
		err.Extensions["retryAfterSeconds"] = 1
		return err
	}
	return operation.Coded(timeout, "The operation took too long and was stopped. Ask for less at a time.")
}
