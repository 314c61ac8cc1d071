package text

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// CheckLine cleans a text of one line: NFC, closed embeddings removed, trimmed, runs of white space replaced by one
// space. What names the text at the start of the fault's sentence; if fault is empty, clean may be stored. A line
// without visible characters counts as empty.
func CheckLine(s, what string, least, most int) (clean, fault string) {
	if !utf8.ValidString(s) {
		return "", what + " must be valid UTF-8 text."
	}
	s = strings.TrimSpace(s)
	if tooLong(s, spellingsMost*most) {
		return "", lengthFault(what, least, most)
	}
	// Embeddings first: spaces may stand between them and the end of the text.
	s = strings.TrimSpace(norm.NFC.String(cutEmbeddings(s)))
	if strings.ContainsFunc(s, unicode.IsControl) {
		return "", what + " must be a single line without control characters."
	}
	if strings.ContainsFunc(s, isBidiOverride) {
		return "", what + " must not contain characters that override the direction of writing."
	}
	return checkLength(strings.Join(strings.Fields(s), " "), what, least, most)
}

// lineEnds makes every line end a "\n". Word processors put a vertical tab where a line was broken by hand and a form
// feed where a page was.
var lineEnds = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\v", "\n", "\f", "\n", "\u2028", "\n", "\u2029", "\n\n")

// CheckText cleans a text of several lines: NFC, every line end replaced by "\n", leading empty lines, trailing white
// space and closed embeddings removed. Other white space is kept, since it has a meaning in Markdown.
func CheckText(s, what string, least, most int) (clean, fault string) {
	if !utf8.ValidString(s) {
		return "", what + " must be valid UTF-8 text."
	}
	if tooLong(strings.TrimSpace(s), spellingsMost*most) {
		return "", lengthFault(what, least, most)
	}
	s = lineEnds.Replace(norm.NFC.String(cutEmbeddings(s)))
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
	return "", lengthFault(what, least, most)
}

func lengthFault(what string, least, most int) string {
	if least == 0 {
		return fmt.Sprintf("%s must have at most %d characters.", what, most)
	}
	return fmt.Sprintf("%s must have %d to %d characters.", what, least, most)
}

// spellingsMost is by how many characters one can be spelt that normalisation makes of them, such as ᾂ. A text with
// more than that for each that it may have is not normalised, which would take time: it would not get short enough,
// unless it is mostly of what nobody sees.
const spellingsMost = 4

// tooLong reports whether a text has more characters than so many.
func tooLong(s string, most int) bool {
	return len(s) > most && utf8.RuneCountInString(s) > most
}

// IsBlank reports whether nothing of a text can be seen. An optional text that is blank was left out: forms send every
// field, whether or not it was filled in.
func IsBlank(s string) bool { return !strings.ContainsFunc(s, isVisible) }

// countVisible counts the characters that can be seen.
func countVisible(s string) int {
	n := 0
	for _, r := range s {
		if isVisible(r) {
			n++
		}
	}
	return n
}

func isVisible(r rune) bool { return !isInvisible(r) && !unicode.IsSpace(r) }

// isInvisible reports whether r is not visible by itself: format characters, fillers such as U+3164 and the empty
// Braille pattern.
func isInvisible(r rune) bool {
	const brailleBlank = '\u2800'
	if r < utf8.RuneSelf { // the tables take longer
		return false
	}
	return r == brailleBlank || unicode.In(r, unicode.Cf, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point)
}

// isBidiOverride excludes the marks U+061C, U+200E and U+200F, which texts in Arabic and Hebrew need, be it for a full
// stop at the end, and which cannot reorder what follows them.
func isBidiOverride(r rune) bool {
	return r >= '\u202A' && r <= '\u202E' || r >= '\u2066' && r <= '\u2069'
}

// cutEmbeddings removes embeddings and isolates that are closed again: messengers and word processors put them around
// what they let people copy. Those that stay open, and overrides, are left to be refused.
func cutEmbeddings(s string) string {
	if !strings.ContainsFunc(s, isBidiOverride) {
		return s
	}
	runes := []rune(s)
	var open []int // the places of those not closed yet
	for i, r := range runes {
		switch {
		case !isBidiOverride(r):
		case r != popEmbedding && r != popIsolate:
			open = append(open, i)
		case len(open) > 0:
			last := open[len(open)-1]
			open = open[:len(open)-1]
			if r == endOfBidi(runes[last]) {
				runes[last], runes[i] = -1, -1
			}
		}
	}
	return string(slices.DeleteFunc(runes, func(r rune) bool { return r < 0 }))
}

const (
	popEmbedding = '\u202C'
	popIsolate   = '\u2069'
)

// endOfBidi returns the sign that closes an embedding or isolate; 0 for an override, which must not be closed either.
func endOfBidi(r rune) rune {
	switch r {
	case '\u202A', '\u202B':
		return popEmbedding
	case '\u2066', '\u2067', '\u2068':
		return popIsolate
	}
	return 0
}

func isForbiddenControl(r rune) bool {
	return unicode.IsControl(r) && r != '\n' && r != '\t'
}
