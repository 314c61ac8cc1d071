package main

import (
	"context"
	"errors"
	"sync"

	"github.com/google/uuid"

	"petitiond/graph/scalar"
	"petitiond/server/bench/load"
	"petitiond/server/database"
	"petitiond/server/ledger"
	"petitiond/server/signing"
)

// ways returns the ways to sign on one database and those to confirm, each with the one first with which the others are
// compared, and a function that ends them.
func (b *bench) ways(
	ctx context.Context, on load.Database, db *database.DB, petitions []uuid.UUID,
) (ways, confirming []way, end func() error, err error) {
	keys, err := b.program.Keys()
	if err != nil {
		return nil, nil, nil, err
	}
	single, err := newSingle(ctx, db)
	if err != nil {
		return nil, nil, nil, err
	}
	book, err := ledger.New(ctx, db, ledger.Options{MaxBatch: b.batch})
	if err != nil {
		return nil, nil, nil, err
	}
	ways = []way{
		{name: "single", sign: func(_, n int) error { return single.sign(ctx, b.next().Signature(keys, petitions[n])) }},
		{name: "ledger", sign: func(_, n int) error {
			_, err := book.Sign(ctx, b.next().Signature(keys, petitions[n]))
			return err
		}},
	}
	mailboxes := signing.New(signing.Options{Database: db, Ledger: book, Keys: keys})
	ways = append(ways, way{name: "request", sign: func(_, n int) error {
		row := b.next().Signature(keys, petitions[n])
		row.Waiting = &ledger.Waiting{}
		return mailboxes.Ask(ctx, row)
	}})
	waiting := &stock{bench: b, book: book, keys: keys, petition: petitions[0]}
	confirming = []way{
		waiting.confirmed("confirm-single", 6_000, single.confirm),
		waiting.confirmed("confirm-ledger", 40_000, func(ctx context.Context, s ledger.Signature) error {
			_, err := book.Confirm(ctx, ledger.Confirmation{Signature: s.ID, Petition: s.Petition})
			return err
		}),
	}
	programs := []program{{"server", b.program}}
	if on.Dialect == database.Postgres {
		programs = append(programs, program{"peer", b.peer})
	}
	for _, p := range programs {
		w, err := b.serve(ctx, p, on, petitions)
		if err != nil {
			return nil, nil, nil, err
		}
		ways = append(ways, w)
	}
	working, stop := context.WithCancel(context.WithoutCancel(ctx))
	var running sync.WaitGroup
	running.Go(func() { _ = book.Run(working) }) // its callers have received the errors
	end = func() error {
		stop()
		running.Wait()
		var errs []error
		for _, w := range ways {
			if w.server != nil {
				errs = append(errs, w.server.Stop())
			}
		}
		return errors.Join(errs...)
	}
	return ways, confirming, end, nil
}

// program is one that signs over HTTP and GraphQL.
type program struct {
	name string
	load.Program
}

// serve starts a program and opens one connection per caller.
func (b *bench) serve(ctx context.Context, p program, on load.Database, petitions []uuid.UUID) (way, error) {
	server, err := p.Serve(ctx, on)
	if err != nil {
		return way{}, err
	}
	clients := make([]*load.Client, b.callers)
	for i := range clients {
		clients[i] = server.Client()
	}
	ids := make([]string, len(petitions))
	for i, id := range petitions {
		ids[i] = scalar.NewID(scalar.Petition, id).String()
	}
	sign := func(caller, n int) error { return clients[caller].Sign(ctx, ids[n], b.next()) }
	return way{name: p.name, sign: sign, server: server}, nil
}
