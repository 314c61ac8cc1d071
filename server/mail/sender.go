package mail

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"sync"
	"time"
)

// Options of a Sender.
type Options struct {
	Server  Server
	Sending Sending
	Now     func() time.Time // by which mails are dated and waits are measured
	TLS     *tls.Config      // default: certificates that the system trusts

	Connections int           // open at once, default 8
	Idle        time.Duration // after which one that is not used is closed, default 20 s
	PerOne      int           // mails after which one is closed, default 100
	Dial        time.Duration // for connecting, encrypting and signing in, default 15 s
	Time        time.Duration // for handing over one mail, default 25 s
	// Trace is told of each step that went right, and what there is to say of it.
	Trace func(step Step, detail string)
}

// Sender hands mails to a server. It keeps connections for the next mail. It is safe for concurrent use.
type Sender struct {
	opt    Options
	places chan struct{} // one for each connection
	mu     sync.Mutex
	idle   []*session // the last one used last; guarded by mu
	closed bool       // guarded by mu
}

// NewSender makes a sender, which connects when there is something to send.
func NewSender(opt Options) *Sender {
	opt.Connections, opt.PerOne = cmp.Or(opt.Connections, 8), cmp.Or(opt.PerOne, 100)
	opt.Idle, opt.Dial, opt.Time = cmp.Or(opt.Idle, 20*time.Second), cmp.Or(opt.Dial, 15*time.Second), cmp.Or(opt.Time, 25*time.Second)
	if opt.Trace == nil {
		opt.Trace = func(Step, string) {}
	}
	return &Sender{opt: opt, places: make(chan struct{}, opt.Connections)}
}

// Send hands a mail to the server and returns once the server answers for it. Its error is a *Failure, unless the mail
// cannot be written; see Permanent for what it means.
func (s *Sender) Send(ctx context.Context, m Message) error {
	e, err := s.opt.Sending.seal(m, s.opt.Now())
	if err != nil {
		return err
	}
	select {
	case s.places <- struct{}{}:
		defer func() { <-s.places }()
	case <-ctx.Done():
		return failed(Connecting, ctx.Err())
	}
	if c := s.take(); c != nil {
		err := s.over(ctx, c, e)
		if f, ok := errors.AsType[*Failure](err); !ok || f.Step != NamingFrom || ctx.Err() != nil {
			return err
		}
		// It was closed while nobody used it, and nothing was handed over.
	}
	c, err := s.connect(ctx)
	if err != nil {
		return err
	}
	return s.over(ctx, c, e)
}

// over sends over a connection, which is kept if it is still of use.
func (s *Sender) over(ctx context.Context, c *session, e envelope) error {
	err := c.within(ctx, s.opt.Time, func() error { return c.send(e, s.opt.Trace) })
	// Servers count the mails of a connection and refuse further ones, or look at them more closely.
	if c.used++; c.broken || c.used >= s.opt.PerOne || !s.keep(c) {
		c.close()
	}
	return err
}

// take returns an open connection that nobody uses, if there is one.
func (s *Sender) take() *session {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.idle) == 0 {
		return nil
	}
	// The last one used: those that few mails need then grow old and are closed.
	c := s.idle[len(s.idle)-1]
	s.idle = s.idle[:len(s.idle)-1]
	c.expiry.Stop()
	return c
}

// keep puts a connection back, unless the sender was closed.
func (s *Sender) keep(c *session) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	c.expiry = time.AfterFunc(s.opt.Idle, func() { s.expire(c) })
	s.idle = append(s.idle, c)
	return true
}

// expire closes a connection that was not used for long.
func (s *Sender) expire(c *session) {
	s.mu.Lock()
	found := false
	for i, other := range s.idle {
		if other == c {
			s.idle, found = append(s.idle[:i:i], s.idle[i+1:]...), true
			break
		}
	}
	s.mu.Unlock()
	// Without the lock: taking leave of a server may take a second. Not found is one that was taken just now.
	if found {
		c.close()
	}
}

// Close closes the connections that nobody uses, and each other one when its mail is handed over.
func (s *Sender) Close() {
	s.mu.Lock()
	idle := s.idle
	s.idle, s.closed = nil, true
	s.mu.Unlock()
	for _, c := range idle {
		c.expiry.Stop()
		c.close()
	}
}
