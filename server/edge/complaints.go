package edge

import (
	"context"
	"log/slog"
	"runtime/debug"
	"strings"
)

// complaints is where net/http writes what it has to say, as lines of text. Most of it is what clients do wrong, with
// their addresses: that is passed over. What speaks of a defect of ours is an error, told without the values in it; it
// is written on the goroutine where it happens, so that the stack says where. The listener tells by itself that
// connections cannot be accepted.
type complaints struct{ slog.Handler }

// Enabled takes every line.
func (complaints) Enabled(context.Context, slog.Level) bool { return true }

// Handle logs a line that speaks of us.
func (c complaints) Handle(ctx context.Context, line slog.Record) error {
	for _, defect := range []string{
		"http: panic serving", // outside of ServeHTTP, which tells of its own
		"http: response.WriteHeader on hijacked connection",
		"http: response.Write on hijacked connection",
		"http: superfluous response.WriteHeader call",
		"http: invalid Content-Length",
		"http: WriteHeader called with both Transfer-Encoding",
	} {
		if strings.HasPrefix(line.Message, defect) {
			slog.New(c.Handler).ErrorContext(ctx, "a defect while serving a connection", "what", defect,
				"stack", string(debug.Stack()))
		}
	}
	return nil
}
