// Package smtptest is a mail server in the process, for tests and benchmarks: it takes mails, or refuses, stalls and
// drops as it is told.
package smtptest

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// Options are how a server behaves. The zero value takes every mail.
type Options struct {
	STARTTLS       bool   // offers to encrypt
	TLS            bool   // is encrypted from the beginning
	User, Password string // without which nothing is taken, if they are set
	Login          bool   // offers LOGIN and not PLAIN
	UTF8           bool   // takes addresses beyond ASCII
	Forget         bool   // mails are counted and not kept

	// What the server says to the parts of a mail; nil: it takes them. A function that blocks makes it stall. ErrDrop
	// closes the connection in place of an answer.
	From, To func(address string) error
	Data     func(Mail) error
}

// ErrDrop closes the connection.
var ErrDrop = errors.New("smtptest: drop the connection")

// Refuse returns an answer.
func Refuse(code int, enhanced [3]int, words string) error {
	return &smtp.SMTPError{Code: code, EnhancedCode: enhanced, Message: words}
}

// Mail is a mail that a server has taken.
type Mail struct {
	From, To   string
	UTF8       bool // the sender has asked for addresses beyond ASCII
	Content    []byte
	Connection int // by which it came, from 1
	Encrypted  bool
}

// Server is a mail server on a free port of this machine. It is safe for concurrent use.
type Server struct {
	opt    Options
	server *smtp.Server
	at     net.Listener
	roots  *x509.CertPool
	served chan error

	mu          sync.Mutex
	mails       []Mail // guarded by mu
	taken       int    // guarded by mu
	connections int    // guarded by mu
}

// Start starts a server. Close must be called.
func Start(opt Options) (*Server, error) {
	at, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &Server{opt: opt, at: at, served: make(chan error, 1)}
	s.server = smtp.NewServer(smtp.BackendFunc(s.begin))
	s.server.Domain, s.server.EnableSMTPUTF8, s.server.AllowInsecureAuth = "mail.test", opt.UTF8, true
	s.server.ErrorLog = silence{}
	config := s.certify()
	if opt.STARTTLS {
		s.server.TLSConfig = config
	}
	if opt.TLS {
		at = tls.NewListener(at, config)
	}
	go func() { s.served <- s.server.Serve(at) }()
	return s, nil
}

// silence is a log that nobody reads: servers that refuse and drop on purpose would fill one.
type silence struct{}

// Printf does nothing.
func (silence) Printf(string, ...any) {}

// Println does nothing.
func (silence) Println(...any) {}

// certify makes a certificate for this machine, and the pool in which it is valid.
func (s *Server) certify() *tls.Config {
	made := httptest.NewTLSServer(http.NotFoundHandler())
	defer made.Close()
	s.roots = x509.NewCertPool()
	s.roots.AddCert(made.Certificate())
	return &tls.Config{Certificates: made.TLS.Certificates, MinVersion: tls.VersionTLS12}
}

// Trust returns settings of TLS in which the certificate is valid.
func (s *Server) Trust() *tls.Config {
	return &tls.Config{RootCAs: s.roots, MinVersion: tls.VersionTLS12}
}

// Port is the port of 127.0.0.1 on which it listens.
func (s *Server) Port() string {
	_, port, _ := net.SplitHostPort(s.at.Addr().String())
	return port
}

// Mails returns what was taken, in its order.
func (s *Server) Mails() []Mail {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mails[:len(s.mails):len(s.mails)]
}

// Taken returns how many mails were taken.
func (s *Server) Taken() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.taken
}

// Connections returns how many connections there were.
func (s *Server) Connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.connections
}

// Close ends the server and its connections.
func (s *Server) Close() error {
	err := s.server.Close()
	// Here, too: the server knows its listener only once it has begun to serve, which a busy machine may put off.
	_ = s.at.Close()
	if end := <-s.served; !errors.Is(end, smtp.ErrServerClosed) && !errors.Is(end, net.ErrClosed) {
		err = errors.Join(err, end)
	}
	return err
}

// begin is called for each connection, and once more when it becomes encrypted.
func (s *Server) begin(c *smtp.Conn) (smtp.Session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, encrypted := c.TLSConnectionState()
	if !encrypted || s.opt.TLS {
		s.connections++
	}
	return &session{server: s, conn: c, mail: Mail{Connection: s.connections, Encrypted: encrypted}}, nil
}

// session is one connection.
type session struct {
	server   *Server
	conn     *smtp.Conn
	mail     Mail
	signedIn bool
}

// AuthMechanisms names the ways to sign in.
func (s *session) AuthMechanisms() []string {
	switch {
	case s.server.opt.User == "":
		return nil
	case s.server.opt.Login:
		return []string{"LOGIN"}
	}
	return []string{sasl.Plain}
}

// Auth checks name and password.
func (s *session) Auth(string) (sasl.Server, error) {
	check := func(user, password string) error {
		if user != s.server.opt.User || password != s.server.opt.Password {
			return smtp.ErrAuthFailed
		}
		s.signedIn = true
		return nil
	}
	if s.server.opt.Login {
		return &login{check: check}, nil
	}
	return sasl.NewPlainServer(func(_, user, password string) error { return check(user, password) }), nil
}

// login is the way that asks for name and password one after the other.
type login struct {
	check func(user, password string) error
	user  *string
}

// Next takes an answer and returns the next question.
func (l *login) Next(answer []byte) (question []byte, done bool, err error) {
	switch {
	case answer == nil:
		return []byte("Username:"), false, nil
	case l.user == nil:
		user := string(answer)
		l.user = &user
		return []byte("Password:"), false, nil
	}
	return nil, true, l.check(*l.user, string(answer))
}

// say returns the answer to a part of a mail.
func (s *session) say(to func(string) error, address string) error {
	if to == nil {
		return nil
	}
	err := to(address)
	if errors.Is(err, ErrDrop) {
		_ = s.conn.Conn().Close()
	}
	return err
}

// Mail takes the sender.
func (s *session) Mail(from string, o *smtp.MailOptions) error {
	if s.server.opt.User != "" && !s.signedIn {
		return smtp.ErrAuthRequired
	}
	s.mail.From, s.mail.UTF8 = from, o.UTF8
	return s.say(s.server.opt.From, from)
}

// Rcpt takes the recipient.
func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.mail.To = to
	return s.say(s.server.opt.To, to)
}

// Data takes the mail.
func (s *session) Data(r io.Reader) error {
	content, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	m := s.mail
	m.Content = content
	if s.server.opt.Data != nil {
		if err := s.say(func(string) error { return s.server.opt.Data(m) }, ""); err != nil {
			return err
		}
	}
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	s.server.taken++
	if !s.server.opt.Forget {
		s.server.mails = append(s.server.mails, m)
	}
	return nil
}

// Reset forgets the mail that has begun.
func (s *session) Reset() {}

// Logout ends the session.
func (s *session) Logout() error { return nil }
