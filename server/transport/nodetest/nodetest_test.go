package nodetest

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// verdict records how a test would have ended.
type verdict struct {
	testing.TB
	skipped, failed string
}

func (v *verdict) Skipf(format string, args ...any) {
	v.skipped = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func (v *verdict) Fatalf(format string, args ...any) {
	v.failed = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func TestDirWithoutNode(t *testing.T) {
	t.Setenv("PATH", t.TempDir())

	ask := func(ci string) *verdict {
		t.Setenv("CI", ci)
		v := &verdict{TB: t}
		done := make(chan struct{})
		go func() {
			defer close(done)
			Dir(v)
		}()
		<-done
		return v
	}

	if v := ask(""); v.failed != "" || !strings.Contains(v.skipped, "NOT CHECKED: TestDirWithoutNode") {
		t.Errorf("at a desk: skipped %q, failed %q; want it skipped by name", v.skipped, v.failed)
	}
	if v := ask("true"); v.skipped != "" || !strings.Contains(v.failed, "node is not on the PATH") {
		t.Errorf("in CI: skipped %q, failed %q; want it failed with the reason", v.skipped, v.failed)
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
