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

	"petitiond/server/transport/trace"
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
		os.Exit(status(err))
	}
}

// misuse is a command line that cannot be understood.
type misuse struct{ fault, usage string }

// listed is where flags and commands stand.
const listed = "petitiond help lists commands and flags"

func (m misuse) Error() string { return m.fault + "\n" + m.usage }

// status is what the program exits with after an error.
func status(err error) int {
	if _, ok := errors.AsType[misuse](err); ok {
		return 2
	}
	return 1
}

// run carries out one command, whose flags stand behind its name.
func run(ctx context.Context, args, environment []string, stdout, stderr io.Writer) error {
	name, rest := "serve", args
	if len(args) > 0 && args[0] != "" && args[0][0] != '-' {
		name, rest = args[0], args[1:]
	}
	c, known := commands()[name]
	if !known {
		return misuse{fmt.Sprintf("there is no command %q", name), listed}
	}
	if c.bare != nil {
		if err := c.complete(name, rest); err != nil {
			return err
		}
		return c.bare(stdout)
	}
	err := c.run(ctx, name, rest, environment, stdout, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return help(stdout)
	}
	return err
}

// run carries out a command with settings.
func (c command) run(ctx context.Context, name string, rest, environment []string, stdout, stderr io.Writer) error {
	words, rest := c.split(rest)
	config, extra, err := Load(rest, environment)
	if err != nil {
		return err
	}
	words = append(words, extra...)
	if err := c.complete(name, words); err != nil {
		return err
	}
	config.database.Wall = wall()
	return c.do(ctx, invocation{config: config, args: words, log: logger(config, stderr), out: stdout})
}

// logger writes for people in development and for machines in production. Times come as people write them, 20s, in both.
func logger(config Config, w io.Writer) *slog.Logger {
	o := &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Value.Kind() == slog.KindDuration {
			a.Value = slog.StringValue(a.Value.Duration().String())
		}
		return a
	}}
	if config.Env == production {
		return slog.New(requestLog{slog.NewJSONHandler(w, o)})
	}
	return slog.New(requestLog{slog.NewTextHandler(w, o)})
}

// requestLog adds to a line the request that it is about: what the client was told to quote.
type requestLog struct{ slog.Handler }

// Handle adds the request's id where there is one.
func (l requestLog) Handle(ctx context.Context, line slog.Record) error {
	told := false
	line.Attrs(func(a slog.Attr) bool { told = told || a.Key == "request_id"; return !told })
	if id := trace.ID(ctx); id != "" && !told {
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
