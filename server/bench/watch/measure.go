//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"petitiond/server/bench/load"
)

const (
	warmers  = 20               // sockets that are opened and closed before memory is first measured: few, so that little of them remains
	patience = 30 * time.Second // until all have received the last value
	longest  = 5 * time.Minute  // for one measurement, whatever happens
)

// measure has a crowd of the scene's size watch by one way.
func (b *bench) measure(ctx context.Context, w way, s scene) (r result, err error) {
	ctx, cancel := context.WithTimeout(ctx, longest+b.length)
	defer cancel()
	r = result{way: w.name(), sockets: s.processes * s.sockets}
	servers, err := w.start(ctx, s)
	defer func() { err = errors.Join(err, w.stop()) }()
	if err != nil {
		return r, err
	}
	if err := b.warm(ctx, w, s, servers); err != nil {
		return r, err
	}
	before, err := memory(servers)
	if err != nil {
		return r, err
	}
	crowd, err := b.gather(ctx, w, s, servers, s.sockets)
	defer crowd.leave()
	if err != nil {
		return r, err
	}
	pause(ctx, b.rest)
	if r.idle, err = perSocket(servers, before, r.sockets); err != nil {
		return r, err
	}
	if err := b.count(ctx, w, servers, crowd, &r); err != nil {
		return r, err
	}
	pause(ctx, b.rest)
	r.after, err = perSocket(servers, before, r.sockets)
	return r, errors.Join(err, ctx.Err())
}

// warm sends some watchers and signatures through the servers. The memory that is measured next then includes what
// every server needs that has done some work.
func (b *bench) warm(ctx context.Context, w way, s scene, servers []target) error {
	crowd, err := b.gather(ctx, w, s, servers, warmers)
	defer crowd.leave()
	for range 5 {
		if err != nil {
			return err
		}
		err = w.move(ctx)
		pause(ctx, b.every)
	}
	crowd.leave()
	pause(ctx, time.Second)
	return err
}

// count changes the count and records what the crowd reports. Processor time is measured from the first signature until
// everybody has received the last value, so that it includes all deliveries.
func (b *bench) count(ctx context.Context, w way, servers []target, crowd party, r *result) error {
	if _, err := crowd.ask(question{Begin: true}); err != nil {
		return err
	}
	began, err := processor(servers)
	if err != nil {
		return err
	}
	if r.signed, err = b.moves(ctx, w); err != nil {
		return err
	}
	last, err := w.last(ctx)
	if err != nil {
		return err
	}
	told, err := crowd.ask(question{Versions: last, Within: patience})
	if err != nil {
		return err
	}
	ended, err := processor(servers)
	r.seconds = ended - began
	r.delivered, r.clients = told.Delivered, told.Processor
	r.behind, r.gone, r.backwards = told.Behind, told.Gone, told.Backwards
	r.p50, r.p99 = told.Delays.quantile(0.5), told.Delays.quantile(0.99)
	return err
}

// atOnce is how many changes may be under way: signatories do not wait for each other.
const atOnce = 16

// moves changes the count at the pace that was asked for, and returns how often it did. It skips a turn if too many
// changes are still under way.
func (b *bench) moves(ctx context.Context, w way) (n int, err error) {
	moving, ctx := errgroup.WithContext(ctx)
	moving.SetLimit(atOnce)
	turns := time.NewTicker(b.every)
	defer turns.Stop()
	for until := time.Now().Add(b.length); time.Now().Before(until) && ctx.Err() == nil; {
		if moving.TryGo(func() error { return w.move(ctx) }) {
			n++
		}
		select {
		case <-turns.C:
		case <-ctx.Done():
		}
	}
	return n, moving.Wait()
}

// gather starts a process of watchers for each server.
func (b *bench) gather(ctx context.Context, w way, s scene, servers []target, sockets int) (party, error) {
	p := make(party, len(servers))
	faults := make([]error, len(servers))
	var starting sync.WaitGroup
	for i, server := range servers {
		starting.Go(func() {
			p[i], faults[i] = join(ctx, order{
				Address: server.address, Sockets: sockets, Petitions: w.petitions(s.operations), Form: b.form, Plain: w.plain(), Net: i + 1,
			})
		})
	}
	starting.Wait()
	return p, errors.Join(faults...)
}

// perSocket returns how many more bytes servers use than before, per socket.
func perSocket(servers []target, before int64, sockets int) (float64, error) {
	now, err := memory(servers)
	return float64(now-before) / float64(sockets), err
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// sum adds up a figure over all servers.
func sum[N int64 | float64](servers []target, figure func(pid int) (N, error)) (total N, err error) {
	for _, s := range servers {
		n, err := figure(s.pid)
		if err != nil {
			return 0, fmt.Errorf("asking what a server uses: %w", err)
		}
		total += n
	}
	return total, nil
}

func memory(servers []target) (int64, error)      { return sum(servers, load.Resident) }
func processor(servers []target) (float64, error) { return sum(servers, load.Processor) }
