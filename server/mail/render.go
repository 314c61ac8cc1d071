package mail

import (
	"embed"
	"errors"
	"fmt"
	htmltemplate "html/template"
	"net/url"
	"strconv"
	"strings"
	texttemplate "text/template"
	"unicode"

	"golang.org/x/text/language"
	"golang.org/x/text/unicode/bidi"
)

//go:embed templates/*
var templates embed.FS

// The layouts, one for each form. Both show the same blocks.
var (
	htmlLayout = htmltemplate.Must(htmltemplate.ParseFS(templates, "templates/letter.html"))
	textLayout = texttemplate.Must(texttemplate.ParseFS(templates, "templates/letter.txt"))
)

// Message is a mail in one language.
type Message struct {
	ID          string // the same whenever it is sent again; a Sender adds the host of the site
	To          string
	Subject     string
	Language    string
	Direction   string // ltr or rtl
	Text        string
	HTML        string
	Unsubscribe string // address at which one request ends such mail; empty if there is none
}

// view is what the layouts show.
type view struct {
	Subject, Language, Direction string
	Blocks                       []shown
	Copy, Footer                 string
	Unsubscribe, End             string // the address, and what stands above it
}

// shown is a block with its values.
type shown struct {
	Kind   blockKind
	Spans  []span
	Link   string
	Copied bool // the address is the first, above which the text says what to do with it
	Items  []item
}

// span is a part of a text. What comes from elsewhere is kept apart: its direction says nothing of the text around it.
type span struct {
	Text    string
	Foreign bool
}

// item is one of a list.
type item struct {
	Title span
	Link  string
}

// Render writes a letter for the readers of a language. Site is the address of the site; every link leads there.
func (m *Messages) Render(o Order, site string) (Message, error) {
	t := m.in(o.Language)
	at, err := url.Parse(site)
	if err != nil || at.Host == "" {
		return Message{}, errLink
	}
	have := o.Letter.values()
	// All letters may name the site, so that no letter has to bring it.
	have["site"] = value{kind: plainValue, text: at.Host}
	// An order may be of another version of the program, with other rules.
	for name, v := range have {
		if v.err != nil {
			return Message{}, fmt.Errorf("{%s}: %w", name, v.err)
		}
	}
	// A program that ends a subscription for its user sends no part behind #, so the address must work without it.
	if o.Unsubscribe != "" && (address(o.Unsubscribe).err != nil || strings.Contains(o.Unsubscribe, "#")) {
		return Message{}, errUnsubscribe
	}
	return t.write(t.letters[o.Letter.name()], have, o)
}

// write fills the two layouts.
func (t translation) write(w wording, have values, o Order) (Message, error) {
	v := view{
		Subject: strings.TrimSpace(plain(t.spans(w.subject, have))), Language: t.tag.String(), Direction: direction(t.tag),
		Copy: t.Copy, Footer: strings.ReplaceAll(t.Footer, "{site}", have["site"].text),
		Unsubscribe: o.Unsubscribe, End: strings.ReplaceAll(t.Unsubscribe, "{site}", have["site"].text),
	}
	// The text above an address that is written out explains it; once in a mail is enough.
	copied := false
	for _, b := range w.body {
		s := t.show(b, have)
		if s.Link != "" && !copied {
			s.Copied, copied = true, true
		}
		v.Blocks = append(v.Blocks, s)
	}
	// Both from one view, so that readers of either form are told the same.
	var html, text strings.Builder
	if err := errors.Join(htmlLayout.Execute(&html, v), textLayout.Execute(&text, v.isolated())); err != nil {
		return Message{}, fmt.Errorf("writing a mail: %w", err)
	}
	return Message{
		To: o.To, Subject: v.Subject, Language: v.Language, Direction: v.Direction, Unsubscribe: o.Unsubscribe,
		Text: text.String(), HTML: html.String(),
	}, nil
}

// show puts the values into a block.
func (t translation) show(b block, have values) shown {
	s := shown{Kind: b.Kind, Spans: t.spans(b.text, have)}
	switch v := have[b.name]; b.Kind {
	case quote, codeBlock:
		s.Spans = []span{{v.text, true}}
	case button:
		s.Link = v.text
	case listBlock:
		for _, p := range v.list {
			s.Items = append(s.Items, item{span{p.Title, true}, p.Link})
		}
	}
	return s
}

// spans puts the values into a text.
func (t translation) spans(from text, have values) []span {
	out := make([]span, len(from))
	for i, p := range from {
		v := have[p.name]
		switch {
		case p.name == "":
			out[i] = span{Text: p.words}
		case v.kind == dayValue:
			out[i] = span{Text: t.date(v)}
		default:
			// Only what people typed may be in another script than the text around it.
			out[i] = span{v.text, v.kind == typedValue}
		}
	}
	return out
}

// date writes a day, without an hour and so in no time zone.
func (t translation) date(v value) string {
	return strings.NewReplacer(
		"{day}", strconv.Itoa(v.day.Day()), "{month}", t.Months[v.day.Month()-1], "{year}", strconv.Itoa(v.day.Year()),
	).Replace(t.Date)
}

// direction is that of the script in which a language is usually written.
func direction(tag language.Tag) string {
	script, _ := tag.Script()
	switch script.String() {
	case "Adlm", "Arab", "Aran", "Hebr", "Mand", "Nkoo", "Rohg", "Samr", "Syrc", "Thaa":
		return "rtl"
	}
	return "ltr"
}

// plain returns spans as one text.
func plain(spans []span) string {
	var b strings.Builder
	for _, s := range spans {
		b.WriteString(s.Text)
	}
	return b.String()
}

// isolated returns the view for plain text, in which invisible signs do what elements do in HTML. They stand only where
// directions meet, since not every program hides them.
func (v view) isolated() view {
	blocks := make([]shown, len(v.Blocks))
	for i, b := range v.Blocks {
		spans := make([]span, len(b.Spans))
		for j, s := range b.Spans {
			spans[j] = v.isolate(s)
		}
		items := make([]item, len(b.Items))
		for j, it := range b.Items {
			items[j] = item{v.isolate(it.Title), it.Link}
		}
		b.Spans, b.Items = spans, items
		blocks[i] = b
	}
	v.Blocks = blocks
	return v
}

// isolate keeps the direction of what people typed from reaching the text around it.
func (v view) isolate(s span) span {
	if s.Foreign && (v.Direction == "rtl" || strings.ContainsFunc(s.Text, isRightToLeft)) {
		s.Text = "\u2068" + s.Text + "\u2069" // first strong isolate, and its end
	}
	return s
}

// isRightToLeft reports whether a letter is written from right to left.
func isRightToLeft(r rune) bool {
	p, _ := bidi.LookupRune(r)
	return unicode.IsLetter(r) && (p.Class() == bidi.R || p.Class() == bidi.AL)
}
