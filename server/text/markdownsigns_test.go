package text

import (
	"strings"
	"testing"
)

func TestRenderMarkdownStrikesByTwoTildesOnly(t *testing.T) {
	checkMarkdown(t, []markdownCase{
		{"Korean", "대상은 10~20명, 예산은 30~40만원입니다.", "<p>대상은 10~20명, 예산은 30~40만원입니다.</p>\n"},
		{"Hours", "9:00~10:00 and 14:00~15:00", "<p>9:00~10:00 and 14:00~15:00</p>\n"},
		{"Places", "서울~부산, 대구~광주 구간", "<p>서울~부산, 대구~광주 구간</p>\n"},
		{"Chemistry", "H~2~O", "<p>H~2~O</p>\n"},
		{"Around", "~a~ (~b~)", "<p>~a~ (~b~)</p>\n"},
		{"Two", "~~a~~ b~~c~~", "<p><del>a</del> b<del>c</del></p>\n"},
		{"OneWithinTwo", "~~10~20~~", "<p><del>10~20</del></p>\n"},
		{"OneAndTwo", "~a~~ ~~b~", "<p>~a~~ ~~b~</p>\n"},
		{"Three", "a ~~~b~~~", "<p>a ~~~b~~~</p>\n"},
		{"Escaped", `\~~a~~`, "<p>~~a~~</p>\n"},
	})
}

func TestRenderMarkdownEmphasisBesideUnspacedLetters(t *testing.T) {
	checkMarkdown(t, []markdownCase{
		{"Japanese", "これは**「重要」**です。", "<p>これは<strong>「重要」</strong>です。</p>\n"},
		{"JapaneseEnd", "**強調します。**次の文", "<p><strong>強調します。</strong>次の文</p>\n"},
		{"Kana", "カナ**（注）**カナ", "<p>カナ<strong>（注）</strong>カナ</p>\n"},
		{"Chinese", "这是**我想做的事。**所以继续。", "<p>这是<strong>我想做的事。</strong>所以继续。</p>\n"},
		{"Korean", "**마크다운(Markdown)**을 씁니다.", "<p><strong>마크다운(Markdown)</strong>을 씁니다.</p>\n"},
		{"Code", "强调**这个`code`**吗", "<p>强调<strong>这个<code>code</code></strong>吗</p>\n"},
		{"Strikethrough", "これは~~「旧」~~新です", "<p>これは<del>「旧」</del>新です</p>\n"},
		{"Spaces", "日本 ** 語 ** です", "<p>日本 ** 語 ** です</p>\n"},
		{"Underscores", "日本_「語」_です", "<p>日本_「語」_です</p>\n"},
		{"Latin", `a**"b"**c`, "<p>a**&#34;b&#34;**c</p>\n"},
		{"AtTheEnd", "日本**「語」**", "<p>日本<strong>「語」</strong></p>\n"},
	})
}

// TestRenderMarkdownKeepsSingleAsterisks has those that refer to a note, as CommonMark reads them.
func TestRenderMarkdownKeepsSingleAsterisks(t *testing.T) {
	for _, source := range []string{
		"참가비*(성인)와 회비*(학생)은", "価格*、数量*は", "料金*（税込）と手数料*（税別）", "カナ*（注）*カナ", "日本*「語」*", "사과*, 배* 는", "价格*（含税）和数量*。", "价格*，数量*（件）", "한국*'어'*는",
	} {
		if got := RenderMarkdown(source); strings.Count(got, "*") != strings.Count(source, "*") {
			t.Errorf("%q lost an asterisk: %q", source, got)
		}
	}
	checkMarkdown(t, []markdownCase{
		{"Letters", "日本*語*です *강조*는", "<p>日本<em>語</em>です <em>강조</em>는</p>\n"},
		{"AtEdges", "*「語」* です", "<p><em>「語」</em> です</p>\n"},
		{"Three", "これは***「語」***です", "<p>これは<em><strong>「語」</strong></em>です</p>\n"},
	})
}
