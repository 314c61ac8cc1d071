package text

import (
	"iter"
	"strings"
	"unicode"
	"unicode/utf8"
)

// SearchTextVersion grows when SearchText changes. Documents with a lower one are written again in the background.
const SearchTextVersion = 2

// The work of the search index is bounded by these. Stored texts and searches are cut alike.
const (
	wordMax        = 64     // letters of a term, far below the limits of tsquery and FTS5
	searchWordsMax = 16     // words of a search
	searchTermsMax = 64     // terms of a search: in scripts without spaces a word has many
	storedTermsMax = 60_000 // terms of a text: one for each letter of the longest body in a script without spaces, and some

	// Different terms of a text that begin with the same letters. A search for a beginning reads as many lists as there
	// are terms that begin so, and a text can be written that has thousands; no natural one has that many.
	crowdLetters = 5
	crowdMax     = 128
)

// SearchText returns the terms under which the search index finds a text, joined by single spaces. A term is a word,
// folded. A run of letters of a script without spaces has a term at each of its letters, by which any part of it is
// found. A word with apostrophes is found with them, without them, and by its parts: l'eau has the terms l, eau and
// leau.
func SearchText(s string) string {
	var out strings.Builder
	stored := 0
	crowds := crowds{known: map[string]bool{}, sizes: map[string]int{}}
	for term := range storedTerms(foldLetters(s)) {
		if !crowds.admit(term) {
			continue
		}
		if stored++; stored > storedTermsMax {
			break
		}
		if stored > 1 {
			out.WriteByte(' ')
		}
		out.WriteString(term)
	}
	return out.String()
}

// crowds counts the different terms of a text that begin with the same letters.
type crowds struct {
	known map[string]bool
	sizes map[string]int
}

// admit reports whether a term is stored: it has few letters, is known, or has not too many beside it.
func (c crowds) admit(term string) bool {
	beginning := firstLetters(term, crowdLetters)
	if len(beginning) == len(term) || c.known[term] {
		return true
	}
	// Left out are the last ones of a text, which hardly anybody looks for.
	if c.sizes[beginning] == crowdMax {
		return false
	}
	c.sizes[beginning]++
	c.known[term] = true
	return true
}

// storedTerms yields the terms of a folded text.
func storedTerms(folded string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for parts := range wordsOf(folded) {
			for _, part := range spellings(parts) {
				for r := range runsOf(part) {
					if !r.eachStored(yield) {
						return
					}
				}
			}
		}
	}
}

// spellings returns by what a word with these parts is found: each of them and all together. Of three, as in
// rock'n'roll, those that stand side by side are often written alone. More are hardly words, and would have terms
// without number.
func spellings(parts []string) []string {
	switch len(parts) {
	case 1:
		return parts
	case 3:
		parts = append(parts, parts[0]+parts[1], parts[1]+parts[2])
		return append(parts, strings.Join(parts[:3], ""))
	}
	return append(parts, strings.Join(parts, ""))
}

// SearchTerm is what a search looks for: a term of a text, or the beginning of one. It has letters and digits only,
// which makes it safe to quote in a query.
type SearchTerm struct {
	Text   string
	Prefix bool
}

// SearchTerms returns the terms of the first 16 words of a search, all of which must be found. The last word may be the
// beginning of one.
func SearchTerms(search string) []SearchTerm {
	var terms []SearchTerm
	words := 0
	for parts := range wordsOf(foldLetters(search)) {
		for r := range runsOf(strings.Join(parts, "")) {
			if words++; words <= searchWordsMax {
				terms = append(terms, r.searched()...)
			}
		}
	}
	if len(terms) == 0 {
		return nil
	}
	terms = terms[:min(len(terms), searchTermsMax)]
	// People search while they type.
	terms[len(terms)-1].Prefix = true
	return terms
}

// Shortened returns the terms of a search with the last one, the beginning of a word, cut to its first letters.
func Shortened(terms []SearchTerm, letters int) []SearchTerm {
	if len(terms) == 0 {
		return nil
	}
	last := terms[len(terms)-1]
	return append(terms[:len(terms)-1:len(terms)-1], SearchTerm{Text: firstLetters(last.Text, letters), Prefix: last.Prefix})
}

// FTSQuery returns a match expression for SQLite's FTS5 that finds all terms. It is empty if there are none.
func FTSQuery(terms []SearchTerm) string {
	return joinTerms(terms, ` AND `, func(t SearchTerm) string {
		if t.Prefix {
			return `"` + t.Text + `" *`
		}
		return `"` + t.Text + `"`
	})
}

// TSQuery returns the same for PostgreSQL's to_tsquery or a cast to tsquery.
func TSQuery(terms []SearchTerm) string {
	return joinTerms(terms, ` & `, func(t SearchTerm) string {
		if t.Prefix {
			return `'` + t.Text + `':*`
		}
		return `'` + t.Text + `'`
	})
}

// joinTerms joins terms as a query has them.
func joinTerms(terms []SearchTerm, and string, written func(SearchTerm) string) string {
	out := make([]string, len(terms))
	for i, t := range terms {
		out[i] = written(t)
	}
	return strings.Join(out, and)
}

// wordsOf yields the words of a folded text, each in the parts between its apostrophes. Only letters on both sides make
// an apostrophe part of a word: elsewhere it is a quotation mark, or a separator of digits.
func wordsOf(folded string) iter.Seq[[]string] {
	return func(yield func([]string) bool) {
		var word []string // its memory is used again
		for field := range strings.FieldsFuncSeq(folded, func(r rune) bool { return r != apostrophe && !isLetterOrDigit(r) }) {
			word = word[:0]
			for part := range strings.FieldsFuncSeq(field, func(r rune) bool { return r == apostrophe }) {
				if len(word) > 0 && !joined(word[len(word)-1], part) {
					if !yield(word) {
						return
					}
					word = word[:0]
				}
				word = append(word, part)
			}
			if len(word) > 0 && !yield(word) {
				return
			}
		}
	}
}

// joined reports whether an apostrophe between two parts has letters on both sides.
func joined(before, after string) bool {
	last, _ := utf8.DecodeLastRuneInString(before)
	first, _ := utf8.DecodeRuneInString(after)
	return unicode.IsLetter(last) && unicode.IsLetter(first)
}

// run is a part of a word that is written in scripts of one kind.
type run struct {
	letters string
	size    int // how many letters make a term
}

// runsOf cuts a word where its script changes from one with spaces to one without.
func runsOf(word string) iter.Seq[run] {
	return func(yield func(run) bool) {
		for rest := word; rest != ""; {
			first, _ := utf8.DecodeRuneInString(rest)
			size := termSize(first)
			end := strings.IndexFunc(rest, func(r rune) bool { return termSize(r) != size })
			if end < 0 {
				end = len(rest)
			}
			if !yield(run{rest[:end], size}) {
				return
			}
			rest = rest[end:]
		}
	}
}

// Sizes of terms: in scripts that put spaces between words, in Han, kana and their kin, and in other alphabets without
// spaces.
const (
	wholeWord    = 0
	hanTerm      = 2
	unspacedTerm = 3
)

// termSize returns how many letters make a term in the script of r: the fewer letters a script has, the more of them it
// takes to tell one word from another.
func termSize(r rune) int {
	const thai = 0xE00 // the first such script
	switch {
	case r < thai:
		return wholeWord
	case isHanOrKana(r) || unicode.In(r, unicode.Bopomofo, unicode.Yi, unicode.Tangut, unicode.Nushu, unicode.Khitan_Small_Script):
		return hanTerm
	case unicode.In(r, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar, unicode.Tai_Le, unicode.New_Tai_Lue,
		unicode.Tai_Tham, unicode.Tai_Viet, unicode.Javanese, unicode.Balinese):
		return unspacedTerm
	}
	return wholeWord
}

// isHanOrKana includes the long-vowel sign, which belongs to no single script.
func isHanOrKana(r rune) bool {
	const longVowel = 'ー'
	return r == longVowel || unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana)
}

// eachStored yields the terms that are stored of a run. Where there are no spaces one begins at every letter, and the
// last ones are shorter than the others.
func (r run) eachStored(yield func(string) bool) bool {
	if r.size == wholeWord {
		return yield(firstLetters(r.letters, wordMax))
	}
	for i := range r.letters {
		if !yield(firstLetters(r.letters[i:], r.size)) {
			return false
		}
	}
	return true
}

// searched returns what must be found of a run. What is shorter than a term is the beginning of some, wherever it
// stands.
func (r run) searched() (terms []SearchTerm) {
	if r.size == wholeWord {
		return []SearchTerm{{Text: firstLetters(r.letters, wordMax)}}
	}
	left := utf8.RuneCountInString(r.letters)
	if left < r.size {
		return []SearchTerm{{Text: r.letters, Prefix: true}}
	}
	for i := range r.letters {
		if left < r.size {
			break
		}
		terms = append(terms, SearchTerm{Text: firstLetters(r.letters[i:], r.size)})
		left--
	}
	return terms
}

// firstLetters returns the first n letters of a text, or all if it has fewer.
func firstLetters(s string, n int) string {
	for i := range s {
		if n == 0 {
			return s[:i]
		}
		n--
	}
	return s
}
