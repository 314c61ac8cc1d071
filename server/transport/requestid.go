package transport

import (
	"context"
	"crypto/rand"
	"net/http"
	"strings"
)

// requestIDHeader is X-Request-ID as net/http keeps it: it need not write it anew for every request.
const requestIDHeader = "X-Request-Id"

type requestIDKey struct{}

// WithRequestID returns a context that carries the id of a request.
func WithRequestID(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, requestIDKey{}, id)
}

// RequestIDFrom returns the id of the request that ctx belongs to, or nothing.
func RequestIDFrom(ctx context.Context) string {
	id, _ := ctx.Value(requestIDKey{}).(string)
	return id
}

// requestID takes the id that a proxy gave the request if it is harmless in a
// log and in a header, else makes one.
func requestID(r *http.Request) string {
	id := r.Header.Get(requestIDHeader)
	harmless := func(c rune) bool {
		return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("._-", c)
	}
	if id == "" || len(id) > 64 || strings.ContainsFunc(id, func(c rune) bool { return !harmless(c) }) {
		return newRequestID()
	}
	return id
}

func newRequestID() string { return rand.Text() }
