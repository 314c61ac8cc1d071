package turns

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
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

// A network takes another place, or waits for another, only while it has fewer than are free. Beyond that it is told at
// once, and others are not. Without an address there is no limit for one.
func TestBounds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		c := newCrowd(t, Options{Places: 4, Waiting: 4, Fair: true, Wait: time.Second})
		of := func(n byte) context.Context { return From(t.Context(), net(n)) }
		have := func(want string) {
			t.Helper()
			var got []byte
			for name := c.next(); name != 0; name = c.next() {
				got = append(got, name)
			}
			if string(got) != want {
				t.Errorf("%q have places, want %q", got, want)
			}
		}
		var last chan error
		for _, name := range []byte("abAB") {
			last = c.enter(of(1), name)
		}
		have("ab")
		if err := <-c.enter(of(1), 'x'); !errors.Is(err, ErrBusy) || time.Since(began) > 0 {
			t.Errorf("one more waits, for %s: %v", time.Since(began), err)
		}
		c.enter(of(2), 'c')
		c.enter(of(2), 'C')
		have("c")
		c.enter(of(3), 'd')
		have("d")
		c.enter(of(4), 'e')
		if err := <-c.enter(of(4), 'x'); !errors.Is(err, ErrBusy) || time.Since(began) > 0 {
			t.Errorf("more wait than may, for %s: %v", time.Since(began), err)
		}
		for _, step := range [][2]byte{{'b', 'e'}, {'d', 0}, {'a', 'A'}, {'e', 'C'}} {
			if got := c.leave(step[0]); got != step[1] {
				t.Errorf("when %q leaves, %q has the place, want %q", step[0], got, step[1])
			}
		}
		if err := <-last; !errors.Is(err, ErrBusy) || time.Since(began) != time.Second {
			t.Errorf("waited for %s: %v", time.Since(began), err)
		}
		for _, name := range []byte("cAC") {
			c.leave(name)
		}
		c.idle()
		for limit, ctx := range map[bool]context.Context{true: t.Context(), false: of(1)} {
			c = newCrowd(t, Options{Places: 4, Waiting: 4, Fair: limit})
			for _, name := range []byte("abcdefgh") {
				c.enter(ctx, name)
			}
			have("abcd")
			for range 2 {
				if err := <-c.enter(ctx, 'x'); !errors.Is(err, ErrBusy) {
					t.Errorf("more wait than may, if networks have limits: %t (error %v)", limit, err)
				}
			}
			for _, name := range []byte("abcdefgh") {
				c.leave(name)
			}
			c.idle()
		}
	})
}

// However many networks have full lines, others are not turned away: k of them leave one part in k+1 of the places, and
// of the room to wait.
func TestFullLines(t *testing.T) {
	t.Parallel()
	for _, k := range []int{1, 2, 5} {
		synctest.Test(t, func(t *testing.T) {
			const places, waiting = 60, 120
			q := New(Options{Places: places, Waiting: waiting, Fair: true, Wait: time.Second})
			var refused atomic.Int64
			var crowd sync.WaitGroup
			flood := func() {
				for n := range 2 * k * waiting {
					crowd.Go(func() {
						turn, err := q.Enter(From(t.Context(), net(byte(n%k))), 0)
						if err != nil {
							refused.Add(1)
							return
						}
						time.Sleep(100 * time.Millisecond)
						turn.Leave()
					})
				}
				synctest.Wait()
			}
			flood()
			// Within one for each network: the first took the last that it might while the others still had fewer.
			if taken, waits := q.Taken(); taken-places*k/(k+1) > k || waits-waiting*k/(k+1) > k {
				t.Errorf("%d networks have %d of %d places, and %d of %d wait", k, taken, places, waits, waiting)
			}
			for n := range byte(10) {
				began := time.Now()
				turn, err := q.Enter(From(t.Context(), net(100+n)), 0)
				if waited := time.Since(began); err != nil || waited > 0 {
					t.Errorf("beside %d networks another waited for %s: %v", k, waited, err)
				}
				turn.Leave()
				time.Sleep(50 * time.Millisecond)
				flood()
			}
			crowd.Wait()
			if refused.Load() == 0 {
				t.Error("nobody was refused")
			}
		})
	}
}

// In a room that is full, the youngest of the longest line makes way for one of a network with fewer, but not if such a
// network waits for it as well.
func TestMakingWay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(t, Options{Places: 1, Waiting: 8, Fair: true})
		of := func(n byte) context.Context { return From(t.Context(), net(n)) }
		c.enter(of(0), '0')
		c.next()
		refused := map[byte]chan error{}
		shared := of(1)
		for i, name := range []byte("abcdefgh") {
			ctx := of(1)
			switch {
			case i == 3:
				ctx = shared
			case i > 3:
				ctx = of(byte(i))
			}
			refused[name] = c.enter(ctx, name)
		}
		AskerOf(shared).Join(of(9))
		synctest.Wait()
		// Of the newcomers the last two are no better off than who waits.
		for i, name := range []byte("ijklm") {
			refused[name] = c.enter(of([]byte{20, 21, 22, 23, 4}[i]), name)
		}
		var got []byte
		for name := byte('a'); name <= 'm'; name++ {
			select {
			case err := <-refused[name]:
				if got = append(got, name); !errors.Is(err, ErrBusy) {
					t.Errorf("%q: %v", name, err)
				}
			default:
			}
		}
		if want := "abclm"; string(got) != want {
			t.Errorf("%q were refused, want %q", got, want)
		}
		got = nil
		for name := c.leave('0'); name != 0; name = c.leave(name) {
			got = append(got, name)
		}
		if want := "defghijk"; string(got) != want {
			t.Errorf("%q had their turns, want %q", got, want)
		}
		c.idle()
	})
}

// Who goes on for many networks is asked again for which, while it waits, and waits for no others.
func TestNetworksAreDrawnAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := New(Options{Places: 1, Pace: 1})
		began := time.Now()
		for n := range byte(4) {
			turn, err := q.Enter(From(t.Context(), net(n)), 3600)
			if err != nil {
				t.Fatal(err)
			}
			turn.Leave()
		}
		draws := [][]netip.Prefix{nets(0), nets(0), nets(0, 1), nets(2), nets(3, 2), nets(4, 1)}
		turn, err := q.Enter(FromAny(t.Context(), func() []netip.Prefix {
			if len(q.ring) > 2 {
				t.Errorf("it waits for %d networks", len(q.ring))
			}
			drawn := draws[0]
			draws = draws[1:]
			return drawn
		}), 1)
		if err != nil {
			t.Fatal(err)
		}
		if waited, want := time.Since(began), 4*time.Second; waited != want || turn.of != q.networks[net(4)] {
			t.Errorf("waited for %s, want %s, until a network that has points was drawn", waited, want)
		}
		turn.Leave()
		if len(q.ring) > 0 {
			t.Errorf("%d networks wait", len(q.ring))
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
