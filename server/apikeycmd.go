package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"

	"petitiond/server/petitioning"
	"petitiond/server/settings"
)

// createKey creates an API key and prints it, the only time that it can be seen: the database keeps its digest. The
// call is key create --name N --scope S [--scope S …].
func createKey(ctx context.Context, in invocation) error {
	name, scopes, err := parseKeyFlags(in.args)
	if err != nil {
		return err
	}
	// Before the database is opened, which would make and migrate one.
	if _, err := petitioning.CheckAPIKey(name, scopes); err != nil {
		return commands()["key"].misused(sentences(petitioning.Faults(err)))
	}
	return withCore(ctx, in, func(ctx context.Context, c *core) error {
		bearer, err := c.domain.CreateAPIKey(ctx, name, scopes)
		if err != nil {
			return err
		}
		// Alone on its line, so that a script can keep it.
		_, err = fmt.Fprintln(in.out, bearer)
		return err
	})
}

// sentences returns what is wrong in one line.
func sentences(faults petitioning.Errors) string {
	var all []string
	for _, f := range faults {
		all = append(all, f.Message)
	}
	return strings.Join(all, " ")
}

// parseKeyFlags reads the name and the scopes, which the domain checks.
func parseKeyFlags(args []string) (name string, scopes []petitioning.Scope, err error) {
	misused := commands()["key"].misused
	switch {
	case len(args) == 0:
		return "", nil, misused("petitiond key needs another argument")
	case args[0] != "create":
		return "", nil, misused(fmt.Sprintf("there is no command %q", "key "+args[0]))
	}
	// Flags of this command alone. Settings come from the environment here, so that none can take --name for its own.
	fs := flag.NewFlagSet("key create", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.StringVar(&name, "name", "", "who or what the key is for")
	fs.Func("scope", "what the key may be used for; can be repeated", func(v string) error {
		scopes = append(scopes, petitioning.Scope(v))
		return nil
	})
	err = fs.Parse(args[1:])
	switch {
	// The caller prints the help of the whole program.
	case errors.Is(err, flag.ErrHelp):
		return "", nil, err
	case err != nil:
		return "", nil, misused(settings.FlagFault(err) + "; settings come from the environment")
	case fs.NArg() > 0:
		return "", nil, misused(fmt.Sprintf("petitiond key create does not take the argument %q", fs.Arg(0)))
	}
	return name, scopes, nil
}
