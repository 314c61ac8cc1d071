package text

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestCheckLocale(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, in, tag string }{
		{"Language", "en", "en"},
		{"Case", "PT-br", "pt-BR"},
		{"Script", "zh-hant-tw", "zh-Hant-TW"},
		{"SuperfluousScript", "de-Latn", "de"},
		{"Deprecated", "iw", "he"},
		{"Grandfathered", "i-klingon", "tlh"},
		{"Extended", "zh-yue", "yue"},
		{"Variant", "de-1996", "de-1996"},
		{"Extension", "de-u-co-phonebk", "de-u-co-phonebk"},
		{"Private", "en-x-plain", "en-x-plain"},
		{"Region", "es-419", "es-419"},
		{"ErrEmpty", "", ""},
		{"Und", "UND", "und"},
		{"ErrUndRegion", "und-DE", ""},
		{"ErrRoot", "root", ""},
		{"ErrPrivateOnly", "x-elvish", ""},
		{"ErrUnknown", "xx", ""},
		{"ErrUnknownRegion", "en-AB", ""},
		{"ErrUnderscore", "en_US", ""},
		{"ErrPOSIX", "de_DE.UTF-8", ""},
		{"ErrMalformed", "e", ""},
		{"ErrSpace", " en", ""},
		{"ErrTrailing", "en-", ""},
		{"ErrNUL", "en\x00", ""},
		{"ErrNotASCII", "én", ""},
		{"ErrLong", "en-x-" + strings.Repeat("abcdefgh-", 4) + "a", ""},
		{"ErrLongUntilCanonical", "de-Latn-u-co-phonebk-ka-shifted-kn-true", ""},
		{"ErrLongOnceCanonical", "mo-x-abcdefgh-abcdefgh-abcdefgh-abc", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tag, fault := CheckLocale(tt.in)
			if tag != tt.tag || (fault == "") != (tt.tag != "") {
				t.Errorf("CheckLocale(%q) = %q, %q, want %q", tt.in, tag, fault, tt.tag)
			}
		})
	}
}

func TestCheckLocaleIsSettled(t *testing.T) {
	t.Parallel()
	tag := rapid.StringMatching(`[a-zA-Z]{2,3}(-[A-Za-z]{4})?(-[A-Za-z]{2}|-[0-9]{3})?(-u-co-[a-z]{3,8})?(-x-[a-z0-9]{1,8})?`)
	rapid.Check(t, func(t *rapid.T) {
		checkLocalePromises(t, rapid.OneOf(tag, tag, rapid.String()).Draw(t, "s"))
	})
}

func FuzzCheckLocale(f *testing.F) {
	for _, s := range []string{"en", "zh-hant-tw", "sh", "en-a-aa-b-bb", "sgn-us", "art-lojban", "x-y", "und-u-rg-uszzzz"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) { checkLocalePromises(t, s) })
}

func checkLocalePromises(t interface{ Errorf(string, ...any) }, s string) {
	tag, fault := CheckLocale(s)
	if fault != "" {
		return
	}
	if again, fault := CheckLocale(tag); again != tag || fault != "" || len(tag) > localeMax {
		t.Errorf("CheckLocale(%q) = %q, again %q (%s)", s, tag, again, fault)
	}
}
