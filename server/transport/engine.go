package transport

import (
	"context"
	"errors"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/executor"
	"github.com/99designs/gqlgen/graphql/handler/lru"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/parser"
	"github.com/vektah/gqlparser/v2/validator/core"
)

// engine turns the parameters of a request into an operation and runs it. It
// is gqlgen's executor with another way in: the guard stands before
// validation, variables are coerced strictly, and errors repeat nothing.
type engine struct {
	*executor.Executor
	schema        *ast.Schema
	limits        Limits
	rules         []core.Rule
	documents     graphql.Cache[*ast.QueryDocument]
	introspection bool
	recover       graphql.RecoverFunc
}

var _ graphql.GraphExecutor = (*engine)(nil)

func newEngine(o Options) *engine {
	e := &engine{
		Executor:      executor.New(o.Schema),
		schema:        o.Schema.Schema(),
		limits:        o.Limits,
		rules:         validationRules(o.Introspection),
		documents:     lru.New[*ast.QueryDocument](o.Limits.Documents),
		introspection: o.Introspection,
		recover:       o.Recover,
	}
	e.SetRecoverFunc(o.Recover)
	e.SetErrorPresenter(present(o.ErrorPresenter))
	if o.Around != nil {
		e.surround(o.Around)
	}
	return e
}

// surround puts what a request needs into the context of every answer, and of
// the start of a subscription, whose events come later and from elsewhere.
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

// prepare returns the operation that the parameters name, valid and with its
// variables coerced.
func (e *engine) prepare(ctx context.Context, params *graphql.RawParams) (*graphql.OperationContext, *fault) {
	doc, f := e.document(ctx, params.Query)
	if f != nil {
		return nil, f
	}
	op := doc.Operations.ForName(params.OperationName)
	if op == nil {
		return nil, flaw(coded(validationFailed, "The document has no operation of that name. Name one of its operations in operationName."))
	}
	variables, err := coerce(e.schema, op, params.Variables)
	if err != nil {
		return nil, flaw(err)
	}
	return &graphql.OperationContext{
		RawQuery:               params.Query,
		OperationName:          params.OperationName,
		Variables:              variables,
		Extensions:             params.Extensions,
		Doc:                    doc,
		Operation:              op,
		DisableIntrospection:   !e.introspection,
		RecoverFunc:            e.recover,
		ResolverMiddleware:     func(ctx context.Context, next graphql.Resolver) (any, error) { return next(ctx) },
		RootResolverMiddleware: func(ctx context.Context, next graphql.RootResolver) graphql.Marshaler { return next(ctx) },
		Stats:                  graphql.Stats{OperationStart: graphql.Now()},
	}, nil
}

// document returns the parsed and valid document of a text. Only such are
// remembered, so that nothing is kept of refused requests.
func (e *engine) document(ctx context.Context, text string) (*ast.QueryDocument, *fault) {
	if err := first(check{"document", len(text), e.limits.Document, "A document may have at most %d bytes."}); err != nil {
		return nil, flaw(err)
	}
	if doc, ok := e.documents.Get(ctx, text); ok {
		return doc, nil
	}
	doc, err := e.parse(text)
	if err != nil {
		return nil, flaw(err)
	}
	if err := e.limits.inspect(doc); err != nil {
		return nil, flaw(err)
	}
	if errs := e.validate(doc); len(errs) > 0 {
		return nil, flaw(errs...)
	}
	e.documents.Add(ctx, text, doc)
	return doc, nil
}

func (e *engine) parse(text string) (*ast.QueryDocument, *gqlerror.Error) {
	doc, err := parser.ParseQueryWithTokenLimit(&ast.Source{Input: text}, e.limits.Tokens)
	broken, _ := errors.AsType[*gqlerror.Error](err)
	switch {
	case broken != nil && strings.HasPrefix(broken.Message, "exceeded token limit"):
		return nil, first(check{"tokens", e.limits.Tokens + 1, e.limits.Tokens, "A document may have at most %d tokens."})
	case broken != nil:
		return nil, syntaxError(broken)
	case err != nil || len(doc.Operations) == 0:
		return nil, coded(parseFailed, "The document has no operation.")
	default:
		return doc, nil
	}
}

// CreateOperationContext prepares an operation for the transports of gqlgen.
func (e *engine) CreateOperationContext(ctx context.Context, params *graphql.RawParams) (*graphql.OperationContext, gqlerror.List) {
	op, f := e.prepare(ctx, params)
	if f != nil {
		return &graphql.OperationContext{}, f.errs
	}
	return op, nil
}

// DispatchOperation runs an operation, queries and mutations within the time
// that they may take.
func (e *engine) DispatchOperation(ctx context.Context, op *graphql.OperationContext) (graphql.ResponseHandler, context.Context) {
	if op.Operation.Operation != ast.Subscription {
		limited, cancel := context.WithTimeoutCause(ctx, e.limits.Operation, errTimeout)
		// Every transport ends the operation's context with the operation.
		context.AfterFunc(ctx, cancel)
		ctx = limited
	}
	return e.Executor.DispatchOperation(ctx, op)
}

// DispatchError answers a refusal, whose errors need no presenter any more.
func (e *engine) DispatchError(_ context.Context, errs gqlerror.List) *graphql.Response {
	return &graphql.Response{Errors: errs}
}

// execute runs a query or a mutation and returns its one answer.
func (e *engine) execute(ctx context.Context, op *graphql.OperationContext) *graphql.Response {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	next, ctx := e.DispatchOperation(ctx, op)
	if resp := next(ctx); resp != nil {
		return resp
	}
	if errors.Is(context.Cause(ctx), errTimeout) {
		return &graphql.Response{Errors: gqlerror.List{tooLate(ctx)}}
	}
	return &graphql.Response{Errors: gqlerror.List{coded(unavailable, "The request was given up before it was answered.")}}
}
