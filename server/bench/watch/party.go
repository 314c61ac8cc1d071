//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"
)

// roleCrowd is the part of those who watch one server.
const roleCrowd = "crowd"

// The protocols over which a crowd watches.
const (
	formSocket = "graphql-transport-ws"
	formEvents = "text/event-stream"
)

// order says whom a crowd watches and how.
type order struct {
	Address   string
	Sockets   int
	Petitions []string // an operation of each socket for each
	Form      string
	Plain     bool // values come without being asked for
	Net       int  // which of the loopback networks to come from
}

// question is asked of a crowd that watches: to count anew from now on, or what it has seen when it has seen these
// versions.
type question struct {
	Begin    bool
	Versions []int64
	Within   time.Duration
}

// told is what a crowd answers.
type told struct {
	Fault     string
	Delivered int64
	Delays    delays
	Behind    int // operations that have not seen the last version
	Gone      int
	Backwards int
	Processor float64
}

// delays counts values by the tenths of milliseconds that they took.
type delays map[int]int64

func (d delays) quantile(q float64) float64 {
	var all, seen int64
	for _, n := range d {
		all += n
	}
	for _, tenths := range slices.Sorted(maps.Keys(d)) {
		if seen += d[tenths]; float64(seen) >= q*float64(all) {
			return float64(tenths) / 10
		}
	}
	return 0
}

// party are the crowds of all servers, each a process.
type party []*remote

// remote is the process of a crowd.
type remote struct {
	*part
	to   *json.Encoder
	from *json.Decoder
	gone sync.Once
}

// join starts a crowd and returns when everybody in it watches.
func join(ctx context.Context, o order) (*remote, error) {
	p, err := play(ctx, roleCrowd)
	if err != nil {
		return nil, err
	}
	r := &remote{part: p, to: json.NewEncoder(p.in), from: json.NewDecoder(p.out)}
	_, err = r.ask(o)
	return r, err
}

func (r *remote) ask(v any) (t told, err error) {
	if err := r.to.Encode(v); err != nil {
		return t, err
	}
	if err := r.from.Decode(&t); err != nil {
		return t, err
	}
	if t.Fault != "" {
		err = errors.New(t.Fault)
	}
	return t, err
}

// ask asks everybody at once and adds the answers up.
func (p party) ask(q question) (all told, err error) {
	answers, faults := make([]told, len(p)), make([]error, len(p))
	var asking sync.WaitGroup
	for i, r := range p {
		asking.Go(func() { answers[i], faults[i] = r.ask(q) })
	}
	asking.Wait()
	all.Delays = delays{}
	for _, t := range answers {
		all.Delivered += t.Delivered
		all.Behind += t.Behind
		all.Gone += t.Gone
		all.Backwards += t.Backwards
		all.Processor += t.Processor
		for tenths, n := range t.Delays {
			all.Delays[tenths] += n
		}
	}
	return all, errors.Join(faults...)
}

// leave ends the processes, and their sockets with them. It may be called again.
func (p party) leave() {
	for _, r := range p {
		if r != nil {
			r.gone.Do(func() { _ = r.end() }) // what it saw it has told
		}
	}
}
