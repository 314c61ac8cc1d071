package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/url"
	"slices"
	"sync/atomic"
	"time"

	"petitiond/graph"
	"petitiond/server/live"
	"petitiond/server/operation"
	"petitiond/server/pages"
	"petitiond/server/petitioning"
	"petitiond/server/reading"
	"petitiond/server/settings"
	"petitiond/server/transport"
)

// App is the server.
type App struct {
	*core
	observer  *observer
	site      *live.Gauge[reading.Statistics]
	transport *transport.Transport
	mailing   *mailing
	ownHost   func(host string) bool // nil: every one is
	sdl       string                 // the text of schema.graphqls
	doors     []*door
	migrated  probe
	metrics   *metrics
	release   func() error // of the lock on an SQLite file
	draining  atomic.Bool
}

// NewApp makes the server ready: the database open and migrated, and then the addresses bound. An address that is taken
// is refused before anything is done to the database.
func NewApp(ctx context.Context, config settings.Config, log *slog.Logger) (_ *App, err error) {
	a := &App{}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.Close())
		}
	}()
	// Only tried here, and bound below: while a database is migrated nothing should accept connections that nobody
	// serves.
	if err = tryAddresses(ctx, config); err != nil {
		return nil, err
	}
	if a.core, err = openDatabase(ctx, config, log); err != nil {
		return nil, err
	}
	// Migrations have locks of their own, so that a second server on an SQLite file is refused only here.
	if a.release, err = a.db.LockServing(); err != nil {
		return nil, err
	}
	// Links may have the port that was found free, so that this comes before what makes links.
	if a.doors, err = openDoors(ctx, config); err != nil {
		return nil, err
	}
	if a.config.PublicURL == "" {
		a.config.PublicURL = a.doors[0].url(config.Listen)
	}
	a.read()
	a.metrics = newMetrics()
	// The observer comes before what it observes: a ledger without it could commit something that nobody is told.
	if a.observer, err = a.newObserver(); err != nil {
		return nil, err
	}
	if err = a.build(ctx, a.observer, &a.observer.moved); err != nil {
		return nil, err
	}
	a.site = live.NewGauge(a.reading.Statistics, live.GaugeOptions{Logger: log})
	if err = a.serveGraphQL(); err != nil {
		return nil, err
	}
	a.mailing = a.newMailing()
	// A probe may outlive Close, which takes a.db away; the closed pool then answers it with an error.
	db := a.db
	a.migrated.question = func(ctx context.Context) (bool, error) {
		pending, err := db.Pending(ctx)
		return len(pending) == 0, err
	}
	a.metrics.show(a)
	if err = a.furnish(); err != nil {
		return nil, err
	}
	return a, nil
}

// serveGraphQL puts the transport on the schema. The transport knows no petition: all that depends on who asks, and on
// what the fields of this schema mean, is handed to it here.
func (a *App) serveGraphQL() error {
	r := &graph.Resolver{Domain: a.domain, Reading: a.reading, Hub: a.observer.hub, Site: a.site, Logger: a.log}
	schema := graph.Schema(r)
	// The text that the generated code embeds, so that what is served is what is executed.
	a.sdl = schema.Schema().Query.Position.Src.Input
	// In production a proxy in front decides which hosts reach us, and the server is not on the machine of a visitor.
	if a.config.Env == settings.Development {
		a.ownHost = transport.OwnHosts(a.config.PublicURL, a.log)
	}
	a.transport = transport.New(transport.Options{
		Schema:         schema,
		ErrorPresenter: r.PresentError,
		Around:         r.Around,
		Authenticate:   a.authenticate,
		// What stays open is closed when its credential expires or becomes another.
		Expires: func(ctx context.Context) time.Time { return petitioning.ActorFrom(ctx).Expires() },
		Same: func(before, now context.Context) bool {
			return petitioning.ActorFrom(before).Same(petitioning.ActorFrom(now))
		},
		// The one list whose length no argument says: it follows from an interval and two times.
		Sizes:           map[string]func(map[string]any) int{"Petition.signatureHistory": r.HistorySize},
		ShareAnswers:    a.config.SharedAnswers,
		Responses:       a.observer.responses,
		Impersonal:      graph.Impersonal,
		LongTexts:       graph.LongTexts,
		Address:         addressFrom(a.config.TrustedProxies),
		AllowedOrigins:  a.allowedOrigins(),
		LoopbackOrigins: a.config.Env == settings.Development,
		OwnHost:         a.ownHost,
		Introspection:   a.config.Introspection,
		Discreet:        a.config.Env == settings.Production,
		Limits:          a.limits(),
		Memory:          heapLimit(a.config) / 3, // the rest is for what is kept, connections and garbage
		Logger:          a.log,
	})
	return a.trust()
}

// allowedOrigins returns the origins of the settings, and that of the site: a proxy may ask us under another name, by
// which our own pages would look like those of another site.
func (a *App) allowedOrigins() []string {
	// A copy: the settings are shown elsewhere as they were given.
	origins := slices.Clone(a.config.AllowedOrigins)
	if site, err := url.Parse(a.config.PublicURL); err == nil {
		origins = append(origins, settings.OriginOf(site))
	}
	return origins
}

// trust makes the transport serve the documents of the site's manifest alone, where there is one, with those that
// our own pages send.
func (a *App) trust() error {
	if a.config.TrustedDocuments == nil {
		return nil
	}
	return untrusted(a.transport.Trust(withPages(a.config.TrustedDocuments)))
}

// checkDocuments says what is wrong with the site's trusted documents before there is anything that could serve them.
func checkDocuments(config settings.Config) error {
	if config.TrustedDocuments == nil {
		return nil
	}
	judge := operation.New(operation.Options{
		Schema: graph.Schema(&graph.Resolver{}).Schema(), Introspection: config.Introspection,
		Discreet: config.Env == settings.Production, Limits: config.Limits.Limits,
	})
	return untrusted(judge.Trust(withPages(config.TrustedDocuments)))
}

// withPages adds the documents of our own pages to a manifest, which would be refused their queries otherwise. They
// have names of our own, so that none takes the place of one of the site's.
func withPages(manifest operation.Manifest) operation.Manifest {
	manifest = maps.Clone(manifest)
	for i, text := range pages.Documents() {
		manifest[fmt.Sprintf("petitiond.page.%d", i+1)] = text
	}
	return manifest
}

// untrusted names the setting of a fault.
func untrusted(err error) error {
	if err != nil {
		return fmt.Errorf("PETITION_TRUSTED_DOCUMENTS: %w", err)
	}
	return nil
}

// authenticate returns a context with the actor to whom a credential belongs. That a credential is wrong and that
// nobody could look it up are two things: with the first error a client must not try again, with the second it may.
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
