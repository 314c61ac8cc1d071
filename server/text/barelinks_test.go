package text

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
	"pgregory.net/rapid"
)

func TestRenderMarkdownBareLinks(t *testing.T) {
	link := func(address, words string) string { return `<a href="` + address + `"` + rel + ">" + words + "</a>" }
	web := func(address string) string { return link(address, address) }
	checkMarkdown(t, []markdownCase{
		{"Stop", "see https://example.org.", "<p>see " + web("https://example.org") + ".</p>\n"},
		{"WWW", "www.example.org", "<p>" + link("http://www.example.org", "www.example.org") + "</p>\n"},
		{"Umlaut", "https://de.wikipedia.org/wiki/Müll ok", "<p>" + link("https://de.wikipedia.org/wiki/M%C3%BCll", "https://de.wikipedia.org/wiki/Müll") + " ok</p>\n"},
		{"Cyrillic", "https://ru.wikipedia.org/wiki/Петиция", "<p>" + link("https://ru.wikipedia.org/wiki/%D0%9F%D0%B5%D1%82%D0%B8%D1%86%D0%B8%D1%8F", "https://ru.wikipedia.org/wiki/Петиция") + "</p>\n"},
		{"Polish", "http://www.example.org/żółw!", "<p>" + link("http://www.example.org/%C5%BC%C3%B3%C5%82w", "http://www.example.org/żółw") + "!</p>\n"},
		{"PolishWWW", "(www.example.org/żółw)", "<p>(" + link("http://www.example.org/%C5%BC%C3%B3%C5%82w", "www.example.org/żółw") + ")</p>\n"},
		{"Query", "https://a.example/?q=Ö&r=ж#ü", "<p>" + link("https://a.example/?q=%C3%96&amp;r=%D0%B6#%C3%BC", "https://a.example/?q=Ö&amp;r=ж#ü") + "</p>\n"},
		{"Marks", "https://hi.wikipedia.org/wiki/हिन्दी।", "<p>" + link("https://hi.wikipedia.org/wiki/%E0%A4%B9%E0%A4%BF%E0%A4%A8%E0%A5%8D%E0%A4%A6%E0%A5%80", "https://hi.wikipedia.org/wiki/हिन्दी") + "।</p>\n"},
		{"Arabic", "https://ar.wikipedia.org/wiki/عريضة، نعم", "<p>" + link("https://ar.wikipedia.org/wiki/%D8%B9%D8%B1%D9%8A%D8%B6%D8%A9", "https://ar.wikipedia.org/wiki/عريضة") + "، نعم</p>\n"},
		{"Joiner", "https://fa.example/می\u200cخواهم", "<p>" + link("https://fa.example/%D9%85%DB%8C%E2%80%8C%D8%AE%D9%88%D8%A7%D9%87%D9%85", "https://fa.example/می\u200cخواهم") + "</p>\n"},
		{"KoreanPath", "https://ko.wikipedia.org/wiki/청원", "<p>" + link("https://ko.wikipedia.org/wiki/%EC%B2%AD%EC%9B%90", "https://ko.wikipedia.org/wiki/청원") + "</p>\n"},
		{"KoreanParticle", "https://example.org를 보세요", "<p>" + web("https://example.org") + "를 보세요</p>\n"},
		{"CyrillicHost", "https://пример.рф/", "<p>" + link("https://%D0%BF%D1%80%D0%B8%D0%BC%D0%B5%D1%80.%D1%80%D1%84/", "https://пример.рф/") + "</p>\n"},
		{"LatinHost", "https://exämple.org/", "<p>" + link("https://ex%C3%A4mple.org/", "https://exämple.org/") + "</p>\n"},
		{"Punycode", "https://xn--e1afmkfd.xn--p1ai/a", "<p>" + web("https://xn--e1afmkfd.xn--p1ai/a") + "</p>\n"},
		{"Capitals", "HTTPS://EXAMPLE.ORG/A", "<p>" + link("https://EXAMPLE.ORG/A", "HTTPS://EXAMPLE.ORG/A") + "</p>\n"},
		{"HanEnds", "https://zh.wikipedia.org/wiki/请愿", "<p>" + web("https://zh.wikipedia.org/wiki/") + "请愿</p>\n"},
		{"KanaEnds", "https://example.jp/aをご覧ください", "<p>" + web("https://example.jp/a") + "をご覧ください</p>\n"},
		{"KanaEndsHost", "https://example.jpを.見て", "<p>" + web("https://example.jp") + "を.見て</p>\n"},
		{"FullWidth", "（https://example.jp/a）", "<p>（" + web("https://example.jp/a") + "）</p>\n"},
		{"FullWidthStop", "https://example.jp/a。次", "<p>" + web("https://example.jp/a") + "。次</p>\n"},
		{"AfterKana", "詳細はhttps://example.jp/a、www.example.jpで", "<p>詳細は" + web("https://example.jp/a") + "、" + link("http://www.example.jp", "www.example.jp") + "で</p>\n"},
		{"AfterColon", "链接：https://example.cn/a", "<p>链接：" + web("https://example.cn/a") + "</p>\n"},
		{"Quoted", `„https://example.org/a“ "https://example.org/b"`, "<p>„" + web("https://example.org/a") + "“ &#34;" + web("https://example.org/b") + "&#34;</p>\n"},
		{"WithinWord", "xhttps://example.org awww.example.org", "<p>xhttps://example.org awww.example.org</p>\n"},
		{"Bold", "**https://example.org/a_b_c**", "<p><strong>" + web("https://example.org/a_b_c") + "</strong></p>\n"},
		{"Brackets", "(https://example.org/a_(b)) https://example.org/c)", "<p>(" + web("https://example.org/a_(b)") + ") " + web("https://example.org/c") + ")</p>\n"},
		{"Entity", "https://example.org/?a=b&amp;", "<p>" + web("https://example.org/?a=b") + "&amp;</p>\n"},
		{"Port", "http://example.org:8080/a", "<p>" + web("http://example.org:8080/a") + "</p>\n"},
		{"WrongPort", "https://example.org:www.a.b", "<p>https://example.org:www.a.b</p>\n"},
		{"User", "https://a:b@example.org/c&amp;", "<p>https://a:b@example.org/c&amp;</p>\n"},
		{"NoHost", "http:// https://a www. http://localhost/", "<p>http:// https://a www. http://localhost/</p>\n"},
		{"Twice", "https://a.example/https://b.example", "<p>" + web("https://a.example/https://b.example") + "</p>\n"},
		{"InLinkText", "[https://a.example](/b)", "<p>" + link("/b", "https://a.example") + "</p>\n"},
		{"InLinkTextWithPath", "[a https://a.example/c_(d) e](/b)", "<p>" + link("/b", "a https://a.example/c_(d) e") + "</p>\n"},
		{"MailInLinkText", "[ada@a.example](/b)", "<p>" + link("/b", "ada@a.example") + "</p>\n"},
		{"InBrackets", "[https://a.example/b] [see https://a.example/c[d]e.]", "<p>[" + web("https://a.example/b") + "] [see " + link("https://a.example/c%5Bd%5De", "https://a.example/c[d]e") + ".]</p>\n"},
		{"AfterOpenBracket", "[a https://a.example/b", "<p>[a " + web("https://a.example/b") + "</p>\n"},
		{"InCode", "`https://a.example`", "<p><code>https://a.example</code></p>\n"},
		{"SoftBreak", "a\nhttps://a.example\nb", "<p>a\n" + web("https://a.example") + "\nb</p>\n"},
		{"Mail", "ada@example.org, (bob_c@example.co.uk)", "<p>" + link("mailto:ada@example.org", "ada@example.org") + ", (" + link("mailto:bob_c@example.co.uk", "bob_c@example.co.uk") + ")</p>\n"},
		{"MailHost", "a ada@mail.exämple.org.", "<p>a " + link("mailto:ada@mail.ex%C3%A4mple.org", "ada@mail.exämple.org") + ".</p>\n"},
		{"MailParticle", "ada@example.org로 ada@example.orgまで.です", "<p>" + link("mailto:ada@example.org", "ada@example.org") + "로 " + link("mailto:ada@example.org", "ada@example.org") + "まで.です</p>\n"},
		{"NoMail", "ada@example @example.org ada@example.org_x", "<p>ada@example @example.org ada@example.org_x</p>\n"},
	})
}

// TestRenderMarkdownBareLinksTakeTheWholeHost has hosts of which a part is the name of another one.
func TestRenderMarkdownBareLinksTakeTheWholeHost(t *testing.T) {
	t.Parallel()
	for source, address := range map[string]string{
		"https://www.change.Org/p/abc": "https://www.change.Org/p/abc", "https://www.change.Org/p/abc?x=1": "https://www.change.Org/p/abc?x=1",
		"http://www.stadt.Berlin/rathaus": "http://www.stadt.Berlin/rathaus", "https://www.gruene.De.": "https://www.gruene.De",
		"https://www.Example.Com/x": "https://www.Example.Com/x", "HTTPS://WWW.CHANGE.Org/p/a": "https://WWW.CHANGE.Org/p/a",
		"Https://Example.Org/a": "https://Example.Org/a", "www.Example.Com/x": "http://www.Example.Com/x", "Www.Example.Com": "http://Www.Example.Com",
		"https://пример.РФ/": "https://пример.РФ/", "https://ПРИМЕР.РФ/": "https://ПРИМЕР.РФ/", "https://www.bündnis.Org/x": "https://www.bündnis.Org/x",
		"https://shop.example.COM.au/a": "https://shop.example.COM.au/a", "https://mein.verein.Tokyo": "https://mein.verein.Tokyo",
		"info@verein.example.Org": "mailto:info@verein.example.Org", "Ada@Example.Org": "mailto:Ada@Example.Org", "ada@BÜRO.Example.": "mailto:ada@BÜRO.Example",
		"https://example.org.Next": "https://example.org.Next", "https://example.org.Дальше": "https://example.org.Дальше",
		"https://example.org./a": "https://example.org./a", "https://example.org:8080.": "https://example.org:8080", "https://example.org:": "https://example.org",
		"https://foo_bar.example.org/x": "https://foo_bar.example.org/x", "https://example.XN--P1AI/x": "https://example.XN--P1AI/x",
		"http://192.0.2.1/a": "http://192.0.2.1/a", "http://192.0.2.1:8080": "http://192.0.2.1:8080", "http://192.0.2.1.": "http://192.0.2.1",
		"http://[2001:db8::1]/x": "http://[2001:db8::1]/x", "https://[2001:DB8::1]:8080/x?y#z.": "https://[2001:DB8::1]:8080/x?y#z",
		"https://example.org😀": "https://example.org", "https://example.org–see": "https://example.org", "https://example.org, www": "https://example.org",
		"_www.example.org_": "http://www.example.org", "**https://example.Org**": "https://example.Org",
		"https://foo.bar_baz/x": "", "https://example.org1/x": "", "https://foo.bar.c1/x": "", "https://example.org_x": "", "https://example..org/x": "",
		"https://a.b_www.example.org": "https://a.b_www.example.org", "https://foo.bar_baz.www.example.org1/x": "", "https://user@www.example.org/": "", "https://example.org:80a/": "",
		"https://example.org❤.ws/": "", "foo-www.example.org": "", "foo.www.example.org": "", "foo_www.example.org": "", "ada@foo.example.org1": "",
		"ada@example.org@example.com": "", "ada@example.org_x.example": "", "http://1.2.3/": "", "http://[2001:db8::1/x": "", "http://[::1]x.example/": "",
		"https://" + strings.Repeat("a.", 150) + "example.org": "", "https://" + strings.Repeat("a.example", 40) + "/": "", "ada@" + strings.Repeat("a.", 150) + "org": "",
	} {
		if got := strings.Join(linksIn(source), " "); got != address {
			t.Errorf("%q links to %q, want %q", source, got, address)
		}
	}
}

// linksIn returns the addresses of the links in rendered Markdown, as people read them.
func linksIn(source string) (addresses []string) {
	for tokens := html.NewTokenizer(strings.NewReader(RenderMarkdown(source))); tokens.Next() != html.ErrorToken; {
		for _, attribute := range tokens.Token().Attr {
			if attribute.Key == "href" {
				address, _ := url.PathUnescape(attribute.Val)
				addresses = append(addresses, address)
			}
		}
	}
	return addresses
}

// writtenHost finds all that can be the host of an address of the web or of mail.
var writtenHost = regexp.MustCompile(`(?:://|@)([-\pL\pM\pN_.]*)|[-\pL\pM\pN_.]*(?i:www)\.[-\pL\pM\pN_.]*`)

func TestRenderMarkdownBareLinksLeadToHostsThatAreWritten(t *testing.T) {
	t.Parallel()
	parts := rapid.SampledFrom([]string{
		"https://", "http://", "www.", "Www.", "ada@", "a", "B", "example", "Org", "ORG", "org", "ö", "Ж", "рф", "РФ", "1", "xn--p1ai", ".", ".", ".", "-", "_", ":", ":80",
		"/", "?", "#", "@", " ", "(", ")", ",", "😀", "–", "’", "~", "*", "=", "&amp;",
	})
	linked := 0
	rapid.Check(t, func(t *rapid.T) {
		source := strings.Join(rapid.SliceOfN(parts, 0, 16).Draw(t, "parts"), "")
		var hosts []string
		for _, found := range writtenHost.FindAllStringSubmatch(source, -1) {
			for _, host := range []string{found[0], found[1]} {
				host = strings.TrimRight(host, "._-")
				hosts = append(hosts, host, strings.TrimLeft(host, "_")) // of emphasis
			}
		}
		for _, address := range linksIn(source) {
			linked++
			u, err := url.Parse(address)
			if err != nil {
				t.Fatalf("%q links to %q: %v", source, address, err)
			}
			_, mail, _ := strings.Cut(u.Opaque, "@")
			if host := strings.TrimSuffix(u.Hostname()+mail, "."); !slices.Contains(hosts, host) {
				t.Fatalf("%q links to %q, which is none of %q", source, host, hosts)
			}
		}
	})
	if linked == 0 {
		t.Error("nothing that was drawn is a link: the property was never tried")
	}
}

func TestRenderMarkdownBareLinksEnd(t *testing.T) {
	t.Parallel()
	for source, address := range map[string]string{
		"https://en.wikipedia.org/wiki/Michelson–Morley_experiment ok": "https://en.wikipedia.org/wiki/Michelson–Morley_experiment",
		"https://fr.wikipedia.org/wiki/L’Équipe":                       "https://fr.wikipedia.org/wiki/L’Équipe",
		"https://he.wikipedia.org/wiki/צה״ל":                           "https://he.wikipedia.org/wiki/צה״ל",
		"https://ca.wikipedia.org/wiki/Col·legi":                       "https://ca.wikipedia.org/wiki/Col·legi",
		"https://ru.wikipedia.org/wiki/Закон_Бойля_—_Мариотта.":        "https://ru.wikipedia.org/wiki/Закон_Бойля_—_Мариотта",
		"(https://de.wikipedia.org/wiki/A_(B)–C)":                      "https://de.wikipedia.org/wiki/A_(B)–C",
		"https://example.org/100€":                                     "https://example.org/100€", "https://example.org/😀": "https://example.org/😀",
		"https://example.org/🌈/x": "https://example.org/🌈/x", "https://example.org/👩🏽\u200d🌾?a": "https://example.org/👩🏽\u200d🌾?a",
		"https://example.org/5°C!": "https://example.org/5°C", "https://example.org/a½": "https://example.org/a½", "https://example.org/№5": "https://example.org/№5",
		"https://example.org/a…b…": "https://example.org/a…b", "https://example.org/a– b": "https://example.org/a", "https://example.org/a’ b": "https://example.org/a",
		"https://example.org/a’, b": "https://example.org/a", "„https://example.org/a“, b": "https://example.org/a", "«https://example.org/a»;": "https://example.org/a",
		"https://example.org/a“b": "https://example.org/a", "https://example.org/a”": "https://example.org/a", "https://example.org/עברית־ב": "https://example.org/עברית־ב",
		"https://example.org/عريضة،نعم": "https://example.org/عريضة", "https://example.org/ایران؟": "https://example.org/ایران", "https://example.org/हिन्दी।नया": "https://example.org/हिन्दी",
		"https://example.org/a\u00a0b": "https://example.org/a", "https://example.org/a\u3000b": "https://example.org/a", "https://example.org/a\u200bb": "https://example.org/a",
		"https://example.org/a\ufffdb": "https://example.org/a", "https://example.org/a？b": "https://example.org/a", "https://example.org/a※注意": "https://example.org/a",
		"https://example.org/a・b": "https://example.org/a", "https://example.org/a～b": "https://example.org/a", "https://example.org/a」b": "https://example.org/a",

		"https://example.org/aครับผม ok": "https://example.org/a", "ดูที่ https://example.org/a1ครับ": "https://example.org/a1", "https://example.org/aເດີ": "https://example.org/a",
		"https://example.org/éសូម": "https://example.org/é", "https://example.org/a_bမှာ": "https://example.org/a_b", "https://example.org/a를 보세요": "https://example.org/a",
		"https://example.org/?q=aครับ": "https://example.org/?q=a", "https://example.orgครับ": "https://example.org", "https://example.org:80에서": "https://example.org:80",
		"www.example.orgครับ": "http://www.example.org", "ada@example.orgครับ": "mailto:ada@example.org",
		"https://th.wikipedia.org/wiki/ประเทศไทย ok":    "https://th.wikipedia.org/wiki/ประเทศไทย",
		"https://th.wikipedia.org/wiki/กรุงเทพ_(เมือง)": "https://th.wikipedia.org/wiki/กรุงเทพ_(เมือง)",
		"https://km.wikipedia.org/wiki/កម្ពុជា។":        "https://km.wikipedia.org/wiki/កម្ពុជា",
		"https://my.wikipedia.org/wiki/မြန်မာ?a=b":      "https://my.wikipedia.org/wiki/မြန်မာ?a=b",
		"https://ko.wikipedia.org/wiki/대한민국_2026년":      "https://ko.wikipedia.org/wiki/대한민국_2026년",
		"https://zh.wikipedia.org/wiki/请愿?a":            "https://zh.wikipedia.org/wiki/",
		"https://example.한국/a https://example.ไทย/":     "https://example.한국/a https://example.ไทย/",
	} {
		if got := strings.Join(linksIn(source), " "); got != address {
			t.Errorf("%q links to %q, want %q", source, got, address)
		}
	}
}
