package operation

import (
	"encoding/json"
	"net/url"
	"strings"

	"petitiond/server/strictjson"
)

// Request is a decoded request for an operation.
type Request struct {
	Query         string // the text of the document, if it is not named in Extensions
	OperationName string
	Variables     map[string]any
	Extensions    map[string]any
	Bytes         int // of its text
}

// ShortRequest is how many bytes a request may have that takes no memory from anybody: hardly one has more, and as the
// number of connections is limited, so is what all of them take.
const ShortRequest = 64 << 10

// RequestMemory returns how many bytes a request takes of the memory that long ones share: none if it is short, else
// its text and what is decoded from it.
func RequestMemory(bytes int) int {
	if bytes <= ShortRequest {
		return 0
	}
	return 2 * bytes
}

// ReadJSON reads a request that is a JSON object.
func (l Limits) ReadJSON(text []byte) (*Request, *Refusal) {
	value, err := l.JSON().Decode(text)
	if err != nil {
		return nil, malformed("The body %v.", err)
	}
	// Limits are for one operation: a batch would multiply them.
	if _, ok := value.([]any); ok {
		return nil, malformed("Send one operation per request: lists of operations are not accepted.")
	}
	given, ok := value.(map[string]any)
	if !ok {
		return nil, malformed("The body %v.", strictjson.ErrNotObject)
	}
	return decodeMembers(given, len(text))
}

// ReadURL reads a request from the query string of a URL.
func (l Limits) ReadURL(text []byte) (*Request, *Refusal) {
	values, err := url.ParseQuery(string(text))
	if err != nil {
		return nil, malformed("The query string of the URL is malformed.")
	}
	given := map[string]any{}
	for _, name := range memberNames {
		parameters := values[name]
		// Of two values a proxy or a cache might take the other one.
		if len(parameters) > 1 {
			return nil, malformed("The URL has %s twice.", name)
		}
		if len(parameters) == 0 || parameters[0] == "" {
			continue
		}
		given[name] = parameters[0]
		if name == "variables" || name == "extensions" {
			if given[name], err = l.JSON().Decode([]byte(parameters[0])); err != nil {
				return nil, malformed("The parameter %s %v.", name, err)
			}
		}
	}
	return decodeMembers(given, len(text))
}

// memberNames are what a request may have, by the specification and its draft on persisted documents.
var memberNames = []string{"query", "operationName", "variables", "extensions", "documentId"}

// maxUnknown is how many bytes the members may have that are ignored.
const maxUnknown = 4 << 10

// decodeMembers reads the members of a request. Others are ignored, as most servers do, since clients send notes of
// their own beside them; but not what takes room, nor what is probably a known name misspelt: a request that does
// something else than was meant is worse than none.
func decodeMembers(given map[string]any, bytes int) (*Request, *Refusal) {
	request, id, unknown := &Request{Bytes: bytes}, "", 0
	for name, value := range given {
		var ok bool
		switch name {
		case "query":
			request.Query, ok = optional[string](value)
		case "operationName":
			request.OperationName, ok = optional[string](value)
		case "variables":
			request.Variables, ok = object(value)
		case "extensions":
			request.Extensions, ok = object(value)
		case "documentId":
			id, ok = optional[string](value)
		default:
			ok, unknown = true, unknown+len(name)+size(value)
		}
		if !ok {
			return nil, malformed("The member %s has the wrong type: query, documentId and operationName are strings, variables and extensions objects.", name)
		}
	}
	r := checkUnknown(given, unknown)
	if r == nil {
		r = request.withDocumentID(id)
	}
	if r == nil && request.Query == "" && request.Extensions["persistedQuery"] == nil {
		r = noDocument()
	}
	return request, r
}

// checkUnknown refuses members that are not ignored: a name that begins like one of ours, in capitals or small letters,
// or more bytes of them than maxUnknown.
func checkUnknown(given map[string]any, bytes int) *Refusal {
	for name := range given {
		for _, known := range memberNames {
			if name != known && len(name) >= len(known) && strings.EqualFold(name[:len(known)], known) {
				return malformed("A member of the request begins like %s. Write %s, or choose another name.", known, known)
			}
		}
	}
	if bytes > maxUnknown {
		return malformed("The members of a request besides %s may have at most %d bytes together.", strings.Join(memberNames, ", "), maxUnknown)
	}
	return nil
}

// size returns the length of a decoded value as JSON.
func size(value any) int {
	text, _ := json.Marshal(value) // what was decoded can be encoded
	return len(text)
}

// object converts a value that must be an object or null. An empty list is an object without members, too: PHP writes
// every empty array as one.
func object(value any) (map[string]any, bool) {
	if list, ok := value.([]any); ok && len(list) == 0 {
		return nil, true
	}
	return optional[map[string]any](value)
}

// optional converts a value that must be of type T or null.
func optional[T any](value any) (result T, ok bool) {
	if value == nil {
		return result, true
	}
	result, ok = value.(T)
	return result, ok
}
