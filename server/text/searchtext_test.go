package text

import (
	"database/sql"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/unicode/rangetable"
	"golang.org/x/text/unicode/runenames"
	_ "modernc.org/sqlite"
	"pgregory.net/rapid"
)

func TestSearchText(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, in, want string }{
		{"Nothing", " .,! ", ""},
		{"Words", "Cloudflare, stop supporting IBSA!", "cloudflare stop supporting ibsa"},
		{"Accents", "Café NAÏVE Ångström", "cafe naive angstrom"},
		{"Vietnamese", "Nguyễn", "nguyen"},
		{"SharpS", "Straße STRASSE", "strasse strasse"},
		{"DottedI", "İstanbul", "istanbul"},
		{"DotlessI", "ISPARTA ısparta", "isparta isparta"},
		{"Greek", "ΟΔΌΣ οδός ᾳ", "οδοσ οδοσ α"},
		{"Cherokee", "Ꮳꮳ", "ᏣᏣ"},
		{"Cyrillic", "Ёлка ЙОД", "елка иод"},
		{"Hangul", "한국", "한국"},
		{"Ligature", "ﬃ", "ffi"},
		{"FullWidth", "ＡＢＣ１２", "abc12"},
		{"Superscript", "m²", "m2"},
		{"Undecomposed", "Œuvre ÆØÅ Łódź Đà Ħal Ðórr Þing", "oeuvre aeoa lodz da hal dorr thing"},
		{"Apostrophe", "don't L’Œil", "don t dont l oeil loeil"},
		{"Okina", "ʻŌlelo Hawaiʻi", "olelo hawai i hawaii"},
		{"Quotes", `'one' "two" ‘3’ "it's"`, "one two 3 it s its"},
		{"DigitsApart", "1'000 6'5\"", "1 000 6 5"},
		{"MiddleDot", "col·legi", "col legi collegi"},
		{"TwoApostrophes", "rock'n'roll", "rock n roll rockn nroll rocknroll"},
		{"ThreeApostrophes", "a'b'c'd", "a b c d abcd"},
		{"Yiddish", "ײדיש ױפן װאס ﬠײַן", "יידיש ויפן וואס עיין"},
		{"Gaf", "گل ګل", "گل گل"},
		{"Pashto", "ښوونځي ډېر سړی", "ښوونځي ډير سړي"},
		{"Kurdish", "گەڕان وڵات کۆمەڵ", "گهران ولات كومهل"},
		{"Sindhi", "ڪتاب", "كتاب"},
		{"Tatweel", "مـحـمـد", "محمد"},
		{"SoftHyphen", "Bürger\u00adentscheid", "burgerentscheid"},
		{"Joiner", "می\u200cخواهم", "ميخواهم"},
		{"KafAndYeh", "کتابی", "كتابي"},
		{"Hindi", "हिंदी हिन्दी", "हद हद"},
		{"NasalOfAnotherClass", "न्याय", "नयय"},
		{"Digits", "٢٠٢٦ ۲۰ २०", "2026 20 20"},
		{"Chillu", "അനില്\u200d അനിൽ", "അനല അനല"},
		{"Underscore", "save_the_bees", "save the bees"},
		{"Han", "東京都", "東京 京都 都"},
		{"OneHan", "東", "東"},
		{"HanAndLatin", "COVID対策本部2024年", "covid 対策 策本 本部 部 2024 年"},
		{"Kana", "ｶﾞｲﾄﾞ", "カイ イト ト"},
		{"LongVowel", "ラーメン", "ラー ーメ メン ン"},
		{"Supplementary", "𠀀𠀁𠀂", "𠀀𠀁 𠀁𠀂 𠀂"},
		{"Thai", "น้ำสะอาด", "นาส าสะ สะอ ะอา อาด าด ด"},
		{"Khmer", "ព្រៃឈើ", "ពរឈ រឈ ឈ"},
		{"Burmese", "ဆောက်ပေးပါ", "ဆကပ ကပပ ပပ ပ"},
		{"Lao", "ນ້ຳ", "ນາ າ"},
		{"InvalidUTF8", "a\xffb", "a b"},
		{"LongWord", strings.Repeat("é", 100), strings.Repeat("e", 64)},
		{"LongJoined", strings.Repeat("é'", 100), strings.Repeat("e ", 100) + strings.Repeat("e", 64)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, SearchText(tt.in)); diff != "" {
				t.Errorf("SearchText(%q) (-want +got):\n%s", tt.in, diff)
			}
		})
	}
}

// TestLettersAreWrittenPlain asks Unicode's names: a letter "with" something is found as the letter without it. It
// leaves out blocks of phonetic letters.
func TestLettersAreWrittenPlain(t *testing.T) {
	t.Parallel()
	alphabets := &unicode.RangeTable{R16: []unicode.Range16{
		{Lo: 0x41, Hi: 0x24F, Stride: 1}, {Lo: 0x400, Hi: 0x52F, Stride: 1}, {Lo: 0x1E00, Hi: 0x1EFF, Stride: 1}, {Lo: 0x2C60, Hi: 0x2C7F, Stride: 1},
	}}
	letter := regexp.MustCompile(`^(LATIN|CYRILLIC) (?:SMALL|CAPITAL) LETTER (\S+)( WITH .*)?$`)
	plain := map[string]string{}
	for _, with := range []bool{false, true} {
		rangetable.Visit(alphabets, func(r rune) {
			found, got := letter.FindStringSubmatch(runenames.Name(r)), strings.Trim(foldLetters(string(r)), string(apostrophe))
			switch {
			case found == nil || with != (found[3] != "") || strings.Contains(found[3], "SMALL LETTER"): // ǲ is two
			case !with:
				plain[found[1]+found[2]] = got
			case plain[found[1]+found[2]] != "" && got != plain[found[1]+found[2]]:
				t.Errorf("%c, %s, is found as %q, want %q", r, found[0], got, plain[found[1]+found[2]])
			}
		})
	}
	if len(plain) < 70 {
		t.Errorf("%d letters were compared with, want those of two alphabets", len(plain))
	}
}

func TestDigitsAreWrittenPlain(t *testing.T) {
	t.Parallel()
	next := rune(0) // the first digit of each ten is a zero, by Unicode's promise
	for r := range unicode.MaxRune {
		if !unicode.IsDigit(r) {
			continue
		}
		if got, want := foldLetters(string(r)), string('0'+next%10); got != want {
			t.Errorf("%U is %q, want %q", r, got, want)
		}
		next++
	}
}

// TestStoredTermsAreBounded has a text that would have more terms than the index should hold.
func TestStoredTermsAreBounded(t *testing.T) {
	t.Parallel()
	for letter, want := range map[string]int{"水": BodyMax, "㌔": storedTermsMax, "ﷺ": storedTermsMax, "ก": BodyMax, "a'": 25_001, "a'b'c ": 49_998} {
		text := strings.Repeat(letter, BodyMax/len([]rune(letter)))
		if got := strings.Count(SearchText(text), " ") + 1; got != want {
			t.Errorf("%d times %s: %d terms, want %d", BodyMax, letter, got, want)
		}
	}
}

// TestStoredTextsFitATsvector has the text whose terms are the longest for its length: PostgreSQL takes a megabyte.
func TestStoredTextsFitATsvector(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	for i := range BodyMax / 22 {
		for place, digits := 0, i; place < 21; place, digits = place+1, digits/32 {
			text.WriteRune('𐐨' + rune(digits%32)) // it has four bytes
		}
		text.WriteByte("'' "[i%3])
	}
	if got := len(SearchText(text.String())); got < 600_000 || got > 1<<20-100_000 {
		t.Errorf("the terms have %d bytes", got)
	}
}

// TestSearchTermsAreBounded has searches that are longer than what is looked for.
func TestSearchTermsAreBounded(t *testing.T) {
	t.Parallel()
	for search, want := range map[string]int{
		strings.Repeat("a ", 100): searchWordsMax, strings.Repeat("水 ", 100): searchWordsMax, strings.Repeat("水", 50): 49,
		strings.Repeat("水", 200): searchTermsMax, strings.Repeat("เ", 200): searchTermsMax, strings.Repeat("水a", 100): searchWordsMax,
	} {
		if got := len(SearchTerms(search)); got != want {
			t.Errorf("%d terms of %q, want %d", got, search, want)
		}
	}
}

func TestNoCharacterFoldsToAMark(t *testing.T) {
	t.Parallel()
	for r := rune(0); r <= unicode.MaxRune; r++ {
		folded := foldLetters(string(r))
		if again := foldLetters(folded); again != folded || strings.ContainsFunc(folded, unicode.IsMark) {
			t.Errorf("%U folds to %q, again to %q", r, folded, again)
		}
	}
}

func TestQueries(t *testing.T) {
	t.Parallel()
	seventeen := strings.Repeat("a ", 17)
	tests := []struct{ name, in, fts, ts string }{
		{"Nothing", " '\"*&|!():<-> ", "", ""},
		{"OneWord", "Bees", `"bees" *`, `'bees':*`},
		{"AllMustMatch", "Save the bees", `"save" AND "the" AND "bees" *`, `'save' & 'the' & 'bees':*`},
		{"OperatorsAreWords", "bees OR NOT near", `"bees" AND "or" AND "not" AND "near" *`, `'bees' & 'or' & 'not' & 'near':*`},
		{"Quotes", `"a' b\`, `"a" AND "b" *`, `'a' & 'b':*`},
		{"Pairs", "東京都", `"東京" AND "京都" *`, `'東京' & '京都':*`},
		{"Sixteen", seventeen, strings.Repeat(`"a" AND `, 15) + `"a" *`, strings.Repeat(`'a' & `, 15) + `'a':*`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff([]string{tt.fts, tt.ts}, []string{FTSQuery(SearchTerms(tt.in)), TSQuery(SearchTerms(tt.in))}); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// ftsTable returns an FTS5 table that cuts at the spaces of a folded text and at
// nothing else; unicode61 would lose letters younger than itself.
func ftsTable(t *testing.T) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	db.SetMaxOpenConns(1) // each connection has a memory of its own
	if _, err := db.ExecContext(t.Context(), `CREATE VIRTUAL TABLE search USING fts5(words, tokenize = 'ascii')`); err != nil {
		t.Fatal(err)
	}
	return db
}

func TestSearchFindsWhatItsTextHolds(t *testing.T) {
	t.Parallel()
	db := ftsTable(t)
	text := "Größere Straßen? Save the BEES in 東京都 and Ελλάδα; ラーメン. L'eau d’Orléans, Rock'n'Roll, ײדיש ګل, ขอให้ยกเลิกโครงการสร้างเขื่อน"
	if _, err := db.ExecContext(t.Context(), `INSERT INTO search (words) VALUES ($1)`, SearchText(text)); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, query string
		found       bool
	}{
		{"OtherCase", "bees SAVE", true},
		{"NoAccents", "grossere strassen", true},
		{"Beginning", "the be", true},
		{"BeginningOnlyOfTheLast", "th bees", false},
		{"Pair", "京都", true},
		{"WholeRun", "東京都", true},
		{"NotThere", "東都", false},
		{"OneLetter", "都", true},
		{"LettersApart", "都 京 東", true},
		{"Greek", "ελλαδα", true},
		{"Kana", "ラーメン", true},
		{"OneMissing", "bees wasps", false},
		{"Elided", "eau orleans", true},
		{"WithoutApostrophe", "leau dorleans", true},
		{"OtherApostrophe", "l’eau d'orleans", true},
		{"PartOfAnElision", "rock'n orleans", true},
		{"RestOfAnElision", "n'roll orleans", true},
		{"WholeElision", "rocknroll", true},
		{"Yiddish", "יידיש", true},
		{"YiddishAsWritten", "ײדיש", true},
		{"PersianGaf", "گل", true},
		{"ThaiWord", "เขื่อน", true},
		{"ThaiWords", "เขื่อน โครงการ", true},
		{"ThaiNotThere", "นกแก้ว", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var n int
			if err := db.QueryRowContext(t.Context(), `SELECT count(*) FROM search WHERE search MATCH $1`, FTSQuery(SearchTerms(tt.query))).Scan(&n); err != nil {
				t.Fatal(err)
			}
			if (n == 1) != tt.found {
				t.Errorf("%q found %d rows, want it found: %v", tt.query, n, tt.found)
			}
		})
	}
}

func TestAnyTextIsFoundByItsOwnWords(t *testing.T) {
	t.Parallel()
	db := ftsTable(t)
	rapid.Check(t, func(t *rapid.T) {
		text := anyText().Draw(t, "text")
		query := FTSQuery(SearchTerms(text))
		if query == "" {
			return
		}
		if _, err := db.ExecContext(t.Context(), `DELETE FROM search`); err != nil {
			t.Fatal(err)
		}
		if _, err := db.ExecContext(t.Context(), `INSERT INTO search (words) VALUES ($1)`, SearchText(text)); err != nil {
			t.Fatal(err)
		}
		var n int
		if err := db.QueryRowContext(t.Context(), `SELECT count(*) FROM search WHERE search MATCH $1`, query).Scan(&n); err != nil {
			t.Fatalf("the query %s of %q: %v", query, text, err)
		}
		if n != 1 {
			t.Fatalf("the query %s does not find %q, stored as %q", query, text, SearchText(text))
		}
	})
}

func FuzzSearchText(f *testing.F) {
	for _, s := range []string{"Save the bees", "東京都", "' OR 1=1 --", "\"a\" NEAR(b)", "ͅι", "\u1e9b\u0323", "\xff", "㌖ﷺ", "ᾳ", "\xf3ǳ", "l'ʻa"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) { checkSearchPromises(t, s) })
}

func TestSearchTextIsSettled(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) { checkSearchPromises(t, anyText().Draw(t, "s")) })
}

var (
	ftsForm = regexp.MustCompile(`^("[\pL\pN]+"( \*)? AND ){0,63}"[\pL\pN]+" \*$`)
	tsForm  = regexp.MustCompile(`^('[\pL\pN]+'(:\*)? & ){0,63}'[\pL\pN]+':\*$`)
)

func checkSearchPromises(t interface{ Errorf(string, ...any) }, s string) {
	folded := foldLetters(s)
	if again := foldLetters(folded); again != folded {
		t.Errorf("foldLetters(%q) = %q, again %q", s, folded, again)
	}
	stored := SearchText(s)
	words := strings.Fields(stored)
	if !slices.Equal(words, strings.Split(stored, " ")) && stored != "" {
		t.Errorf("SearchText(%q) = %q: the terms are not joined by single spaces", s, stored)
	}
	for _, word := range words {
		if n := utf8.RuneCountInString(word); n > wordMax || strings.ContainsFunc(word, func(r rune) bool { return !isLetterOrDigit(r) }) {
			t.Errorf("SearchText(%q) holds the term %q", s, word)
		}
	}
	fts, ts := FTSQuery(SearchTerms(s)), TSQuery(SearchTerms(s))
	if (fts == "") != (stored == "") || fts != "" && !ftsForm.MatchString(fts) {
		t.Errorf("FTSQuery(%q) = %s", s, fts)
	}
	if (ts == "") != (stored == "") || ts != "" && !tsForm.MatchString(ts) {
		t.Errorf("TSQuery(%q) = %s", s, ts)
	}
}

// TestSearchTextHasNoCrowds checks that a search for the beginning of words meets few terms of one text, and that no
// natural text loses any.
func TestSearchTextHasNoCrowds(t *testing.T) {
	t.Parallel()
	var crowd, words strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&crowd, "wwwww%d ", i)
		fmt.Fprintf(&words, "w%dx ", i)
	}
	if got := len(strings.Fields(SearchText(crowd.String()))); got != crowdMax {
		t.Errorf("%d terms of a crowd are stored, want %d", got, crowdMax)
	}
	if got := len(strings.Fields(SearchText(words.String()))); got != 5000 {
		t.Errorf("%d of 5,000 words are stored", got)
	}
	again := "wwwww1 wwwww2 wwwww1"
	if got := SearchText(again); got != again {
		t.Errorf("%q became %q", again, got)
	}
}
