package transport

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// recheck is how long a credential holds without being asked again: it may have been revoked.
	recheck = time.Minute
	// retry is when one is asked again that could not be checked.
	retry = time.Second
	// unchecked is how long what is open may go on under a credential that cannot be checked.
	unchecked = 5 * time.Minute
	// checkers is how many credentials are asked at once.
	checkers = 8
)

// identity is whose credential a request bears.
type identity struct {
	ctx    context.Context //nolint:containedctx // what authentication put into it is the identity
	bearer string          // empty: none
	until  time.Time       // then it is asked again
}

func (i identity) anonymous() bool { return i.bearer == "" }

// outlive keeps what authentication found beyond the request that it was asked for.
func (i identity) outlive(alive context.Context) identity {
	if i.anonymous() {
		return identity{}
	}
	i.ctx = lifted{Context: alive, values: context.WithoutCancel(i.ctx)}
	return i
}

// lifted has the life of one context and the values of another.
type lifted struct {
	context.Context //nolint:containedctx // it is one

	values context.Context //nolint:containedctx // see above
}

// Value returns a value of either.
func (l lifted) Value(key any) any {
	if v := l.values.Value(key); v != nil {
		return v
	}
	return l.Context.Value(key)
}

type identityKey struct{}

// known makes an identity of what authentication found. Its context knows it, so that still can ask again.
func (t *Transport) known(ctx context.Context, bearer string) identity {
	who := identity{bearer: bearer, until: now().Add(recheck)}
	if end := t.expires(ctx); !end.IsZero() && end.Before(who.until) {
		who.until = end
	}
	who.ctx = context.WithValue(ctx, identityKey{}, who)
	return who
}

// still asks again for the credential of an operation that is about to run, if its time is over: it may have waited. It
// would run with the rights that were found before.
func (t *Transport) still(ctx context.Context) *fault {
	who, ok := ctx.Value(identityKey{}).(identity)
	if !ok || now().Before(who.until) {
		return nil
	}
	again, f := t.authorize(ctx, "Bearer "+who.bearer)
	if f == nil && !t.same(ctx, again.ctx) {
		return altered()
	}
	return f
}

// prove asks whose credential stands in a value of Authorization, for what is no request.
func (t *Transport) prove(id, value string) (who identity, f *fault) {
	ctx, cancel := context.WithTimeout(WithRequestID(t.alive, id), t.limits.Operation)
	defer cancel()
	defer func() {
		if v := recover(); v != nil {
			LogPanic(ctx, t.log, v)
			who, f = identity{}, uncheckable()
		}
	}()
	who, f = t.authorize(ctx, value)
	if f != nil && ctx.Err() != nil {
		f = uncheckable()
	}
	return who.outlive(t.alive), f
}

// credential is one under which something is open. However many lines and operations bear it, it is asked once.
type credential struct {
	ended atomic.Pointer[fault] // why nothing may go on under it; nil while it holds

	// guarded by the lock of credentials
	who     identity
	checked time.Time // when it was last found to hold
	holders int
	asking  bool
}

// fault returns why nothing may go on under the credential, or nil. None at all always holds.
func (c *credential) fault() *fault {
	if c == nil {
		return nil
	}
	return c.ended.Load()
}

// credentials are those under which something is open, by what is borne. They are as many as lines and operations at
// most, and gone with the last that bears them.
type credentials struct {
	t *Transport

	mu    sync.Mutex // guards what follows, and what the credentials say
	known map[string]*credential
	due   []*credential // to be asked
	busy  int           // goroutines that ask
}

// hold returns the credential of an identity, which is asked again from now on until it is released; nil for none. What is
// open under one that was found to be another, or to have other rights, ends.
func (s *credentials) hold(who identity) *credential {
	if who.anonymous() {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.known[who.bearer]
	if c != nil && !s.t.same(c.who.ctx, who.ctx) {
		s.end(c, altered())
		c = nil
	}
	if c == nil {
		c = &credential{}
		s.known[who.bearer] = c
	}
	if who.until.After(c.who.until) {
		c.who, c.checked = who, now()
	}
	c.holders++
	return c
}

func (s *credentials) release(c *credential) {
	if c == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.holders--; c.holders == 0 {
		s.forget(c)
	}
}

// end needs mu. Lines see for themselves that a credential has ended.
func (s *credentials) end(c *credential, f *fault) {
	c.ended.Store(f)
	s.forget(c)
}

// forget needs mu. Another may be known by the same bearer since this one has ended.
func (s *credentials) forget(c *credential) {
	if s.known[c.who.bearer] == c {
		delete(s.known, c.who.bearer)
	}
}

// identity is what was last found of a credential.
func (s *credentials) identity(c *credential) identity {
	if c == nil {
		return identity{}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return c.who
}

// check has those asked whose time is over, a few at once.
func (s *credentials) check() {
	at := now()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.known {
		if !c.asking && !at.Before(c.who.until) {
			c.asking = true
			s.due = append(s.due, c)
		}
	}
	for ; s.busy < min(checkers, len(s.due)); s.busy++ {
		s.t.running.Go(s.work)
	}
}

// work asks until nobody is due.
func (s *credentials) work() {
	for {
		c, bearer := s.next()
		if c == nil {
			return
		}
		who, f := s.t.prove(newRequestID(), "Bearer "+bearer)
		s.settle(c, who, f)
	}
}

func (s *credentials) next() (c *credential, bearer string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.due) > 0 {
		c = s.due[0]
		s.due = s.due[1:]
		if c.holders > 0 {
			return c, c.who.bearer
		}
	}
	s.due = nil
	s.busy--
	return nil, ""
}

// settle notes what was found.
func (s *credentials) settle(c *credential, who identity, f *fault) {
	at := now()
	s.mu.Lock()
	defer s.mu.Unlock()
	c.asking = false
	switch {
	case f == nil && s.t.same(c.who.ctx, who.ctx):
		c.who, c.checked = who, at
	case f == nil:
		s.end(c, altered())
	case f.status == http.StatusServiceUnavailable && at.Sub(c.checked) < unchecked && !s.over(c, at):
		c.who.until = at.Add(retry)
	default:
		s.end(c, f)
	}
}

// over reports whether a credential has ended by what was last found of it.
func (s *credentials) over(c *credential, at time.Time) bool {
	end := s.t.expires(c.who.ctx)
	return !end.IsZero() && !at.Before(end)
}
