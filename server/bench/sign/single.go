package main

import (
	"context"
	"database/sql"
	"fmt"

	"petitiond/server/database"
	"petitiond/server/ledger"
	"petitiond/server/timespan"
)

// single writes each signature in a transaction of its own, as a server without group commit would: it locks and
// updates the counter, and then writes the same rows as the ledger.
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
}

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

// sign repeats the transaction if waiting for the counter took longer than the database allows.
func (s *single) sign(ctx context.Context, row ledger.Signature) error {
	for {
		err := database.InTx(ctx, s.db.Write, func(tx *sql.Tx) error { return s.write(ctx, tx, row) })
		if err == nil || (!database.IsTimeout(err) && !database.IsRetryable(err)) || ctx.Err() != nil {
			return err
		}
	}
}

func (s *single) write(ctx context.Context, tx *sql.Tx, row ledger.Signature) error {
	now := database.Now()
	var number int
	if err := tx.StmtContext(ctx, s.statements[0]).QueryRowContext(ctx, row.Petition, now).Scan(&number); err != nil {
		return err
	}
	minute := timespan.MinuteOf(now)
	for i, args := range [][]any{
		{row.Key.ID, row.Key.Input, row.Petition, now},
		{row.ID, row.Petition, number, row.Digest, row.Name, row.Address, row.ShowName, row.Country, now},
		{row.Petition, minute},
		{row.Petition, timespan.Day.Start(minute)},
		{row.Petition, row.Country},
	} {
		if _, err := tx.StmtContext(ctx, s.statements[i+1]).ExecContext(ctx, args...); err != nil {
			return err
		}
	}
	return nil
}
