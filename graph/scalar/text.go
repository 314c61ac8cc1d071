package scalar

import (
	"io"
	"strings"
	"unicode/utf8"

	"github.com/99designs/gqlgen/graphql"
)

// MarshalText writes the scalars whose Go type is string: String,
// EmailAddress, CountryCode, Locale, Markdown, HTML and URL.
func MarshalText(s string) graphql.Marshaler { return text(s) }

type text string

// MarshalGQL writes the text as a JSON string.
func (t text) MarshalGQL(w io.Writer) {
	if needsNoEscape(string(t)) {
		_, _ = io.WriteString(w, `"`)
		_, _ = io.WriteString(w, string(t))
		_, _ = io.WriteString(w, `"`)
		return
	}
	// An answer is JSON, which has no place for broken UTF-8.
	graphql.MarshalString(strings.ToValidUTF8(string(t), "\uFFFD")).MarshalGQL(w)
}

// needsNoEscape reports whether a text is ASCII of which JSON escapes nothing.
func needsNoEscape(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// UnmarshalText takes any string: whether it is a country or an address is for
// the domain to say, with all other faults of the input at once. Numbers,
// booleans, lists and objects are an [Error].
func UnmarshalText(v any) (string, error) {
	s, ok := v.(string)
	if !ok {
		return "", Error("The value must be a string.")
	}
	return s, nil
}
