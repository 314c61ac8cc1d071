//go:build linux

// Program versions compares two versions of the program: that of a commit and that of the working tree. Both run at the
// same time, each on a database of its own with the demo content, and are measured alternately.
//
//	go run ./server/bench/versions -before main
//	go run ./server/bench/versions -before v0.1.0 -on sqlite -op page,sign -rounds 5
//
// Each version may have settings of its own: so settings are compared, too.
//
//	go run ./server/bench/versions -set-before GOGC=100 -set-after "GOGC=400 GOMEMLIMIT=1GiB"
//
// The operations:
//
//	count  the count of a petition, from shared answers
//	page   a petition with comments, signatures and tags, executed each time
//	list   twenty petitions with their tags, executed each time
//	sign   a signature to one petition, by a new person each time
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"petitiond/server/bench/load"
)

func main() {
	var b bench
	flag.StringVar(&b.before, "before", "HEAD", "the commit to compare the working tree with")
	flag.Func("set-before", "settings of the commit, separated by spaces", b.setting(0))
	flag.Func("set-after", "settings of the working tree", b.setting(1))
	flag.IntVar(&b.rounds, "rounds", 3, "rounds of four turns: before, after, after, before")
	flag.DurationVar(&b.length, "length", 2*time.Second, "length of one turn")
	only := flag.String("op", "", "measure only these operations, such as page,sign")
	on := flag.String("on", "both", "postgres, sqlite or both")
	flag.Parse()
	load.Main(func(ctx context.Context) error { return b.run(ctx, *on, *only) })
}

type bench struct {
	before     string
	rounds     int
	length     time.Duration
	programs   [2]load.Program // before and after
	settings   [2][]string
	operations []operation
	people     atomic.Int64 // how many have signed
}

func (b *bench) setting(of int) func(string) error {
	return func(text string) error { b.settings[of] = strings.Fields(text); return nil }
}

func (b *bench) run(ctx context.Context, on, only string) error {
	if b.rounds < 1 || b.length < time.Second {
		return errors.New("there must be at least one round, with turns of at least one second")
	}
	b.operations = operations()
	if only != "" {
		chosen := strings.Split(only, ",")
		b.operations = slices.DeleteFunc(b.operations, func(o operation) bool { return !slices.Contains(chosen, o.name) })
		if len(b.operations) != len(chosen) {
			return fmt.Errorf("%q names an unknown operation, or one twice", only)
		}
	}
	folder, err := os.MkdirTemp("", "petitiond-versions-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	if err := b.build(ctx, folder); err != nil {
		return err
	}
	fmt.Println(load.Machine())
	return load.Each(ctx, on, b.compare)
}

// build builds the program of the working tree, and that of the commit in a copy of its tree.
func (b *bench) build(ctx context.Context, folder string) (err error) {
	tree, archive := filepath.Join(folder, "tree"), filepath.Join(folder, "tree.tar")
	for _, args := range [][]string{
		{"mkdir", tree}, {"git", "archive", "-o", archive, b.before}, {"tar", "-xf", archive, "-C", tree},
	} {
		c := exec.CommandContext(ctx, args[0], args[1:]...) //nolint:gosec // a commit of our own
		c.Stderr = os.Stderr
		if err := c.Run(); err != nil {
			return fmt.Errorf("checking out %s: %w", b.before, err)
		}
	}
	if b.programs[0], err = load.BuildIn(ctx, tree, folder, "before", "./server"); err != nil {
		return err
	}
	b.programs[1], err = load.BuildOther(ctx, folder, "after", "./server")
	return err
}

// compare measures every operation on one kind of database and prints a table.
func (b *bench) compare(ctx context.Context, on load.Database) error {
	fmt.Printf("\n%s: the working tree against %s; %d rounds of four turns of %s\n\n", on.Dialect, b.before, b.rounds, b.length)
	fmt.Println("| operation | connections | before, answers/s | after, answers/s | after ÷ before | of processor time each | " +
		"of objects each | before, MB | after, MB |")
	fmt.Println("|---|--:|--:|--:|--:|--:|--:|--:|--:|")
	for _, o := range b.operations {
		if err := b.row(ctx, on, o); err != nil {
			return fmt.Errorf("%s: %w", o.name, err)
		}
	}
	return nil
}

// row measures one operation on two servers that are started for it.
func (b *bench) row(ctx context.Context, on load.Database, o operation) (err error) {
	var sites [2]site
	defer func() {
		for _, s := range sites {
			err = errors.Join(err, s.close())
		}
	}()
	for i, p := range b.programs {
		if sites[i], err = open(ctx, p.With(o.settings...).With(b.settings[i]...), on, fmt.Sprintf("%s_%d", o.name, i), o); err != nil {
			return err
		}
	}
	var turns [2][]turn
	for n := range 4 * b.rounds {
		i := [...]int{0, 1, 1, 0}[n%4]
		t, err := b.take(ctx, &sites[i], o)
		if err != nil {
			return err
		}
		turns[i] = append(turns[i], t)
	}
	before, after := median(turns[0]), median(turns[1])
	fmt.Printf("| %s | %d | %.0f | %.0f | %.2f | %.2f | %.2f | %.0f | %.0f |\n", o.name, o.connections, before.rate, after.rate,
		after.rate/before.rate, after.processor/before.processor, after.objects/before.objects, before.resident, after.resident)
	return nil
}
