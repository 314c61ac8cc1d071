package graph

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"petitiond/graph/model"
	"petitiond/graph/scalar"
	"petitiond/server/live"
	"petitiond/server/petitioning"
)

// The codes of top-level errors that the domain's errors become. Those of the protocol are the transport's.
const (
	codeInput       = "BAD_USER_INPUT"
	codeNotFound    = "NOT_FOUND"
	codeUnavailable = "UNAVAILABLE"
	codeInternal    = "INTERNAL"
)

// errNoPetition ends a subscription to what the actor may not see.
var errNoPetition = &petitioning.Error{
	Code: petitioning.NotFound, Field: []string{"petitionId"}, Message: "There is no such petition.",
}

// PresentError turns an error of a resolver into what the client reads. It is the one place that knows the
// domain's errors as GraphQL's; what it does not know is INTERNAL, says nothing, and is logged.
func (r *Resolver) PresentError(ctx context.Context, err error) *gqlerror.Error {
	path := graphql.GetPath(ctx)
	var known *gqlerror.Error
	if errors.As(err, &known) && known.Extensions["code"] != nil {
		return known // the transport's
	}
	if known != nil && known.Path != nil {
		path = known.Path
	}
	var argument *petitioning.ArgumentError
	var value scalar.Error
	switch faults := petitioning.Faults(err); {
	case errors.As(err, &argument):
		return presented(path, codeInput, argument.Message, "field", argument.Argument)
	case errors.As(err, &value):
		return presented(path, codeInput, value.Error(), "", nil)
	case len(faults) > 0:
		e := presented(path, string(faults[0].Code), faults[0].Message, "field", faults[0].Field)
		if wait := seconds(faults[0].RetryAfter); wait != nil {
			e.Extensions["retryAfterSeconds"] = *wait
		}
		return e
	case errors.Is(err, live.ErrUnknown):
		return presented(path, codeNotFound, errNoPetition.Message, "field", errNoPetition.Field)
	case errors.Is(err, live.ErrClosed):
		return presented(path, codeUnavailable, "The server is going down. Connect again in a moment.", "retryAfterSeconds", 1)
	}
	if ctx.Err() == nil { // who has gone away, or timed out, is no news
		r.Logger.ErrorContext(ctx, "a field failed", "path", path.String(), "error", logged(err))
	}
	return presented(path, codeInternal, "Something went wrong here. Try again, and tell the operator the request id if it stays.", "", nil)
}

// logged is what a log line may say of an error: its kind. The text of a driver's error may hold values.
func logged(err error) string {
	for inner := errors.Unwrap(err); inner != nil; inner = errors.Unwrap(err) {
		err = inner
	}
	if coded, ok := err.(interface{ SQLState() string }); ok {
		return "SQLSTATE " + coded.SQLState()
	}
	return fmt.Sprintf("%T", err)
}

func presented(path ast.Path, code, message, key string, value any) *gqlerror.Error {
	e := &gqlerror.Error{Path: path, Message: message, Extensions: map[string]any{"code": code}}
	if key != "" && value != nil {
		e.Extensions[key] = value
	}
	return e
}

// userErrors splits the error of a mutation: what a person can mend goes into the payload, the rest stays
// an error.
func userErrors(err error) ([]*model.UserError, error) {
	faults := petitioning.Faults(err)
	if err != nil && len(faults) == 0 {
		return nil, err
	}
	out := make([]*model.UserError, len(faults))
	for i, f := range faults {
		out[i] = &model.UserError{Code: f.Code, Message: f.Message, Field: f.Field, RetryAfterSeconds: seconds(f.RetryAfter)}
	}
	return out, nil
}

// seconds rounds up, since retrying early is in vain; no time is nil.
func seconds(d time.Duration) *int {
	if d <= 0 {
		return nil
	}
	n := int(math.Ceil(d.Seconds()))
	return &n
}
