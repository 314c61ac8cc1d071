package scalar

import (
	"io"
	"regexp"
	"strings"
	"time"

	"github.com/99designs/gqlgen/graphql"
)

const errDateTime = Error("A DateTime must be a date and time with an offset as RFC 3339 writes it, such as 2022-08-28T15:21:28Z.")

// dateTime is the form that time.Parse is too lenient about: it takes a comma
// before the fraction, hours of one digit and offsets beyond a day.
var dateTime = regexp.MustCompile(`^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)$`)

// MarshalDateTime writes an instant in UTC, cut to microseconds, with as many
// digits of a second's fraction as it needs.
func MarshalDateTime(t time.Time) graphql.Marshaler {
	text := t.UTC().Truncate(time.Microsecond).Format(time.RFC3339Nano)
	return graphql.WriterFunc(func(w io.Writer) {
		_, _ = io.WriteString(w, `"`+text+`"`)
	})
}

// UnmarshalDateTime takes a date and time of RFC 3339 between the years 1 and
// 9999 and returns it in UTC, cut to microseconds. As scalars.graphql.org
// demands, the offset must be known: -00:00 is refused. A blank text, which
// forms send of a field that nobody filled in, becomes the zero time; the text
// of that moment is refused.
func UnmarshalDateTime(v any) (time.Time, error) {
	text, ok := v.(string)
	if ok && strings.TrimSpace(text) == "" {
		return time.Time{}, nil
	}
	if !ok || !dateTime.MatchString(text) || strings.HasSuffix(text, "-00:00") {
		return time.Time{}, errDateTime
	}
	t, err := time.Parse(time.RFC3339Nano, strings.ToUpper(text))
	if err != nil {
		return time.Time{}, errDateTime
	}
	t = t.UTC().Truncate(time.Microsecond)
	if t.Year() < 1 || t.Year() > 9999 || t.IsZero() {
		return time.Time{}, errDateTime
	}
	return t, nil
}
