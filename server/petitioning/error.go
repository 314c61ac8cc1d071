package petitioning

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"petitiond/server/errcode"
)

// Code says what kind of fault an Error is. The values are those of the contract's UserErrorCode;
// some are codes of other errors, too.
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

// Error is one fault that the caller can mend. Message is a sentence for people and echoes nothing of the
// input; programs read Code and Field.
type Error struct {
	Code       Code
	Message    string
	Field      []string      // path to the argument, such as input, email; nil if no single one is at fault
	RetryAfter time.Duration // zero: unknown
}

// Error gives the code and the message.
func (e *Error) Error() string { return string(e.Code) + ": " + e.Message }

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

// Faults gives the mendable faults that err is made of, or nil where it is of another kind.
func Faults(err error) Errors {
	if many := Errors(nil); errors.As(err, &many) {
		return many
	}
	if one := (*Error)(nil); errors.As(err, &one) {
		return Errors{one}
	}
	return nil
}

func errorf(code Code, field []string, format string, args ...any) *Error {
	return &Error{Code: code, Field: field, Message: fmt.Sprintf(format, args...)}
}

// faults gathers what is wrong with an input, so that all of it can be said at once.
type faults struct {
	list Errors
	root []string // where the fields stand, such as input
}

func inInput() *faults { return &faults{root: []string{"input"}} }

// field gives the path of a field of this input.
func (f *faults) field(path ...string) []string { return append(slices.Clone(f.root), path...) }

// add notes a fault; an empty one is none.
func (f *faults) add(fault string, path ...string) {
	if fault != "" {
		f.list = append(f.list, errorf(Invalid, f.field(path...), "%s", fault))
	}
}

func (f *faults) addError(err *Error) { f.list = append(f.list, err) }

// err gives the faults as an error, or nil where there is none.
func (f *faults) err() error {
	if len(f.list) == 0 {
		return nil
	}
	return f.list
}
