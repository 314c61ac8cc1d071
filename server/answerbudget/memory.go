package answerbudget

import (
	"net/netip"
	"sync"
)

// Memory is an amount of memory that many share. It is safe for concurrent use.
//
// A network may take more only while what it has, with what it asks for, is at most a certain part of what remains free
// (Choudhury and Hahne, "Dynamic queue length thresholds for shared-memory packet switches", 1998). If it may be all of
// that, one that is alone gets half, and two get a third each: whoever comes finds something, and nothing lies idle
// that was set aside for those who never come. What is kept for long should be given out by smaller parts, since one
// that has much keeps it when others come.
//
// One answer, where a network has nothing else, may take all that is free: otherwise one that is larger than a share
// could never be had, however often it is asked for again.
type Memory struct {
	most int64
	each int64

	mu    sync.Mutex // guards what follows
	taken int64
	by    map[netip.Prefix]int64 // of it, by the networks that have some
}

// NewMemory returns a Memory of the given size, of which one network alone gets an each-th part: half of it if that is
// 2. If it is 1, networks do not count.
func NewMemory(bytes int64, each int) *Memory {
	return &Memory{most: bytes, each: int64(each), by: map[netip.Prefix]int64{}}
}

// Of returns the share of a network: an IPv4 address, or a /64 of IPv6. The zero Prefix is nobody in particular, whom
// only the size of the whole limits.
func (m *Memory) Of(network netip.Prefix) Share { return Share{m, network} }

// Take is like that of nobody's Share.
func (m *Memory) Take(n int) bool { return m.Of(netip.Prefix{}).Take(n) }

// Give returns n bytes that Take has taken.
func (m *Memory) Give(n int) { m.Of(netip.Prefix{}).Give(n) }

// Taken returns how many bytes are taken.
func (m *Memory) Taken() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.taken
}

// count notes that a network has n bytes more. It needs mu.
func (m *Memory) count(network netip.Prefix, n int64) {
	if network == (netip.Prefix{}) {
		return
	}
	if m.by[network] += n; m.by[network] == 0 {
		delete(m.by, network)
	}
}

// Share is what a network may take of a Memory.
type Share struct {
	memory  *Memory
	network netip.Prefix
}

// Take takes n bytes, until Give returns them, and reports whether the network may have that many.
func (s Share) Take(n int) bool {
	if n == 0 { // as for everything that is short, which is most
		return true
	}
	m := s.memory
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.fits(s.network, int64(n)) && m.take(s.network, int64(n))
}

// extend is like Take for who has some bytes already, and may have more than the network's share if the network has
// nothing else.
func (s Share) extend(have, n int) bool {
	m := s.memory
	m.mu.Lock()
	defer m.mu.Unlock()
	return (m.by[s.network] == int64(have) || m.fits(s.network, int64(n))) && m.take(s.network, int64(n))
}

// fits reports whether a network may have n bytes more. It needs mu.
func (m *Memory) fits(network netip.Prefix, n int64) bool {
	return network == (netip.Prefix{}) || (m.each-1)*(m.by[network]+n) <= m.most-m.taken-n
}

// take takes n bytes if there are so many. It needs mu.
func (m *Memory) take(network netip.Prefix, n int64) bool {
	if n > m.most-m.taken {
		return false
	}
	m.taken += n
	m.count(network, n)
	return true
}

// Give returns n bytes.
func (s Share) Give(n int) {
	if n == 0 {
		return
	}
	m := s.memory
	m.mu.Lock()
	defer m.mu.Unlock()
	m.taken -= int64(n)
	m.count(s.network, -int64(n))
}

// Common is memory that several have at once, such as an answer that is being sent to them. It is taken once, and
// counts for one of their networks at a time: who has it no longer does not pay for the others. It must not be used
// concurrently; its zero value is had by nobody.
type Common struct {
	bytes  int
	payer  netip.Prefix
	owners map[netip.Prefix]int
}

// Join adds one who has it, and reports whether there was memory. Bytes counts only if nobody has it yet.
func (c *Common) Join(s Share, bytes int) bool {
	if len(c.owners) == 0 {
		if !s.Take(bytes) {
			return false
		}
		c.bytes, c.payer, c.owners = bytes, s.network, map[netip.Prefix]int{}
	}
	c.owners[s.network]++
	return true
}

// Leave removes one who had it, and reports whether it was the last.
func (c *Common) Leave(s Share) bool {
	if c.owners[s.network]--; c.owners[s.network] == 0 {
		delete(c.owners, s.network)
	}
	if len(c.owners) == 0 {
		s.memory.Of(c.payer).Give(c.bytes)
		return true
	}
	if c.owners[c.payer] == 0 {
		c.pass(s.memory)
	}
	return false
}

// pass makes another pay. It may then have more than it could take, since it has this already.
func (c *Common) pass(m *Memory) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for next := range c.owners {
		m.count(c.payer, -int64(c.bytes))
		m.count(next, int64(c.bytes))
		c.payer = next
		return
	}
}
