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

// misuse is the error for a command line that makes no sense, with the right usage.
type misuse struct{ fault, usage string }

// seeHelp is the usage if no particular command was meant.
const seeHelp = "petitiond help lists commands and flags"

func (m misuse) Error() string { return m.fault + "\n" + m.usage }

// status returns the exit code for an error: 2 for a misuse, as is usual, so that scripts can tell it from a failure.
func status(err error) int {
	if _, ok := errors.AsType[misuse](err); ok {
		return 2
	}
	return 1
}

// run executes one command, whose flags follow its name. Without a name it is serve.
func run(ctx context.Context, args, environment []string, stdout, stderr io.Writer) error {
	name, rest := "serve", args
	if len(args) > 0 && args[0] != "" && args[0][0] != '-' {
		name, rest = args[0], args[1:]
	}
	c, known := commands()[name]
	if !known {
		return misuse{fmt.Sprintf("there is no command %q", name), seeHelp}
	}
	if c.runBare != nil {
		if err := c.checkArgs(name, rest); err != nil {
			return err
		}
		return c.runBare(stdout)
	}
	err := c.load(ctx, name, rest, environment, stdout, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return help(stdout)
	}
	return err
}

// load reads the settings and executes a command with them.
func (c command) load(ctx context.Context, name string, rest, environment []string, stdout, stderr io.Writer) error {
	own, rest := c.splitArgs(rest)
	config, extra, err := Load(rest, environment)
	if err != nil {
		return err
	}
	args := append(own, extra...)
	if err := c.checkArgs(name, args); err != nil {
		return err
	}
	config.database.Wall = wall()
	return c.run(ctx, invocation{config: config, args: args, log: logger(config, stderr), out: stdout})
}

// logger returns a logger that writes text for people in development and JSON for machines in production. In both,
// durations are written as in 20s: JSON would have nanoseconds.
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

// requestLog adds the request id to each line that is logged while a request is handled: it is what the client is asked
// to quote when it reports a problem.
type requestLog struct{ slog.Handler }

// Handle adds the request id if there is one and the line does not have it yet.
func (l requestLog) Handle(ctx context.Context, line slog.Record) error {
	present := false
	line.Attrs(func(a slog.Attr) bool { present = a.Key == "request_id"; return !present })
	if id := trace.ID(ctx); id != "" && !present {
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
