//go:build linux

package main

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"petitiond/graph/scalar"
	"petitiond/server/bench/load"
	"petitiond/server/database"
)

// result is one measurement.
type result struct {
	rate, p50, p99   float64 // answers per second; milliseconds
	server, database float64 // milliseconds of processor time per answer
	hits             float64
}

// warm is how long reading goes on before it is measured: the server adapts its garbage collector only after three
// seconds of load.
const warm = 5 * time.Second

const header = "| operation | connections | way | answers/s | of memory | of sql | p50 ms | p99 ms | CPU server, ms each | " +
	"CPU database, ms each | from memory |\n|---|--:|---|--:|--:|--:|--:|--:|--:|--:|--:|"

// rows measures every way, in turn, and prints the medians.
func (b *bench) rows(ctx context.Context, db *database.DB, o operation, connections int, ways []way, ids []uuid.UUID) error {
	all := map[string][]result{}
	for range b.rounds {
		for _, w := range ways {
			r, err := b.measure(ctx, db, o, connections, w, ids)
			if err != nil {
				return fmt.Errorf("%s by %s: %w", o.name, w.name, err)
			}
			all[w.name] = append(all[w.name], r)
		}
	}
	medians := map[string]result{}
	for name, list := range all {
		slices.SortFunc(list, func(a, b result) int { return int(a.rate - b.rate) })
		medians[name] = list[len(list)/2]
	}
	for _, w := range ways {
		m := medians[w.name]
		of := func(name string) string {
			if base := medians[name].rate; base > 0 {
				return fmt.Sprintf("%.2f", m.rate/base)
			}
			return "–"
		}
		fmt.Printf("| %s | %d | %s | %.0f | %s | %s | %.1f | %.1f | %.3f | %.3f | %.0f %% |\n",
			o.name, connections, w.name, m.rate, of("memory"), of("sql"), m.p50, m.p99, m.server, m.database, 100*m.hits)
	}
	return nil
}

func (b *bench) measure(ctx context.Context, db *database.DB, o operation, connections int, w way, ids []uuid.UUID) (r result, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var counting atomic.Bool
	var failed atomic.Pointer[error]
	var hits atomic.Int64
	times := make([][]float64, connections)
	var crowd sync.WaitGroup
	if w.signed {
		crowd.Go(func() { sign(ctx, w.server, ids, &failed) })
	}
	for i := range connections {
		crowd.Go(func() {
			client := w.server.Client()
			defer client.Close()
			for n := i * 61; ctx.Err() == nil; n++ {
				began := time.Now()
				answer, hit, err := client.Ask(ctx, o.bodies[o.draws[n%len(o.draws)]])
				if err == nil && !bytes.HasPrefix(answer, []byte(`{"data":{"petition`)) {
					err = fmt.Errorf("answered %.200s", answer)
				}
				if err != nil {
					failed.CompareAndSwap(nil, &err)
					return
				}
				if counting.Load() {
					times[i] = append(times[i], float64(time.Since(began).Microseconds())/1000)
					if hit {
						hits.Add(1)
					}
				}
			}
		})
	}
	wait(ctx, warm)
	before, err := load.Spent(ctx, db, w.server)
	if err != nil {
		return r, err
	}
	profiled, err := b.profile(w, fmt.Sprintf("%s-%s-%d", db.Dialect, o.name, connections))
	if err != nil {
		return r, err
	}
	began := time.Now()
	counting.Store(true)
	wait(ctx, b.length)
	counting.Store(false)
	took := time.Since(began).Seconds()
	after, err := load.Spent(ctx, db, w.server)
	err = errors.Join(err, profiled())
	cancel()
	crowd.Wait()
	if failure := failed.Load(); failure != nil {
		return r, *failure
	}
	all := slices.Concat(times...)
	slices.Sort(all)
	if len(all) == 0 {
		return r, errors.Join(err, errors.New("there was not a single answer"))
	}
	n := float64(len(all))
	return result{
		rate: n / took, p50: all[len(all)/2], p99: all[len(all)*99/100], hits: float64(hits.Load()) / n,
		server: 1000 * (after.Program - before.Program) / n, database: 1000 * (after.Database - before.Database) / n,
	}, err
}

// settle waits for a second without load: a server that has just started recounts everything, and the database still
// works on what was written.
func settle(ctx context.Context, db *database.DB, ways []way) error {
	for range 120 {
		before, err := spentByAll(ctx, db, ways)
		if err != nil {
			return err
		}
		wait(ctx, time.Second)
		after, err := spentByAll(ctx, db, ways)
		if err != nil || after-before < 0.03 {
			return err
		}
	}
	return errors.New("the servers and the database remain busy")
}

func spentByAll(ctx context.Context, db *database.DB, ways []way) (seconds float64, err error) {
	for _, w := range ways {
		p, err := load.Spent(ctx, db, w.server)
		if err != nil {
			return 0, err
		}
		seconds += p.Program + p.Database/float64(len(ways)) // all ways share the database
	}
	return seconds, nil
}

func wait(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// people is how many have signed.
var people atomic.Int64

// sign signs 50 times a second until ctx ends.
func sign(ctx context.Context, s *load.Server, ids []uuid.UUID, failed *atomic.Pointer[error]) {
	client, tick, zipf := s.Client(), time.NewTicker(20*time.Millisecond), zipfOver(len(ids))
	defer client.Close()
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := client.Sign(ctx, publicID(ids[zipf()]), load.Somebody(people.Add(1))); err != nil && ctx.Err() == nil {
			failed.CompareAndSwap(nil, &err)
			return
		}
	}
}

func publicID(id uuid.UUID) string { return scalar.NewID(scalar.Petition, id).String() }

// zipfOver returns a function that draws numbers below n by Zipf's law, the lowest most often.
func zipfOver(n int) func() int {
	z := rand.NewZipf(rand.New(rand.NewPCG(1, 2)), 1.07, 1, uint64(n-1)) //nolint:gosec // the same each time
	return func() int { return int(z.Uint64()) }
}

func slugsOf(ctx context.Context, db *database.DB, ids []uuid.UUID) (map[uuid.UUID]string, error) {
	rows, err := db.Read.QueryContext(ctx, `SELECT id, slug FROM petitions`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	slugs := make(map[uuid.UUID]string, len(ids))
	for rows.Next() {
		var id uuid.UUID
		var slug sql.NullString
		if err := rows.Scan(&id, &slug); err != nil {
			return nil, err
		}
		slugs[id] = slug.String
	}
	return slugs, rows.Err()
}

// same makes sure that all ways return the same answers, apart from cursors, which only the server can make.
func same(ctx context.Context, operations []operation, ways []way) error {
	for _, o := range operations {
		for _, body := range o.bodies {
			var first any
			for i, w := range ways {
				client := w.server.Client()
				answer, _, err := client.Ask(ctx, body)
				var content any
				if err == nil {
					err = json.Unmarshal(answer, &content)
				}
				client.Close()
				if err != nil {
					return fmt.Errorf("%s by %s: %w: %.200s", o.name, w.name, err, answer)
				}
				if content = plain(content); i == 0 {
					first = content
				} else if !reflect.DeepEqual(first, content) {
					return fmt.Errorf("%s: %s answers %v, and %s %v", o.name, ways[0].name, first, w.name, content)
				}
			}
		}
	}
	return nil
}

// plain returns a value without cursors.
func plain(v any) any {
	switch v := v.(type) {
	case map[string]any:
		delete(v, "cursor")
		delete(v, "endCursor")
		for k := range v {
			v[k] = plain(v[k])
		}
	case []any:
		for i := range v {
			v[i] = plain(v[i])
		}
	}
	return v
}
