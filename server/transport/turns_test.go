package transport

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"petitiond/server/answerbudget"
	"petitiond/server/errcode"
	"petitiond/server/operation"
)

// at returns the addresses of networks.
func at(numbers ...byte) (networks []netip.Prefix) {
	for _, n := range numbers {
		networks = append(networks, netip.PrefixFrom(netip.AddrFrom4([4]byte{192, 0, 2, n}), 32))
	}
	return networks
}

// turnsWith returns turns with so many places at a pace.
func turnsWith(places, pace int) *turns {
	t := newTurns(Limits{})
	t.places, t.pace = make(chan struct{}, places), pace
	return t
}

// However many events of one network wait, one of another is next but one. An event that may be charged to several is
// charged to the one with the fewest.
func TestNetworksTakeTurns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		turns, order := turnsWith(1, 0), make(chan byte, 100)
		wait := func(name byte, networks ...byte) {
			go func() {
				if turns.enter(t.Context(), at(networks...), 1) == nil {
					order <- name
				}
			}()
			synctest.Wait()
		}
		wait('a', 1) // has the place
		for range 3 {
			wait('a', 1)
		}
		wait('b', 2)
		wait('c', 1, 3)
		var got []byte
		for range 6 {
			got = append(got, <-order)
			turns.leave()
			synctest.Wait()
		}
		if want := "aabcaa"; string(got) != want {
			t.Errorf("%q had their turns, want %q", got, want)
		}
	})
}

// A network spends the points of four seconds at once, and then as many a second as it may. Others do not wait for it.
func TestNetworksArePaced(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		turns := turnsWith(1, 100)
		spend := func(network byte, points int) (waited time.Duration) {
			began := time.Now()
			if err := turns.enter(t.Context(), at(network), points); err != nil {
				t.Fatal(err)
			}
			turns.leave()
			return time.Since(began)
		}
		var got []time.Duration
		for _, points := range []int{300, 300, 50, 0, 1} {
			got = append(got, spend(1, points))
		}
		got = append(got, spend(2, 1000))
		time.Sleep(time.Hour) // saves no more than a burst
		got = append(got, spend(1, 401), spend(1, 1))
		want := []time.Duration{0, 0, 2 * time.Second, 500 * time.Millisecond, 10 * time.Millisecond, 0, 0, 10 * time.Millisecond}
		if !slices.Equal(got, want) {
			t.Errorf("waited %v, want %v", got, want)
		}
	})
}

// Those who go while they wait leave nothing behind, and networks that have gone are forgotten.
func TestTurnsAreGivenUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		turns := turnsWith(1, 1)
		if err := turns.enter(t.Context(), at(1), 100); err != nil {
			t.Fatal(err)
		}
		for _, network := range []byte{1, 1, 2} { // one waits for points, one for the first, and one for a place
			ctx, leave := context.WithTimeout(t.Context(), time.Second)
			defer leave()
			go func() {
				if err := turns.enter(ctx, at(network), 1); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("has a turn: %v", err)
				}
			}()
		}
		time.Sleep(2 * time.Second)
		turns.leave()
		time.Sleep(time.Hour)
		for n := range 1000 {
			ctx, leave := context.WithCancel(t.Context())
			address := netip.AddrFrom4([4]byte{10, 0, byte(n / 256), byte(n)})
			if err := turns.enter(ctx, []netip.Prefix{netip.PrefixFrom(address, 32)}, 1); err != nil {
				t.Fatal(err)
			}
			turns.leave()
			leave()
			time.Sleep(burst)
		}
		if n := len(turns.networks); n > 200 {
			t.Errorf("%d networks are remembered", n)
		}
	})
}

// occasionFor returns the occasion of an event, and a context as its source has it.
func occasionFor(t *testing.T, turns *turns) (ctx context.Context, o *occasion, computing context.Context) {
	ctx = graphql.WithOperationContext(t.Context(), &graphql.OperationContext{Operation: &ast.OperationDefinition{Operation: ast.Subscription}})
	computing, cancel := context.WithCancelCause(ctx)
	return ctx, &occasion{
		turns: turns, from: func() []netip.Prefix { return at(1) }, points: 1, time: time.Second, cancel: cancel,
		budget: answerbudget.NewMemory(1 << 30).Budget(1 << 20),
	}, computing
}

// An event keeps its place from the reading until it is computed, and each has its time.
func TestOccasion(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		turns := turnsWith(1, 0)
		ctx, o, computing := occasionFor(t, turns)
		reads := func(found bool, wait time.Duration) error {
			return o.read(ctx, func(ctx context.Context) (bool, error) {
				if answerbudget.From(ctx) != o.budget {
					t.Error("what is read is not counted")
				}
				select {
				case <-time.After(wait):
				case <-ctx.Done():
				}
				return found, ctx.Err()
			})
		}
		if err := reads(false, time.Second/2); err != nil || len(turns.places) != 0 {
			t.Errorf("what found nothing has %d places (error %v)", len(turns.places), err)
		}
		if err := reads(true, time.Second/2); err != nil || len(turns.places) != 1 {
			t.Errorf("what found something has %d places (error %v)", len(turns.places), err)
		}
		began := time.Now()
		<-computing.Done()
		if cause := context.Cause(computing); !errors.Is(cause, errTimeout) || time.Since(began) != time.Second {
			t.Errorf("the computing was stopped after %s: %v", time.Since(began), cause)
		}
		o.end()
		_, o, _ = occasionFor(t, turns)
		if code := codeOf(reads(true, time.Hour)); code != errcode.Timeout {
			t.Errorf("a reading that took too long ended with %s", code)
		}
		o.end()
		if len(turns.places) != 0 {
			t.Error("the place is not given back")
		}
	})
}

// A source that still reads when its subscriber has gone gives the place back when it has read.
func TestOccasionIsAbandoned(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		turns := turnsWith(1, 0)
		ctx, o, _ := occasionFor(t, turns)
		finish := make(chan struct{})
		go func() {
			_ = o.read(ctx, func(context.Context) (bool, error) { <-finish; return true, nil })
		}()
		synctest.Wait()
		o.end()
		if len(turns.places) != 1 {
			t.Error("the place is free while its source reads")
		}
		close(finish)
		synctest.Wait()
		if len(turns.places) != 0 {
			t.Error("the place is not given back")
		}
		// Neither may one begin that has come too late.
		if err := o.read(ctx, func(context.Context) (bool, error) { return true, nil }); err == nil || len(turns.places) != 0 {
			t.Errorf("read after the end: %v, with %d places taken", err, len(turns.places))
		}
	})
}

func codeOf(err error) string {
	if coded, ok := errors.AsType[*gqlerror.Error](err); ok {
		return operation.CodeOf(coded)
	}
	return ""
}
