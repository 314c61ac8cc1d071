package mail

import (
	"errors"
	"fmt"
	"log/slog"
	"net/textproto"
	"regexp"
)

// fault is an error of this package, whose text may be logged.
type fault string

func (f fault) Error() string { return "mail: " + string(f) }

// LogValue returns the whole text, which has nothing in it that anybody typed.
func (f fault) LogValue() slog.Value { return slog.StringValue(f.Error()) }

// Step is a part of handing a mail to a server.
type Step string

// The steps, in their order.
const (
	Connecting Step = "connecting"
	Greeting   Step = "greeting"
	Encrypting Step = "encrypting"
	SigningIn  Step = "signing in"
	// The two are named as SMTP has them, MAIL FROM and RCPT TO: where a server refuses decides whether it refuses this
	// mail or every mail.
	NamingFrom  Step = "naming the sender"
	NamingTo    Step = "naming the recipient"
	HandingOver Step = "handing over the mail"
)

// Failure is the error of a mail that was not taken. Its text has codes alone: the words of a server often repeat the
// address.
type Failure struct {
	Step     Step
	Code     int    // of the answer, such as 550; 0 if there was none
	Enhanced string // the second code of the answer, such as 5.1.1; empty if it has none
	Reason   string // in fixed words, where the server was not even asked
	cause    error
}

// enhanced matches the second code of an answer (RFC 3463).
var enhanced = regexp.MustCompile(`^([245]\.\d{1,3}\.\d{1,3})\b`)

// failed makes the error of a step.
func failed(step Step, err error) error {
	if err == nil {
		return nil
	}
	// The words of the answer stay in the cause, which is never logged.
	f := &Failure{Step: step, cause: err}
	if answer, ok := errors.AsType[*textproto.Error](err); ok {
		f.Code = answer.Code
		if m := enhanced.FindStringSubmatch(answer.Msg); m != nil {
			f.Enhanced = m[1]
		}
	}
	return f
}

// Error returns step and codes.
func (f *Failure) Error() string {
	text := "mail: " + string(f.Step) + " failed"
	if f.Code != 0 {
		text += fmt.Sprintf(": %d", f.Code)
	}
	if f.Enhanced != "" {
		text += " " + f.Enhanced
	}
	if f.Reason != "" {
		text += ": " + f.Reason
	}
	return text
}

// Unwrap returns the cause, whose text may have an address.
func (f *Failure) Unwrap() error { return f.cause }

// LogValue returns what may be logged.
func (f *Failure) LogValue() slog.Value { return slog.StringValue(f.Error()) }

// Answer returns the words of the server, for the operator who asked for a test and nobody else.
func (f *Failure) Answer() string {
	if answer, ok := errors.AsType[*textproto.Error](f.cause); ok {
		return answer.Msg
	}
	return ""
}

// Permanent reports whether the server has refused this mail for good. An answer with 4, such as that of a greylist,
// and a server that cannot be reached are not; nor is what goes wrong before the recipient is named, since that is due
// to settings and would be the end of every mail.
func Permanent(err error) bool {
	f, ok := errors.AsType[*Failure](err)
	if !ok {
		return false
	}
	return f.Reason != "" || f.Code >= 500 && (f.Step == NamingTo || f.Step == HandingOver)
}
