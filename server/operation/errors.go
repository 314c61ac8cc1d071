package operation

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"petitiond/server/errcode"
)

// Refusal is why an operation may not run.
type Refusal struct {
	Errors gqlerror.List // one at least
	Cost   int           // points of the operation, if it is refused because of its cost
}

func refused(errs ...*gqlerror.Error) *Refusal { return &Refusal{Errors: errs} }

func malformed(format string, args ...any) *Refusal {
	return refused(Coded(errcode.BadRequest, fmt.Sprintf(format, args...)))
}

// Coded returns an error with a code.
func Coded(code, message string) *gqlerror.Error {
	return &gqlerror.Error{Message: message, Extensions: map[string]any{"code": code}}
}

// CodeOf returns the code of an error, or "".
func CodeOf(err *gqlerror.Error) string {
	code, _ := err.Extensions["code"].(string)
	return code
}

// Exceeded returns the error for an exceeded limit. The message should contain the value.
func Exceeded(limit string, value int, message string) *gqlerror.Error {
	err := Coded(errcode.LimitExceeded, message)
	err.Extensions["limit"], err.Extensions["value"] = limit, value
	return err
}

// syntaxError returns the error for a document that cannot be parsed. The parser's message is cut where it begins to
// quote the document.
func syntaxError(err *gqlerror.Error) *gqlerror.Error {
	text := err.Message
	if i := strings.IndexAny(text, "\":\\"); i >= 0 {
		text = text[:i]
	}
	text = strings.TrimRight(text, " .")
	if !strings.Contains(text, " ") {
		text = "unexpected text"
	}
	neutral := Coded(errcode.ParseFailed, "Syntax error: "+text+".")
	neutral.Locations = err.Locations
	return neutral
}

// longest is how many bytes an error about a document may have. The names in it may be of any length.
const longest = 200

// validationError passes on the validator's message, which contains only names, except for the one rule that quotes
// literal values: there the value is removed.
func validationError(err *gqlerror.Error) *gqlerror.Error {
	text := err.Message
	if strings.HasPrefix(err.Rule, "ValuesOfCorrectType") {
		text = withoutValue(text)
	}
	neutral := Coded(errcode.ValidationFailed, shortened(text))
	neutral.Locations = err.Locations
	return neutral
}

// shortened cuts a message that is longer than errors may be.
func shortened(text string) string {
	const more = "…"
	if len(text) <= longest {
		return text
	}
	end := longest - len(more)
	for !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + more
}

// located adds the place in the document to an error.
func located(err *gqlerror.Error, at *ast.Position) *gqlerror.Error {
	if at != nil {
		err.Locations = []gqlerror.Location{{Line: at.Line, Column: at.Column}}
	}
	return err
}

// withoutValue removes the value that a message quotes: it is at the end, or at the beginning if an enum has no such
// value. A value at the beginning is a name, so it cannot contain the words that are searched for here.
func withoutValue(text string) string {
	if _, rest, ok := strings.Cut(text, " does not exist in "); ok && strings.HasPrefix(text, `Value "`) {
		return "The value does not exist in " + rest
	}
	text, _, cut := strings.Cut(text, ", found ")
	if !cut {
		text, _, cut = strings.Cut(text, ": ")
	}
	if cut {
		text += "."
	}
	return text
}
