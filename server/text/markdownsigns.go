package text

import (
	"bytes"
	"unicode"
	"unicode/utf8"

	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
)

// doubleTilde is strikethrough by two tildes. One alone means "to" or "about" in many languages: 10~20.
type doubleTilde struct{ parser.InlineParser }

// Parse implements parser.InlineParser.
func (d doubleTilde) Parse(parent ast.Node, block text.Reader, pc parser.Context) ast.Node {
	if line, _ := block.PeekLine(); !bytes.HasPrefix(line, []byte("~~")) {
		return nil
	}
	return d.InlineParser.Parse(parent, block, pc)
}

// unspacedEmphasis is emphasis that may also begin or end between a letter of a script without spaces and a
// punctuation mark, as in これは**「重要」**です, where CommonMark wants a space. Particles of Korean join what they follow.
// A single asterisk follows CommonMark: between such letters and a bracket or a comma it refers to a note.
//
// Beyond emphasisMax signs in one block, the rest are shown as they were typed.
type unspacedEmphasis struct{ parser.InlineParser }

// signs are how many signs of emphasis a block has so far.
type signs struct {
	block ast.Node
	n     int
}

var signsKey = parser.NewContextKey()

// Parse implements parser.InlineParser.
func (u unspacedEmphasis) Parse(parent ast.Node, block text.Reader, pc parser.Context) ast.Node {
	seen, _ := pc.Get(signsKey).(*signs)
	if seen == nil || seen.block != parent {
		seen = &signs{block: parent}
		pc.Set(signsKey, seen)
	}
	if seen.n++; seen.n > emphasisMax {
		return nil
	}
	line, _ := block.PeekLine()
	before := block.PrecendingCharacter()
	node := u.InlineParser.Parse(parent, block, pc)
	sign, ok := node.(*parser.Delimiter)
	if !ok || sign.Char == '_' || sign.OriginalLength == 1 {
		return node
	}
	after := ' '
	if rest := line[sign.OriginalLength:]; len(rest) > 0 {
		after, _ = utf8.DecodeRune(rest)
	}
	sign.CanOpen = sign.CanOpen || joinsPunctuation(before) && !unicode.IsSpace(after)
	sign.CanClose = sign.CanClose || joinsPunctuation(after) && !unicode.IsSpace(before)
	return sign
}

func joinsPunctuation(r rune) bool {
	return isHanOrKana(r) || unicode.Is(unicode.Hangul, r)
}
