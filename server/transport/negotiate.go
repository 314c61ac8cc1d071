package transport

import (
	"mime"
	"strconv"
	"strings"
)

// media is a type that an answer can have.
type media string

const (
	mediaJSON    media = "application/json"
	mediaGraphQL media = "application/graphql-response+json"
	mediaEvents  media = "text/event-stream"
)

// accepted is what a client would read: an answer of this type (or none), and
// whether a stream of events.
type accepted struct {
	answer media
	events bool
}

// refusal returns the type in which to refuse a request.
func (a accepted) refusal() media {
	switch {
	case a.answer != "":
		return a.answer
	case a.events:
		return mediaGraphQL
	default:
		return mediaJSON
	}
}

// preference is how much a client wants a media type: by its own number first,
// then by how exactly it named it.
type preference struct {
	quality float64
	exact   int
}

func (p preference) over(q preference) bool {
	return p.quality > q.quality || p.quality == q.quality && p.exact > q.exact
}

// The ways a range can match a type.
const (
	anything = iota + 1
	anySubtype
	exactly
)

// negotiate reads Accept headers. Without one the client reads JSON as it
// always was; one that names both answers alike gets the newer.
func negotiate(headers []string) accepted {
	accept := strings.Join(headers, ",")
	if strings.Trim(accept, ", \t") == "" {
		return accepted{answer: mediaJSON}
	}
	plain, modern, events := preferences(accept)
	result := accepted{events: events.quality > 0 && events.exact == exactly}
	switch {
	case modern.quality > 0 && (modern.over(plain) || modern == plain && modern.exact == exactly):
		result.answer = mediaGraphQL
	case plain.quality > 0:
		result.answer = mediaJSON
	}
	return result
}

func preferences(accept string) (plain, modern, events preference) {
	for entry := range strings.SplitSeq(accept, ",") {
		typ, quality, ok := mediaRange(entry)
		if !ok {
			continue
		}
		weigh(&plain, mediaJSON, typ, quality)
		weigh(&modern, mediaGraphQL, typ, quality)
		weigh(&events, mediaEvents, typ, quality)
	}
	return plain, modern, events
}

// weigh lets the most exact range decide about a type, as RFC 9110 says.
func weigh(p *preference, m media, typ string, quality float64) {
	exact := 0
	family, _, _ := strings.Cut(string(m), "/")
	switch typ {
	case string(m):
		exact = exactly
	case family + "/*":
		exact = anySubtype
	case "*/*":
		exact = anything
	}
	if exact > p.exact {
		*p = preference{quality: quality, exact: exact}
	}
}

// mediaRange reads one entry of an Accept header. What cannot be read, or
// demands another character set than UTF-8, matches nothing.
func mediaRange(entry string) (typ string, quality float64, ok bool) {
	typ, params, err := mime.ParseMediaType(entry)
	if err != nil || !utf8Charset(params) {
		return "", 0, false
	}
	quality = 1
	if q, given := params["q"]; given {
		quality, err = strconv.ParseFloat(q, 64)
		if err != nil || !(quality >= 0 && quality <= 1) {
			return "", 0, false
		}
	}
	return typ, quality, true
}

// utf8Charset reports whether the parameters of a media type leave it UTF-8.
func utf8Charset(params map[string]string) bool {
	charset, given := params["charset"]
	return !given || strings.EqualFold(charset, "utf-8") || strings.EqualFold(charset, "utf8")
}
