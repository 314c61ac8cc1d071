package operation

import (
	"net/url"

	"petitiond/server/strictjson"
)

// Request is a decoded request for an operation.
type Request struct {
	Query         string // the text of the document, if it is not named in Extensions
	OperationName string
	Variables     map[string]any
	Extensions    map[string]any
}

// ReadJSON reads a request that is a JSON object.
func (l Limits) ReadJSON(text []byte) (*Request, *Refusal) {
	value, err := l.JSON().Decode(text)
	if err != nil {
		return nil, malformed("The body %v.", err)
	}
	if _, ok := value.([]any); ok {
		return nil, malformed("Send one operation per request: lists of operations are not accepted.")
	}
	members, ok := value.(map[string]any)
	if !ok {
		return nil, malformed("The body %v.", strictjson.ErrNotObject)
	}
	return decodeMembers(members)
}

// ReadURL reads a request from the query string of a URL.
func (l Limits) ReadURL(text []byte) (*Request, *Refusal) {
	values, err := url.ParseQuery(string(text))
	if err != nil {
		return nil, malformed("The query string of the URL is malformed.")
	}
	members := map[string]any{}
	for _, name := range []string{"query", "operationName", "variables", "extensions", "documentId"} {
		given := values[name]
		if len(given) > 1 {
			return nil, malformed("The URL has %s twice.", name)
		}
		if len(given) == 0 || given[0] == "" {
			continue
		}
		members[name] = given[0]
		if name == "variables" || name == "extensions" {
			if members[name], err = l.JSON().Decode([]byte(given[0])); err != nil {
				return nil, malformed("The parameter %s %v.", name, err)
			}
		}
	}
	return decodeMembers(members)
}

// decodeMembers checks the members of a request. Members are refused that neither the specification nor its draft on
// persisted documents defines: additional data belongs in extensions.
func decodeMembers(members map[string]any) (*Request, *Refusal) {
	request, id := &Request{}, ""
	for name, value := range members {
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
			return nil, malformed("A request has the members query or documentId, operationName, variables and extensions, and no other.")
		}
		if !ok {
			return nil, malformed("The member %s has the wrong type: query, documentId and operationName are strings, variables and extensions objects.", name)
		}
	}
	if r := request.withDocumentID(id); r != nil {
		return nil, r
	}
	if request.Query == "" && request.Extensions["persistedQuery"] == nil {
		return nil, noDocument()
	}
	return request, nil
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
