package httpheader_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"petitiond/server/httpheader"
)

func TestElements(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ lines, want []string }{
		"None":    {nil, nil},
		"Empty":   {[]string{"", " ,\t, "}, nil},
		"One":     {[]string{"a"}, []string{"a"}},
		"Spaces":  {[]string{" a b ,c\t"}, []string{"a b", "c"}},
		"Lines":   {[]string{"a,b", "c"}, []string{"a", "b", "c"}},
		"Repeats": {[]string{"a", "a"}, []string{"a", "a"}},
	} {
		if diff := cmp.Diff(test.want, slices.Collect(httpheader.Elements(test.lines))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	for range httpheader.Elements([]string{"a, b"}) {
		break // the rest is not asked for
	}
}

func TestLists(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]bool{"upgrade": true, "keep-alive, Upgrade": true, "upgrades": false, "": false, "h2c, x": false} {
		if got := httpheader.Lists([]string{line}, "upgrade"); got != want {
			t.Errorf("%q: %v", line, got)
		}
	}
}

func TestOnly(t *testing.T) {
	t.Parallel()
	if a, b, c := httpheader.Only(nil), httpheader.Only([]string{"13"}), httpheader.Only([]string{"13", "13"}); a != "" || b != "13" || c != "" {
		t.Errorf("%q, %q and %q", a, b, c)
	}
}

func TestMatches(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]bool{
		`"a"`: true, `W/"a"`: true, `"b", "a"`: true, `*`: true, `"b"`: false, `a`: false, ``: false, `"b", *`: true,
	} {
		if got := httpheader.Matches([]string{line}, `"a"`); got != want {
			t.Errorf("%s: %v", line, got)
		}
	}
}

func TestTakes(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]bool{
		"gzip": true, "GZIP": true, "x-gzip": true, "br, gzip;q=0.1": true, "gzip;q=0": false, "gzip; Q=0.0": false,
		"*": true, "*;q=0": false, "gzip;q=0, *": false, "gzip, *;q=0": true, "identity": false, "": false, "gzip;q=x": false,
	} {
		if got := httpheader.Takes([]string{line}, "gzip", "x-gzip"); got != want {
			t.Errorf("%q: %v", line, got)
		}
	}
}

func TestMediaRange(t *testing.T) {
	t.Parallel()
	for element, want := range map[string]struct {
		typ     string
		quality float64
		ok      bool
	}{
		"a/b":                         {"a/b", 1, true},
		"A/B; q=0.5":                  {"a/b", 0.5, true},
		"a/b;charset=UTF-8;q=0":       {"a/b", 0, true},
		"a/b;charset=utf8":            {"a/b", 1, true},
		"*/*":                         {"*/*", 1, true},
		"a/b;charset=latin1":          {},
		"a/b;q=1.1":                   {},
		"a/b;q=-1":                    {},
		"a/b;q=NaN":                   {},
		"a/b;q=x":                     {},
		"a/b;charset=\"":              {},
		"":                            {},
		"a/b;q=0.1;q=0.2":             {},
		"text/plain;charset=us-ascii": {},
	} {
		typ, params, quality, ok := httpheader.MediaRange(element)
		if (params != nil) != ok {
			t.Errorf("%q: parameters %v", element, params)
		}
		if typ != want.typ || quality != want.quality || ok != want.ok {
			t.Errorf("%q: %q %v %v, want %+v", element, typ, quality, ok, want)
		}
	}
}
