package text

import (
	"strings"

	"golang.org/x/text/language"
)

const (
	// localeMax is the length that RFC 5646, section 4.4.1, requires applications to support.
	localeMax   = 35
	faultLocale = "The language must be a BCP 47 tag, such as en, pt-BR or zh-Hant."
)

// CheckLocale returns a language tag in its canonical form. A tag without a language is refused, except for "und": the
// API returns that itself where no language was given, so it must accept it, too.
func CheckLocale(s string) (tag, fault string) {
	if strings.EqualFold(s, language.Und.String()) {
		return language.Und.String(), ""
	}
	// The parser accepts the underscore of POSIX locales as a hyphen.
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
