// Package requestid gives each request an id, by which everything that is logged about it can be found.
package requestid

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
)

// Header is X-Request-ID in net/http's canonical form, which saves converting it for every request.
const Header = "X-Request-Id"

type key struct{}

// With returns a context that carries the id of a request.
func With(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, key{}, id)
}

// ID returns the id of the request that ctx belongs to, or "".
func ID(ctx context.Context) string {
	id, _ := ctx.Value(key{}).(string)
	return id
}

// Of returns the id that a proxy gave the request if it is safe to write to a log and a header, or else a new one.
func Of(r *http.Request) string {
	id := r.Header.Get(Header)
	harmless := func(c rune) bool {
		return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("._-", c)
	}
	if id == "" || len(id) > 64 || strings.ContainsFunc(id, func(c rune) bool { return !harmless(c) }) {
		return New()
	}
	return id
}

// New returns a new random id.
func New() string { return rand.Text() }

// LogPanic logs where a panic happened; it must be called on the panicking goroutine. The value may contain anything,
// personal data included, so only its type is logged.
func LogPanic(ctx context.Context, log *slog.Logger, v any) {
	log.ErrorContext(ctx, "panic while answering a request",
		"request_id", ID(ctx), "type", fmt.Sprintf("%T", v), "stack", string(debug.Stack()))
}
