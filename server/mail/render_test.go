package mail_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"petitiond/server/mail"
)

// Every letter can be written in every language, with all that it has to say in both forms.
func TestEveryLetterInEveryLanguage(t *testing.T) {
	t.Parallel()
	for _, language := range languages {
		for _, l := range examples("Keep the night bus") {
			name := fmt.Sprintf("%s %T", language, l)
			m := rendered(t, mail.Order{To: "ada@example.org", Language: language, Letter: l, Unsubscribe: site + "/no-mail?t=x"})
			direction := map[bool]string{true: "rtl", false: "ltr"}[language == "ar"]
			if m.Language != language || m.Direction != direction {
				t.Errorf("%s: in %s, %s", name, m.Language, m.Direction)
			}
			data, err := json.Marshal(l)
			if err != nil {
				t.Fatal(err)
			}
			for _, value := range stringsOf(t, data) {
				if strings.HasPrefix(value, "2026-12-07") {
					value = "2026"
				}
				for form, text := range map[string]string{"text": m.Text, "HTML": html.UnescapeString(m.HTML)} {
					if !strings.Contains(text, value) {
						t.Errorf("%s: the %s does not have %s:\n%s", name, form, value, text)
					}
				}
			}
			if strings.ContainsAny(m.Subject+m.Text, "{}<>") {
				t.Errorf("%s: something was not filled in:\n%s\n%s", name, m.Subject, m.Text)
			}
			if !strings.Contains(m.Text, "petitions.example.org") || !strings.Contains(m.Text, site+"/no-mail?t=x") {
				t.Errorf("%s: who sends it and how to end that is missing:\n%s", name, m.Text)
			}
		}
	}
}

// stringsOf returns every string and number in a value.
func stringsOf(t *testing.T, data []byte) (out []string) {
	t.Helper()
	var value any
	if err := json.Unmarshal(data, &value); err != nil {
		t.Fatal(err)
	}
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for _, below := range v {
				walk(below)
			}
		case []any:
			for _, below := range v {
				walk(below)
			}
		default:
			out = append(out, fmt.Sprint(v))
		}
	}
	walk(value)
	return out
}

// The HTML is one column that everybody can read: with language and direction, links that are written out, and nothing
// that is loaded, runs or follows its readers.
func TestHTML(t *testing.T) {
	t.Parallel()
	allowed := map[string]bool{}
	for _, name := range strings.Fields("html head meta title body div p a br bdi code ul li span hr") {
		allowed[name] = true
	}
	for _, language := range languages {
		for _, l := range examples("Keep <b>the</b> night bus & more") {
			m := rendered(t, mail.Order{To: "ada@example.org", Language: language, Letter: l})
			root, err := html.Parse(strings.NewReader(m.HTML))
			if err != nil {
				t.Fatal(err)
			}
			for n := range root.Descendants() {
				if n.Type != html.ElementNode {
					continue
				}
				if !allowed[n.Data] {
					t.Errorf("%T: there is an element %s", l, n.Data)
				}
				a := attributes(n)
				if n.Data == "html" && (a["lang"] != language || a["dir"] != m.Direction) {
					t.Errorf("%T: lang=%s dir=%s", l, a["lang"], a["dir"])
				}
				if strings.Contains(a["style"], "url") || strings.Contains(a["style"], "Zgotmpl") {
					t.Errorf("%T: style %s", l, a["style"])
				}
				if n.Data == "a" && (!strings.HasPrefix(a["href"], site) || !strings.Contains(m.Text, a["href"])) {
					t.Errorf("%T: a link to %s, which the text does not have", l, a["href"])
				}
			}
			if strings.Contains(m.HTML, "<b>") || strings.Count(m.HTML, "src=") != 0 {
				t.Errorf("%T: what a person typed is not escaped, or something is loaded", l)
			}
		}
	}
}

func attributes(n *html.Node) map[string]string {
	out := map[string]string{}
	for _, a := range n.Attr {
		out[a.Key] = a.Val
	}
	return out
}

// One letter word by word, so that a change of the layouts is seen.
func TestText(t *testing.T) {
	t.Parallel()
	m := rendered(t, mail.Order{To: "ada@example.org", Language: "en-GB", Letter: examples("Keep the night bus")[0]})
	want := `Someone has signed this petition with your e-mail address:

    Keep the night bus

It was started by Friends of the N7. If it was you who signed, please confirm it. Your signature does not count before that.

Confirm my signature:
https://petitions.example.org/confirm#t=abc&l=en

Or enter this code on the page where you signed:

    4F7-K2M

If you do nothing, the signature does not count, and what was entered with it will be deleted after 7 December 2026. If you did not sign, you need not do anything.

-- ` + `
This mail was sent automatically by petitions.example.org.
`
	if diff := cmp.Diff(want, m.Text); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if m.Subject != "Please confirm your signature: Keep the night bus" {
		t.Errorf("subject %q", m.Subject)
	}
}

func TestDates(t *testing.T) {
	t.Parallel()
	for language, want := range map[string]string{
		"en": "after 7 December 2026", "de": "nach dem 7. Dezember 2026", "fr": "après le 7 décembre 2026",
		"es": "después del 7 de diciembre de 2026", "ar": "بعد 7 ديسمبر 2026",
	} {
		if m := rendered(t, mail.Order{Language: language, Letter: examples("x")[0]}); !strings.Contains(m.Text, want) {
			t.Errorf("%s: there is no %q in:\n%s", language, want, m.Text)
		}
	}
}

// Readers get their language, or a near one, or that of the site.
func TestLanguages(t *testing.T) {
	t.Parallel()
	for wanted, want := range map[string]string{
		"de-AT": "de", "fr-CA": "fr", "es-419": "es", "ar-EG": "ar", "en-US": "en", "gsw": "de", "ja": "en", "": "en", "und": "en", "x!": "en",
	} {
		if m := rendered(t, mail.Order{Language: wanted, Letter: mail.Test{Link: site}}); m.Language != want {
			t.Errorf("readers of %q get %s, want %s", wanted, m.Language, want)
		}
	}
}

// In a text from right to left a title from left to right keeps its own direction, and the other way round.
func TestDirections(t *testing.T) {
	t.Parallel()
	const latin, arabic = "Keep the night bus!", "أبقوا الحافلة الليلية!"
	for _, test := range []struct {
		language, title string
		isolated        bool
	}{{"ar", latin, true}, {"en", arabic, true}, {"en", latin, false}} {
		m := rendered(t, mail.Order{Language: test.language, Letter: examples(test.title)[0]})
		if got := strings.Contains(m.Text, "\u2068"+test.title+"\u2069"); got != test.isolated {
			t.Errorf("%q in %s is isolated: %t", test.title, test.language, got)
		}
		if !strings.Contains(m.HTML, "<bdi>"+test.title+"</bdi>") {
			t.Errorf("%q in %s has no element of its own", test.title, test.language)
		}
	}
}

func TestRenderRefuses(t *testing.T) {
	t.Parallel()
	many := mail.MySignatures{}
	for range mail.MaxSignatures {
		many.Signatures = append(many.Signatures, mail.SignedPetition{Title: "x", Link: site})
	}
	rendered(t, mail.Order{Letter: many})
	many.Signatures = append(many.Signatures, many.Signatures[0])
	for name, l := range map[string]mail.Letter{
		"Script":      mail.Test{Link: "javascript:alert(1)"},
		"LineInALink": mail.Test{Link: site + "/\r\nBcc: x@example.org"},
		"QuoteInLink": mail.Test{Link: site + `/"onclick=`},
		"NoLink":      mail.Test{},
		"NoCode":      mail.SignIn{Link: site, Minutes: 15},
		"FewMinutes":  mail.SignIn{Link: site, Code: "1", Minutes: 10},
		"ManyMinutes": mail.SignIn{Link: site, Code: "1", Minutes: 100},
		"NoTime":      mail.LostToken{Title: "x", Link: site},
		"NoList":      mail.MySignatures{},
		"LongList":    many,
	} {
		_, err := loaded(t).Render(mail.Order{Letter: l}, site)
		if _, loggable := errors.AsType[interface {
			error
			slog.LogValuer
		}](err); !loggable {
			t.Errorf("%s: got %v", name, err)
		}
	}
	for _, end := range []string{"mailto:x", site + "/#t=x", site + "/\n"} {
		if _, err := loaded(t).Render(mail.Order{Letter: mail.Test{Link: site}, Unsubscribe: end}, site); err == nil {
			t.Errorf("%q, at which one cannot unsubscribe, was taken", end)
		}
	}
	if _, err := loaded(t).Render(mail.Order{Letter: mail.Test{Link: site}}, "example.org"); err == nil {
		t.Error("a site without an address was taken")
	}
}

// An order that was written is read as it was.
func TestOrders(t *testing.T) {
	t.Parallel()
	for _, l := range examples("Keep the night bus") {
		o := mail.Order{To: "ada@example.org", Language: "de", Unsubscribe: site, Letter: l}
		text, err := json.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		var got mail.Order
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(rendered(t, o), rendered(t, got)); diff != "" {
			t.Errorf("%T (-want +got):\n%s", l, diff)
		}
	}
	for _, text := range []string{`{}`, `{"letter":"later","data":{}}`, `{"letter":"test","data":[]}`, `{"to":1}`} {
		if err := json.Unmarshal([]byte(text), new(mail.Order)); !errors.Is(err, mail.ErrOrder) {
			t.Errorf("%s: got %v", text, err)
		}
	}
}

// An operator's file takes the place of ours, and adds a language.
func TestOwnMessages(t *testing.T) {
	t.Parallel()
	english, err := os.ReadFile(filepath.Join("messages", "en.json"))
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.ReplaceAll(string(english), "Test mail from {site}", "Hello from {site}")
	folder := fstest.MapFS{"en.json": {Data: []byte(changed)}, "nl.json": {Data: []byte(changed)}, "notes.txt": {Data: []byte("x")}}
	m, err := mail.LoadMessages(folder, "en")
	if err != nil {
		t.Fatal(err)
	}
	for wanted, want := range map[string]string{"en": "Hello from petitions.example.org", "nl": "Hello from petitions.example.org", "de": "Test-E-Mail von petitions.example.org"} {
		got, err := m.Render(mail.Order{Language: wanted, Letter: mail.Test{Link: site}}, site)
		if err != nil || got.Subject != want {
			t.Errorf("%s: got %q, %v", wanted, got.Subject, err)
		}
	}
	for name, replace := range map[string][2]string{
		"NoLink":      {`"[Open the site]({link})"`, `"Open the site"`},
		"WrongButton": {`[Open the site]({link})`, `[Open the site]({site})`},
		"Misspelt":    {`Test mail from {site}`, `Test mail from {stie}`},
		"LinkInText":  {`If you can read it, {site}`, `If you can read it, {link}`},
		"OpenBrace":   {`Test mail from {site}`, `Test mail from {site`},
		"NoLetter":    {`"test": {`, `"tests": {`},
		"Unknown":     {`"copy":`, `"copies": "", "copy":`},
		"NoFooter":    {`"This mail was sent automatically by {site}."`, `""`},
		"NotJSON":     {`"months"`, `months`},
		"FewMonths":   {`"January", `, ``},
		"NoSubject":   {`"Test mail from {site}"`, `""`},
	} {
		text := strings.ReplaceAll(string(english), replace[0], replace[1])
		if text == string(english) {
			t.Fatalf("%s: nothing was replaced", name)
		}
		if _, err := mail.LoadMessages(fstest.MapFS{"en.json": {Data: []byte(text)}}, "en"); err == nil || !strings.Contains(err.Error(), "en.json") {
			t.Errorf("%s: got %v, want an error that names the file", name, err)
		}
	}
	if _, err := mail.LoadMessages(fstest.MapFS{"english!.json": {Data: english}}, "en"); err == nil {
		t.Error("a file without the name of a language was taken")
	}
	if _, err := mail.LoadMessages(nil, "it"); err == nil {
		t.Error("a site can have a language without messages")
	}
}

// The links of a letter can be followed as they are written.
func TestLinksSurvive(t *testing.T) {
	t.Parallel()
	for _, link := range []string{site + "/confirm#t=a&b=%2F", site + "/p/x?y=1&z=(2)'*"} {
		m := rendered(t, mail.Order{Letter: mail.Test{Link: link}})
		root, err := html.Parse(strings.NewReader(m.HTML))
		if err != nil {
			t.Fatal(err)
		}
		for n := range root.Descendants() {
			if href := attributes(n)["href"]; n.Data == "a" && href != link {
				got, err := url.PathUnescape(href)
				if want, _ := url.PathUnescape(link); err != nil || got != want {
					t.Errorf("%s became %s", link, href)
				}
			}
		}
	}
}
