package graph

import (
	"context"
	"log/slog"

	"petitiond/server/live"
	"petitiond/server/petitioning"
)

// Resolver holds what resolvers need. All fields are needed.
type Resolver struct {
	Domain *petitioning.Service
	Hub    *live.Hub
	Site   *live.Gauge[petitioning.Statistics] // the figures of the whole site
	Logger *slog.Logger
}

// commentsATick is how many new comments one tick of a subscription carries.
const commentsATick = 50

// Around gives the context of one answer: an actor, where authentication put none there, and fresh loaders.
func (r *Resolver) Around(ctx context.Context) context.Context {
	if !petitioning.HasActor(ctx) {
		ctx = petitioning.WithActor(ctx, petitioning.Anonymous())
	}
	return withLoaders(ctx, r.Domain)
}
