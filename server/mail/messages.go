package mail

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/text/language"
)

//go:embed messages/*.json
var embedded embed.FS

// Messages are the texts of all letters, in several languages. It never changes, so that it is safe for concurrent use.
type Messages struct {
	languages []translation // the first is that of the site
	matcher   language.Matcher
}

// translation is the file of one language.
type translation struct {
	Months      []string            `json:"months"`
	Date        string              `json:"date"`        // names {day}, {month} and {year}
	Copy        string              `json:"copy"`        // above an address that is written out
	Footer      string              `json:"footer"`      // names {site}
	Unsubscribe string              `json:"unsubscribe"` // names {site}
	Letters     map[string]wordings `json:"letters"`

	tag     language.Tag
	letters map[string]wording
}

// wordings are the texts of one letter as its file has them: a line of the body is a paragraph, or a block of another
// kind by what it begins with.
type wordings struct {
	Subject string   `json:"subject"`
	Body    []string `json:"body"`
}

// wording is the same, read.
type wording struct {
	subject text
	body    []block
}

// block is a part of a letter.
type block struct {
	Kind blockKind
	text text   // of a paragraph, or on a button
	name string // of the value of any other
}

// blockKind is how a block looks.
type blockKind string

const (
	paragraph blockKind = "paragraph"
	quote     blockKind = "quote"  // "> {title}": what a person typed, on its own
	button    blockKind = "button" // "[Text]({link})": a link, with its address written out below
	codeBlock blockKind = "code"   // "# {code}"
	listBlock blockKind = "list"   // "* {signatures}"
)

// text is a text with names of values in it.
type text []piece

// piece is a part of a text: words, or the name of a value.
type piece struct{ words, name string }

var (
	named    = regexp.MustCompile(`\{([a-z]+)\}`)
	buttoned = regexp.MustCompile(`^\[([^\]]+)\]\(\{([a-z]+)\}\)$`)
	marked   = regexp.MustCompile(`^([>#*]) \{([a-z]+)\}$`)
)

// LoadMessages reads the messages of the program and, if folder is not nil, those of an operator: a file LANGUAGE.json
// there takes the place of the one that the program has, or adds a language. The first language is the site's, for
// those whose own is not there. A file that lacks something, or names a value that there is not, is an error.
func LoadMessages(folder fs.FS, first string) (*Messages, error) {
	files := map[string]fs.FS{}
	// In this order: the file of the operator takes the place of ours.
	for _, from := range []fs.FS{mustSub(embedded, "messages"), folder} {
		if from == nil {
			continue
		}
		names, err := fs.Glob(from, "*.json")
		if err != nil {
			return nil, fmt.Errorf("looking for messages: %w", err)
		}
		for _, name := range names {
			files[name] = from
		}
	}
	m := &Messages{}
	for name, from := range files {
		read, err := readTranslation(from, name)
		if err != nil {
			return nil, fmt.Errorf("the messages in %s: %w", name, err)
		}
		m.languages = append(m.languages, read)
	}
	return m, m.order(first)
}

// mustSub returns a folder that was embedded.
func mustSub(f fs.FS, dir string) fs.FS {
	sub, err := fs.Sub(f, dir)
	if err != nil {
		panic(err) // the name is no path
	}
	return sub
}

// order puts the language of the site first, and the others in the order of their names.
func (m *Messages) order(first string) error {
	slices.SortFunc(m.languages, func(a, b translation) int {
		if a.tag.String() == first || b.tag.String() == first {
			return map[bool]int{true: -1, false: 1}[a.tag.String() == first]
		}
		return strings.Compare(a.tag.String(), b.tag.String())
	})
	if m.languages[0].tag.String() != first {
		return fmt.Errorf("there are no messages in the language of the site, %s", first)
	}
	tags := make([]language.Tag, len(m.languages))
	for i, l := range m.languages {
		tags[i] = l.tag
	}
	m.matcher = language.NewMatcher(tags)
	return nil
}

// in returns the translation that suits readers of a language best.
func (m *Messages) in(wanted string) translation {
	tag, err := language.Parse(wanted)
	if err != nil {
		return m.languages[0]
	}
	_, i, confidence := m.matcher.Match(tag)
	// The matcher returns some language in any case, also for readers who may not know a word of it.
	if confidence == language.No {
		return m.languages[0]
	}
	return m.languages[i]
}

// readTranslation reads and checks one file.
func readTranslation(from fs.FS, name string) (t translation, err error) {
	content, err := fs.ReadFile(from, name)
	if err != nil {
		return t, err
	}
	if t.tag, err = language.Parse(strings.TrimSuffix(path.Base(name), ".json")); err != nil {
		return t, errors.New("the file must be called by a language, such as en.json or pt-BR.json")
	}
	decoder := json.NewDecoder(strings.NewReader(string(content)))
	// A text under a name that was mistyped would otherwise never be seen.
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&t); err != nil {
		return t, err
	}
	return t, t.read()
}

// read reads the texts of every letter, and says what is missing.
func (t *translation) read() error {
	if len(t.Months) != 12 {
		return errors.New("there must be twelve months")
	}
	var errs []error
	for field, given := range map[string]string{"date": t.Date, "copy": t.Copy, "footer": t.Footer, "unsubscribe": t.Unsubscribe} {
		if given == "" {
			errs = append(errs, fmt.Errorf("%s is missing", field))
		}
	}
	t.letters = map[string]wording{}
	known := letters()
	for name, letter := range known {
		w, err := t.Letters[name].read(letter.values())
		if err != nil {
			errs = append(errs, fmt.Errorf("the letter %s: %w", name, err))
		}
		t.letters[name] = w
	}
	// Names that no letter has are mistyped, or of another version.
	for name := range t.Letters {
		if known[name] == nil {
			errs = append(errs, fmt.Errorf("there is no letter %s", name))
		}
	}
	return errors.Join(errs...)
}

// read reads the texts of a letter with these values. Every one of them must be named somewhere: a mail without its
// link would be of no use.
func (w wordings) read(have values) (out wording, err error) {
	missing := map[string]bool{}
	for name := range have {
		missing[name] = true
	}
	if w.Subject == "" || len(w.Body) == 0 {
		return out, errors.New("subject or body is missing")
	}
	if out.subject, err = readText(w.Subject, have); err != nil {
		return out, err
	}
	for _, given := range w.Body {
		b, err := readBlock(given, have)
		if err != nil {
			return out, err
		}
		out.body = append(out.body, b)
		delete(missing, b.name)
		for _, p := range b.text {
			delete(missing, p.name)
		}
	}
	for name := range missing {
		return out, fmt.Errorf("the body does not name {%s}", name)
	}
	return out, nil
}

// readBlock reads a line of a body.
func readBlock(given string, have values) (b block, err error) {
	if m := buttoned.FindStringSubmatch(given); m != nil {
		b = block{Kind: button, name: m[2]}
		if b.text, err = readText(m[1], have); err != nil {
			return b, err
		}
		return b, fits(b, linkValue, have)
	}
	m := marked.FindStringSubmatch(given)
	if m == nil { // no sign of another kind: a paragraph may begin with anything else
		b.Kind = paragraph
		b.text, err = readText(given, have)
		return b, err
	}
	b.name = m[2]
	switch m[1] {
	case ">":
		b.Kind = quote
		return b, fits(b, typedValue, have)
	case "#":
		b.Kind = codeBlock
		return b, fits(b, codeValue, have)
	default:
		b.Kind = listBlock
		return b, fits(b, listValue, have)
	}
}

// fits checks that a block names a value of the right kind.
func fits(b block, kind valueKind, have values) error {
	if v, ok := have[b.name]; !ok || v.kind != kind {
		return fmt.Errorf("{%s} cannot be a %s", b.name, b.Kind)
	}
	return nil
}

// readText reads a text. Values that are blocks of their own cannot stand in it.
func readText(given string, have values) (t text, err error) {
	rest := given
	for {
		at := named.FindStringSubmatchIndex(rest)
		if at == nil {
			break
		}
		name := rest[at[2]:at[3]]
		v, ok := have[name]
		if name != "site" && (!ok || v.kind == listValue || v.kind == linkValue) {
			return nil, fmt.Errorf("{%s} cannot stand in a text", name)
		}
		if at[0] > 0 {
			t = append(t, piece{words: rest[:at[0]]})
		}
		t, rest = append(t, piece{name: name}), rest[at[1]:]
	}
	// A brace that is left over is a name that was mistyped: readers would see it.
	if strings.ContainsAny(rest, "{}") {
		return nil, fmt.Errorf("a brace in %q is no name of a value", given)
	}
	if rest != "" {
		t = append(t, piece{words: rest})
	}
	return t, nil
}
