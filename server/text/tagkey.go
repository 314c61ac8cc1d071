package text

import (
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// TagKeyVersion grows when TagKey changes. Tags with the keys of a lower one get others in the background.
const TagKeyVersion = 2

// minus is the sign; a hyphen, which joins words, is none.
const minus = '−'

// TagKey returns the key of a tag: "#Climate Justice!" and "climatejustice" are the same tag. A key is in NFKC,
// case-folded, and consists of letters, digits, marks, underscores, emoji, and the signs without which a tag would say
// something else: C++ and C#, R&D, A≠B, 1.5 °C, -5, 50%, §218 and .NET. It is empty if the name is not a tag: if it has
// no letter or digit, or is far longer than any tag.
func TagKey(name string) string {
	key, _ := tagKey(name)
	return key
}

// tagKeyWork is how many characters of a text are looked at that might be a tag, as it is written and normalised. What
// people search for comes with any length, and one character may become eighteen.
const tagKeyWork = 2 * tagLabelMax

// tagKey is TagKey, and reports a text that is too long to be looked at.
func tagKey(name string) (key string, long bool) {
	// Each step may undo another: folding decomposes, and removing a character may let its neighbours compose. Two
	// rounds suffice for what people write; the bound is for everything else.
	for range 8 {
		if tooLong(name, tagKeyWork) {
			return "", true
		}
		spelt := norm.NFKC.String(partNumbers(name))
		if tooLong(spelt, tagKeyWork) {
			return "", true
		}
		key = keepSigns(norm.NFKC.String(foldCase(spelt)))
		if key == name {
			break
		}
		name = key
	}
	if !strings.ContainsFunc(key, isLetterOrDigit) {
		return "", false
	}
	return key, false
}

// TagKeyPrefix returns what the keys of the tags begin with whose names begin with a text. A hyphen at its end joins
// what has not been written yet.
func TagKeyPrefix(name string) string {
	return strings.TrimSuffix(TagKey(name), string(minus))
}

// partNumbers parts two numbers that normalisation would run together: 1½ is no 11/2, and 10² no 102.
func partNumbers(s string) string {
	var out strings.Builder
	before := rune(0)
	for _, r := range s {
		switch {
		case !unicode.IsNumber(before) || !unicode.IsNumber(r):
		case isFraction(before) || isFraction(r):
			out.WriteByte(' ')
		case unicode.IsDigit(before) != unicode.IsDigit(r):
			out.WriteByte('^')
		}
		out.WriteRune(r)
		before = r
	}
	return out.String()
}

// isFraction reports whether r is a fraction, such as ½, which has a slash once it is decomposed.
func isFraction(r rune) bool {
	return unicode.Is(unicode.No, r) && strings.ContainsRune(norm.NFKD.String(string(r)), '⁄')
}

// keepSigns drops what does not belong in a key. What lies between two letters or digits is looked at as one.
func keepSigns(s string) string {
	in := []rune(strings.Map(keySpelling, regionFlag.ReplaceAllStringFunc(s, spellRegion)))
	out := make([]rune, 0, len(in))
	for len(in) > 0 {
		end := slices.IndexFunc(in, inKey)
		if end < 0 {
			end = len(in)
		}
		g := gap{signs: in[:end], before: last(out), after: first(in[end:])}
		out = append(out, g.kept()...)
		in = in[end:]
		if len(in) > 0 {
			out, in = append(out, in[0]), in[1:]
		}
	}
	return string(out)
}

// spellRegion writes the letters of a flag that nobody sees as ASCII's, which are at the same places of their block.
func spellRegion(flag string) string {
	const tags, end = 0xE0000, 0xE007F
	return strings.Map(func(r rune) rune {
		switch {
		case r == end:
			return -1
		case r > tags && r < end:
			return r - tags
		}
		return r
	}, flag)
}

// keySpelling drops fillers and variation selectors, which are letters and marks by class but invisible, and gives each
// sign one form.
func keySpelling(r rune) rune {
	if isInvisible(r) {
		return -1
	}
	switch r {
	case '⁄', '∕':
		return '/'
	case '’', '‘':
		return apostrophe
	case '♯':
		return '#'
	case '٪':
		return '%'
	case '؉':
		return '‰'
	case '؊':
		return '‱'
	}
	return r
}

// inKey reports whether r is part of a key wherever it stands.
func inKey(r rune) bool {
	return r == '_' || unicode.In(r, unicode.L, unicode.M, unicode.Nd, unicode.Nl) || isEmoji(r)
}

// isEmoji reports whether r is one of the pictures that people put into tags, or a part of one: a bee, half a flag, a
// skin. Signs of music, religion and gender are among them; bullets, arrows, ® and ° are not.
func isEmoji(r rune) bool {
	switch {
	case r >= 0x1F000 && r <= 0x1FAFF:
		return true
	case r >= 0x2300 && r <= 0x23FF, r >= 0x2600 && r <= 0x27BF, r >= 0x2B00 && r <= 0x2BFF:
		return unicode.Is(unicode.So, r)
	}
	return false
}

// first returns the first rune, or 0.
func first(list []rune) rune {
	if len(list) == 0 {
		return 0
	}
	return list[0]
}

// last returns the last rune, or 0.
func last(list []rune) rune {
	if len(list) == 0 {
		return 0
	}
	return list[len(list)-1]
}

// gap is what lies between two letters or digits of a tag, or at one of its ends, where before or after is 0.
type gap struct {
	signs         []rune
	before, after rune
}

// kept returns the signs of a gap that change what a tag says.
func (g gap) kept() []rune {
	if len(g.signs) == 0 {
		return nil
	}
	if unicode.IsDigit(g.before) && unicode.IsDigit(g.after) {
		return []rune{g.separator()}
	}
	out, rest := g.behind()
	bare := []rune(strings.TrimSpace(string(rest)))
	switch {
	case g.after == 0:
		return out
	case g.before != 0 && len(bare) == 1 && relates(bare[0]):
		return append(out, bare[0])
	}
	return append(out, g.sign(rest, bare)...)
}

// relates reports whether r says how two words are related: R&D, A≠B. Bars and tildes part them.
func relates(r rune) bool {
	return r == '&' || unicode.Is(unicode.Sm, r) && r != '|' && r != '~' && !isDash(r)
}

// separator returns the first sign of a gap between two digits: 1.5 is neither 15 nor 1/5. Spaces, brackets and symbols
// that are no signs of numbers count alike.
func (g gap) separator() rune {
	r := first([]rune(strings.TrimSpace(string(g.signs))))
	switch {
	case isDash(r):
		return '-'
	case r == '^' || unicode.In(r, unicode.Po, unicode.Sm, unicode.Sc):
		return r
	}
	return '_'
}

// behind returns the signs that belong to the word or number before the gap, and the rest of it: C++, A-, US$, 50 %.
func (g gap) behind() (out, rest []rune) {
	rest = g.signs
	if g.before == 0 {
		return nil, rest
	}
	for len(rest) > 0 && (rest[0] == '+' || rest[0] == '#' || rest[0] == minus) {
		out, rest = append(out, rest[0]), rest[1:]
	}
	if len(out) > 0 || len(rest) == 0 {
		return out, rest
	}
	if isDash(rest[0]) && (len(rest) == 1 && g.after == 0 || len(rest) > 1 && unicode.IsSpace(rest[1])) {
		return []rune{minus}, rest[1:]
	}
	bare := []rune(strings.TrimLeftFunc(string(rest), unicode.IsSpace))
	if unicode.Is(unicode.Sc, rest[0]) || unicode.IsDigit(g.before) && isUnit(first(bare)) {
		return bare[:1], bare[1:]
	}
	return nil, rest
}

// isUnit reports whether r stands behind the number that it belongs to.
func isUnit(r rune) bool {
	return strings.ContainsRune("%‰‱", r) || unicode.Is(unicode.Sc, r)
}

// sign returns the sign of what is behind the gap, such as .NET, $AP, -5, >18, $5 or §218. A hyphen that joins a number
// to a word is none, nor is the last full stop of several.
func (g gap) sign(rest, bare []rune) []rune {
	switch r := last(rest); {
	case unicode.Is(unicode.Sc, r) || r == '.' && g.before == 0 && isLetterOrDigit(g.after) && last(rest[:len(rest)-1]) != '.':
		return []rune{r}
	case !unicode.IsDigit(g.after):
		return nil
	case isDash(r) && (len(rest) > 1 || g.before == 0):
		return []rune{minus}
	case unicode.Is(unicode.Sm, r):
		return []rune{r}
	case unicode.Is(unicode.Sc, last(bare)) || last(bare) == '§' || last(bare) == '¶':
		return []rune{last(bare)}
	}
	return nil
}

func isDash(r rune) bool { return r == minus || unicode.Is(unicode.Pd, r) }
