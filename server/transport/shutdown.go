package transport

import (
	"context"
	"fmt"
	"time"
)

// Shutdown ends every subscription: sockets are closed with 1001 and event streams are cut, spread over half of the
// time that ctx leaves, lest all clients reconnect at once. It returns when the last connection has gone and what ran
// for them has ended, or when ctx ends. New connections are refused from now on; queries and mutations over HTTP are
// not.
func (t *Transport) Shutdown(ctx context.Context) error {
	err := t.connections.Shutdown(ctx, spreadOver(ctx))
	// Only after the connections have gone: it ends the contexts of what still runs for them.
	t.die()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		t.running.Wait()
	}()
	select {
	case <-ended:
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil {
		return fmt.Errorf("wait for subscriptions to end: %w", err)
	}
	return nil
}

// longestSpread bounds how long closing all connections is spread out.
const longestSpread = 10 * time.Second

// spreadOver returns over how long to spread the closing of connections: half of the time that ctx leaves. The other
// half is for the last clients to go.
func spreadOver(ctx context.Context) time.Duration {
	if end, ok := ctx.Deadline(); ok {
		return min(longestSpread, time.Until(end)/2)
	}
	return longestSpread
}
