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
	if len(args) == 0 || args[0] != "create" {
		return "", nil, errors.New("say what to do: petitiond key create --name N --scope S")
	}
	fs := flag.NewFlagSet("key create", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.StringVar(&name, "name", "", "whose key it is")
	fs.Func("scope", "what it may do; may be repeated", func(v string) error {
		scopes = append(scopes, petitioning.Scope(v))
		return nil
	})
	if err := fs.Parse(args[1:]); err != nil || fs.NArg() > 0 {
		return "", nil, errors.New("key create takes --name and --scope; settings come from the environment")
	}
	return name, scopes, nil
}
