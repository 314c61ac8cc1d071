package connection

import (
	"errors"
	"maps"
	"net/netip"
	"slices"
	"testing"

	"petitiond/server/answerbudget"
)

// A feed asks for its networks, however many readers each has, and for those that have left no more. Of very many it
// asks for a few, and for others each time.
func TestNetworksOfAFeed(t *testing.T) {
	t.Parallel()
	f := &feed{networks: map[netip.Prefix]int{}}
	f.news.Store(&news{})
	join := func(n int) *task {
		address := netip.AddrFrom4([4]byte{10, 0, byte(n >> 8), byte(n)})
		one := &task{conn: &Conn{address: netip.PrefixFrom(address, 32)}}
		f.join(one)
		return one
	}
	asks := func(want int) map[netip.Prefix]bool {
		t.Helper()
		got := map[netip.Prefix]bool{}
		for _, network := range f.addresses() {
			got[network] = true
		}
		if len(got) != want {
			t.Errorf("it asks for %d networks, want %d", len(got), want)
		}
		return got
	}
	var crowd, few []*task
	for range 1000 {
		crowd = append(crowd, join(0))
	}
	for n := range 5 {
		few = append(few, join(1+n))
	}
	asks(6)
	f.leave(few[0])
	if asks(5)[few[0].conn.address] {
		t.Error("it asks for a network that has left")
	}
	for _, one := range crowd[:999] {
		f.leave(one)
	}
	if !asks(5)[crowd[999].conn.address] {
		t.Error("it does not ask for a network that has a reader left")
	}
	f.leave(crowd[999])
	asks(4)
	const many = 1000
	for n := range many {
		join(1000 + n)
	}
	seen := map[netip.Prefix]int{}
	for range many {
		for network := range asks(sampled) {
			seen[network]++
		}
	}
	if often := slices.Max(slices.Collect(maps.Values(seen))); len(seen) < many || often > 10*sampled {
		t.Errorf("in %d draws it asked for %d networks of %d, and %d times for one", many, len(seen), many+4, often)
	}
}

// TestEventsOfAFeedCountForAReader: who uses up its share withholds nothing from the other readers of a feed, and what
// a feed keeps counts for no network that has left, nor for any when it has ended.
func TestEventsOfAFeedCountForAReader(t *testing.T) {
	t.Parallel()
	memory := answerbudget.NewMemory(1000, 2)
	k := &Keeper{Options: Options{Memory: memory, Answer: 500}}
	f := &feed{networks: map[netip.Prefix]int{}}
	f.news.Store(&news{})
	join := func(n byte) *task {
		one := &task{conn: &Conn{address: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, 0, n}), 32)}}
		f.join(one)
		return one
	}
	keep := func(bytes int, want error) {
		t.Helper()
		if err := f.account(k, &news{events: []event{{body: make([]byte, bytes)}}}); !errors.Is(err, want) {
			t.Errorf("%d bytes: %v, want %v", bytes, err, want)
		}
	}
	taken := func(want int64) {
		t.Helper()
		if got := memory.Taken(); got != want {
			t.Errorf("%d bytes are taken, want %d", got, want)
		}
	}
	greedy := join(1)
	keep(100, nil)
	share := memory.Of(greedy.conn.address)
	if !share.Take(400) || share.Take(1) {
		t.Fatal("one network alone has not half")
	}
	keep(101, answerbudget.ErrMemory)
	other := join(2)
	keep(150, nil)
	taken(550)
	keep(501, answerbudget.ErrAnswer)
	f.leave(greedy)
	keep(50, nil)
	taken(450)
	f.leave(other)
	late := join(3)
	keep(200, nil)
	taken(600)
	if !memory.Of(other.conn.address).Take(200) {
		t.Error("it counts for a network that has left")
	}
	f.leave(late)
	f.finish(k, nil)
	taken(600)
}
