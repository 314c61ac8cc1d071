package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	"petitiond/server/database"
	"petitiond/server/database/pgserver"
)

func main() {
	var b bench
	flag.IntVar(&b.callers, "callers", 128, "callers or connections at once")
	flag.IntVar(&b.rounds, "rounds", 3, "interleaved rounds")
	flag.DurationVar(&b.length, "length", 4*time.Second, "of one measurement")
	only := flag.String("on", "both", "postgres, sqlite or both")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := b.run(ctx, *only)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// bench is how the ways are compared.
type bench struct {
	callers, rounds int
	length          time.Duration
	folder          string
}

func (b *bench) run(ctx context.Context, only string) (err error) {
	if b.folder, err = os.MkdirTemp("", "petitiond-bench-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.folder)) }()
	if err := buildServer(ctx, b.folder); err != nil {
		return err
	}
	if only != "sqlite" {
		server, err := pgserver.New(ctx, pgserver.Options{Durable: true})
		if err != nil {
			return err
		}
		if err := errors.Join(b.compare(ctx, "PostgreSQL", server.URL("postgres")), server.Stop()); err != nil {
			return err
		}
	}
	if only != "postgres" {
		return b.compare(ctx, "SQLite", "sqlite:"+filepath.Join(b.folder, "bench.db"))
	}
	return nil
}

// way is one way to take signatures; sign signs petition number n of the list as somebody new.
type way struct {
	name string
	sign func(caller, petition int) error
}

// compare measures every way on one database and prints a table.
func (b *bench) compare(ctx context.Context, title, address string) error {
	db, err := database.Open(ctx, address)
	if err != nil {
		return err
	}
	defer db.Close()
	if _, err := db.Migrate(ctx); err != nil {
		return err
	}
	petitions, err := seed(ctx, db, 2000)
	if err != nil {
		return err
	}
	ways, end, err := b.ways(ctx, db, address, petitions)
	if err != nil {
		return err
	}
	defer end()
	fmt.Printf("\n%s, %d callers, %d rounds of %s\n\n", title, b.callers, b.rounds, b.length)
	fmt.Println("| petitions | way | signatures/s | of single | p50 ms | p99 ms |")
	fmt.Println("|--:|---|--:|--:|--:|--:|")
	for _, spread := range []int{1, len(petitions)} {
		results := map[string][]result{}
		for range b.rounds {
			for _, w := range ways {
				r, err := b.measure(ctx, w, spread)
				if err != nil {
					return fmt.Errorf("%s over %d petitions: %w", w.name, spread, err)
				}
				results[w.name] = append(results[w.name], r)
			}
		}
		base := median(results["single"])
		for _, w := range ways {
			m := median(results[w.name])
			fmt.Printf("| %d | %s | %.0f | %.1f | %.1f | %.1f |\n", spread, w.name, m.rate, m.rate/base.rate, m.p50, m.p99)
		}
	}
	return nil
}
