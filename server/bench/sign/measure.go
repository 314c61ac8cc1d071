package main

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"petitiond/server/bench/load"
	"petitiond/server/database"
)

// result is one measurement.
type result struct {
	rate, p50, p99    float64 // signatures per second, and how many milliseconds one takes
	program, database float64 // microseconds of processor time per signature
}

// warm is how long callers sign before the measurement begins.
const warm = 500 * time.Millisecond

// measure has all callers sign, spread over that many petitions.
func (b *bench) measure(ctx context.Context, db *database.DB, w way, spread int) (result, error) {
	if w.prepare != nil {
		if err := w.prepare(ctx); err != nil {
			return result{}, err
		}
	}
	var counting, stopped atomic.Bool
	var failed atomic.Pointer[error]
	times := make([][]float64, b.callers)
	var callers sync.WaitGroup
	for caller := range b.callers {
		callers.Go(func() {
			for n := caller; !stopped.Load(); n += 7919 { // a prime, so that each caller gets to every petition
				began := time.Now()
				if err := w.sign(caller, n%spread); err != nil {
					failed.CompareAndSwap(nil, &err)
					return
				}
				if counting.Load() {
					times[caller] = append(times[caller], float64(time.Since(began).Microseconds())/1000)
				}
			}
		})
	}
	wait(ctx, warm)
	before, err := load.Spent(ctx, db, w.server)
	began := time.Now()
	counting.Store(true)
	wait(ctx, b.length)
	counting.Store(false)
	took := time.Since(began).Seconds()
	after, also := load.Spent(ctx, db, w.server)
	stopped.Store(true)
	callers.Wait()
	if err := errors.Join(err, also); err != nil {
		return result{}, err
	}
	if err := failed.Load(); err != nil {
		return result{}, *err
	}
	all := slices.Concat(times...)
	slices.Sort(all)
	if len(all) == 0 {
		return result{}, ctx.Err()
	}
	each := 1e6 / float64(len(all))
	return result{
		rate: float64(len(all)) / took, p50: all[len(all)/2], p99: all[len(all)*99/100],
		program: each * (after.Program - before.Program), database: each * (after.Database - before.Database),
	}, ctx.Err()
}

func wait(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// median returns the result with the median rate. Its times are not medians themselves, but belong to that rate.
func median(list []result) result {
	slices.SortFunc(list, func(a, b result) int { return int(a.rate - b.rate) })
	return list[len(list)/2]
}
