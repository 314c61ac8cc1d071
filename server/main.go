package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/google/uuid"

	"petitiond/graph/scalar"
	"petitiond/server/database"
	"petitiond/server/settings"
	"petitiond/server/transport/requestid"
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

// logger returns a logger that writes text for people in development and JSON for machines in production. In both,
// durations are written as in 20s, where JSON would have nanoseconds, petitions by their ids in the API, and of errors
// the cause, without the values that their texts may have.
func logger(config settings.Config, w io.Writer) *slog.Logger {
	o := &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		switch v := a.Value.Any().(type) {
		case uuid.UUID:
			if a.Key == "petition" {
				a.Value = slog.StringValue(scalar.NewID(scalar.Petition, v).String())
			}
		case time.Duration:
			a.Value = slog.StringValue(v.String())
		case error:
			a.Value = slog.StringValue(database.Cause(v))
		}
		return a
	}}
	if config.Env == settings.Production {
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
	if id := requestid.ID(ctx); id != "" && !present {
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
