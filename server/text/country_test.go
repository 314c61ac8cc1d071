package text

import (
	"strings"
	"testing"

	"golang.org/x/text/language"
)

// everyPair calls fn with each of the 676 pairs of capital letters.
func everyPair(fn func(code string)) {
	for a := 'A'; a <= 'Z'; a++ {
		for b := 'A'; b <= 'Z'; b++ {
			fn(string([]rune{a, b}))
		}
	}
}

func TestCountryCodesAreTheAssignedOnes(t *testing.T) {
	t.Parallel()
	// What x/text calls a country although ISO 3166-1 has only reserved it, has taken it back or never had it, except for
	// XK, which is Kosovo.
	const notAssigned = "AC AN CP CQ CS DG EA EZ FQ IC NT PC SU TA UN YU"
	accepted := 0
	everyPair(func(code string) {
		region, err := language.ParseRegion(code)
		country := err == nil && region.IsCountry() && region.Canonicalize() == region && region.String() == code
		want := country && !strings.Contains(notAssigned, code)
		got, fault := CheckCountry(code)
		if (fault == "") != want || want && got != code {
			t.Errorf("CheckCountry(%s) = %q, %q; assigned: %v", code, got, fault, want)
		}
		if fault == "" {
			accepted++
		}
	})
	if listed := len(strings.Fields(countryCodes)); accepted != 250 || listed != 250 {
		t.Errorf("%d codes are accepted and %d listed, want the 249 of ISO and XK", accepted, listed)
	}
}

func TestCheckCountry(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"de", "De", "dE", "DE", "xk", "XK"} {
		if code, fault := CheckCountry(s); code != strings.ToUpper(s) || fault != "" {
			t.Errorf("CheckCountry(%q) = %q, %q, want it in capitals", s, code, fault)
		}
	}
	for _, s := range []string{
		"", "D", "DEU", "276", "27", "UK", "EU", "ZZ", "XX", "AN", "SU", "QQ", " D", "D ", "\nA", "E\n", "ß", "ı", "ＤＥ", "D\x00", "DE\n", "é", "ıs", "ſe",
	} {
		if code, fault := CheckCountry(s); code != "" || fault != faultCountry {
			t.Errorf("CheckCountry(%q) = %q, %q, want it refused", s, code, fault)
		}
	}
}

func FuzzCheckCountry(f *testing.F) {
	for _, s := range []string{"DE", "uk", "ß", "\n", "\xff\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if code, fault := CheckCountry(s); fault == "" && !strings.EqualFold(code, s) {
			t.Errorf("CheckCountry(%q) = %q", s, code)
		}
	})
}
