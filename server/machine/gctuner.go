package machine

import (
	"context"
	"os"
	"runtime/debug"
	runtimemetrics "runtime/metrics"
	"time"
)

// By how much the heap may grow before garbage is collected, in per cent. Go's 100 suits a program that keeps much and
// makes little: tens of thousands of open connections, for which room for garbage would be the larger part of what they
// take. An answer is garbage once it is sent, and to collect a quarter as often leaves more of the processors to
// answers. Decision 0031 has the figures.
const (
	usualGrowth = 100
	busyGrowth  = 400
)

const (
	// busyCycles is how many collections in a second are many.
	busyCycles = 8
	// restCycles is how many are few. With four times the room there is a quarter of the collections, so what was just
	// many is more than few, and the tuner does not swing back and forth.
	restCycles = 1
	// lasting is for how many seconds in a row there must be few before the growth is the usual one again. A crowd is
	// believed at once.
	lasting = 3
)

// gcTuner decides how much room Go's garbage collector leaves for garbage.
type gcTuner struct {
	growth int
	rested int // for how many seconds
	cycles uint64
}

// TuneGC gives the heap more room while there is much to collect, within a limit of memory: the closer the heap comes
// to it, the more often garbage is collected. A limit of 0 is an unknown one. The operator's own GOGC and GOMEMLIMIT
// are left alone. It returns when ctx ends.
func TuneGC(ctx context.Context, limit int64) {
	if os.Getenv("GOMEMLIMIT") == "" && limit > 0 {
		debug.SetMemoryLimit(limit)
	}
	if os.Getenv("GOGC") != "" || limit == 0 {
		return
	}
	t, second := gcTuner{growth: usualGrowth}, time.NewTicker(time.Second)
	defer second.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-second.C:
		}
		if growth := t.growth; t.decide(collections()) != growth {
			debug.SetGCPercent(t.growth)
			if t.growth == usualGrowth {
				debug.FreeOSMemory() // what was needed while it was busy
			}
		}
	}
}

// decide returns the growth for the next second. cycles are the collections since the program began.
func (t *gcTuner) decide(cycles uint64) (growth int) {
	ran := cycles - t.cycles
	t.cycles = cycles
	if t.rested++; ran > restCycles {
		t.rested = 0
	}
	switch {
	case ran >= busyCycles:
		t.growth = busyGrowth
	case t.rested >= lasting:
		t.growth = usualGrowth
	}
	return t.growth
}

// collections returns how often the collector has run by itself. Runs that somebody asked for say nothing of the load.
func collections() uint64 {
	sample := []runtimemetrics.Sample{{Name: "/gc/cycles/automatic:gc-cycles"}}
	runtimemetrics.Read(sample)
	return sample[0].Value.Uint64()
}
