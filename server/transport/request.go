package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"slices"
	"strings"

	"petitiond/server/answerbudget"
	"petitiond/server/errcode"
	"petitiond/server/httpheader"
	"petitiond/server/operation"
	"petitiond/server/transport/credential"
	"petitiond/server/transport/fault"
)

// intake reads requests and checks what they ask for.
type intake struct {
	judge   *operation.Judge
	limits  Limits
	origins *origins
	memory  *answerbudget.Memory // of long requests
}

// prepare returns the operation that a request asks for.
func (i *intake) prepare(request *operation.Request) (*operation.Operation, *fault.Fault) {
	op, r := i.judge.Prepare(request)
	return op, fault.Of(r)
}

// read returns the text that holds the parameters of an operation: the body, or the query string of the URL.
func (i *intake) read(w http.ResponseWriter, r *http.Request) ([]byte, *fault.Fault) {
	if r.Method == http.MethodPost {
		if f := i.checkBody(r.Header, r.ContentLength); f != nil {
			return nil, f
		}
		return i.readBody(w, r)
	}
	if most := min(i.limits.Body, operation.ShortRequest); int64(len(r.URL.RawQuery)) > most { // it has taken no memory
		return nil, requestTooLarge(most)
	}
	return []byte(r.URL.RawQuery), nil
}

// decode reads the parameters of an operation.
func (i *intake) decode(method string, text []byte) (*operation.Request, *fault.Fault) {
	read := i.limits.ReadURL
	if method == http.MethodPost {
		read = i.limits.ReadJSON
	}
	request, r := read(text)
	return request, fault.Of(r)
}

// checkBody checks a body's headers before any of it is read.
func (i *intake) checkBody(h http.Header, length int64) *fault.Fault {
	const message = "Send the body as application/json in UTF-8, without Content-Encoding."
	// Joined by a comma, two Content-Type headers are no valid media type and are refused: a proxy might take the one
	// for the type of the body, and we the other.
	typ, params, err := mime.ParseMediaType(strings.Join(h.Values("Content-Type"), ","))
	encoding := strings.Join(h.Values("Content-Encoding"), ",")
	switch {
	case err != nil, typ != string(mediaJSON), !httpheader.IsUTF8(params), encoding != "" && !strings.EqualFold(encoding, "identity"):
		return fault.New(http.StatusUnsupportedMediaType, errcode.UnsupportedMediaType, message)
	case length > i.limits.Body:
		return requestTooLarge(i.limits.Body)
	default:
		return nil
	}
}

// readBody reads a body, which may be chunked, up to the limit of its size. The HTTP server limits the time.
func (i *intake) readBody(w http.ResponseWriter, r *http.Request) ([]byte, *fault.Fault) {
	body := http.MaxBytesReader(w, r.Body, i.limits.Body)
	// Hardly a body is longer. Only one that is asks for memory, and before the rest of it is read.
	text, err := io.ReadAll(io.LimitReader(body, operation.ShortRequest+1))
	if err == nil && len(text) > operation.ShortRequest {
		if !i.hold(r) {
			return nil, fault.NoRoom()
		}
		var rest []byte
		rest, err = io.ReadAll(body)
		text = append(text, rest...)
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, requestTooLarge(i.limits.Body)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil, fault.New(http.StatusRequestTimeout, errcode.BadRequest, "The body took too long to arrive.")
	}
	if err != nil {
		return nil, fault.New(http.StatusBadRequest, errcode.BadRequest, "The body ended too early.")
	}
	return text, nil
}

// hold takes the memory for a long request until it is answered, and reports whether there was enough.
func (i *intake) hold(r *http.Request) bool {
	n := int(r.ContentLength)
	if n < 0 {
		n = int(i.limits.Body) // it is chunked, and may be as long
	}
	n = operation.RequestMemory(n)
	if !i.memory.Take(n) {
		return false
	}
	// The server ends the context of a request when its handler returns.
	context.AfterFunc(r.Context(), func() { i.memory.Give(n) })
	return true
}

// requestTooLarge refuses a body, or a query string.
func requestTooLarge(most int64) *fault.Fault {
	message := fmt.Sprintf("The request is larger than %d bytes.", most)
	return fault.New(http.StatusRequestEntityTooLarge, errcode.PayloadTooLarge, message)
}

// identify finds whose credential a request carries. A request without one is anonymous; one with an unreadable
// credential is refused, or with one where it does not belong.
func identify(a *credential.Authority, r *http.Request) (credential.Identity, *fault.Fault) {
	if hasCredential(r.URL.RawQuery) {
		return credential.Identity{}, fault.Malformed("Send no credential in the address, which is kept in logs: send it in the header " +
			"Authorization: Bearer SECRET, or over a WebSocket in the payload of connection_init.")
	}
	switch values := r.Header.Values("Authorization"); len(values) {
	case 0:
		return credential.None(r.Context()), nil
	case 1:
		return a.Authorize(r.Context(), values[0])
	default:
		return credential.Identity{}, fault.Denied()
	}
}

// credentialParameters are the names by which clients put credentials into addresses.
var credentialParameters = []string{
	"access_token", "accessToken", "auth_token", "authToken", "edit_token", "editToken", "api_key", "apiKey", "authorization", "bearer",
}

// hasCredential reports whether the query of an address has a parameter for a credential. If it were ignored, the
// client would wonder why it is anonymous.
func hasCredential(query string) bool {
	for query != "" {
		var pair string
		pair, query, _ = strings.Cut(query, "&")
		name, _, _ := strings.Cut(pair, "=")
		if slices.ContainsFunc(credentialParameters, func(p string) bool { return strings.EqualFold(p, name) }) {
			return true
		}
	}
	return false
}
