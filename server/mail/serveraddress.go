package mail

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
)

// Server is a mail server to which mail is handed.
type Server struct {
	Host, Port     string
	User, Password string // empty: without signing in
	Security       Security
}

// Security is how a connection is protected.
type Security int

// The ways.
const (
	StartTLS    Security = iota // it begins in the clear and is encrypted before anything is said, or nothing is
	TLS                         // it is encrypted from its beginning
	Unprotected                 // it is not; without a password, or on this machine
)

// ParseServer reads the address of a mail server:
//
//	smtp://user:password@host:587   encrypted by STARTTLS; on this machine (loopback) not
//	smtps://user:password@host:465  encrypted from the beginning
//	smtp://host:25?tls=none         not encrypted, which is refused with a password
//	smtp://localhost?tls=starttls   encrypted on this machine, too
//
// A certificate must be valid for the host. The errors never have the address, which may contain a password.
func ParseServer(address string) (Server, error) {
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" || strings.Trim(u.Path, "/") != "" || u.Fragment != "" {
		return Server{}, errors.New("must look like smtp://user:password@host:port; in a name or a password, write @ as %40, / as %2F and so on")
	}
	s := Server{Host: u.Hostname(), Port: u.Port(), User: u.User.Username()}
	s.Password, _ = u.User.Password()
	switch u.Scheme {
	case "smtp":
		s.Port = orPort(s.Port, "587")
		// Nobody is on the way, and hardly any such server has a certificate for the name.
		if isLoopback(s.Host) {
			s.Security = Unprotected
		}
	case "smtps":
		s.Port, s.Security = orPort(s.Port, "465"), TLS
	default:
		return Server{}, errors.New("must begin with smtp:// or smtps://")
	}
	return s, s.choose(u.Query())
}

// choose follows what stands behind the question mark.
func (s *Server) choose(query url.Values) error {
	for name := range query {
		if name != "tls" {
			return errors.New("takes nothing behind the question mark but tls=none and tls=starttls")
		}
	}
	// Every combination that would not do what it says is an error, instead of the next best.
	switch wish := query.Get("tls"); {
	case wish == "":
	case s.Security == TLS:
		return errors.New("must not have tls=… with smtps://, which is always encrypted")
	case wish == "starttls":
		s.Security = StartTLS
	case wish != "none":
		return errors.New("takes tls=none and tls=starttls alone")
	case s.User != "" && !isLoopback(s.Host):
		return errors.New("must not have tls=none with a password, which everybody on the way could read")
	default:
		s.Security = Unprotected
	}
	return nil
}

func orPort(given, usual string) string {
	if given == "" {
		return usual
	}
	return given
}

// isLoopback reports whether a host is this machine.
func isLoopback(host string) bool {
	address, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && address.IsLoopback()
}

// Address is where the server listens.
func (s Server) Address() string { return net.JoinHostPort(s.Host, s.Port) }

// Format keeps the password out of logs and messages, whatever verb it is formatted with.
func (s Server) Format(state fmt.State, _ rune) { fmt.Fprint(state, s.Address()) }
