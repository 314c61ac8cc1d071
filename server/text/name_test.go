package text

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestCheckNameTakesPeople(t *testing.T) {
	t.Parallel()
	names := map[string]string{
		"Plain":          "Ada Lovelace",
		"OneLetter":      "Q",
		"Anonymous":      "Anonymous",
		"Company":        "Cloudflare Inc.",
		"Association":    "Campact e.V.",
		"Initials":       "J.R.R. Tolkien",
		"InitialsTight":  "J.R.R.Tolkien",
		"TitleTight":     "Dr.Li",
		"LongTitleTight": "Mrs.Li",
		"SurnameIsTop":   "J.Wang",
		"Hyphen":         "Marie-Claire O'Neill",
		"Comma":          "Martin Luther King, Jr.",
		"Vietnamese":     "Nguyễn Thị Định",
		"Hebrew":         "דָּוִד בֶּן־גּוּרְיוֹן",
		"Arabic":         "فاطمة الزهراء",
		"PersianJoiner":  "علی\u200cرضا",
		"Sinhala":        "ශ්\u200dරී ලංකා",
		"Burmese":        "မြို့မ",
		"Tamil":          "ஸ்ரீநிவாசன்",
		"Chinese":        "王小明",
		"Variant":        "葛\U000e0100城",
		"Emoji":          "Ann ❤️",
		"Digits":         "Group 42",
		"Slash":          "Ann and/or Bob",
		"Longest":        strings.Repeat("名", nameMax),
	}
	for name, in := range names {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clean, fault := CheckName(" " + in + " ")
			if fault != "" || clean != in {
				t.Errorf("CheckName(%q) = %q, %q", in, clean, fault)
			}
		})
	}
}

func TestCheckNameRefuses(t *testing.T) {
	t.Parallel()
	const (
		length  = "The name must have 1 to 100 characters."
		control = "The name must be a single line without control characters."
		hidden  = "The name must not contain invisible characters."
		formula = "The name must not begin with -, =, + or @."
		link    = "The name must not contain a link; put a space behind a full stop."
		marks   = "The name must not have more than 3 combining marks on one letter."
		letter  = "The name must contain at least one letter or digit."
	)
	tests := []struct{ name, in, fault string }{
		{"Empty", "", length},
		{"Blank", " \u3000", length},
		{"Long", strings.Repeat("a", nameMax+1), length},
		{"ZeroWidthOnly", "\u200b\u200b", length},
		{"NUL", "Ada\x00", control},
		{"Newline", "Ada\nLovelace", control},
		{"Bidi", "Ada\u202eecalevoL", "The name must not contain characters that change the direction of writing."},
		{"UTF8", "Ada\xff", "The name must be valid UTF-8 text."},
		{"ZeroWidthWithin", "Ad\u200ba", hidden},
		{"JoinerInLatin", "Ad\u200da", hidden},
		{"JoinerAtEnd", "علی\u200c", hidden},
		{"SoftHyphen", "Ad\u00ada", hidden},
		{"ByteOrderMark", "\ufeffAda", hidden},
		{"HangulFiller", "A\u3164", hidden},
		{"Braille", "A\u2800da", hidden},
		{"Equals", "=1+1", formula},
		{"Plus", "+1", formula},
		{"Minus", "-1", formula},
		{"At", "@ada", formula},
		{"SpaceBeforeFormula", "  =cmd", formula},
		{"FullWidthEquals", "＝1", formula},
		{"HTTP", "see http://x", link},
		{"HTTPSUpper", "HTTPS://EXAMPLE.ORG", link},
		{"OtherScheme", "ftp://a b", link},
		{"Mailto", "mailto:ada", link},
		{"WWW", "www.example", link},
		{"Domain", "visit cheap-pills.com", link},
		{"DomainUpper", "EVIL.COM", link},
		{"ShortDomain", "pay.com", link},
		{"DomainThenText", "evil.com!", link},
		{"DomainInBrackets", "Ada (evil.com)", link},
		{"DomainUnderCountry", "evil.co.uk", link},
		{"DomainInternational", "пример.рф/путь", link},
		{"ShortWithPath", "t.co/abc", link},
		{"FullWidthDomain", "ｅｖｉｌ．ｃｏｍ", link},
		{"Mailbox", "ada@example.org", link},
		{"Zalgo", "Z\u0335\u0321\u0353\u0300lgo", marks},
		{"MarksOnNothing", "\u0301\u0301\u0301\u0301a", marks},
		{"NoLetter", "...", letter},
		{"EmojiOnly", "❤️", letter},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			clean, fault := CheckName(tt.in)
			if diff := cmp.Diff([]string{"", tt.fault}, []string{clean, fault}); diff != "" {
				t.Errorf("CheckName(%q) (-want +got):\n%s", tt.in, diff)
			}
		})
	}
}

func TestNamePromises(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		checkNamePromises(t, anyText().Draw(t, "s"))
	})
}

func FuzzCheckName(f *testing.F) {
	for _, s := range []string{"Ada Lovelace", "علی\u200cرضا", "=1", "evil.com/x", "a.b.c.", "Z\u0335\u0321\u0353\u0300", "\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) { checkNamePromises(t, s) })
}

func checkNamePromises(t interface{ Errorf(string, ...any) }, s string) {
	clean, fault := CheckName(s)
	if (clean == "") != (fault != "") {
		t.Errorf("CheckName(%q) = %q, %q: want either a name or a fault", s, clean, fault)
	}
	if fault != "" {
		return
	}
	if utf8.RuneCountInString(clean) > nameMax || strings.ContainsAny(clean[:1], "-=+@") || strings.Contains(clean, "://") {
		t.Errorf("CheckName(%q) let %q through", s, clean)
	}
	if again, fault := CheckName(clean); again != clean || fault != "" {
		t.Errorf("CheckName(%q) = %q, %q: not settled", clean, again, fault)
	}
}
