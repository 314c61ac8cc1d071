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
	mediaParts   media = "multipart/mixed" // with the parameter subscriptionSpec
)

// accepted is what a client accepts: the types of a single answer and of an answer that stays open. Each is empty if
// none is accepted.
type accepted struct {
	answer media
	stream media
}

// refusal returns the type in which to refuse a request.
func (a accepted) refusal() media {
	switch {
	case a.answer != "":
		return a.answer
	case a.stream != "":
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

// negotiable are the types that are chosen from: first those of single answers, and then those of streams, of which the
// last is chosen if several are wanted equally.
var negotiable = [...]media{mediaJSON, mediaGraphQL, mediaParts, mediaEvents}

const answers = 2 // of the negotiable types are those of single answers

// negotiate reads Accept headers. A client that sends none gets application/json; one that wants both types of answers
// equally gets the newer, and one that wants both kinds of streams equally gets events.
func negotiate(headers []string) accepted {
	wanted, any := preferences(headers)
	if !any {
		return accepted{answer: mediaJSON}
	}
	var result accepted
	plain, modern := wanted[0], wanted[1]
	switch {
	// Only a client that names the newer type is known to understand it: to one that takes anything, the older is sent.
	case modern.quality > 0 && (modern.over(plain) || modern == plain && modern.exact == exactly):
		result.answer = mediaGraphQL
	case plain.quality > 0:
		result.answer = mediaJSON
	}
	// A stream must be named: a client that accepts anything does not expect an answer without an end.
	var best preference
	for i, p := range wanted {
		if i >= answers && p.quality > 0 && p.exact == exactly && !best.over(p) {
			result.stream, best = negotiable[i], p
		}
	}
	return result
}

// preferences returns how much each of the negotiable types is wanted, and whether anything is named at all.
func preferences(headers []string) (wanted [len(negotiable)]preference, any bool) {
	for element := range httpheader.Elements(headers) {
		any = true
		typ, params, quality, ok := httpheader.MediaRange(element)
		// Other multipart/mixed is the answer to a query with @defer, which is never sent.
		if !ok || typ == string(mediaParts) && params["subscriptionspec"] != "1.0" {
			continue
		}
		for i, m := range negotiable {
			wanted[i] = wanted[i].with(m, typ, quality)
		}
	}
	return wanted, any
}

// with returns the preference for a type when a further range is considered: the most exact range decides, as RFC 9110
// says.
func (p preference) with(m media, typ string, quality float64) preference {
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
		return preference{quality: quality, exact: exact}
	}
	return p
}
