package graph

import (
	"context"
	"log/slog"
	"maps"
	"sync"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"petitiond/graph/generated"
	"petitiond/server/live"
	"petitiond/server/petitioning"
	"petitiond/server/reading"
)

// Resolver holds what resolvers need. All fields are required.
type Resolver struct {
	Domain  *petitioning.Service
	Reading *reading.Service
	Hub     *live.Hub
	Site    *live.Gauge[reading.Statistics] // the figures of the whole site
	Logger  *slog.Logger
}

// Schema returns the schema as it is served. The resolvers are a [Resolver], or what a test puts in its place.
func Schema(resolvers generated.ResolverRoot) graphql.ExecutableSchema {
	return generated.NewExecutableSchema(generated.Config{Schema: contract(), Resolvers: resolvers})
}

// contract is what schema.graphqls says. gqlgen adds @defer to every schema, and clients would read in it that parts of
// an answer may come later: here it comes as a whole.
var contract = sync.OnceValue(func() *ast.Schema {
	// A copy, since the generated package returns the schema that it uses itself.
	schema := *generated.NewExecutableSchema(generated.Config{}).Schema()
	// The map, too, is that of the generated package.
	schema.Directives = maps.Clone(schema.Directives)
	delete(schema.Directives, "defer")
	return &schema
})

// Around returns the context of one answer: with fresh loaders, and with an anonymous actor if authentication added
// none. It is called for the start of a subscription, and within that context for each of its events.
func (r *Resolver) Around(ctx context.Context) context.Context {
	if !petitioning.HasActor(ctx) {
		ctx = petitioning.WithActor(ctx, petitioning.Anonymous())
	}
	// Loaders that are there already are those of the subscription's start: so this is one of its events.
	if _, event := ctx.Value(loadersKey{}).(*loaders); event {
		ctx = withRoot(ctx)
	}
	// New ones for each event, too: what was read for the last is old.
	return withLoaders(ctx)
}

// reads reads what the actor of ctx may see.
func (r *Resolver) reads(ctx context.Context) *reading.Reader {
	return r.Reading.As(petitioning.ActorFrom(ctx).Viewer())
}

// withRoot adds the field that an event belongs to. Without it the paths of the event's errors would lack their first
// element, since gqlgen starts a new path for each event.
func withRoot(ctx context.Context) context.Context {
	op := graphql.GetOperationContext(ctx)
	for _, field := range graphql.CollectFields(op, op.Operation.SelectionSet, []string{"Subscription"}) {
		ctx = graphql.WithFieldContext(ctx, &graphql.FieldContext{Object: "Subscription", Field: field})
	}
	return ctx
}
