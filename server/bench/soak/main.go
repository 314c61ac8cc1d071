package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"petitiond/server/bench/load"
)

func main() {
	var s soak
	flag.DurationVar(&s.length, "for", 30*time.Minute, "how long it lasts on each database")
	flag.IntVar(&s.signing, "sign", 40, "signatures a second")
	flag.IntVar(&s.reading, "read", 150, "reads a second")
	flag.IntVar(&s.watching, "watch", 60, "live watchers")
	flag.IntVar(&s.hostile, "hostile", 20, "hostile sockets")
	flag.IntVar(&s.idle, "idle", 100, "connections on which nothing more is sent")
	only := flag.String("on", "both", "postgres, sqlite or both")
	flag.Parse()
	load.Main(func(ctx context.Context) error { return s.run(ctx, *only) })
}

// soak is how long a run lasts, and how much of everything there is.
type soak struct {
	length                                    time.Duration
	signing, reading, watching, hostile, idle int
	program                                   load.Program
	clock                                     string // a file whose name, with the process id of a server appended, holds by how much its clock is off
}

const (
	shortest  = 30 * time.Second
	petitions = 20
)

// run soaks each database in turn.
func (s *soak) run(ctx context.Context, only string) error {
	if s.length < shortest || min(s.signing, s.reading, s.watching, s.hostile, s.idle) < 1 {
		return fmt.Errorf("it must last at least %s, with at least one of everything", shortest)
	}
	folder, err := os.MkdirTemp("", "petitiond-soak-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	s.clock = filepath.Join(folder, "clock.")
	if s.program, err = load.BuildOther(ctx, folder, "petitiond", "./server", "-ldflags", "-X main.clockFile="+s.clock); err != nil {
		return err
	}
	fmt.Printf("%s\n%s on each database: %d signatures and %d reads a second, %d watchers, %d hostile sockets, %d idle connections\n",
		load.Machine(), s.length, s.signing, s.reading, s.watching, s.hostile, s.idle)
	return load.Each(ctx, only, s.on)
}

// jump moves the clock of a server.
func (s *soak) jump(server *load.Server, by time.Duration) error {
	file := fmt.Sprint(s.clock, server.PID())
	if err := os.WriteFile(file+".new", []byte(by.String()), 0o600); err != nil {
		return err
	}
	return os.Rename(file+".new", file) // renamed, since the server must not read half of it
}

// on runs everything on one database.
func (s *soak) on(ctx context.Context, on load.Database) (err error) {
	site, err := s.open(ctx, on)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, site.close()) }()

	warm := s.length / 10
	fmt.Printf("\n%s\n", on.Dialect)
	if err := site.live(ctx, warm); err != nil {
		return err
	}
	before, err := site.rest(ctx)
	if err != nil {
		return err
	}
	site.reads.clear()
	if err := site.live(ctx, s.length-warm); err != nil {
		return err
	}
	after, err := site.rest(ctx)
	if err != nil {
		return err
	}
	return errors.Join(site.report(before, after), site.audit(ctx))
}
