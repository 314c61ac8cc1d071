package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The collector is given room while it has much to do, and until it has rested for a while.
func TestCollector(t *testing.T) {
	t.Parallel()
	c, cycles := collector{growth: usualGrowth}, uint64(0)
	var got []int
	for _, second := range []struct{ ran, times int }{
		{7, 30}, {8, 2}, {7, 1}, {20, 3}, {2, 30}, {1, 2}, {2, 1}, {0, 2}, {1, 1}, {20, 2}, {8, 1},
	} {
		for range second.times {
			cycles += uint64(second.ran)
			c.look(cycles)
		}
		got = append(got, c.growth)
	}
	if diff := cmp.Diff([]int{100, 100, 100, 400, 400, 400, 400, 400, 100, 100, 400}, got); diff != "" {
		t.Errorf("growth (-want +got):\n%s", diff)
	}
	if collections() > 1<<40 {
		t.Error("Go does not count its collections under this name")
	}
}

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
		group(file("cgroup", "12:pids:/x\n0::/system.slice/petitiond.service\n")), group(file("old", "1:memory:/x\n")), group("nowhere"),
		total(file("meminfo", "MemFree: 1 kB\nMemTotal:       2048 kB\n")), total(file("strange", "MemTotal: many\n")), total("nowhere"),
	}
	want := []any{"/system.slice/petitiond.service", "", "", int64(2 << 20), int64(0), int64(0)}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for text, want := range map[string]int64{"1048576\n": 1 << 20, "max\n": 0, "": 0} {
		file("memory.max", text)
		if got := allowed(folder); got != want {
			t.Errorf("%q allows %d, want %d", text, got, want)
		}
	}
}
