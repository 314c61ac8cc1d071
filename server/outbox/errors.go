package outbox

import (
	"errors"
	"log/slog"
)

// Permanent marks an error after which trying again is of no use: the entry is parked at once.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return permanent{err}
}

type permanent struct{ error }

// Unwrap returns the error that was marked.
func (p permanent) Unwrap() error { return p.error }

// isPermanent reports whether an error was marked, however it was wrapped.
func isPermanent(err error) bool {
	_, ok := errors.AsType[permanent](err)
	return ok
}

// fault is an error of this package, whose text may be logged.
type fault string

// The faults that end a try.
const (
	errSealed   fault = "the payload cannot be opened"
	errPanicked fault = "the handler panicked"
)

func (f fault) Error() string { return "outbox: " + string(f) }

// LogValue returns the whole text, which has nothing in it that anybody typed.
func (f fault) LogValue() slog.Value { return slog.StringValue(f.Error()) }
