package mail

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/wneessen/go-mail/smtp"
)

// session is a connection to a mail server. One goroutine uses it at a time.
type session struct {
	conn   net.Conn
	client *smtp.Client
	now    func() time.Time
	utf8   bool // the server takes addresses beyond ASCII
	used   int  // mails
	broken bool // nobody knows what the server would take the next command for
	expiry *time.Timer
}

// connect opens a connection and makes it ready for mails.
func (s *Sender) connect(ctx context.Context) (*session, error) {
	ctx, cancel := context.WithTimeout(ctx, s.opt.Dial)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", s.opt.Server.Address())
	if err != nil {
		return nil, failed(Connecting, err)
	}
	s.opt.Trace(Connecting, s.opt.Server.Address())
	// From here on the deadline of the connection ends what takes too long, as the library has no contexts.
	c := &session{conn: conn, now: s.opt.Now}
	if err := c.within(ctx, s.opt.Dial, func() error { return s.prepare(c) }); err != nil {
		_ = conn.Close() // the error above is the one to tell
		return nil, err
	}
	return c, nil
}

// prepare greets, encrypts and signs in.
func (s *Sender) prepare(c *session) error {
	if s.opt.Server.Security == TLS {
		encrypted := tls.Client(c.conn, s.encryption())
		if err := encrypted.Handshake(); err != nil { //nolint:noctx // the deadline of the connection bounds it
			return failed(Encrypting, err)
		}
		c.conn = encrypted
		s.opt.Trace(Encrypting, "TLS")
	}
	client, err := smtp.NewClient(c.conn, s.opt.Server.Host)
	if err != nil {
		return failed(Greeting, err)
	}
	c.client = client
	// With the name of the site, since many servers refuse mails of a client that calls itself localhost.
	if err := client.Hello(s.opt.Sending.Host); err != nil {
		return failed(Greeting, err)
	}
	s.opt.Trace(Greeting, "")
	if err := s.protect(c); err != nil {
		return err
	}
	// After the encryption: only then can nobody on the way have changed what the server offers.
	c.utf8, _ = client.Extension("SMTPUTF8")
	return s.signIn(c)
}

// encryption returns the settings of TLS: the certificate must be valid for the host.
func (s *Sender) encryption() *tls.Config {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if s.opt.TLS != nil {
		config = s.opt.TLS.Clone()
	}
	config.ServerName = s.opt.Server.Host
	return config
}

// protect encrypts a connection that began in the clear.
func (s *Sender) protect(c *session) error {
	if s.opt.Server.Security != StartTLS {
		return nil
	}
	if offered, _ := c.client.Extension("STARTTLS"); !offered {
		// Somebody on the way may have taken it out of the answer, and would read everything.
		return failed(Encrypting, errors.New("the server offers no STARTTLS"))
	}
	if err := c.client.StartTLS(s.encryption()); err != nil {
		return failed(Encrypting, err)
	}
	s.opt.Trace(Encrypting, "STARTTLS")
	return nil
}

// signIn shows name and password, if there are any, in one of the two ways that every server has.
func (s *Sender) signIn(c *session) error {
	server := s.opt.Server
	if server.User == "" {
		return nil
	}
	_, ways := c.client.Extension("AUTH")
	inTheClear := server.Security == Unprotected // only on this machine, see ParseServer
	auth := smtp.PlainAuth("", server.User, server.Password, server.Host, inTheClear)
	// PLAIN first, as the standard has it; LOGIN never became one, and some servers have nothing else.
	if offered := strings.Fields(strings.ToUpper(ways)); !slices.Contains(offered, "PLAIN") && slices.Contains(offered, "LOGIN") {
		auth = smtp.LoginAuth(server.User, server.Password, server.Host, inTheClear)
	}
	if err := c.client.Auth(auth); err != nil {
		return failed(SigningIn, err)
	}
	s.opt.Trace(SigningIn, "")
	return nil
}

// within runs a conversation that ends with ctx, and after a time in any case.
func (c *session) within(ctx context.Context, most time.Duration, talk func() error) error {
	if err := c.conn.SetDeadline(c.now().Add(most)); err != nil {
		c.broken = true
		return failed(NamingFrom, err) // it was closed meanwhile
	}
	// A deadline that has passed ends every read and write.
	stop := context.AfterFunc(ctx, func() { _ = c.conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	return talk()
}

// send hands over one mail. A server that has refused a step is asked to forget the rest, so that the connection can be
// used again.
func (c *session) send(e envelope, trace func(Step, string)) error {
	// Before anything is sent: a server that does not know the extension may cut such an address in some way of its
	// own.
	if e.utf8 && !c.utf8 {
		return &Failure{Step: NamingTo, Reason: "the server does not take addresses with letters beyond ASCII"}
	}
	for _, step := range []struct {
		name Step
		do   func() error
	}{
		{NamingFrom, func() error {
			// Asked for where it is needed alone: a server farther on that does not know it would send the mail back.
			c.client.SkipSMTPUTF8(!e.utf8)
			return c.client.Mail("<" + e.from + ">")
		}},
		{NamingTo, func() error { return c.client.Rcpt("<" + e.to + ">") }},
		{HandingOver, func() error { return c.hand(e.content) }},
	} {
		if err := step.do(); err != nil {
			err = failed(step.name, err)
			c.settle(err)
			return err
		}
		trace(step.name, "")
	}
	return nil
}

// hand writes the mail itself. It is the server's once it has answered.
func (c *session) hand(content []byte) error {
	// An error before Close leaves the mail unfinished, and the server discards it.
	w, err := c.client.Data()
	if err != nil {
		return err
	}
	if _, err := w.Write(content); err != nil {
		return err
	}
	return w.Close()
}

// settle finds out whether the connection can still be used.
func (c *session) settle(err error) {
	f, _ := errors.AsType[*Failure](err)
	// Without a code there was no answer; with 421 the server says that it closes the connection.
	c.broken = f == nil || f.Code == 0 || f.Code == 421 || c.client.Reset() != nil
}

// close takes leave, unless nobody listens any more, and closes.
func (c *session) close() {
	if !c.broken {
		if c.conn.SetDeadline(c.now().Add(time.Second)) == nil {
			_ = c.client.Quit() // the mails are handed over, whatever the server says to that
		}
	}
	_ = c.conn.Close()
}
