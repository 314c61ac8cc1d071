package text

import (
	"encoding/base32"
	"strings"

	"github.com/gosimple/slug"
)

// What slugs are made of.
const (
	SlugMax         = 80
	slugFallback    = "petition"
	SlugSuffixBytes = 5 // 40 random bits are 8 characters of base32
	slugAlphabet    = "abcdefghijklmnopqrstuvwxyz234567"
)

// SlugOf gives the readable part of a petition's web address: ASCII words
// joined by single hyphens, whatever the script of the title.
func SlugOf(title string) string {
	// Cut here, since the library would be told its limit by a variable that
	// the whole process shares.
	words := strings.FieldsFunc(slug.Make(title), func(r rune) bool { return r == '-' || r == '_' })
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

// SlugWithSuffix tells a slug from its namesakes by 8 characters made of the
// first five bytes of random.
func SlugWithSuffix(slug string, random []byte) string {
	return slug + "-" + base32.NewEncoding(slugAlphabet).EncodeToString(random[:SlugSuffixBytes])
}
