package transport

import (
	"context"
	"errors"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/executor"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"petitiond/server/errcode"
	"petitiond/server/eventmark"
	"petitiond/server/operation"
)

// engine runs operations that were already checked: it is gqlgen's executor without gqlgen's own parsing and
// validation.
type engine struct {
	*executor.Executor
	timeout       time.Duration // of a query or mutation
	introspection bool
	recover       graphql.RecoverFunc
}

// newEngine returns an engine for a schema. Its errors have passed the presenter.
func newEngine(o Options) *engine {
	e := &engine{
		Executor: executor.New(o.Schema), timeout: o.Limits.Operation, introspection: o.Introspection, recover: o.Recover,
	}
	e.SetRecoverFunc(o.Recover)
	e.SetErrorPresenter(present(o.ErrorPresenter))
	if o.Around != nil {
		e.surround(o.Around)
	}
	e.AroundResponses(endWithError)
	return e
}

// surround puts what a request needs into the context of every answer, and of the start of a subscription, whose events
// come later and from elsewhere.
func (e *engine) surround(around func(context.Context) context.Context) {
	e.AroundOperations(func(ctx context.Context, next graphql.OperationHandler) graphql.ResponseHandler {
		if graphql.GetOperationContext(ctx).Operation.Operation == ast.Subscription {
			ctx = around(ctx)
		}
		return next(ctx)
	})
	e.AroundResponses(func(ctx context.Context, next graphql.ResponseHandler) *graphql.Response {
		return next(around(ctx))
	})
}

type answerKey struct{}

// withAnswer returns a context for reading the next answer of a subscription, in whose place the subscription may end
// with an error.
func withAnswer(ctx context.Context, answer *eventmark.Answer) context.Context {
	return context.WithValue(ctx, answerKey{}, answer)
}

// endWithError turns the error with which a subscription ended into a last answer, since there is no event to carry it.
func endWithError(ctx context.Context, next graphql.ResponseHandler) *graphql.Response {
	resp := next(ctx)
	answer, ok := ctx.Value(answerKey{}).(*eventmark.Answer)
	if resp != nil || !ok || answer.Err == nil {
		return resp
	}
	graphql.AddError(ctx, answer.Err)
	return &graphql.Response{Data: []byte("null"), Errors: graphql.GetErrors(ctx)}
}

// begin starts an operation. Each call of next returns one answer, until there are no more.
func (e *engine) begin(ctx context.Context, op *operation.Operation) (next graphql.ResponseHandler, _ context.Context) {
	// gqlgen's executor would set all of this while it parses an operation; the generated code calls the middleware
	// without asking whether there is any.
	return e.DispatchOperation(ctx, &graphql.OperationContext{
		RawQuery:               op.Text,
		OperationName:          op.Name,
		Variables:              op.Variables,
		Doc:                    op.Document,
		Operation:              op.Definition,
		DisableIntrospection:   !e.introspection,
		RecoverFunc:            e.recover,
		ResolverMiddleware:     func(ctx context.Context, next graphql.Resolver) (any, error) { return next(ctx) },
		RootResolverMiddleware: func(ctx context.Context, next graphql.RootResolver) graphql.Marshaler { return next(ctx) },
		Stats:                  graphql.Stats{OperationStart: graphql.Now()},
	})
}

// execute runs a query or a mutation, within the time that it may take, and returns its one answer.
func (e *engine) execute(ctx context.Context, op *operation.Operation) *graphql.Response {
	ctx, cancel := context.WithTimeoutCause(ctx, e.timeout, errTimeout)
	defer cancel()
	next, ctx := e.begin(ctx, op)
	if resp := next(ctx); resp != nil {
		return resp
	}
	if errors.Is(context.Cause(ctx), errTimeout) {
		return &graphql.Response{Errors: gqlerror.List{tooLate(ctx)}}
	}
	return &graphql.Response{Errors: gqlerror.List{operation.Coded(errcode.Unavailable, "The request was cancelled before it could be answered.")}}
}
