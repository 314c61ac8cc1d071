//go:build linux

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"petitiond/graph/scalar"
	"petitiond/server/bench/load"
	"petitiond/server/database"
)

// target is a process that sends a count to a crowd.
type target struct {
	address string
	pid     int
}

// way is one way to send a count to a crowd.
type way interface {
	name() string
	// plain reports whether sockets are plain connections on which values arrive without a subscription.
	plain() bool
	// petitions returns the petitions that each socket watches.
	petitions(n int) []string
	start(ctx context.Context, s scene) ([]target, error)
	// move changes every count once. Several goroutines may call it at once.
	move(ctx context.Context) error
	// last returns the version that every count has at the end.
	last(ctx context.Context) ([]int64, error)
	// stop ends what start has started, even if start has failed.
	stop() error
}

// most is how many petitions are watched at once.
const most = 10

// ground is the database that all programs use, one after another.
type ground struct {
	on     load.Database
	db     *database.DB
	ids    []uuid.UUID
	public []string     // their ids as in the API
	people atomic.Int64 // how many have signed
}

func found(ctx context.Context, on load.Database) (*ground, error) {
	db, err := on.Open(ctx, database.Options{})
	if err != nil {
		return nil, err
	}
	ids, err := load.Seed(ctx, db, most)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	g := &ground{on: on, db: db, ids: ids}
	for _, id := range ids {
		g.public = append(g.public, scalar.NewID(scalar.Petition, id).String())
	}
	return g, nil
}

// program is a way that is a program with the database.
type program struct {
	*ground
	label   string
	built   load.Program
	counts  int // how many petitions change
	servers []*load.Server

	mu   sync.Mutex
	idle [][]*load.Client // of each server; guarded by mu
}

func (g *ground) program(label string, built load.Program) *program {
	return &program{ground: g, label: label, built: built}
}

func (p *program) name() string             { return p.label }
func (p *program) plain() bool              { return false }
func (p *program) petitions(n int) []string { return p.public[:n] }

func (p *program) start(ctx context.Context, s scene) ([]target, error) {
	p.servers, p.idle, p.counts = nil, make([][]*load.Client, s.processes), s.operations
	var list []target
	for range s.processes {
		server, err := p.built.Serve(ctx, p.on)
		if err != nil {
			return nil, err
		}
		p.servers = append(p.servers, server)
		list = append(list, target{server.Address, server.PID()})
	}
	return list, nil
}

// borrow returns a connection to a server, an idle one if there is any.
func (p *program) borrow(server int) *load.Client {
	p.mu.Lock()
	defer p.mu.Unlock()
	idle := p.idle[server]
	if len(idle) == 0 {
		return p.servers[server].Client()
	}
	p.idle[server] = idle[:len(idle)-1]
	return idle[len(idle)-1]
}

func (p *program) giveBack(server int, c *load.Client) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.idle[server] = append(p.idle[server], c)
}

// move signs every petition that is watched, all at the same time. It returns when all signatures are acknowledged.
func (p *program) move(ctx context.Context) error {
	faults := make([]error, p.counts)
	var signing sync.WaitGroup
	for i := range faults {
		signing.Go(func() { faults[i] = p.sign(ctx, i) })
	}
	signing.Wait()
	return errors.Join(faults...)
}

// sign signs a petition as a new person, at the server whose turn it is.
func (p *program) sign(ctx context.Context, petition int) error {
	server := petition % len(p.servers)
	c := p.borrow(server)
	err := c.Sign(ctx, p.public[petition], load.Somebody(p.people.Add(1)))
	if errors.Is(err, load.ErrAgain) { // the count does not change, but no value is lost either
		err = nil
	}
	if err != nil {
		c.Close()
		return err
	}
	p.giveBack(server, c)
	return nil
}

func (p *program) last(ctx context.Context) ([]int64, error) {
	out := make([]int64, p.counts)
	for i := range out {
		err := p.db.Read.QueryRowContext(ctx, `SELECT version FROM counters WHERE petition_id = $1`, p.ids[i]).Scan(&out[i])
		if err != nil {
			return nil, fmt.Errorf("asking for the last version: %w", err)
		}
	}
	return out, nil
}

func (p *program) stop() error {
	var errs []error
	for _, c := range slices.Concat(p.idle...) {
		c.Close()
	}
	for _, s := range p.servers {
		errs = append(errs, s.Stop())
	}
	return errors.Join(errs...)
}

// floor is the way that just writes in a loop, in processes of its own. See playFloor.
type floor struct {
	form       string
	operations int
	parts      []*part

	mu      sync.Mutex
	version int64 // guarded by mu
}

// part is a process of this program in a role, which reads its commands line by line.
type part struct {
	command *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Reader
}

// play starts this program in a role.
func play(ctx context.Context, role string) (*part, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &part{command: exec.CommandContext(ctx, self, role)} //nolint:gosec // ourselves
	p.command.Stderr = os.Stderr
	p.command.WaitDelay = time.Second
	if p.in, err = p.command.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.out = bufio.NewReader(out)
	return p, p.command.Start()
}

// end ends the process, which exits when there are no more commands.
func (p *part) end() error {
	_ = p.in.Close() // if it has already ended, Wait reports how
	return p.command.Wait()
}

func (f *floor) name() string             { return "tcp" }
func (f *floor) plain() bool              { return true }
func (f *floor) petitions(n int) []string { return make([]string, n) }

func (f *floor) start(ctx context.Context, s scene) ([]target, error) {
	f.parts, f.version, f.operations = nil, 0, s.operations
	var list []target
	for range s.processes {
		p, err := play(ctx, roleFloor)
		if err != nil {
			return nil, err
		}
		f.parts = append(f.parts, p)
		if _, err := fmt.Fprintln(p.in, f.form, f.operations); err != nil {
			return nil, err
		}
		address, err := p.out.ReadString('\n')
		if err != nil {
			return nil, err
		}
		list = append(list, target{strings.TrimSpace(address), p.command.Process.Pid})
	}
	return list, nil
}

func (f *floor) move(context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.version++
	for _, p := range f.parts {
		if _, err := io.WriteString(p.in, strconv.FormatInt(f.version, 10)+"\n"); err != nil {
			return err
		}
	}
	return nil
}

func (f *floor) last(context.Context) ([]int64, error) {
	return slices.Repeat([]int64{f.version}, f.operations), nil
}

func (f *floor) stop() error {
	var errs []error
	for _, p := range f.parts {
		errs = append(errs, p.end())
	}
	return errors.Join(errs...)
}
