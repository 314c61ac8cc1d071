package text

import (
	"regexp"
	"strconv"
	"unicode/utf8"

	"github.com/yuin/goldmark/renderer"
	"github.com/yuin/goldmark/renderer/html"
	"github.com/yuin/goldmark/util"
)

// allowedEntities writes texts, except for those entities that stand for what a text may not hold: they are shown as
// they were typed.
type allowedEntities struct{ html.Writer }

var textWriter = allowedEntities{html.DefaultWriter}

func withTextWriter() renderer.Option { return html.WithWriter(textWriter) }

// numericEntity finds what a backslash escapes as well, which is no entity.
var numericEntity = regexp.MustCompile(`(?s)\\.|&#(?:[0-9]{1,7}|[xX][0-9a-fA-F]{1,6});`)

// Write implements html.Writer.
func (a allowedEntities) Write(w util.BufWriter, source []byte) {
	written := 0
	for _, at := range numericEntity.FindAllIndex(source, -1) {
		if entity := source[at[0]:at[1]]; entity[0] == '&' && isForbiddenEntity(string(entity)) {
			a.Writer.Write(w, source[written:at[0]])
			a.RawWrite(w, entity)
			written = at[1]
		}
	}
	a.Writer.Write(w, source[written:])
}

// isForbiddenEntity reports whether a numeric entity stands for what CheckText refuses or replaces, or for nothing. No
// entity with a name does.
func isForbiddenEntity(entity string) bool {
	digits, base := entity[len("&#"):len(entity)-len(";")], 10
	if digits[0] == 'x' || digits[0] == 'X' {
		digits, base = digits[1:], 16
	}
	number, err := strconv.ParseUint(digits, base, 32)
	r := rune(number)
	return err != nil || !utf8.ValidRune(r) || r == utf8.RuneError || isForbiddenControl(r) || isBidiOverride(r) ||
		lineEnds.Replace(string(r)) != string(r)
}
