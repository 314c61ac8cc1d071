package outbox

import (
	"context"
	"time"

	"github.com/google/uuid"
)

// Turns is the order in which a lease is shared.
var Turns = turns

// Lease takes as many entries of a kind as there are places and leaves them, as a worker does that dies then.
func (o *Outbox) Lease(ctx context.Context, kind string) (ids []uuid.UUID, err error) {
	found, _, err := o.lanes[kind].lease(ctx, o.opt.Batch)
	for _, e := range found {
		ids = append(ids, e.ID)
	}
	return ids, err
}

// Send leases and sends, and dies before it has settled.
func (o *Outbox) Send(ctx context.Context, kind string) error {
	l := o.lanes[kind]
	found, _, err := l.lease(ctx, o.opt.Batch)
	for _, e := range found {
		l.begin(1)
		l.send(ctx, e)
	}
	return err
}

// Settle settles what Send has left.
func (o *Outbox) Settle(ctx context.Context, kind string) bool { return o.lanes[kind].settle(ctx) }

// Share is how one lease after another is shared among lists of entries.
func Share(orders [3][]uuid.UUID, most, leases int) (taken [][]uuid.UUID) {
	var l lane
	for range leases {
		taken = append(taken, l.share(orders, most))
	}
	return taken
}

// Pace is a pace that one worker after another keeps.
type Pace struct {
	pace
	Next time.Time
}

// NewPace returns a pace of so many a second.
func NewPace(rate int) *Pace { return &Pace{pace: paceOf(rate)} }

// Take begins with as many of most as are in step, and returns how many.
func (p *Pace) Take(now time.Time, most int) int {
	n := p.allow(now, p.Next, most)
	if n > 0 {
		p.Next = p.after(now, p.Next, n)
	}
	return n
}
