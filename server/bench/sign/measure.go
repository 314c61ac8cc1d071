package main

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// result is one measurement: signatures per second, and how many milliseconds one takes.
type result struct{ rate, p50, p99 float64 }

// warm is how long callers sign before the measurement begins.
const warm = 500 * time.Millisecond

// measure has all callers sign, spread over that many petitions.
func (b *bench) measure(ctx context.Context, w way, spread int) (result, error) {
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
	began := time.Now()
	counting.Store(true)
	wait(ctx, b.length)
	counting.Store(false)
	took := time.Since(began).Seconds()
	stopped.Store(true)
	callers.Wait()
	if err := failed.Load(); err != nil {
		return result{}, *err
	}
	all := slices.Concat(times...)
	slices.Sort(all)
	if len(all) == 0 {
		return result{}, ctx.Err()
	}
	return result{rate: float64(len(all)) / took, p50: all[len(all)/2], p99: all[len(all)*99/100]}, ctx.Err()
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
