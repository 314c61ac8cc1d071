package mail

import (
	"errors"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/apparentlymart/go-textseg/v15/textseg"
)

// values are what a letter's texts may name.
type values map[string]value

// value is something that stands within a text. Which of its fields counts depends on the language or is the same in
// all of them.
type value struct {
	kind valueKind
	text string
	day  time.Time
	list []SignedPetition
	err  error
}

// valueKind is what a value is, which decides how a text may name it.
type valueKind int

const (
	typedValue valueKind = iota // what a person typed
	linkValue                   // an address on this site
	codeValue                   // to be typed by a person
	dayValue
	plainValue // a number or a name of ours
	listValue
)

// What may be wrong with values.
const (
	errLink    fault = "a link is no http or https address"
	errCode    fault = "a code is empty"
	errDay     fault = "a time is zero"
	errMinutes fault = "a number of minutes is not from 11 to 99"
	errList    fault = "a list is empty or too long"

	errUnsubscribe fault = "an address to unsubscribe is no http or https address, or has a part that no request sends"
)

const (
	// typedCharacters is how much of what people typed stands in a mail, in characters as people count them.
	typedCharacters = 120
	// typedBytes bounds the same in bytes: a character may have any number of marks.
	typedBytes = 600
)

func typed(s string) value { return value{kind: typedValue, text: line(s, typedCharacters)} }

func code(s string) value {
	// Codes are ours, and are cleaned all the same: nothing of an order is trusted to be of this version.
	v := value{kind: codeValue, text: line(s, typedCharacters)}
	if v.text == "" {
		v.err = errCode
	}
	return v
}

func number(n int) value { return value{kind: plainValue, text: strconv.Itoa(n)} }

func minutes(n int) value {
	v := number(n)
	// Languages differ in the forms of smaller numbers, for which the files of messages have no room.
	if n < 11 || n > 99 {
		v.err = errMinutes
	}
	return v
}

func day(t time.Time) value {
	// In UTC for everybody: where a reader lives is not known.
	v := value{kind: dayValue, day: t.UTC()}
	if t.IsZero() {
		v.err = errDay
	}
	return v
}

// address takes a link, in ASCII and without anything that could end a line or an attribute.
func address(s string) value {
	v := value{kind: linkValue, text: s}
	u, err := url.Parse(s)
	odd := func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune("\"<>\\^`{|}", r) }
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || strings.ContainsFunc(s, odd) {
		v.err = errLink
	}
	return v
}

// list takes signatures, at least one: a letter without any is never sent.
func list(items []SignedPetition) value {
	v := value{kind: listValue}
	if len(items) < 1 || len(items) > MaxSignatures {
		v.err = errList
	}
	for _, item := range items {
		link := address(item.Link)
		v.err = errors.Join(v.err, link.err)
		v.list = append(v.list, SignedPetition{line(item.Title, typedCharacters), link.text})
	}
	return v
}

// line makes one line of what people typed: without line ends and other control characters, without marks that turn the
// direction of what follows, and without what a mail program would take for an encoded word. It is cut between
// characters, as people count them, and says so by an ellipsis.
func line(s string, most int) string {
	s = strings.ToValidUTF8(s, string(utf8.RuneError))
	s = strings.Join(strings.FieldsFunc(strings.Map(harmless, s), unicode.IsSpace), " ")
	s = strings.ReplaceAll(s, "=?", "= ?")
	return cut(s, most)
}

// harmless maps what must not stand in a line: what ends one becomes a space, and what cannot be seen goes, but for the
// joiners that scripts and emoji need.
func harmless(r rune) rune {
	switch {
	case unicode.IsControl(r), unicode.In(r, unicode.Zl, unicode.Zp):
		return ' '
	case r == '\u200c' || r == '\u200d':
		return r
	case unicode.Is(unicode.Cf, r):
		return -1
	}
	return r
}

// cut returns at most so many characters.
func cut(s string, most int) string {
	end, characters := 0, 0
	for rest := []byte(s); len(rest) > 0; {
		n, _, err := textseg.ScanGraphemeClusters(rest, true)
		// Also what textseg cannot read is cut, rather than sent whole.
		if err != nil || n == 0 || characters == most || end+n > typedBytes {
			return strings.TrimRight(s[:end], " ") + "…"
		}
		end, characters, rest = end+n, characters+1, rest[n:]
	}
	return s
}
