// Package credential knows whose credential a request bears, and asks again for those under which something is open:
// who has lost theirs, or has other rights by now, goes on with nothing.
package credential

import (
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"petitiond/server/transport/fault"
	"petitiond/server/transport/trace"
)

const (
	// retry is when one is asked again that could not be checked.
	retry = time.Second
	// unchecked is how long what is open may go on under a credential that cannot be checked.
	unchecked = 5 * time.Minute
	// checkers is how many credentials are asked at once.
	checkers = 8
)

// Credential is one under which something is open. However many connections and operations bear it, it is asked once.
type Credential struct {
	ended atomic.Pointer[fault.Fault] // why nothing may go on under it; nil while it holds

	// guarded by the lock of the registry
	who     Identity
	checked time.Time // when it was last found to hold
	holders int
	asking  bool
}

// Fault returns why nothing may go on under the credential, or nil. None at all always holds.
func (c *Credential) Fault() *fault.Fault {
	if c == nil {
		return nil
	}
	return c.ended.Load()
}

// Registry holds the credentials under which something is open, by what is borne. They are as many as connections and
// operations at most, and gone with the last that bears them.
type Registry struct {
	*Authority

	running *sync.WaitGroup // holds those who ask

	mu    sync.Mutex // guards what follows, and what the credentials say
	known map[string]*Credential
	due   []*Credential // to be asked
	busy  int           // goroutines that ask
}

// NewRegistry returns a registry without credentials. Those who ask for it are counted in running.
func NewRegistry(a *Authority, running *sync.WaitGroup) *Registry {
	return &Registry{Authority: a, running: running, known: map[string]*Credential{}}
}

// Size returns how many credentials something is open under.
func (r *Registry) Size() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.known)
}

// Hold returns the credential of an identity, which is asked again from now on until it is released; nil for none. What
// is open under one that was found to be another, or to have other rights, ends.
func (r *Registry) Hold(who Identity) *Credential {
	if who.Anonymous() {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.known[who.bearer]
	if c != nil && !r.Same(c.who.Context, who.Context) {
		r.end(c, fault.Altered())
		c = nil
	}
	if c == nil {
		c = &Credential{}
		r.known[who.bearer] = c
	}
	if who.until.After(c.who.until) {
		c.who, c.checked = who, r.Now()
	}
	c.holders++
	return c
}

// Release ends what Hold began.
func (r *Registry) Release(c *Credential) {
	if c == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if c.holders--; c.holders == 0 {
		r.forget(c)
	}
}

// end needs mu. Connections see for themselves that a credential has ended.
func (r *Registry) end(c *Credential, f *fault.Fault) {
	c.ended.Store(f)
	r.forget(c)
}

// forget needs mu. Another may be known by the same bearer since this one has ended.
func (r *Registry) forget(c *Credential) {
	if r.known[c.who.bearer] == c {
		delete(r.known, c.who.bearer)
	}
}

// Identity returns what was last found of a credential.
func (r *Registry) Identity(c *Credential) Identity {
	if c == nil {
		return Identity{}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return c.who
}

// Check has those asked whose time is over, a few at once.
func (r *Registry) Check() {
	at := r.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.known {
		if !c.asking && !at.Before(c.who.until) {
			c.asking = true
			r.due = append(r.due, c)
		}
	}
	for ; r.busy < min(checkers, len(r.due)); r.busy++ {
		r.running.Go(r.work)
	}
}

// work asks until nobody is due.
func (r *Registry) work() {
	for {
		c, bearer := r.next()
		if c == nil {
			return
		}
		who, refused := r.Prove(trace.New(), "Bearer "+bearer)
		r.settle(c, who, refused)
	}
}

// next returns one that is to be asked, and is still held. Without one the caller ends.
func (r *Registry) next() (c *Credential, bearer string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.due) > 0 {
		c = r.due[0]
		r.due = r.due[1:]
		if c.holders > 0 {
			return c, c.who.bearer
		}
	}
	r.due = nil
	r.busy--
	return nil, ""
}

// settle notes what was found.
func (r *Registry) settle(c *Credential, who Identity, f *fault.Fault) {
	at := r.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	c.asking = false
	switch {
	case f == nil && r.Same(c.who.Context, who.Context):
		c.who, c.checked = who, at
	case f == nil:
		r.end(c, fault.Altered())
	case f.Status == http.StatusServiceUnavailable && at.Sub(c.checked) < unchecked && !r.over(c, at):
		c.who.until = at.Add(retry)
	default:
		r.end(c, f)
	}
}

// over reports whether a credential has ended by what was last found of it.
func (r *Registry) over(c *Credential, at time.Time) bool {
	end := r.Expires(c.who.Context)
	return !end.IsZero() && !at.Before(end)
}
