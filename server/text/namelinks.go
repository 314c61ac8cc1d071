package text

import (
	"iter"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/net/publicsuffix"
	"golang.org/x/text/unicode/norm"
)

// People write "Dipl.Ing." and "Prof.Kim" without a space, and .ing, .kim, .green and many others are top-level domains
// today. So a word counts as a host by itself only below a domain that is no title and hardly a name; what software
// would make a link of counts in any case. Nothing makes links of names: what slips through is advertising, not a trap.
const (
	// webDomains are the domains below which a word is a host, besides those of two letters.
	webDomains = `
com net org info biz edu gov mil int mobi asia app dev xyz top site website online shop store club vip icu buzz click blog
wiki email tech cloud digital network agency host download stream casino poker bet porn sex xxx adult webcam cyou sbs cfd
ngo ong рф укр бел бг срб қаз орг ком онлайн сайт ελ 中国 公司 网站 網站 한국 닷컴 コム קום भारत
`

	// titles are abbreviations that stand before names, with a full stop.
	titles = `
adv arch ass assoc asst avv bacc bakk cand capt cmdr col dipl doc dott dr dra drs eng fam fr frau gebr gen herr hon hr ing
insp ir judr jun lic lt mag maj mddr med mgr miss mlle mme mr mrs ms mudr mvdr mx paeddr phdr phil prim priv prof rer
rev rndr sen sgt shri sig smt sr sra srta st sta ste stud supt thdr univ
`

	// surnames are domains that are names of many people as well: Kapil.Dev, JOHN.LI.
	surnames = `asia dev do li lu ma mo ng ong so su vu ye`
)

// linkSign is what begins a link wherever it leads.
var linkSign = regexp.MustCompile(`(?i)://|\bhttps?:|\bmailto:|\bwww\.`)

// hasLink reports whether there is a web address with a scheme, www., or a path. It expects a name in NFKC.
func hasLink(name string) bool {
	if !strings.ContainsAny(name, ":.") {
		return false
	}
	if linkSign.MatchString(name) {
		return true
	}
	for word, rest := range dottedWords(name) {
		path, found := strings.CutPrefix(rest, "/")
		// Behind a full stop the slash is one between abbreviations: "B.Sc./M.Sc."
		if !found || path == "" || path[0] == ' ' || strings.HasSuffix(word, ".") {
			continue
		}
		if site, _ := splitHost(word); site != "" && !joinsNames(word, path) {
			return true
		}
	}
	return false
}

// joinsNames reports whether the slash behind a word stands between names, as in "J.Wang/K.Li", "mr.kim/mrs.kim" and
// "Mr.Kim/wife".
func joinsNames(word, behind string) bool {
	site, suffix := splitHost(word)
	next, _ := utf8.DecodeRuneInString(behind)
	title, _, _ := strings.Cut(strings.ToLower(behind), ".")
	if isCapitalised(word) && unicode.IsUpper(next) || isTitle(site) && isTitle(title) {
		return true
	}
	if isWebDomain(suffix) && !isSurname(word, suffix) {
		return false
	}
	return isTitle(site) || utf8.RuneCountInString(site) == 1 || isCapitalised(word)
}

// hasHost reports whether there is the bare name of a web site.
func hasHost(name string) bool {
	for word := range dottedWords(norm.NFKC.String(name)) {
		site, suffix := splitHost(word)
		switch n := utf8.RuneCountInString(site); {
		case isTitle(site) || isSurname(word, suffix) || !isWebDomain(suffix):
		case len(suffix) == 2:
			if n >= 4 && !isCapitalised(word) { // J.Ma, Dr.Ye and Anna.Re are people
				return true
			}
		case n >= 3:
			return true
		}
	}
	return false
}

// isWebDomain reports whether a public suffix, in lower case, is hardly the end of a name.
func isWebDomain(suffix string) bool {
	return len(suffix) == 2 || strings.Contains(suffix, ".") || isOneOf(suffix, webDomains)
}

// isSurname reports whether a word ends in a surname, although sites do, too. Below a domain of more than two letters a
// name has its capital.
func isSurname(word, suffix string) bool {
	if len(suffix) > 2 {
		word = strings.TrimRight(word, ".-")
		first, _ := utf8.DecodeRuneInString(word[strings.LastIndexByte(word, '.')+1:])
		if !unicode.IsUpper(first) {
			return false
		}
	}
	return isOneOf(suffix, surnames)
}

// dottedWords returns the words of a text that may be hosts, each with the text behind it.
func dottedWords(text string) iter.Seq2[string, string] {
	return func(yield func(word, rest string) bool) {
		for strings.Contains(text, ".") {
			start := strings.IndexFunc(text, isHostRune)
			if start < 0 {
				return
			}
			text = text[start:]
			end := strings.IndexFunc(text, func(r rune) bool { return !isHostRune(r) })
			if end < 0 {
				end = len(text)
			}
			if strings.Contains(text[:end], ".") && !yield(text[:end], text[end:]) {
				return
			}
			text = text[end:]
		}
	}
}

// isHostRune reports whether r may stand in a host as people type it.
func isHostRune(r rune) bool {
	return isLetterOrDigit(r) || unicode.IsMark(r) || r == '-' || r == '.'
}

// splitHost returns the label before the public suffix of a word, and the suffix; both in lower case and as people read
// them. They are empty if the word ends in no domain that there is.
func splitHost(word string) (site, suffix string) {
	ascii, err := idna.Punycode.ToASCII(strings.ToLower(strings.Trim(word, ".-")))
	if err != nil {
		return "", ""
	}
	suffix, official := publicsuffix.PublicSuffix(ascii)
	before, found := strings.CutSuffix(ascii, "."+suffix)
	if dot := strings.LastIndexByte(suffix, '.'); !official && dot >= 0 && !found && suffix[dot+1] > '9' {
		// The word is itself one below which a company lets others have names, such as github.io.
		before, suffix, found = suffix[:dot], suffix[dot+1:], true
	} else if !official && dot < 0 {
		return "", "" // there is no such top-level domain
	}
	if !found {
		return "", ""
	}
	site, _ = idna.Punycode.ToUnicode(before[strings.LastIndexByte(before, '.')+1:])
	suffix, _ = idna.Punycode.ToUnicode(suffix)
	return site, suffix
}

// isTitle reports whether a word in lower case is an abbreviation before names.
func isTitle(word string) bool { return isOneOf(word, titles) }

// isOneOf reports whether a word is in a list. The lists are short, and only words with a full stop get here.
func isOneOf(word, list string) bool { return slices.Contains(strings.Fields(list), word) }

// isCapitalised reports whether each part of a word is written as a name is: only its first letter is a capital.
func isCapitalised(word string) bool {
	for part := range strings.FieldsFuncSeq(word, func(r rune) bool { return r == '.' || r == '-' }) {
		first, size := utf8.DecodeRuneInString(part)
		if !unicode.IsUpper(first) || strings.ContainsFunc(part[size:], unicode.IsUpper) {
			return false
		}
	}
	return true
}
