//go:build linux

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"time"

	"petitiond/server/bench/load"
)

func main() {
	load.Main(run)
}

// run plays the role that the program was started in.
func run(ctx context.Context) error {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case roleCrowd:
			return playCrowd(os.Stdin, os.Stdout)
		case roleFloor:
			return playFloor(os.Stdin, os.Stdout)
		}
	}
	var b bench
	flag.IntVar(&b.watchers, "watchers", 15_000, "sockets of one process; a tenth of them if each has ten operations")
	flag.IntVar(&b.processes, "processes", 3, "servers on one database in the case of several")
	flag.IntVar(&b.rounds, "rounds", 3, "interleaved rounds, of which the median counts")
	seconds := flag.Float64("seconds", 10, "for how long the count changes in each measurement")
	flag.DurationVar(&b.every, "every", 280*time.Millisecond,
		"time from one signature to the next; a change is sent at once if it comes 275 ms after the one before")
	flag.DurationVar(&b.rest, "rest", 10*time.Second, "pause before memory is measured")
	flag.StringVar(&b.only, "only", "", "measure only this case: one, several or ten")
	flag.StringVar(&b.way, "way", "", "measure only this way: server, stock or tcp")
	events := flag.Bool("sse", false, "watch over server-sent events")
	flag.Parse()
	b.length = time.Duration(*seconds * float64(time.Second))
	if b.form = formSocket; *events {
		b.form = formEvents
	}
	return b.run(ctx)
}

// bench is one comparison.
type bench struct {
	watchers, processes, rounds int
	length, every, rest         time.Duration
	only, way                   string
	form                        string
}

// scene is the size and form of a crowd.
type scene struct {
	name       string
	title      string
	processes  int
	sockets    int // of each process
	operations int // of each socket, each on a petition of its own
}

func (b *bench) scenes() []scene {
	list := []scene{
		{"one", "one process", 1, b.watchers, 1},
		{"several", fmt.Sprintf("%d processes", b.processes), b.processes, b.watchers, 1},
	}
	if b.form == formSocket { // an event stream has one operation
		list = append(list, scene{"ten", "ten operations a socket", 1, max(1, b.watchers/10), 10})
	}
	return slices.DeleteFunc(list, func(s scene) bool { return b.only != "" && s.name != b.only })
}

func (b *bench) run(ctx context.Context) error {
	folder, err := os.MkdirTemp("", "petitiond-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	server, err := load.Build(ctx, folder)
	if err != nil {
		return err
	}
	stock, err := load.BuildOther(ctx, folder, "stock", "./server/bench/watch/stock")
	if err != nil {
		return err
	}
	fmt.Println(load.Machine())
	return load.Each(ctx, "postgres", func(ctx context.Context, on load.Database) error {
		g, err := found(ctx, on)
		if err != nil {
			return err
		}
		ways := []way{g.program("server", server), g.program("stock", stock), &floor{form: b.form}}
		ways = slices.DeleteFunc(ways, func(w way) bool { return b.way != "" && w.name() != b.way })
		return errors.Join(b.compare(ctx, ways), g.db.Close())
	})
}

// compare measures every way in every scene, and prints a table for each scene.
func (b *bench) compare(ctx context.Context, ways []way) error {
	for _, s := range b.scenes() {
		all := make([][]result, len(ways))
		for round := range b.rounds {
			for i, w := range ways {
				r, err := b.measure(ctx, w, s)
				if err != nil {
					return fmt.Errorf("%s, %s: %w", s.title, w.name(), err)
				}
				fmt.Fprintf(os.Stderr, "round %d, %s: %s\n", round+1, s.title, r)
				all[i] = append(all[i], r)
			}
		}
		medians := make([]result, len(ways))
		for i := range all {
			medians[i] = median(all[i])
		}
		report(os.Stdout, b, s, medians)
	}
	return nil
}
