package main

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/google/uuid"

	"petitiond/server/database"
)

// age signs the first petition by one way until it has the number of signatures that was asked for. Then it measures
// the way again and prints how the rate compares with the earlier one. Only the database itself vacuums meanwhile.
func (b *bench) age(ctx context.Context, db *database.DB, petition uuid.UUID, w way, before result) error {
	var has int64
	if err := db.Read.QueryRowContext(ctx, `SELECT total FROM counters WHERE petition_id = $1`, petition).Scan(&has); err != nil {
		return err
	}
	if err := b.fill(ctx, w, b.aged-has); err != nil {
		return err
	}
	var rounds []result
	for range b.rounds {
		r, err := b.measure(ctx, db, w, 1)
		if err != nil {
			return err
		}
		rounds = append(rounds, r)
	}
	m := median(rounds)
	fmt.Printf("\n%s on the one petition after %d signatures: %.0f signatures/s, p50 %.1f ms, p99 %.1f ms: %.2f of the rate above\n",
		w.name, max(b.aged, has), m.rate, m.p50, m.p99, m.rate/before.rate)
	return nil
}

// fill has all callers together sign the first petition n times.
func (b *bench) fill(ctx context.Context, w way, n int64) error {
	var taken atomic.Int64
	var failed atomic.Pointer[error]
	var callers sync.WaitGroup
	for caller := range b.callers {
		callers.Go(func() {
			for taken.Add(1) <= n && failed.Load() == nil {
				if err := w.sign(caller, 0); err != nil {
					failed.CompareAndSwap(nil, &err)
				}
			}
		})
	}
	callers.Wait()
	if err := failed.Load(); err != nil {
		return *err
	}
	return ctx.Err()
}
