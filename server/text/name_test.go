package text

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/unicode/norm"
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
		"Entity":         "Smith & Sons",
		"Handle":         "Ada Obi (@ada)",
		"HandleAtEnd":    "Ada Obi @ada",
		"HandleDotted":   "Ada Obi (@ada.obi)",
		"HandleBehind":   "Ada: @ada / @obi",
		"AtPlace":        "Ada @ Berlin",
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

// TestCheckNameTakesTitles has abbreviations without a space behind them, whose ends are top-level domains today, and
// slashes between names.
func TestCheckNameTakesTitles(t *testing.T) {
	t.Parallel()
	for _, in := range []string{
		"Dipl.Ing. Karl Muster", "dipl.ing. karl muster", "DIPL.ING. KARL MUSTER", "Dipl.-Ing.Karl", "Dott.Ing. Mario Rossi", "Mag.Ing.",
		"Univ.Prof. Dr. Eva Muster", "Ass.Prof. Eva", "Assoc.Prof.Kim", "Asst.Prof. Li", "Prof.Kim", "prof.kim", "PROF.KIM", "Prof.Dr.Kim",
		"Mr.Kim", "Mrs.Green", "mrs.green", "Capt.Ford", "Herr.Schmidt", "Fam.Schmidt", "Frau.Li", "JUDr.Li", "doc.MUDr.Li", "Prof.Ng", "prof.li", "Dott.Re", "Anna.Ma",
		"Max.Schmidt", "maria.schmidt", "Dr.med.vet.", "B.Sc./M.Sc.", "Dr.rer.nat.", "Ph.D.", "LL.M.", "Co.KG", "S.p.A.", "Müller.GmbH",
		"St.Pauli/Altona", "Mr.Smith/Mrs.Smith", "Mr.Kim/Mrs.Kim", "mr.kim/mrs.kim", "J.Wang/K.Li", "Dipl.Ing./MBA", "гор.Москва", "1.FC Köln",
		"Shri.Dev Kumar", "shri.kumar", "Kapil.Dev", "KAPIL.DEV", "Lisa.Ong", "Jane.Ong", "Adv.Ong", "Argento.Asia", "JOHN.LI", "MARIA.MA", "anna.ng", "maria.li",
		"Anna-Maria.Ng", "NGUYEN.VU", "thuy.do", "Mr.Kim/wife", "A.Kim/b.Lee", "a.kim/b.lee", "Fam.Green/köln", "St.Green/altona", "Kapil.Dev/wife", "Anna.Ng/mann", "Dr.Li/frau",
		"Max.Schmidt/berlin", "Dr.Li/wife",
		"e.V./gGmbH", "n/a", "Ann/Bob", "Jr./Sr.", "Kita St.Georg/Nord",
	} {
		if clean, fault := CheckName(in); clean != in || fault != "" {
			t.Errorf("CheckName(%q) = %q, %q", in, clean, fault)
		}
	}
}

// TestCheckNameTakesSpellings has characters that nobody sees, and heaps of marks, without which names are misspelt.
func TestCheckNameTakesSpellings(t *testing.T) {
	t.Parallel()
	for name, in := range map[string]string{
		"RainbowFlag":       "Ada 🏳️\u200d🌈",
		"Farmer":            "Ada 👩\u200d🌾",
		"FarmerWithTone":    "Ada 👩🏽\u200d🌾",
		"PolarBear":         "Ada 🐻\u200d❄️",
		"Family":            "Ada 👨\u200d👩\u200d👧\u200d👦",
		"BurningHeart":      "Ada ❤️\u200d🔥",
		"ShakingHead":       "Ada 🙂\u200d↔️",
		"Wales":             "Ada 🏴\U000e0067\U000e0062\U000e0077\U000e006c\U000e0073\U000e007f",
		"MalayalamAtTheEnd": "അനില്\u200d കുമാര്\u200d",
		"MalayalamOneWord":  "അമല്\u200d",
		"MalayalamComma":    "അനില്\u200d, അമല്\u200d",
		"PersianAtTheEnd":   "وفا\u200c",
		"BengaliRa":         "র\u200d্যাব",
		"KhmerSpace":        "សុខ\u200bសាន្ត",
		"Mongolian":         "ᠬᠠᠷ\u180eᠠ",
		"BurmeseGold":       "ရွှံ့",
		"BurmeseBend":       "ညှို့",
		"BurmeseName":       "ဒေါ်ညွှံ့ညွှံ့",
		"Tibetan":           "སངྒྷྱཱ",
		"TibetanName":       "བསྟན་འཛིན་རྒྱ་མཚོ",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if clean, fault := CheckName(in); clean != norm.NFC.String(in) || fault != "" {
				t.Errorf("CheckName(%q) = %q, %q", in, clean, fault)
			}
		})
	}
}

func TestCheckNameCuts(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"Ada Muster\u200e": "Ada Muster", "\u200fעדה\u200f": "עדה", "\u061cعلي": "علي", "\ufeffAda": "Ada", "Ad\u00ada Mus\u00adter": "Ada Muster",
		"Ada\u200e \u200eMuster": "Ada Muster", "A\u00ad\u030ada": "Åda",
		"សុខ ដារា\u200b": "សុខ ដារា", "សុខ\u200b ដារា": "សុខ ដារា", "សុខ \u200bដារា": "សុខ ដារា", "\u200bសុខ": "សុខ", "មោង\u200b\u200b \u200bហ": "មោង ហ",
		"မောင်\u200b": "မောင်", "ສົມ\u200bສັກ\u200b": "ສົມ\u200bສັກ", "Ada Muster\u200b": "Ada Muster", "Ada Muster\u2060": "Ada Muster", "\u2060Ada": "Ada",
		"Ada\u200b\u2060 \u2060\u200bMuster": "Ada Muster", "\u200b Ada \u200b": "Ada", "Ada\u200b\u200e": "Ada", "Ada\u200b\u00a0Muster": "Ada Muster",
	} {
		if clean, fault := CheckName(in); clean != want || fault != "" {
			t.Errorf("CheckName(%q) = %q, %q, want %q", in, clean, fault, want)
		}
	}
}

func TestPetitionersMayBeSites(t *testing.T) {
	t.Parallel()
	for _, in := range []string{"WeMove.EU", "Change.org e.V.", "ASP.NET user group", "D66.nl", "campact.de", "OpenPetition.eu gGmbH"} {
		if clean, fault := CheckPetitioner(in); clean != in || fault != "" {
			t.Errorf("CheckPetitioner(%q) = %q, %q", in, clean, fault)
		}
	}
	for _, in := range []string{
		"bund(x)@bund.net", "bund @bund.net", "bund'@bund.net",
		"https://wemove.eu", "www.wemove.eu", "wemove.eu/donate", "info@wemove.eu", "Ann <b>", "=1", "mailto:x", "t.co/abc", "\u200d", "", strings.Repeat("a", nameMax+1),
	} {
		if clean, fault := CheckPetitioner(in); clean != "" || !strings.HasPrefix(fault, "The petitioner must ") {
			t.Errorf("CheckPetitioner(%q) = %q, want a fault", in, clean)
		}
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
		marks   = "The name must not have more than 3 combining marks on one letter, or 8 in scripts that stack them."
		markup  = "The name must not contain <, > or U+FFFD, which stands for a letter that was lost."
		address = "The name must not contain an e-mail address, nor an @ between letters: everybody would see it."
		letter  = "The name must contain at least one letter or digit."
	)
	tests := []struct{ name, in, fault string }{
		{"Empty", "", length},
		{"Blank", " \u3000", length},
		{"Long", strings.Repeat("a", nameMax+1), length},
		{"ZeroWidthOnly", "\u200b\u200b", length},
		{"NUL", "Ada\x00", control},
		{"Newline", "Ada\nLovelace", control},
		{"Bidi", "Ada\u202eecalevoL", "The name must not contain characters that override the direction of writing."},
		{"UTF8", "Ada\xff", "The name must be valid UTF-8 text."},
		{"ZeroWidthWithin", "Ad\u200ba", hidden},
		{"JoinerInLatin", "Ad\u200da", hidden},
		{"JoinerAtBeginning", "\u200cعلی", hidden},
		{"JoinersInARow", "علی\u200c\u200cرضا", hidden},
		{"JoinersOnly", "\u200d\u200c\u200d", length},
		{"JoinersApart", "\u200d \u200d", length},
		{"JoinerAfterEmoji", "Ada 👩\u200d", hidden},
		{"NonJoinerInEmoji", "Ada 👩\u200c🌾", hidden},
		{"JoinerBetweenLetterAndEmoji", "Ada\u200d🌾", hidden},
		{"FlagWithoutEnd", "Ada 🏴\U000e0067\U000e0062", hidden},
		{"HiddenTextBehindAFlag", "Ada 🏴" + strings.Repeat("\U000e0067", 20) + "\U000e007f", hidden},
		{"SpaceWithoutWidth", "علی\u200bرضا", hidden},
		{"VowelSeparator", "Ad\u180ea", hidden},
		{"WordJoiner", "Ad\u2060a", hidden},
		{"MarksOfDirectionOnly", "\u200e\u200f\u061c", length},
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
		{"DomainOfACompany", "github.io", link},
		{"DomainBelowACompany", "ada.github.io", link},
		{"DomainOfThree", "abc.co.uk", link},
		{"DomainCapitalised", "Cheap-Pills.Com", link},
		{"DomainOfACountry", "pillen.de", link},
		{"DomainOfACountryUpper", "PILLEN.DE", link},
		{"DomainNew", "cheap-pills.shop", link},
		{"DomainCyrillic", "пример.рф", link},
		{"PathNew", "evil.kim/offer", link},
		{"PathOfATitle", "ing.de/kredit", link},
		{"PathUpper", "T.CO/ABC", link},
		{"PathCapitalised", "Bit.ly/Abc", link},
		{"SeeWWW", "see www.evil", link},
		{"DomainShop", "buy.shop", link},
		{"DomainShopCapitalised", "Buy.Shop", link},
		{"DomainOfDevelopers", "evil.dev", link},
		{"DomainOfACountryHyphen", "cheap-pills.ws", link},
		{"PathOfACountry", "anna.ng/offer", link},
		{"PathOfADeveloper", "kapil.dev/x", link},
		{"PathOfOneLetter", "x.com/abc", link},
		{"PathPlain", "example.com/x", link},
		{"PathOfATitleUnderACountry", "fam.de/kredit", link},
		{"HTMLTag", "<b>Ada", markup},
		{"Bracket", "Ada > Bob", markup},
		{"FullWidthBracket", "Ada ＜", markup},
		{"SmallBracket", "Ada ﹥", markup},
		{"Replacement", "Ad\ufffda", markup},
		{"LoneSurrogate", "Ad\xed\xa0\x80a", "The name must be valid UTF-8 text."},
		{"Mailbox", "ada@example.org", address},
		{"MailboxShort", "max.mueller@gmx.de", address},
		{"MailboxWithin", "Max (max.mueller@gmx.de)", address},
		{"MailboxOfANetwork", "ada@localhost", address},
		{"MailboxOfAnAddress", "ada@[127.0.0.1]", address},
		{"MailboxUnderscore", "ada_@gmx.de", address},
		{"MailboxTag", "ada+@web.de", address},
		{"MailboxQuoted", `"Ada"@gmx.de`, address},
		{"MailboxInternational", "ада@почта.рф", address},
		{"MailboxFullWidth", "ada＠gmx．de", address},
		{"MailboxSmallAt", "ada﹫gmx.de", address},
		{"AtBetweenLetters", "M@ry", address},
		{"MailboxApostrophe", "max.mueller'@gmx.de", address},
		{"MailboxSlash", "max/@gmx.de", address},
		{"MailboxBacktick", "max`@web.de", address},
		{"MailboxTypographic", "max’@gmx.de", address},
		{"MailboxEmoji", "max@💩.la", address},
		{"MailboxHyphen", "max@-foo.de", address},
		{"MailboxUnderscoreDomain", "max@_x.de", address},
		{"MailboxTwoAts", "max@@gmx.de", address},
		{"MailboxDot", "max@.gmx.de", address},
		{"MailboxComment", "max(privat)@gmx.de", address},
		{"MailboxCommentBehind", "max@(privat)gmx.de", address},
		{"MailboxComments", "max (a) (b) @ (c) gmx.de", address},
		{"MailboxBracket", "max)@web.de", address},
		{"MailboxSpaceBefore", "max.mueller @gmx.de", address},
		{"MailboxSpaceBehind", "max.mueller@ gmx.de", address},
		{"MailboxSpaces", "max.mueller @ gmx.de", address},
		{"MailboxNoBreakSpace", "ada\u00a0@gmx.de", address},
		{"MailboxQuotedSpace", `"max mueller" @gmx.de`, address},
		{"MailboxSpaceFullWidth", "ada ＠ gmx．de", address},
		{"MailboxSpaceInternational", "ада @почта.рф", address},
		{"MailboxInText", "Max, max.mueller @gmx.de!", address},
		{"SoftHyphenInMailbox", "ada@\u00adgmx.de", address},
		{"SoftHyphenInDomain", "pay\u00ad.com", link},
		{"MarkBeforeFormula", "\u200e=1", formula},
		{"Zalgo", "Z\u0335\u0321\u0353\u0300lgo", marks},
		{"MarksOnNothing", "\u0301\u0301\u0301\u0301a", marks},
		{"MarksOnBurmese", "ရ" + strings.Repeat("\u1037", 9), marks},
		{"MarksOnThai", "ก" + strings.Repeat("็", 4), marks},
		{"MarksOverJoiners", "क" + strings.Repeat("\u094d\u200d", 4), marks},
		{"Marks500", "A" + strings.Repeat("\u0336", 500), length},
		{"Marks20", "A" + strings.Repeat("\u0336", 20), marks},
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
	for _, s := range []string{"Ada Lovelace", "علی\u200cرضا", "=1", "evil.com/x", "a.b.c.", "Ada 👩\u200d🌾", "Prof.Kim/Dr.Li", "a@b", "\u200e<", "Z\u0335\u0321\u0353\u0300", "\xff"} {
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
	if utf8.RuneCountInString(clean) > nameMax || strings.ContainsAny(clean[:1], "-=+@") || strings.Contains(clean, "://") ||
		strings.ContainsAny(clean, "<>\ufffd") {
		t.Errorf("CheckName(%q) let %q through", s, clean)
	}
	if petitioner, fault := CheckPetitioner(s); petitioner != clean {
		t.Errorf("CheckName(%q) = %q, and for a petitioner %q, %q", s, clean, petitioner, fault)
	}
	if again, fault := CheckName(clean); again != clean || fault != "" {
		t.Errorf("CheckName(%q) = %q, %q: not settled", clean, again, fault)
	}
}

// TestNamesAreNoAddresses draws addresses with all that one may hold, and what people put around the @.
func TestNamesAreNoAddresses(t *testing.T) {
	t.Parallel()
	local := rapid.OneOf(rapid.StringMatching("[a-zA-Z0-9+_üÖЖ'`/{}|~^?=#$&*-]{1,6}(\\.[a-z0-9'`/{}|~^?=#$&*_-]{1,5}){0,2}"), rapid.String())
	domain := rapid.OneOf(
		rapid.SampledFrom([]string{"gmx.de", "Bücher.example", "example。org", "ｅxample.org", "xn--e1afmkfd.xn--p1ai", "почта.рф", "paral·lel.cat", "カ・タ.jp", "צה״ל.org.il", "ab--cd.org"}),
		rapid.StringMatching(`[A-Za-z0-9]{1,5}(\.[a-zA-Z]{2,4}){1,2}`),
	)
	around := rapid.SampledFrom([]string{"", "", " ", "\u00a0", "\u3000", "(x)", " (x y) ", "()", "(a) (b)"})
	taken := 0
	rapid.Check(t, func(t *rapid.T) {
		local, domain := local.Draw(t, "local"), domain.Draw(t, "domain")
		if _, fault := ParseAddress(local + "@" + domain); fault != "" {
			return
		}
		taken++
		name := local + around.Draw(t, "before") + "@" + around.Draw(t, "behind") + domain
		for _, s := range []string{name, "Max (" + name + ")", "Max " + name + "!"} {
			for _, check := range []func(string) (string, string){CheckName, CheckPetitioner} {
				if clean, _ := check(s); clean != "" {
					t.Fatalf("the address %q passes as the name %q", s, clean)
				}
			}
		}
	})
	if taken == 0 {
		t.Error("no drawn address was accepted: the property was never tried")
	}
}
