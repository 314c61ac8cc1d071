package text

import (
	"strings"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

const (
	// foldedWordMax keeps words far below the limits of tsquery and FTS5 tokens. Indexed text and searches are cut
	// alike.
	foldedWordMax  = 64
	searchWordsMax = 16
)

// Fold prepares a text for the search index: words without case and accents, joined by single spaces. Runs in scripts
// without spaces become overlapping pairs of characters, by which any part of a run is found.
func Fold(s string) string {
	return strings.Join(foldedWords(s), " ")
}

// FTSQuery returns a match expression for SQLite's FTS5 that finds all words of the query, the last one also as a
// prefix. It is empty if the query has no words.
func FTSQuery(query string) string {
	words := SearchWords(query)
	if len(words) == 0 {
		return ""
	}
	return `"` + strings.Join(words, `" AND "`) + `" *`
}

// TSQuery returns the same for PostgreSQL's to_tsquery or a cast to tsquery.
func TSQuery(query string) string {
	words := SearchWords(query)
	if len(words) == 0 {
		return ""
	}
	return "'" + strings.Join(words, "' & '") + "':*"
}

// SearchWords returns the first 16 words of a search, folded as in the index.
func SearchWords(query string) []string {
	words := foldedWords(query)
	return words[:min(len(words), searchWordsMax)]
}

// foldedWords returns words of letters and digits only, which makes it safe to quote them in a query.
func foldedWords(s string) []string {
	var words []string
	for word := range strings.FieldsFuncSeq(foldRunes(s), func(r rune) bool { return !isLetterOrDigit(r) }) {
		words = appendRuns(words, []rune(word))
	}
	return words
}

// foldRunes composes the result again, which restores the syllables of Hangul.
func foldRunes(s string) string {
	return norm.NFC.String(foldCase(cutMarks(s)))
}

// cutMarks removes invalid bytes first: the library does not change a letter that follows one.
func cutMarks(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsMark(r) {
			return -1
		}
		return r
	}, norm.NFKD.String(strings.ToValidUTF8(s, " ")))
}

// foldCase lowers before it folds: folding alone swaps the two cases of Cherokee, and leaves a combining dot on the i
// of İstanbul, which istanbul does not have.
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

// isUnspaced includes the long-vowel sign, which belongs to no single script.
func isUnspaced(r rune) bool {
	const longVowel = 'ー'
	return r == longVowel || unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana)
}
