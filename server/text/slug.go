package text

import (
	"encoding/base32"
	"strings"

	"github.com/gosimple/slug"
	"golang.org/x/text/language"
)

// How long slugs may be, and what they are made of.
const (
	SlugMax         = 80
	slugFallback    = "petition"
	SlugSuffixBytes = 5 // 40 random bits are 8 characters of base32
	// In small letters, since SlugMeant lowers what is typed.
	slugAlphabet = "abcdefghijklmnopqrstuvwxyz234567"
)

// SlugOf returns the readable part of a petition's web address: ASCII words joined by single hyphens, whatever the
// script of the title. The language, a tag of BCP 47, decides how & is read and letters are spelt: ü is ue in German,
// and u in Turkish. Languages that the library does not know are treated as English.
func SlugOf(title, tag string) string {
	base, _ := language.Make(tag).Base()
	// Cut here, since the library has its limit in a global variable.
	words := strings.FieldsFunc(slug.MakeLang(title, base.String()), func(r rune) bool { return r == '-' || r == '_' })
	if len(words) == 0 {
		return slugFallback
	}
	short := words[0][:min(len(words[0]), SlugMax)]
	for _, word := range words[1:] {
		if len(short)+len("-")+len(word) > SlugMax {
			break
		}
		short += "-" + word
	}
	return short
}

// SlugMeant returns the slug that somebody means: addresses are copied in capitals, and out of sentences with the full
// stop or the bracket behind them. Slugs have small letters and digits at both ends, so no two are meant by one text.
func SlugMeant(typed string) string {
	return strings.TrimFunc(strings.ToLower(typed), func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') })
}

// SlugWithSuffix makes a slug unique with 8 characters made of the first five bytes of random.
func SlugWithSuffix(slug string, random []byte) string {
	return slug + "-" + base32.NewEncoding(slugAlphabet).EncodeToString(random[:SlugSuffixBytes])
}
