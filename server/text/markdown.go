package text

import (
	"bytes"
	"errors"
	"html"
	"strings"
	"sync"

	"github.com/microcosm-cc/bluemonday"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/renderer"
	"github.com/yuin/goldmark/util"
)

// Bounds of the work and the output that a source may cause. Without them 50,000 characters can keep a processor busy
// for half a minute. No petition that is meant to be read comes near these bounds.
const (
	RenderedMax   = 1 << 20 // bytes of HTML
	renderedTimes = 8       // bytes of HTML for each of the source: references may repeat a long address
	renderedSlack = 4 << 10 // and beyond that
	bracketsMax   = 1_000   // the search for a link's end starts at each
	emphasisMax   = 1_000   // in one block: the search for what a sign ends goes back to its beginning
	nestingMax    = 32      // blocks within blocks
	tableSlackMax = 64      // cells that a table has beyond four for each one written
)

// RenderMarkdown renders the Markdown of a petition as HTML that is safe to insert into any page: a short list of
// elements, and links to addresses that linkable lets pass. No word of the source is lost: what has no meaning here,
// HTML above all, is shown as it was typed.
func RenderMarkdown(source string) string {
	return markdownOnce().render(source)
}

// markdownOnce builds the renderer at first use; it is safe for concurrent use.
var markdownOnce = sync.OnceValue(newMarkdown)

// markdown is a converter followed by a sanitiser. The converter makes nothing that the sanitiser takes away, which
// would be lost without a trace; the sanitiser catches the errors of the converter.
type markdown struct {
	converter goldmark.Markdown
	policy    *bluemonday.Policy
}

// newMarkdown names every part by itself: what a later version of the library adds to its defaults does not come by
// itself.
func newMarkdown() *markdown {
	return &markdown{
		converter: goldmark.New(
			goldmark.WithParser(parser.NewParser(
				parser.WithBlockParsers(markdownBlocks()...),
				parser.WithInlineParsers(markdownInlines()...),
				parser.WithParagraphTransformers(
					util.Prioritized(definitions{parser.LinkReferenceParagraphTransformer}, 100),
					util.Prioritized(evenTables{extension.NewTableParagraphTransformer()}, 200),
				),
				parser.WithASTTransformers(
					util.Prioritized(extension.NewTableASTTransformer(), 0),
					util.Prioritized(pageStyle{}, 100),
				),
			)),
			goldmark.WithRendererOptions(withTextWriter(), renderer.WithNodeRenderers(
				util.Prioritized(linkRenderer{}, 100),
				util.Prioritized(extension.NewStrikethroughHTMLRenderer(), 500),
				util.Prioritized(extension.NewTableHTMLRenderer(
					extension.WithTableCellAlignMethod(extension.TableCellAlignNone)), 500),
			)),
		),
		policy: markdownPolicy(),
	}
}

// markdownInlines are those of CommonMark, and GitHub's strikethrough and bare links.
func markdownInlines() []util.PrioritizedValue {
	return []util.PrioritizedValue{
		util.Prioritized(parser.NewCodeSpanParser(), 100),
		util.Prioritized(bracketLinks{parser.NewLinkParser()}, 200),
		util.Prioritized(angleLinks{parser.NewAutoLinkParser()}, 300),
		util.Prioritized(parser.NewRawHTMLParser(), 400),
		util.Prioritized(unspacedEmphasis{parser.NewEmphasisParser()}, 500),
		util.Prioritized(unspacedEmphasis{doubleTilde{extension.NewStrikethroughParser()}}, 500),
		util.Prioritized(bareLinks{}, 999),
	}
}

// markdownPolicy allows what the converter makes, and nothing else.
func markdownPolicy() *bluemonday.Policy {
	p := bluemonday.NewPolicy()
	// No h1, which the page has for the title.
	p.AllowElements("p", "br", "hr", "strong", "em", "del", "code", "pre", "blockquote", "ul", "ol", "li",
		"h2", "h3", "h4", "h5", "h6", "table", "thead", "tbody", "tr", "th", "td")
	p.AllowAttrs("start").Matching(bluemonday.Integer).OnElements("ol")
	p.AllowAttrs("value").Matching(bluemonday.Integer).OnElements("li")
	p.AllowAttrs("title").OnElements("a")
	p.AllowAttrs("href").Matching(linkStart).OnElements("a")
	p.AllowRelativeURLs(true)
	for _, scheme := range linkSchemes {
		p.AllowURLSchemeWithCustomPolicy(scheme, leadsSomewhere)
	}
	// Anybody can write a petition: its links must not raise the rank of other sites, nor tell them where a reader
	// comes from.
	p.RequireNoFollowOnLinks(true)
	p.RequireNoReferrerOnLinks(true)
	return p
}

// render renders a source, or shows it as it was written if that would take too much.
func (m *markdown) render(source string) string {
	source = strings.ToValidUTF8(source, "\uFFFD")
	most := min(renderedTimes*len(source)+renderedSlack, RenderedMax)
	out := limitedBuffer{left: most}
	// The library loses what stands behind a code fence at the end of a text that has no line end there.
	whole := strings.TrimSuffix(source, "\n") + "\n"
	if strings.Count(source, "[") <= bracketsMax && m.converter.Convert([]byte(whole), &out) == nil {
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

var errRenderedTooLong = errors.New("text: rendered markdown is too long")

// limitedBuffer returns an error for what exceeds its limit.
type limitedBuffer struct {
	bytes.Buffer
	left int
}

func (b *limitedBuffer) Write(p []byte) (int, error) {
	if b.left -= len(p); b.left < 0 {
		// The error ends the conversion, before it has cost more.
		return 0, errRenderedTooLong
	}
	return b.Buffer.Write(p)
}
