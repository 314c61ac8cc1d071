package load

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
)

// Machine describes the machine on which the figures were measured.
func Machine() string {
	return fmt.Sprintf("%s, %d cores, %s/%s, %s, GOMAXPROCS %d",
		processor(), runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version(), runtime.GOMAXPROCS(0))
}

// processor returns the kernel's name for the processor, if the system has one.
func processor() string {
	text, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "processor without a name"
}

// Free returns the bytes that are free on the disk of a folder.
func Free(ctx context.Context, folder string) (int64, error) {
	out, err := exec.CommandContext(ctx, "df", "-Pk", folder).Output() //nolint:gosec // our own folder
	if err != nil {
		return 0, fmt.Errorf("asking for free space: %w", err)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	fields := strings.Fields(lines[len(lines)-1])
	if len(fields) < 4 {
		return 0, errors.New("asking for free space: df does not report it")
	}
	blocks, err := strconv.ParseInt(fields[3], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("asking for free space: %w", err)
	}
	return 1024 * blocks, nil
}
