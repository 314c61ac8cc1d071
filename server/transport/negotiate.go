package transport

import (
	"strings"

	"petitiond/server/httpheader"
)

// media is a media type that an answer can have.
type media string

const (
	mediaJSON    media = "application/json"
	mediaGraphQL media = "application/graphql-response+json"
	mediaEvents  media = "text/event-stream"
)

// accepted is what a client accepts: the type of a single answer (empty if none), and whether an event stream is
// accepted.
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

// preference is how much a client wants a media type: first by the quality value, then by how exactly the type was
// named.
type preference struct {
	quality float64
	exact   int
}

// over reports whether p is wanted more than q.
func (p preference) over(q preference) bool {
	return p.quality > q.quality || p.quality == q.quality && p.exact > q.exact
}

// The ways a range can match a type.
const (
	anything = iota + 1
	anySubtype
	exactly
)

// negotiate reads Accept headers. A client that sends none gets application/json; one that wants both types of answers
// equally gets the newer.
func negotiate(headers []string) accepted {
	plain, modern, events, any := preferences(headers)
	if !any {
		return accepted{answer: mediaJSON}
	}
	result := accepted{events: events.quality > 0 && events.exact == exactly}
	switch {
	case modern.quality > 0 && (modern.over(plain) || modern == plain && modern.exact == exactly):
		result.answer = mediaGraphQL
	case plain.quality > 0:
		result.answer = mediaJSON
	}
	return result
}

// preferences returns how much each type is wanted, and whether anything is named at all.
func preferences(headers []string) (plain, modern, events preference, any bool) {
	for element := range httpheader.Elements(headers) {
		any = true
		typ, quality, ok := httpheader.MediaRange(element)
		if !ok {
			continue
		}
		prefer(&plain, mediaJSON, typ, quality)
		prefer(&modern, mediaGraphQL, typ, quality)
		prefer(&events, mediaEvents, typ, quality)
	}
	return plain, modern, events, any
}

// prefer lets the most exact range decide about a type, as RFC 9110 says.
func prefer(p *preference, m media, typ string, quality float64) {
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
