package text

import (
	"strings"
	"testing"
)

func TestRenderMarkdownMovesHeadingsDown(t *testing.T) {
	checkMarkdown(t, []markdownCase{
		{"Each", "# A\n\n## B\n\n### C", "<h2>A</h2>\n<h3>B</h3>\n<h4>C</h4>\n"},
		{"Last", "#### D\n\n##### E\n\n###### F", "<h5>D</h5>\n<h6>E</h6>\n<h6>F</h6>\n"},
		{"Underlined", "A\n===\n\nB\n---", "<h2>A</h2>\n<h3>B</h3>\n"},
		{"InQuote", "> ## A", "<blockquote>\n<h3>A</h3>\n</blockquote>\n"},
	})
}

func TestRenderMarkdownShowsNumbersAsWritten(t *testing.T) {
	list := func(start string, items ...string) string {
		return "<ol" + start + ">\n<li>" + strings.Join(items, "</li>\n<li>") + "</li>\n</ol>\n"
	}
	checkMarkdown(t, []markdownCase{
		{"Date", "24. Dezember 2025: letzter Tag der Frist.", list(` start="24"`, "Dezember 2025: letzter Tag der Frist.")},
		{"Year", "1986. What a year!", list(` start="1986"`, "What a year!")},
		{"Zero", "0. zero\n1. one", list(` start="0"`, "zero", "one")},
		{"CountsOn", "3. demand three\n4. four", list(` start="3"`, "demand three", "four")},
		{"CountsFromOne", "1. a\n2. b\n3. c", list("", "a", "b", "c")},
		{"AllOnes", "1. a\n1. b\n1. c", "<ol>\n<li>a</li>\n<li value=\"1\">b</li>\n<li value=\"1\">c</li>\n</ol>\n"},
		{"Jumps", "18. September: A\n2. Oktober: B\n3. November: C", "<ol start=\"18\">\n<li>September: A</li>\n<li value=\"2\">Oktober: B</li>\n<li>November: C</li>\n</ol>\n"},
		{"Parentheses", "7) a\n9) b", "<ol start=\"7\">\n<li>a</li>\n<li value=\"9\">b</li>\n</ol>\n"},
		{"InBullets", "- 1. Mai: Demo\n- 8. Mai: Fest", "<ul>\n<li>\n" + list("", "Mai: Demo") + "</li>\n<li>\n" + list(` start="8"`, "Mai: Fest") + "</li>\n</ul>\n"},
		{"Interrupted", "1. first\n\nBecause:\n\n2. second", list("", "first") + "<p>Because:</p>\n" + list(` start="2"`, "second")},
		{"CzechDate", "24. 12. 2025", "<ol start=\"24\">\n<li>\n" + list(` start="12"`, "2025") + "</li>\n</ol>\n"},
		{"NineDigits", "123456789. a", list(` start="123456789"`, "a")},
		{"TenDigits", "1234567890. a", "<p>1234567890. a</p>\n"},
		{"Nested", "5. a\n   1. b\n   9. c", "<ol start=\"5\">\n<li>a\n<ol>\n<li>b</li>\n<li value=\"9\">c</li>\n</ol>\n</li>\n</ol>\n"},
		{"Loose", "2. a\n\n4. b", "<ol start=\"2\">\n<li>\n<p>a</p>\n</li>\n<li value=\"4\">\n<p>b</p>\n</li>\n</ol>\n"},
		{"Empty", "5.\n7. a", "<ol start=\"5\">\n<li></li>\n<li value=\"7\">a</li>\n</ol>\n"},
		{"Indented", "  12. a\n  14. b", "<ol start=\"12\">\n<li>a</li>\n<li value=\"14\">b</li>\n</ol>\n"},
		{"InQuote", "> 12. a\n> 14. b", "<blockquote>\n<ol start=\"12\">\n<li>a</li>\n<li value=\"14\">b</li>\n</ol>\n</blockquote>\n"},
		{"LeadingZero", "01. Mai: Demo\n08. Mai: Fest", "<ul>\n<li>01. Mai: Demo</li>\n<li>08. Mai: Fest</li>\n</ul>\n"},
		{"LeadingZeroLater", "9) a\n010) b", "<ul>\n<li>9) a</li>\n<li>010) b</li>\n</ul>\n"},
		{"LeadingZeroLoose", "01. a\n\n02. b", "<ul>\n<li>\n<p>01. a</p>\n</li>\n<li>\n<p>02. b</p>\n</li>\n</ul>\n"},
		{"LeadingZeroBeforeBlock", "01. # a\n02.", "<ul>\n<li>01. \n<h2>a</h2>\n</li>\n<li>02. </li>\n</ul>\n"},
		{"AgentZeroes", "007. Bond", "<ul>\n<li>007. Bond</li>\n</ul>\n"},
	})
}

func TestRenderMarkdownShowsWhatStandsBehindAFence(t *testing.T) {
	checkMarkdown(t, []markdownCase{
		{"Language", "```go\na < b\n```", "<p>go</p>\n<pre><code>a &lt; b\n</code></pre>\n"},
		{"Sentence", "~~~ Unterschriften bis 1. Mai ~~~\na", "<p>Unterschriften bis 1. Mai ~~~</p>\n<pre><code>a\n</code></pre>\n"},
		{"InItem", "- ```x &amp; <b>\n  a\n  ```", "<ul>\n<li>\n<p>x &amp; &lt;b&gt;</p>\n<pre><code>a\n</code></pre>\n</li>\n</ul>\n"},
		{"Nothing", "```\n```", "<pre><code></code></pre>\n"},
	})
}

func TestRenderMarkdownTables(t *testing.T) {
	table := func(head string, rows ...string) string {
		row := func(cells, element string) string {
			cells = strings.ReplaceAll(cells, "¦", "</"+element+">\n<"+element+">")
			return "<tr>\n<" + element + ">" + cells + "</" + element + ">\n</tr>\n"
		}
		out := "<table>\n<thead>\n" + row(head, "th") + "</thead>\n<tbody>\n"
		for _, r := range rows {
			out += row(r, "td")
		}
		return out + "</tbody>\n</table>\n"
	}
	checkMarkdown(t, []markdownCase{
		{"Short", "|a|b|\n|:-|-|\n|c|", table("a¦b", "c¦")},
		{"Long", "|a|b|\n|-|-|\n|1|2|3|4|\n|5|6|", table("a¦b", "1¦2|3|4", "5¦6")},
		{"LongWithoutPipes", "a|b\n-|-\n1|2|3\n4|5", table("a¦b", "1¦2|3", "4¦5")},
		{"LongAfterEmptyCell", "|a|b|\n|-|-|\n|1||3|", table("a¦b", "1¦|3")},
		{"LongOnlyEmpty", "|a|\n|-|\n|1| | |", table("a", "1")},
		{"LongWithMarkdown", "|a|\n|-|\n|1|*2*|<b>|", table("a", "1|<em>2</em>|&lt;b&gt;")},
		{"InItem", "- |a|\n  |-|\n  |1|2|", "<ul>\n<li>\n" + table("a", "1|2") + "</li>\n</ul>\n"},
		{"AfterText", "x\n|a|\n|-|\n|1|2|", "<p>x</p>\n" + table("a", "1|2")},
		{"AfterDefinition", "[x]: /y\n|a|\n|-|\n|1|2|\n\n[x]", table("a", "1|2") + `<p><a href="/y"` + rel + ">x</a></p>\n"},
	})
}
