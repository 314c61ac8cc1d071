package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"petitiond/graph/scalar"
	"petitiond/server/bench/load"
	"petitiond/server/database"
	"petitiond/server/database/pgproxy"
)

// site is a database with its servers, and what is known about their users.
type site struct {
	*soak
	on        load.Database
	db        *database.DB
	servers   []*load.Server
	proxy     *pgproxy.Proxy // in front of PostgreSQL; nil on SQLite
	petitions []petition
	reads     *latencies

	nobody  atomic.Int64 // the highest number of a person so far
	failed  sync.Map     // what went wrong: the first error of each kind
	refused atomic.Int64 // answers that asked to try again
	cut     atomic.Int64
	jumped  atomic.Int64
}

// petition is a petition that people sign, with the number of acknowledged signatures.
type petition struct {
	uuid   uuid.UUID
	id     string // as in the API
	signed *atomic.Int64
}

// open creates the petitions and starts the servers: on PostgreSQL two replicas, one of which has a clock that jumps.
func (s *soak) open(ctx context.Context, on load.Database) (_ *site, err error) {
	t := &site{soak: s, on: on, reads: newLatencies()}
	defer func() {
		if err != nil {
			err = errors.Join(err, t.close())
		}
	}()
	if t.db, err = on.Open(ctx, database.Options{}); err != nil {
		return nil, err
	}
	ids, err := load.Seed(ctx, t.db, petitions)
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		t.petitions = append(t.petitions, petition{id, scalar.NewID(scalar.Petition, id).String(), new(atomic.Int64)})
	}
	replicas := 1
	if on.Dialect == database.Postgres {
		replicas = 2
		if t.proxy, err = pgproxy.Open(on.URL); err != nil {
			return nil, err
		}
		on.URL = t.proxy.URL
	}
	for range replicas {
		// Everybody has the same address here: with limits per address, nearly everything would be refused.
		server, err := s.program.Serve(ctx, on)
		if err != nil {
			return nil, err
		}
		t.servers = append(t.servers, server)
	}
	return t, nil
}

func (t *site) close() error {
	var errs []error
	for _, server := range t.servers {
		errs = append(errs, server.Stop())
	}
	if t.proxy != nil {
		errs = append(errs, t.proxy.Close())
	}
	if t.db != nil {
		errs = append(errs, t.db.Close())
	}
	return errors.Join(errs...)
}

// live runs everything for so long.
func (t *site) live(ctx context.Context, length time.Duration) error {
	ctx, stop := context.WithTimeout(ctx, length)
	defer stop()
	var all errgroup.Group
	each := func(n int, do func(ctx context.Context, i int)) {
		for i := range n {
			all.Go(func() error {
				do(ctx, i)
				return nil
			})
		}
	}
	const hands = 8 // how many sign, and read, at once
	each(hands, func(ctx context.Context, i int) { t.sign(ctx, i, hands) })
	each(hands, func(ctx context.Context, i int) { t.read(ctx, i, hands) })
	each(t.watching, t.watch)
	each(t.hostile, t.attack)
	each(t.idle, t.idleAround)
	each(1, func(ctx context.Context, _ int) { t.disturb(ctx, length) })
	return errors.Join(all.Wait(), t.fault())
}

// fails records an error, if it is the first of its kind.
func (t *site) fails(kind string, err error) { t.failed.LoadOrStore(kind, err) }

func (t *site) fault() (err error) {
	t.failed.Range(func(kind, cause any) bool {
		err = errors.Join(err, fmt.Errorf("%s: %w", kind, cause.(error))) //nolint:forcetypeassert // see fails
		return true
	})
	return err
}

// server returns the server for the person with this number.
func (t *site) server(i int) *load.Server { return t.servers[i%len(t.servers)] }

// disturb cuts all connections to PostgreSQL at regular intervals. After each cut the clock of the first server is
// wrong for a while: a minute ahead, a day behind, ten seconds ahead.
func (t *site) disturb(ctx context.Context, length time.Duration) {
	every := min(30*time.Second, length/6)
	jumps := []time.Duration{time.Minute, -24 * time.Hour, 10 * time.Second}
	for n := 0; pause(ctx, every/2); n++ {
		if t.proxy != nil {
			t.proxy.CutAll()
			t.cut.Add(1)
		}
		if !pause(ctx, every/4) {
			return
		}
		err := t.jump(t.servers[0], jumps[n%len(jumps)])
		pause(ctx, every/4)
		if err := errors.Join(err, t.jump(t.servers[0], 0)); err != nil {
			t.fails("clock", err)
		}
		t.jumped.Add(1)
	}
}

// pause waits, and reports whether there is time left.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
