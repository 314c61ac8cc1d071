package mail_test

import (
	"bytes"
	"net/mail"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"

	petition "petitiond/server/mail"
	"petitiond/server/mail/smtptest"
)

// The headers of a mail, and where it goes.
func TestHeaders(t *testing.T) {
	t.Parallel()
	s := served(t, smtptest.Options{})
	o := petition.Order{To: "ada@exämple.org", Language: "de", Letter: petition.Test{Link: site}, Unsubscribe: site + "/no-mail?t=x"}
	if err := sender(t, s, nil).Send(t.Context(), rendered(t, o)); err != nil {
		t.Fatal(err)
	}
	got := s.Mails()[0]
	if got.From != "bounce@example.org" || got.To != "ada@xn--exmple-cua.org" || got.UTF8 {
		t.Errorf("the envelope is from %s to %s, UTF8 %t", got.From, got.To, got.UTF8)
	}
	m := parse(t, got.Content)
	for name, want := range map[string]string{
		"From": `"Petitions" <petitions@example.org>`, "To": "<ada@xn--exmple-cua.org>",
		"Message-Id":     "<01890a5d-ac96-774b-bcce-b302099a8057@petitions.example.org>",
		"Auto-Submitted": "auto-generated", "Content-Language": "de", "Mime-Version": "1.0",
		"List-Unsubscribe":      "<" + site + "/no-mail?t=x>",
		"List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
		"X-Mailer":              "", "User-Agent": "",
	} {
		if got := m.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if _, err := m.Date(); err != nil {
		t.Error(err)
	}
	want := rendered(t, o)
	if m.subject != want.Subject || m.text != want.Text || m.html != want.HTML {
		t.Errorf("subject or bodies did not arrive: %q\n%s\n%s", m.subject, m.text, m.html)
	}
	o.Unsubscribe = "http://localhost:8080/no-mail"
	if err := sender(t, s, nil).Send(t.Context(), rendered(t, o)); err != nil {
		t.Fatal(err)
	}
	m = parse(t, s.Mails()[1].Content)
	if m.Get("List-Unsubscribe") != "<http://localhost:8080/no-mail>" || m.Get("List-Unsubscribe-Post") != "" {
		t.Error("one click was promised for an address without encryption")
	}
}

// Whatever is typed as a title or a name, a mail has the same headers, each once, and one line of a subject.
func TestHeadersCannotBeInjected(t *testing.T) {
	t.Parallel()
	s := served(t, smtptest.Options{})
	out := sender(t, s, nil)
	piece := rapid.OneOf(
		rapid.SampledFrom([]string{
			"\r\n", "\n", "\r", "\r\n\r\n", "Bcc: eve@example.org", "\r\nBcc: eve@example.org\r\n", "\u2028", "\u2029", "\x00", "\x85",
			"=?utf-8?q?=0D=0ABcc:_eve@example.org?=", "=?", "?=", "\u202e", "\u2066", "\u2069", "\ufeff", "\u200d", "e\u0301\u0301\u0301",
			"👩‍👩‍👧‍👦", "🇪🇪", "\xff", ".", "\r\n.\r\n", "QUIT", "<script>", `"`, "{link}", "{{.}}", "عربي", strings.Repeat("long ", 60),
		}),
		rapid.String(),
	)
	rapid.Check(t, func(r *rapid.T) {
		title := strings.Join(rapid.SliceOfN(piece, 1, 12).Draw(r, "title"), "")
		l := petition.ConfirmSignature{Title: title, Petitioner: title, Link: site, Code: title + "1", Until: until}
		for _, language := range []string{"en", "ar"} {
			o := petition.Order{To: "ada@example.org", Language: language, Letter: l}
			if err := out.Send(t.Context(), rendered(t, o)); err != nil {
				r.Fatal(err)
			}
			mails := s.Mails()
			content := mails[len(mails)-1].Content
			checkHeaders(r, content)
			m := parse(t, content)
			if m.subject != rendered(t, o).Subject || strings.ContainsFunc(m.subject, moves) || !utf8.ValidString(m.subject) {
				r.Fatalf("the subject is %q", m.subject)
			}
			if m.text != rendered(t, o).Text {
				r.Fatalf("the text did not arrive: %q", m.text)
			}
		}
	})
}

// moves reports what ends a line or turns a direction.
func moves(r rune) bool {
	return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069'
}

func checkHeaders(r *rapid.T, content []byte) {
	head, _, found := bytes.Cut(content, []byte("\r\n\r\n"))
	if !found {
		r.Fatal("no end of the headers")
	}
	var names []string
	for _, line := range strings.Split(string(head), "\r\n") {
		if len(line) > 998 || strings.ContainsFunc(line, func(c rune) bool { return c > unicode.MaxASCII || c < ' ' }) {
			r.Fatalf("line %q", line)
		}
		if name, _, ok := strings.Cut(line, ":"); ok && line[0] != ' ' {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	want := []string{"Auto-Submitted", "Content-Language", "Content-Type", "Date", "From", "MIME-Version", "Message-ID", "Subject", "To"}
	if !slices.Equal(names, want) {
		r.Fatalf("the headers are %v", names)
	}
	if _, err := mail.ReadMessage(bytes.NewReader(content)); err != nil {
		r.Fatal(err)
	}
}

// Titles are cut between characters as people count them.
func TestCut(t *testing.T) {
	t.Parallel()
	const family = "👩‍👩‍👧‍👦"
	for name, test := range map[string]struct{ title, want string }{
		"Fits":      {strings.Repeat("a", 120), strings.Repeat("a", 120)},
		"Long":      {strings.Repeat("a", 121), strings.Repeat("a", 120) + "…"},
		"Families":  {strings.Repeat(family, 121), strings.Repeat(family, 24) + "…"}, // 600 bytes
		"Marks":     {"a" + strings.Repeat("\u0301", 10_000) + "b", "…"},
		"Combined":  {strings.Repeat("e\u0301", 121), strings.Repeat("e\u0301", 120) + "…"},
		"Spaces":    {"  a \r\n\t b\u2028c  ", "a b c"},
		"Overrides": {"a\u202eb\u2066c\u200f", "abc"},
		"Encoded":   {"=?utf-8?q?x?=", "= ?utf-8?q?x?="},
		"Damaged":   {"a\xffb", "a\ufffdb"},
	} {
		m := rendered(t, petition.Order{Letter: petition.AlreadySigned{Title: test.title, Link: site}})
		if _, got, _ := strings.Cut(m.Subject, "signed: "); got != test.want {
			t.Errorf("%s: got %q", name, got)
		}
	}
}
