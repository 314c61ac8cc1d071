package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"

	"golang.org/x/sync/errgroup"

	"petitiond/server/database"
	"petitiond/server/machine"
	"petitiond/server/settings"
	"petitiond/server/transport"
)

// Address is where the server listens.
func (a *App) Address() string { return a.doors[0].Addr().String() }

// Run serves until ctx ends, then ends subscriptions, finishes what runs and writes what is queued, all
// within the time to drain.
func (a *App) Run(ctx context.Context) error {
	// The parts that requests stand on outlive the last request.
	below, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	// Each of them runs until below ends.
	var parts errgroup.Group
	parts.Go(func() error { return a.db.Clock.Run(below, a.log) })
	parts.Go(func() error { return a.ledger.Run(below) })
	parts.Go(func() error { return a.ledger.Keep(below) })
	parts.Go(func() error { return a.recounter(a.observer).Keep(below) })
	parts.Go(func() error { return a.observer.run(below) })
	parts.Go(func() error { return a.domain.Run(below) })
	parts.Go(func() error { return a.signing.Run(below) })
	// It ends beside the requests and not after them: what those still put into the outbox is sent by the next server.
	sending, ended := context.WithCancel(ctx)
	defer ended()
	sent := make(chan error, 1)
	go func() { sent <- a.mailing.run(sending) }()
	if a.db.Dialect == database.SQLite {
		// Commands on the same file cannot reach the hub of this process: they ring, and all is read again.
		bell := a.bell()
		bell.Heard = a.observer.Lost
		parts.Go(func() error { return bell.Run(below) })
	}

	err := a.serve(ctx)
	ended()
	err = errors.Join(err, <-sent)
	// Only now, since the requests that are answered last write, too, and so do those to sign that are being carried out.
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
			if ctx.Err() != nil { // stopping a server that is starting is no failure
				a.log.Warn("stopped while loading the demo content: the database has a part of it")
				return nil
			}
			return err
		}
	}
	a.announce()
	// With room for all, so that no server that ends has to wait for somebody to look.
	served := make(chan error, len(a.doors))
	for _, d := range a.doors {
		go func() { served <- d.server.Serve(d) }()
	}
	select {
	case <-ctx.Done():
		err := a.drain(ctx)
		// Each server returns once it has been told to end, and says why.
		for range a.doors {
			if end := <-served; !errors.Is(end, http.ErrServerClosed) {
				err = errors.Join(err, end)
			}
		}
		return err
	// A server that ends by itself ends the program: half of it would look like all of it from outside.
	case err := <-served:
		return fmt.Errorf("serving: %w", err)
	}
}

// announce logs where and how the server is reached, now that it is, and what its operator should know of the settings.
func (a *App) announce() {
	release, _, _ := build()
	// Those who start the program read the address there.
	a.log.Info("serving", "address", a.Address(), "url", a.config.PublicURL, "version", release, "database", string(a.db.Dialect))
	if len(a.doors) > 1 {
		a.log.Info("serving metrics", "address", a.doors[1].Addr().String())
	}
	if most := a.limits().Sockets; a.config.Limits.Sockets > most {
		a.log.Info("the system allows fewer WebSockets and event streams than the settings", "sockets", most)
	}
	for _, warning := range append(warnings(a.config), excesses(a.config, machine.Descriptors(), machine.Memory())...) {
		a.log.Warn(warning)
	}
	switch {
	case a.config.Env == settings.Production: // it has the key that was set, or none
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
func warnings(config settings.Config) []string {
	if config.Env != settings.Production {
		return nil
	}
	var list []string
	if config.Confirmation == settings.AtOnce {
		list = append(list, "signatures count at once, without a confirmed mailbox: the count tells whether an address was new")
	}
	if !strings.HasPrefix(config.DatabaseURL, "sqlite:") && !database.IsVerified(config.DatabaseURL) {
		list = append(list, "nobody checks that it is PostgreSQL that answers: "+
			"those on the way there can read and change everything; add sslmode=verify-full to the address of the database")
	}
	if strings.HasPrefix(config.PublicURL, "http://") {
		list = append(list, "PETITION_PUBLIC_URL is not https: names, addresses and edit tokens travel where others can read them")
	}
	return list
}

// excesses are settings of more than the machine has. The defaults adapt.
func excesses(config settings.Config, descriptors int, memory int64) (list []string) {
	_, sockets := divide(config, descriptors)
	if wanted := config.Limits.Sockets; wanted > sockets && wanted != transport.DefaultLimits().Sockets {
		list = append(list, fmt.Sprintf("PETITION_MAX_SOCKETS is more than the %d that the system has file descriptors for: "+
			"raise LimitNOFILE of the unit, or ulimit -n", sockets))
	}
	if memory > 0 && config.Memory > memory {
		list = append(list, fmt.Sprintf("PETITION_MEMORY is more than the %d MiB that the machine or the container has: "+
			"nothing keeps the system from ending the program then", memory>>20))
	}
	return list
}

// drain ends what is open and lets what runs finish, for as long as the settings allow. From its first line on /readyz
// says no, so that a load balancer sends nobody any more.
func (a *App) drain(ctx context.Context) error {
	a.draining.Store(true)
	a.log.Info("draining", "longest", a.config.Drain)
	// ctx has ended already: that is why the server drains.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), a.config.Drain)
	defer cancel()
	// Open connections first: net/http does not wait for those that were taken over from it.
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

// Close releases everything that NewApp took, the database last. It may be called after Run or instead of it, and after
// a NewApp that failed half way: what is not there is passed over.
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
	// Closed once: a second Close would report what the first one did.
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
