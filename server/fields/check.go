package fields

import (
	"fmt"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"petitiond/server/text"
)

// BodyBytes is how many bytes a body has at most, in UTF-8.
const BodyBytes = 4 * text.BodyMax

// The rules about a single text, with the names by which faults call it.
func title(s string) (string, string) {
	return text.CheckLine(s, "The title", text.TitleMin, text.TitleMax)
}

func summary(s string) (string, string) { return text.CheckText(s, "The summary", 0, text.SummaryMax) }

func body(s string) (string, string) {
	return text.CheckText(s, "The body", text.BodyMin, text.BodyMax)
}

// checked makes a check of a rule about a text.
func checked(rule func(string) (clean, fault string)) func(any) (any, []Fault) {
	return func(given any) (any, []Fault) {
		clean, fault := rule(given.(string)) //nolint:forcetypeassert // In says that it is a text
		if fault != "" {
			return clean, []Fault{{Message: fault}}
		}
		return clean, nil
	}
}

// checkAddress leaves of an address what mail is sent to.
func checkAddress(given any) (any, []Fault) {
	address, fault := text.ParseAddress(given.(string)) //nolint:forcetypeassert // an input has texts
	if fault != "" {
		return nil, []Fault{{Message: fault}}
	}
	return []byte(address.Kept), nil
}

// checkAddressees passes over blank names, as forms send a field for each that could be given. Faults name the place
// that a name has in the input.
func checkAddressees(given any) (any, []Fault) {
	names := given.([]string) //nolint:forcetypeassert // In says that they are texts
	out, faults := []string{}, []Fault(nil)
	for i, name := range names {
		if text.IsBlank(name) {
			continue
		}
		clean, fault := text.CheckLine(name, "An addressee", text.AddresseeMin, text.AddresseeMax)
		if fault != "" {
			faults = append(faults, Fault{fault, []string{fmt.Sprint(i)}})
		}
		out = append(out, clean)
	}
	if len(out) > text.AddresseesMax { // one fault, not one for each
		return []string(nil), []Fault{{Message: fmt.Sprintf("Give at most %d addressees.", text.AddresseesMax)}}
	}
	return out, faults
}

// imageURL takes an address that a browser of others may load: it bears no name or password, and no second meaning.
func imageURL(s string) (clean, fault string) {
	const most = 2000
	u, err := url.Parse(s)
	switch {
	// First, whatever Parse says: a fault should name what is easiest to correct.
	case utf8.RuneCountInString(s) > most || !utf8.ValidString(s):
		return "", fmt.Sprintf("The image must have an address of at most %d characters.", most)
	case err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil || strings.ContainsFunc(s, notInAddress):
		return "", "The image must be an https address such as https://example.org/bees.jpg, without a user name."
	}
	// As it was read, so that what is stored is what was judged.
	return u.String(), ""
}

// notInAddress reports what must be escaped in an address.
func notInAddress(r rune) bool {
	return unicode.IsSpace(r) || unicode.IsControl(r) || strings.ContainsRune(`"<>\^`+"`{|}", r)
}
