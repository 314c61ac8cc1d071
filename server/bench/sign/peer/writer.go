package main

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/lib/pq"

	"petitiond/server/database"
)

// signature is a signature on its way into the table.
type signature struct {
	id, petition           uuid.UUID
	digest                 []byte
	name, address, country string
	shown                  bool
	done                   chan error
}

// writer writes what has arrived during one commit as the next batch.
type writer struct {
	pool          *sql.DB
	insert, count *sql.Stmt
	waiting       chan *signature
}

const (
	// most is how many signatures a batch has at most, as in the server.
	most = 1024

	tables = `CREATE TABLE peer_signatures (id uuid PRIMARY KEY, petition_id uuid NOT NULL, digest bytea NOT NULL UNIQUE,
 name text NOT NULL, address text NOT NULL, country text NOT NULL, show_name boolean NOT NULL, signed_at timestamptz NOT NULL);
CREATE TABLE peer_counters (petition_id uuid PRIMARY KEY, total bigint NOT NULL) WITH (fillfactor = 50);
INSERT INTO peer_counters SELECT petition_id, 0 FROM counters`
	insertAll = `INSERT INTO peer_signatures SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::bytea[], $4::text[], $5::text[],
 $6::text[], $7::bool[], $8::timestamptz[]) ON CONFLICT (digest) DO NOTHING RETURNING petition_id`
	countAll = `UPDATE peer_counters AS c SET total = c.total + i.n FROM unnest($1::uuid[], $2::bigint[]) AS i(petition, n)
 WHERE c.petition_id = i.petition AND c.petition_id = ANY($1::uuid[])`
)

func newWriter(ctx context.Context, address string) (*writer, error) {
	if address, err := database.PostgresAddress(address); err != nil {
		return nil, err
	} else if pool, err := sql.Open("postgres", address); err != nil {
		return nil, err
	} else {
		w := &writer{pool: pool, waiting: make(chan *signature, 8*most)}
		return w, w.prepare(ctx)
	}
}

func (w *writer) prepare(ctx context.Context) (err error) {
	w.pool.SetMaxIdleConns(1)
	if _, err = w.pool.ExecContext(ctx, tables); err != nil {
		return fmt.Errorf("making the peer's tables: %w", err)
	}
	if w.insert, err = w.pool.PrepareContext(ctx, insertAll); err != nil {
		return err
	}
	w.count, err = w.pool.PrepareContext(ctx, countAll)
	return err
}

func (w *writer) sign(ctx context.Context, s *signature) error {
	w.waiting <- s
	select {
	case err := <-s.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (w *writer) run(ctx context.Context) error {
	batch := make([]*signature, 0, most)
	for {
		select {
		case s := <-w.waiting:
			batch = append(batch[:0], s)
		case <-ctx.Done():
			return nil
		}
		for len(batch) < most && len(w.waiting) > 0 {
			batch = append(batch, <-w.waiting)
		}
		err := w.write(ctx, batch)
		for _, s := range batch {
			s.done <- err
		}
	}
}

func (w *writer) write(ctx context.Context, batch []*signature) error {
	return database.InTx(ctx, w.pool, func(tx *sql.Tx) error {
		added, err := w.add(ctx, tx, batch)
		if err != nil || len(added) == 0 {
			return err
		}
		var ids pq.StringArray
		var numbers pq.Int64Array
		for id, n := range added {
			ids, numbers = append(ids, id), append(numbers, n)
		}
		_, err = tx.StmtContext(ctx, w.count).ExecContext(ctx, ids, numbers)
		return err
	})
}

// add inserts the signatures whose address is new, and returns how many there are of each petition.
func (w *writer) add(ctx context.Context, tx *sql.Tx, batch []*signature) (map[string]int64, error) {
	n := len(batch)
	ids, petitions, times := make(pq.StringArray, n), make(pq.StringArray, n), make(pq.StringArray, n)
	names, addresses, countries := make(pq.StringArray, n), make(pq.StringArray, n), make(pq.StringArray, n)
	digests, shown := make(pq.ByteaArray, n), make(pq.BoolArray, n)
	now := database.Now().Format(time.RFC3339Nano)
	for i, s := range batch {
		ids[i], petitions[i], digests[i], times[i] = s.id.String(), s.petition.String(), s.digest, now
		names[i], addresses[i], countries[i], shown[i] = s.name, s.address, s.country, s.shown
	}
	rows, err := tx.StmtContext(ctx, w.insert).QueryContext(ctx, ids, petitions, digests, names, addresses, countries, shown, times)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	added := map[string]int64{}
	for rows.Next() {
		var petition string
		if err := rows.Scan(&petition); err != nil {
			return nil, err
		}
		added[petition]++
	}
	return added, rows.Err()
}
