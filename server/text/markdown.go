package text

import (
	"bytes"
	"errors"
	"html"
	"net/url"
	"strings"
	"sync"

	"github.com/microcosm-cc/bluemonday"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/renderer"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// Bounds of the work and the output that a source may cause. Without them 50,000 characters can keep a processor busy
// for half a minute. No petition that is meant to be read comes near these bounds.
const (
	RenderedMax   = 1 << 20 // bytes of HTML
	renderedTimes = 8       // bytes of HTML for each of the source: references may repeat a long address
	renderedSlack = 4 << 10 // and beyond that
	bracketsMax   = 1_000   // the search for a link's end starts at each
	nestingMax    = 32      // blocks within blocks
	tableSlackMax = 64      // cells that a table has beyond four for each one written
)

// RenderMarkdown renders the Markdown of a petition as HTML that is safe to insert into any page: a short list of
// elements, links to http and https only, no images, and none of the HTML in the source.
func RenderMarkdown(source string) string {
	return markdownOnce().render(source)
}

// markdownOnce builds the renderer at first use; it is safe for concurrent use.
var markdownOnce = sync.OnceValue(newMarkdown)

// markdown is a converter followed by a sanitiser, which alone decides what is let through: it catches the errors of
// the converter.
type markdown struct {
	converter goldmark.Markdown
	policy    *bluemonday.Policy
}

func newMarkdown() *markdown {
	own := util.Prioritized(petitionStyle{}, 100)
	return &markdown{
		converter: goldmark.New(
			goldmark.WithParser(parser.NewParser(
				parser.WithBlockParsers(shallowBlocks()...),
				parser.WithInlineParsers(parser.DefaultInlineParsers()...),
				parser.WithParagraphTransformers(parser.DefaultParagraphTransformers()...),
			)),
			goldmark.WithExtensions(
				extension.Strikethrough,
				extension.NewLinkify(extension.WithLinkifyAllowedProtocols([]string{"http:", "https:"})),
				evenTables{},
			),
			goldmark.WithParserOptions(parser.WithASTTransformers(own)),
			goldmark.WithRendererOptions(renderer.WithNodeRenderers(own)),
		),
		policy: markdownPolicy(),
	}
}

func markdownPolicy() *bluemonday.Policy {
	p := bluemonday.NewPolicy()
	p.AllowElements("p", "br", "hr", "strong", "em", "del", "code", "pre", "blockquote", "ul", "ol", "li",
		"h2", "h3", "h4", "h5", "h6", "table", "thead", "tbody", "tr", "th", "td")
	p.AllowAttrs("href").OnElements("a")
	// Without a host a browser would treat the address as relative; a user name before the host makes a link look as if
	// it led elsewhere.
	plain := func(u *url.URL) bool { return u.Host != "" && u.User == nil }
	p.AllowURLSchemeWithCustomPolicy("http", plain)
	p.AllowURLSchemeWithCustomPolicy("https", plain)
	p.RequireNoFollowOnLinks(true)
	p.RequireNoReferrerOnLinks(true)
	return p
}

func (m *markdown) render(source string) string {
	source = strings.ToValidUTF8(source, "\uFFFD")
	most := min(renderedTimes*len(source)+renderedSlack, RenderedMax)
	out := limitedBuffer{left: most}
	if strings.Count(source, "[") <= bracketsMax && m.converter.Convert([]byte(source), &out) == nil {
		// The sanitiser adds noopener only to links that open a window. The replacement is safe, since quotation marks
		// in texts and addresses were escaped.
		clean := strings.ReplaceAll(m.policy.SanitizeReader(&out.Buffer).String(),
			`rel="nofollow noreferrer"`, `rel="nofollow noopener noreferrer"`)
		if len(clean) <= most {
			return clean
		}
	}
	// Only a source made for it gets here; it is shown as it was written. An escape has five bytes at most.
	return "<p>" + html.EscapeString(source) + "</p>\n"
}

// petitionStyle adapts what does not fit into a page: headings are moved down, since the page has the first one, and
// images become their descriptions.
type petitionStyle struct{}

// Transform implements parser.ASTTransformer.
func (petitionStyle) Transform(doc *ast.Document, _ text.Reader, _ parser.Context) {
	// The walk cannot fail: the function below never returns an error.
	_ = ast.Walk(doc, func(n ast.Node, _ bool) (ast.WalkStatus, error) {
		if heading, ok := n.(*ast.Heading); ok {
			heading.Level = max(heading.Level, 2)
		}
		return ast.WalkContinue, nil
	})
}

// RegisterFuncs implements renderer.NodeRenderer.
func (petitionStyle) RegisterFuncs(r renderer.NodeRendererFuncRegisterer) {
	r.Register(ast.KindImage, func(util.BufWriter, []byte, ast.Node, bool) (ast.WalkStatus, error) {
		return ast.WalkContinue, nil
	})
}

var errRenderedTooLong = errors.New("text: rendered markdown is too long")

// limitedBuffer returns an error for what exceeds its limit.
type limitedBuffer struct {
	bytes.Buffer
	left int
}

func (b *limitedBuffer) Write(p []byte) (int, error) {
	if b.left -= len(p); b.left < 0 {
		return 0, errRenderedTooLong
	}
	return b.Buffer.Write(p)
}

// shallowBlocks returns the usual block parsers, but those that nest stop at nestingMax, since parsing takes quadratic
// time in the depth.
func shallowBlocks() []util.PrioritizedValue {
	blocks := parser.DefaultBlockParsers()
	for i, block := range blocks {
		p, ok := block.Value.(parser.BlockParser)
		if ok && (bytes.ContainsRune(p.Trigger(), '>') || bytes.ContainsRune(p.Trigger(), '+')) {
			blocks[i].Value = shallowBlock{p}
		}
	}
	return blocks
}

type shallowBlock struct{ parser.BlockParser }

// Open implements parser.BlockParser.
func (b shallowBlock) Open(parent ast.Node, reader text.Reader, pc parser.Context) (ast.Node, parser.State) {
	depth := 0
	for n := parent; n != nil; n = n.Parent() {
		depth++
	}
	if _, item := parent.(*ast.List); depth > nestingMax && !item {
		return nil, parser.NoChildren
	}
	return b.BlockParser.Open(parent, reader, pc)
}

// evenTables are GitHub's tables, except for those that are nearly empty: every missing cell is added, so a wide head
// over many empty rows would produce output quadratic in its size.
type evenTables struct{}

// Extend implements goldmark.Extender.
func (evenTables) Extend(m goldmark.Markdown) {
	m.Parser().AddOptions(
		parser.WithParagraphTransformers(util.Prioritized(evenTable{extension.NewTableParagraphTransformer()}, 200)),
		parser.WithASTTransformers(util.Prioritized(extension.NewTableASTTransformer(), 0)),
	)
	m.Renderer().AddOptions(renderer.WithNodeRenderers(util.Prioritized(
		extension.NewTableHTMLRenderer(extension.WithTableCellAlignMethod(extension.TableCellAlignNone)), 500)))
}

type evenTable struct{ parser.ParagraphTransformer }

// Transform implements parser.ParagraphTransformer.
func (t evenTable) Transform(paragraph *ast.Paragraph, reader text.Reader, pc parser.Context) {
	rows, widest, pipes := 0, 0, 0
	for _, line := range paragraph.Lines().Sliced(0, paragraph.Lines().Len()) {
		n := bytes.Count(line.Value(reader.Source()), []byte("|"))
		if pipes += n; pipes > 0 {
			rows, widest = rows+1, max(widest, n)
		}
	}
	if rows*widest <= 4*pipes+tableSlackMax {
		t.ParagraphTransformer.Transform(paragraph, reader, pc)
	}
}
