//go:build linux

package main

// The benchmark builds this file into the server, too, which carries no profiler: it uses nothing of either.

import (
	"fmt"
	"os"
	"os/signal"
	"runtime/pprof"
	"syscall"
)

// Where BENCH_PROFILE names a file, a profile of the processor is taken from SIGUSR1 on until SIGUSR2 comes, and is there
// when it is whole.
func init() { //nolint:gochecknoinits // nothing of the program calls it
	path := os.Getenv("BENCH_PROFILE")
	if path == "" {
		return
	}
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGUSR1, syscall.SIGUSR2)
	go func() {
		for {
			<-signals
			file, err := os.Create(path + ".part") //nolint:gosec // the one who measures says where
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
