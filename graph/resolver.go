package graph

import (
	"context"
	"log/slog"

	"github.com/99designs/gqlgen/graphql"

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

// Around returns the context of one answer: with fresh loaders, and with an anonymous actor if authentication added
// none. It is called for the start of a subscription, and within that context for each of its events.
func (r *Resolver) Around(ctx context.Context) context.Context {
	if !petitioning.HasActor(ctx) {
		ctx = petitioning.WithActor(ctx, petitioning.Anonymous())
	}
	if _, event := ctx.Value(loadersKey{}).(*loaders); event {
		ctx = withRoot(ctx)
	}
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
