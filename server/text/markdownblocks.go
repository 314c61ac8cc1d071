package text

import (
	"bytes"
	"slices"
	"strconv"

	"github.com/yuin/goldmark/ast"
	tableast "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// writtenNumber is the attribute of an item of an ordered list that keeps its number as it was written. It is not
// rendered.
const writtenNumber = "number"

// markdownBlocks are those of CommonMark, except blocks of HTML: what stands between tags is text like any other.
// Those that nest stop at nestingMax, since parsing takes quadratic time in the depth.
func markdownBlocks() []util.PrioritizedValue {
	blocks := util.PrioritizedSlice(parser.DefaultBlockParsers()).Remove(parser.NewHTMLBlockParser())
	for i, block := range blocks {
		p, ok := block.Value.(parser.BlockParser)
		if ok && (bytes.ContainsRune(p.Trigger(), '>') || bytes.ContainsRune(p.Trigger(), '+')) {
			blocks[i].Value = shallowBlock{p}
		}
	}
	return blocks
}

// shallowBlock is a block that may contain others, down to a depth.
type shallowBlock struct{ parser.BlockParser }

// Open implements parser.BlockParser.
func (b shallowBlock) Open(parent ast.Node, reader text.Reader, pc parser.Context) (ast.Node, parser.State) {
	depth := 0
	for n := parent; n != nil; n = n.Parent() {
		depth++
	}
	// A list that was begun goes on: its further items are no deeper than the first.
	if _, item := parent.(*ast.List); depth > nestingMax && !item {
		return nil, parser.NoChildren
	}
	// Read now, since the parser moves on behind the number.
	line, _ := reader.PeekLine()
	node, state := b.BlockParser.Open(parent, reader, pc)
	if list, ok := parent.(*ast.List); ok && list.IsOrdered() && node != nil {
		line = bytes.TrimLeft(line, " ")
		digits := len(line) - len(bytes.TrimLeft(line, "0123456789"))
		node.SetAttributeString(writtenNumber, string(line[:digits]))
	}
	return node, state
}

// pageStyle adapts what does not fit into a page.
type pageStyle struct{}

// Transform implements parser.ASTTransformer.
func (pageStyle) Transform(doc *ast.Document, _ text.Reader, _ parser.Context) {
	// The walk cannot fail: the function below never returns an error.
	_ = ast.Walk(doc, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if entering {
			switch n := n.(type) {
			case *ast.Heading:
				n.Level = min(n.Level+1, 6) // the page has the first heading
			case *ast.FencedCodeBlock:
				showInfo(n)
			case *ast.List:
				showNumbers(n)
			}
		}
		return ast.WalkContinue, nil
	})
}

// showInfo puts what is written behind a code fence above the code. HTML shows it nowhere, and it may be more than the
// name of a language.
func showInfo(code *ast.FencedCodeBlock) {
	if info := code.Info; info != nil {
		above := ast.NewParagraph()
		above.AppendChild(above, info)
		code.Info = nil
		code.Parent().InsertBefore(code.Parent(), code, above)
	}
}

// showNumbers lets each item of an ordered list bear the number that was written, whether or not it follows the one
// before it: "24. Dezember" and "18. September" are no places in a list.
func showNumbers(list *ast.List) {
	if !list.IsOrdered() {
		return
	}
	next, plain := list.Start, true
	for item := list.FirstChild(); item != nil; item = item.NextSibling() {
		written := numberOf(item)
		number, _ := strconv.Atoi(written) // nine digits at most
		if number != next {
			item.SetAttributeString("value", written)
		}
		plain = plain && written == strconv.Itoa(number)
		next = number + 1
	}
	if !plain {
		spellNumbers(list)
	}
}

// numberOf returns the number of an item as it was written.
func numberOf(item ast.Node) string {
	written, _ := item.AttributeString(writtenNumber)
	number, _ := written.(string)
	return number
}

// spellNumbers makes numbers a part of the text of their items. An ordered list of HTML has none that begins with a
// zero, as in "01. Mai".
func spellNumbers(list *ast.List) {
	for item := list.FirstChild(); item != nil; item = item.NextSibling() {
		number := ast.NewString([]byte(numberOf(item) + string(rune(list.Marker)) + " "))
		item.RemoveAttributes()
		switch first := item.FirstChild().(type) {
		case *ast.TextBlock, *ast.Paragraph:
			first.InsertBefore(first, first.FirstChild(), number)
		default:
			block := ast.NewTextBlock()
			block.AppendChild(block, number)
			item.InsertBefore(item, first, block)
		}
	}
	list.Marker = '-'
}

// evenTables are GitHub's tables, except for those that are nearly empty: every missing cell is added, so a wide head
// over many empty rows would produce output quadratic in its size.
type evenTables struct{ parser.ParagraphTransformer }

// Transform implements parser.ParagraphTransformer.
func (t evenTables) Transform(paragraph *ast.Paragraph, reader text.Reader, pc parser.Context) {
	lines, source := linesOf(paragraph), reader.Source()
	rows, widest, pipes := 0, 0, 0
	for _, line := range lines {
		n := bytes.Count(line.Value(source), []byte("|"))
		if pipes += n; pipes > 0 {
			rows, widest = rows+1, max(widest, n)
		}
	}
	// Looked at before the table is made, which is what costs.
	if rows*widest > 4*pipes+tableSlackMax {
		return
	}
	parent, before := paragraph.Parent(), paragraph.PreviousSibling()
	t.ParagraphTransformer.Transform(paragraph, reader, pc)
	made := following(parent, before)
	if made == ast.Node(paragraph) {
		made = made.NextSibling()
	}
	table, ok := made.(*tableast.Table)
	if !ok {
		return
	}
	keepExcess(table, lines, source)
	if paragraph.Parent() != nil {
		// What stands above the table is complete. If the paragraph remained, a line of dashes below the table would
		// make it a heading, and put it there.
		parent.ReplaceChild(parent, paragraph, paragraphOf(paragraph, source))
	}
}

// keepExcess gives to the last cell of a row what is written behind it. GitHub leaves out cells that the head of the
// table has no place for.
func keepExcess(table *tableast.Table, lines []text.Segment, source []byte) {
	row := table.FirstChild().NextSibling()
	for _, line := range lines[len(lines)-(table.ChildCount()-1):] {
		end := line.TrimRightSpace(source).Stop
		if source[end-1] == '|' {
			end--
		}
		cells := row.LastChild().Lines()
		row = row.NextSibling()
		if cells.Len() == 0 { // added to a row that is too short
			continue
		}
		last := cells.At(0)
		if last.Stop < end && len(bytes.Trim(source[last.Stop:end], " \t|")) > 0 {
			last.Stop = end
			cells.Set(0, last.TrimRightSpace(source))
		}
	}
}

// paragraphOf makes a closed paragraph of a block.
func paragraphOf(block ast.Node, source []byte) *ast.Paragraph {
	paragraph := ast.NewParagraph()
	paragraph.SetBlankPreviousLines(block.HasBlankPreviousLines())
	lines := linesOf(block)
	for i := range lines {
		lines[i] = lines[i].TrimLeftSpace(source)
	}
	if last := len(lines) - 1; last >= 0 {
		lines[last] = lines[last].TrimRightSpace(source)
	}
	paragraph.Lines().AppendAll(lines)
	return paragraph
}

// linesOf returns a copy of a block's lines, since those who transform a block change them in place.
func linesOf(block ast.Node) []text.Segment {
	return slices.Clone(block.Lines().Sliced(0, block.Lines().Len()))
}

// following returns the child of parent that comes after another one, or the first.
func following(parent, before ast.Node) ast.Node {
	if before == nil {
		return parent.FirstChild()
	}
	return before.NextSibling()
}
