package text

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"
	"pgregory.net/rapid"
)

// rel is the attribute that every link gets.
const rel = ` rel="nofollow noopener noreferrer"`

type markdownCase struct{ name, in, want string }

func checkMarkdown(t *testing.T, cases []markdownCase) {
	t.Helper()
	t.Parallel()
	for _, tt := range cases {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, RenderMarkdown(tt.in)); diff != "" {
				t.Errorf("%q (-want +got):\n%s", tt.in, diff)
			}
		})
	}
}

func TestRenderMarkdown(t *testing.T) {
	checkMarkdown(t, []markdownCase{
		{"Empty", "", ""},
		{"Paragraphs", "One\n\ntwo  \nthree", "<p>One</p>\n<p>two<br>\nthree</p>\n"},
		{"Emphasis", "*a* **b** ~~c~~ `d`", "<p><em>a</em> <strong>b</strong> <del>c</del> <code>d</code></p>\n"},
		{"List", "1. a\n2. b\n   - c", "<ol>\n<li>a</li>\n<li>b\n<ul>\n<li>c</li>\n</ul>\n</li>\n</ol>\n"},
		{"Quote", "> a", "<blockquote>\n<p>a</p>\n</blockquote>\n"},
		{"Code", "```\na < b\n```", "<pre><code>a &lt; b\n</code></pre>\n"},
		{"Rule", "---", "<hr>\n"},
		{"RelInText", "`rel=\"nofollow noreferrer\"`", "<p><code>rel=&#34;nofollow noreferrer&#34;</code></p>\n"},
		{"Entities", "&lt;script&gt; & &#0;", "<p>&lt;script&gt; &amp; &amp;#0;</p>\n"},
		{"InvalidUTF8", "a\xffb", "<p>a\ufffdb</p>\n"},
		{"NUL", "a\x00b", "<p>a\ufffdb</p>\n"},
	})
}

func TestRenderMarkdownBounds(t *testing.T) {
	t.Parallel()
	fill := func(s string) string { return strings.Repeat(s, BodyMax/len(s)) }
	wide := "|" + strings.Repeat("a|", 8000) + "\n|" + strings.Repeat("-|", 8000) + "\n" + strings.Repeat("|\n", 8000)
	sources := map[string]string{
		"Quotes":          fill(">"),
		"QuotesAndLists":  fill("> - "),
		"Lists":           fill("1. "),
		"Brackets":        fill("["),
		"LinkStarts":      fill("[a]("),
		"ImageStarts":     fill("!["),
		"Stars":           fill("*a **b "),
		"Underscores":     fill("a**b_c* "),
		"TwoSigns":        fill("*a_"),
		"TwoSignsSpaced":  fill("*a_ "),
		"StarsAndTildes":  fill("*a~~"),
		"StarsTwice":      fill("a**b_c"),
		"Backticks":       fill("`` ` "),
		"Tags":            fill("<a "),
		"WideEmptyTable":  wide,
		"EscapedPipes":    "|a|\n|-|\n" + fill("|`a\\|`|\n"),
		"Addresses":       fill("http://"),
		"LongReference":   "[a]: http://x.org/" + strings.Repeat("a", 40_000) + "\n\n" + strings.Repeat("[a]", 900),
		"ManyReferences":  "[a]: http://x.org/" + strings.Repeat("a", 25_000) + "\n\n" + fill("[a]"),
		"ShortReference":  "[a]: http://x.example/" + strings.Repeat("a", 1000) + "\n\n" + strings.Repeat("[a] ", 990),
		"Links":           fill("<http://x.org>\n"),
		"Rows":            "|a|\n|-|\n" + fill("|b|\n"),
		"Quotation":       fill(`"`),
		"Breaks":          fill("\\\n"),
		"Definitions":     strings.Repeat("[a]: /b\n", bracketsMax) + fill("c\n"),
		"DefinitionsOpen": strings.Repeat("[a]: /b \"\n", bracketsMax) + fill("c\n"),
		"Demands":         strings.Repeat("[a]: b\n", bracketsMax) + fill("c\n"),
		"RefusedLinks":    strings.Repeat("[a](b)\n", bracketsMax) + fill("c\n"),
		"RefusedTails":    strings.Repeat("[a](b\n\"c\") ", bracketsMax),
		"Titles":          "[a]: /b \"" + strings.Repeat("c", 1000) + "\"\n\n" + strings.Repeat("[a] ", 990),
		"RawHTML":         fill("<a \"'>"),
		"Comments":        fill("<!-- "),
		"BareStarts":      fill("https://a"),
		"BareUsers":       fill("https://a@b.c/"),
		"BareBrackets":    "https://a.b/" + fill(")"),
		"BareEntities":    "https://a.b/" + fill("&c;"),
		"BareSemicolons":  "https://a.b/&" + fill(";"),
		"BareHosts":       fill("www.-"),
		"BareLongHost":    "https://" + fill("a.") + "1",
		"BareMails":       fill("a@b "),
		"Mails":           fill("a@b.c "),
		"MailStarts":      fill("(a@"),
		"Numbers":         fill("7.\n5.\n"),
		"NumbersSpelled":  fill("01. a\n"),
		"NestedLinks":     strings.Repeat("![", 900) + strings.Repeat("](/a)", 900),
		"LinksInEmphasis": strings.Repeat("*a **b ", 3000) + strings.Repeat("http://a.b ", 2500),
		"LongRows":        "|a|\n|-|\n" + strings.Repeat("|b"+strings.Repeat("|c", 20)+"\n", 1000),
		"LinkStartsAfter": strings.Repeat("[a](", 990) + strings.Repeat("a", BodyMax),
	}
	for name, source := range sources {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// Without bounds the worst of these take half a minute; the limit
			// leaves room for the race detector and a busy machine.
			start := time.Now()
			out := RenderMarkdown(source)
			if took := time.Since(start); took > 10*time.Second {
				t.Errorf("rendering took %v", took)
			}
			if len(out) > min(renderedTimes*len(source)+renderedSlack, RenderedMax) {
				t.Errorf("the HTML of %d bytes has %d", len(source), len(out))
			}
		})
	}
}

// Every sign of emphasis that may end something is compared with those before it in its block, so these are counted.
func TestEmphasisIsCounted(t *testing.T) {
	t.Parallel()
	pairs := emphasisMax / 2
	out := RenderMarkdown(strings.Repeat("*a* ", pairs+1) + "\n\n*b*")
	if n := strings.Count(out, "<em>a</em>"); n != pairs {
		t.Errorf("%d pairs of signs were taken for emphasis, want %d", n, pairs)
	}
	if !strings.Contains(out, "*a*") || !strings.Contains(out, "<p><em>b</em></p>") {
		t.Error("want the rest of the block as it was typed, and emphasis in the next")
	}
}

func TestRenderMarkdownFallsBackToTheSource(t *testing.T) {
	t.Parallel()
	source := strings.Repeat("[", bracketsMax) + "*<b>*"
	if got := RenderMarkdown(source); !strings.HasSuffix(got, "[<em>&lt;b&gt;</em></p>\n") {
		t.Error("a source within the bound was not rendered")
	}
	want := "<p>[" + strings.Repeat("[", bracketsMax) + "*&lt;b&gt;*</p>\n"
	if diff := cmp.Diff(want, RenderMarkdown("["+source)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestRenderMarkdownKeepsWhatPeopleNest(t *testing.T) {
	t.Parallel()
	if got := strings.Count(RenderMarkdown(strings.Repeat("> ", 10)+"a"), "<blockquote>"); got != 10 {
		t.Errorf("ten quotes came out as %d", got)
	}
	if got := strings.Count(RenderMarkdown(strings.Repeat("- ", 10)+"a"), "<li>"); got != 10 {
		t.Errorf("ten lists came out as %d", got)
	}
	for _, before := range []string{"", "> "} {
		deep := RenderMarkdown(before + strings.Repeat("- ", 500) + "a")
		if lists, items := strings.Count(deep, "<ul>"), strings.Count(deep, "<li>"); lists != items || lists < 10 || lists > nestingMax {
			t.Errorf("500 lists came out as %d with %d items", lists, items)
		}
	}
	if got := strings.Count(RenderMarkdown(strings.Repeat(">", 500)+"a"), "<blockquote>"); got > nestingMax {
		t.Errorf("500 quotes came out as %d", got)
	}
	table := strings.Repeat("intro\n", 2000) + "|a|b|c|\n|-|-|-|\n" + strings.Repeat("|1|2|3|\n", 300)
	if got := strings.Count(RenderMarkdown(table), "<td>"); got != 900 {
		t.Errorf("a table of 900 cells came out with %d", got)
	}
}

// markdownText draws sources made of what Markdown and HTML give a meaning.
func markdownText() *rapid.Generator[string] {
	sign := rapid.SampledFrom([]string{
		"*", "_", "`", "~~", "[", "]", "(", ")", "<", ">", "!", "#", "|", "-", "\n", "\n\n", "    ", "\\", "&", ";", ":", "\"", "'", "=",
		"a", "script", "<script>", "</a>", "<img src=x onerror=alert(1)>", "javascript:", "JaVaScRiPt:", "&#106;avascript:", "vbscript:", "data:",
		"https://example.org", "http://", "www.a.b", "onclick=", "style=", "<!--", "-->", "<![CDATA[", "\x00", "\t", "é", "|-|", "[a]: ",
	})
	return rapid.Custom(func(t *rapid.T) string {
		return strings.Join(rapid.SliceOfN(sign, 0, 40).Draw(t, "signs"), "")
	})
}

func TestRenderMarkdownIsSafe(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		checkHTMLPromises(t, rapid.OneOf(markdownText(), anyText()).Draw(t, "source"))
	})
}

func FuzzRenderMarkdown(f *testing.F) {
	for _, s := range []string{
		"# a", "[a](javascript:alert(1))", "<script>alert(1)</script>", "![a](b)", "<a href='javascript:x' onclick=y>", "|a|\n|-|\n|b|",
		"[a]: https://example.org\n\n[a]", "<svg/onload=x>", "https://example.org/\"onclick=x", "[a](https://example.org/'onclick=x)", "> - 1. a",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, source string) {
		if len(source) <= 4*BodyMax {
			checkHTMLPromises(t, source)
		}
	})
}

// promisedLink is how an address that a link leads to begins.
var promisedLink = regexp.MustCompile(`^(https?://[^/@]|mailto:[^/]|tel:[^/]|/([^/\\]|$))`)

// checkHTMLPromises reads the output as a browser would and allows nothing but the elements and attributes of the
// promise.
func checkHTMLPromises(t interface{ Errorf(string, ...any) }, source string) {
	elements := strings.Fields("p br hr strong em del code pre blockquote ul ol li h2 h3 h4 h5 h6 table thead tbody tr th td a")
	out := RenderMarkdown(source)
	if !utf8.ValidString(out) || strings.Contains(strings.ToLower(out), "<script") {
		t.Errorf("RenderMarkdown(%q) = %q", source, out)
	}
	if again := RenderMarkdown(source); again != out {
		t.Errorf("RenderMarkdown(%q) = %q, and then %q", source, out, again)
	}
	links := 0
	for tokens := html.NewTokenizer(strings.NewReader(out)); tokens.Next() != html.ErrorToken; {
		token := tokens.Token()
		switch token.Type {
		case html.TextToken:
			continue
		case html.StartTagToken, html.EndTagToken:
			if !slices.Contains(elements, token.Data) {
				t.Errorf("RenderMarkdown(%q) holds the element %q", source, token.Data)
			}
			checkAttributes(t, source, token)
		default:
			t.Errorf("RenderMarkdown(%q) holds %q", source, token)
		}
		if token.Data == "a" {
			links += map[html.TokenType]int{html.StartTagToken: 1, html.EndTagToken: -1}[token.Type]
		}
		if links < 0 || links > 1 {
			t.Errorf("RenderMarkdown(%q) has links in links: %q", source, out)
		}
	}
}

func checkAttributes(t interface{ Errorf(string, ...any) }, source string, token html.Token) {
	got := map[string]string{}
	for _, a := range token.Attr {
		got[a.Key] = a.Val
	}
	number := regexp.MustCompile(`^[0-9]{1,9}$`)
	fine := len(got) == 0
	switch token.Data {
	case "ol":
		fine = fine || len(got) == 1 && number.MatchString(got["start"])
	case "li":
		fine = fine || len(got) == 1 && number.MatchString(got["value"])
	case "a":
		delete(got, "title")
		fine = token.Type == html.EndTagToken ||
			len(got) == 2 && promisedLink.MatchString(got["href"]) && got["rel"] == "nofollow noopener noreferrer"
	}
	if !fine {
		t.Errorf("RenderMarkdown(%q) holds the tag %q", source, token)
	}
}
