package connection

import (
	"context"
	"time"
)

// longestSpread bounds how long closing all connections is spread out.
const longestSpread = 10 * time.Second

// Shutdown closes all connections, sockets with a closing handshake, spread over half of the time that ctx leaves lest
// all clients reconnect at once. It returns when the last connection has gone. Those still open when ctx ends are
// dropped. New ones are refused from now on.
func (k *Keeper) Shutdown(ctx context.Context) error {
	err := k.closeAll(ctx)
	// Last, since the closing handshakes need the loop and the writers.
	k.table.close(&k.dispatch)
	return err
}

// closeAll closes the connections one after the other, and waits until they have gone.
func (k *Keeper) closeAll(ctx context.Context) error {
	everybody, empty := k.table.end()
	spread := spreadOver(ctx, len(everybody))
	began := k.Now()
	for i, c := range everybody {
		wait := time.Duration(i)*spread/time.Duration(len(everybody)) - k.Now().Sub(began)
		if wait > 0 {
			select {
			case <-time.After(wait):
			case <-ctx.Done():
			}
		}
		// Also for those whose turn has not come when ctx ends: they still get a close frame before they are dropped.
		c.goodbye()
	}
	select {
	case <-empty:
		return nil
	case <-ctx.Done():
		for _, c := range everybody {
			c.Abandon()
		}
		return ctx.Err()
	}
}

// spreadOver returns over how long to spread the closing of connections: at most half of the time that ctx leaves. The
// other half is for the last clients to go.
func spreadOver(ctx context.Context, connections int) time.Duration {
	// A few connections need not take all of the time: at 50 a second their clients come back slowly enough.
	spread := min(longestSpread, time.Duration(connections)*20*time.Millisecond)
	if end, ok := ctx.Deadline(); ok {
		spread = min(spread, time.Until(end)/2)
	}
	return spread
}
