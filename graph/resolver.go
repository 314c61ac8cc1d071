package graph

import (
	"context"
	"log/slog"

	"github.com/99designs/gqlgen/graphql"

	"petitiond/server/live"
	"petitiond/server/petitioning"
	"petitiond/server/reading"
)

// Resolver holds what resolvers need. All fields are needed.
type Resolver struct {
	Domain  *petitioning.Service
	Reading *reading.Service
	Hub     *live.Hub
	Site    *live.Gauge[reading.Statistics] // the figures of the whole site
	Logger  *slog.Logger
}

// Around gives the context of one answer: an actor, where authentication put none there, and fresh loaders. It
// is called for the start of a subscription, and within that context for each of its events.
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

// withRoot says which field an event belongs to. Without it the paths of the event's errors, which gqlgen
// begins anew for each, would lack their first name.
func withRoot(ctx context.Context) context.Context {
	op := graphql.GetOperationContext(ctx)
	for _, field := range graphql.CollectFields(op, op.Operation.SelectionSet, []string{"Subscription"}) {
		ctx = graphql.WithFieldContext(ctx, &graphql.FieldContext{Object: "Subscription", Field: field})
	}
	return ctx
}
