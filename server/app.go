package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"petitiond/graph"
	"petitiond/graph/generated"
	"petitiond/server/database"
	"petitiond/server/fanout"
	"petitiond/server/ledger"
	"petitiond/server/live"
	"petitiond/server/operation"
	"petitiond/server/pages"
	"petitiond/server/petitioning"
	"petitiond/server/reading"
	"petitiond/server/secret"
	"petitiond/server/transport"
)

// core is what commands and the server share: the database and the domain on it.
type core struct {
	config    Config
	log       *slog.Logger
	db        *database.DB
	keys      *secret.Keys
	ledger    *ledger.Ledger
	reading   *reading.Service
	domain    *petitioning.Service
	committed func([]ledger.Change)
	recounted func([]ledger.Difference)
	changed   func(petitioning.Change)
	doubtful  func()
}

// openCore opens the database, migrates it, and puts the domain on it. Whoever needs to hear of changes sets
// committed, recounted and changed before anything is written.
func openCore(ctx context.Context, config Config, log *slog.Logger) (_ *core, err error) {
	c := &core{
		config: config, log: log,
		committed: func([]ledger.Change) {}, recounted: func([]ledger.Difference) {}, changed: func(petitioning.Change) {},
		doubtful: func() {},
	}
	for _, name := range config.Exposed {
		log.Warn("others than its owner may read or change the file of a secret; chmod 600 ends that", "setting", name)
	}
	if c.db, err = config.database.Open(ctx, config.DatabaseURL); err != nil {
		return nil, fmt.Errorf("opening the database: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.db.Close())
		}
	}()
	applied, err := c.db.Migrate(ctx)
	if err != nil {
		return nil, fmt.Errorf("migrating the database: %w", err)
	}
	for _, m := range applied {
		log.Info("migrated the database", "version", m.Version, "name", m.Name)
	}
	if c.keys, err = petitioning.KeysOf(ctx, c.db, config.secretFile()); err != nil {
		return nil, fmt.Errorf("database and PETITION_SECRET_FILE %s: %w", config.SecretFile, err)
	}
	c.ledger, err = ledger.New(ctx, c.db, ledger.Options{
		Committed: func(list []ledger.Change) { c.committed(list) },
		Doubtful:  func() { c.doubtful() },
		Recounted: func(list []ledger.Difference) { c.recounted(list) },
		Every:     config.Recount,
		// Those who wait are told that nothing was written before their own time is over.
		Patience: config.Limits.Operation * 4 / 5,
		Logger:   log,
	})
	if err != nil {
		return nil, err
	}
	c.reading = reading.New(reading.Options{Database: c.db, Keys: c.keys, PublicURL: config.PublicURL, Logger: log})
	c.domain = petitioning.New(petitioning.Options{
		Database: c.db, Ledger: c.ledger, Keys: c.keys, Reading: c.reading, AdminKey: adminKey(config, c.keys),
		Review: config.Review, Every: config.Recount, Changed: func(change petitioning.Change) { c.changed(change) },
		Doubtful: func() { c.doubtful() }, Logger: log,
	})
	return c, nil
}

// secretFile is the file of the setting. Only development makes it.
func (c Config) secretFile() petitioning.SecretFile {
	file := petitioning.SecretFile{Load: func() (*secret.Keys, error) { return secret.Load(c.SecretFile) }}
	if c.Env == development {
		file.Make = func() (*secret.Keys, error) { return secret.LoadOrCreate(c.SecretFile) }
	}
	return file
}

// adminKey gives the credential of the operator. Production has the one that was set, or none.
func adminKey(config Config, k *secret.Keys) string {
	if config.AdminKey != "" || config.Env == production {
		return config.AdminKey
	}
	return k.Token("", secret.AdminKey)
}

// while runs fn with the ledger at work, and waits for it to have written everything.
func (c *core) while(ctx context.Context, fn func(context.Context) error) error {
	working, stop := context.WithCancel(context.WithoutCancel(ctx))
	var group errgroup.Group
	group.Go(func() error { return c.db.Clock.Run(working, c.log) })
	group.Go(func() error { return c.ledger.Run(working) })
	err := fn(ctx)
	stop()
	return errors.Join(err, group.Wait())
}

// App is the server.
type App struct {
	*core
	hub       *live.Hub
	site      *live.Gauge[reading.Statistics]
	replicas  *fanout.Postgres[uuid.UUID, live.Value] // nil where there are none
	transport *transport.Transport
	sdl       string // the text of schema.graphqls
	doors     []*door
	migrated  probe
	metrics   *metrics
	release   func() error // of the lock on an SQLite file
	draining  atomic.Bool
}

// NewApp makes the server ready: addresses bound, and then the database open and migrated, so that what is refused is
// refused before anything runs.
func NewApp(ctx context.Context, config Config, log *slog.Logger) (_ *App, err error) {
	a := &App{}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.Close())
		}
	}()
	if err = a.bind(ctx, config); err != nil {
		return nil, err
	}
	if a.core, err = openCore(ctx, config, log); err != nil {
		return nil, err
	}
	if a.release, err = a.db.LockServing(); err != nil {
		return nil, err
	}
	if err = a.live(); err != nil {
		return nil, err
	}
	if err = a.serveGraphQL(); err != nil {
		return nil, err
	}
	db := a.db
	a.migrated.question = func(ctx context.Context) (bool, error) {
		pending, err := db.Pending(ctx)
		return len(pending) == 0, err
	}
	if err = a.furnish(); err != nil {
		return nil, err
	}
	a.recounted = a.metrics.recounted
	return a, nil
}

// live connects what is committed with those who watch.
func (a *App) live() error {
	a.hub = live.New(live.Options{Read: a.news, Logger: a.log})
	a.site = live.NewGauge(a.reading.Statistics, live.GaugeOptions{Logger: a.log})
	if a.db.Dialect == database.Postgres && a.config.Fanout != "local" {
		address, err := database.PostgresAddress(a.config.DatabaseURL)
		if err != nil {
			return fmt.Errorf("listening for other replicas: %w", err)
		}
		a.replicas = fanout.NewPostgres(fanout.Options[uuid.UUID, live.Value]{
			Pool: a.db.Write, Address: address, Logger: a.log,
			Key: func(v live.Value) uuid.UUID { return v.Petition }, Merge: live.Merge,
			Received: a.hear, Broken: a.deafen, Lost: a.listenAgain,
		})
	}
	a.committed = func(changes []ledger.Change) {
		values, ids := make([]live.Value, len(changes)), make([]uuid.UUID, len(changes))
		for i, c := range changes {
			values[i], ids[i] = valueOf(c), c.Petition
			a.forget(petitioning.Change{Change: c})
		}
		a.tell(values...)
		a.domain.Moved(ids...)
	}
	a.changed = func(c petitioning.Change) {
		a.forget(c)
		v := valueOf(c.Change)
		v.Edition = c.Edition
		a.tell(v)
	}
	a.doubtful = func() { a.transport.ClearAnswers() }
	return nil
}

// forget ends what is kept in memory of what has changed. It comes before everything else that happens after a
// commit: who is told of a change, in whatever way, and asks again shall see it.
func (a *App) forget(c petitioning.Change) { a.transport.Drop(c.Topics()...) }

// hear takes news of another replica.
func (a *App) hear(values ...live.Value) {
	for _, v := range values {
		// What is said of comments does not tell whether there are new ones.
		c := ledger.Change{Petition: v.Petition, Version: v.Version, Commented: true}
		a.forget(petitioning.Change{Change: c, Edition: v.Edition})
	}
	a.hub.Publish(values...)
}

// deafen makes answers short-lived while news of other replicas are missed.
func (a *App) deafen() { a.transport.Cautious(true) }

// listenAgain reads anew what is watched, and forgets what is kept: nobody knows what changed meanwhile.
func (a *App) listenAgain() {
	a.transport.Cautious(false)
	a.transport.ClearAnswers()
	a.hub.Reread()
}

// tell hands news to those who watch here and on other replicas.
func (a *App) tell(values ...live.Value) {
	a.hub.Publish(values...)
	if a.replicas != nil {
		a.replicas.Publish(values...)
	}
}

func valueOf(c ledger.Change) live.Value {
	return live.Value{
		Petition: c.Petition, Total: c.Total, Goal: c.Goal, LastHour: c.LastHour, Version: c.Version, AsOf: c.AsOf,
		Comment: c.Comments,
	}
}

// news reads for the hub.
func (a *App) news(ctx context.Context, ids []uuid.UUID) ([]live.Value, error) {
	list, err := a.reading.News(ctx, ids)
	out := make([]live.Value, len(list))
	for i, n := range list {
		out[i] = live.Value{
			Petition: n.Petition, Total: n.Total, Goal: n.Goal, LastHour: *n.LastHour, Version: int64(n.Version),
			AsOf: n.AsOf, Comment: n.Comments, Edition: n.Edition,
		}
	}
	return out, err
}

func (a *App) serveGraphQL() error {
	r := &graph.Resolver{Domain: a.domain, Reading: a.reading, Hub: a.hub, Site: a.site, Logger: a.log}
	schema := generated.NewExecutableSchema(generated.Config{Resolvers: r})
	a.sdl = schema.Schema().Query.Position.Src.Input
	a.transport = transport.New(transport.Options{
		Schema:         schema,
		ErrorPresenter: r.PresentError,
		Around:         r.Around,
		Authenticate:   a.authenticate,
		Expires:        func(ctx context.Context) time.Time { return petitioning.ActorFrom(ctx).Expires() },
		Same: func(before, now context.Context) bool {
			return petitioning.ActorFrom(before).Same(petitioning.ActorFrom(now))
		},
		Sizes:          map[string]func(map[string]any) int{"Petition.signatureHistory": r.HistorySize},
		ShareAnswers:   a.config.SharedAnswers,
		Impersonal:     []string{"SignatureCount", "Statistics"},
		Address:        addressFrom(a.config.TrustedProxies),
		AllowedOrigins: a.config.AllowedOrigins,
		Introspection:  a.config.Introspection,
		Discreet:       a.config.Env == production,
		Limits:         a.limits(),
		Memory:         memoryLimit(a.config) / 3, // the rest is for what is kept, connections and garbage
		Logger:         a.log,
	})
	// On PostgreSQL there may be other replicas. Until their news come, and if none ever do, what is kept is soon old.
	a.transport.Cautious(a.db.Dialect == database.Postgres)
	return a.trust()
}

// limits gives the limits of the transport, as the settings and the system allow.
func (a *App) limits() transport.Limits {
	l := a.config.Limits
	if !a.config.RateLimits {
		l.SocketsPerAddress = 0
	}
	if _, most := divide(a.config, descriptors()); l.Sockets > most {
		a.log.Warn("the system allows fewer open sockets than the settings", "sockets", most)
		l.Sockets = most
	}
	return l
}

// divide gives how many plain connections and sockets there may be, as the settings and the system allow. What is left
// is for the database and files, and for what comes and goes.
func divide(c Config, descriptors int) (connections, sockets int) {
	connections = min(c.Connections, max(8, descriptors/4))
	return connections, min(c.Limits.Sockets, max(1, descriptors-500-connections))
}

// trust makes the transport serve the documents of the site's manifest alone, where there is one, with those that
// our own pages send.
func (a *App) trust() error {
	if a.config.TrustedDocuments == "" {
		return nil
	}
	file, err := os.Open(a.config.TrustedDocuments)
	if err != nil {
		return fmt.Errorf("PETITION_TRUSTED_DOCUMENTS: %w", err)
	}
	defer file.Close()
	manifest, err := operation.ReadManifest(file)
	if err != nil {
		return fmt.Errorf("PETITION_TRUSTED_DOCUMENTS: %w", err)
	}
	for i, text := range pages.Documents() {
		manifest[fmt.Sprintf("petitiond.page.%d", i+1)] = text
	}
	if err := a.transport.Trust(manifest); err != nil {
		return fmt.Errorf("PETITION_TRUSTED_DOCUMENTS: %w", err)
	}
	return nil
}

func (a *App) authenticate(ctx context.Context, bearer string) (context.Context, error) {
	actor, err := a.domain.Authenticate(ctx, bearer)
	switch {
	case errors.Is(err, petitioning.ErrUnauthenticated):
		return nil, err
	case err != nil:
		return nil, errors.Join(transport.ErrUnavailable, err)
	}
	return petitioning.WithActor(ctx, actor), nil
}

// Address is where the server listens.
func (a *App) Address() string { return a.doors[0].Addr().String() }

// Run serves until ctx ends, then ends subscriptions, finishes what runs and writes what is queued, all
// within the time to drain.
func (a *App) Run(ctx context.Context) error {
	a.announce()
	// The parts that requests stand on outlive the last request.
	below, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var parts errgroup.Group
	parts.Go(func() error { return a.db.Clock.Run(below, a.log) })
	parts.Go(func() error { return a.ledger.Run(below) })
	parts.Go(func() error { return a.ledger.Keep(below) })
	parts.Go(func() error { return a.hub.Run(below) })
	parts.Go(func() error { return a.domain.Run(below) })
	if a.replicas != nil {
		parts.Go(func() error { return a.replicas.Run(below) })
	}
	if a.db.Dialect == database.SQLite {
		bell := a.bell()
		bell.Heard = a.listenAgain
		parts.Go(func() error { return bell.Run(below) })
	}

	err := a.serve(ctx)
	stop()
	if err := errors.Join(err, parts.Wait()); err != nil {
		return err
	}
	a.log.Info("stopped")
	return nil
}

// serve answers requests until ctx ends. Demo content is there before the first one.
func (a *App) serve(ctx context.Context) error {
	if a.config.Demo {
		if err := a.loadDemo(ctx); err != nil {
			return err
		}
	}
	served := make(chan error, len(a.doors))
	for _, d := range a.doors {
		go func() { served <- d.server.Serve(d) }()
	}
	select {
	case <-ctx.Done():
		err := a.drain(ctx)
		for range a.doors {
			if end := <-served; !errors.Is(end, http.ErrServerClosed) {
				err = errors.Join(err, end)
			}
		}
		return err
	case err := <-served:
		return fmt.Errorf("serving: %w", err)
	}
}

func (a *App) announce() {
	release, _, _ := build()
	a.log.Info("serving", "address", a.Address(), "url", a.config.PublicURL, "version", release, "database", string(a.db.Dialect))
	for _, warning := range a.config.warnings() {
		a.log.Warn(warning)
	}
	switch {
	case a.config.Env == production: // it has the key that was set, or none
	case a.config.AdminKey != "":
	case a.isLoopback():
		a.log.Info("admin key of this development server", "bearer", adminKey(a.config, a.keys))
	default:
		a.log.Warn("other machines reach this development server, so its admin key is not printed; " +
			"set PETITION_ADMIN_KEY to have one")
	}
}

// isLoopback reports whether this machine alone reaches the server.
func (a *App) isLoopback() bool {
	address, ok := a.doors[0].Addr().(*net.TCPAddr)
	return ok && address.IP.IsLoopback()
}

// warnings are what the settings of a site in production leave open.
func (c Config) warnings() []string {
	if c.Env != production {
		return nil
	}
	list := []string{"signatures count at once, without a confirmed mailbox: the count tells whether an address was new"}
	if !strings.HasPrefix(c.DatabaseURL, "sqlite:") && !database.IsVerified(c.DatabaseURL) {
		list = append(list, "nobody checks that it is PostgreSQL that answers: "+
			"those on the way there can read and change everything; add sslmode=verify-full to the address of the database")
	}
	return list
}

func (a *App) drain(ctx context.Context) error {
	a.draining.Store(true)
	a.log.Info("draining", "longest", a.config.Drain)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), a.config.Drain)
	defer cancel()
	err := a.transport.Shutdown(ctx)
	for _, d := range a.doors {
		err = errors.Join(err, d.server.Shutdown(ctx))
	}
	if err == nil {
		return nil
	}
	a.log.Warn("some connections did not end in time") // what does not end by itself is cut
	var errs []error
	for _, d := range a.doors {
		errs = append(errs, d.server.Close())
	}
	return errors.Join(errs...)
}

// Close gives everything back. It may be called after Run, or instead of it.
func (a *App) Close() error {
	var errs []error
	if a.site != nil {
		a.site.Close()
	}
	for _, d := range a.doors {
		if err := d.Close(); !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	a.doors = nil
	if a.release != nil {
		errs = append(errs, a.release())
		a.release = nil
	}
	if a.core != nil && a.db != nil {
		errs = append(errs, a.db.Close())
		a.db = nil
	}
	return errors.Join(errs...)
}
