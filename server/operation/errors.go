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
	Cost   int           // points of the operation, where it is refused for them
}

func refused(errs ...*gqlerror.Error) *Refusal { return &Refusal{Errors: errs} }

func malformed(format string, args ...any) *Refusal {
	return refused(Coded(errcode.BadRequest, fmt.Sprintf(format, args...)))
}

// Coded returns an error with a code.
func Coded(code, message string) *gqlerror.Error {
	return &gqlerror.Error{Message: message, Extensions: map[string]any{"code": code}}
}

// CodeOf returns the code of an error, or nothing.
func CodeOf(err *gqlerror.Error) string {
	code, _ := err.Extensions["code"].(string)
	return code
}

// Exceeded returns the error that says which limit was passed. The message holds the value.
func Exceeded(limit string, value int, message string) *gqlerror.Error {
	err := Coded(errcode.LimitExceeded, message)
	err.Extensions["limit"], err.Extensions["value"] = limit, value
	return err
}

// syntaxError says where a document cannot be read. The parser's words end
// where they begin to repeat the document.
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

// longest is how many bytes an error about a document may have: names in it are
// as long as its author likes.
const longest = 200

// validationError passes on the validator's words, which speak of names, but
// for the one rule that repeats literal values.
func validationError(err *gqlerror.Error) *gqlerror.Error {
	text := err.Message
	if strings.HasPrefix(err.Rule, "ValuesOfCorrectType") {
		text = withoutValue(text)
	}
	neutral := Coded(errcode.ValidationFailed, shortened(text))
	neutral.Locations = err.Locations
	return neutral
}

// shortened cuts what is longer than errors may be.
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

// located says where in a document an error is.
func located(err *gqlerror.Error, at *ast.Position) *gqlerror.Error {
	if at != nil {
		err.Locations = []gqlerror.Location{{Line: at.Line, Column: at.Column}}
	}
	return err
}

// withoutValue cuts the value that stands at the end of a message, or at its
// beginning where an enum has no such value. Only there it is a name, in which
// our words cannot stand.
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
