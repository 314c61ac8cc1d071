package text

import (
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var slugForm = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

func TestSlugOf(t *testing.T) {
	t.Parallel()
	word := strings.Repeat("abcdefghi-", 7) + "abcdefghi" // 79 bytes
	tests := []struct{ name, in, want string }{
		{"Seed", "Cloudflare, stop supporting IBSA websites", "cloudflare-stop-supporting-ibsa-websites"},
		{"Accents", "Größere Städte für Zürich", "grossere-stadte-fur-zurich"},
		{"Cyrillic", "Чистый воздух", "chistyi-vozdukh"},
		{"Greek", "Καθαρός αέρας", "katharos-aeras"},
		{"Japanese", "東京", "dong-jing"},
		{"Arabic", "هواء نظيف", "hw-nzyf"},
		{"Underscores", "__save_the__bees_", "save-the-bees"},
		{"Emoji", "🌍🔥", "petition"},
		{"Empty", "", "petition"},
		{"CutAtWord", word + " b", word},
		{"ExactFit", word[:78] + " b", word[:78] + "-b"},
		{"LongWord", strings.Repeat("a", 100), strings.Repeat("a", 80)},
		{"LongFirstWord", strings.Repeat("a", 100) + " b", strings.Repeat("a", 80)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, SlugOf(tt.in, "und")); diff != "" {
				t.Errorf("SlugOf(%q) (-want +got):\n%s", tt.in, diff)
			}
		})
	}
}

func TestSlugOfLanguages(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ language, in, want string }{
		{"de", "Größere Städte für Zürich & Köln", "groessere-staedte-fuer-zuerich-und-koeln"},
		{"de-AT", "Öffis für alle", "oeffis-fuer-alle"},
		{"DE", "Bäume", "baeume"},
		{"tr", "Gülhane & Üsküdar", "gulhane-ve-uskudar"},
		{"fr", "Air & eau", "air-et-eau"},
		{"pt-BR", "Água & ar", "agua-e-ar"},
		{"sv", "Luft & vatten", "luft-och-vatten"},
		{"nb-NO", "Rød grød", "roed-groed"},
		{"en", "Air & water", "air-and-water"},
		{"und", "Air & water", "air-and-water"},
		{"", "Air & water", "air-and-water"},
		{"x", "Air & water", "air-and-water"},
		{"de", "1,5 °C", "1-5-degc"},
	} {
		if got := SlugOf(tt.in, tt.language); got != tt.want {
			t.Errorf("SlugOf(%q, %q) = %q, want %q", tt.in, tt.language, got, tt.want)
		}
	}
}

func TestSlugMeant(t *testing.T) {
	t.Parallel()
	for typed, want := range map[string]string{
		"night-bus": "night-bus", "NIGHT-BUS": "night-bus", "Night-Bus": "night-bus", "night-bus.": "night-bus", "night-bus/": "night-bus",
		" night-bus\n": "night-bus", "„night-bus“": "night-bus", "(night-bus),": "night-bus", "night-bus…": "night-bus", "--night-bus--": "night-bus",
		"24-hours-7": "24-hours-7", "night.bus": "night.bus", "NİGHT": "night", "": "", "...": "", "\x00": "", "\xff": "",
	} {
		if got := SlugMeant(typed); got != want {
			t.Errorf("SlugMeant(%q) = %q, want %q", typed, got, want)
		}
	}
}

// A slug is meant by itself, in capitals and in a sentence.
func TestSlugOfIsMeant(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		made := SlugWithSuffix(SlugOf(rapid.String().Draw(t, "title"), "en"), []byte("abcde"))
		for _, typed := range []string{made, strings.ToUpper(made), made + ".", "(" + made + "/)"} {
			if got := SlugMeant(typed); got != made {
				t.Fatalf("SlugMeant(%q) = %q", typed, got)
			}
		}
	})
}

func TestSlugWithSuffix(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		random []byte
		want   string
	}{
		{"Zeros", make([]byte, 5), "bees-aaaaaaaa"},
		{"Ones", []byte{255, 255, 255, 255, 255}, "bees-77777777"},
		{"OnlyFiveBytes", []byte{0, 0, 0, 0, 1, 2, 3}, "bees-aaaaaaab"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, SlugWithSuffix("bees", tt.random)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestSlugIsUsable(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		title := rapid.OneOf(anyText(), rapid.StringN(0, TitleMax, -1)).Draw(t, "title")
		random := rapid.SliceOfN(rapid.Byte(), SlugSuffixBytes, SlugSuffixBytes).Draw(t, "random")
		language := rapid.SampledFrom([]string{"und", "de", "el", "hu", "kk", "sl-SI", "zh"}).Draw(t, "language")
		checkSlugPromises(t, title, language, random)
	})
}

func FuzzSlugOf(f *testing.F) {
	for _, s := range []string{"Clean air", "東京", "_-_", "🌍", "\xff", strings.Repeat("é ", 90)} {
		f.Add(s, "de", []byte{1, 2, 3, 4, 5})
	}
	f.Fuzz(func(t *testing.T, title, language string, random []byte) {
		if len(random) >= SlugSuffixBytes {
			checkSlugPromises(t, title, language, random)
		}
	})
}

func checkSlugPromises(t interface{ Errorf(string, ...any) }, title, language string, random []byte) {
	plain := SlugOf(title, language)
	if !slugForm.MatchString(plain) || len(plain) > SlugMax {
		t.Errorf("SlugOf(%q, %q) = %q", title, language, plain)
	}
	if again := SlugOf(plain, language); again != plain {
		t.Errorf("SlugOf(%q, %q) = %q, again %q", title, language, plain, again)
	}
	full := SlugWithSuffix(plain, random)
	if !slugForm.MatchString(full) || len(full) != len(plain)+9 || !strings.HasPrefix(full, plain+"-") {
		t.Errorf("SlugWithSuffix(%q) = %q", plain, full)
	}
}
