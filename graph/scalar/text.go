package scalar

import (
	"strings"

	"github.com/99designs/gqlgen/graphql"
)

// MarshalText writes the scalars whose Go type is string: String,
// EmailAddress, CountryCode, Locale, Markdown, HTML and URL.
func MarshalText(s string) graphql.Marshaler {
	// An answer is JSON, which has no place for broken UTF-8.
	return graphql.MarshalString(strings.ToValidUTF8(s, "\uFFFD"))
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
