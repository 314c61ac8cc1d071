package text

import (
	"database/sql"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	_ "modernc.org/sqlite"
	"pgregory.net/rapid"
)

func TestFold(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, in, want string }{
		{"Nothing", " .,! ", ""},
		{"Words", "Cloudflare, stop supporting IBSA!", "cloudflare stop supporting ibsa"},
		{"Accents", "Café NAÏVE Ångström", "cafe naive angstrom"},
		{"Vietnamese", "Nguyễn", "nguyen"},
		{"SharpS", "Straße STRASSE", "strasse strasse"},
		{"DottedI", "İstanbul", "istanbul"},
		{"Greek", "ΟΔΌΣ οδός ᾳ", "οδοσ οδοσ α"},
		{"Cherokee", "Ꮳꮳ", "ᏣᏣ"},
		{"Cyrillic", "Ёлка ЙОД", "елка иод"},
		{"Hangul", "한국", "한국"},
		{"Ligature", "ﬃ", "ffi"},
		{"FullWidth", "ＡＢＣ１２", "abc12"},
		{"Superscript", "m²", "m2"},
		{"Apostrophe", "don't", "don t"},
		{"Underscore", "save_the_bees", "save the bees"},
		{"Han", "東京都", "東京 京都"},
		{"OneHan", "東", "東"},
		{"HanAndLatin", "COVID対策本部2024年", "covid 対策 策本 本部 2024 年"},
		{"Kana", "ｶﾞｲﾄﾞ", "カイ イト"},
		{"LongVowel", "ラーメン", "ラー ーメ メン"},
		{"Supplementary", "𠀀𠀁𠀂", "𠀀𠀁 𠀁𠀂"},
		{"Thai", "น้ำสะอาด", "นาสะอาด"},
		{"InvalidUTF8", "a\xffb", "a b"},
		{"LongWord", strings.Repeat("é", 100), strings.Repeat("e", 64)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, Fold(tt.in)); diff != "" {
				t.Errorf("Fold(%q) (-want +got):\n%s", tt.in, diff)
			}
		})
	}
}

func TestNoCharacterFoldsToAMark(t *testing.T) {
	t.Parallel()
	for r := rune(0); r <= unicode.MaxRune; r++ {
		folded := foldRunes(string(r))
		if again := foldRunes(folded); again != folded || strings.ContainsFunc(folded, unicode.IsMark) {
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
			if diff := cmp.Diff([]string{tt.fts, tt.ts}, []string{FTSQuery(tt.in), TSQuery(tt.in)}); diff != "" {
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
	text := "Größere Straßen? Save the BEES in 東京都 and Ελλάδα; ラーメン"
	if _, err := db.ExecContext(t.Context(), `INSERT INTO search (words) VALUES ($1)`, Fold(text)); err != nil {
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
		{"Greek", "ελλαδα", true},
		{"Kana", "ラーメン", true},
		{"OneMissing", "bees wasps", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var n int
			if err := db.QueryRowContext(t.Context(), `SELECT count(*) FROM search WHERE search MATCH $1`, FTSQuery(tt.query)).Scan(&n); err != nil {
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
		query := FTSQuery(text)
		if query == "" {
			return
		}
		if _, err := db.ExecContext(t.Context(), `DELETE FROM search`); err != nil {
			t.Fatal(err)
		}
		if _, err := db.ExecContext(t.Context(), `INSERT INTO search (words) VALUES ($1)`, Fold(text)); err != nil {
			t.Fatal(err)
		}
		var n int
		if err := db.QueryRowContext(t.Context(), `SELECT count(*) FROM search WHERE search MATCH $1`, query).Scan(&n); err != nil {
			t.Fatalf("the query %s of %q: %v", query, text, err)
		}
		if n != 1 {
			t.Fatalf("the query %s does not find %q, folded %q", query, text, Fold(text))
		}
	})
}

func FuzzFold(f *testing.F) {
	for _, s := range []string{"Save the bees", "東京都", "' OR 1=1 --", "\"a\" NEAR(b)", "ͅι", "\u1e9b\u0323", "\xff", "㌖ﷺ", "ᾳ", "\xf3ǳ"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) { checkFoldPromises(t, s) })
}

func TestFoldIsSettled(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) { checkFoldPromises(t, anyText().Draw(t, "s")) })
}

var (
	ftsForm = regexp.MustCompile(`^("[\pL\pN]+" AND ){0,15}"[\pL\pN]+" \*$`)
	tsForm  = regexp.MustCompile(`^('[\pL\pN]+' & ){0,15}'[\pL\pN]+':\*$`)
)

func checkFoldPromises(t interface{ Errorf(string, ...any) }, s string) {
	folded := Fold(s)
	if again := Fold(folded); again != folded {
		t.Errorf("Fold(%q) = %q, again %q", s, folded, again)
	}
	words := strings.Fields(folded)
	if !slices.Equal(words, strings.Split(folded, " ")) && folded != "" {
		t.Errorf("Fold(%q) = %q: the words are not joined by single spaces", s, folded)
	}
	for _, word := range words {
		if n := utf8.RuneCountInString(word); n > foldedWordMax || strings.ContainsFunc(word, func(r rune) bool { return !isLetterOrDigit(r) }) {
			t.Errorf("Fold(%q) holds the word %q", s, word)
		}
	}
	fts, ts := FTSQuery(s), TSQuery(s)
	if (fts == "") != (folded == "") || fts != "" && !ftsForm.MatchString(fts) {
		t.Errorf("FTSQuery(%q) = %s", s, fts)
	}
	if (ts == "") != (folded == "") || ts != "" && !tsForm.MatchString(ts) {
		t.Errorf("TSQuery(%q) = %s", s, ts)
	}
}
