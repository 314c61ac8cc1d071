package text

import (
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
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
	faultAddressLength = "The e-mail address must have at most 254 characters, 64 of them before the @."
	faultAddressForm   = "The e-mail address must look like name@example.org, without spaces, quotes or brackets."
	faultAddressDomain = "The e-mail address must end in the name of a public mail domain, such as example.org."
)

// Address is a mailbox in two forms.
type Address struct {
	// Typed is where mail goes: what the person wrote, trimmed.
	Typed string
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
// with a dot in it. The domain may be an international one.
func ParseAddress(s string) (address Address, fault string) {
	typed := strings.TrimSpace(s)
	if len(typed) > addressMax {
		return Address{}, faultAddressLength
	}
	local, host, found := strings.Cut(typed, "@")
	if !found || !isLocalPart(local) {
		return Address{}, faultAddressForm
	}
	domain, ok := mailDomain(host)
	if !ok {
		return Address{}, faultAddressDomain
	}
	if len(local) > localPartMax || len(local)+len("@")+len(domain) > addressMax {
		return Address{}, faultAddressLength
	}
	return Address{Typed: typed, Canonical: canonicalAddress(local, domain)}, ""
}

// isLocalPart checks for a dot-atom of RFC 5322 in ASCII.
func isLocalPart(s string) bool {
	for atom := range strings.SplitSeq(s, ".") {
		if atom == "" || strings.ContainsFunc(atom, isNotAtomRune) {
			return false
		}
	}
	return true
}

func isNotAtomRune(r rune) bool {
	return !isASCIIAlphanumeric(r) && !strings.ContainsRune("!#$%&'*+-/=?^_`{|}~", r)
}

func isASCIIAlphanumeric(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
}

// mailDomain returns the domain in lower-case ASCII. It refuses what is not under a top-level domain, numeric last
// labels and thus IP addresses included.
func mailDomain(s string) (domain string, ok bool) {
	// The library replaces invalid UTF-8 by a valid character.
	domain, err := idna.Lookup.ToASCII(s)
	if err != nil || !utf8.ValidString(s) {
		return "", false
	}
	labels := strings.Split(domain, ".")
	top := labels[len(labels)-1]
	if len(labels) < 2 || slices.ContainsFunc(labels, isNotHostLabel) || !isTopLevel(top) {
		return "", false
	}
	return domain, true
}

func isNotHostLabel(label string) bool {
	return label == "" || len(label) > hostLabelMax
}

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

// canonicalAddress expects a checked local part and a domain in lower-case ASCII. A local part that would become empty
// is kept as it is.
func canonicalAddress(local, domain string) string {
	local = strings.ToLower(local)
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

func (r mailboxRule) apply(local, domain string) string {
	bare := strings.Map(func(c rune) rune {
		if strings.ContainsRune(r.ignored, c) {
			return -1
		}
		return c
	}, local)
	if bare != "" {
		local = bare
	}
	if r.domain != "" {
		domain = r.domain
	}
	return local + "@" + domain
}
