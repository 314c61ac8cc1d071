package mail_test

import (
	"bytes"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	netmail "net/mail"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"petitiond/server/mail"
	"petitiond/server/mail/smtptest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const site = "https://petitions.example.org"

var until = time.Date(2026, 12, 7, 23, 59, 0, 0, time.UTC)

// examples has a letter of each type with this title.
func examples(title string) []mail.Letter {
	confirm := mail.ConfirmSignature{
		Title: title, Petitioner: "Friends of the N7", Link: site + "/confirm#t=abc&l=en", Code: "4F7-K2M", Until: until,
	}
	return []mail.Letter{
		confirm, mail.Reminder(confirm),
		mail.AlreadySigned{Title: title, Link: site + "/manage#t=abc"},
		mail.Confirmed{Title: title, Number: 1240, Page: site + "/p/night-bus", Link: site + "/manage#t=abc"},
		mail.SignIn{Link: site + "/sign-in#t=abc", Code: "123456", Minutes: 15},
		mail.MySignatures{Signatures: []mail.SignedPetition{
			{Title: title, Link: site + "/manage#t=abc"}, {Title: "Another one", Link: site + "/manage#t=def"},
		}},
		mail.LostToken{Title: title, Link: site + "/start#t=abc", Until: until},
		mail.Test{Link: site + "/"},
	}
}

var languages = []string{"en", "de", "fr", "es", "ar"}

func loaded(t testing.TB) *mail.Messages {
	t.Helper()
	m, err := mail.LoadMessages(nil, "en")
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func rendered(t testing.TB, o mail.Order) mail.Message {
	t.Helper()
	m, err := loaded(t).Render(o, site)
	if err != nil {
		t.Fatal(err)
	}
	m.ID = "01890a5d-ac96-774b-bcce-b302099a8057"
	return m
}

// letter is a message that a server may take.
func letter(t testing.TB, to string) mail.Message {
	t.Helper()
	return rendered(t, mail.Order{To: to, Letter: mail.Test{Link: site + "/"}})
}

// served starts a mail server until the test ends.
func served(t testing.TB, o smtptest.Options) *smtptest.Server {
	t.Helper()
	s, err := smtptest.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// sender returns one that hands mails to a server, in the clear unless it was changed.
func sender(t testing.TB, s *smtptest.Server, change func(*mail.Options)) *mail.Sender {
	t.Helper()
	o := mail.Options{
		Server: mail.Server{Host: "127.0.0.1", Port: s.Port(), Security: mail.Unprotected},
		Sending: mail.Sending{
			From: netmail.Address{Name: "Petitions", Address: "petitions@example.org"}, Bounce: "bounce@example.org",
			Host: "petitions.example.org",
		},
		Now: time.Now, TLS: s.Trust(),
	}
	if change != nil {
		change(&o)
	}
	sender := mail.NewSender(o)
	t.Cleanup(sender.Close)
	return sender
}

// read is a mail as a mail program reads it.
type read struct {
	netmail.Header

	subject    string
	text, html string
}

// parse reads a mail.
func parse(t testing.TB, content []byte) read {
	t.Helper()
	m, err := netmail.ReadMessage(bytes.NewReader(content))
	if err != nil {
		t.Fatalf("%v in:\n%s", err, content)
	}
	out := read{Header: m.Header}
	if out.subject, err = new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject")); err != nil {
		t.Fatal(err)
	}
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/alternative" {
		t.Fatalf("Content-Type %s, %v", kind, err)
	}
	parts := multipart.NewReader(m.Body, params["boundary"])
	for i, to := range []*string{&out.text, &out.html} {
		part, err := parts.NextRawPart()
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(quotedprintable.NewReader(part))
		if want := []string{"text/plain", "text/html"}[i]; err != nil || !strings.HasPrefix(part.Header.Get("Content-Type"), want) {
			t.Fatalf("part %d is %s, %v", i, part.Header.Get("Content-Type"), err)
		}
		*to = strings.ReplaceAll(string(body), "\r\n", "\n")
	}
	if _, err := parts.NextRawPart(); err != io.EOF {
		t.Fatalf("more than two parts: %v", err)
	}
	return out
}
