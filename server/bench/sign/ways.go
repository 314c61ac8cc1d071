package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/google/uuid"

	"petitiond/server/database"
	"petitiond/server/ledger"
	"petitiond/server/secret"
)

// ways gives the ways of signing on one database, and what ends them.
func (b *bench) ways(ctx context.Context, db *database.DB, address string, petitions []uuid.UUID) ([]way, func(), error) {
	keys, err := secret.LoadOrCreate(b.secretFile())
	if err != nil {
		return nil, nil, err
	}
	people := &crowd{keys: keys}
	single, err := newSingle(ctx, db)
	if err != nil {
		return nil, nil, err
	}
	book, err := ledger.New(ctx, db, ledger.Options{})
	if err != nil {
		return nil, nil, err
	}
	working, stop := context.WithCancel(context.WithoutCancel(ctx))
	var running sync.WaitGroup
	running.Go(func() { _ = book.Run(working) }) // what it could not write, its callers were told
	server, err := b.startServer(ctx, address, petitions)
	end := func() {
		stop()
		running.Wait()
		if server != nil {
			server.stop()
		}
	}
	if err != nil {
		end()
		return nil, nil, err
	}
	return []way{
		{"single", func(_, n int) error { return single.sign(ctx, people.next(petitions[n])) }},
		{"ledger", func(_, n int) error { _, err := book.Sign(ctx, people.next(petitions[n])); return err }},
		{"server", server.sign},
	}, end, nil
}

// crowd makes signatories, each new, with all that the domain does before the ledger is asked: three seals and
// digests.
type crowd struct {
	keys *secret.Keys
	n    atomic.Int64
}

func (c *crowd) next(petition uuid.UUID) ledger.Signature {
	id := uuid.Must(uuid.NewV7())
	n := c.n.Add(1)
	address := fmt.Sprintf("signatory-%d@bench.example", n)
	return ledger.Signature{
		ID: id, Petition: petition, ShowName: true, Country: "EE",
		Digest:  c.keys.Digest(secret.AddressDigest, petition[:], []byte(address)),
		Name:    c.keys.Seal(secret.NameSeal, fmt.Appendf(nil, "Signatory %d", n), id[:]),
		Address: c.keys.Seal(secret.AddressSeal, []byte(address), id[:]),
		Key:     &ledger.Key{ID: id.String(), Input: c.keys.Digest(secret.InputDigest, id[:])},
	}
}

// single writes each signature in a transaction of its own, as a server without group commit would: the
// counter is locked and moved, then the same rows are written as the ledger writes.
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
 ON CONFLICT (petition_id, minute) DO UPDATE SET added = b.added + 1`,
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

// sign tries again where the wait for the counter was longer than the database allows.
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
	minute := now.Unix() / 60
	var errs []error
	for i, args := range [][]any{
		{row.Key.ID, row.Key.Input, row.Petition, now},
		{row.ID, row.Petition, number, row.Digest, row.Name, row.Address, row.ShowName, row.Country, now},
		{row.Petition, minute},
		{row.Petition, row.Country},
	} {
		if len(errs) == 0 {
			if _, err := tx.StmtContext(ctx, s.statements[i+1]).ExecContext(ctx, args...); err != nil {
				errs = append(errs, err)
			}
		}
	}
	return errors.Join(errs...)
}

// seed makes petitions that can be signed.
func seed(ctx context.Context, db *database.DB, n int) ([]uuid.UUID, error) {
	ids := make([]uuid.UUID, n)
	now := database.Now()
	return ids, database.InTx(ctx, db.Write, func(tx *sql.Tx) error {
		for i := range ids {
			ids[i] = uuid.Must(uuid.NewV7())
			for _, text := range []string{
				`INSERT INTO petitions (id, slug, title, summary, body, language, addressees, state, petitioner, starts_at, created_at, updated_at, version)
 VALUES ($1, $2, 'Bench', '', 'Bench', 'en', '[]', 'OPEN', 'Bench', $3, $3, $3, 1)`,
				`INSERT INTO ranks (petition_id) SELECT id FROM petitions WHERE id = $1 AND slug = $2 AND created_at = $3`,
			} {
				if _, err := tx.ExecContext(ctx, text, ids[i], fmt.Sprintf("bench-%d", i), now); err != nil {
					return fmt.Errorf("seeding: %w", err)
				}
			}
			if err := ledger.Open(ctx, tx, ids[i], ledger.Terms{Accepting: true, Goal: 100}, now); err != nil {
				return err
			}
		}
		return nil
	})
}
