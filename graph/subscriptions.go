package graph

import (
	"context"
	"errors"

	"github.com/99designs/gqlgen/graphql"
	"github.com/google/uuid"

	"petitiond/ent"
	"petitiond/graph/scalar"
	"petitiond/server/eventmark"
	"petitiond/server/figures"
	"petitiond/server/live"
	"petitiond/server/reading"
)

// follow sends what next returns until the subscriber has gone. It calls next only when the subscriber is ready for an
// event, which is then the newest. about returns the mark of an event; nil means that events have none. An error from
// next ends the subscription.
func follow[T any](
	ctx context.Context, end func(), about func(*T) eventmark.Mark, next func(context.Context) (*T, error),
) <-chan *T {
	out := make(chan *T)
	go func() {
		defer close(out)
		defer end()
		for {
			answer := eventmark.Next(ctx)
			if answer == nil {
				return
			}
			v, err := guarded(ctx, next)
			// The subscriber has gone, and next failed because of that: there is nobody to tell.
			if ctx.Err() != nil {
				return
			}
			if err != nil {
				answer.Err, answer.Mark.Denied = err, errors.Is(err, errNoPetition)
				return
			}
			if about != nil {
				// Before the value is sent: from then on the transport reads what is marked.
				answer.Mark = about(v)
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

// guarded turns a panic into an error: on a goroutine of our own nobody else recovers, and the program would crash.
func guarded[T any](ctx context.Context, next func(context.Context) (*T, error)) (v *T, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = graphql.Recover(ctx, p)
		}
	}()
	return next(ctx)
}

// watch starts to watch a petition. It returns an error if the actor may not see it.
func (r *Resolver) watch(ctx context.Context, aspect figures.Aspect, id scalar.ID) (*live.Watcher, error) {
	w, _, err := r.watchAll(ctx, aspect, []uuid.UUID{petitionKey(id)}, false)
	return w, err
}

// watchAll starts to watch petitions, and returns which of them the actor may not see: that is an error, unless some
// may be missing and are not all. It looks after it has started to watch, so a petition that is hidden in between is
// noticed.
func (r *Resolver) watchAll(
	ctx context.Context, aspect figures.Aspect, keys []uuid.UUID, some bool,
) (w *live.Watcher, unseen map[uuid.UUID]bool, err error) {
	// The edition always, since hiding a petition changes nothing else.
	w, unknown := r.Hub.Watch(ctx, aspect|figures.Edition, keys...)
	if unknown != nil && !errors.Is(unknown, live.ErrUnknown) {
		return nil, nil, unknown
	}
	unseen, err = r.unseen(ctx, keys)
	switch {
	case err != nil:
	case unknown != nil, len(unseen) == len(w.Baseline()), len(unseen) > 0 && !some:
		err = errNoPetition
	default:
		return w, unseen, nil
	}
	if w != nil {
		w.Close()
	}
	return nil, unseen, err
}

// unseen returns those of the keys that no petition has which the actor may see.
func (r *Resolver) unseen(ctx context.Context, keys []uuid.UUID) (map[uuid.UUID]bool, error) {
	found, err := r.reads(ctx).PetitionsByID(ctx, keys, reading.Selection{Columns: reading.OnlyID})
	if err != nil {
		return nil, err
	}
	unseen := map[uuid.UUID]bool{}
	for _, key := range keys {
		unseen[key] = true
	}
	for _, row := range found.Rows {
		delete(unseen, row.ID)
	}
	return unseen, nil
}

// seen checks again whether the actor may see the petition.
func (r *Resolver) seen(ctx context.Context, id uuid.UUID) error {
	ok, err := r.reads(ctx).Sees(ctx, id)
	if err == nil && !ok {
		err = errNoPetition
	}
	return err
}

// petitions follows the text and state of a petition, beginning with the present ones, until it is hidden.
func (r *Resolver) petitions(ctx context.Context, id scalar.ID) (<-chan *ent.Petition, error) {
	w, err := r.watch(ctx, figures.Edition, id)
	if err != nil {
		return nil, err
	}
	told := 0 // versions begin with 1
	about := func(row *ent.Petition) eventmark.Mark {
		return eventmark.Mark{Topic: row.ID.String(), Version: int64(row.Version)}
	}
	return follow(ctx, w.Close, about, func(ctx context.Context) (*ent.Petition, error) {
		for {
			if told > 0 {
				if _, err := w.Next(ctx); err != nil {
					return nil, err
				}
			}
			found, err := r.reads(ctx).PetitionsByID(ctx, []uuid.UUID{id.UUID}, reading.Selection{})
			row, err := one(found.Rows, err)
			switch {
			case err != nil:
				return nil, err
			case row == nil:
				return nil, errNoPetition
			case row.Version != told: // otherwise this version was already sent: it was read before its news arrived
				told = row.Version
				return row, nil
			}
		}
	}), nil
}

// comments follows the comments made after now, in their order, until the petition is hidden.
func (r *Resolver) comments(ctx context.Context, id scalar.ID) (<-chan *ent.Comment, error) {
	w, err := r.watch(ctx, figures.Comments, id)
	if err != nil {
		return nil, err
	}
	// From what was newest when watching began, and not from what is read now: a comment in between would be lost.
	last, waiting := w.Baseline()[0].Comment, []*ent.Comment(nil)
	return follow(ctx, w.Close, nil, func(ctx context.Context) (*ent.Comment, error) {
		for len(waiting) == 0 {
			_, err := w.Next(ctx)
			if err == nil {
				// Before the comments are read: of a petition that was hidden nothing more is sent, whatever was
				// written before.
				err = r.seen(ctx, id.UUID)
			}
			if err == nil {
				waiting, err = r.reads(ctx).CommentsAfter(ctx, id.UUID, last, reading.CommentsATick)
			}
			if err != nil {
				return nil, err
			}
		}
		next := waiting[0]
		waiting, last = waiting[1:], next.Number
		return next, nil
	}), nil
}

// statistics follows the figures of the site.
func (r *Resolver) statistics(ctx context.Context) (<-chan *reading.Statistics, error) {
	w, err := r.Site.Watch()
	if err != nil {
		return nil, err
	}
	about := func(*reading.Statistics) eventmark.Mark { return eventmark.Mark{Topic: "statistics"} }
	return follow(ctx, w.Close, about, func(ctx context.Context) (*reading.Statistics, error) {
		v, err := w.Next(ctx)
		return &v, err
	}), nil
}
