package pages_test

import (
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"petitiond/server/pages"
)

func TestGraphiQLWithFiles(t *testing.T) {
	t.Parallel()
	h := serve(t, setup().options(), bundle())
	w := get(t, h, "/graphiql")
	body := w.Body.String()
	wants(t, body, `src="/assets/graphiql.min.js?v=`, `href="/assets/graphiql.min.css?v=`, `data-petition="UAb-c"`)
	lacks(t, body, `https://`, `integrity`)
	policy := w.Header().Get("Content-Security-Policy")
	wants(t, policy, `script-src 'self';`, `style-src 'self' 'unsafe-inline';`, `font-src data:;`, `connect-src 'self';`)
	lacks(t, policy, `https://`)
	if strings.Index(body, "react.production") > strings.Index(body, "react-dom.production") || strings.Index(body, "react-dom.production") > strings.Index(body, "graphiql.min.js") {
		t.Error("the scripts are not in the order in which they need each other")
	}
}

func TestGraphiQLWithoutFiles(t *testing.T) {
	t.Parallel()
	partial := bundle()
	delete(partial, "assets/react.production.min.js")
	for name, files := range map[string]fs.FS{"None": fstest.MapFS{}, "Some": partial} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := get(t, serve(t, setup().options(), files), "/graphiql")
			policy := w.Header().Get("Content-Security-Policy")
			remote := 0
			for _, e := range elements(t, w.Body.String()) {
				address := e["src"] + e["href"]
				if !strings.HasPrefix(address, "https://") {
					continue
				}
				remote++
				if !strings.HasPrefix(e["integrity"], "sha384-") || e["crossorigin"] != "anonymous" {
					t.Errorf("%s is taken unchecked", address)
				}
				wants(t, policy, " "+address)
			}
			if remote != 4 {
				t.Errorf("%d files come from the CDN, want 4", remote)
			}
			lacks(t, w.Body.String(), "/assets/react", "/assets/graphiql.min")
		})
	}
}

func TestGraphiQLWithoutPetitions(t *testing.T) {
	t.Parallel()
	wants(t, page(t, serve(t, (&fake{}).options(), bundle()), "/graphiql"), `data-petition=""`)
}

// TestChecksums compares the checksums with the files that the build fetched.
func TestChecksums(t *testing.T) {
	t.Parallel()
	for name, want := range pages.Checksums() {
		content, err := fs.ReadFile(pages.Fetched, "assets/"+name)
		if err != nil {
			t.Skip("there is nothing to compare with: `make assets` fetches it from npm")
		}
		sum := sha512.Sum384(content)
		if got := "sha384-" + base64.StdEncoding.EncodeToString(sum[:]); got != want {
			t.Errorf("%s: checksum %s, want %s", name, got, want)
		}
	}
}

// TestVersions compares what the CDN is asked for with what npm is.
func TestVersions(t *testing.T) {
	t.Parallel()
	var manifest struct{ Dependencies map[string]string }
	var lock struct {
		Packages map[string]struct{ Version, Resolved, Integrity string }
	}
	read(t, "package.json", &manifest)
	read(t, "package-lock.json", &lock)
	var want []string
	for name, version := range manifest.Dependencies {
		want = append(want, name+"@"+version)
		if got := lock.Packages["node_modules/"+name].Version; got != version {
			t.Errorf("the lock file has %s %s, want %s", name, got, version)
		}
	}
	for _, path := range pages.Packages() {
		if name, _, _ := strings.Cut(path, "/"); !slices.Contains(want, name) {
			t.Errorf("the CDN is asked for %s, npm for %v", name, want)
		}
	}
	for name, p := range lock.Packages {
		if name != "" && (p.Resolved != "" || !strings.HasPrefix(p.Integrity, "sha512-")) {
			t.Errorf("%s must have a checksum and no address in the lock file", name)
		}
	}
}

func read(t *testing.T, name string, into any) {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}
