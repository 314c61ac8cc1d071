package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"

	"petitiond/server/transport"
)

// version is set by the linker for a release.
var version string

// clockFile is set by the linker for the soak alone, which makes the clock of a running server jump: the name of a file,
// less the id of the process.
var clockFile string

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Environ(), os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run carries out one command. Flags may stand before or behind its name.
func run(ctx context.Context, args, environment []string, stdout, stderr io.Writer) error {
	name, rest := "serve", args
	if len(args) > 0 && args[0] != "" && args[0][0] != '-' {
		name, rest = args[0], args[1:]
	}
	c, known := commands()[name]
	if !known {
		return fmt.Errorf("there is no command of that name; try: %s", commandNames())
	}
	if c.bare != nil {
		return c.bare(stdout)
	}
	words, rest := c.words(rest)
	config, extra, err := Load(rest, environment)
	if errors.Is(err, flag.ErrHelp) {
		return help(stdout)
	}
	if err != nil {
		return err
	}
	config.database.Wall = wall()
	return c.do(ctx, invocation{config: config, args: append(words, extra...), log: logger(config, stderr), out: stdout})
}

// logger writes for people in development and for machines in production.
func logger(config Config, w io.Writer) *slog.Logger {
	if config.Env == production {
		return slog.New(requestLog{slog.NewJSONHandler(w, nil)})
	}
	return slog.New(requestLog{slog.NewTextHandler(w, nil)})
}

// requestLog adds to a line the request that it is about: what the client was told to quote.
type requestLog struct{ slog.Handler }

// Handle adds the request's id where there is one.
func (l requestLog) Handle(ctx context.Context, line slog.Record) error {
	told := false
	line.Attrs(func(a slog.Attr) bool { told = told || a.Key == "request_id"; return !told })
	if id := transport.RequestIDFrom(ctx); id != "" && !told {
		line.AddAttrs(slog.String("request_id", id))
	}
	return l.Handler.Handle(ctx, line)
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
