//go:build linux

// Program read compares ways to read: with bytes from memory, by SQL without GraphQL, and by the server with and
// without shared answers. The load generator shares the machine with all of them.
//
//	go run ./server/bench/read
//	go run ./server/bench/read -on postgres -connections 32 -rounds 1 -length 2s
//
// The ways:
//
//	memory  a handler that sends the same bytes from a map
//	sql     a handler that gets the same content by SQL: one statement for the page and for the count, two for the list
//	off     the server, each answer computed for itself
//	on      the server with shared answers
//	signed  the same while 50 signatures a second go to the petitions that are read
//
// Program versions compares commits and settings.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"petitiond/server/bench/load"
	"petitiond/server/database"
)

func main() {
	b := bench{site: load.Lively, connections: []int{32, 128}}
	flag.IntVar(&b.rounds, "rounds", 3, "interleaved rounds")
	flag.DurationVar(&b.length, "length", 4*time.Second, "length of one measurement")
	flag.IntVar(&b.site.Petitions, "petitions", b.site.Petitions, "petitions of the site")
	flag.IntVar(&b.site.Signatures, "signatures", b.site.Signatures, "approximate number of its signatures")
	flag.IntVar(&b.site.Comments, "comments", b.site.Comments, "approximate number of its comments")
	flag.StringVar(&b.profiles, "profile", "", "write profiles of the server into files with this prefix")
	flag.StringVar(&b.only, "way", "", "measure only these ways, such as sql,off")
	flag.StringVar(&b.operation, "op", "", "measure only this operation: Page, List or Count")
	connections := flag.Int("connections", 0, "measure only with this number of connections")
	on := flag.String("on", "both", "postgres, sqlite or both")
	flag.Parse()
	if *connections > 0 {
		b.connections = []int{*connections}
	}
	load.Main(func(ctx context.Context) error { return b.run(ctx, *on) })
}

type bench struct {
	site               load.Site
	rounds             int
	length             time.Duration
	connections        []int
	only, operation    string
	folder, profiles   string
	program, yardstick load.Program
}

func (b *bench) run(ctx context.Context, on string) (err error) {
	if b.folder, err = os.MkdirTemp("", "petitiond-bench-"); err != nil {
		return err
	}
	defer os.RemoveAll(b.folder)
	if b.program, err = b.build(ctx, b.folder); err != nil {
		return err
	}
	if b.yardstick, err = load.BuildOther(ctx, b.folder, "yardstick", "./server/bench/read/yardstick"); err != nil {
		return err
	}
	fmt.Println(load.Machine())
	return load.Each(ctx, on, b.compare)
}

// way is one of the ways to read that are compared.
type way struct {
	name    string
	server  *load.Server
	signed  bool   // the petitions are being signed meanwhile
	profile string // the file into which the server writes a profile
}

// compare measures every way on one database.
func (b *bench) compare(ctx context.Context, on load.Database) (err error) {
	db, err := on.Open(ctx, database.Options{})
	if err != nil {
		return err
	}
	defer db.Close()
	keys, err := b.program.Keys()
	if err != nil {
		return err
	}
	ids, err := b.site.Make(ctx, db, keys, func(string) {})
	if err != nil {
		return err
	}
	f := fleet{on: on, db: db}
	defer func() { err = errors.Join(err, f.stop()) }()
	ways, err := b.begin(ctx, &f)
	if err != nil {
		return err
	}
	operations, err := questions(ctx, db, ids, ways[len(ways)-1].server)
	if err != nil {
		return err
	}
	title, err := load.Describe(ctx, db)
	if err != nil {
		return err
	}
	fmt.Printf("\n%s; %d petitions, %d signatures, %d comments; %d rounds of %s\n\n",
		title, b.site.Petitions, b.site.Signatures, b.site.Comments, b.rounds, b.length)
	if err := same(ctx, operations, ways); err != nil {
		return err
	}
	if b.only != "" {
		chosen := strings.Split(b.only, ",")
		ways = slices.DeleteFunc(ways, func(w way) bool { return !slices.Contains(chosen, w.name) })
	}
	if err := settle(ctx, db, ways); err != nil {
		return err
	}
	fmt.Println(header)
	for _, o := range operations {
		for _, n := range b.connections {
			if b.operation != "" && b.operation != o.name {
				continue
			}
			if err := b.rows(ctx, db, o, n, ways, ids); err != nil {
				return err
			}
		}
	}
	return nil
}

// begin starts what is measured.
func (b *bench) begin(ctx context.Context, f *fleet) ([]way, error) {
	profiles := [2]string{filepath.Join(b.folder, "off.pprof"), filepath.Join(b.folder, "on.pprof")}
	program, err := f.start(ctx, b.program.With("BENCH_PROFILE="+profiles[1]))
	if err != nil {
		return nil, err
	}
	off, err := f.startBeside(ctx, b.program.With("PETITION_SHARED_ANSWERS=off", "BENCH_PROFILE="+profiles[0]))
	if err != nil {
		return nil, err
	}
	memory, err := f.start(ctx, b.yardstick.With("YARDSTICK_SERVER="+program.Address))
	if err != nil {
		return nil, err
	}
	bySQL, err := f.start(ctx, b.yardstick)
	return []way{
		{name: "memory", server: memory},
		{name: "sql", server: bySQL},
		{name: "off", server: off, profile: profiles[0]},
		{name: "on", server: program, profile: profiles[1]},
		{name: "signed", server: program, profile: profiles[1], signed: true},
	}, err
}
