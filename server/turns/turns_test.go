package turns

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// net returns the address of a network.
func net(number byte) netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{192, 0, 2, number}), 32)
}

// nets returns several.
func nets(numbers ...byte) (networks []netip.Prefix) {
	for _, n := range numbers {
		networks = append(networks, net(n))
	}
	return networks
}

// crowd are those who want places of a queue in a bubble. They say their names when they have one.
type crowd struct {
	*testing.T
	*Queue
	order chan byte
	turns map[byte]Turn
}

func newCrowd(t *testing.T, o Options) *crowd {
	return &crowd{t, New(o), make(chan byte, 100), map[byte]Turn{}}
}

// enter waits for a place in a context, until the crowd has nothing left to do.
func (c *crowd) enter(ctx context.Context, name byte) (failed chan error) {
	failed = make(chan error, 1)
	go func() {
		turn, err := c.Enter(ctx, 1)
		if err != nil {
			failed <- err
			return
		}
		c.turns[name] = turn // one goes on at a time
		c.order <- name
	}()
	synctest.Wait()
	return failed
}

// leave gives back a place, and returns who has it then; 0: nobody.
func (c *crowd) leave(name byte) byte {
	c.turns[name].Leave()
	synctest.Wait()
	return c.next()
}

// next returns who had a place next; 0: nobody.
func (c *crowd) next() byte {
	select {
	case name := <-c.order:
		return name
	default:
		return 0
	}
}

// idle fails the test unless nothing is taken and nobody waits.
func (c *crowd) idle() {
	c.Helper()
	if taken, waiting := c.Taken(); taken != 0 || waiting != 0 || len(c.ring) != 0 {
		c.Errorf("%d places are taken, %d wait, for %d networks", taken, waiting, len(c.ring))
	}
}

// However many of one network wait, one of another is next but one. Who may be served in the turns of several is served
// in the first.
func TestNetworksTakeTurns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(t, Options{Places: 1})
		for _, name := range []byte("abcd") {
			c.enter(From(t.Context(), net(1)), name)
		}
		c.enter(From(t.Context(), net(2)), 'e')
		c.enter(FromAny(t.Context(), func() []netip.Prefix { return nets(1, 3) }), 'f')
		var got []byte
		for name := c.next(); name != 0; name = c.leave(name) {
			got = append(got, name)
		}
		if want := "abefcd"; string(got) != want {
			t.Errorf("%q had their turns, want %q", got, want)
		}
		c.idle()
	})
}

// Of the networks that wait, the one with the fewest places is next, so that who asks for one thing after the other
// waits for one place each time, and not for two.
func TestFewestPlacesFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(t, Options{Places: 3})
		for _, name := range []byte("abcdef") {
			c.enter(From(t.Context(), net(1)), name)
		}
		for range 3 {
			c.next()
		}
		for name := byte('v'); name < 'z'; name++ {
			c.enter(From(t.Context(), net(2)), name)
			if got := c.leave(name - 'v' + 'a'); got != name {
				t.Fatalf("%q has the place, want %q", got, name)
			}
			// The other network has the place that it leaves.
			if got, want := c.leave(name), name-'v'+'d'; want <= 'f' && got != want {
				t.Fatalf("%q has the place, want %q", got, want)
			}
		}
	})
}

// Within a network whatever was asked for first has its places first, also those that it wants later.
func TestOldestFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(t, Options{Places: 1})
		old, young := From(t.Context(), net(1)), From(t.Context(), net(1))
		c.enter(FromNobody(t.Context()), '0')
		c.next()
		for _, name := range []byte("cd") {
			c.enter(young, name)
		}
		c.enter(FromAny(t.Context(), func() []netip.Prefix { return nets(1) }), 'e')
		for _, name := range []byte("ab") {
			c.enter(old, name)
		}
		got := []byte{}
		for name := c.leave('0'); name != 0; name = c.leave(name) {
			got = append(got, name)
		}
		if want := "abcde"; string(got) != want {
			t.Errorf("%q had their turns, want %q", got, want)
		}
	})
}

// Who waits for what another network has asked for is a reason to compute it in either's turn, even if it waits for a
// place already.
func TestJoining(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(t, Options{Places: 1})
		for _, name := range []byte("abc") {
			c.enter(From(t.Context(), net(1)), name)
		}
		shared := From(t.Context(), net(1))
		c.enter(shared, 'x')
		c.next()
		AskerOf(shared).Join(From(t.Context(), net(2)))
		AskerOf(shared).Join(From(t.Context(), net(2)))
		synctest.Wait()
		c.enter(shared, 'y') // and what it wants later
		var got []byte
		for name := c.leave('a'); name != 0; name = c.leave(name) {
			got = append(got, name)
		}
		if want := "bxcy"; string(got) != want {
			t.Errorf("%q had their turns, want %q", got, want)
		}
		for n := range byte(100) {
			AskerOf(shared).Join(From(t.Context(), net(n)))
		}
		if n := len(AskerOf(shared).asking()); n != most {
			t.Errorf("it is asked for by %d networks, want %d", n, most)
		}
		c.idle()
	})
}

// A network has a bounded number of places, and of those who wait. Beyond these it is told at once, and others are not.
func TestBounds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		c := newCrowd(t, Options{Places: 4, Each: 2, Waiting: 4, WaitingEach: 2, Wait: time.Second})
		of := func(n byte) context.Context { return From(t.Context(), net(n)) }
		for _, name := range []byte("abAB") {
			c.enter(of(1), name)
		}
		if got := []byte{c.next(), c.next(), c.next()}; string(got) != "ab\x00" {
			t.Errorf("%q have places, want two", got)
		}
		if err := <-c.enter(of(1), 'x'); !errors.Is(err, ErrBusy) || time.Since(began) > 0 {
			t.Errorf("one more waits, for %s: %v", time.Since(began), err)
		}
		for _, name := range []byte("cdef") {
			c.enter(of(2+name-'c'), name)
		}
		if got := []byte{c.next(), c.next(), c.next()}; string(got) != "cd\x00" {
			t.Errorf("%q of others have places, want two", got)
		}
		if err := <-c.enter(of(9), 'x'); !errors.Is(err, ErrBusy) || time.Since(began) > 0 {
			t.Errorf("more wait than may, for %s: %v", time.Since(began), err)
		}
		if got := c.leave('c'); got != 'e' {
			t.Errorf("%q has the place, want another network's", got)
		}
		if got := c.leave('a'); got != 'f' {
			t.Errorf("%q has the place, want that of the network with fewer", got)
		}
		if got := c.leave('f'); got != 'A' {
			t.Errorf("%q has the place, want the network's own", got)
		}
		if err := <-c.enter(of(1), 'y'); !errors.Is(err, ErrBusy) || time.Since(began) != time.Second {
			t.Errorf("waited for %s: %v", time.Since(began), err)
		}
		for _, name := range []byte("bdeA") {
			c.leave(name)
		}
		c.idle()
		// Without an address there is no limit for one.
		for _, name := range []byte("abcd") {
			c.enter(t.Context(), name)
		}
		if got := []byte{c.next(), c.next(), c.next(), c.next()}; string(got) != "abcd" {
			t.Errorf("%q have places, want all", got)
		}
	})
}

// Who has gone takes no place, whether he waits or has not begun to.
func TestTurnsAreGivenUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(t, Options{Places: 1})
		gone, leave := context.WithCancel(From(t.Context(), net(1)))
		c.enter(From(t.Context(), net(1)), 'a')
		c.next()
		waits := c.enter(gone, 'x')
		leave()
		if err := <-waits; !errors.Is(err, context.Canceled) {
			t.Errorf("who has gone waited on: %v", err)
		}
		if got := c.leave('a'); got != 0 {
			t.Errorf("%q has a place", got)
		}
		c.idle()
		if _, err := c.Enter(gone, 1); !errors.Is(err, context.Canceled) {
			t.Errorf("who has gone has a place: %v", err)
		}
		c.idle()
	})
}

// The turn that comes at the moment at which its network goes is given to the next.
func TestTurnsThatComeTooLate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(t, Options{Places: 1})
		w := &waiter{age: 1}
		turn, err := c.Enter(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		if served, err := c.begin(w, nets(1)); served || err != nil {
			t.Fatalf("served: %t, error %v", served, err)
		}
		c.enter(From(t.Context(), net(2)), 'b')
		turn.Leave()
		if err := c.giveUp(w, ErrBusy); !errors.Is(err, ErrBusy) {
			t.Error(err)
		}
		synctest.Wait()
		if got := c.next(); got != 'b' {
			t.Errorf("%q has the place, want the next", got)
		}
		c.leave('b')
		c.idle()
	})
}

// A network spends the points of four seconds at once, and then as many a second as it may. Others do not wait for it.
func TestNetworksArePaced(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := New(Options{Places: 1, Pace: 100})
		spend := func(n byte, points int) (waited time.Duration) {
			began := time.Now()
			turn, err := q.Enter(From(t.Context(), net(n)), points)
			if err != nil {
				t.Fatal(err)
			}
			turn.Leave()
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

// Of several networks that have spent their points, each goes on as soon as it has some again, while places are free.
func TestPausesEndByThemselves(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		q := New(Options{Places: 2, Pace: 1})
		enter := func(n byte, points int) time.Duration {
			turn, err := q.Enter(From(t.Context(), net(n)), points)
			if err != nil {
				t.Error(err)
			}
			turn.Leave()
			return time.Since(began)
		}
		points := map[byte]int{1: 6, 2: 5, 3: 7}
		for n, spent := range points {
			if waited := enter(n, spent); waited > 0 {
				t.Errorf("network %d waited for %s", n, waited)
			}
		}
		var crowd sync.WaitGroup
		for n, spent := range points {
			crowd.Go(func() {
				if waited, want := enter(n, 1), time.Duration(spent)*time.Second-Burst; waited != want {
					t.Errorf("network %d waited for %s, want %s", n, waited, want)
				}
			})
		}
		crowd.Wait()
	})
}

// Networks that have gone are forgotten.
func TestNetworksAreForgotten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := New(Options{Places: 1, Pace: 1})
		for n := range 1000 {
			address := netip.AddrFrom4([4]byte{10, 0, byte(n / 256), byte(n)})
			turn, err := q.Enter(From(t.Context(), netip.PrefixFrom(address, 32)), 1)
			if err != nil {
				t.Fatal(err)
			}
			turn.Leave()
			time.Sleep(Burst)
		}
		if n := len(q.networks); n > 200 {
			t.Errorf("%d networks are remembered", n)
		}
	})
}
