package main

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"runtime/debug"
	runtimemetrics "runtime/metrics"
	"strconv"
	"strings"
	"time"
)

// By how much the heap may grow before garbage is collected, in per cent. Go's 100 suits who keeps much and makes
// little: tens of thousands of open connections, for which room for garbage would be the larger part of what they take.
// An answer that is computed is garbage once it is sent, and collecting it four times as seldom serves half as many
// again.
const (
	usualGrowth = 100
	busyGrowth  = 400
)

// The collector is busy that runs so often in a second, and at rest that runs so seldom, either for so many seconds.
// With four times the room it runs a quarter as often, so that the two do not meet.
const (
	busyCycles = 8
	restCycles = 1
	lasting    = 3
)

// collector sets Go's garbage collector by what there is to do.
type collector struct {
	growth       int
	busy, rested int // for how many seconds
	cycles       uint64
}

// runCollector sets the collector for throughput while there is much to collect, within a limit of memory: the closer
// the heap comes to it, the more often is collected. What the operator has told Go itself, by GOGC and GOMEMLIMIT,
// holds. It returns when ctx ends.
func runCollector(ctx context.Context, config Config) {
	limit := memoryLimit(config)
	if os.Getenv("GOMEMLIMIT") == "" && limit > 0 {
		debug.SetMemoryLimit(limit)
	}
	if os.Getenv("GOGC") != "" || limit == 0 {
		return
	}
	c, second := collector{growth: usualGrowth}, time.NewTicker(time.Second)
	defer second.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-second.C:
		}
		if growth := c.growth; c.look(collections()) != growth {
			debug.SetGCPercent(c.growth)
			if c.growth == usualGrowth {
				debug.FreeOSMemory() // what the crowd took that has gone
			}
		}
	}
}

// memoryLimit returns how many bytes the program may take, or 0 where nobody knows.
func memoryLimit(config Config) int64 {
	if config.Memory != 0 {
		return config.Memory
	}
	return available() / 4 * 3
}

// look decides once a second, by how often has been collected since the program began.
func (c *collector) look(cycles uint64) (growth int) {
	ran := cycles - c.cycles
	c.cycles = cycles
	if c.rested++; ran > restCycles {
		c.rested = 0
	}
	if c.busy++; ran < busyCycles {
		c.busy = 0
	}
	switch {
	case c.busy >= lasting:
		c.growth = busyGrowth
	case c.rested >= lasting:
		c.growth = usualGrowth
	}
	return c.growth
}

func collections() uint64 {
	sample := []runtimemetrics.Sample{{Name: "/gc/cycles/automatic:gc-cycles"}}
	runtimemetrics.Read(sample)
	return sample[0].Value.Uint64()
}

// available is how much memory this process may have, in bytes: what its container allows, or the machine has. It is 0
// where that is unknown.
func available() int64 {
	least := int64(math.MaxInt64)
	for _, limit := range []int64{allowed("/sys/fs/cgroup"), allowed("/sys/fs/cgroup" + group("/proc/self/cgroup")), total("/proc/meminfo")} {
		if limit > 0 {
			least = min(least, limit)
		}
	}
	if least == math.MaxInt64 {
		return 0
	}
	return least
}

// group is the control group of this process, as version 2 writes it.
func group(file string) string {
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

// allowed is the limit of a control group; "max" is none.
func allowed(folder string) int64 {
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

// total is the memory of the machine.
func total(file string) int64 {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == "MemTotal:" && fields[2] == "kB" {
			n, _ := strconv.ParseInt(fields[1], 10, 64)
			return n << 10
		}
	}
	return 0
}
