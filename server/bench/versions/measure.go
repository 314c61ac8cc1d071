//go:build linux

package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"petitiond/server/bench/load"
)

// operation is a request that is sent again and again.
type operation struct {
	name, document string // an empty document: it signs
	connections    int
	settings       []string
}

func operations() []operation {
	executed := []string{"PETITION_SHARED_ANSWERS=off"}
	return []operation{
		{"count", `query Count($id: ID!) { petition(id: $id) { count { total goal version } } }`, 32, nil},
		{"page", `query Page($id: ID!) { petition(id: $id) { id slug title summary body state language petitioner addressees
 createdAt commentCount tags { name label } count { total goal version }
 comments(first: 10) { nodes { id body authorName fromSignatory likeCount createdAt } }
 signatures(first: 10) { nodes { id name country number signedAt } } } }`, 32, executed},
		{"list", `query List { petitions(first: 20) { edges { cursor node { id slug title summary signatureCount goal
 tags { name label } } } pageInfo { hasNextPage endCursor } } }`, 32, executed},
		{"sign", "", 64, nil},
	}
}

// site is a running version of the program.
type site struct {
	server   *load.Server
	petition string // its id, as in the API
	body     []byte // of the request
}

// open starts a version on a database of its own and finds the petition that is read and signed.
func open(ctx context.Context, p load.Program, on load.Database, name string, o operation) (s site, err error) {
	if on, err = on.Another(ctx, name); err != nil {
		return s, err
	}
	if s.server, err = p.With("PETITION_DEMO=true").Serve(ctx, on); err != nil {
		return s, err
	}
	client := s.server.Client()
	defer client.Close()
	answer, _, err := client.Ask(ctx, request(`{ petitions(first: 1, orderBy: {field: SIGNATURE_COUNT, direction: DESC}) { nodes { id } } }`, nil))
	if err != nil {
		return s, err
	}
	var found struct {
		Data struct {
			Petitions struct{ Nodes []struct{ ID string } }
		}
	}
	if err := json.Unmarshal(answer, &found); err != nil || len(found.Data.Petitions.Nodes) == 0 {
		return s, fmt.Errorf("there is no petition: %.200s", answer)
	}
	s.petition = found.Data.Petitions.Nodes[0].ID
	s.body = request(o.document, map[string]any{"id": s.petition})
	return s, nil
}

func (s *site) close() error {
	if s.server == nil {
		return nil
	}
	return s.server.Stop()
}

func request(document string, variables map[string]any) []byte {
	body, _ := json.Marshal(map[string]any{"query": document, "variables": variables}) //nolint:errchkjson // only strings
	return body
}

// turn is one measurement.
type turn struct {
	rate      float64 // answers per second
	processor float64 // the server's time for each, in seconds
	objects   float64 // allocated for each
	resident  float64 // megabytes of the server at the end
}

// median returns the median of each figure by itself.
func median(turns []turn) (m turn) {
	by := func(figure func(turn) float64) float64 {
		slices.SortFunc(turns, func(a, b turn) int { return cmp.Compare(figure(a), figure(b)) })
		return (figure(turns[(len(turns)-1)/2]) + figure(turns[len(turns)/2])) / 2
	}
	return turn{
		by(func(t turn) float64 { return t.rate }), by(func(t turn) float64 { return t.processor }),
		by(func(t turn) float64 { return t.objects }), by(func(t turn) float64 { return t.resident }),
	}
}

// take has all connections send requests for one turn. Answers in its first quarter do not count.
func (b *bench) take(ctx context.Context, s *site, o operation) (t turn, err error) {
	ctx, cancel := context.WithCancel(ctx)
	var counting atomic.Bool
	var answered atomic.Int64
	var crowd sync.WaitGroup
	errs := make([]error, o.connections)
	for i := range o.connections {
		crowd.Go(func() {
			client := s.server.Client()
			defer client.Close()
			for ctx.Err() == nil && errs[i] == nil {
				errs[i] = b.ask(ctx, client, s, o)
				if counting.Load() {
					answered.Add(1)
				}
			}
		})
	}
	time.Sleep(b.length / 4)
	before, err := usageOf(ctx, s.server)
	began := time.Now()
	counting.Store(true)
	time.Sleep(b.length)
	counting.Store(false)
	n, took := float64(answered.Load()), time.Since(began).Seconds()
	after, failed := usageOf(ctx, s.server)
	cancel()
	crowd.Wait()
	if err = errors.Join(append(errs, err, failed)...); err == nil && n == 0 {
		err = errors.New("there was not a single answer")
	}
	return turn{n / took, (after.processor - before.processor) / n, (after.objects - before.objects) / n, after.resident}, err
}

// usage is what a server has taken of the machine since it began, and what it holds.
type usage struct{ processor, objects, resident float64 }

func usageOf(ctx context.Context, s *load.Server) (u usage, err error) {
	u.processor, err = load.Processor(s.PID())
	objects, failed := s.Allocated(ctx)
	resident, also := load.Resident(s.PID())
	u.objects, u.resident = objects, float64(resident)/1e6
	return u, errors.Join(err, failed, also)
}

// ask makes one request.
func (b *bench) ask(ctx context.Context, client *load.Client, s *site, o operation) error {
	if o.document == "" {
		return client.Sign(ctx, s.petition, load.Somebody(b.people.Add(1)))
	}
	answer, _, err := client.Ask(ctx, s.body)
	if err == nil && !bytes.HasPrefix(answer, []byte(`{"data":{"petition`)) {
		err = fmt.Errorf("answered %.200s", answer)
	}
	return err
}
