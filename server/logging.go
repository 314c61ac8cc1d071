package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/user"
	"strings"
	"time"

	"github.com/google/uuid"

	"petitiond/graph/scalar"
	"petitiond/server/database"
	"petitiond/server/settings"
	"petitiond/server/transport/requestid"
)

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
	// Lines of package requestid have it already.
	present := false
	line.Attrs(func(a slog.Attr) bool { present = a.Key == "request_id"; return !present })
	if id := requestid.ID(ctx); id != "" && !present {
		line.AddAttrs(slog.String("request_id", id))
	}
	return l.Handler.Handle(ctx, line)
}

// loggerOf returns the log of a command. Its lines say who has done it; a server does what others ask for.
func loggerOf(command string, config settings.Config, environment []string, w io.Writer) *slog.Logger {
	log := logger(config, w)
	if command != "serve" {
		log = log.With("by", caller(environment))
	}
	return log
}

// caller names who runs a command, as far as the system tells: also the person behind sudo.
func caller(environment []string) string {
	name := fmt.Sprintf("uid %d", os.Getuid()) // in a container there may be no names
	// By the process and not by $USER, which anybody can set.
	if known, err := user.Current(); err == nil {
		name = known.Username
	}
	for _, pair := range environment {
		// It is a hint and no proof, as those who run commands can set it: the name of the process stands beside it.
		if person, ok := strings.CutPrefix(pair, "SUDO_USER="); ok && person != name {
			return person + " as " + name
		}
	}
	return name
}
