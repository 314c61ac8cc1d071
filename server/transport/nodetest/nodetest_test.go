package nodetest

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// witness records how a test would have ended.
type witness struct {
	testing.TB
	skipped, failed string
}

func (w *witness) Skipf(format string, args ...any) {
	w.skipped = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func (w *witness) Fatalf(format string, args ...any) {
	w.failed = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func TestWithoutPrograms(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	t.Setenv("CHROME_BIN", "")

	ask := func(need func(testing.TB) string, ci string) *witness {
		t.Setenv("CI", ci)
		w := &witness{TB: t}
		done := make(chan struct{})
		go func() {
			defer close(done)
			need(w)
		}()
		<-done
		return w
	}

	for reason, need := range map[string]func(testing.TB) string{"node is not on the PATH": Dir, "no Chromium is on the PATH": Browser} {
		if w := ask(need, ""); w.failed != "" || !strings.Contains(w.skipped, "NOT CHECKED: TestWithoutPrograms") {
			t.Errorf("at a desk: skipped %q, failed %q; want it skipped by name", w.skipped, w.failed)
		}
		if w := ask(need, "true"); w.skipped != "" || !strings.Contains(w.failed, reason) {
			t.Errorf("in CI: skipped %q, failed %q; want it failed with the reason", w.skipped, w.failed)
		}
	}
}

func TestBrowserByName(t *testing.T) {
	name := filepath.Join(t.TempDir(), "browser")
	if err := os.WriteFile(name, nil, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("CHROME_BIN", name)
	if got := Browser(t); got != name {
		t.Errorf("the browser is %s, want %s", got, name)
	}
}

func TestRead(t *testing.T) {
	t.Parallel()
	output := `TAP version 13
# Subtest: one, with a # in it
ok 1 - one, with a # in it
  ---
  duration_ms: 1
  ...
not ok 2 - two
  ---
  error: 'it is not so'
  ...
ok 3 - three # SKIP for no reason
1..3
# fail 1
`
	var got []string
	for _, o := range read(output) {
		got = append(got, fmt.Sprint(o.name, " ", o.passed))
		if o.name == "two" && !strings.Contains(o.details, "it is not so") {
			t.Errorf("the details of a failure: %q", o.details)
		}
	}
	if want := []string{"one, with a # in it true", "two false", "three false"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := read("node: bad option"); len(got) != 0 {
		t.Errorf("a program without tests: %+v", got)
	}
}

func TestFresh(t *testing.T) {
	t.Parallel()
	now := time.Now()

	tests := []struct {
		name         string
		lock, marker time.Time
		want         bool
	}{
		{"Later", now, now.Add(time.Second), true},
		{"SameMoment", now, now, true},
		{"Stale", now.Add(time.Second), now, false},
		{"NotInstalled", now, time.Time{}, false},
		{"NoLockFile", time.Time{}, now, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			touch(t, filepath.Join(dir, lock), test.lock)
			touch(t, filepath.Join(dir, modules, "."+lock), test.marker)
			if got := fresh(dir); got != test.want {
				t.Errorf("fresh = %t, want %t", got, test.want)
			}
		})
	}
}

func TestReplace(t *testing.T) {
	t.Parallel()

	t.Run("Stale", func(t *testing.T) {
		t.Parallel()
		dir := prepared(t, time.Now().Add(-time.Hour))
		if err := replace(dir, filepath.Join(dir, "beside")); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(filepath.Join(dir, modules, "new")); err != nil {
			t.Errorf("the new modules are not in place: %v", err)
		}
	})

	t.Run("AnotherWasQuicker", func(t *testing.T) {
		t.Parallel()
		dir := prepared(t, time.Now().Add(time.Hour))
		if err := replace(dir, filepath.Join(dir, "beside")); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(filepath.Join(dir, modules, "new")); !os.IsNotExist(err) {
			t.Errorf("fresh modules were replaced (stat: %v)", err)
		}
	})
}

// prepared has modules installed at a time, and new ones beside them.
func prepared(t *testing.T, installed time.Time) string {
	t.Helper()
	dir := t.TempDir()
	touch(t, filepath.Join(dir, lock), time.Now())
	touch(t, filepath.Join(dir, modules, "."+lock), installed)
	touch(t, filepath.Join(dir, "beside", modules, "."+lock), time.Now())
	touch(t, filepath.Join(dir, "beside", modules, "new"), time.Now())
	return dir
}

// touch makes a file of that age; the zero time makes none.
func touch(t *testing.T, file string, at time.Time) {
	t.Helper()
	if at.IsZero() {
		return
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(file, at, at); err != nil {
		t.Fatal(err)
	}
}
