package text

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"
	"golang.org/x/text/width"
)

// Limits of RFC 5321, section 4.5.3.1, and RFC 1035 in bytes; a path of 256 bytes leaves 254 to the address between its
// brackets.
const (
	addressMax   = 254
	localPartMax = 64
	hostLabelMax = 63
)

// The faults say what to correct and never repeat the input.
const (
	faultAddressLength = "The e-mail address must have at most 254 bytes, 64 of them before the @; letters beyond ASCII have two to four."
	faultAddressForm   = "The e-mail address must look like name@example.org, without spaces, quotes, brackets or invisible characters."
	faultAddressRoute  = "The e-mail address must not begin with -, / or |, nor have ! or % before the @."
	faultAddressAts    = "The e-mail address must have one @; give only one address."
	faultAddressStops  = "Behind its @, the e-mail address must have single full stops, and none at the beginning or the end."
	faultAddressSpelt  = "Behind its @, the e-mail address must have letters, digits and hyphens only, in parts of at most 63 that neither begin nor end with a hyphen."
	faultAddressDomain = "The e-mail address must end in the name of a public mail domain, such as example.org."
)

// Address is a mailbox in two forms.
type Address struct {
	// Kept is where mail goes: the local part as it was written, in NFC, and the domain in lower-case ASCII.
	Kept string
	// Canonical is the same for all spellings of one mailbox. It feeds the digest that keeps signatures unique and
	// nothing else.
	Canonical string
}

// mailboxRule says which spellings a mail provider delivers to one mailbox.
type mailboxRule struct {
	domains []string
	domain  string // replaces all of them; empty: each is kept
	ignored string // characters that do not count in the local part
}

// mailboxRules holds only what providers document. A wrong rule would make one signatory of two people.
func mailboxRules() []mailboxRule {
	return []mailboxRule{
		// Gmail Help, "Dots don't matter in Gmail addresses" (https://support.google.com/mail/answer/7436150);
		// googlemail.com is what gmail.com was called in Germany and the United Kingdom.
		{domains: []string{"gmail.com", "googlemail.com"}, domain: "gmail.com", ignored: "."},
		// Proton, "How to change your username": ". _ -" are transparent (https://proton.me/support/change-username).
		{domains: []string{"proton.me", "protonmail.com", "protonmail.ch", "pm.me"}, ignored: ".-_"},
	}
}

// ParseAddress accepts the part of mail syntax that people have: one mailbox, a local part without quotes, a domain
// with a dot in it. Both may be international. What nobody sees around the address is cut.
func ParseAddress(s string) (address Address, fault string) {
	s = strings.TrimFunc(s, func(r rune) bool { return unicode.IsSpace(r) || isInvisible(r) })
	// Before anything is normalised, which takes time; and again below, since that changes lengths.
	if len(s) > addressMax {
		return Address{}, faultAddressLength
	}
	local, host, found := strings.Cut(s, "@")
	local = norm.NFC.String(local)
	switch {
	case !found || !isLocalPart(local):
		return Address{}, faultAddressForm
	case isRoute(local):
		return Address{}, faultAddressRoute
	}
	domain, fault := mailDomain(host)
	if fault != "" {
		return Address{}, fault
	}
	if len(local) > localPartMax || len(local)+len("@")+len(domain) > addressMax {
		return Address{}, faultAddressLength
	}
	return Address{Kept: local + "@" + domain, Canonical: canonicalAddress(local, domain)}, ""
}

// isLocalPart checks for a dot-atom of RFC 5322, with the letters beyond ASCII that RFC 6531 adds.
func isLocalPart(s string) bool {
	for atom := range strings.SplitSeq(s, ".") {
		first, _ := utf8.DecodeRuneInString(atom)
		if atom == "" || unicode.IsMark(first) || strings.ContainsFunc(atom, isNotAtomRune) {
			return false
		}
	}
	return true
}

// isNotAtomRune reports whether r may not stand in a part of an address between dots.
func isNotAtomRune(r rune) bool {
	if r < utf8.RuneSelf {
		return !isASCIIAlphanumeric(r) && !strings.ContainsRune("!#$%&'*+-/=?^_`{|}~", r)
	}
	return !unicode.In(r, unicode.L, unicode.M, unicode.Nd) || isInvisible(r)
}

func isASCIIAlphanumeric(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
}

// isRoute reports what old mail programs take for an option, a file, a program, or a way through other hosts. Exim
// refuses most of that by default: such addresses come from those who try what a program does with them.
func isRoute(local string) bool {
	return strings.ContainsAny(local[:1], "-/|") || strings.ContainsAny(local, "!%")
}

// mailNames maps what people write to the name that is looked up, as browsers do. Unlike idna.Lookup it takes labels
// with hyphens in the third and fourth place, which RFC 5321 does not forbid.
var mailNames = idna.New(idna.MapForLookup(), idna.BidiRule(), idna.CheckHyphens(false))

// mailDomain returns the domain in lower-case ASCII. It refuses what RFC 5321 does not call a domain, underscores among
// it, and what is not under a top-level domain, numeric last labels and thus IP addresses included.
func mailDomain(s string) (domain, fault string) {
	domain, err := mailNames.ToASCII(s)
	labels := strings.Split(domain, ".")
	switch {
	case strings.Contains(s, "@"):
		return "", faultAddressAts
	case err != nil || !utf8.ValidString(s): // which the library replaces by a valid character
		return "", faultAddressSpelt
	case len(labels) < 2:
		return "", faultAddressDomain
	case slices.Contains(labels, ""):
		return "", faultAddressStops
	case slices.ContainsFunc(labels, isNotHostLabel):
		return "", faultAddressSpelt
	case !isTopLevel(labels[len(labels)-1]):
		return "", faultAddressDomain
	}
	return domain, ""
}

// isNotHostLabel looks at international labels as people write them: in ASCII they begin with xn.
func isNotHostLabel(label string) bool {
	shown := label
	if strings.HasPrefix(label, "xn--") {
		shown, _ = mailNames.ToUnicode(label)
		if !isRegistrable([]rune(shown)) {
			return true
		}
	}
	return label == "" || len(label) > hostLabelMax || strings.HasPrefix(shown, "-") || strings.HasSuffix(shown, "-")
}

// isRegistrable reports whether IDNA 2008 (RFC 5892) has the characters of an international label, which the library
// leaves out: it takes symbols and emoji, as browsers do, and no registry does.
func isRegistrable(label []rune) bool {
	for i, r := range label {
		if !spellsHost(label[:i], r, label[i+1:]) {
			return false
		}
	}
	return !slices.ContainsFunc(label, isArabicDigit) || !slices.ContainsFunc(label, isExtendedArabicDigit)
}

// spellsHost reports whether r may stand in a label between what is before and after it. The library has checked
// joiners.
func spellsHost(before []rune, r rune, after []rune) bool {
	last, next := edge(before, len(before)-1), edge(after, 0)
	switch r {
	case '-', '\u200C', '\u200D', '۽', '۾', '་', '〇':
		return true
	case '·': // Catalan
		return last == 'l' && next == 'l'
	case '͵':
		return unicode.Is(unicode.Greek, next)
	case '׳', '״':
		return unicode.Is(unicode.Hebrew, last)
	case '・':
		return slices.ContainsFunc(before, isHanOrKana) || slices.ContainsFunc(after, isHanOrKana)
	case 'ـ', 'ߺ', '〮', '〯', '〱', '〲', '〳', '〴', '〵', '〻': // decoration and repetition
		return false
	}
	if unicode.Is(unicode.Hangul, r) {
		return r >= '가' && r <= '힣' // and no letters of syllables
	}
	return unicode.In(r, unicode.L, unicode.Mn, unicode.Mc, unicode.Nd)
}

func isArabicDigit(r rune) bool { return r >= '٠' && r <= '٩' }

func isExtendedArabicDigit(r rune) bool { return r >= '۰' && r <= '۹' }

// isTopLevel refuses names that are only used in local networks.
func isTopLevel(label string) bool {
	switch label {
	case "localhost", "local", "localdomain", "internal":
		return false
	}
	if strings.HasPrefix(label, "xn--") {
		return true
	}
	return len(label) >= 2 && !strings.ContainsFunc(label, func(r rune) bool { return r < 'a' || r > 'z' })
}

// canonicalAddress expects a checked local part and a domain in lower-case ASCII.
func canonicalAddress(local, domain string) string {
	// Keyboards of Chinese and Japanese have letters of another width. And of the two small forms of Σ, the one at the end
	// of words is lost where the address was typed in capitals.
	local = norm.NFC.String(strings.ReplaceAll(strings.ToLower(width.Fold.String(local)), "ς", "σ"))
	if plus := strings.IndexByte(local[1:], '+'); plus >= 0 {
		// Of "a.+tag" a dot remains, with which no local part may end.
		local = strings.TrimRight(local[:1+plus], ".")
	}
	for _, rule := range mailboxRules() {
		if slices.Contains(rule.domains, domain) {
			return rule.apply(local, domain)
		}
	}
	return local + "@" + domain
}

// apply keeps a local part of which nothing, or no address, would be left.
func (r mailboxRule) apply(local, domain string) string {
	bare := strings.Map(func(c rune) rune {
		if strings.ContainsRune(r.ignored, c) {
			return -1
		}
		return c
	}, local)
	if bare != "" && !isRoute(bare) {
		local = bare
	}
	if r.domain != "" {
		domain = r.domain
	}
	return local + "@" + domain
}
