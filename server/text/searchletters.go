package text

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// apostrophe stands for every sign within a word that people write in many ways, or leave out: Hawaiʻi, O’zbek, צה״ל,
// col·legi.
const apostrophe = '\''

// plainLetters are the letters that another keyboard lacks and that no normal form decomposes, by what people write for
// them, and different letters of a script that look and sound the same. They are in lower case.
var plainLetters = letterTable(
	"a ⱥᶏ", "aa ꜳ", "ae æ", "ao ꜵ", "au ꜷ", "av ꜹꜻ", "ay ꜽ", "b ƀɓƃᵬᶀꞗ", "c ƈȼɕꞓꞔ", "d đðɖɗƌȡᵭᶁᶑꟈ", "e əǝɛɇⱸᶒ", "f ƒᵮᶂꞙ",
	"g ǥɠɡɣᶃꞡ", "gh ƣ", "h ħɦⱨꜧꟶ", "hv ƕ", "i ɨɩᶖ", "j ȷɉʝ", "k ƙⱪꝁꝃꝅᶄꞣ", "l łƚɫɬɭⱡȴꝉᶅꞎ", "m ɱᵯᶆ", "n ɲɳƞȵꞑꞥᵰᶇ", "ng ŋ",
	"o øɔɵꝋꝍⱺ", "oe œ", "oo ꝏ", "ou ȣ", "p ƥᵽꝑꝓꝕᵱᶈ", "q ɋĸꝗꝙʠ", "r ɍɼɽɾꞧᵲᵳᶉ", "s ȿʂꞩᵴᶊꟊ", "t ŧƭʈƫⱦȶᵵꞇ", "th þꝥꝧ", "u ʉʊᶙꞹ",
	"v ʋⱱⱴꝟᶌ", "w ⱳƿ", "x ᶍ", "y ƴɏỿ", "z ƶƺȥɀʐʑʒⱬᵶᶎ",
	"г ғґҕӷӻ", "ж җ", "з ҙ", "к қҝҟҡӄԟ", "л ԓӆԡԯ", "м ӎ", "н ңҥӈӊԣԩ", "п ҧԥ", "р ҏ", "с ҫ", "т ҭꚋ", "у үұ", "х ҳһӽӿԧ", "ц ҵ", "ч ҷҹӌ", "э ә", "о ө", "ѡ ѽ",
	"ا ٱ", "ر ڕ", "ك کڪ", "گ ګ", "ل ڵ", "ه ہھەة", "و ۆ", "ي یىےېۍێ", "וו װ", "וי ױ", "יי ײ",
	"ত ৎ", "ക ൿ", "ണ ൺ", "ന ൻ", "മ ൔ", "യ ൕ", "ര ർ", "ല ൽ", "ള ൾ", "ഴ ൖ",
)

// letterTable reads lines of a plain spelling and the letters that it stands for.
func letterTable(lines ...string) map[rune]string {
	table := map[rune]string{}
	for _, line := range lines {
		plain, letters, _ := strings.Cut(line, " ")
		for _, r := range letters {
			table[r] = plain
		}
	}
	return table
}

// foldLetters returns a text as searches compare it, without what does not matter: case, marks, decoration, invisible
// characters, and which of several letters was chosen. It composes the result again, which restores the syllables of
// Hangul.
func foldLetters(s string) string {
	// The library does not change a letter that follows an invalid byte.
	s = strings.Map(cutDecoration, strings.ToValidUTF8(s, " "))
	s = strings.Map(cutMark, norm.NFKD.String(joinNasals(s)))
	return norm.NFC.String(plain(foldCase(s)))
}

// cutDecoration drops what may stand within a word without changing it: the tatweel of Arabic and N'Ko, soft hyphens,
// joiners and other invisible characters. Some of the apostrophes would decompose into a space.
func cutDecoration(r rune) rune {
	const tatweel, lajanyalan, emptyBraille = 'ـ', 'ߺ', '\u2800'
	switch r {
	case '\'', '"', '`', '´', '·', '‘', '’', '‛', '′', 'ʹ', 'ʻ', 'ʼ', 'ʽ', 'ʾ', 'ʿ', 'ˈ', 'Ꞌ', 'ꞌ', '՚', '׳', '״':
		return apostrophe
	case tatweel, lajanyalan:
		return -1
	case emptyBraille:
		return ' '
	}
	if r >= utf8.RuneSelf && isInvisible(r) {
		return -1
	}
	return r
}

// cutMark drops marks, and decoration that was part of a compatibility form.
func cutMark(r rune) rune {
	if unicode.IsMark(r) {
		return -1
	}
	return cutDecoration(r)
}

// foldCase lowers before it folds: folding alone swaps the two cases of Cherokee, and leaves a combining dot on the i
// of İstanbul, which istanbul does not have. A small i without a dot is the small letter of I in Turkish.
func foldCase(s string) string {
	return strings.ReplaceAll(cases.Fold().String(strings.ToLower(s)), "ı", "i")
}

// plain replaces letters by plainLetters and digits of every script by ASCII's.
func plain(s string) string {
	var out strings.Builder
	out.Grow(len(s))
	for _, r := range s {
		if r < utf8.RuneSelf {
			out.WriteByte(byte(r))
		} else if letters, ok := plainLetters[r]; ok {
			out.WriteString(letters)
		} else {
			out.WriteRune(plainDigit(r))
		}
	}
	return out.String()
}

// plainDigit relies on Unicode's promise that the ten digits of a script follow each other.
func plainDigit(r rune) rune {
	if !unicode.IsDigit(r) {
		return r
	}
	for _, digits := range unicode.Nd.R16 {
		if r <= rune(digits.Hi) {
			return '0' + (r-rune(digits.Lo))%10
		}
	}
	for _, digits := range unicode.Nd.R32 {
		if r <= rune(digits.Hi) {
			return '0' + (r-rune(digits.Lo))%10
		}
	}
	return r
}

// joinNasals drops a nasal before a consonant of its own class, where many write a dot instead, which is cut as a mark:
// हिन्दी is हिंदी.
func joinNasals(s string) string {
	if !strings.ContainsFunc(s, hasNasalDots) {
		return s
	}
	runes := []rune(s)
	out := make([]rune, 0, len(runes))
	for i := 0; i < len(runes); i++ {
		if i+2 < len(runes) && isNasal(runes[i], runes[i+1], runes[i+2]) {
			i++ // the virama, too
			continue
		}
		out = append(out, runes[i])
	}
	return string(out)
}

// hasNasalDots reports whether r belongs to a script that writes nasals as dots. Their blocks have 128 places each, and
// the same letters at the same places.
func hasNasalDots(r rune) bool {
	const devanagari, tamil, telugu, malayalam = 0x900, 0xB80, 0xC00, 0xD00
	return devanagari <= r && r < tamil || telugu <= r && r < malayalam
}

// isNasal reports whether r is the nasal of the class of next, of which it is the last of five, with a virama between.
func isNasal(r, between, next rune) bool {
	const block, virama, nga, nya, nna, na, ma = 0x7F, 0x4D, 0x19, 0x1E, 0x23, 0x28, 0x2E
	if !hasNasalDots(r) || between != r&^block|virama || next >= r || next < r-4 {
		return false
	}
	switch r & block {
	case nga, nya, nna, na, ma:
		return true
	}
	return false
}
