package machine

import (
	"math"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
)

// Memory is how much memory this process may have, in bytes: what its container allows, or the machine has. It is 0
// where that is unknown.
func Memory() int64 {
	least := int64(math.MaxInt64)
	// The lowest counts: a container may have less than the machine, and the machine less than a group is allowed.
	limits := cgroupLimits("/sys/fs/cgroup", cgroupOf("/proc/self/cgroup"))
	for _, limit := range append(limits, machineMemory("/proc/meminfo")) {
		if limit > 0 {
			least = min(least, limit)
		}
	}
	if least == math.MaxInt64 {
		return 0
	}
	return least
}

// cgroupOf returns the control group of this process, as version 2 writes it.
func cgroupOf(file string) string {
	text, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "0::"); ok {
			return name
		}
	}
	return ""
}

// cgroupLimits returns the limits of a control group and of all groups above it, any of which may be the lowest. Where
// there is no limit it is 0.
func cgroupLimits(root, group string) (limits []int64) {
	for at := path.Clean("/" + group); ; at = path.Dir(at) {
		limits = append(limits, limitOf(filepath.Join(root, at)))
		if at == "/" {
			return limits
		}
	}
}

// limitOf returns the limit of the control group in a folder, or 0: its file may say "max" or be missing.
func limitOf(folder string) int64 {
	text, err := os.ReadFile(filepath.Join(folder, "memory.max"))
	if err != nil {
		return 0
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// machineMemory is the memory of the machine.
func machineMemory(file string) int64 {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == "MemTotal:" && fields[2] == "kB" {
			// The kernel writes kB and means KiB.
			n, _ := strconv.ParseInt(fields[1], 10, 64)
			return n << 10
		}
	}
	return 0
}
