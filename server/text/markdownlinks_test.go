package text

import "testing"

func TestRenderMarkdownLinks(t *testing.T) {
	checkMarkdown(t, []markdownCase{
		{"Title", `[a](https://example.org "t & <u>")`, `<p><a href="https://example.org" title="t &amp; &lt;u&gt;"` + rel + ">a</a></p>\n"},
		{"UpperCase", `[a](HTTP://example.org)`, `<p><a href="http://example.org"` + rel + ">a</a></p>\n"},
		{"Angle", "<http://example.org>", `<p><a href="http://example.org"` + rel + ">http://example.org</a></p>\n"},
		{"Mail", "<ada@example.org> [b](mailto:bob@example.org?subject=x)", `<p><a href="mailto:ada@example.org"` + rel + `>ada@example.org</a> <a href="mailto:bob@example.org?subject=x"` + rel + ">b</a></p>\n"},
		{"MailToAnybody", "[tell](mailto:?subject=a&body=https%3A%2F%2Fe.org) <mailto:?to=ada@example.org>", `<p><a href="mailto:?subject=a&amp;body=https%3A%2F%2Fe.org"` + rel + `>tell</a> <a href="mailto:?to=ada@example.org"` + rel + ">mailto:?to=ada@example.org</a></p>\n"},
		{"IPv6", "[a](http://[2001:db8::1]/x) [b](https://[::1]:80) <https://[2001:DB8::1]/>", `<p><a href="http://[2001:db8::1]/x"` + rel + `>a</a> <a href="https://[::1]:80"` + rel + `>b</a> <a href="https://[2001:DB8::1]/"` + rel + ">https://[2001:DB8::1]/</a></p>\n"},
		{"IPv6Definition", "[a]\n\n[a]: http://[2001:db8::1]/x", `<p><a href="http://[2001:db8::1]/x"` + rel + ">a</a></p>\n"},
		{"Phone", "[call](tel:+49-30-123) <tel:112>", `<p><a href="tel:+49-30-123"` + rel + `>call</a> <a href="tel:112"` + rel + ">tel:112</a></p>\n"},
		{"PathOfThisSite", "[a](/p/night-bus?x=1#y) [b](/)", `<p><a href="/p/night-bus?x=1#y"` + rel + `>a</a> <a href="/"` + rel + ">b</a></p>\n"},
		{"WithoutText", "[](https://example.org/a) [ ](/b)", `<p><a href="https://example.org/a"` + rel + `>https://example.org/a</a> <a href="/b"` + rel + "> /b</a></p>\n"},
		{"Percent", "[a](https://example.org/100%)", `<p><a href="https://example.org/100%25"` + rel + ">a</a></p>\n"},
		{"AngleInLink", "[a <https://b.example>](https://c.example)", `<p><a href="https://c.example"` + rel + ">a https://b.example</a></p>\n"},
	})
}

func TestRenderMarkdownShowsAsTypedWhatMayNotBeALink(t *testing.T) {
	checkMarkdown(t, []markdownCase{
		{"Script", "[*a*](javascript:alert(1)) b", "<p>[<em>a</em>](javascript:alert(1)) b</p>\n"},
		{"Disguised", "[a](java&#x09;script&colon;b) [c](<\x01javascript:d>)", "<p>[a](java&amp;#x09;script&amp;colon;b) [c](&lt;\x01javascript:d&gt;)</p>\n"},
		{"Data", "[a](data:text/html;base64,AAAA)", "<p>[a](data:text/html;base64,AAAA)</p>\n"},
		{"Hostless", "[a](https:) [b](https:/x) [c](http:d)", "<p>[a](https:) [b](https:/x) [c](http:d)</p>\n"},
		{"User", "[a](https://example.org@evil.example)", "<p>[a](https://example.org@evil.example)</p>\n"},
		{"NoAddressee", "[a](mailto:) [b](mailto:?) [c](mailto:#x) [d](mailto://x) [e](tel:?x)", "<p>[a](mailto:) [b](mailto:?) [c](mailto:#x) [d](mailto://x) [e](tel:?x)</p>\n"},
		{"BrokenIPv6", "[a](http://[1::2::3]/) [b](http://[::1]x.example/) [c](http://[fe80::1%25a]/)", "<p>[a](http://[1::2::3]/) [b](http://[::1]x.example/) [c](http://[fe80::1%25a]/)</p>\n"},
		{"OtherSite", `[a](//example.org) [b](/\example.org)`, "<p>[a](//example.org) <a href=\"/%5Cexample.org\"" + rel + ">b</a></p>\n"},
		{"NoAddress", "[sic](see) [a](www.example.org \"t\") [b](#d) [c]()", "<p>[sic](see) [a](www.example.org &#34;t&#34;) [b](#d) [c]()</p>\n"},
		{"OverLines", "[a\nb](c\n\"d\") e", "<p>[a\nb](c\n&#34;d&#34;) e</p>\n"},
		{"InLink", "[[a](b)](/c)", `<p><a href="/c"` + rel + ">[a](b)</a></p>\n"},
		{"InEmphasis", "*a [b](c) d*", "<p><em>a [b](c) d</em></p>\n"},
		{"Image", "![a](b.png) c", "<p>![a](b.png) c</p>\n"},
		{"Angle", "<step:one> &amp; <javascript:b>", "<p>&lt;step:one&gt; &amp; &lt;javascript:b&gt;</p>\n"},
	})
}

func TestRenderMarkdownImagesAreLinks(t *testing.T) {
	checkMarkdown(t, []markdownCase{
		{"Text", "![a *cat*](https://example.org/cat.png)", `<p><a href="https://example.org/cat.png"` + rel + ">a <em>cat</em></a></p>\n"},
		{"NoText", "![](https://example.org/cat.png)", `<p><a href="https://example.org/cat.png"` + rel + ">https://example.org/cat.png</a></p>\n"},
		{"Title", `![a](/b.png "c")`, `<p><a href="/b.png" title="c"` + rel + ">a</a></p>\n"},
		{"Reference", "![a][b]\n\n[b]: /c.png", `<p><a href="/c.png"` + rel + ">a</a></p>\n"},
		{"InLink", "[![a](/b.png)](https://example.org)", `<p><a href="https://example.org"` + rel + ">a</a></p>\n"},
		{"InLinkWithTitle", `[![a](/b.png "c")](/d)`, `<p><a href="/d"` + rel + ">a (c)</a></p>\n"},
		{"AroundLink", "![a [b](/c) d](/e)", `<p><a href="/e"` + rel + ">a b d</a></p>\n"},
	})
}

func TestRenderMarkdownDefinitions(t *testing.T) {
	const study = `<a href="https://example.org/study"` + rel + ">https://example.org/study</a>"
	checkMarkdown(t, []markdownCase{
		{"Used", "[a] [b][A]\n\n[a]: https://example.org", `<p><a href="https://example.org"` + rel + `>a</a> <a href="https://example.org"` + rel + ">b</a></p>\n"},
		{"UsedTitle", "[a]\n\n[a]: /b 'c'", `<p><a href="/b" title="c"` + rel + ">a</a></p>\n"},
		{"Demand", "[Paragraph 5]: demand", "<p>[Paragraph 5]: demand</p>\n"},
		{"Demands", "[Forderung]: sofort\n[Frage]: *warum*\nDarum.", "<p>[Forderung]: sofort</p>\n<p>[Frage]: <em>warum</em></p>\n<p>Darum.</p>\n"},
		{"DemandMentioned", "[Forderung]: sofort\n\nSiehe [Forderung].", "<p>[Forderung]: sofort</p>\n<p>Siehe [Forderung].</p>\n"},
		{"DemandTitle", "[Frage]: warum \"eigentlich\"\nnicht", "<p>[Frage]: warum &#34;eigentlich&#34;</p>\n<p>nicht</p>\n"},
		{"Sources", "Text (1)\n\n[1]: https://example.org/study\n[2]: https://example.org/study \"The & *study*\"", "<p>Text (1)</p>\n<p>[1]: " + study + "</p>\n<p>[2]: " + study + " &#34;The &amp; *study*&#34;</p>\n"},
		{"Angle", "[1]: <https://example.org/study>", "<p>[1]: &lt;" + study + "&gt;</p>\n"},
		{"Second", "[a]\n\n[a]: /b\n[A]: https://example.org/study", `<p><a href="/b"` + rel + ">a</a></p>\n<p>[A]: " + study + "</p>\n"},
		{"OverLines", "[a\nb]:\n/c\n'd\ne'\nf", "<p>[a\nb]:\n<a href=\"/c\"" + rel + ">/c</a>\n&#39;d\ne&#39;</p>\n<p>f</p>\n"},
		{"UsedByImageOnly", "![a]\n\n[a]: /b", `<p><a href="/b"` + rel + ">a</a></p>\n"},
		{"InItem", "- [1]: https://example.org/study\n- [x]: y", "<ul>\n<li>\n<p>[1]: " + study + "</p>\n</li>\n<li>[x]: y</li>\n</ul>\n"},
		{"InQuote", "> [x]: y\n> z", "<blockquote>\n<p>[x]: y</p>\n<p>z</p>\n</blockquote>\n"},
		{"BeforeHeading", "[x]: y\n# z", "<p>[x]: y</p>\n<h2>z</h2>\n"},
		{"BeforeUnderline", "[x]: y\nz\n===", "<p>[x]: y</p>\n<h2>z</h2>\n"},
		{"BehindATitle", "[a]: /b\n\"c\" [d]: /e", "<p>[a]: /b\n&#34;c&#34; [d]: /e</p>\n"},
		{"Path", "[1]: /p/night-bus", `<p>[1]: <a href="/p/night-bus"` + rel + ">/p/night-bus</a></p>\n"},
	})
}

func TestRenderMarkdownShowsRawHTML(t *testing.T) {
	checkMarkdown(t, []markdownCase{
		{"Placeholder", "We ask for <distance> metres", "<p>We ask for &lt;distance&gt; metres</p>\n"},
		{"Inline", "a <b and c> d", "<p>a &lt;b and c&gt; d</p>\n"},
		{"Attributes", `a <b onclick="*x*">**b**</b> <img src=x onerror=y>`, "<p>a &lt;b onclick=&#34;*x*&#34;&gt;<strong>b</strong>&lt;/b&gt; &lt;img src=x onerror=y&gt;</p>\n"},
		{"Block", "<div>\n**a** https://a.example\n</div>\n\nb", "<p>&lt;div&gt;\n<strong>a</strong> <a href=\"https://a.example\"" + rel + ">https://a.example</a>\n&lt;/div&gt;</p>\n<p>b</p>\n"},
		{"List", "<ul><li>a</li>\n<li>b</li></ul>", "<p>&lt;ul&gt;&lt;li&gt;a&lt;/li&gt;\n&lt;li&gt;b&lt;/li&gt;&lt;/ul&gt;</p>\n"},
		{"Comment", "<!-- a *b* -->\n\nc <!-- d\ne --> f", "<p>&lt;!-- a *b* --&gt;</p>\n<p>c &lt;!-- d\ne --&gt; f</p>\n"},
		{"Script", "<script>alert(1)</script>\n\na", "<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>\n<p>a</p>\n"},
		{"Style", "<style>\nb { c: d }\n</style>", "<p>&lt;style&gt;\nb { c: d }\n&lt;/style&gt;</p>\n"},
		{"Others", "<?php a ?> <!DOCTYPE html> <![CDATA[b]]> </c >", "<p>&lt;?php a ?&gt; &lt;!DOCTYPE html&gt; &lt;![CDATA[b]]&gt; &lt;/c &gt;</p>\n"},
		{"OverLines", "a <b\n  c=\"d\"> e", "<p>a &lt;b\nc=&#34;d&#34;&gt; e</p>\n"},
		{"EntityInTag", `<a b="&amp;">`, "<p>&lt;a b=&#34;&amp;amp;&#34;&gt;</p>\n"},
		{"InLink", "[<b>](/a)", `<p><a href="/a"` + rel + ">&lt;b&gt;</a></p>\n"},
		{"InTable", "|a|\n|-|\n|<b>|", "<table>\n<thead>\n<tr>\n<th>a</th>\n</tr>\n</thead>\n<tbody>\n<tr>\n<td>&lt;b&gt;</td>\n</tr>\n</tbody>\n</table>\n"},
		{"Heading", "# <h1>a</h1>", "<h2>&lt;h1&gt;a&lt;/h1&gt;</h2>\n"},
	})
}
