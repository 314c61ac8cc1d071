package faults

import (
	"sync"
	"testing"

	"petitiond/server/database/pgproxy"
)

// proxy sits between servers and PostgreSQL, and can make COMMITs of a ledger fail.
type proxy struct {
	*pgproxy.Proxy

	mu      sync.Mutex // guards what follows
	fault   fault
	every   int          // one in so many COMMITs fails
	doomed  map[int]bool // the connections whose next answer will be lost
	commits int
	cuts    int
}

// fault is how a COMMIT fails.
type fault int

const (
	none         fault = iota
	beforeCommit       // the connection is cut, and PostgreSQL never receives it
	beforeAnswer       // PostgreSQL answers, but the answer is lost with the connection
)

// newProxy forwards connections until the test ends.
func newProxy(t *testing.T, address string) *proxy {
	t.Helper()
	p := &proxy{Proxy: pgproxy.New(t, address), doomed: map[int]bool{}}
	p.Judge(p.judge)
	return p
}

// strike makes one in every COMMITs of a ledger fail.
func (p *proxy) strike(f fault, every int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fault, p.every = f, every
}

// struck returns how many COMMITs have failed.
func (p *proxy) struck() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cuts
}

func (p *proxy) judge(m pgproxy.Message) pgproxy.Fate {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case m.From == pgproxy.Server && p.doomed[m.Conn]:
		p.cuts++
		return pgproxy.CutBefore
	case m.Session != "petitiond ledger" || !m.Is("COMMIT"):
		return pgproxy.Pass
	}
	if p.commits++; p.fault == none || p.commits%p.every != 0 {
		return pgproxy.Pass
	}
	if p.fault == beforeAnswer {
		p.doomed[m.Conn] = true
		return pgproxy.Pass
	}
	p.cuts++
	return pgproxy.CutBefore
}
