package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/netip"
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
	address func(*http.Request) netip.Addr
	memory  *answerbudget.Memory // of long requests
}

// network returns the network of a client, which counts as one address.
func (i *intake) network(r *http.Request) netip.Prefix { return Network(i.address(r)) }

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
	text, err := io.ReadAll(&arriving{
		Reader: http.MaxBytesReader(w, r.Body, i.limits.Body), room: operation.ShortRequest,
		grow: func(from int) (int, error) { return i.grow(r, from) },
	})
	if errors.Is(err, errNoRoom) {
		return nil, fault.NoRoom()
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

// arriving is a body that is being read. It has room for the longest short request, which nearly all are, and for more
// as soon as more has come: what is only announced, or may still follow, takes nothing.
type arriving struct {
	io.Reader

	came, room int
	grow       func(room int) (int, error)
}

// Read implements [io.Reader].
func (a *arriving) Read(into []byte) (int, error) {
	// One byte more shows whether the body is longer than there is room for.
	n, err := a.Reader.Read(into[:min(len(into), a.room+1-a.came)])
	if a.came += n; a.came > a.room {
		var full error
		if a.room, full = a.grow(a.room); full != nil {
			return n, full
		}
	}
	return n, err
}

var errNoRoom = errors.New("transport: the memory for long requests is in use")

// grow takes the memory for twice as much of a request, until it is answered, and returns how much may come now.
func (i *intake) grow(r *http.Request, room int) (int, error) {
	most := int(i.limits.Body)
	if r.ContentLength >= 0 {
		most = int(r.ContentLength)
	}
	more := min(2*room, most)
	n := operation.RequestMemory(more) - operation.RequestMemory(room)
	share := i.memory.Of(i.network(r))
	if !share.Take(n) {
		return 0, errNoRoom
	}
	// The server ends the context of a request when its handler returns, or its client has gone.
	context.AfterFunc(r.Context(), func() { share.Give(n) })
	return more, nil
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
