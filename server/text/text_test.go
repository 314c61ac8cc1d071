package text

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"
)

// anyText draws text that is rich in what the rules are about: marks,
// controls, invisible characters, full-width signs and broken UTF-8.
func anyText() *rapid.Generator[string] {
	odd := rapid.SampledFrom([]string{
		"\x00", "\x1b", "\u0085", "\r\n", "\t", "\n", " ", "\u00a0", "\u3000", "\u200b", "\u200d", "\u200c", "\ufeff", "\u202e", "\u2066",
		"\u0301", "\u0345", "\u034f", "\u0489", "\ufe0f", "\u3164", "\u2800", "e\u0301", "ﬃ", "ß", "İ", "ς", "ﷺ", "㌖", "が", "ー", "한", "東京",
		"＃", "#", "!", "_", "-", "=", "＝", "+", "@", ".", "/", "\"", "'", "*", "|", "&", "AND", "<script>", "](", "www.", "http://", "org",
		"\xff", "\xc3", "👩\u200d💻", "𠀀", "𞤀", "1", "²", "Ⅷ",
	})
	part := rapid.OneOf(odd, rapid.StringN(0, 8, -1))
	return rapid.Custom(func(t *rapid.T) string {
		return strings.Join(rapid.SliceOfN(part, 0, 12).Draw(t, "parts"), "")
	})
}

func TestCheckLine(t *testing.T) {
	t.Parallel()
	const what = "The title"
	const length = "The title must have 3 to 10 characters."
	const control = "The title must be a single line without control characters."
	const direction = "The title must not contain characters that override the direction of writing."
	tests := []struct{ name, in, clean, fault string }{
		{"Plain", "Clean air", "Clean air", ""},
		{"Trimmed", " \t Clean air\n", "Clean air", ""},
		{"SpacesCollapsed", "Clean \u00a0\u3000 air", "Clean air", ""},
		{"LineSeparatorIsSpace", "Clean\u2028air", "Clean air", ""},
		{"Composed", "Cafe\u0301", "Café", ""},
		{"LengthInCharacters", "東京都東京都東京都東", "東京都東京都東京都東", ""},
		{"JoinersStay", "👩\u200d💻 works", "👩\u200d💻 works", ""},
		{"EmbeddingCut", "\u202bשלום\u202c \u2068Ada\u2069", "שלום Ada", ""},
		{"ComposedAcrossIsolate", "Cafe\u2068\u0301\u2069", "Café", ""},
		{"ErrEmbeddingOpen", "\u202bClean", "", direction},
		{"ErrOverrideClosed", "\u202eClean\u202c", "", direction},
		{"ErrEmpty", "", "", length},
		{"ErrBlank", " \u3000 ", "", length},
		{"ErrShort", "ab", "", length},
		{"ErrShortButForInvisible", "ab\u200b\u200b", "", length},
		{"ErrInvisible", "\u200b\u2060\ufeff\u3164", "", length},
		{"ErrBraille", "\u2800\u2800\u2800", "", length},
		{"ErrLong", "12345678901", "", length},
		{"ErrNewline", "Clean\nair", "", control},
		{"ErrTab", "Clean\tair", "", control},
		{"ErrNUL", "Clean\x00air", "", control},
		{"ErrNULAtEnd", "Clean air\x00", "", control},
		{"ErrC1", "Clean\u0085air", "", control},
		{"ErrBidiOverride", "Clean\u202eria", "", direction},
		{"BidiMarkStays", "עצרו את\u200f!", "עצרו את\u200f!", ""},
		{"BidiMarkAtEndStays", "ראש העיר\u200f", "ראש העיר\u200f", ""},
		{"LatinMarkStays", "(\u200e2026)", "(\u200e2026)", ""},
		{"ArabicMarkStays", "بيئة\u061c!", "بيئة\u061c!", ""},
		{"ErrMarksOnly", "\u200e\u200f\u061c", "", length},
		{"ErrBidiIsolate", "Clean\u2067air", "", direction},
		{"ErrBidiEmbedding", "Clean\u202aair", "", direction},
		{"ErrUTF8", "Clean\xffair", "", "The title must be valid UTF-8 text."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			clean, fault := CheckLine(tt.in, what, 3, 10)
			if diff := cmp.Diff([]string{tt.clean, tt.fault}, []string{clean, fault}); diff != "" {
				t.Errorf("CheckLine(%q) (-want +got):\n%s", tt.in, diff)
			}
		})
	}
}

func TestCheckLineOptional(t *testing.T) {
	t.Parallel()
	if clean, fault := CheckLine(" \u200b ", "The summary", 0, SummaryMax); clean != "" || fault != "" {
		t.Errorf("invisible summary: got %q, %q, want it empty", clean, fault)
	}
	long := strings.Repeat("é", SummaryMax+1)
	want := "The summary must have at most 500 characters."
	if _, fault := CheckLine(long, "The summary", 0, SummaryMax); fault != want {
		t.Errorf("long summary: got %q, want %q", fault, want)
	}
	if clean, fault := CheckLine(long[2:], "The summary", 0, SummaryMax); clean != long[2:] || fault != "" {
		t.Errorf("summary of full length: got fault %q", fault)
	}
}

func TestCheckText(t *testing.T) {
	t.Parallel()
	const length = "The body must have 1 to 20 characters."
	const control = "The body must not contain control characters other than line breaks and tabs."
	const direction = "The body must not contain characters that override the direction of writing."
	tests := []struct{ name, in, clean, fault string }{
		{"LinesAndTabs", "One\n\n\ttwo", "One\n\n\ttwo", ""},
		{"LineEnds", "a\r\nb\rc\n", "a\nb\nc", ""},
		{"HardBreaksStay", "a  \nb  ", "a  \nb", ""},
		{"IndentStays", "\n\n    code", "    code", ""},
		{"Composed", "Cafe\u0301", "Café", ""},
		{"LineEndsOfWordProcessors", "a\vb\fc\u2028d\u2029e", "a\nb\nc\nd\n\ne", ""},
		{"EmptyLinesOfWordProcessors", "\v\f\u2028a\v", "a", ""},
		{"EmbeddingCut", "\u202bשלום\u202c \u202aab\u202c", "שלום ab", ""},
		{"IsolateCut", "\u2068Ada\u2069 \u2066b\u2069 \u2067ג\u2069", "Ada b ג", ""},
		{"EmbeddingInIsolateCut", "\u2067a\u202ab\u202cc\u2069", "abc", ""},
		{"ComposedAcrossIsolate", "e\u2068\u0301\u2069", "é", ""},
		{"EmbeddingAcrossLinesCut", "\u202aa\nb\u202c", "a\nb", ""},
		{"BidiMarkStays", "א\u200f!", "א\u200f!", ""},
		{"ErrEmpty", "", "", length},
		{"ErrBlank", "\r\n \t\n", "", length},
		{"ErrInvisible", "\u200b\n\u200b", "", length},
		{"ErrLong", strings.Repeat("a", 21), "", length},
		{"ErrNUL", "a\x00b", "", control},
		{"ErrEscape", "a\x1b[31mb", "", control},
		{"ErrC1", "a\u0085b", "", control},
		{"ErrOverride", "a\u202eb", "", direction},
		{"ErrIsolate", "a\u2067b", "", direction},
		{"ErrOverrideClosed", "\u202ea\u202c", "", direction},
		{"ErrEmbeddingOpen", "\u202ba", "", direction},
		{"ErrEmbeddingOnlyClosed", "a\u202c", "", direction},
		{"ErrIsolateClosedAsEmbedding", "\u2067a\u202c", "", direction},
		{"ErrOverrideInIsolate", "\u2067\u202da\u2069", "", direction},
		{"ErrUTF8", "a\xc3", "", "The body must be valid UTF-8 text."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			clean, fault := CheckText(tt.in, "The body", 1, 20)
			if diff := cmp.Diff([]string{tt.clean, tt.fault}, []string{clean, fault}); diff != "" {
				t.Errorf("CheckText(%q) (-want +got):\n%s", tt.in, diff)
			}
		})
	}
}

func TestCleanTextStaysClean(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := anyText().Draw(t, "s")
		checks := map[string]func(string, string, int, int) (string, string){"line": CheckLine, "text": CheckText}
		for name, check := range checks {
			clean, fault := check(s, "It", 0, 60)
			if fault != "" {
				if clean != "" {
					t.Fatalf("%s: a fault came with the text %q", name, clean)
				}
				continue
			}
			if !utf8.ValidString(clean) || !norm.NFC.IsNormalString(clean) || strings.ContainsFunc(clean, isForbiddenControl) {
				t.Fatalf("%s(%q) = %q, which is not clean", name, s, clean)
			}
			if again, fault := check(clean, "It", 0, 60); again != clean || fault != "" {
				t.Fatalf("%s(%q) = %q, %q: not settled", name, clean, again, fault)
			}
		}
	})
}

// TestLongestSpellings: what has the most characters before it is normalised is taken, in every kind of text.
func TestLongestSpellings(t *testing.T) {
	t.Parallel()
	for r := range rune(unicode.MaxRune) {
		if n := utf8.RuneCountInString(norm.NFD.String(string(r))); n > spellingsMost && norm.NFC.IsNormalString(string(r)) {
			t.Errorf("%U is spelt with %d characters", r, n)
		}
	}
	const short = "ᾂ"
	long := norm.NFD.String(short)
	if utf8.RuneCountInString(long) != spellingsMost {
		t.Fatalf("%q is spelt %+q", short, long)
	}
	for name, check := range map[string]struct {
		most  int
		clean func(string) (string, string)
	}{
		"Line": {TitleMax, func(s string) (string, string) { return CheckLine(s, "The title", TitleMin, TitleMax) }},
		"Text": {BodyMax, func(s string) (string, string) { return CheckText(s, "The body", BodyMin, BodyMax) }},
		"Name": {nameMax, CheckName},
		"Tag": {tagKeyMax / 2, func(s string) (string, string) {
			tag, fault := checkTag(s) // whose key has two characters for each
			return tag.Label, fault
		}},
	} {
		if clean, fault := check.clean("\n" + strings.Repeat(long, check.most) + "  \n"); clean != strings.Repeat(short, check.most) {
			t.Errorf("%s: %d characters are refused: %s", name, check.most, fault)
		}
		if _, fault := check.clean(strings.Repeat(long, check.most+1)); fault == "" {
			t.Errorf("%s: %d characters are taken", name, check.most+1)
		}
	}
}

func TestIsBlank(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"", " ", "\u3000\t\n", "\u200b\u200e\ufeff", "\u3164", "\u00a0\u2800"} {
		if !IsBlank(s) {
			t.Errorf("%q is not blank", s)
		}
	}
	for _, s := range []string{"x", " . ", "\x00", "\xff", "\u0301", "\u200ba"} {
		if IsBlank(s) {
			t.Errorf("%q is blank", s)
		}
	}
}

func TestBidiSets(t *testing.T) {
	t.Parallel()
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if isBidiOverride(r) && !unicode.Is(unicode.Bidi_Control, r) {
			t.Errorf("%U is an override but no control", r)
		}
	}
	if !isBidiOverride('\u202a') || !isBidiOverride('\u2069') || isBidiOverride('\u200e') || isBidiOverride('\u202f') {
		t.Error("the overrides are not U+202A to U+202E and U+2066 to U+2069")
	}
}

func FuzzCheckText(f *testing.F) {
	for _, s := range []string{"", "Clean air", "a\r\nb", "\xff", "e\u0301\u202e", strings.Repeat("\u0301", 40)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		line, _ := CheckLine(s, "It", 0, 1000)
		if strings.ContainsFunc(line, unicode.IsControl) || strings.ContainsFunc(line, isBidiOverride) {
			t.Errorf("CheckLine(%q) = %q", s, line)
		}
		text, _ := CheckText(s, "It", 0, 1000)
		if strings.ContainsFunc(text, isForbiddenControl) || strings.ContainsFunc(text, isBidiOverride) {
			t.Errorf("CheckText(%q) = %q", s, text)
		}
	})
}
