package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"petitiond/graph/scalar"
	"petitiond/server/database"
	"petitiond/server/fanout"
	"petitiond/server/petitioning"
)

// invocation is a command with its settings and words.
type invocation struct {
	config Config
	args   []string
	log    *slog.Logger
	out    io.Writer
}

// command is something that the binary does.
type command struct {
	usage string
	words int                                            // that it takes beside flags
	own   bool                                           // has words and flags of its own: settings come from the environment
	do    func(ctx context.Context, in invocation) error // with settings
	bare  func(out io.Writer) error                      // without
}

// split splits off the words before the flags.
func (c command) split(args []string) (words, rest []string) {
	if c.own {
		return args, nil
	}
	n := 0
	for n < len(args) && n < c.words && !strings.HasPrefix(args[n], "-") {
		n++
	}
	return args[:n:n], args[n:]
}

// complete refuses words that are missing or too many.
func (c command) complete(name string, words []string) error {
	switch {
	case c.own || len(words) == c.words:
		return nil
	case len(words) < c.words:
		return c.misused("petitiond " + name + " needs more than that")
	}
	return c.misused(fmt.Sprintf("petitiond %s does not know what to do with %q", name, words[c.words]))
}

func (c command) misused(fault string) error { return misuse{fault, "usage: petitiond " + c.usage} }

func commands() map[string]command {
	return map[string]command{
		"serve":   {usage: "serve             migrate the database and serve until SIGTERM (the default)", do: serve},
		"migrate": {usage: "migrate           apply the migrations and say which", do: migrate},
		"demo":    {usage: "demo              load the demo content into an empty database", do: loadDemo},
		"key":     {usage: "key create --name N --scope S …  make an API key and print its secret once", own: true, do: createKey},
		"recount": {usage: "recount           compare every figure with the rows and mend it; exits 1 if one differed", do: recount},
		"hide":    {usage: "hide ID           hide a petition at once", words: 1, do: hide},
		"version": {usage: "version           version, commit and Go version", bare: printVersion},
		"help":    {usage: "help              this text", bare: help},
	}
}

func serve(ctx context.Context, in invocation) error {
	go tuneGC(ctx, in.config)
	app, err := NewApp(ctx, in.config, in.log)
	if err != nil {
		return err
	}
	return errors.Join(app.Run(ctx), app.Close())
}

// migrate applies the migrations and says what it applied.
func migrate(ctx context.Context, in invocation) (err error) {
	db, err := database.Open(ctx, in.config.DatabaseURL)
	if err != nil {
		return fmt.Errorf("opening the database: %w", err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	applied, err := db.Migrate(ctx)
	for _, m := range applied {
		fmt.Fprintf(in.out, "applied %05d %s\n", m.Version, m.Name)
	}
	if err == nil && len(applied) == 0 {
		fmt.Fprintln(in.out, "nothing to apply")
	}
	return err
}

// withCore runs fn on the domain, beside a server that may be at work.
func withCore(ctx context.Context, in invocation, fn func(context.Context, *core) error) error {
	c, err := openCore(ctx, in.config, in.log)
	if err != nil {
		return err
	}
	// Said before anything is tried: a command writes, and it ends before the clock is right again.
	if err := c.db.Clock.Check(); err != nil {
		return errors.Join(fmt.Errorf("nothing is written: %w", err), c.db.Close())
	}
	ctx = petitioning.WithActor(ctx, petitioning.Operator())
	err = c.while(ctx, func(ctx context.Context) error { return fn(ctx, c) })
	return errors.Join(err, c.ring(ctx), c.db.Close())
}

// ring tells servers that something may have changed, and gives them the time to hear it: when a command has ended they
// know.
func (c *core) ring(ctx context.Context) error {
	ring := c.bell().Ring
	if c.db.Dialect == database.Postgres {
		ring = func() error { return fanout.Ring(ctx, c.db.Write) }
	}
	if err := ring(); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
	case <-time.After(4 * fanout.Glance):
	}
	return nil
}

// bell lies beside the SQLite file.
func (c *core) bell() fanout.Bell {
	return fanout.Bell{Path: c.db.Beside(".news")}
}

func loadDemo(ctx context.Context, in invocation) error {
	return withCore(ctx, in, func(ctx context.Context, c *core) error {
		empty, err := c.domain.Empty(ctx)
		if err != nil {
			return err
		}
		if !empty {
			return errors.New("the database is not empty: demo content goes into an empty one only")
		}
		return c.loadDemo(ctx)
	})
}

func hide(ctx context.Context, in invocation) error {
	id := scalar.ParseID(in.args[0])
	if !id.Is(scalar.Petition) {
		return errors.New("this is not the id of a petition")
	}
	return withCore(ctx, in, func(ctx context.Context, c *core) error { return c.domain.Hide(ctx, id.UUID) })
}

// errDiffered is how a recount ends that had something to mend.
var errDiffered = errors.New("figures differed from the rows; they are mended")

// recount says what differed, and that it is mended.
func recount(ctx context.Context, in invocation) error {
	return withCore(ctx, in, func(ctx context.Context, c *core) error {
		found, err := c.ledger.Recount(ctx)
		for _, d := range found {
			fmt.Fprintf(in.out, "%s: %s: %d stored, %d counted\n", scalar.NewID(scalar.Petition, d.Petition), d.Figure, d.Stored, d.Counted)
		}
		switch {
		case err != nil:
			return err
		case len(found) > 0:
			return errDiffered
		}
		fmt.Fprintln(in.out, "every figure is what the rows say")
		return nil
	})
}

func printVersion(out io.Writer) error {
	release, commit, goVersion := build()
	_, err := fmt.Fprintf(out, "petitiond %s\ncommit %s\n%s\n", release, commit, goVersion)
	return err
}

func help(out io.Writer) error {
	var b strings.Builder
	b.WriteString("petitiond serves petitions over GraphQL.\n\n")
	for _, name := range slices.Sorted(maps.Keys(commands())) {
		fmt.Fprintf(&b, "  petitiond %s\n", commands()[name].usage)
	}
	b.WriteString("\nSettings are environment variables; each is also a flag, save those marked *, which have a …_FILE form.\n\n")
	for _, s := range settings() {
		mark := "--" + s.flag()
		if s.secret {
			mark = "*"
		}
		fmt.Fprintf(&b, "  %-26s %-18s %s\n", s.variable(), mark, plain(s.meaning))
	}
	_, err := io.WriteString(out, b.String())
	return err
}

var link = regexp.MustCompile(`\[([^]]*)\]\([^)]*\)`)

// plain takes the Markdown of the README from a text.
func plain(text string) string { return strings.ReplaceAll(link.ReplaceAllString(text, "$1"), "`", "") }
