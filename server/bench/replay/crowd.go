package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"petitiond/server/bench/load"
)

const (
	million = 1_000_000
	group   = 20 // signatures, after which one address is repeated
)

// crowd is all signatories.
type crowd struct {
	server     *load.Server
	petition   string
	signatures int64

	began, ended time.Time
	taken        atomic.Int64    // attempts
	signed       atomic.Int64    // first attempts of an address that were answered
	again        atomic.Int64    // answers that asked to try again
	millions     []time.Duration // when each million was reached
}

func (c *crowd) repeats() int64 { return c.signatures / group }

// sign makes every attempt once, over several connections at a time.
func (c *crowd) sign(ctx context.Context, connections int) error {
	c.millions = make([]time.Duration, c.signatures/million)
	failing, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	c.began = time.Now()
	var connected sync.WaitGroup
	for range connections {
		connected.Go(func() {
			if err := c.work(failing); err != nil {
				fail(err)
			}
		})
	}
	connected.Wait()
	c.ended = time.Now()
	return context.Cause(failing)
}

// work makes one attempt after another until there are none left.
func (c *crowd) work(ctx context.Context) error {
	client := c.server.Client()
	defer client.Close()
	for ctx.Err() == nil {
		n := c.taken.Add(1) - 1
		if n >= c.signatures+c.repeats() {
			return nil
		}
		person, first := attempt(n)
		if err := c.attempt(ctx, client, person); err != nil {
			return fmt.Errorf("attempt %d: %w", n, err)
		}
		if first {
			c.note(c.signed.Add(1))
		}
	}
	return nil
}

// attempt returns who makes attempt number n, and whether it is the first one of that address. The last attempt of each
// group repeats an address: alternately the one just before it, which is signing at the same time, and a random one.
func attempt(n int64) (p load.Person, first bool) {
	before, place := n/(group+1)*group, n%(group+1)
	if place < group {
		return load.Somebody(before + place), true
	}
	who := before + group - 1
	if n%2 == 0 {
		who = rand.Int64N(before + group) //nolint:gosec // nothing here is secret
	}
	p = load.Somebody(who)
	return load.Person{
		Name: p.Name + " again", Address: strings.ToUpper(p.Address), Key: "key-of-the-repetition-" + strconv.FormatInt(n, 10),
	}, false
}

// attempt signs until the server has acknowledged the signature.
func (c *crowd) attempt(ctx context.Context, client *load.Client, p load.Person) error {
	for {
		err := client.Sign(ctx, c.petition, p)
		if !errors.Is(err, load.ErrAgain) || ctx.Err() != nil {
			return err
		}
		c.again.Add(1)
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
		}
	}
}

// note records when each million was reached.
func (c *crowd) note(signed int64) {
	if signed%million == 0 {
		c.millions[signed/million-1] = time.Since(c.began)
		fmt.Fprintf(os.Stderr, "%s after %s\n", count(signed), seconds(time.Since(c.began)))
	}
}

func (c *crowd) report(rep *report, connections int) {
	took := c.ended.Sub(c.began)
	rep.add("signatures, over HTTP and GraphQL", "%s", count(c.signatures))
	rep.add("repeated addresses besides", "%s", count(c.repeats()))
	rep.add("connections", "%d", connections)
	rep.add("answers that asked to try again", "%s", count(c.again.Load()))
	rep.add("time", "%s", seconds(took))
	rep.add("signatures a second", "**%s**", rate(c.signatures, took))
	last := time.Duration(0)
	for i, full := range c.millions {
		rep.add(fmt.Sprintf("– million %d", i+1), "%s", rate(million, full-last))
		last = full
	}
	if rest := c.signatures % million; rest > 0 && len(c.millions) > 0 {
		rep.add("– the last "+count(rest), "%s", rate(rest, took-last))
	}
}
