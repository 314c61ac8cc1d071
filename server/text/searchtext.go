package text

import (
	"strings"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

const (
	// foldedWordMax keeps words far below what a tsquery or an FTS5 token
	// may hold; both sides of a search are cut alike.
	foldedWordMax  = 64
	searchWordsMax = 16
)

// Fold makes a text ready for the search index: words without case and
// accents, joined by single spaces. Scripts written without spaces come as
// overlapping pairs, so that any part of a run is found by its pairs.
func Fold(s string) string {
	return strings.Join(foldedWords(s), " ")
}

// FTSQuery gives the match expression of SQLite's FTS5 that finds every word
// of the query, the last one also as the beginning of a longer word. It is
// empty when the query holds nothing to search for.
func FTSQuery(query string) string {
	words := SearchWords(query)
	if len(words) == 0 {
		return ""
	}
	return `"` + strings.Join(words, `" AND "`) + `" *`
}

// TSQuery gives the same for PostgreSQL's to_tsquery or a cast to tsquery.
func TSQuery(query string) string {
	words := SearchWords(query)
	if len(words) == 0 {
		return ""
	}
	return "'" + strings.Join(words, "' & '") + "':*"
}

// SearchWords returns the words of a search, as an index has them: the first 16.
func SearchWords(query string) []string {
	words := foldedWords(query)
	return words[:min(len(words), searchWordsMax)]
}

// foldedWords consist of letters and digits alone, which is what makes it
// safe to quote them into a query.
func foldedWords(s string) []string {
	var words []string
	for word := range strings.FieldsFuncSeq(foldRunes(s), func(r rune) bool { return !isLetterOrDigit(r) }) {
		words = appendRuns(words, []rune(word))
	}
	return words
}

// foldRunes composes at the end what is no mark, the syllables of Hangul.
func foldRunes(s string) string {
	return norm.NFC.String(foldCase(cutMarks(s)))
}

// cutMarks takes broken bytes out first: behind one the library leaves a letter as it is.
func cutMarks(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsMark(r) {
			return -1
		}
		return r
	}, norm.NFKD.String(strings.ToValidUTF8(s, " ")))
}

// foldCase lowers before it folds: folding alone swaps the two cases of
// Cherokee, and leaves a dot on the i of İstanbul that istanbul has not.
func foldCase(s string) string {
	return cases.Fold().String(strings.ToLower(s))
}

// appendRuns cuts a word where its script changes from spaced to unspaced.
func appendRuns(words []string, word []rune) []string {
	for len(word) > 0 {
		unspaced, end := isUnspaced(word[0]), 1
		for end < len(word) && isUnspaced(word[end]) == unspaced {
			end++
		}
		if unspaced {
			words = appendPairs(words, word[:end])
		} else {
			words = append(words, string(word[:min(end, foldedWordMax)]))
		}
		word = word[end:]
	}
	return words
}

func appendPairs(words []string, run []rune) []string {
	if len(run) == 1 {
		return append(words, string(run))
	}
	for i := range len(run) - 1 {
		words = append(words, string(run[i:i+2]))
	}
	return words
}

// isUnspaced counts the long-vowel sign in, which belongs to no single script.
func isUnspaced(r rune) bool {
	const longVowel = 'ー'
	return r == longVowel || unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana)
}
