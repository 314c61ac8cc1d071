package graph

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"petitiond/graph/model"
	"petitiond/graph/scalar"
	"petitiond/server/answerbudget"
	"petitiond/server/errcode"
	"petitiond/server/keyset"
	"petitiond/server/live"
	"petitiond/server/petitioning"
)

// errNoPetition is the error for a petition that the actor may not see, or may no longer see.
var errNoPetition = petitioning.NoPetition()

// PresentError turns an error of a resolver into what the client reads. It is the only place that maps errors of the
// domain to those of GraphQL. An unknown error becomes INTERNAL, discloses nothing, and is logged.
func (r *Resolver) PresentError(ctx context.Context, err error) *gqlerror.Error {
	known, _ := errors.AsType[*gqlerror.Error](err)
	if known != nil && known.Extensions["code"] != nil {
		return known // the transport's
	}
	field := graphql.GetFieldContext(ctx)
	if field != nil && field.Field.Field == nil { // only gqlgen reports errors at the root of a subscription, about the number of fields
		return presented(errcode.ValidationFailed, "A subscription must have exactly one field.")
	}
	out := r.present(ctx, err)
	out.Path = graphql.GetPath(ctx)
	if known != nil {
		out.Path = known.Path
	}
	if field != nil {
		out.Locations = []gqlerror.Location{{Line: field.Field.Position.Line, Column: field.Field.Position.Column}}
	}
	if _, ok := errors.AsType[scalar.Error](err); ok { // the path leads to the argument that cannot be read
		at := min(len(field.Path()), len(out.Path))
		out.Path, out.Extensions["field"] = out.Path[:at], out.Path[at:].String()
	}
	return out
}

// present returns the error with its code and message.
func (r *Resolver) present(ctx context.Context, err error) *gqlerror.Error {
	// Before the faults of the domain: it unwraps to one of them, whose message would name no places.
	if ids, ok := errors.AsType[missing](err); ok {
		out := presented(errcode.NotFound, ids.Error())
		out.Extensions["field"], out.Extensions["indexes"] = ids.argument, ids.indexes
		return out
	}
	if argument, ok := errors.AsType[*keyset.ArgumentError](err); ok {
		out := presented(errcode.BadUserInput, argument.Message)
		out.Extensions["field"] = argument.Argument
		return out
	}
	if value, ok := errors.AsType[scalar.Error](err); ok {
		return presented(errcode.BadUserInput, value.Error())
	}
	// Of several the first: GraphQL reports one error for a field.
	if faults := petitioning.Faults(err); len(faults) > 0 {
		return retryable(presented(string(faults[0].Code), faults[0].Message), faults[0].RetryAfter)
	}
	switch {
	case errors.Is(err, answerbudget.ErrAnswer), errors.Is(err, answerbudget.ErrMemory):
		// The transport replaces the whole answer with an error of its own.
		return presented(errcode.Internal, "The answer was given up.")
	case errors.Is(err, live.ErrClosed):
		return retryable(presented(errcode.Unavailable, "The server is going down. Connect again in a moment."), time.Second)
	}
	if ctx.Err() == nil { // a client that has gone, or a timeout, is not worth a log line
		r.Logger.ErrorContext(ctx, "a field failed", "path", graphql.GetPath(ctx).String(), "error", petitioning.Cause(err))
		if petitioning.IsPassing(err) {
			return retryable(presented(errcode.Unavailable, "The database does not answer just now. Try again in a moment."), time.Second)
		}
	}
	return presented(errcode.Internal, "Something went wrong here. Try again, and tell the operator the request id if it stays.")
}

// presented makes an error of a code and a message for people.
func presented(code, message string) *gqlerror.Error {
	return &gqlerror.Error{Message: message, Extensions: map[string]any{"code": code}}
}

// retryable adds how long a client should wait before it tries again, where that is known.
func retryable(e *gqlerror.Error, after time.Duration) *gqlerror.Error {
	if wait := seconds(after); wait != nil {
		e.Extensions["retryAfterSeconds"] = *wait
	}
	return e
}

// userErrors splits the error of a mutation: what a person can correct goes into the payload, the rest stays an error.
func userErrors(err error) ([]*model.UserError, error) {
	faults := petitioning.Faults(err)
	if err != nil && len(faults) == 0 {
		return nil, err
	}
	// Not nil without faults: the list is never null in the schema.
	out := make([]*model.UserError, len(faults))
	for i, f := range faults {
		out[i] = &model.UserError{Code: f.Code, Message: f.Message, Field: f.Field, RetryAfterSeconds: seconds(f.RetryAfter)}
	}
	return out, nil
}

// noteMissing adds the error for which a field of a payload is null. The mutation has succeeded all the same, and the
// rest of the payload says so.
func noteMissing(ctx context.Context, field string, err error) {
	if err != nil {
		graphql.AddError(graphql.WithPathContext(ctx, graphql.NewPathWithField(field)), err)
	}
}

// seconds rounds up, since retrying too early is useless. It returns nil for zero.
func seconds(d time.Duration) *int {
	if d <= 0 {
		return nil
	}
	n := int(math.Ceil(d.Seconds()))
	return &n
}
