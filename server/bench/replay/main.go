package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"

	"petitiond/server/bench/load"
)

func main() {
	var r replay
	flag.Int64Var(&r.signatures, "signatures", 6_103_056, "how many are to be counted")
	flag.IntVar(&r.connections, "connections", 512, "how many connections sign at the same time")
	flag.IntVar(&r.watchers, "watchers", 100, "subscriptions to the count")
	only := flag.String("on", "both", "postgres, sqlite or both")
	flag.Parse()
	load.Main(func(ctx context.Context) error { return r.run(ctx, *only) })
}

// replay is what to replay, and how.
type replay struct {
	signatures            int64
	connections, watchers int
	program               load.Program
}

// room is the most disk space that a signature takes, with its indexes, its idempotency key and the write-ahead log.
const room = 1500

var errInexact = errors.New("NOT exact: see the differences above")

// run replays on each database and prints the results, even if a later one fails. It returns an error unless all is
// exact.
func (r *replay) run(ctx context.Context, only string) error {
	if min(r.signatures, int64(r.connections), int64(r.watchers)) < 1 {
		return errors.New("there must be at least one signature, connection and watcher")
	}
	folder, err := os.MkdirTemp("", "petitiond-replay-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	free, err := load.Free(ctx, folder)
	if err != nil {
		return err
	}
	if need := 2<<30 + room*r.signatures; free < need {
		return fmt.Errorf("only %s is free in %s, but %s may be needed; set TMPDIR to another folder", bytes(free), folder, bytes(need))
	}
	if r.program, err = load.Build(ctx, folder); err != nil {
		return err
	}
	var reports []*report
	err = load.Each(ctx, only, func(ctx context.Context, on load.Database) error {
		rep := &report{}
		reports = append(reports, rep)
		return r.on(ctx, on, rep)
	})
	exact := table(os.Stdout, reports)
	if err != nil {
		return err
	}
	if !exact {
		return errInexact
	}
	fmt.Println("\nEverything is exact: zero differences, and every watcher has the last value.")
	return nil
}
