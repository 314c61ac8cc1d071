package text

import (
	"strings"
	"unicode"

	"golang.org/x/net/idna"
	"golang.org/x/net/publicsuffix"
	"golang.org/x/text/unicode/norm"
)

const (
	nameMin, nameMax = 1, 100

	// marksPerLetter is what living scripts need; more are meant to spill into neighbouring lines.
	marksPerLetter = 3
)

// CheckName cleans the public name of a signatory, a petitioner or the author of a comment. Look-alike letters of other
// scripts are accepted: they are a matter for moderation, since any rule would refuse real names.
func CheckName(s string) (clean, fault string) {
	clean, fault = CheckLine(s, "The name", nameMin, nameMax)
	if fault == "" {
		fault = nameFault(clean)
	}
	if fault != "" {
		return "", fault
	}
	return clean, ""
}

func nameFault(name string) string {
	switch {
	case hasHidden(name):
		return "The name must not contain invisible characters."
	case startsFormula(name):
		return "The name must not begin with -, =, + or @."
	case hasLink(name):
		return "The name must not contain a link; put a space behind a full stop."
	case hasPiledMarks(name):
		return "The name must not have more than 3 combining marks on one letter."
	case !strings.ContainsFunc(name, isLetterOrDigit):
		return "The name must contain at least one letter or digit."
	}
	return ""
}

func isLetterOrDigit(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsNumber(r)
}

// startsFormula looks through compatibility forms: spreadsheets treat the full-width signs as the plain ones.
func startsFormula(name string) bool {
	return strings.IndexAny(norm.NFKC.String(name), "-=+@") == 0
}

// hasHidden reports whether there are invisible characters, except for joiners between letters of scripts that spell
// names with them, and variation selectors, which only choose the look of the character before them.
func hasHidden(name string) bool {
	runes := []rune(name)
	for i, r := range runes {
		if !isInvisible(r) || unicode.Is(unicode.Variation_Selector, r) {
			continue
		}
		within := i > 0 && i < len(runes)-1
		if !within || !isJoiner(r) || !usesJoiners(runes[i-1]) || !usesJoiners(runes[i+1]) {
			return true
		}
	}
	return false
}

func isJoiner(r rune) bool {
	return r == '\u200C' || r == '\u200D'
}

// usesJoiners reports whether r is of a script for which IDNA allows joiners in context.
func usesJoiners(r rune) bool {
	return unicode.In(r, unicode.Arabic, unicode.Syriac, unicode.Devanagari, unicode.Bengali, unicode.Gurmukhi, unicode.Gujarati,
		unicode.Oriya, unicode.Tamil, unicode.Telugu, unicode.Kannada, unicode.Malayalam, unicode.Sinhala)
}

// hasPiledMarks reports whether too many combining marks are on one letter. Spacing vowel signs do not count, since
// they cannot pile up.
func hasPiledMarks(name string) bool {
	marks := 0
	for _, r := range name {
		if !unicode.In(r, unicode.Mn, unicode.Me) {
			marks = 0
			continue
		}
		if marks++; marks > marksPerLetter {
			return true
		}
	}
	return false
}

// hasLink reports whether there is a web or e-mail address, with or without a scheme.
func hasLink(name string) bool {
	name = strings.ToLower(norm.NFKC.String(name))
	for _, sign := range []string{"://", "http:", "https:", "mailto:", "www."} {
		if strings.Contains(name, sign) {
			return true
		}
	}
	for name != "" {
		start := strings.IndexFunc(name, isHostRune)
		if start < 0 {
			return false
		}
		name = name[start:]
		end := strings.IndexFunc(name, func(r rune) bool { return !isHostRune(r) })
		if end < 0 {
			end = len(name)
		}
		if looksLikeHost(strings.Trim(name[:end], ".-"), strings.HasPrefix(name[end:], "/")) {
			return true
		}
		name = name[end:]
	}
	return false
}

func isHostRune(r rune) bool {
	return isLetterOrDigit(r) || unicode.IsMark(r) || r == '-' || r == '.'
}

// looksLikeHost reports whether a word ends in a public suffix. Some surnames after initials and titles are public
// suffixes, too (J.Wang, Dr.Li), so without a path the label before the suffix must be longer.
func looksLikeHost(word string, withPath bool) bool {
	ascii, err := idna.Punycode.ToASCII(word)
	if err != nil || !strings.Contains(ascii, ".") {
		return false
	}
	if withPath {
		return len(ascii)-strings.LastIndexByte(ascii, '.') > 2
	}
	suffix, registered := publicsuffix.PublicSuffix(ascii)
	if !registered && !strings.Contains(suffix, ".") {
		return false
	}
	labels := strings.Split(strings.TrimSuffix(ascii, "."+suffix), ".")
	least := 3
	if len(suffix) == 2 {
		least = 4
	}
	return len(labels[len(labels)-1]) >= least
}
