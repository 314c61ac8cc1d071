//go:build linux

package main

// The benchmark also builds this file into the server, which has no profiler of its own. Hence it depends on neither.

import (
	"fmt"
	"os"
	"os/signal"
	"runtime/pprof"
	"syscall"
)

// If BENCH_PROFILE names a file, a CPU profile is taken from SIGUSR1 until SIGUSR2. The file appears when it is
// complete.
func init() { //nolint:gochecknoinits // no code of the server calls it
	path := os.Getenv("BENCH_PROFILE")
	if path == "" {
		return
	}
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGUSR1, syscall.SIGUSR2)
	go func() {
		for {
			<-signals
			file, err := os.Create(path + ".part") //nolint:gosec // the path is set by the person who runs the benchmark
			if err == nil {
				err = pprof.StartCPUProfile(file)
			}
			if err != nil {
				fmt.Fprintln(os.Stderr, "profile:", err)
			}
			<-signals
			pprof.StopCPUProfile()
			_ = file.Close()
			_ = os.Rename(file.Name(), path) //nolint:gosec // the same
		}
	}()
}
