package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/google/uuid"

	"petitiond/graph/scalar"
	"petitiond/server/bench/load"
	"petitiond/server/database"
)

// patience is how long it may take until a watcher has received the last value.
const patience = 10 * time.Second

// on replays on one database. It returns an error if that was not possible; what is not exact goes into the report.
func (r *replay) on(ctx context.Context, at load.Database, rep *report) error {
	petition, err := r.prepare(ctx, at, rep)
	if err != nil {
		return err
	}
	server, err := r.program.Serve(ctx, at)
	if err != nil {
		return err
	}
	err = r.serve(ctx, server, scalar.NewID(scalar.Petition, petition).String(), rep)
	if err := errors.Join(err, server.Stop()); err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, "comparing every figure with the rows")
	return r.audit(ctx, at, petition, rep)
}

func (r *replay) prepare(ctx context.Context, at load.Database, rep *report) (petition uuid.UUID, err error) {
	db, err := at.Open(ctx, database.Options{})
	if err != nil {
		return petition, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if rep.title, err = load.Describe(ctx, db); err != nil {
		return petition, err
	}
	fmt.Fprintf(os.Stderr, "%s: %s signatures\n", at.Dialect, count(r.signatures))
	ids, err := load.Seed(ctx, db, 1)
	if err != nil {
		return petition, err
	}
	return ids[0], nil
}

// serve watches and signs the petition while the server runs.
func (r *replay) serve(ctx context.Context, server *load.Server, petition string, rep *report) error {
	watching, end := context.WithCancel(ctx)
	defer end()
	var watchers []*watcher
	for range r.watchers {
		w, err := watch(watching, server.Address, petition, r.signatures)
		if err != nil {
			return err
		}
		watchers = append(watchers, w)
	}
	c := &crowd{server: server, petition: petition, signatures: r.signatures}
	if err := c.sign(ctx, r.connections); err != nil {
		return err
	}
	c.report(rep, r.connections)
	late := wait(watchers, c.ended)
	end()
	judge(watchers, late, rep)
	return recounts(ctx, server.Address, rep)
}
