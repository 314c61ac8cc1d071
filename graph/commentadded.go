package graph

import (
	"context"

	"github.com/google/uuid"

	"petitiond/ent"
	"petitiond/graph/scalar"
	"petitiond/server/figures"
	"petitiond/server/live"
	"petitiond/server/reading"
)

// comments follows the comments made after now, in their order, until the petition is hidden.
func (r *Resolver) comments(ctx context.Context, id scalar.ID) (<-chan *ent.Comment, error) {
	w, err := r.watch(ctx, figures.Comments, id)
	if err != nil {
		return nil, err
	}
	// From what was newest when watching began, and not from what is read now: a comment in between would be lost.
	c := &commenting{Resolver: r, watcher: w, petition: id.UUID, last: w.Baseline()[0].Comment}
	return follow(ctx, source[ent.Comment]{wait: c.wait, next: c.next, end: w.Close}), nil
}

// commenting is a subscription to the comments of a petition.
type commenting struct {
	*Resolver

	watcher  *live.Watcher
	petition uuid.UUID
	last     int // number of the last comment that was read
	// due are comments that were read with an earlier one and are sent after it. They are read again then: an event may
	// have to wait for long, and all their texts would be kept meanwhile.
	due []uuid.UUID
}

// wait waits until next has something to send: what was read with the one before, or news.
func (c *commenting) wait(ctx context.Context) error {
	if len(c.due) > 0 {
		return nil
	}
	return c.watcher.Wait(ctx)
}

// next returns the next comment. Of a petition that was hidden nothing more is sent, whatever was written before.
func (c *commenting) next(ctx context.Context) (*ent.Comment, error) {
	if len(c.due) == 0 {
		if _, ok, err := c.watcher.Poll(); err != nil || !ok {
			return nil, err
		}
	}
	if err := c.seen(ctx, c.petition); err != nil {
		return nil, err
	}
	if len(c.due) > 0 {
		found, err := c.reads(ctx).CommentsByID(ctx, c.due[:1])
		c.due = c.due[1:]
		return one(found, err)
	}
	found, err := c.reads(ctx).CommentsAfter(ctx, c.petition, c.last, reading.CommentsATick)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	// One event has one comment.
	for _, row := range found[1:] {
		c.due = append(c.due, row.ID)
	}
	c.last = found[len(found)-1].Number
	return found[0], nil
}
