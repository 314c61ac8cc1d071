package connection

import (
	"context"
	"time"
)

// Shutdown closes all connections with a closing handshake, spread over a time lest all clients reconnect at once, and
// returns when the last connection has gone. Those still open when ctx ends are dropped. New ones are refused from now
// on.
func (k *Keeper) Shutdown(ctx context.Context, spread time.Duration) error {
	err := k.closeAll(ctx, spread)
	// Last, since the closing handshakes need the loop and the writers.
	k.table.close(&k.dispatch)
	return err
}

// closeAll closes the connections one after the other, and waits until they have gone.
func (k *Keeper) closeAll(ctx context.Context, spread time.Duration) error {
	everybody, empty := k.table.end()
	// A few connections need not take all of the time: at 50 a second their clients come back slowly enough.
	spread = min(spread, time.Duration(len(everybody))*20*time.Millisecond)
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
