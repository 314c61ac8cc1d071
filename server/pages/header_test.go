package pages_test

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

// targets are a page of each kind.
func targets() []string { return []string{"/", "/p/night-bus", "/p/none", "/graphiql"} }

func TestHeaders(t *testing.T) {
	t.Parallel()
	h := serve(t, setup().options(), bundle())
	for _, target := range append(targets(), "/assets/page.css", "/p/former") {
		header := get(t, h, target).Header()
		want := map[string]string{
			"Cache-Control": "no-cache", "Cross-Origin-Opener-Policy": "same-origin", "Referrer-Policy": "same-origin",
			"X-Content-Type-Options": "nosniff", "Set-Cookie": "",
		}
		for name, value := range want {
			if header.Get(name) != value {
				t.Errorf("GET %s: %s is %q, want %q", target, name, header.Get(name), value)
			}
		}
		if kind := header.Get("Content-Type"); kind != "text/html; charset=utf-8" && target != "/assets/page.css" {
			t.Errorf("GET %s: Content-Type %q", target, kind)
		}
	}
}

func TestContentPolicy(t *testing.T) {
	t.Parallel()
	const strict = "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'none'; img-src 'self' data:; " +
		"connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
	h := serve(t, setup().options(), bundle())
	for _, target := range []string{"/", "/p/night-bus", "/p/none", "/assets/icon.svg"} {
		if diff := cmp.Diff(strict, get(t, h, target).Header().Get("Content-Security-Policy")); diff != "" {
			t.Errorf("GET %s: (-want +got)\n%s", target, diff)
		}
	}
}

// TestNothingInline looks for what the policy would keep from working.
func TestNothingInline(t *testing.T) {
	t.Parallel()
	h := serve(t, setup().options(), bundle())
	for _, target := range append(targets(), letters()...) {
		for _, e := range elements(t, get(t, h, target).Body.String()) {
			if e[""] == "style" || e[""] == "script" && e["src"] == "" {
				t.Errorf("GET %s: there is an inline %s", target, e[""])
			}
			for name := range e {
				if name == "style" || strings.HasPrefix(name, "on") {
					t.Errorf("GET %s: <%s> has the attribute %s", target, e[""], name)
				}
			}
		}
	}
}

// TestNoOtherHost looks for what a page would load or lead to elsewhere.
func TestNoOtherHost(t *testing.T) {
	t.Parallel()
	h := serve(t, setup().options(), bundle())
	for _, target := range append(targets(), letters()...) {
		for _, e := range elements(t, get(t, h, target).Body.String()) {
			for _, name := range []string{"href", "src", "action"} {
				if e["rel"] != "canonical" && strings.Contains(e[name], "//") {
					t.Errorf("GET %s: %s", target, e[name])
				}
			}
		}
	}
	style := page(t, h, "/assets/page.css")
	if found := regexp.MustCompile(`@import|url\(|https?:`).FindString(style); found != "" {
		t.Errorf("the style sheet has %s", found)
	}
}

func TestNotModified(t *testing.T) {
	t.Parallel()
	f := setup()
	h := serve(t, f.options(), bundle())
	tag := get(t, h, "/p/night-bus").Header().Get("ETag")
	if w := get(t, h, "/p/night-bus", "If-None-Match", tag); tag == "" || w.Code != http.StatusNotModified {
		t.Errorf("status %d for the tag %q, want 304", w.Code, tag)
	}
	f.petition.Signatures++
	if w := get(t, h, "/p/night-bus", "If-None-Match", tag); w.Code != http.StatusOK {
		t.Errorf("status %d after a signature, want 200", w.Code)
	}
}

// TestFiles follows everything that pages load.
func TestFiles(t *testing.T) {
	t.Parallel()
	h := serve(t, setup().options(), bundle())
	kinds := map[string]string{".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
	var loaded []string
	for _, target := range append(targets(), letters()...) {
		for _, e := range elements(t, get(t, h, target).Body.String()) {
			for _, address := range []string{e["href"], e["src"]} {
				if name, ok := strings.CutPrefix(address, "/assets/"); ok && !slices.Contains(loaded, name) {
					loaded = append(loaded, name)
				}
			}
		}
	}
	for _, name := range loaded {
		w := get(t, h, "/assets/"+name)
		bare, _, _ := strings.Cut(name, "?")
		if want := kinds[bare[strings.LastIndex(bare, "."):]]; w.Code != http.StatusOK || w.Header().Get("Content-Type") != want {
			t.Errorf("%s: status %d, type %q", name, w.Code, w.Header().Get("Content-Type"))
		}
		if got := w.Header().Get("Cache-Control"); got != "public, max-age=31536000, immutable" {
			t.Errorf("%s: Cache-Control %q", name, got)
		}
		if got := get(t, h, "/assets/"+bare+"?v=other").Header().Get("Cache-Control"); got != "no-cache" {
			t.Errorf("another version of %s: Cache-Control %q", bare, got)
		}
		if got := get(t, h, "/assets/"+name, "If-None-Match", w.Header().Get("ETag")).Code; got != http.StatusNotModified {
			t.Errorf("%s is sent again: status %d", name, got)
		}
	}
	if len(loaded) < 9 {
		t.Errorf("%d files are loaded, want at least 9", len(loaded))
	}
}

// TestNewVersion changes a file: its address must change too.
func TestNewVersion(t *testing.T) {
	t.Parallel()
	changed := bundle()
	changed["assets/graphiql.min.js"] = &fstest.MapFile{Data: []byte("newer")}
	address := regexp.MustCompile(`/assets/graphiql\.min\.js\?v=[\w-]+`)
	before := address.FindString(page(t, serve(t, setup().options(), bundle()), "/graphiql"))
	after := address.FindString(page(t, serve(t, setup().options(), changed), "/graphiql"))
	if before == after {
		t.Errorf("both contents have the address %q", before)
	}
}
