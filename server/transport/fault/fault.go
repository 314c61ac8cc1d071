// Package fault describes why a request is refused before anything is executed: the text and the HTTP status, for all
// protocols.
package fault

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/vektah/gqlparser/v2/gqlerror"

	"petitiond/server/errcode"
	"petitiond/server/operation"
	"petitiond/server/transport/requestid"
)

// Fault is a request that is refused.
type Fault struct {
	Status int    // of HTTP; 0: a flaw, see [Flaw]
	Allow  string // the header Allow
	Errors gqlerror.List

	Cost       int            // points of the operation, if it is refused because of its cost
	Extensions map[string]any // of the answer
}

// New returns a fault with one error.
func New(status int, code, message string) *Fault {
	return &Fault{Status: status, Errors: gqlerror.List{operation.Coded(code, message)}}
}

// Passing returns a fault that will pass: the client is asked to try again in a second.
func Passing(code, message string) *Fault {
	f := New(http.StatusServiceUnavailable, code, message)
	f.Errors[0].Extensions["retryAfterSeconds"] = 1
	return f
}

// Flaw returns a fault of the document or its variables, in a request that is otherwise well formed. Its status depends
// on the media type of the answer.
func Flaw(errs ...*gqlerror.Error) *Fault { return &Fault{Errors: errs} }

// Malformed returns the fault of a request that cannot be read.
func Malformed(format string, args ...any) *Fault {
	return New(http.StatusBadRequest, errcode.BadRequest, fmt.Sprintf(format, args...))
}

// Of returns the fault of an operation that may not run, or nil if it may.
func Of(r *operation.Refusal) *Fault {
	if r == nil {
		return nil
	}
	f := &Fault{Errors: r.Errors, Cost: r.Cost}
	if operation.CodeOf(r.Errors[0]) == errcode.BadRequest {
		f.Status = http.StatusBadRequest
	}
	return f
}

// Internal returns the fault for an error in the server itself.
func Internal(ctx context.Context) *Fault {
	return &Fault{Status: http.StatusInternalServerError, Errors: gqlerror.List{Hidden(ctx)}}
}

// Hidden returns the error that clients see in place of one that they must not see.
func Hidden(ctx context.Context) *gqlerror.Error {
	err := operation.Coded(errcode.Internal, "Something went wrong on our side. Quote the request id if you report it.")
	err.Extensions["requestId"] = requestid.ID(ctx)
	return err
}

// NoMemory refuses an operation for whose answer there is no memory at present.
func NoMemory() *Fault {
	return Passing(errcode.Unavailable, "The server is sending too many large answers. Try again in a moment.")
}

// NoRoom refuses a long request, which there is no memory to read at present.
func NoRoom() *Fault {
	return Passing(errcode.Unavailable, "The server is reading too many long requests. Try again in a moment.")
}

// Crowded refuses a subscription, or an operation that is to wait, which there is no memory to keep at present.
func Crowded() *Fault {
	return Passing(errcode.Unavailable, "The server keeps too many different subscriptions. End some of yours, or try again in a moment.")
}

// AnswerTooLarge refuses an operation whose answer would have more bytes than most.
func AnswerTooLarge(most int) *Fault {
	return Flaw(operation.Exceeded("answer", most, fmt.Sprintf("An answer may have at most %d bytes. Ask for less at a time.", most)))
}

// Denied refuses a credential that is not valid.
func Denied() *Fault {
	return New(http.StatusUnauthorized, errcode.Unauthenticated, "The credential is unknown or has expired. Send a valid one as Authorization: Bearer SECRET.")
}

// Altered refuses to continue what was started when the credential had other rights.
func Altered() *Fault {
	return New(http.StatusUnauthorized, errcode.Unauthenticated, "The rights of the credential have changed. Send it again to continue with its new rights.")
}

// Unchecked refuses a credential that cannot be checked at present.
func Unchecked() *Fault {
	return New(http.StatusServiceUnavailable, errcode.Unavailable, "The credential cannot be checked at present. Try again in a moment.")
}

// JSON returns the list of errors as it is sent.
func (f *Fault) JSON() []byte {
	text, err := json.Marshal(f.Errors)
	if err != nil {
		panic(err) // they are our own
	}
	return text
}
