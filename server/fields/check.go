package fields

import (
	"fmt"

	"petitiond/server/text"
)

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
