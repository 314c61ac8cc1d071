package machine

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAvailableMemory(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	got := []any{
		cgroupOf(file("cgroup", "12:pids:/x\n0::/system.slice/petitiond.service\n")), cgroupOf(file("old", "1:memory:/x\n")), cgroupOf("nowhere"),
		machineMemory(file("meminfo", "MemFree: 1 kB\nMemTotal:       2048 kB\n")), machineMemory(file("strange", "MemTotal: many\n")), machineMemory("nowhere"),
	}
	want := []any{"/system.slice/petitiond.service", "", "", int64(2 << 20), int64(0), int64(0)}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for text, want := range map[string]int64{"1048576\n": 1 << 20, "max\n": 0, "": 0} {
		file("memory.max", text)
		if got := limitOf(folder); got != want {
			t.Errorf("%q allows %d, want %d", text, got, want)
		}
	}
}

// TestLimitsOfGroupsAbove checks that a limit of a slice or of the whole tree is seen as well.
func TestLimitsOfGroupsAbove(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	if err := os.MkdirAll(filepath.Join(root, "a.slice", "b.service"), 0o700); err != nil {
		t.Fatal(err)
	}
	for folder, text := range map[string]string{"": "3000\n", "a.slice": "2000\n", "a.slice/b.service": "max\n"} {
		if err := os.WriteFile(filepath.Join(root, folder, "memory.max"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for group, want := range map[string][]int64{
		"/a.slice/b.service": {0, 2000, 3000}, "/a.slice": {2000, 3000}, "/": {3000}, "": {3000}, "/../elsewhere": {0, 3000},
	} {
		if diff := cmp.Diff(want, cgroupLimits(root, group)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", group, diff)
		}
	}
}
