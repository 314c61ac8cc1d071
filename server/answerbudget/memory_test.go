package answerbudget

import (
	"net/netip"
	"sync"
	"testing"
)

// network returns one of many.
func network(i int) netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}), 32)
}

// Networks that take what they can, one after the other a little, get equal parts and leave one to the next.
func TestNetworksShareMemory(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ networks, each, parts int }{{1, 2, 2}, {2, 2, 3}, {5, 2, 6}, {1, 4, 4}, {5, 4, 8}} {
		const most = 24_000
		m := NewMemory(most, test.each)
		got := make([]int, test.networks)
		for more := true; more; {
			more = false
			for i := range got {
				if m.Of(network(i)).Take(10) {
					got[i] += 10
					more = true
				}
			}
		}
		left := most
		for _, n := range got {
			left -= n
			if want := most / test.parts; n > want || n < want-20 {
				t.Errorf("of %d networks one has %d, want %d", test.networks, n, want)
			}
		}
		for i, n := range got {
			if m.Of(network(i)).Take(1000) {
				t.Errorf("of %d networks one may have %d and more", test.networks, n)
			}
		}
		if !m.Of(network(99)).Take(left / test.each) {
			t.Errorf("beside %d networks there is nothing for another", test.networks)
		}
		m.Of(network(99)).Give(left / test.each)
		for i, n := range got {
			m.Of(network(i)).Give(n)
		}
		if m.Taken() != 0 || len(m.by) != 0 {
			t.Errorf("%d bytes of %d networks are left", m.Taken(), len(m.by))
		}
	}
}

// Nobody in particular may have all, and so may anybody where networks do not count.
func TestNobodyHasNoShare(t *testing.T) {
	t.Parallel()
	m := NewMemory(1000, 2)
	if !m.Take(1000) || m.Take(1) || m.Of(network(1)).Take(1) {
		t.Error("nobody has another share than all")
	}
	m.Give(400)
	if !m.Of(network(1)).Take(200) || m.Of(network(1)).Take(1) {
		t.Error("what nobody has counts as if it were free")
	}
	m = NewMemory(1000, 1)
	if !m.Of(network(1)).Take(1000) || m.Of(network(2)).Take(1) {
		t.Error("a network has another share than all where networks do not count")
	}
}

// Whatever many networks take at once, it is never more than there is, and all of it comes back.
func TestMemoryOfManyNetworks(t *testing.T) {
	t.Parallel()
	const most = 10_000
	m := NewMemory(most, 2)
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			s := m.Of(network(i % 5))
			for n := range 2000 {
				if !s.Take(n % 700) {
					continue
				}
				if taken := m.Taken(); taken > most {
					t.Errorf("%d bytes are taken", taken)
				}
				s.Give(n % 700)
			}
		})
	}
	all.Wait()
	if m.Taken() != 0 || len(m.by) != 0 {
		t.Errorf("%d bytes of %d networks are left", m.Taken(), len(m.by))
	}
}

// What several have is taken once, and counts for one of those who have it.
func TestCommonMemory(t *testing.T) {
	t.Parallel()
	m := NewMemory(1000, 2)
	one, two := m.Of(network(1)), m.Of(network(2))
	var c Common
	if c.Join(one, 501) || m.Taken() != 0 {
		t.Error("more than a share is taken")
	}
	for _, s := range []Share{one, two, one, two} {
		if !c.Join(s, 400) || m.Taken() != 400 || m.by[one.network] != 400 {
			t.Fatalf("%d bytes are taken, %v", m.Taken(), m.by)
		}
	}
	if c.Leave(one) || m.by[one.network] != 400 {
		t.Error("one that still has it does not pay")
	}
	if c.Leave(one) || m.by[one.network] != 0 || m.by[two.network] != 400 || m.Taken() != 400 {
		t.Errorf("when the one who paid has gone: %v", m.by)
	}
	if c.Leave(two) || !c.Leave(two) || m.Taken() != 0 || len(m.by) != 0 {
		t.Errorf("in the end %d bytes are taken, %v", m.Taken(), m.by)
	}
}

// What is reserved is there when it is needed, and of an answer only what is kept is taken while it is sent.
func TestReserve(t *testing.T) {
	t.Parallel()
	m := NewMemory(8<<20, 2)
	b := m.Of(network(1)).Budget(1 << 20)
	if err := b.Reserve(200_000); err != nil {
		t.Fatal(err)
	}
	before := m.Taken()
	if !m.Take(8<<20 - int(before)) {
		t.Fatal("the rest is not there")
	}
	if err := b.Read(200_000); err != nil {
		t.Error(err)
	}
	if _, err := b.Write(200_000); err != nil {
		t.Error(err)
	}
	if b.Keep(150_000); m.Taken() != 8<<20-before+150_000 {
		t.Errorf("%d bytes are taken, %d before", m.Taken(), before)
	}
	b.Close()
	if err := m.Of(network(1)).Budget(1 << 20).Reserve(2 << 20); err == nil {
		t.Error("more is reserved than there is")
	}
}

func BenchmarkTake(b *testing.B) {
	m := NewMemory(1<<30, 2)
	b.RunParallel(func(p *testing.PB) {
		s := m.Of(network(1))
		for p.Next() {
			s.Take(step)
			s.Give(step)
		}
	})
}

// An answer may take all that is free where its network has nothing else, and no more than there is.
func TestOneAnswerMayBeLargerThanAShare(t *testing.T) {
	t.Parallel()
	const most = 20 << 20
	m := NewMemory(most, 2)
	whole := m.Of(network(1)).Budget(Largest(most))
	if err := whole.Read(Largest(most)); err != nil {
		t.Errorf("the texts of the largest answer: %v", err)
	}
	if _, err := whole.Write(Largest(most)); err != nil {
		t.Errorf("the largest answer: %v", err)
	}
	whole.Close()
	first := m.Of(network(1)).Budget(most)
	if err := first.Read(9 << 20); err != nil {
		t.Error(err)
	}
	second := m.Of(network(1)).Budget(most)
	if second.Read(6<<20) == nil {
		t.Error("two answers take more than a share")
	}
	if m.Of(network(2)).Budget(most).Read(5<<20) != nil {
		t.Error("another has nothing")
	}
}
