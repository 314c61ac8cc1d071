package text

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

const (
	nameMin, nameMax = 1, 100

	// What living scripts put on one letter, and what those put there that stack letters: Burmese has six in a name,
	// Tibetan seven in words from Sanskrit. More are meant to spill into neighbouring lines.
	marksMost, stackedMost = 3, 8
)

// CheckName cleans the public name of a signatory or of the author of a comment. Look-alike letters of other scripts
// are accepted: they are a matter for moderation, since any rule would refuse real names.
func CheckName(s string) (clean, fault string) {
	clean, fault = checkName(s, "The name")
	if fault == "" && hasHost(clean) {
		return "", "The name" + faultLink
	}
	return clean, fault
}

// CheckPetitioner cleans the public name of the person or body behind a petition. The name of a body may be that of its
// site, such as WeMove.EU.
func CheckPetitioner(s string) (clean, fault string) { return checkName(s, "The petitioner") }

// checkName cleans a name, which faults call what.
func checkName(s, what string) (clean, fault string) {
	if s = strings.TrimSpace(s); tooLong(s, spellingsMost*nameMax) {
		return "", lengthFault(what, nameMin, nameMax)
	}
	clean, fault = CheckLine(cutUnseen(s), what, nameMin, nameMax)
	if fault != "" {
		return "", fault
	}
	if fault = nameFault(clean); fault != "" {
		return "", what + fault
	}
	return clean, ""
}

// cutUnseen cuts what keyboards, messengers and word processors leave in a name, and nobody sees: marks of writing
// direction, byte order marks and soft hyphens; and at both ends of words spaces without width and word joiners, which
// stand within words, if anywhere.
func cutUnseen(s string) string {
	return unseenBefore.ReplaceAllString(unseenBehind.ReplaceAllString(unseenAnywhere.Replace(s), "$1"), "$1")
}

var (
	unseenAnywhere = strings.NewReplacer("\u200E", "", "\u200F", "", "\u061C", "", "\uFEFF", "", "\u00AD", "")
	unseenBefore   = regexp.MustCompile(`(^|\pZ)[\x{200B}\x{2060}]+`)
	unseenBehind   = regexp.MustCompile(`[\x{200B}\x{2060}]+(\pZ|$)`)
)

const faultLink = " must not contain a link; put a space behind a full stop."

// nameFault returns what a name must or must not be, or "".
func nameFault(name string) string {
	plain := norm.NFKC.String(name) // full-width signs are taken for the plain ones, by people and by spreadsheets
	switch {
	case hasHidden(name):
		return " must not contain invisible characters."
	case strings.ContainsAny(plain, "<>\uFFFD"):
		return " must not contain <, > or U+FFFD, which stands for a letter that was lost."
	case strings.IndexAny(plain, "-=+@") == 0:
		return " must not begin with -, =, + or @."
	case strings.Contains(plain, "@") && (adjoiningAt.MatchString(plain) || hasMailAddress(plain)): // one sign is found fast
		return " must not contain an e-mail address, nor an @ between letters: everybody would see it."
	case hasLink(plain):
		return faultLink
	case hasPiledMarks(name):
		return fmt.Sprintf(" must not have more than %d combining marks on one letter, or %d in scripts that stack them.",
			marksMost, stackedMost)
	case !strings.ContainsFunc(name, isLetterOrDigit):
		return " must contain at least one letter or digit."
	}
	return ""
}

// adjoiningAt finds an @ between what may end the local part of an address and what may begin its domain, whatever that
// is. A handle behind a space or a bracket is none.
var adjoiningAt = regexp.MustCompile(`[\pL\pM\pN.!#$%&*+=?^_{|}~-]"?@[\pL\pM\pN\pS._@\[-]`)

// hasMailAddress reports whether there is the domain of an address behind an @, if anything that may end a local part
// stands before it. Spaces and comments, as in "ada (private) @ example.org", are a part of the syntax of mail.
func hasMailAddress(plain string) bool {
	for i := strings.IndexByte(plain, '@'); i >= 0; {
		before, _ := utf8.DecodeLastRuneInString(strings.TrimRightFunc(plain[:i], unicode.IsSpace))
		// Any of several may be the one of an address.
		plain = plain[i+1:]
		if isLocalEnd(before) {
			host := mailComments.ReplaceAllString(plain, "")
			if end := strings.IndexAny(host, " \t()<>[]{},;:!?/'’\""); end >= 0 {
				host = host[:end]
			}
			if _, fault := mailDomain(strings.TrimRight(host, ".")); fault == "" {
				return true
			}
		}
		i = strings.IndexByte(plain, '@')
	}
	return false
}

// mailComments finds the spaces and comments with which a text begins.
var mailComments = regexp.MustCompile(`^(?:\pZ|\([^()]*\))+`)

// isLocalEnd reports whether the local part of an address may end in r.
func isLocalEnd(r rune) bool {
	return isLetterOrDigit(r) || unicode.IsMark(r) || strings.ContainsRune("!#$%&'’*+-/=?^_`{|}~.\")", r)
}

func isLetterOrDigit(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsNumber(r)
}

// hasHidden reports whether there are invisible characters that spell nothing. Variation selectors only choose the look
// of the character before them.
func hasHidden(name string) bool {
	if !strings.ContainsFunc(name, isInvisible) {
		return false
	}
	runes := []rune(regionFlag.ReplaceAllString(name, "🏴"))
	for i, r := range runes {
		if isInvisible(r) && !unicode.Is(unicode.Variation_Selector, r) && !spells(runes[:i], r, runes[i+1:]) {
			return true
		}
	}
	return false
}

// regionFlag is the flag of a part of a country: a black flag and letters that nobody sees, such as gbwls for Wales.
var regionFlag = regexp.MustCompile(`🏴[\x{E0030}-\x{E0039}\x{E0061}-\x{E007A}]{3,6}\x{E007F}`)

// spells reports whether an invisible character belongs to the spelling of what stands around it.
func spells(before []rune, r rune, after []rune) bool {
	const nonJoiner, joiner, space, vowelSeparator = '\u200C', '\u200D', '\u200B', '\u180E'
	last, next := edge(before, len(before)-1), edge(after, 0)
	switch r {
	case nonJoiner, joiner:
		// The spelling may need it at the end of a word as well: it keeps a final consonant from its virama's usual form.
		if usesJoiners(last) && (usesJoiners(next) || !isLetterOrDigit(next)) {
			return true
		}
		const emojiStyle = '\uFE0F'
		if last == emojiStyle {
			last = edge(before, len(before)-2)
		}
		return r == joiner && isPictograph(last) && isPictograph(next)
	case space: // keyboards of these scripts put it between words
		return unicode.In(last, unwrittenSpaces...) && unicode.In(next, unwrittenSpaces...)
	case vowelSeparator:
		return unicode.Is(unicode.Mongolian, last) && unicode.Is(unicode.Mongolian, next)
	}
	return false
}

// edge returns a rune of a text, or a space beyond its ends.
func edge(text []rune, i int) rune {
	if i < 0 || i >= len(text) {
		return ' '
	}
	return text[i]
}

// unwrittenSpaces are scripts without spaces between words, whose line breaks a zero-width space tells.
var unwrittenSpaces = []*unicode.RangeTable{unicode.Khmer, unicode.Lao, unicode.Myanmar, unicode.Thai}

// usesJoiners reports whether r is of a script that spells words with joiners.
func usesJoiners(r rune) bool {
	return unicode.In(r, unicode.Arabic, unicode.Syriac, unicode.Mandaic, unicode.Nko, unicode.Mongolian, unicode.Devanagari,
		unicode.Bengali, unicode.Gurmukhi, unicode.Gujarati, unicode.Oriya, unicode.Tamil, unicode.Telugu, unicode.Kannada,
		unicode.Malayalam, unicode.Sinhala, unicode.Khmer, unicode.Myanmar)
}

// isPictograph reports whether r may be a part of an emoji of several parts, also of one that is newer than the tables.
func isPictograph(r rune) bool {
	const leftRightArrow = '\u2194' // of the head that shakes
	return unicode.Is(unicode.So, r) || r == leftRightArrow || r >= 0x1F000 && r <= 0x1FAFF
}

// hasPiledMarks reports whether too many combining marks are on one letter. Spacing vowel signs do not count, since
// they cannot pile up.
func hasPiledMarks(name string) bool {
	marks, stacked := 0, 0
	for _, r := range name {
		switch {
		case r < utf8.RuneSelf: // the tables take longer
			marks, stacked = 0, 0
		case unicode.In(r, stacking...) && unicode.Is(unicode.Mn, r):
			stacked++
		case unicode.In(r, unicode.Mn, unicode.Me):
			marks++
		case !isInvisible(r): // a joiner begins no new letter
			marks, stacked = 0, 0
		}
		if marks > marksMost || marks+stacked > stackedMost {
			return true
		}
	}
	return false
}

// stacking are scripts that write several signs above and below one letter.
var stacking = []*unicode.RangeTable{
	unicode.Tibetan, unicode.Myanmar, unicode.Khmer, unicode.Tai_Tham, unicode.Balinese, unicode.Javanese,
}
