package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"
)

// version is set by the linker for a release.
var version string

// clockFile is set by the linker only for the soak test, which makes the clock of a running server jump. It is the name
// of a file, to which the process id is appended.
var clockFile string

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Environ(), os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(status(err))
	}
}

// build describes the binary: its version, the commit it was built from, the Go that built it.
func build() (release, commit, goVersion string) {
	release, commit = version, "unknown"
	if info, ok := debug.ReadBuildInfo(); ok {
		if release == "" {
			release = info.Main.Version
		}
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				commit = s.Value
			}
		}
	}
	return release, commit, runtime.Version()
}
