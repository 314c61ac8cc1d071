package mail

import (
	"bytes"
	"errors"
	"fmt"
	netmail "net/mail"
	"strings"
	"time"
	"unicode"

	gomail "github.com/wneessen/go-mail"
	"golang.org/x/net/idna"
)

// Sending is what all mails of a site have in common.
type Sending struct {
	From   netmail.Address // whom readers see
	Bounce string          // where servers report to; empty: to From
	Host   string          // of the site, for the ids of mails
}

// envelope is a mail as a server takes it.
type envelope struct {
	from, to string // without brackets
	utf8     bool   // the server must take addresses beyond ASCII
	content  []byte
}

// seal puts a message into its envelope.
func (s Sending) seal(m Message, at time.Time) (envelope, error) {
	to, err := routable(m.To)
	if err != nil {
		return envelope{}, &Failure{Step: NamingTo, Reason: "it is no address", cause: err}
	}
	from, err := routable(s.From.Address)
	if err != nil {
		return envelope{}, fmt.Errorf("the address of the sender: %w", err)
	}
	e := envelope{from: from, to: to}
	if s.Bounce != "" {
		if e.from, err = routable(s.Bounce); err != nil {
			return envelope{}, fmt.Errorf("the address for bounces: %w", err)
		}
	}
	// By all three: a server that takes only ASCII must be asked for its extension before any of them is sent.
	e.utf8 = !isASCII(e.from + e.to + from)
	// Quoted-printable, since lines must be short and ASCII wherever the mail is handed on. A user agent would only say
	// which library writes our mails.
	msg := gomail.NewMsg(gomail.WithEncoding(gomail.EncodingQP), gomail.WithNoDefaultUserAgent())
	if err := errors.Join(msg.FromFormat(line(s.From.Name, typedCharacters), from), msg.To(to)); err != nil {
		return envelope{}, &Failure{Step: NamingTo, Reason: "it cannot be written into a header", cause: err}
	}
	s.head(msg, m, at)
	msg.SetBodyString(gomail.TypeTextPlain, m.Text)
	msg.AddAlternativeString(gomail.TypeTextHTML, m.HTML)
	var content bytes.Buffer
	if _, err := msg.WriteTo(&content); err != nil {
		return envelope{}, fmt.Errorf("writing a mail: %w", err)
	}
	// Kept whole: a mail may be handed over a second time, after a connection that was closed.
	e.content = content.Bytes()
	return e, nil
}

// head writes the headers. The id of the mail is the same whenever it is sent again, so that a second copy can be
// known.
func (s Sending) head(msg *gomail.Msg, m Message, at time.Time) {
	msg.Subject(m.Subject)
	msg.SetMessageIDWithValue(m.ID + "@" + s.Host)
	msg.SetDateWithValue(at)
	// No replies by machines, such as those of people on holiday (RFC 3834).
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	msg.SetGenHeader(gomail.HeaderContentLang, m.Language)
	if m.Unsubscribe == "" || msg.SetListUnsubscribeOneClick(m.Unsubscribe) == nil {
		return
	}
	msg.SetListUnsubscribe(m.Unsubscribe) // one click is defined for https alone (RFC 8058)
}

// routable returns an address with its domain in ASCII, which every server takes.
func routable(address string) (string, error) {
	// The last one, since the part before it may contain the sign if it is quoted.
	at := strings.LastIndexByte(address, '@')
	// What could end the command in which the address is sent, or name a second recipient.
	odd := func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r) || strings.ContainsRune("<>()[],;:\\\"", r)
	}
	if at < 1 || strings.ContainsFunc(address, odd) {
		return "", errors.New("must look like name@example.org")
	}
	domain, err := idna.Lookup.ToASCII(address[at+1:])
	if err != nil || domain == "" {
		return "", errors.New("must end in the name of a mail domain")
	}
	return address[:at+1] + domain, nil
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r > unicode.MaxASCII })
}
