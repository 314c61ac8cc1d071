package transport

import (
	"context"
	"crypto/sha256"
	"errors"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/executor"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/lexer"
	"github.com/vektah/gqlparser/v2/parser"

	"petitiond/server/subscription"
)

// engine turns the parameters of a request into an operation and runs it. It
// is gqlgen's executor with another way in: the guard stands before
// validation, variables are coerced strictly, and errors repeat nothing.
type engine struct {
	*executor.Executor
	schema        *ast.Schema
	limits        Limits
	rules         rulebook
	tariff        *tariff
	documents     *documents
	introspection bool
	recover       graphql.RecoverFunc
}

var _ graphql.GraphExecutor = (*engine)(nil)

func newEngine(o Options) *engine {
	e := &engine{
		Executor:      executor.New(o.Schema),
		schema:        o.Schema.Schema(),
		limits:        o.Limits,
		rules:         newRulebook(o),
		tariff:        newTariff(o.Schema.Schema(), o.Limits.Page, o.Sizes),
		documents:     newDocuments(o.Limits.DocumentBytes),
		introspection: o.Introspection,
		recover:       o.Recover,
	}
	e.SetRecoverFunc(o.Recover)
	e.SetErrorPresenter(present(o.ErrorPresenter))
	if o.Around != nil {
		e.surround(o.Around)
	}
	e.AroundResponses(endWithError)
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

type endKey struct{}

// withEnd returns the context of an answer whose subscription may end with an error in its place.
func withEnd(ctx context.Context, answer *subscription.Answer) context.Context {
	return context.WithValue(ctx, endKey{}, answer)
}

// endWithError answers a subscription that has ended with an error, which has no event to stand in.
func endWithError(ctx context.Context, next graphql.ResponseHandler) *graphql.Response {
	resp := next(ctx)
	answer, ok := ctx.Value(endKey{}).(*subscription.Answer)
	if resp != nil || !ok || answer.Err == nil {
		return resp
	}
	graphql.AddError(ctx, answer.Err)
	return &graphql.Response{Data: []byte("null"), Errors: graphql.GetErrors(ctx)}
}

// judged is an operation that may run: valid, with its variables coerced and its cost within the limit. Nobody changes
// it, so that it can be run again and again.
type judged struct {
	params    graphql.RawParams
	doc       *document
	op        *ast.OperationDefinition
	variables map[string]any
	cost      int
	timed     bool // the cost may be another by and by
}

// judge returns the operation that the parameters name.
func (e *engine) judge(params *graphql.RawParams) (*judged, *fault) {
	doc, f := e.document(params.Query)
	if f != nil {
		return nil, f
	}
	op := doc.Operations.ForName(params.OperationName)
	if op == nil {
		return nil, flaw(coded(validationFailed, "The document has no operation of that name. Name one of its operations in operationName."))
	}
	variables, err := coerce(e.schema, op, params.Variables)
	if err == nil {
		err = decide(op, doc.conditions[op], variables)
	}
	if err != nil {
		return nil, flaw(err)
	}
	cost, timed, err := e.cost(doc, op, variables)
	if err != nil {
		f := flaw(err)
		f.cost = cost
		return nil, f
	}
	return &judged{*params, doc, op, variables, cost, timed}, nil
}

// operation makes ready to run what was judged.
func (e *engine) operation(j *judged) *graphql.OperationContext {
	prepared := &graphql.OperationContext{
		RawQuery:               j.params.Query,
		OperationName:          j.params.OperationName,
		Variables:              j.variables,
		Extensions:             j.params.Extensions,
		Doc:                    j.doc.QueryDocument,
		Operation:              j.op,
		DisableIntrospection:   !e.introspection,
		RecoverFunc:            e.recover,
		ResolverMiddleware:     func(ctx context.Context, next graphql.Resolver) (any, error) { return next(ctx) },
		RootResolverMiddleware: func(ctx context.Context, next graphql.RootResolver) graphql.Marshaler { return next(ctx) },
		Stats:                  graphql.Stats{OperationStart: graphql.Now()},
	}
	prepared.Stats.SetExtension(costKey, j.cost)
	return prepared
}

// prepare judges an operation and makes it ready to run.
func (e *engine) prepare(_ context.Context, params *graphql.RawParams) (*graphql.OperationContext, *fault) {
	j, f := e.judge(params)
	if f != nil {
		return nil, f
	}
	return e.operation(j), nil
}

// document returns the parsed and valid document of a text. Only such are
// remembered, so that nothing is kept of refused requests.
func (e *engine) document(text string) (*document, *fault) {
	if err := first(check{"document", len(text), e.limits.Document, "A document may have at most %d bytes."}); err != nil {
		return nil, flaw(err)
	}
	key := digest(sha256.Sum256([]byte(text)))
	if doc := e.documents.get(key); doc != nil {
		return doc, nil
	}
	doc, tokens, err := e.parse(text)
	if err != nil {
		return nil, flaw(err)
	}
	learned, err := e.limits.inspect(doc)
	if err != nil {
		return nil, flaw(err)
	}
	if errs := e.validate(doc, learned); len(errs) > 0 {
		return nil, flaw(errs...)
	}
	judged := &document{
		QueryDocument: doc,
		key:           key,
		conditions:    learned.conditions,
		prices:        map[*ast.OperationDefinition]price{},
		bytes:         entryBytes + len(text)*textBytes + tokens*tokenBytes,
	}
	e.documents.add(judged)
	return judged, nil
}

// parse reads a text whose tokens were counted first. So it takes time in
// proportion to the text, and calls itself no deeper than there are tokens.
func (e *engine) parse(text string) (doc *ast.QueryDocument, tokens int, err *gqlerror.Error) {
	source := &ast.Source{Input: text}
	tokens = count(source, e.limits.Tokens)
	if err := first(check{"tokens", tokens, e.limits.Tokens, "A document may have at most %d tokens."}); err != nil {
		return nil, tokens, err
	}
	doc, failed := parser.ParseQuery(source)
	if broken, ok := errors.AsType[*gqlerror.Error](failed); ok {
		return nil, tokens, syntaxError(broken)
	}
	if failed != nil || len(doc.Operations) == 0 {
		return nil, tokens, coded(parseFailed, "The document has no operation.")
	}
	for _, fragment := range doc.Fragments {
		if list := fragment.VariableDefinition; len(list) > 0 {
			return nil, tokens, located(coded(parseFailed, "Syntax error: a fragment has no variables of its own."), list[0].Position)
		}
	}
	return doc, tokens, nil
}

// count returns the number of tokens, comments included, up to where the text
// breaks or there are more than most.
func count(source *ast.Source, most int) (n int) {
	lex := lexer.New(source)
	for n <= most {
		token, err := lex.ReadToken()
		if err != nil || token.Kind == lexer.EOF {
			break
		}
		n++
	}
	return n
}

// cost returns the points of an operation with these variables, and whether they hang on the time as well, or refuses it.
func (e *engine) cost(doc *document, op *ast.OperationDefinition, variables map[string]any) (cost int, timed bool, err *gqlerror.Error) {
	p, err := e.price(doc, op)
	if err != nil {
		return 0, false, err
	}
	cost = p.points(e.tariff, variables, 0).whole()
	return cost, p.timed, first(check{"cost", cost, e.limits.Cost, "An operation may cost at most %d points. Ask for shorter lists, or for less in each item."})
}

// price writes the bill of an operation once.
func (e *engine) price(doc *document, op *ast.OperationDefinition) (price, *gqlerror.Error) {
	doc.mu.Lock()
	defer doc.mu.Unlock()
	if p, known := doc.prices[op]; known {
		return p, nil
	}
	p, bills, err := e.tariff.bill(op, e.limits)
	if err != nil {
		return p, err
	}
	doc.prices[op] = p
	e.documents.charge(doc, bills*billBytes)
	return p, nil
}

// CreateOperationContext prepares an operation for the transports of gqlgen.
func (e *engine) CreateOperationContext(ctx context.Context, params *graphql.RawParams) (*graphql.OperationContext, gqlerror.List) {
	op, f := e.prepare(ctx, params)
	if f != nil {
		return &graphql.OperationContext{}, f.errs
	}
	return op, nil
}

// DispatchError answers a refusal, whose errors need no presenter any more.
func (e *engine) DispatchError(_ context.Context, errs gqlerror.List) *graphql.Response {
	return &graphql.Response{Errors: errs}
}

// execute runs a query or a mutation, within the time that it may take, and returns its one answer.
func (e *engine) execute(ctx context.Context, op *graphql.OperationContext) *graphql.Response {
	ctx, cancel := context.WithTimeoutCause(ctx, e.limits.Operation, errTimeout)
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
