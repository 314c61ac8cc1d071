package graph

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/99designs/gqlgen/graphql"
	"github.com/google/uuid"

	"petitiond/ent"
	"petitiond/graph/scalar"
	"petitiond/server/live"
	"petitiond/server/reading"
)

// course is what is known of a subscription beyond its events.
type course struct {
	ending atomic.Pointer[error] // what ended it, once it has

	mu     sync.Mutex // guards topics
	topics []topic    // of the events that were sent and not yet told
}

// topic is what an event tells the state of, and which state; nothing where it tells what happened.
type topic struct {
	name    string
	version int64
}

func (c *course) sends(t topic) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.topics = append(c.topics, t)
}

// Topic says what the event is about that a subscription was just answered with: of two events about the same
// the later takes the place of the earlier, and of two versions the greater is the later. ctx is that of the
// subscription's start. It is asked once for each event.
func (*Resolver) Topic(ctx context.Context) (name string, version int64) {
	c := loadersFrom(ctx).course
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.topics) == 0 {
		return "", 0
	}
	t := c.topics[0]
	c.topics = c.topics[1:]
	return t.name, t.version
}

// follow sends what next gives for as long as somebody listens. The channel holds nothing back: the newest
// value is asked for when the one before has been taken. An error of next is the end: the last event is then
// nil, which the contract has no room for, so that PresentError is asked and tells the error.
func follow[T any](ctx context.Context, end func(), about func(*T) topic, next func(context.Context) (*T, error)) <-chan *T {
	out, course := make(chan *T), loadersFrom(ctx).course
	go func() {
		defer close(out)
		defer end()
		for {
			v, err := guarded(ctx, next)
			if ctx.Err() != nil {
				return
			}
			if err != nil {
				v = nil
				course.ending.Store(&err)
				course.sends(topic{})
			} else {
				course.sends(about(v))
			}
			select {
			case out <- v:
			case <-ctx.Done():
				return
			}
			if err != nil {
				return
			}
		}
	}()
	return out
}

// guarded makes an error of a panic: on a goroutine of ours nobody else would, and the program would end.
func guarded[T any](ctx context.Context, next func(context.Context) (*T, error)) (v *T, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = graphql.Recover(ctx, p)
		}
	}()
	return next(ctx)
}

// watch begins to watch petitions that the actor may see. If there is one that it may not, there is nothing.
// It looks after it has begun, so that one which is hidden in between is noticed.
func (r *Resolver) watch(ctx context.Context, aspect live.Aspect, ids ...scalar.ID) (*live.Watcher, error) {
	keys := make([]uuid.UUID, len(ids))
	for i, id := range ids {
		keys[i] = petitionKey(id)
	}
	w, err := r.Hub.Watch(ctx, aspect|live.Edition, keys...)
	if err != nil {
		return nil, err
	}
	seen, err := r.reads(ctx).PetitionsByID(ctx, keys, reading.Wanted{})
	if err == nil && len(seen.Rows) < len(w.Baseline()) {
		err = errNoPetition
	}
	if err != nil {
		w.Close()
		return nil, err
	}
	return w, nil
}

// counts follows the counts of petitions until one of them is hidden.
func (r *Resolver) counts(ctx context.Context, ids ...scalar.ID) (<-chan *reading.Count, error) {
	w, err := r.watch(ctx, live.Count, ids...)
	if err != nil {
		return nil, err
	}
	editions, versions := map[uuid.UUID]int{}, map[uuid.UUID]int64{}
	for _, v := range w.Baseline() {
		editions[v.Petition] = v.Edition
	}
	about := func(c *reading.Count) topic {
		if len(ids) > 1 { // their versions cannot be compared
			return topic{name: c.Petition.String()}
		}
		return topic{name: c.Petition.String(), version: int64(c.Version)}
	}
	return follow(ctx, w.Close, about, func(ctx context.Context) (*reading.Count, error) {
		for {
			v, err := w.Next(ctx)
			if err == nil && v.Edition != editions[v.Petition] {
				err = r.seen(ctx, v.Petition)
			}
			if err != nil {
				return nil, err
			}
			editions[v.Petition] = v.Edition
			if told, ok := versions[v.Petition]; ok && told == v.Version {
				continue // only the text changed
			}
			versions[v.Petition] = v.Version
			return countOf(v), nil
		}
	}), nil
}

func countOf(v live.Value) *reading.Count {
	return &reading.Count{
		Petition: v.Petition, Total: v.Total, Goal: v.Goal, Version: int(v.Version), AsOf: v.AsOf, LastHour: &v.LastHour,
	}
}

// seen asks again whether the actor may see the petition.
func (r *Resolver) seen(ctx context.Context, id uuid.UUID) error {
	ok, err := r.reads(ctx).Sees(ctx, id)
	if err == nil && !ok {
		err = errNoPetition
	}
	return err
}

// petitions follows the text and state of a petition, the present one first, until it is hidden.
func (r *Resolver) petitions(ctx context.Context, id scalar.ID) (<-chan *ent.Petition, error) {
	w, err := r.watch(ctx, live.Edition, id)
	if err != nil {
		return nil, err
	}
	told := 0 // versions begin with 1
	about := func(row *ent.Petition) topic { return topic{name: row.ID.String(), version: int64(row.Version)} }
	return follow(ctx, w.Close, about, func(ctx context.Context) (*ent.Petition, error) {
		for {
			if told > 0 {
				if _, err := w.Next(ctx); err != nil {
					return nil, err
				}
			}
			found, err := r.reads(ctx).PetitionsByID(ctx, []uuid.UUID{id.UUID}, reading.Wanted{})
			row, err := one(found.Rows, err)
			switch {
			case err != nil:
				return nil, err
			case row == nil:
				return nil, errNoPetition
			case row.Version != told: // else the news came after what they are about was read
				told = row.Version
				return row, nil
			}
		}
	}), nil
}

// comments follows the comments made after now, in their order, until the petition is hidden.
func (r *Resolver) comments(ctx context.Context, id scalar.ID) (<-chan *ent.Comment, error) {
	w, err := r.watch(ctx, live.Comments, id)
	if err != nil {
		return nil, err
	}
	last, waiting := w.Baseline()[0].Comment, []*ent.Comment(nil)
	about := func(*ent.Comment) topic { return topic{} } // each counts
	return follow(ctx, w.Close, about, func(ctx context.Context) (*ent.Comment, error) {
		for len(waiting) == 0 {
			_, err := w.Next(ctx)
			if err == nil {
				err = r.seen(ctx, id.UUID)
			}
			if err == nil {
				waiting, err = r.reads(ctx).CommentsAfter(ctx, id.UUID, last, commentsATick)
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
	about := func(*reading.Statistics) topic { return topic{name: "statistics"} }
	return follow(ctx, w.Close, about, func(ctx context.Context) (*reading.Statistics, error) {
		v, err := w.Next(ctx)
		return &v, err
	}), nil
}
