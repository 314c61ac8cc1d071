package main

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"petitiond/server/ledger"
	"petitiond/server/secret"
)

// stock is what waits to be confirmed in a measurement.
type stock struct {
	bench    *bench
	book     *ledger.Ledger
	keys     *secret.Keys
	petition uuid.UUID
	rows     []ledger.Signature
	taken    atomic.Int64
}

// confirmed is a way to confirm, which is prepared for so many a second.
func (s *stock) confirmed(name string, rate int, confirm func(context.Context, ledger.Signature) error) way {
	return way{
		name: name,
		prepare: func(ctx context.Context) error {
			return s.fill(ctx, int(float64(rate)*(s.bench.length+warm+time.Second).Seconds()))
		},
		sign: func(int, int) error {
			n := s.taken.Add(1)
			if n > int64(len(s.rows)) {
				return errors.New("all that waited is confirmed before the measurement ends")
			}
			return confirm(context.Background(), s.rows[n-1])
		},
	}
}

// fill has n people sign, each of whom waits.
func (s *stock) fill(ctx context.Context, n int) error {
	s.rows = make([]ledger.Signature, n)
	s.taken.Store(0)
	waits := make([]func() error, n)
	for i := range s.rows {
		row := s.bench.next().Signature(s.keys, s.petition)
		row.Waiting = &ledger.Waiting{Token: s.keys.Digest(secret.AddressDigest, row.ID[:]), Code: row.Digest}
		s.rows[i], waits[i] = row, s.book.SignLater(ctx, row)
	}
	for _, wait := range waits {
		if err := wait(); err != nil {
			return err
		}
	}
	return nil
}
