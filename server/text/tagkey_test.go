package text

import (
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"
)

func TestTagKeyMeetsItsSpellings(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, key string
		spellings []string
	}{
		{"Seed", "cloudflare", []string{"#Cloudflare,", "cloudflare", "  ##CLOUDFLARE "}},
		{"Words", "climatejustice", []string{"#Climate Justice!", "climatejustice", "Climate-Justice", "ＣlimateＪustice", "climate — justice"}},
		{"Underscore", "save_the_bees", []string{"save_the_bees", "#Save_The_Bees"}},
		{"SharpS", "strasse", []string{"Straße", "STRASSE"}},
		{"Accent", "café", []string{"Café", "CAFE\u0301"}},
		{"Sigma", "οδοσ", []string{"ΟΔΟΣ", "οδος"}},
		{"Ligature", "office", []string{"oﬃce", "OFFICE"}},
		{"Digits", "covid19", []string{"COVID-19", "covid¹⁹", "Covid 19"}},
		{"DottedI", "istanbul", []string{"İstanbul", "istanbul"}},
		{"DotlessI", "isparta", []string{"ISPARTA", "ısparta", "Isparta"}},
		{"Cherokee", "Ꮳ", []string{"ꮳ", "Ꮳ"}},
		{"Japanese", "カタカナ", []string{"ｶﾀｶﾅ", "カタカナ"}},
		{"Devanagari", "हिन्दी", []string{"#हिन्दी"}},
		{"Persian", "میخواهم", []string{"می\u200cخواهم", "میخواهم"}},
		{"Heart", "love❤", []string{"love ❤️", "Love❤", "#love-❤"}},
		{"MusicalSharp", "f#", []string{"F♯", "F#", "f♯"}},
		{"ArabicPercent", "50%", []string{"50٪", "50%", "50 ٪"}},
		{"PerTenThousand", "10‱", []string{"10‱", "10 ‱", "10؊"}},
		{"PerMille", "10‰", []string{"10‰", "10؉"}},
		{"Section", "§218", []string{"§218", "§ 218", "§§ 218", "(§218)", "# § 218!"}},
		{"SectionWithin", "wegmit§218stgb", []string{"Weg mit § 218 StGB", "wegmit§218stgb"}},
		{"Unequal", "a≠b", []string{"A≠B", "a ≠ b", "a=\u0338b"}},
		{"Flag", "madein🇩🇪", []string{"Made in 🇩🇪", "madein🇩🇪"}},
		{"FlagOfAPart", "🏴gbwlsrugby", []string{"🏴\U000e0067\U000e0062\U000e0077\U000e006c\U000e0073\U000e007f Rugby"}},
		{"Farmer", "👩🏽🌾first", []string{"👩🏽\u200d🌾 first", "👩🏽🌾First"}},
		{"Framework", ".net", []string{".NET", "#.NET", "(.net)", " .Net "}},
		{"FrameworkWithin", "aspnet", []string{"ASP.NET", "ASP .NET", "aspnet"}},
		{"Ellipsis", "undjetzt", []string{"...und jetzt", "…und jetzt", ". und jetzt"}},
		{"CurrencyOfLetters", "us$", []string{"US$", "us＄"}},
		{"Decoration", "climate", []string{"climate®©", "► climate ●", "°climate°", "«climate»", "~climate~", "climate |", "climate."}},
		{"Separators", "newspolitics", []string{"News | Politics", "news ~ politics", "news -> politics", "news · politics"}},
		{"ComposesOverTheGap", "é", []string{"e!\u0301", "é"}},
		{"Plus", "c++", []string{"C++", "#c++", "Ｃ＋＋", "C++!"}},
		{"Sharp", "c#", []string{"C#", "#C#", "Ｃ＃", "C\u200b#"}},
		{"Between", "r&d", []string{"R&D", "R & D", "r＆d"}},
		{"Signs", "c++&c#", []string{"C++ & C#"}},
		{"Decimal", "1.5c", []string{"1.5 °C", "1.5°C", "１．５ ℃"}},
		{"Minus", "−5", []string{"-5", "−5", "–5"}},
		{"Behind", "a−", []string{"A-", "A−", "#A- !"}},
		{"Percent", "50%", []string{"50%", "50 %", "５０％"}},
		{"Currency", "5€", []string{"5€", "5 €"}},
		{"Fraction", "1/2", []string{"½", "1/2", "1⁄2"}},
		{"MixedFraction", "1_1/2", []string{"1½", "1 1/2", "1_½"}},
		{"Power", "10^6", []string{"10⁶", "10^6"}},
		{"Range", "2025-2030", []string{"2025-2030", "2025 – 2030", "2025−2030"}},
		{"Article", "art5_3", []string{"Art. 5 (3)", "Art 5 [3]"}},
		{"Nothing", "", []string{"", "#!?", "\u3164", "❤️", "+", "&", "- -", "%", "_", "\u0301", "§", "$", "=", ".", "🇩🇪", "♯"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for _, s := range tt.spellings {
				if diff := cmp.Diff(tt.key, TagKey(s)); diff != "" {
					t.Errorf("TagKey(%q) (-want +got):\n%s", s, diff)
				}
			}
		})
	}
}

// TestTagsThatDifferStayDifferent has groups of tags, each of which says something else than the others of its group.
func TestTagsThatDifferStayDifferent(t *testing.T) {
	t.Parallel()
	for _, group := range [][]string{
		{"C", "C#", "C++", "C+", "C##"},
		{"F", "F♯", "F♭", "F♮"},
		{"C", "C♯"},
		{"50", "50٪", "50‰", "50‱"},
		{"10", "10‱"},
		{"5", ".5"},
		{"218", "§218", "¶218"},
		{"Art. 5", "Art. §5"},
		{"AB", "A≠B", "A=B", "A<B", "A>B", "A→B", "A×B", "A+B", "A∩B"},
		{"NET", ".NET"},
		{"Made in", "Made in 🇩🇪", "Made in 🇫🇷"},
		{"Save", "Save 🐝", "Save 🐳", "🐝 Save"},
		{"Farmer 👩🏽\u200d🌾", "Farmer 👨🏽\u200d🌾", "Farmer 👩🏿\u200d🌾", "Farmer"},
		{"Rugby 🏴\U000e0067\U000e0062\U000e0077\U000e006c\U000e0073\U000e007f", "Rugby 🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f", "Rugby 🏴"},
		{"Vote ✓", "Vote ✗", "Vote ☮", "Vote"},
		{"US", "US$", "US€"},
		{"ASAP", "A$AP"},
		{"R&D", "RD"},
		{"AT&T", "ATT"},
		{"Black & White", "Black White"},
		{"LGBTQ", "LGBTQ+", "LGBTQ++"},
		{"Disney", "Disney+"},
		{"A", "A+", "A-"},
		{"Rh+", "Rh-"},
		{"18", "18+", "-18", ">18", "<18", "≤18", "±18"},
		{"1.5 °C", "15 °C", "1,5 °C", "-1.5 °C", "+1.5 °C", "1.5 %"},
		{"2,5", "25", "2.5", "2:5", "2/5", "2-5", "2 5", "2×5", "2⅕", "2⁵"},
		{"+5", "-5", "5", "±5"},
		{"January -5", "January 5", "January +5"},
		{"½", "12", "1.2", "⅓", "1½", "11/2", "1.5"},
		{"10²", "102", "10₂0", "10.2"},
		{"24/7", "247", "24-7"},
		{"9/11", "911", "9-11", "9.11"},
		{"10 000", "10000", "10.000", "10'000", "10,000"},
		{"50 %", "50", "50 ‰", "5.0 %"},
		{"500 €", "500 $", "500 £", "500"},
		{"Art. 5 (3)", "Art. 53"},
		{"Web 2.0", "Web 20"},
		{"٢٫٥", "٢٥"},
		{"2020 - 2030", "20202030"},
	} {
		keys := map[string]string{}
		for _, tag := range group {
			key := TagKey(tag)
			if other, ok := keys[key]; ok {
				t.Errorf("%q and %q have the same key %q", other, tag, key)
			}
			keys[key] = tag
		}
	}
}

// A text that is far longer than any tag has no key, and takes no time to find that out: neither one that was typed so
// long, nor one whose letters stand for eighteen each.
func TestLongTextsHaveNoKey(t *testing.T) {
	t.Parallel()
	for name, tag := range map[string]string{
		"Typed": strings.Repeat("a", tagKeyWork+1), "Written out": strings.Repeat("\ufdfa", tagKeyWork/18+1),
		"Marks": "a" + strings.Repeat("\u0301", 1<<20), "Signs": strings.Repeat("a.", 1<<20),
	} {
		if key, long := tagKey(tag); key != "" || !long || TagKeyPrefix(tag) != "" {
			t.Errorf("%s: got a key of %d bytes, want none", name, len(key))
		}
	}
	if longest := strings.Repeat("ä", tagKeyWork); TagKey(longest) != longest {
		t.Error("want a key for the longest text that is looked at")
	}
}

func TestTagKeyPrefix(t *testing.T) {
	t.Parallel()
	for _, tag := range []string{"COVID-19", "Climate-Justice", "C++", "R&D", "1.5 °C", "A-", "-5 °C", "½ price", "24/7", ".NET", "§ 218 StGB", "A≠B", "Save 🐝", "🐝 Save", "Made in 🇩🇪", "50٪", "US$", "F♯", "🏴\U000e0067\U000e0062\U000e0077\U000e006c\U000e0073\U000e007f Rugby"} {
		written := ""
		for _, r := range tag {
			written += string(r)
			if prefix := TagKeyPrefix(written); !strings.HasPrefix(TagKey(tag), prefix) {
				t.Errorf("who has written %q of %q looks for keys with %q, and not %q", written, tag, prefix, TagKey(tag))
			}
		}
	}
}

func TestTagKeyIsSettled(t *testing.T) {
	t.Parallel()
	signs := rapid.StringOfN(rapid.SampledFrom([]rune("ab1⁵½²5 +#&-−–%$€<~.,/⁄'’(_\u0301\u200bⅧ①♯♭§٪‱=≠\u0338🐝🇩🏴\U000e0067\U000e007f❤🏽|°…")), 0, 12, -1)
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.OneOf(anyText(), signs).Draw(t, "s")
		checkTagKeyPromises(t, s)
		if key := TagKey(s); key != TagKey(tagLabel(s)) && norm.NFC.IsNormalString(s) {
			t.Fatalf("the label %q has another key than %q", tagLabel(s), s)
		}
	})
}

func FuzzTagKey(f *testing.F) {
	for _, s := range []string{"#Climate Justice!", "e!\u0301", "ͅ", "İ", "ﷺ", "\u034f", strings.Repeat("\u0301", 70), "\xff", "C++ & C#", "-1½ %"} {
		f.Add(s)
	}
	f.Add(strings.Repeat("a", tagKeyWork-1))
	f.Fuzz(func(t *testing.T, s string) { checkTagKeyPromises(t, s) })
}

func checkTagKeyPromises(t interface{ Errorf(string, ...any) }, s string) {
	key := TagKey(s)
	if again := TagKey(key); again != key {
		t.Errorf("TagKey(%q) = %q, again %q", s, key, again)
	}
	// What is nearly too long may become so.
	if more, long := tagKey("#" + s + " !"); more != key && !long {
		t.Errorf("TagKey(%q) = %q changes with what does not count", s, key)
	}
	for _, r := range key {
		if !inKey(r) && r != '^' && !unicode.In(r, unicode.Po, unicode.Pd, unicode.Sm, unicode.Sc) || isInvisible(r) {
			t.Errorf("TagKey(%q) holds %U", s, r)
		}
	}
}
