package main

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"petitiond/server/database"
	"petitiond/server/ledger"
	"petitiond/server/timespan"
)

// single writes or confirms each signature in a transaction of its own, as a server without group commit would: it
// locks and updates the counter, and then writes the same rows as the ledger.
type single struct {
	db         *database.DB
	statements []*sql.Stmt
}

var singleSQL = []string{
	`UPDATE counters SET total = total + 1, issued = issued + 1, version = version + 1, as_of = $2, named = named + 1
 WHERE petition_id = $1 RETURNING issued`,
	`INSERT INTO idempotency_keys (id, input, answer, created_at) VALUES ($1, $2, $3, $4)`,
	`INSERT INTO signatures (id, petition_id, number, state, digest, name, address, show_name, country, signed_at)
 VALUES ($1, $2, $3, 'COUNTED', $4, $5, $6, $7, $8, $9)`,
	`INSERT INTO signature_buckets AS b (petition_id, minute, added) VALUES ($1, $2, 1)
 ON CONFLICT (petition_id, span, minute) DO UPDATE SET added = b.added + 1`,
	`INSERT INTO signature_days AS d (petition_id, day, added) VALUES ($1, $2, 1)
 ON CONFLICT (petition_id, day) DO UPDATE SET added = d.added + 1`,
	`INSERT INTO signature_country_buckets AS b (petition_id, country, added) VALUES ($1, $2, 1)
 ON CONFLICT (petition_id, country) DO UPDATE SET added = b.added + 1`,
	`UPDATE counters SET total = total + 1, issued = issued + 1, version = version + 1, as_of = $2, named = named + 1,
 pending = pending - 1 WHERE petition_id = $1 RETURNING issued`,
	`UPDATE signatures SET state = 'COUNTED', number = $2, confirmed_at = $3, reason = NULL WHERE id = $1
 AND state = 'PENDING'`,
}

// Places in singleSQL.
const (
	countSigned = iota
	writeKey
	writeSignature
	writeMinute
	writeDay
	writeCountry
	countConfirmed
	writeConfirmed
)

func newSingle(ctx context.Context, db *database.DB) (*single, error) {
	s := &single{db: db}
	for _, text := range singleSQL {
		stmt, err := db.Write.PrepareContext(ctx, text)
		if err != nil {
			return nil, fmt.Errorf("preparing %.40s: %w", text, err)
		}
		s.statements = append(s.statements, stmt)
	}
	return s, nil
}

// sign writes a signature.
func (s *single) sign(ctx context.Context, row ledger.Signature) error {
	return s.count(ctx, row, countSigned, func(number int, now time.Time) []step {
		return []step{
			{writeKey, []any{row.Key.ID, row.Key.Input, row.Petition, now}},
			{writeSignature, []any{
				row.ID, row.Petition, number, row.Digest, row.Name, row.Address, row.ShowName, row.Country, now,
			}},
		}
	})
}

// confirm counts a signature that waits.
func (s *single) confirm(ctx context.Context, row ledger.Signature) error {
	return s.count(ctx, row, countConfirmed, func(number int, now time.Time) []step {
		return []step{{writeConfirmed, []any{row.ID, number, now}}}
	})
}

// step is one of the statements with its arguments.
type step struct {
	statement int
	args      []any
}

// count repeats the transaction if waiting for the counter took longer than the database allows.
func (s *single) count(ctx context.Context, row ledger.Signature, by int, rows func(int, time.Time) []step) error {
	for {
		err := database.InTx(ctx, s.db.Write, func(tx *sql.Tx) error { return s.write(ctx, tx, row, by, rows) })
		if err == nil || (!database.IsTimeout(err) && !database.IsRetryable(err)) || ctx.Err() != nil {
			return err
		}
	}
}

func (s *single) write(
	ctx context.Context, tx *sql.Tx, row ledger.Signature, by int, rows func(int, time.Time) []step,
) error {
	now := database.Now()
	var number int
	if err := tx.StmtContext(ctx, s.statements[by]).QueryRowContext(ctx, row.Petition, now).Scan(&number); err != nil {
		return err
	}
	minute := timespan.MinuteOf(now)
	for _, do := range append(rows(number, now),
		step{writeMinute, []any{row.Petition, minute}},
		step{writeDay, []any{row.Petition, timespan.Day.Start(minute)}},
		step{writeCountry, []any{row.Petition, row.Country}},
	) {
		if _, err := tx.StmtContext(ctx, s.statements[do.statement]).ExecContext(ctx, do.args...); err != nil {
			return err
		}
	}
	return nil
}
