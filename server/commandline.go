package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
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
	if len(args) > 0 && (args[0] == "--version" || args[0] == "-version") { // as people ask other programs
		args = append([]string{"version"}, args[1:]...)
	}
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
	// A flag that does not exist is a mistake in the command line; a value that cannot be, one in the settings.
	if wrong, ok := errors.AsType[settings.FlagError](err); ok {
		return misuse{wrong.Error(), seeHelp}
	}
	// The settings know no schema. What it says of them belongs to their faults, which are told all at once.
	if err = errors.Join(err, checkDocuments(config)); err != nil {
		return err
	}
	args := append(own, extra...)
	if err := c.checkArgs(name, args); err != nil {
		return misplaced(args, err)
	}
	config.Database.Wall = wall()
	config.Database.Existing = !c.creates
	log := loggerOf(name, config, environment, stderr)
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

// splitArgs separates the command's own arguments from the flags of the settings that follow.
func (c command) splitArgs(args []string) (own, rest []string) {
	if c.ownFlags {
		return args, nil
	}
	n := 0
	for n < len(args) && n < c.args && !strings.HasPrefix(args[n], "-") {
		n++
	}
	// Cut to its length, so that what is appended to it later does not write over the rest.
	return args[:n:n], args[n:]
}

// checkArgs refuses arguments that are missing or too many.
func (c command) checkArgs(name string, args []string) error {
	switch {
	case c.ownFlags || len(args) == c.args:
		return nil
	case len(args) < c.args:
		return c.misused("petitiond " + name + " needs another argument")
	}
	return c.misused(fmt.Sprintf("petitiond %s does not take the argument %q", name, args[c.args]))
}

// misused returns the error for a call that makes no sense, with the right usage.
func (c command) misused(fault string) error { return misuse{fault, "usage: petitiond " + c.usage} }
