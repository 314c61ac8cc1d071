package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"petitiond/server/bench/load"
	"petitiond/server/database"
)

func main() {
	var b bench
	flag.IntVar(&b.callers, "callers", 128, "callers or connections at once")
	flag.IntVar(&b.rounds, "rounds", 3, "interleaved rounds")
	flag.DurationVar(&b.length, "length", 4*time.Second, "length of one measurement")
	flag.Int64Var(&b.aged, "aged", 0, "signatures that one petition has when the ledger is measured again; 0: it is not")
	flag.IntVar(&b.batch, "batch", 0, "rows in one transaction of the ledger; 0: the program's default")
	flag.IntVar(&b.lanes, "lanes", 0, "concurrent transactions of the ledger, on PostgreSQL; 0: the program's default")
	flag.StringVar(&b.only, "way", "", "measure only these ways, such as server,peer; empty: all")
	only := flag.String("on", "both", "postgres, sqlite or both")
	flag.Parse()
	load.Main(func(ctx context.Context) error { return b.run(ctx, *only) })
}

// bench is one comparison.
type bench struct {
	callers, rounds int
	batch, lanes    int
	only            string
	length          time.Duration
	aged            int64
	program, peer   load.Program
	people          atomic.Int64 // how many have signed
}

func (b *bench) run(ctx context.Context, only string) error {
	folder, err := os.MkdirTemp("", "petitiond-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	if b.program, err = load.Build(ctx, folder); err != nil {
		return err
	}
	if b.peer, err = load.BuildOther(ctx, folder, "peer", "./server/bench/sign/peer"); err != nil {
		return err
	}
	fmt.Println(load.Machine())
	return load.Each(ctx, only, b.compare)
}

// next returns a person who has not signed anything yet.
func (b *bench) next() load.Person { return load.Somebody(b.people.Add(1)) }

// way is one way to process signatures. Its function sign signs petition number n of the list as a new person.
type way struct {
	name    string
	prepare func(ctx context.Context) error // before each measurement; nil: there is nothing to do
	sign    func(caller, petition int) error
	server  *load.Server // nil where this process itself signs
}

// compare measures every way on one database and prints a table.
func (b *bench) compare(ctx context.Context, on load.Database) (err error) {
	db, err := on.Open(ctx, database.Options{Ledger: b.lanes})
	if err != nil {
		return err
	}
	defer db.Close()
	petitions, err := load.Seed(ctx, db, 2000)
	if err != nil {
		return err
	}
	title, err := load.Describe(ctx, db)
	if err != nil {
		return err
	}
	ways, confirming, end, err := b.ways(ctx, on, db, petitions)
	if err != nil {
		return err
	}
	if b.only != "" {
		only := strings.Split(b.only, ",")
		others := func(w way) bool { return !slices.Contains(only, w.name) }
		ways, confirming = slices.DeleteFunc(ways, others), slices.DeleteFunc(confirming, others)
	}
	defer func() { err = errors.Join(err, end()) }()
	fmt.Printf("\n%s; %d callers, %d rounds of %s\n\n", title, b.callers, b.rounds, b.length)
	fmt.Println("| petitions | way | signatures/s | of the first | p50 ms | p99 ms | CPU program, µs each | CPU database, µs each |")
	fmt.Println("|--:|---|--:|--:|--:|--:|--:|--:|")
	if _, err := b.rows(ctx, db, confirming, 1); err != nil {
		return err
	}
	one, err := b.rows(ctx, db, ways, 1)
	if err != nil {
		return err
	}
	if _, err := b.rows(ctx, db, ways, len(petitions)); err != nil || b.aged == 0 {
		return err
	}
	i := slices.IndexFunc(ways, func(w way) bool { return w.name == "ledger" })
	if i < 0 {
		return nil
	}
	return b.age(ctx, db, petitions[0], ways[i], one[i])
}

// rows measures every way on some petitions, prints the results and returns their medians.
func (b *bench) rows(ctx context.Context, db *database.DB, ways []way, spread int) ([]result, error) {
	all := make([][]result, len(ways))
	for range b.rounds {
		for i, w := range ways {
			r, err := b.measure(ctx, db, w, spread)
			if err != nil {
				return nil, fmt.Errorf("%s over %d petitions: %w", w.name, spread, err)
			}
			all[i] = append(all[i], r)
		}
	}
	medians := make([]result, len(ways))
	for i, w := range ways {
		m := median(all[i])
		medians[i] = m
		fmt.Printf("| %d | %s | %.0f | %.2f | %.1f | %.1f | %.0f | %.0f |\n", spread, w.name, m.rate, m.rate/medians[0].rate,
			m.p50, m.p99, m.program, m.database)
	}
	return medians, nil
}
