package faults

import (
	"sync"
	"testing"

	"petitiond/server/database/pgproxy"
)

// proxy stands between servers and PostgreSQL, and may strike the COMMITs of a ledger.
type proxy struct {
	*pgproxy.Proxy

	mu      sync.Mutex // guards what follows
	fault   fault
	every   int          // so manieth COMMIT is struck by the fault
	doomed  map[int]bool // connections whose next answer is lost
	commits int
	cuts    int
}

// fault is what befalls a COMMIT.
type fault int

const (
	none         fault = iota
	beforeCommit       // the connection is cut and PostgreSQL never hears of it
	beforeAnswer       // PostgreSQL answers, and the answer is lost with the connection
)

// newProxy lets connections through until the test ends.
func newProxy(t *testing.T, address string) *proxy {
	t.Helper()
	p := &proxy{Proxy: pgproxy.New(t, address), doomed: map[int]bool{}}
	p.Judge(p.judge)
	return p
}

// strike lets a fault befall every so manieth COMMIT of a ledger.
func (p *proxy) strike(f fault, every int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fault, p.every = f, every
}

// struck returns how often the fault came about.
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
