package outbox

import (
	"cmp"
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"petitiond/server/database"
	"petitiond/server/recurring"
	"petitiond/server/secret"
)

// Delivery is one try to send an entry.
type Delivery struct {
	ID       uuid.UUID
	Petition uuid.NullUUID
	Payload  []byte // opened
	Try      int    // from 1
	Created  time.Time
}

// Handler sends one entry, outside of any transaction. It returns nil if the entry was sent or need not be sent any
// more, an error that Permanent has marked if that will never be, and any other error to be called again later. It must
// return when ctx ends, and may be called again for an entry that it has sent: the id is the same then. Its errors say
// what may be logged of them, see database.Cause.
type Handler func(ctx context.Context, d Delivery) error

// Options of an Outbox. DB and Keys are required.
type Options struct {
	DB       *database.DB
	Keys     *secret.Keys
	Handlers map[string]Handler // by kind; entries of other kinds are left to replicas that have a handler
	Now      func() time.Time   // default that of the database's Clock
	Logger   *slog.Logger       // default discards

	Pace    int            // entries of a kind that all replicas together try in a second, default 50
	Paces   map[string]int // the same of kinds that have a pace of their own
	Batch   int            // entries that are leased in one transaction, default as many as are handled at once
	AtOnce  int            // entries of a kind that a replica handles at once, default 8
	Time    time.Duration  // for one try, default 30 s, at most half of Lease
	Lease   time.Duration  // after which an entry is tried again if its worker has died, default 60 s
	Tries   int            // after which an entry is parked, default 8
	First   time.Duration  // wait after the first failed try, default 1 min; three times as long after each further one
	Every   time.Duration  // how often is looked for entries without being woken, default 1 s
	Grace   time.Duration  // for what is being sent when Run is to end, default 10 s
	KeepFor time.Duration  // how long parked entries are kept, default 30 days
}

func (o *Options) setDefaults() {
	if o.Now == nil {
		o.Now = o.DB.Clock.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	o.Pace, o.AtOnce, o.Tries = cmp.Or(o.Pace, 50), cmp.Or(o.AtOnce, 8), cmp.Or(o.Tries, 8)
	o.Batch = cmp.Or(o.Batch, o.AtOnce)
	o.Lease = cmp.Or(o.Lease, time.Minute)
	// Half of it, so that nobody else begins with an entry that is still being sent and settled.
	o.Time = min(cmp.Or(o.Time, 30*time.Second), o.Lease/2)
	o.First, o.Every = cmp.Or(o.First, time.Minute), cmp.Or(o.Every, time.Second)
	o.Grace, o.KeepFor = cmp.Or(o.Grace, 10*time.Second), cmp.Or(o.KeepFor, 30*24*time.Hour)
}

// Outbox has the workers of one replica. It is safe for concurrent use.
type Outbox struct {
	opt   Options
	lanes map[string]*lane // by kind

	failing recurring.Lines // what the log was told of upkeep

	mu   sync.Mutex
	seen map[string]standing // by kind, as last counted; guarded by mu
}

// New makes the workers. Run must be called for them to work.
func New(opt Options) *Outbox {
	opt.setDefaults()
	o := &Outbox{opt: opt, lanes: map[string]*lane{}}
	for kind, handle := range opt.Handlers {
		o.lanes[kind] = &lane{
			box: o, kind: kind, handle: handle, pace: paceOf(cmp.Or(opt.Paces[kind], opt.Pace)),
			wake: make(chan struct{}, 1), ended: make(chan struct{}, 1),
		}
	}
	return o
}

// Run sends until ctx ends. What is being sent then may take as long as Grace; what is not done by then is sent again
// when its lease has ended.
func (o *Outbox) Run(ctx context.Context) error {
	var parts sync.WaitGroup
	for _, l := range o.lanes {
		parts.Go(func() { l.run(ctx) })
	}
	parts.Go(func() { o.keep(ctx) })
	parts.Wait()
	return nil
}

// Wake has the workers look for entries at once. Call it after a commit that has written some; those of other replicas
// find them within a second.
func (o *Outbox) Wake() {
	for _, l := range o.lanes {
		signal(l.wake)
	}
}

// signal sets a signal that may be set already.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Stats are the numbers of one kind.
type Stats struct {
	Kind    string
	Waiting int           // entries that are not sent and not parked, of all replicas; counted every ten seconds
	Parked  int           // entries that were given up and are kept, of all replicas
	Oldest  time.Duration // how long the entry that has been due longest waits, of all replicas
	Sent    uint64        // by this replica since it began, like the numbers below
	Failed  uint64        // tries that failed
	GivenUp uint64        // entries that were parked
}

// Stats returns the numbers of each kind that has a handler, in the order of their names.
func (o *Outbox) Stats() []Stats {
	o.mu.Lock()
	seen := o.seen
	o.mu.Unlock()
	var out []Stats
	for _, kind := range slices.Sorted(maps.Keys(o.lanes)) {
		l, s := o.lanes[kind], seen[kind]
		out = append(out, Stats{
			Kind: kind, Waiting: s.waiting, Parked: s.parked, Oldest: s.oldest,
			Sent: l.sent.Load(), Failed: l.failed.Load(), GivenUp: l.givenUp.Load(),
		})
	}
	return out
}
