package text

import (
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"golang.org/x/net/html"
	"pgregory.net/rapid"
)

var (
	// An entity stands for another sign, and an address may be out of sight, behind the text of its link.
	unseen = regexp.MustCompile(`&#?[a-zA-Z0-9]+;|\]\(\s*<?[^\s()<>]*`)
	// A definition that is used has its place in the links.
	defines = regexp.MustCompile(`\]:`)
)

// checkNothingIsLost checks that every letter and digit of a source is in the HTML, in the same order.
func checkNothingIsLost(t interface{ Errorf(string, ...any) }, source string) {
	want := lettersAndDigits(unseen.ReplaceAllString(source, " "))
	out := RenderMarkdown(source)
	got := lettersAndDigits(whatIsShown(out))
	for _, r := range want {
		i := strings.IndexRune(got, r)
		if i < 0 {
			t.Errorf("RenderMarkdown(%q) lacks %q and what follows: %q", source, r, out)
			return
		}
		got = got[i+len(string(r)):]
	}
}

func lettersAndDigits(s string) string {
	return strings.Map(func(r rune) rune {
		if isLetterOrDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, s)
}

// whatIsShown returns the text of HTML with the numbers of lists, and addresses and titles of links behind their text.
func whatIsShown(out string) string {
	var shown strings.Builder
	var link string
	var numbers []int // the next one in each list that is open; below zero without numbers
	for tokens := html.NewTokenizer(strings.NewReader(out)); tokens.Next() != html.ErrorToken; {
		token := tokens.Token()
		attributes := map[string]string{}
		for _, a := range token.Attr {
			attributes[a.Key] = a.Val
		}
		switch token.Type.String() + " " + token.Data {
		case "StartTag ul":
			numbers = append(numbers, -1)
		case "StartTag ol":
			numbers = append(numbers, numberIn(attributes, "start", 1))
		case "EndTag ul", "EndTag ol":
			numbers = numbers[:len(numbers)-1]
		case "StartTag li":
			if last := &numbers[len(numbers)-1]; *last >= 0 {
				*last = numberIn(attributes, "value", *last)
				shown.WriteString(strconv.Itoa(*last) + ". ")
				*last++
			}
		case "StartTag a":
			address, _ := url.PathUnescape(attributes["href"])
			link = " " + address + " " + attributes["title"]
		case "EndTag a":
			shown.WriteString(link)
		}
		if token.Type == html.TextToken {
			shown.WriteString(token.Data)
		}
	}
	return shown.String()
}

func numberIn(attributes map[string]string, name string, otherwise int) int {
	if n, err := strconv.Atoi(attributes[name]); err == nil {
		return n
	}
	return otherwise
}

// wordyText draws sources in which there is something to lose near every sign of Markdown.
func wordyText() *rapid.Generator[string] {
	signs := rapid.SampledFrom([]string{
		"*", "**", "_", "`", "``", "```", "~", "~~", "~~~", "[", "]", "](", "(", ")", "<", ">", "!", "#", "## ", "|", "-", "--", "=", "+", "\\", "&",
		";", ":", "\"", "'", "/", ".", "@", "\n", "\n\n", "    ", "\t", " ", "> ", "- ", "1. ", "24. ", "007. ", "3) ", "|-|\n", "|-|-|\n", "---\n", "===\n",
		"](/a \"", "[x](y)", "![z](/q)", "https://", "www.", "http://h.example", "mailto:", "tel:", "javascript:", "</", "<!--", "-->", "<b c='", "<p>", "&lt;", "\r", "\v",
	})
	words := rapid.SampledFrom([]string{"a", "bc", "D", "42", "0", "é", "Ж", "字", "か", "한", "ไท", "हि", "div", "script", "x1"})
	return rapid.Custom(func(t *rapid.T) string {
		return strings.Join(rapid.SliceOfN(rapid.OneOf(signs, words), 0, 40).Draw(t, "parts"), "")
	})
}

func TestRenderMarkdownLosesNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		source := wordyText().Draw(t, "source")
		if !defines.MatchString(source) {
			checkNothingIsLost(t, source)
		}
		checkHTMLPromises(t, source)
	})
}

// TestRenderMarkdownLosesNoDefinition draws definitions that no link can refer to.
func TestRenderMarkdownLosesNoDefinition(t *testing.T) {
	t.Parallel()
	parts := rapid.SampledFrom([]string{
		"[a#]: ", "[b#]:\n", "  [c\n#]: ", "[d#]:", "/e", "<https://f.example>", "https://g.example/h", "word", " \"i\"", "\n'j'", " (k\nl)", "\"", "'", " ",
		"\n", "\n\n", "> ", "- ", "===\n", "# ", "|-|\n", "`", "*", "    ",
	})
	rapid.Check(t, func(t *rapid.T) {
		drawn := rapid.SliceOfN(parts, 0, 20).Draw(t, "parts")
		for i := range drawn {
			drawn[i] = strings.ReplaceAll(drawn[i], "#]", strconv.Itoa(100+i)+"]")
		}
		source := strings.Join(drawn, "")
		checkNothingIsLost(t, source)
		checkHTMLPromises(t, source)
	})
}

func FuzzRenderMarkdownLosesNothing(f *testing.F) {
	for _, s := range []string{
		"1. a\n02. b", "|a|\n|-|\n|b|c|", "~~~ a\nb", "[a](b \"c\")", "<a b>", "https://a.example/b_c", "> - 7. a", "# a #", "a\n===", "![a](/b)",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, source string) {
		if len(source) <= 4*BodyMax && !defines.MatchString(source) && !strings.Contains(source, "%") {
			checkNothingIsLost(t, source)
		}
	})
}

// TestRenderMarkdownIsSafeFromKnownAttacks renders attacks that once worked on somebody's converter or sanitiser.
func TestRenderMarkdownIsSafeFromKnownAttacks(t *testing.T) {
	t.Parallel()
	file, err := os.ReadFile("testdata/attacks.txt")
	if err != nil {
		t.Fatal(err)
	}
	attacks := strings.Split(strings.TrimSpace(string(file)), "\n%%\n")
	if len(attacks) < 80 {
		t.Errorf("there are %d attacks", len(attacks))
	}
	for _, attack := range attacks {
		for _, source := range []string{attack, "a " + attack, "- " + attack, "|" + attack + "|\n|-|", "[a](" + attack + ")", "[a](<" + attack + ">)", "[a]: " + attack + "\n\n[a]", "<" + attack + ">", "![" + attack + "](" + attack + ")", "[a](/ \"" + attack + "\")"} {
			checkHTMLPromises(t, source)
		}
		if !defines.MatchString(attack) && !strings.Contains(attack, "%") {
			checkNothingIsLost(t, attack)
		}
	}
}
