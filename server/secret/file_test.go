package secret_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"petitiond/server/secret"
)

const root = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc="

func TestParse(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		text string
		ok   bool
	}{
		"Plain":          {root, true},
		"LineEnd":        {root + "\n", true},
		"WindowsLineEnd": {root + "\r\n", true},
		"SpaceAround":    {"  " + root + "\t\n", true},
		"Empty":          {"", false},
		"NotBase64":      {"correct horse battery staple", false},
		"TooShort":       {"BwcHBwcHBwcHBwcHBwcHBw==", false},
		"TooLong":        {"BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH", false},
		"TwoLines":       {root + "\n" + root, false},
		"NoPadding":      {strings.TrimRight(root, "="), false},
		"LooseBits":      {"BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwd=", false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			keys, err := secret.Parse([]byte(test.text))
			if test.ok != (err == nil) || test.ok != (keys != nil) {
				t.Fatalf("got error %v, want success: %t", err, test.ok)
			}
			if err != nil && !errors.Is(err, secret.ErrMalformed) {
				t.Errorf("got %v, want ErrMalformed", err)
			}
		})
	}
}

func TestErrorsQuoteNothing(t *testing.T) {
	t.Parallel()
	const content = "swordfish-swordfish-swordfish"
	path := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := secret.Load(path)
	if !errors.Is(err, secret.ErrMalformed) {
		t.Fatalf("got %v, want ErrMalformed", err)
	}
	if strings.Contains(err.Error(), "swordfish") {
		t.Error("the error quotes the file")
	}
}

func TestLoad(t *testing.T) {
	t.Parallel()
	t.Run("Missing", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "key")
		if _, err := secret.Load(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("got %v, want ErrNotExist", err)
		}
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Error("Load made the file")
		}
	})
	t.Run("Folder", func(t *testing.T) {
		t.Parallel()
		if _, err := secret.Load(t.TempDir()); err == nil {
			t.Error("a folder was taken for a secret")
		}
	})
	t.Run("Huge", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "key")
		if err := os.WriteFile(path, bytes.Repeat([]byte("A"), 1<<20), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := secret.Load(path); !errors.Is(err, secret.ErrMalformed) {
			t.Errorf("got %v, want ErrMalformed", err)
		}
	})
}

func TestLoadOrCreate(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "data", "keys", "secret.key")
	made, err := secret.LoadOrCreate(path)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	loaded, err := secret.LoadOrCreate(path)
	if err != nil {
		t.Fatal(err)
	}
	again, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(text, again) {
		t.Fatalf("the second call changed the file (error %v)", err)
	}
	if !bytes.Equal(made.Digest(secret.Cursor, nil), loaded.Digest(secret.Cursor, nil)) {
		t.Error("the file gives other keys than those it was made with")
	}
	left, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(left) != 1 {
		t.Errorf("%d files in the folder, want the secret alone (error %v)", len(left), err)
	}
}

func TestLoadOrCreateIsPrivate(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no such modes")
	}
	path := filepath.Join(t.TempDir(), "data", "secret.key")
	if _, err := secret.LoadOrCreate(path); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]fs.FileMode{path: 0o600, filepath.Dir(path): 0o700} {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s: got mode %o, want %o", filepath.Base(name), got, want)
		}
	}
}

func TestLoadOrCreateKeepsABrokenFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "secret.key")
	if err := os.WriteFile(path, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := secret.LoadOrCreate(path); !errors.Is(err, secret.ErrMalformed) {
		t.Errorf("got %v, want ErrMalformed", err)
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "half" {
		t.Error("a secret that could not be read was replaced")
	}
}

func TestLoadOrCreateAtOnce(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "data", "secret.key")
	digests := make([][]byte, 16)
	var group sync.WaitGroup
	for i := range digests {
		group.Go(func() {
			keys, err := secret.LoadOrCreate(path)
			if err != nil {
				t.Error(err)
				return
			}
			digests[i] = keys.Digest(secret.Cursor, nil)
		})
	}
	group.Wait()
	for _, digest := range digests {
		if !bytes.Equal(digest, digests[0]) {
			t.Fatal("programs that started at once got different keys")
		}
	}
}

func TestExposed(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no such modes")
	}
	folder := t.TempDir()
	path, link := filepath.Join(folder, "secret.key"), filepath.Join(folder, "link")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	if secret.Exposed(path) || secret.Exposed(link) {
		t.Error("a file that is not there is exposed")
	}
	if _, err := secret.LoadOrCreate(path); err != nil {
		t.Fatal(err)
	}
	for mode, want := range map[fs.FileMode]bool{
		0o400: false, 0o600: false, 0o640: true, 0o604: true, 0o644: true, 0o620: true, 0o602: true, 0o440: true,
	} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{path, link} {
			if got := secret.Exposed(name); got != want {
				t.Errorf("mode %o of %s: exposed %t, want %t", mode, filepath.Base(name), got, want)
			}
		}
	}
}
