package graph

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"petitiond/ent"
	"petitiond/graph/scalar"
	"petitiond/server/live"
	"petitiond/server/petitioning"
)

// follow sends what next gives for as long as it gives something and somebody listens. The channel holds
// nothing back: the newest value is asked for when the one before has been taken.
func follow[T any](ctx context.Context, end func(), next func(context.Context) (T, bool)) <-chan T {
	out := make(chan T)
	go func() {
		defer close(out)
		defer end()
		for {
			v, ok := next(ctx)
			if !ok {
				return
			}
			select {
			case out <- v:
			case <-ctx.Done():
				return
			}
		}
	}()
	return out
}

// watch begins to watch petitions that the actor may see. If there is one that it may not, there is nothing.
// It looks after it has begun, so that one which is hidden in between is noticed.
func (r *Resolver) watch(ctx context.Context, aspect live.Aspect, ids ...scalar.ID) (*live.Watcher, error) {
	keys := make([]uuid.UUID, len(ids))
	for i, id := range ids {
		keys[i] = petitionKey(id)
	}
	w, err := r.Hub.Watch(ctx, aspect, keys...)
	if err != nil {
		return nil, err
	}
	seen, err := loadersFrom(ctx).petition.LoadAll(ctx, keys)
	if err == nil && slices.Contains(seen, nil) {
		err = errNoPetition
	}
	if err != nil {
		w.Close()
		return nil, err
	}
	return w, nil
}

// counts follows the counts of petitions, and ends when one of them is hidden.
func (r *Resolver) counts(ctx context.Context, ids ...scalar.ID) (<-chan *petitioning.Count, error) {
	w, err := r.watch(ctx, live.Count|live.Edition, ids...)
	if err != nil {
		return nil, err
	}
	editions, versions := map[uuid.UUID]int{}, map[uuid.UUID]int64{}
	return follow(ctx, w.Close, func(ctx context.Context) (*petitioning.Count, bool) {
		for {
			v, err := w.Next(ctx)
			if err != nil {
				return nil, false
			}
			if known, ok := editions[v.Petition]; ok && known != v.Edition && !r.sees(ctx, v.Petition) {
				return nil, false
			}
			editions[v.Petition] = v.Edition
			if known, ok := versions[v.Petition]; ok && known == v.Version {
				continue // only the text changed
			}
			versions[v.Petition] = v.Version
			return countOf(v), true
		}
	}), nil
}

func countOf(v live.Value) *petitioning.Count {
	return &petitioning.Count{
		Petition: v.Petition, Total: v.Total, Goal: v.Goal, Version: int(v.Version), AsOf: v.AsOf, LastHour: &v.LastHour,
	}
}

// sees asks again whether the actor may see the petition; not to know is not to see.
func (r *Resolver) sees(ctx context.Context, id uuid.UUID) bool {
	ok, err := r.Domain.Sees(ctx, id)
	return ok && err == nil
}

// petitions follows the text and state of a petition, the present one first, until it is hidden.
func (r *Resolver) petitions(ctx context.Context, id scalar.ID) (<-chan *ent.Petition, error) {
	w, err := r.watch(ctx, live.Edition, id)
	if err != nil {
		return nil, err
	}
	first := true
	return follow(ctx, w.Close, func(ctx context.Context) (*ent.Petition, bool) {
		if !first {
			if _, err := w.Next(ctx); err != nil {
				return nil, false
			}
		}
		first = false
		rows, err := r.Domain.PetitionsByID(ctx, []uuid.UUID{id.UUID})
		if err != nil || len(rows) == 0 {
			return nil, false
		}
		return rows[0], true
	}), nil
}

// comments follows the comments made after now, in their order.
func (r *Resolver) comments(ctx context.Context, id scalar.ID) (<-chan *ent.Comment, error) {
	w, err := r.watch(ctx, live.Comments|live.Edition, id)
	if err != nil {
		return nil, err
	}
	last, waiting := 0, []*ent.Comment(nil)
	for _, v := range w.Baseline() {
		last = v.Comment
	}
	return follow(ctx, w.Close, func(ctx context.Context) (*ent.Comment, bool) {
		for len(waiting) == 0 {
			if _, err := w.Next(ctx); err != nil || !r.sees(ctx, id.UUID) {
				return nil, false
			}
			waiting, err = r.Domain.CommentsAfter(ctx, id.UUID, last, commentsATick)
			if err != nil {
				return nil, false
			}
		}
		next := waiting[0]
		waiting, last = waiting[1:], next.Number
		return next, true
	}), nil
}

// statistics follows the figures of the site.
func (r *Resolver) statistics(ctx context.Context) (<-chan *petitioning.Statistics, error) {
	w, err := r.Site.Watch()
	if err != nil {
		return nil, err
	}
	return follow(ctx, w.Close, func(ctx context.Context) (*petitioning.Statistics, bool) {
		v, err := w.Next(ctx)
		return &v, err == nil
	}), nil
}
