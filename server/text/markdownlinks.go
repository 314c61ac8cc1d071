package text

import (
	"bytes"
	"net/url"
	"regexp"
	"slices"

	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/renderer"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// usedDefinition is the attribute of a definition to which a link refers. It is not rendered.
const usedDefinition = "used"

var (
	linkSchemes = []string{"http", "https", "mailto", "tel"}
	// linkStart is how the address of a link begins: with one of linkSchemes, or as a path of this site. Two slashes
	// would lead to another one.
	linkStart = regexp.MustCompile(`^(?i:https?|mailto|tel):|^/(?:[^/\\]|$)`)
)

// escapedIPv6 is a host whose brackets were escaped, without which it is none.
var escapedIPv6 = regexp.MustCompile(`^(?i)(https?://)%5B([0-9a-f:.]+)%5D`)

// escapeAddress returns an address as it stands in HTML. Entities in it are resolved where they may stand.
func escapeAddress(address []byte, resolve bool) []byte {
	return escapedIPv6.ReplaceAll(util.URLEscape(address, resolve), []byte("${1}[${2}]"))
}

// linkable reports whether a link may lead to an address, which is escaped already. The sanitiser decides alike.
func linkable(address []byte) bool {
	u, err := url.Parse(string(address))
	if err != nil || !linkStart.Match(address) {
		return false
	}
	return u.Scheme == "" || slices.Contains(linkSchemes, u.Scheme) && leadsSomewhere(u)
}

// leadsSomewhere reports whether an address with one of linkSchemes is whole. Without a host a browser would treat one
// of the web as relative; a user name before the host makes a link look as if it led elsewhere. A mail may have a
// subject or a text, and leave it to the reader to whom it goes.
func leadsSomewhere(u *url.URL) bool {
	switch u.Scheme {
	case "http", "https":
		return u.Host != "" && u.User == nil
	case "mailto":
		return u.Opaque != "" || u.Host == "" && u.Path == "" && u.RawQuery != ""
	}
	return u.Opaque != ""
}

// bracketLinks are the links and images of Markdown that stand in brackets. One that may not lead where it says stays
// as it was typed; one without a text shows its address.
type bracketLinks struct{ parser.InlineParser }

// Parse implements parser.InlineParser.
func (b bracketLinks) Parse(parent ast.Node, block text.Reader, pc parser.Context) ast.Node {
	_, bracket := block.Position()
	node := b.InlineParser.Parse(parent, block, pc)
	destination, reference := targetOf(node)
	if destination == nil {
		return node
	}
	if reference != nil {
		markUsed(reference, pc)
	}
	address := escapeAddress(*destination, true)
	if !linkable(address) {
		_, end := block.Position()
		return asTyped(parent, node, block.Value(text.NewSegment(bracket.Start, end.Start)))
	}
	if !hasText(node, block.Source()) {
		node.AppendChild(node, ast.NewString(*destination))
	}
	*destination = address
	return node
}

// CloseBlock implements parser.CloseBlocker.
func (b bracketLinks) CloseBlock(parent ast.Node, block text.Reader, pc parser.Context) {
	b.InlineParser.(parser.CloseBlocker).CloseBlock(parent, block, pc)
}

// targetOf returns where a link or image leads, and the definition that says so, if any.
func targetOf(n ast.Node) (destination *[]byte, reference *ast.ReferenceLink) {
	switch n := n.(type) {
	case *ast.Link:
		return &n.Destination, n.Reference
	case *ast.Image:
		return &n.Destination, n.Reference
	}
	return nil, nil
}

// asTyped takes a link apart: its parent gets the opening bracket and the text, and a node with the rest is returned.
func asTyped(parent, link ast.Node, rest []byte) ast.Node {
	opening := "["
	if _, image := link.(*ast.Image); image {
		opening = "!["
	}
	parent.AppendChild(parent, rawText([]byte(opening)))
	for child := link.FirstChild(); child != nil; child = link.FirstChild() {
		parent.AppendChild(parent, child)
	}
	return rawText(rest)
}

// rawText is text in which nothing has a meaning. It is no segment of the source, since the parser would make it one
// with the text behind it.
func rawText(words []byte) ast.Node {
	raw := ast.NewString(words)
	raw.SetRaw(true)
	return raw
}

// hasText reports whether something of a link can be seen.
func hasText(link ast.Node, source []byte) bool {
	for child := link.FirstChild(); child != nil; child = child.NextSibling() {
		if words, ok := child.(*ast.Text); !ok || countVisible(string(words.Value(source))) > 0 {
			return true
		}
	}
	return false
}

// angleLinks are addresses between < and >. What may not be a link, such as <step:one>, stays as it was typed.
type angleLinks struct{ parser.InlineParser }

// Parse implements parser.InlineParser.
func (a angleLinks) Parse(parent ast.Node, block text.Reader, pc parser.Context) ast.Node {
	_, start := block.Position()
	node := a.InlineParser.Parse(parent, block, pc)
	link, ok := node.(*ast.AutoLink)
	if !ok || linkable(addressOf(link, block.Source())) {
		return node
	}
	_, end := block.Position()
	return rawText(block.Value(text.NewSegment(start.Start, end.Start)))
}

// addressOf returns where an address without brackets leads.
func addressOf(link *ast.AutoLink, source []byte) []byte {
	address := escapeAddress(link.URL(source), false)
	if link.AutoLinkType == ast.AutoLinkEmail {
		return append([]byte("mailto:"), address...)
	}
	return address
}

// definitions are the addresses that stand apart from the links that refer to them, as in "[1]: https://example.org".
// What looks like one and leads nowhere, as in "[Paragraph 5]: demand", is a paragraph.
type definitions struct{ parser.ParagraphTransformer }

// definition is a reference that knows its place in the document.
type definition struct {
	parser.Reference
	node *ast.LinkReferenceDefinition
}

// unregistered is a context that takes no references: it is decided afterwards which of them lead somewhere.
type unregistered struct{ parser.Context }

// AddReference implements parser.Context.
func (unregistered) AddReference(parser.Reference) {}

// Transform implements parser.ParagraphTransformer.
func (d definitions) Transform(paragraph *ast.Paragraph, reader text.Reader, pc parser.Context) {
	parent, before, lines := paragraph.Parent(), paragraph.PreviousSibling(), linesOf(paragraph)
	d.ParagraphTransformer.Transform(paragraph, reader, unregistered{pc})
	found := definitionsAfter(parent, before)
	if len(found) == 0 {
		return
	}
	if weight(lines, reader.Source()) != weightAfter(found, paragraph, reader.Source()) {
		restore(parent, before, paragraph, lines, found)
		return
	}
	for _, node := range found {
		if linkable(escapeAddress(node.Destination, true)) {
			pc.AddReference(definition{parser.NewReference(node.Label, node.Destination, node.Title), node})
			continue
		}
		parent.ReplaceChild(parent, node, paragraphOf(node, reader.Source()))
	}
}

// definitionsAfter returns the definitions that were taken from a paragraph behind a node.
func definitionsAfter(parent, before ast.Node) (found []*ast.LinkReferenceDefinition) {
	for n := following(parent, before); n != nil; n = n.NextSibling() {
		node, ok := n.(*ast.LinkReferenceDefinition)
		if !ok {
			break
		}
		found = append(found, node)
	}
	return found
}

// weight counts the bytes of some lines, except the spaces around them.
func weight(lines []text.Segment, source []byte) int {
	n := 0
	for _, line := range lines {
		n += len(bytes.TrimSpace(line.Value(source)))
	}
	return n
}

// weightAfter is the weight of a paragraph of which definitions have been taken. It differs from the weight before
// where the library takes a definition from the middle of a line and drops what stands before it.
func weightAfter(found []*ast.LinkReferenceDefinition, paragraph *ast.Paragraph, source []byte) int {
	n := weight(linesOf(paragraph), source)
	for _, node := range found {
		n += weight(linesOf(node), source)
	}
	return n
}

// restore makes a paragraph what it was before definitions were taken from it.
func restore(
	parent, before ast.Node, paragraph *ast.Paragraph, lines []text.Segment, found []*ast.LinkReferenceDefinition,
) {
	for _, node := range found {
		parent.RemoveChild(parent, node)
	}
	whole := text.NewSegments()
	whole.AppendAll(lines)
	paragraph.SetLines(whole)
	if paragraph.Parent() == nil {
		parent.InsertBefore(parent, following(parent, before), paragraph)
	}
}

// markUsed notes that a link refers to a definition, which then need not be shown by itself.
func markUsed(reference *ast.ReferenceLink, pc parser.Context) {
	if known, ok := pc.Reference(util.ToLinkReference(reference.Value)); ok {
		known.(definition).node.SetAttributeString(usedDefinition, true)
	}
}

// linkRenderer renders links, and what would be lost by the rules of CommonMark: raw HTML, images, and definitions to
// which no link refers.
type linkRenderer struct{}

// RegisterFuncs implements renderer.NodeRenderer.
func (linkRenderer) RegisterFuncs(r renderer.NodeRendererFuncRegisterer) {
	r.Register(ast.KindLink, renderLink)
	r.Register(ast.KindImage, renderLink)
	r.Register(ast.KindAutoLink, renderAutoLink)
	r.Register(ast.KindLinkReferenceDefinition, renderDefinition)
	r.Register(ast.KindRawHTML, renderRawHTML)
}

// renderLink keeps the outer one of links in links, such as an image that is the text of a link: HTML has none.
func renderLink(w util.BufWriter, _ []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
	destination, _ := targetOf(n)
	title, inner := titleOf(n), isInLink(n)
	switch {
	case entering && !inner:
		openLink(w, *destination, title)
	case !entering && !inner:
		_, _ = w.WriteString("</a>")
	case !entering && title != nil:
		_, _ = w.WriteString(" (")
		textWriter.Write(w, title)
		_, _ = w.WriteString(")")
	}
	return ast.WalkContinue, nil
}

// renderAutoLink writes an address as a link to itself, and within another link as text.
func renderAutoLink(w util.BufWriter, source []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
	link := n.(*ast.AutoLink)
	switch {
	case !entering:
	case isInLink(n):
		textWriter.RawWrite(w, link.Label(source))
	default:
		writeLink(w, addressOf(link, source), link.Label(source))
	}
	return ast.WalkContinue, nil
}

// renderDefinition writes a definition to which no link refers as it was typed, with a link at its address.
func renderDefinition(w util.BufWriter, source []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
	node := n.(*ast.LinkReferenceDefinition)
	if _, used := node.AttributeString(usedDefinition); used || !entering {
		return ast.WalkContinue, nil
	}
	before, after, found := bytes.Cut(bytes.TrimSpace(node.Lines().Value(source)), node.Destination)
	_, _ = w.WriteString("<p>")
	textWriter.RawWrite(w, before)
	if found {
		writeLink(w, escapeAddress(node.Destination, true), node.Destination)
	}
	textWriter.RawWrite(w, after)
	_, _ = w.WriteString("</p>\n")
	return ast.WalkContinue, nil
}

// renderRawHTML shows HTML as it was typed.
func renderRawHTML(w util.BufWriter, source []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
	if entering {
		textWriter.RawWrite(w, n.(*ast.RawHTML).Segments.Value(source))
	}
	return ast.WalkSkipChildren, nil
}

// isInLink reports whether a node stands within a link or an image.
func isInLink(n ast.Node) bool {
	for p := n.Parent(); p != nil; p = p.Parent() {
		if destination, _ := targetOf(p); destination != nil {
			return true
		}
	}
	return false
}

// titleOf returns the title of a link or an image, or nil.
func titleOf(n ast.Node) []byte {
	switch n := n.(type) {
	case *ast.Link:
		return n.Title
	case *ast.Image:
		return n.Title
	}
	return nil
}

// openLink writes the start of a link to an escaped address.
func openLink(w util.BufWriter, address, title []byte) {
	_, _ = w.WriteString(`<a href="`)
	_, _ = w.Write(util.EscapeHTML(address))
	if title != nil {
		_, _ = w.WriteString(`" title="`)
		textWriter.Write(w, title)
	}
	_, _ = w.WriteString(`">`)
}

// writeLink writes a whole link.
func writeLink(w util.BufWriter, address, words []byte) {
	openLink(w, address, nil)
	textWriter.RawWrite(w, words)
	_, _ = w.WriteString("</a>")
}
