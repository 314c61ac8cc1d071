package petitioning

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"petitiond/server/errcode"
)

// Code says what kind of fault an Error is. The values are those of the contract's UserErrorCode; some are codes of
// other errors, too.
type Code string

// The codes.
const (
	Invalid             Code = "INVALID"
	NotFound            Code = errcode.NotFound
	Forbidden           Code = errcode.Forbidden
	WrongState          Code = "WRONG_STATE"
	VersionConflict     Code = "VERSION_CONFLICT"
	RateLimited         Code = errcode.RateLimited
	ChallengeRequired   Code = "CHALLENGE_REQUIRED"
	IdempotencyMismatch Code = "IDEMPOTENCY_MISMATCH"
	TokenInvalid        Code = "TOKEN_INVALID"
	Unavailable         Code = errcode.Unavailable
	OutcomeUnknown      Code = errcode.OutcomeUnknown
)

// Error is an error that the caller can correct. Message is a sentence for people and quotes nothing of the input;
// programs read Code and Field.
type Error struct {
	Code       Code
	Message    string
	Field      []string      // path to the argument, such as input, email; nil if no single one is at fault
	RetryAfter time.Duration // zero: unknown
}

// Error returns the code and the message.
func (e *Error) Error() string { return string(e.Code) + ": " + e.Message }

// LogValue returns the same: nothing in it is from the input.
func (e *Error) LogValue() slog.Value { return slog.StringValue(e.Error()) }

// Errors are all the faults of one request.
type Errors []*Error

// Error joins the faults.
func (e Errors) Error() string {
	parts := make([]string, len(e))
	for i, one := range e {
		parts[i] = one.Error()
	}
	return strings.Join(parts, "; ")
}

// Faults returns the errors in err that the caller can correct, or nil if err is of another kind.
func Faults(err error) Errors {
	if many := Errors(nil); errors.As(err, &many) {
		return many
	}
	if one := (*Error)(nil); errors.As(err, &one) {
		return Errors{one}
	}
	return nil
}

// errorf makes an error. What it formats is never from the input: messages are logged and shown as they are.
func errorf(code Code, field []string, format string, args ...any) *Error {
	return &Error{Code: code, Field: field, Message: fmt.Sprintf(format, args...)}
}

// faults collects everything that is wrong with an input, to report it at once.
type faults struct {
	list Errors
	root []string // path of the fields, such as input
}

// inInput collects faults of the argument named input.
func inInput() *faults { return &faults{root: []string{"input"}} }

// field returns the path of a field of this input.
func (f *faults) field(path ...string) []string { return append(slices.Clone(f.root), path...) }

// add adds a fault; an empty text is none.
func (f *faults) add(fault string, path ...string) {
	if fault != "" {
		f.list = append(f.list, errorf(Invalid, f.field(path...), "%s", fault))
	}
}

func (f *faults) addError(err *Error) { f.list = append(f.list, err) }

// err returns the faults as an error, or nil if there are none.
func (f *faults) err() error {
	if len(f.list) == 0 {
		return nil
	}
	return f.list
}
