package graph

import (
	"context"
	"errors"

	"github.com/99designs/gqlgen/graphql"
	"github.com/google/uuid"

	"petitiond/graph/scalar"
	"petitiond/server/eventmark"
	"petitiond/server/fields"
	"petitiond/server/figures"
	"petitiond/server/live"
	"petitiond/server/reading"
)

// source is where the events of a subscription come from. None of its functions is called before the subscriber is
// ready for an event.
type source[T any] struct {
	// wait waits for news without taking them, and never reads.
	wait func(context.Context) error
	// next takes the newest and never waits. It returns nil if there is nothing new after all. An error ends the
	// subscription.
	next  func(context.Context) (*T, error)
	about func(*T) eventmark.Mark // the mark of an event; nil: events have none
	end   func()
}

// follow sends the events of a source until the subscriber has gone.
func follow[T any](ctx context.Context, s source[T]) <-chan *T {
	// Without a buffer: an event that nobody takes yet would be old when it is taken.
	out := make(chan *T)
	go func() {
		defer close(out)
		defer s.end()
		for {
			answer := eventmark.Next(ctx)
			if answer == nil {
				return
			}
			v, err := s.event(ctx, answer)
			// The subscriber has gone, and next failed because of that: there is nobody to tell.
			if ctx.Err() != nil {
				return
			}
			if err != nil {
				answer.Err, answer.Mark.Denied = err, errors.Is(err, errNoPetition)
				return
			}
			if s.about != nil {
				// Before the value is sent: from then on the transport reads what is marked.
				answer.Mark = s.about(v)
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

// event waits for the next event, and takes it when there is room to read what it takes.
func (s source[T]) event(ctx context.Context, answer *eventmark.Answer) (v *T, err error) {
	for v == nil && err == nil {
		if err = s.wait(ctx); err != nil {
			return nil, err
		}
		err = answer.Read(ctx, func(ctx context.Context) (bool, error) {
			var err error
			v, err = guarded(ctx, s.next)
			return v != nil || err != nil, err
		})
	}
	return v, err
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
	found, err := r.reads(ctx).PetitionsByID(ctx, keys, reading.Selection{Columns: fields.OnlyID})
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

// statistics follows the figures of the site.
func (r *Resolver) statistics(ctx context.Context) (<-chan *reading.Statistics, error) {
	w, err := r.Site.Watch()
	if err != nil {
		return nil, err
	}
	return follow(ctx, source[reading.Statistics]{wait: w.Wait, about: statisticsMark, end: w.Close, next: func(context.Context) (*reading.Statistics, error) {
		v, ok, err := w.Poll()
		if !ok {
			return nil, err
		}
		return &v, err
	}}), nil
}
