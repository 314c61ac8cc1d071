package turns

import (
	"context"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
)

// asker is the networks for which something is computed.
type asker struct {
	age uint64                // its rank among all; 0: it is as old as its wait
	of  func() []netip.Prefix // those at present, which are not followed; nil: networks

	mu       sync.Mutex // guards what follows
	networks []netip.Prefix
	more     chan struct{} // closed when another network joins; nil: nobody waits for that
}

// most is how many networks an asker asks for. More would hardly be served sooner.
const most = 16

// ages ranks the askers, since clocks may stand still.
var ages atomic.Uint64

type askerKey struct{}

// From returns a context in which places are asked for by a network. What a network has asked for first gets its places
// first, whenever it needs them: otherwise much that is begun would be late together.
func From(ctx context.Context, network netip.Prefix) context.Context {
	return with(ctx, &asker{age: ages.Add(1), networks: []netip.Prefix{network}})
}

// FromAny is like From for something that goes on, and is for several networks, which of returns each time that a place
// is asked for, and again now and then while it is waited for. The turn of any of them will do.
func FromAny(ctx context.Context, of func() []netip.Prefix) context.Context {
	return with(ctx, &asker{of: of})
}

// FromNobody returns a context in which places are asked for by no network: what is computed is for everybody. It has
// its turns as a network has, without the limits of one. So has a context that does not say who asks.
func FromNobody(ctx context.Context) context.Context { return From(ctx, netip.Prefix{}) }

func with(ctx context.Context, a *asker) context.Context {
	return context.WithValue(ctx, askerKey{}, a)
}

// Asker is who asks for what is computed under a context.
type Asker struct{ *asker }

// AskerOf returns who asks in ctx.
func AskerOf(ctx context.Context) Asker {
	a, ok := ctx.Value(askerKey{}).(*asker)
	if !ok {
		return AskerOf(FromNobody(ctx))
	}
	return Asker{a}
}

// Join makes the network that asks in ctx ask for the same: it waits for the result, and must not wait for the turns of
// a busier network. It counts from now on, and wherever a place is waited for already.
func (a Asker) Join(ctx context.Context) {
	also := AskerOf(ctx)
	// Its networks are read each time that it asks.
	if a == also || a.of != nil {
		return
	}
	networks := also.asking()
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, network := range networks {
		if len(a.networks) == most || slices.Contains(a.networks, network) {
			continue
		}
		a.networks = append(slices.Clip(a.networks), network) // who has the others goes on reading them
		if a.more != nil {
			close(a.more)
			a.more = nil
		}
	}
}

// asking returns the networks that ask.
func (a *asker) asking() []netip.Prefix {
	if a.of != nil {
		if networks := a.of(); len(networks) > 0 {
			return networks
		}
		return []netip.Prefix{{}} // all have just gone
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.networks
}

// joined returns the networks at present, and a channel that is closed when another joins; nil: none can.
func (a *asker) joined() (networks []netip.Prefix, more <-chan struct{}) {
	if a.of != nil {
		return a.asking(), nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.networks) == most {
		return a.networks, nil
	}
	if a.more == nil {
		a.more = make(chan struct{})
	}
	return a.networks, a.more
}
