package text

import (
	"strings"
	"testing"

	"golang.org/x/net/html"
	"pgregory.net/rapid"
)

func TestRenderMarkdownShowsForbiddenEntitiesAsTyped(t *testing.T) {
	checkMarkdown(t, []markdownCase{
		{"Override", "Wir fordern &#x202E;001 Euro", "<p>Wir fordern &amp;#x202E;001 Euro</p>\n"},
		{"Isolate", "a &#x2066;b&#X2069;", "<p>a &amp;#x2066;b&amp;#X2069;</p>\n"},
		{"LinkText", "[&#8238;gro.live](https://e.org)", `<p><a href="https://e.org"` + rel + ">&amp;#8238;gro.live</a></p>\n"},
		{"Title", `[a](/b "&#x202e;c")`, `<p><a href="/b" title="&amp;#x202e;c"` + rel + ">a</a></p>\n"},
		{"InnerTitle", `[![a](/b "&#x202e;c")](/d)`, `<p><a href="/d"` + rel + ">a (&amp;#x202e;c)</a></p>\n"},
		{"DefinedTitle", "[a]\n\n[a]: /b '&#8238;c'", `<p><a href="/b" title="&amp;#8238;c"` + rel + ">a</a></p>\n"},
		{"LinkWithoutText", "[](/a&#8238;b)", `<p><a href="/a%E2%80%AEb"` + rel + ">/a&amp;#8238;b</a></p>\n"},
		{"LinkOfAnOverride", "[&#8238;](/a)", `<p><a href="/a"` + rel + ">&amp;#8238;</a></p>\n"},
		{"Heading", "# &#8238;a", "<h2>&amp;#8238;a</h2>\n"},
		{"Cell", "|&#8238;a|\n|-|", "<table>\n<thead>\n<tr>\n<th>&amp;#8238;a</th>\n</tr>\n</thead>\n</table>\n"},
		{"Info", "~~~ &#8238;a\nb\n~~~", "<p>&amp;#8238;a</p>\n<pre><code>b\n</code></pre>\n"},
		{"Emphasis", "*&#8238;a*", "<p><em>&amp;#8238;a</em></p>\n"},
		{"Code", "`&#8238;a`", "<p><code>&amp;#8238;a</code></p>\n"},
		{"Escaped", `\&#8238;a \\&#8238;b`, `<p>&amp;#8238;a \&amp;#8238;b</p>` + "\n"},
		{"Control", "a&#1;b&#x1b;c&#127;d&#x80;e&#13;f", "<p>a&amp;#1;b&amp;#x1b;c&amp;#127;d&amp;#x80;e&amp;#13;f</p>\n"},
		{"LineEnds", "a&#11;b&#12;c&#x2028;d&#x2029;e", "<p>a&amp;#11;b&amp;#12;c&amp;#x2028;d&amp;#x2029;e</p>\n"},
		{"NUL", "a&#0;b&#x0;c&#000;", "<p>a&amp;#0;b&amp;#x0;c&amp;#000;</p>\n"},
		{"NoCharacter", "a&#xD800;b&#x110000;c&#xFFFD;d&#9999999;e", "<p>a&amp;#xD800;b&amp;#x110000;c&amp;#xFFFD;d&amp;#9999999;e</p>\n"},
		{"Allowed", "&#x200F;&#228;&#9;&auml;&#x22;&#60;&nbsp;a", "<p>\u200fä\tä&#34;&lt;\u00a0a</p>\n"},
		{"None", "&#; &#x; &#12345678; &#x1234567; &#x202E &x202E;", "<p>&amp;#; &amp;#x; &amp;#12345678; &amp;#x1234567; &amp;#x202E &amp;x202E;</p>\n"},
	})
}

// TestRenderMarkdownHoldsNothingForbidden compares what is shown with what CheckText lets a body hold.
func TestRenderMarkdownHoldsNothingForbidden(t *testing.T) {
	t.Parallel()
	parts := rapid.OneOf(
		rapid.SampledFrom([]string{
			"&#", "&#x", "&", ";", "\\", "[", "](/", "\"", ")", "*", "`", "|", "|-|\n", "\n", "\n\n", "~~~ ", "# ", "[a]", "[a]: /b '", "'", "<", ">", "a", " ", "https://a.example/",
		}),
		rapid.SampledFrom([]string{
			"&#x202E;", "&#8238;", "&#X2066;", "&#x202a;", "&#8297;", "&#0;", "&#x7f;", "&#155;", "&#xD800;", "&#x110000;", "&#13;", "&#x2028;", "&#65533;", "&Tab;", "&NewLine;", "&rlm;",
		}),
		rapid.StringMatching(`&#[0-9]{1,7};|&#[xX][0-9a-fA-F]{1,6};`),
	)
	rapid.Check(t, func(t *rapid.T) {
		source := strings.Join(rapid.SliceOfN(parts, 0, 12).Draw(t, "parts"), "")
		out := html.UnescapeString(RenderMarkdown(source))
		_, fault := CheckText(out, "It", 0, RenderedMax)
		if fault != "" || lineEnds.Replace(out) != out || strings.ContainsRune(out, '\uFFFD') {
			t.Fatalf("RenderMarkdown(%q) holds what a body may not: %q (%s)", source, out, fault)
		}
	})
}
