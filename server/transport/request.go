package transport

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/99designs/gqlgen/graphql"

	"petitiond/server/transport/strict"
)

// read gives the text in which the parameters of an operation stand: the body, or the query string of the URL.
func (t *Transport) read(w http.ResponseWriter, r *http.Request) ([]byte, *fault) {
	if r.Method == http.MethodPost {
		if f := t.checkBody(r.Header, r.ContentLength); f != nil {
			return nil, f
		}
		return t.readBody(w, r)
	}
	if int64(len(r.URL.RawQuery)) > t.limits.Body {
		return nil, t.tooLarge()
	}
	return []byte(r.URL.RawQuery), nil
}

// decode reads the parameters of an operation.
func (t *Transport) decode(method string, text []byte) (*graphql.RawParams, *fault) {
	if method == http.MethodPost {
		return decodeBody(text, t.limits.json())
	}
	return t.decodeQuery(string(text))
}

// checkBody judges a body by its headers, before a byte of it is read.
func (t *Transport) checkBody(header http.Header, length int64) *fault {
	const message = "Send the body as application/json in UTF-8, without Content-Encoding."
	// Two lines of a header are one with a comma, which no media type has: what a proxy takes for the type of a body
	// must not differ from what we do.
	typ, params, err := mime.ParseMediaType(strings.Join(header.Values("Content-Type"), ","))
	encoding := strings.Join(header.Values("Content-Encoding"), ",")
	switch {
	case err != nil, typ != string(mediaJSON), !utf8Charset(params), encoding != "" && !strings.EqualFold(encoding, "identity"):
		return refusal(http.StatusUnsupportedMediaType, unsupportedMediaType, message)
	case length > t.limits.Body:
		return t.tooLarge()
	default:
		return nil
	}
}

// readBody reads a body that may be chunked, within a limit of size. The server limits the time.
func (t *Transport) readBody(w http.ResponseWriter, r *http.Request) ([]byte, *fault) {
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, t.limits.Body))
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, t.tooLarge()
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil, refusal(http.StatusRequestTimeout, badRequest, "The body took too long to arrive.")
	}
	if err != nil {
		return nil, refusal(http.StatusBadRequest, badRequest, "The body ended too early.")
	}
	return text, nil
}

func (t *Transport) tooLarge() *fault {
	message := fmt.Sprintf("The request is larger than %d bytes.", t.limits.Body)
	return refusal(http.StatusRequestEntityTooLarge, payloadTooLarge, message)
}

func decodeBody(text []byte, limits strict.Limits) (*graphql.RawParams, *fault) {
	value, err := decodeJSON(text, limits)
	if err != nil {
		return nil, malformed("The body %v.", err)
	}
	if _, ok := value.([]any); ok {
		return nil, malformed("Send one operation a request: lists of operations are not taken.")
	}
	members, ok := value.(map[string]any)
	if !ok {
		return nil, malformed("The body %v.", strict.ErrNotObject)
	}
	return decodeMembers(members)
}

// decodeQuery reads the parameters of a GET request.
func (t *Transport) decodeQuery(text string) (*graphql.RawParams, *fault) {
	values, err := url.ParseQuery(text)
	if err != nil {
		return nil, malformed("The query string of the URL is not well formed.")
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
			if members[name], err = decodeJSON([]byte(given[0]), t.limits.json()); err != nil {
				return nil, malformed("The parameter %s %v.", name, err)
			}
		}
	}
	return decodeMembers(members)
}

// decodeMembers checks the members of a request. What neither the
// specification names nor its draft of persisted documents is refused:
// extensions is the place for more.
func decodeMembers(members map[string]any) (*graphql.RawParams, *fault) {
	params, id := &graphql.RawParams{}, ""
	for name, value := range members {
		var ok bool
		switch name {
		case "query":
			params.Query, ok = optional[string](value)
		case "operationName":
			params.OperationName, ok = optional[string](value)
		case "variables":
			params.Variables, ok = optional[map[string]any](value)
		case "extensions":
			params.Extensions, ok = optional[map[string]any](value)
		case "documentId":
			id, ok = optional[string](value)
		default:
			return nil, malformed("A request has the members query or documentId, operationName, variables and extensions, and no other.")
		}
		if !ok {
			return nil, malformed("The member %s has the wrong type: query, documentId and operationName are strings, variables and extensions objects.", name)
		}
	}
	if f := withDocumentID(params, id); f != nil {
		return nil, f
	}
	if params.Query == "" && params.Extensions["persistedQuery"] == nil {
		return nil, noDocument()
	}
	return params, nil
}

// optional takes a value of type T or null.
func optional[T any](value any) (result T, ok bool) {
	if value == nil {
		return result, true
	}
	result, ok = value.(T)
	return result, ok
}

func malformed(format string, args ...any) *fault {
	return refusal(http.StatusBadRequest, badRequest, fmt.Sprintf(format, args...))
}
