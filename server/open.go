package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"

	"golang.org/x/sync/errgroup"

	"petitiond/server/database"
	"petitiond/server/fingerprint"
	"petitiond/server/ledger"
	"petitiond/server/ledger/recount"
	"petitiond/server/outbox"
	"petitiond/server/petitioning"
	"petitiond/server/reading"
	"petitiond/server/secret"
	"petitiond/server/settings"
	"petitiond/server/signing"
)

// core is what commands and the server share: the database and the domain on it.
type core struct {
	config  settings.Config
	log     *slog.Logger
	db      *database.DB
	keys    *secret.Keys
	sums    *reading.SiteSums
	reading *reading.Service
	ledger  *ledger.Ledger
	signing *signing.Service
	domain  *petitioning.Service
	box     *outbox.Outbox // nil where nothing is sent
}

// openCore makes the core of a command ready. What it changes it tells nobody: see core.ring.
func openCore(ctx context.Context, config settings.Config, log *slog.Logger) (*core, error) {
	c, err := openDatabase(ctx, config, log)
	if err != nil {
		return nil, err
	}
	c.read()
	if err := c.build(ctx, ledger.Unobserved{}, new(petitioning.Moved)); err != nil {
		return nil, errors.Join(err, c.db.Close())
	}
	return c, nil
}

// openDatabase opens the database, migrates it, and reads the keys that belong to it. What reads and writes is missing
// yet.
func openDatabase(ctx context.Context, config settings.Config, log *slog.Logger) (_ *core, err error) {
	for _, name := range config.Exposed {
		log.Warn("somebody other than its owner may read or change a file with a secret; correct this with chmod 600", "setting", name)
	}
	c := &core{config: config, log: log}
	if c.db, err = databaseOptions(config).Open(ctx, config.DatabaseURL); err != nil {
		return nil, unopened(err)
	}
	// From here on the pool is open, and nobody but this function could close it.
	defer func() {
		if err != nil {
			err = errors.Join(err, c.db.Close())
		}
	}()
	applied, err := c.db.Migrate(ctx)
	for _, m := range applied { // also if a later one has failed
		log.Info("migrated the database", "version", m.Version, "name", m.Name)
	}
	if err != nil {
		return nil, fmt.Errorf("migrating the database: %w", err)
	}
	// After the migration: the digest that ties the secret to this database stands in a table.
	if c.keys, err = fingerprint.KeysOf(ctx, c.db, secretFile(config)); err != nil {
		return nil, unmatched(config, err)
	}
	return c, nil
}

// noSite is for those who run a command elsewhere than its server, or without its settings.
const noSite = "this command needs the settings and the folder of its server, and makes no new site: " +
	"serve, demo and migrate do"

// unopened says of a database that cannot be opened what to do.
func unopened(err error) error {
	if errors.Is(err, database.ErrMissing) {
		return fmt.Errorf("PETITION_DATABASE_URL: %w; %s", err, noSite)
	}
	return fmt.Errorf("opening the database: %w", err)
}

// unmatched says of an error about the secret which two things belong together. It never has the address of the
// database, which may contain a password.
func unmatched(config settings.Config, err error) error {
	if config.Database.Existing && errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("PETITION_SECRET_FILE: there is no such file; %s", noSite)
	}
	for _, apart := range []error{fingerprint.ErrOtherSecret, fingerprint.ErrSecretMissing, fingerprint.ErrSecretUnproven} {
		if errors.Is(err, apart) {
			return fmt.Errorf("PETITION_DATABASE_URL's database and PETITION_SECRET_FILE %s belong together: %w", config.SecretFile, err)
		}
	}
	// A database that has gone away says nothing of the secret.
	if database.IsPassing(err) {
		return fmt.Errorf("asking the database which secret belongs to it: %w", err)
	}
	return fmt.Errorf("PETITION_SECRET_FILE: %w", err) // which names the file
}

// read makes what reads the database. Links that it makes begin with the public URL.
func (c *core) read() {
	c.sums = reading.NewSiteSums()
	c.reading = reading.New(reading.Options{
		Database: c.db, Keys: c.keys, PublicURL: c.config.PublicURL, Logger: c.log, SiteSums: c.sums,
	})
}

// build puts the domain on the database. The observer is told of everything that is written from now on.
func (c *core) build(ctx context.Context, o ledger.Observer, moved *petitioning.Moved) (err error) {
	c.ledger, err = ledger.New(ctx, c.db, ledger.Options{
		Observer: o,
		// Those who wait are told that nothing was written before their own time is over.
		Patience: c.config.Limits.Operation * 4 / 5,
		Logger:   c.log,
	})
	if err != nil {
		return err
	}
	c.signing = signing.New(signing.Options{
		Database: c.db, Ledger: c.ledger, Keys: c.keys, Reading: c.reading, Site: c.config.PublicURL, Mail: c.mailRow, Wake: c.wake,
		Logger: c.log,
	})
	c.domain = petitioning.New(petitioning.Options{
		Database: c.db, Ledger: c.ledger, Keys: c.keys, Reading: c.reading, Mailboxes: c.signing,
		Confirmation: c.config.Confirmation == settings.ByEmail, AdminKey: adminKey(c.config, c.keys),
		Review: c.config.Review, Every: c.config.Recount, Observer: o, Moved: moved, Logger: c.log,
	})
	return nil
}

// wake has the outbox look for entries at once.
func (c *core) wake() {
	if c.box != nil {
		c.box.Wake()
	}
}

// recounter returns what compares figures with the rows. The observer, if there is one, is told what was corrected.
func (c *core) recounter(o recount.Observer) *recount.Recounter {
	return recount.New(c.db, recount.Options{Observer: o, Every: c.config.Recount, Logger: c.log})
}

// secretFile is the file of the setting. Only development makes it, with a new site.
func secretFile(config settings.Config) fingerprint.File {
	file := fingerprint.File{Load: func() (*secret.Keys, error) { return secret.Load(config.SecretFile) }}
	if config.Env == settings.Development && !config.Database.Existing {
		file.Make = func() (*secret.Keys, error) { return secret.LoadOrCreate(config.SecretFile) }
	}
	return file
}

// adminKey returns the credential of the operator. Production has the one that was set, or none.
func adminKey(config settings.Config, k *secret.Keys) string {
	if config.AdminKey != "" || config.Env == settings.Production {
		return config.AdminKey
	}
	// Derived and not random, so that it is the same at each start and can be kept in scripts.
	return k.Token("", secret.AdminKey)
}

// while runs fn with the ledger at work, and waits for it to have written everything.
func (c *core) while(ctx context.Context, fn func(context.Context) error) error {
	// The ledger outlives ctx, so that what fn has handed over is written even if the command is interrupted.
	working, stop := context.WithCancel(context.WithoutCancel(ctx))
	var group errgroup.Group
	group.Go(func() error { return c.db.Clock.Run(working, c.log) })
	group.Go(func() error { return c.ledger.Run(working) })
	// Stopping the ledger only ends its taking of more: group.Wait returns once the queues are written.
	err := fn(ctx)
	stop()
	return errors.Join(err, group.Wait())
}
