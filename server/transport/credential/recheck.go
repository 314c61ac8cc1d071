// Package credential finds whose credential a request carries. Credentials of open connections and operations are
// authenticated again every minute: whatever is open under one that was revoked, or whose rights have changed, ends.
package credential

import (
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"petitiond/server/transport/fault"
	"petitiond/server/transport/requestid"
)

const (
	// retry is when a credential that could not be checked is tried again.
	retry = time.Second
	// unchecked is how long connections may stay open under a credential that cannot be checked.
	unchecked = 5 * time.Minute
	// checkers is how many credentials are checked at once.
	checkers = 8
)

// Credential is a credential under which something is open. It is checked once, however many connections and operations
// share it.
type Credential struct {
	ended atomic.Pointer[fault.Fault] // why nothing may continue under it; nil while it is valid

	// guarded by the lock of the registry
	who     Identity
	checked time.Time // when it was last found to be valid
	holders int
	asking  bool
}

// Fault returns why nothing may continue under the credential, or nil. No credential at all is always valid.
func (c *Credential) Fault() *fault.Fault {
	if c == nil {
		return nil
	}
	return c.ended.Load()
}

// Registry holds the credentials under which something is open, by their bearer tokens. Each is forgotten with the last
// connection or operation that holds it, so there are never more than those.
type Registry struct {
	*Authority

	running *sync.WaitGroup // waits for the goroutines that check

	mu    sync.Mutex // guards what follows, and fields of the credentials
	known map[string]*Credential
	due   []*Credential // to be checked
	busy  int           // goroutines that check
}

// NewRegistry returns an empty registry. Its goroutines are counted in running.
func NewRegistry(a *Authority, running *sync.WaitGroup) *Registry {
	return &Registry{Authority: a, running: running, known: map[string]*Credential{}}
}

// Size returns how many credentials are held.
func (r *Registry) Size() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.known)
}

// Hold returns the credential of an identity, or nil if it is anonymous. It is checked regularly until it is released.
// If the same token is held with another identity or other rights, whatever is open under that ends.
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

// Release releases a credential that Hold returned.
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

// end needs mu. Connections notice by Fault that a credential has ended.
func (r *Registry) end(c *Credential, f *fault.Fault) {
	c.ended.Store(f)
	r.forget(c)
}

// forget needs mu. After the end of this credential another may have been registered for the same token.
func (r *Registry) forget(c *Credential) {
	if r.known[c.who.bearer] == c {
		delete(r.known, c.who.bearer)
	}
}

// Identity returns the identity that was last found for a credential.
func (r *Registry) Identity(c *Credential) Identity {
	if c == nil {
		return Identity{}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return c.who
}

// Check starts to check the credentials whose time is over, a few at once.
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

// work checks credentials until none is due.
func (r *Registry) work() {
	for {
		c, bearer := r.next()
		if c == nil {
			return
		}
		who, refused := r.Prove(requestid.New(), "Bearer "+bearer)
		r.settle(c, who, refused)
	}
}

// next returns a credential that is due and still held. If it returns nil, the calling goroutine must end.
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

// settle records the result of a check.
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

// over reports whether a credential has expired, by what was last found.
func (r *Registry) over(c *Credential, at time.Time) bool {
	end := r.Expires(c.who.Context)
	return !end.IsZero() && !at.Before(end)
}
