package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/user"
	"strings"

	"petitiond/server/settings"
)

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
	// The command comes first, so that flags of its own and those of the settings cannot be taken for each other.
	c, known := commands()[name]
	if !known {
		return misuse{fmt.Sprintf("there is no command %q", name), seeHelp}
	}
	// These need no settings, and must answer whatever is wrong with them.
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
	// Arguments may stand before flags and behind them.
	own, rest := c.splitArgs(rest)
	config, extra, err := settings.Load(rest, environment)
	if wrong, ok := errors.AsType[settings.FlagError](err); ok {
		return misuse{wrong.Error(), seeHelp}
	}
	if err != nil {
		return err
	}
	args := append(own, extra...)
	if err := c.checkArgs(name, args); err != nil {
		return misplaced(args, err)
	}
	config.Database.Wall = wall()
	log := logger(config, stderr)
	if name != "serve" {
		log = log.With("by", caller(environment)) // a trace of who has done it; a server does what others ask for
	}
	return c.run(ctx, invocation{config: config, args: args, log: log, out: stdout})
}

// misplaced returns a better error for arguments if the first is a command, which stands behind flags.
func misplaced(args []string, err error) error {
	if len(args) > 0 {
		if c, known := commands()[args[0]]; known {
			return c.misused("the command comes first: petitiond " + args[0] + ", and then its flags")
		}
	}
	return err
}

// caller names who runs a command, as far as the system tells: also the person behind sudo.
func caller(environment []string) string {
	name := fmt.Sprintf("uid %d", os.Getuid()) // in a container there may be no names
	// By the process and not by $USER, which anybody can set.
	if known, err := user.Current(); err == nil {
		name = known.Username
	}
	for _, pair := range environment {
		if person, ok := strings.CutPrefix(pair, "SUDO_USER="); ok && person != name {
			return person + " as " + name
		}
	}
	return name
}
