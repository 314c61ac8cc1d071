package text

import (
	"strings"
	"testing"

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
		{"Words", "climatejustice", []string{"#Climate Justice!", "climatejustice", "Climate-Justice", "ＣlimateＪustice"}},
		{"Underscore", "save_the_bees", []string{"save_the_bees", "#Save_The_Bees"}},
		{"SharpS", "strasse", []string{"Straße", "STRASSE"}},
		{"Accent", "café", []string{"Café", "CAFE\u0301"}},
		{"Sigma", "οδοσ", []string{"ΟΔΟΣ", "οδος"}},
		{"Ligature", "office", []string{"oﬃce", "OFFICE"}},
		{"Digits", "covid19", []string{"COVID-19", "covid¹⁹"}},
		{"DottedI", "istanbul", []string{"İstanbul", "istanbul"}},
		{"Cherokee", "Ꮳ", []string{"ꮳ", "Ꮳ"}},
		{"Japanese", "カタカナ", []string{"ｶﾀｶﾅ", "カタカナ"}},
		{"Devanagari", "हिन्दी", []string{"#हिन्दी"}},
		{"Persian", "میخواهم", []string{"می\u200cخواهم", "میخواهم"}},
		{"Heart", "love", []string{"love ❤️", "love"}},
		{"ComposesOverTheGap", "é", []string{"e!\u0301", "é"}},
		{"Nothing", "", []string{"", "#!?", "\u3164", "❤️"}},
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

func TestTagLabel(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, in, want string }{
		{"AsWritten", "Climate Justice!", "Climate Justice!"},
		{"Hash", " # Climate  Justice ", "Climate Justice"},
		{"FullWidthHash", "＃気候", "気候"},
		{"HashWithin", "C#", "C#"},
		{"OnlyHash", "##", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, tagLabel(tt.in)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestCheckTags(t *testing.T) {
	t.Parallel()
	ten := strings.Fields("a b c d e f g h i j")
	tests := []struct {
		name    string
		in      []string
		entries []Tag
		faults  []TagFault
	}{
		{name: "None"},
		{
			name:    "FirstLabelStays",
			in:      []string{"#Climate Justice!", "bees", "climatejustice"},
			entries: []Tag{{"climatejustice", "Climate Justice!"}, {"bees", "bees"}},
		},
		{
			name:    "BlankOnesArePassedOver",
			in:      []string{"", "bees", " \u3000", "\u200b\ufeff", "trees", ""},
			entries: []Tag{{"bees", "bees"}, {"trees", "trees"}},
		},
		{
			name:    "MarksOfDirectionStay",
			in:      []string{"#שלום\u200f!", "نعم\u061c"},
			entries: []Tag{{"שלום", "שלום\u200f!"}, {"نعم", "نعم\u061c"}},
		},
		{
			name: "ErrOverride",
			in:   []string{"a\u202eb", "a\u2066b"},
			faults: []TagFault{
				{0, "A tag must not contain characters that override the direction of writing."},
				{1, "A tag must not contain characters that override the direction of writing."},
			},
		},
		{
			name: "ErrEach",
			in:   []string{"fine", "#", "!!", "a\x00b", strings.Repeat("k", 51), strings.Repeat(".", 101) + "k"},
			faults: []TagFault{
				{1, "A tag must have 1 to 100 characters."},
				{2, "A tag must contain at least one letter or digit."},
				{3, "A tag must be a single line without control characters."},
				{4, "A tag must have at most 50 letters and digits."},
				{5, "A tag must have 1 to 100 characters."},
			},
		},
		{
			name:   "ErrEleven",
			in:     append(ten[:10:10], "k"),
			faults: []TagFault{{WholeList, "A petition must have at most 10 tags."}},
		},
		{
			name:   "ErrMarksAlone",
			in:     []string{"\u0301"},
			faults: []TagFault{{0, "A tag must contain at least one letter or digit."}},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			entries, faults := CheckTags(tt.in)
			if diff := cmp.Diff(tt.entries, entries); diff != "" {
				t.Errorf("entries (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.faults, faults); diff != "" {
				t.Errorf("faults (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCheckTagsCountsWhatIsStored(t *testing.T) {
	t.Parallel()
	in := append(strings.Fields("a b c d e f g h i j"), "#A", "J!")
	entries, faults := CheckTags(in)
	if len(entries) != TagsMax || len(faults) != 0 {
		t.Errorf("ten tags, two of them twice: got %d tags, faults %v", len(entries), faults)
	}
}

func TestTagKeyIsSettled(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := anyText().Draw(t, "s")
		checkTagKeyPromises(t, s)
		if key := TagKey(s); key != TagKey(tagLabel(s)) && norm.NFC.IsNormalString(s) {
			t.Fatalf("the label %q has another key than %q", tagLabel(s), s)
		}
	})
}

func FuzzTagKey(f *testing.F) {
	for _, s := range []string{"#Climate Justice!", "e!\u0301", "ͅ", "İ", "ﷺ", "\u034f", strings.Repeat("\u0301", 70), "\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) { checkTagKeyPromises(t, s) })
}

func checkTagKeyPromises(t interface{ Errorf(string, ...any) }, s string) {
	key := TagKey(s)
	if again := TagKey(key); again != key {
		t.Errorf("TagKey(%q) = %q, again %q", s, key, again)
	}
	if TagKey("#"+s+" !") != key {
		t.Errorf("TagKey(%q) changes with what does not count", s)
	}
	for _, r := range key {
		if tagRune(r) < 0 {
			t.Errorf("TagKey(%q) holds %U", s, r)
		}
	}
}
