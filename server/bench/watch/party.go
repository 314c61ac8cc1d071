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

// roleCrowd is the role of the watchers of one server.
const roleCrowd = "crowd"

// The protocols over which a crowd watches.
const (
	formSocket = "graphql-transport-ws"
	formEvents = "text/event-stream"
)

// order is what a crowd watches, and how.
type order struct {
	Address   string
	Sockets   int
	Petitions []string // an operation of each socket for each
	Form      string
	Plain     bool // values arrive without a subscription
	Net       int  // the loopback network to connect from
}

// question is a command to a crowd: to start counting from zero, or to report when it has received these versions.
type question struct {
	Begin    bool
	Versions []int64
	Within   time.Duration
}

// told is a crowd's answer.
type told struct {
	Fault     string
	Delivered int64
	Delays    delays
	Behind    int // operations that have not received the last version
	Gone      int
	Backwards int
	Processor float64
}

// delays counts how many values took so many tenths of a millisecond.
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

// party is the crowds of all servers, each of which is a process.
type party []*remote

// remote is the process of a crowd.
type remote struct {
	*part
	to   *json.Encoder
	from *json.Decoder
	gone sync.Once
}

// join starts a crowd and returns when all of it watches.
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

// ask sends a question to all crowds at the same time, and adds up their answers.
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

// leave ends the processes, and with them their sockets. It may be called more than once.
func (p party) leave() {
	for _, r := range p {
		if r != nil {
			r.gone.Do(func() { _ = r.end() }) // it has already reported its results
		}
	}
}
