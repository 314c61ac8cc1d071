package main

import (
	"context"
	"sync"

	"github.com/google/uuid"

	"petitiond/graph/scalar"
	"petitiond/server/bench/load"
	"petitiond/server/database"
	"petitiond/server/ledger"
)

// ways returns the ways to sign on one database, first the one with which the others are compared, and a function that
// ends them.
func (b *bench) ways(ctx context.Context, on load.Database, db *database.DB, petitions []uuid.UUID) ([]way, func() error, error) {
	keys, err := b.program.Keys()
	if err != nil {
		return nil, nil, err
	}
	single, err := newSingle(ctx, db)
	if err != nil {
		return nil, nil, err
	}
	book, err := ledger.New(ctx, db, ledger.Options{MaxBatch: b.batch})
	if err != nil {
		return nil, nil, err
	}
	server, sign, err := b.serve(ctx, on, petitions)
	if err != nil {
		return nil, nil, err
	}
	working, stop := context.WithCancel(context.WithoutCancel(ctx))
	var running sync.WaitGroup
	running.Go(func() { _ = book.Run(working) }) // its callers have received the errors
	end := func() error {
		stop()
		running.Wait()
		return server.Stop()
	}
	return []way{
		{"single", func(_, n int) error { return single.sign(ctx, b.next().Signature(keys, petitions[n])) }},
		{"ledger", func(_, n int) error {
			_, err := book.Sign(ctx, b.next().Signature(keys, petitions[n]))
			return err
		}},
		{"server", sign},
	}, end, nil
}

// serve starts the whole program and opens one connection per caller.
func (b *bench) serve(ctx context.Context, on load.Database, petitions []uuid.UUID) (*load.Server, func(caller, petition int) error, error) {
	server, err := b.program.Serve(ctx, on)
	if err != nil {
		return nil, nil, err
	}
	clients := make([]*load.Client, b.callers)
	for i := range clients {
		clients[i] = server.Client()
	}
	ids := make([]string, len(petitions))
	for i, id := range petitions {
		ids[i] = scalar.NewID(scalar.Petition, id).String()
	}
	return server, func(caller, n int) error { return clients[caller].Sign(ctx, ids[n], b.next()) }, nil
}
