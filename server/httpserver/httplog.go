package httpserver

import (
	"context"
	"log/slog"
	"runtime/debug"
	"strings"
)

// httpLog receives the log lines of net/http, which are plain text. Most of them are about mistakes of clients and
// contain their addresses: these are dropped. A line about a defect of this program is logged as an error, without its
// values, and with the stack: net/http logs on the goroutine that has the defect, so the stack shows where it is. That
// connections cannot be accepted is not handled here, but logged by the listener.
type httpLog struct{ slog.Handler }

// Enabled accepts every line.
func (httpLog) Enabled(context.Context, slog.Level) bool { return true }

// Handle logs a line if it is about a defect of ours.
func (c httpLog) Handle(ctx context.Context, line slog.Record) error {
	for _, defect := range []string{
		"http: panic serving", // outside ServeHTTP, which reports panics of handlers itself
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
