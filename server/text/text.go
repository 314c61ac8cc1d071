package text

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Limits of what people write, in characters (code points) after normalisation. They are part of the public contract.
const (
	TitleMin      = 3
	TitleMax      = 150
	SummaryMax    = 500
	BodyMin       = 1
	BodyMax       = 50_000
	CommentMin    = 1
	CommentMax    = 2_000
	AddresseeMin  = 1
	AddresseeMax  = 200
	AddresseesMax = 10
)

// CheckLine cleans a text of one line: NFC, trimmed, runs of white space replaced by one space. What names the text at
// the start of the fault's sentence; if fault is empty, clean may be stored. A line without visible characters counts
// as empty.
func CheckLine(s, what string, least, most int) (clean, fault string) {
	if !utf8.ValidString(s) {
		return "", what + " must be valid UTF-8 text."
	}
	s = strings.TrimSpace(norm.NFC.String(s))
	if strings.ContainsFunc(s, unicode.IsControl) {
		return "", what + " must be a single line without control characters."
	}
	if strings.ContainsFunc(s, isBidiControl) {
		return "", what + " must not contain characters that change the direction of writing."
	}
	return checkLength(strings.Join(strings.Fields(s), " "), what, least, most)
}

// CheckText cleans a text of several lines: NFC, every line end replaced by "\n", leading empty lines and trailing
// white space removed. Other white space is kept, since it has a meaning in Markdown.
func CheckText(s, what string, least, most int) (clean, fault string) {
	if !utf8.ValidString(s) {
		return "", what + " must be valid UTF-8 text."
	}
	s = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(norm.NFC.String(s))
	s = strings.TrimRightFunc(strings.TrimLeft(s, "\n"), unicode.IsSpace)
	if strings.ContainsFunc(s, isForbiddenControl) {
		return "", what + " must not contain control characters other than line breaks and tabs."
	}
	if strings.ContainsFunc(s, isBidiOverride) {
		return "", what + " must not contain characters that override the direction of writing."
	}
	return checkLength(s, what, least, most)
}

// checkLength compares the number of visible characters with the lower limit, which cannot be met with invisible ones,
// and that of all characters with the upper.
func checkLength(s, what string, least, most int) (clean, fault string) {
	seen := countVisible(s)
	if seen == 0 {
		s = ""
	}
	if seen >= least && utf8.RuneCountInString(s) <= most {
		return s, ""
	}
	if least == 0 {
		return "", fmt.Sprintf("%s must have at most %d characters.", what, most)
	}
	return "", fmt.Sprintf("%s must have %d to %d characters.", what, least, most)
}

func countVisible(s string) int {
	n := 0
	for _, r := range s {
		if !isInvisible(r) && !unicode.IsSpace(r) {
			n++
		}
	}
	return n
}

// isInvisible reports whether r is not visible by itself: format characters, fillers such as U+3164 and the empty
// Braille pattern.
func isInvisible(r rune) bool {
	const brailleBlank = '\u2800'
	return r == brailleBlank || unicode.In(r, unicode.Cf, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point)
}

// isBidiControl includes the marks as well as embeddings, overrides and isolates.
func isBidiControl(r rune) bool {
	return unicode.Is(unicode.Bidi_Control, r)
}

// isBidiOverride excludes the marks U+061C, U+200E and U+200F, which long texts in Arabic and Hebrew need and which
// cannot reorder what follows them.
func isBidiOverride(r rune) bool {
	return r >= '\u202A' && r <= '\u202E' || r >= '\u2066' && r <= '\u2069'
}

func isForbiddenControl(r rune) bool {
	return unicode.IsControl(r) && r != '\n' && r != '\t'
}
