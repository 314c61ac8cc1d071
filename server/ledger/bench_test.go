package ledger_test

import (
	"bytes"
	"context"
	"database/sql"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"

	"petitiond/server/database"
	"petitiond/server/database/pgserver"
	"petitiond/server/ledger"
)

// BenchmarkSign compares the ledger with one transaction for each signature, both for 128 callers, on one
// petition and over 2,000, on databases that flush as in production. Both write the same rows.
func BenchmarkSign(b *testing.B) {
	ways := map[string]func(b *testing.B, db *database.DB) func(context.Context, ledger.Signature) error{
		"Ledger": grouped, "Single": oneByOne,
	}
	for _, dialect := range []database.Dialect{database.SQLite, database.Postgres} {
		b.Run(dialect.String(), func(b *testing.B) {
			db := durable(b, dialect)
			for name, petitions := range map[string]int{"One": 1, "Many": 2000} {
				list := make([]uuid.UUID, petitions)
				for i := range list {
					list[i] = petition(b, db, open())
				}
				for _, way := range []string{"Single", "Ledger"} {
					b.Run(name+"/"+way, func(b *testing.B) { signAll(b, list, ways[way](b, db)) })
				}
			}
		})
	}
}

// signAll lets 128 callers sign in turn.
func signAll(b *testing.B, list []uuid.UUID, sign func(context.Context, ledger.Signature) error) {
	b.SetParallelism(max(1, 128/runtime.GOMAXPROCS(0)))
	var n atomic.Int64
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			id := newID()
			err := sign(context.Background(), ledger.Signature{
				ID: id, Petition: list[int(n.Add(1)*7919)%len(list)], ShowName: true, Country: "EE", Locale: "et", Statement: "v1",
				Digest: bytes.Repeat(id[:], 2), Name: bytes.Repeat(id[:], 3), Address: bytes.Repeat(id[:], 4),
				Key: &ledger.Key{ID: id.String(), Input: bytes.Repeat(id[:], 2)},
			})
			if err != nil {
				b.Error(err)
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "signatures/s")
}

// durable gives a migrated database that flushes as in production.
func durable(b *testing.B, dialect database.Dialect) *database.DB {
	b.Helper()
	address := "sqlite:" + filepath.Join(b.TempDir(), "bench.db")
	if dialect == database.Postgres {
		server, err := pgserver.New(b.Context(), pgserver.Options{Durable: true})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() {
			if err := server.Stop(); err != nil {
				b.Error(err)
			}
		})
		address = server.URL("postgres")
	}
	db := opened(b, database.Options{}, address)
	if _, err := db.Migrate(b.Context()); err != nil {
		b.Fatal(err)
	}
	return db
}

func grouped(b *testing.B, db *database.DB) func(context.Context, ledger.Signature) error {
	book := newBook(b, db, ledger.Options{})
	b.Cleanup(book.run())
	return func(ctx context.Context, s ledger.Signature) error {
		_, err := book.Sign(ctx, s)
		return err
	}
}

// The statements of a server without group commit. The first one takes the counter's lock.
var singleSQL = []string{
	`UPDATE counters SET total = total + 1, issued = issued + 1, version = version + 1, as_of = $2, named = named + 1,
 trending = trending + 1 WHERE petition_id = $1 RETURNING issued`,
	`INSERT INTO idempotency_keys (id, input, answer, created_at) VALUES ($1, $2, $3, $4)`,
	`INSERT INTO signatures (id, petition_id, number, state, digest, name, address, show_name, country, locale, statement_version,
 signed_at) VALUES ($1, $2, $3, 'COUNTED', $4, $5, $6, $7, $8, $9, $10, $11)`,
	`INSERT INTO signature_buckets AS b (petition_id, minute, added) VALUES ($1, $2, 1)
 ON CONFLICT (petition_id, minute) DO UPDATE SET added = b.added + 1`,
	`INSERT INTO signature_country_buckets AS b (petition_id, country, added) VALUES ($1, $2, 1)
 ON CONFLICT (petition_id, country) DO UPDATE SET added = b.added + 1`,
}

func oneByOne(b *testing.B, db *database.DB) func(context.Context, ledger.Signature) error {
	var prepared []*sql.Stmt
	for _, text := range singleSQL {
		stmt, err := db.Write.PrepareContext(b.Context(), text)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { stmt.Close() })
		prepared = append(prepared, stmt)
	}
	return func(ctx context.Context, s ledger.Signature) error {
		return database.InTx(ctx, db.Write, func(tx *sql.Tx) error {
			now := database.Now()
			var number int
			if err := tx.StmtContext(ctx, prepared[0]).QueryRowContext(ctx, s.Petition, now).Scan(&number); err != nil {
				return err
			}
			for i, args := range [][]any{
				{s.Key.ID, s.Key.Input, s.Petition, now},
				{s.ID, s.Petition, number, s.Digest, s.Name, s.Address, s.ShowName, s.Country, s.Locale, s.Statement, now},
				{s.Petition, ledger.MinuteOf(now)},
				{s.Petition, s.Country},
			} {
				if _, err := tx.StmtContext(ctx, prepared[1+i]).ExecContext(ctx, args...); err != nil {
					return err
				}
			}
			return nil
		})
	}
}
