package text

import (
	"strings"

	"golang.org/x/text/language"
)

const (
	// localeMax is what RFC 5646, section 4.4.1, asks applications to hold.
	localeMax   = 35
	faultLocale = "The language must be a BCP 47 tag, such as en, pt-BR or zh-Hant."
)

// CheckLocale gives a language tag in its canonical form. A tag that names no
// language is refused, save und alone: it is what the API itself answers where
// nobody said a language, so it must be taken back.
func CheckLocale(s string) (tag, fault string) {
	if strings.EqualFold(s, language.Und.String()) {
		return language.Und.String(), ""
	}
	// The parser takes the underscore of POSIX locales for a hyphen.
	if len(s) > localeMax || strings.Contains(s, "_") {
		return "", faultLocale
	}
	parsed, err := language.BCP47.Parse(s)
	if err != nil {
		return "", faultLocale
	}
	if base, _, _ := parsed.Raw(); base.String() == language.Und.String() {
		return "", faultLocale
	}
	if tag = parsed.String(); len(tag) > localeMax {
		return "", faultLocale
	}
	return tag, ""
}
