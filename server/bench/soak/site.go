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

// site is a database with the servers on it, and what is known of those who use them.
type site struct {
	*soak
	on        load.Database
	db        *database.DB
	servers   []*load.Server
	proxy     *pgproxy.Proxy // before PostgreSQL; nil on SQLite
	petitions []petition
	reads     *latencies

	nobody  atomic.Int64 // numbers of people
	failed  sync.Map     // what went wrong, once of each kind
	refused atomic.Int64 // answers that asked to try again
	cut     atomic.Int64
	jumped  atomic.Int64
}

// petition is one that people sign, and how many were told that their signature counts.
type petition struct {
	uuid   uuid.UUID
	id     string // public
	signed *atomic.Int64
}

// open makes the petitions and starts the servers: two replicas on PostgreSQL, of which one goes by a clock that jumps.
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
		// Everybody comes from one address here: limits by address would be all that is seen.
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

// live lets everybody do what they do for so long.
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
	const hands = 8 // that sign or read at once
	each(hands, func(ctx context.Context, i int) { t.sign(ctx, i, hands) })
	each(hands, func(ctx context.Context, i int) { t.read(ctx, i, hands) })
	each(t.watching, t.watch)
	each(t.hostile, t.attack)
	each(t.idle, t.idleAround)
	each(1, func(ctx context.Context, _ int) { t.disturb(ctx, length) })
	return errors.Join(all.Wait(), t.fault())
}

// fails notes what went wrong.
func (t *site) fails(kind string, err error) { t.failed.LoadOrStore(kind, err) }

func (t *site) fault() (err error) {
	t.failed.Range(func(kind, cause any) bool {
		err = errors.Join(err, fmt.Errorf("%s: %w", kind, cause.(error))) //nolint:forcetypeassert // see fails
		return true
	})
	return err
}

// server returns that of somebody with a number.
func (t *site) server(i int) *load.Server { return t.servers[i%len(t.servers)] }

// disturb cuts all connections to PostgreSQL in even steps, and after each the clock of the first server is wrong for a
// while: a minute ahead, a day behind, ten seconds ahead.
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

// pause reports whether there is time left after it.
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
