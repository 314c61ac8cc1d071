package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"petitiond/graph/scalar"
	"petitiond/server/database"
	"petitiond/server/fanout"
	"petitiond/server/machine"
	"petitiond/server/outbox"
	"petitiond/server/petitioning"
	"petitiond/server/reading"
	"petitiond/server/settings"
)

// invocation is one call of a command.
type invocation struct {
	config settings.Config
	args   []string // what is neither the command's name nor a flag
	log    *slog.Logger
	out    io.Writer
}

// command is something that the binary can do, by one of the two functions.
type command struct {
	usage    string
	args     int  // how many arguments it takes besides flags
	ownFlags bool // it parses its arguments itself, and settings come only from the environment
	creates  bool // it may make a database and a secret where there are none
	run      func(ctx context.Context, in invocation) error
	runBare  func(out io.Writer) error // needs no settings, and works even if they are wrong
}

// commands returns what the binary can do, by name. What each says of itself is what help prints.
func commands() map[string]command {
	return map[string]command{
		"serve": {
			usage:   "serve             migrate the database and serve until SIGTERM (the default)",
			creates: true, run: serve,
		},
		"migrate": {usage: "migrate           apply the migrations and list them", creates: true, run: migrate},
		"demo":    {usage: "demo              load the demo content into an empty database", creates: true, run: loadDemo},
		"key": {
			usage: "key create --name N --scope S …  create an API key and print it, once; the scopes are " + petitioning.ScopeList() +
				", of which ADMIN alone opens something in this release",
			ownFlags: true, run: createKey,
		},
		"recount": {usage: "recount           correct figures that differ from the rows, and dates that lie ahead; exits 1 if there were any", run: recountAll},
		"mail": {
			usage: "mail test ADDRESS  send a mail by the mail server of the settings, and say what works and what does not",
			args:  2, run: testMail,
		},
		"hide":    {usage: "hide ID           hide a petition at once, by its id or its slug; no command of this release undoes it", args: 1, run: hide},
		"version": {usage: "version           print version, commit and Go version", runBare: printVersion},
		"help":    {usage: "help              print this text", runBare: help},
	}
}

// serve runs the server until ctx ends.
func serve(ctx context.Context, in invocation) error {
	// Commands end before it would matter to them.
	go machine.TuneGC(ctx, heapLimit(in.config))
	app, err := NewApp(ctx, in.config, in.log)
	if err != nil {
		return err
	}
	return errors.Join(app.Run(ctx), app.Close())
}

// migrate applies the migrations and prints which it applied, also if it fails half way.
func migrate(ctx context.Context, in invocation) (err error) {
	// Without the domain: before the migration its tables need not be there.
	db, err := database.Open(ctx, in.config.DatabaseURL)
	if err != nil {
		return fmt.Errorf("opening the database: %w", err)
	}
	// The secret is not read, unlike in every other command: there need be none yet to which the database could belong.
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

// withCore runs fn with the domain and the ledger at work. A server may be running on the same database.
func withCore(ctx context.Context, in invocation, fn func(context.Context, *core) error) error {
	c, err := openCore(ctx, in.config, in.log)
	if err != nil {
		return err
	}
	// A server would wait until the clock is right again; a command ends now, before it has written anything.
	if err := c.db.Clock.Check(); err != nil {
		return errors.Join(fmt.Errorf("nothing was written: %w", err), c.db.Close())
	}
	// Those who can run a command on this machine can read the database anyway, so that no credential is asked for.
	ctx = petitioning.WithActor(ctx, petitioning.Operator())
	// Rung after the ledger has written everything, and also if the command failed half way.
	err = c.while(ctx, func(ctx context.Context) error { return fn(ctx, c) })
	return errors.Join(err, c.ring(ctx), c.db.Close())
}

// ring notifies running servers that something may have changed, and waits until they have noticed: when the command
// has ended, they show its effect.
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
	// There is no answer to wait for, and there may be no server: by then one has looked.
	case <-time.After(4 * fanout.Glance):
	}
	return nil
}

// bell is how commands notify a server on SQLite: a file beside the database.
func (c *core) bell() fanout.Bell {
	return fanout.Bell{Path: c.db.Beside(".news")}
}

// loadDemo refuses a database with petitions, so that demo content never mixes with real petitions.
func loadDemo(ctx context.Context, in invocation) error {
	return withCore(ctx, in, func(ctx context.Context, c *core) error {
		empty, err := c.domain.Empty(ctx)
		if err != nil {
			return err
		}
		if !empty {
			return errors.New("the database is not empty; demo content is only loaded into an empty one")
		}
		return c.loadDemo(ctx)
	})
}

// hide takes a petition out of public view.
func hide(ctx context.Context, in invocation) error {
	return withCore(ctx, in, func(ctx context.Context, c *core) error {
		id, err := c.petitionNamed(ctx, in.args[0])
		if err != nil {
			return err
		}
		if err := c.domain.Hide(ctx, id); err != nil {
			return err
		}
		_, err = fmt.Fprintf(in.out, "%s is hidden\n", scalar.NewID(scalar.Petition, id))
		return err
	})
}

// petitionNamed returns the petition with an id, as the API shows it, or a slug, as it stands in the address of a page.
func (c *core) petitionNamed(ctx context.Context, name string) (uuid.UUID, error) {
	if id := scalar.ParseID(name); id.Is(scalar.Petition) {
		return id.UUID, nil
	}
	found, err := c.reading.As(petitioning.ActorFrom(ctx).Viewer()).PetitionBySlug(ctx, name, reading.Selection{})
	if err != nil {
		return uuid.Nil, err
	}
	if len(found.Rows) == 0 {
		return uuid.Nil, errors.New("no petition has this id or slug")
	}
	return found.Rows[0].ID, nil
}

// errDiffered is the error of a recount that found and corrected something, so that scripts notice.
var errDiffered = errors.New("some figures or dates were wrong and were corrected")

// recountAll compares every figure with the rows, and prints and corrects those that differ. It also makes right what a
// wrong clock has dated ahead or closed.
func recountAll(ctx context.Context, in invocation) error {
	return withCore(ctx, in, func(ctx context.Context, c *core) error {
		// All three, also if one of them fails: each repairs something of its own.
		found, err := c.recounter(nil).Recount(ctx)
		mended, fault := c.domain.Mend(ctx)
		dated, late := outbox.Redate(ctx, c.db.Write, c.db.Clock.Now())
		err = errors.Join(err, fault, late)
		for _, d := range found {
			id := scalar.NewID(scalar.Petition, d.Petition)
			fmt.Fprintf(in.out, "%s: %s: %d stored, %d counted\n", id, d.Figure, d.Stored, d.Counted)
		}
		if mended > 0 {
			fmt.Fprintf(in.out, "petitions that a wrong clock had dated ahead or closed early: %d\n", mended)
		}
		if dated > 0 {
			fmt.Fprintf(in.out, "mails that a wrong clock had dated ahead: %d\n", dated)
		}
		switch {
		case err != nil:
			return err
		case len(found)+mended+dated > 0:
			return errDiffered
		}
		fmt.Fprintln(in.out, "every figure agrees with the rows")
		return nil
	})
}

// printVersion prints what to name in a report of a fault.
func printVersion(out io.Writer) error {
	release, commit, goVersion := build()
	_, err := fmt.Fprintf(out, "petitiond %s\ncommit %s\n%s\n", release, commit, goVersion)
	return err
}

// help prints the commands and all settings, from the tables that the program itself uses.
func help(out io.Writer) error {
	var b strings.Builder
	b.WriteString("petitiond serves petitions over GraphQL.\n\n")
	// Sorted, since a map has no order, and help should look the same each time.
	for _, name := range slices.Sorted(maps.Keys(commands())) {
		fmt.Fprintf(&b, "  petitiond %s\n", commands()[name].usage)
	}
	b.WriteString("\nSettings are environment variables. Each is also a flag, except those marked *, which can be read from a file " +
		"that the variable …_FILE names. The default is in brackets.\n\n")
	settings.Describe(&b)
	_, err := io.WriteString(out, b.String())
	return err
}
