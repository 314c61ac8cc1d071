package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"

	"petitiond/server/petitioning"
)

// createKey makes an API key: key create --name N --scope S [--scope S …].
func createKey(ctx context.Context, in invocation) error {
	name, scopes, err := keyFlags(in.args)
	if err != nil {
		return err
	}
	return withCore(ctx, in, func(ctx context.Context, c *core) error {
		bearer, err := c.domain.CreateAPIKey(ctx, name, scopes)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(in.out, bearer)
		return err
	})
}

func keyFlags(args []string) (name string, scopes []petitioning.Scope, err error) {
	misused := commands()["key"].misused
	switch {
	case len(args) == 0:
		return "", nil, misused("petitiond key needs more than that")
	case args[0] != "create":
		return "", nil, misused(fmt.Sprintf("there is no command %q", "key "+args[0]))
	}
	fs := flag.NewFlagSet("key create", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.StringVar(&name, "name", "", "whose key it is")
	fs.Func("scope", "what it may do; may be repeated", func(v string) error {
		scopes = append(scopes, petitioning.Scope(v))
		return nil
	})
	err = fs.Parse(args[1:])
	switch {
	case errors.Is(err, flag.ErrHelp):
		return "", nil, err
	case err != nil:
		return "", nil, misused(flagFault(err) + "; settings come from the environment")
	case fs.NArg() > 0:
		return "", nil, misused(fmt.Sprintf("petitiond key create does not know what to do with %q", fs.Arg(0)))
	}
	return name, scopes, nil
}
