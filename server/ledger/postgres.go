package ledger

import (
	"context"
	"database/sql"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/lib/pq"

	"petitiond/server/database"
	"petitiond/server/idempotency"
	"petitiond/server/timespan"
)

// The statements of PostgreSQL: a batch each, in arrays. An empty string in an array stands for NULL.
const (
	pqLock = `SELECT ` + counterColumns + ` FROM counters WHERE petition_id = ANY($1::uuid[])
 ORDER BY petition_id FOR UPDATE`
	// What this transaction wrote bears its number.
	pqTakenKeys = `SELECT id FROM idempotency_keys WHERE id = ANY($1::text[]) AND xmin <> pg_current_xact_id()::xid`
	pqFindKeys  = `SELECT id, input, answer FROM idempotency_keys WHERE id = ANY($1::text[])`
	pqWritten   = `SELECT (SELECT COUNT(*) FROM unnest($1::uuid[]) AS i(id)
  CROSS JOIN LATERAL (SELECT FROM signatures WHERE id = i.id LIMIT 1) AS s)
 + (SELECT COUNT(*) FROM unnest($2::uuid[]) AS i(id)
  CROSS JOIN LATERAL (SELECT FROM comments WHERE id = i.id LIMIT 1) AS c) > 0`
	pqComment = `INSERT INTO comments (id, petition_id, parent_id, number, author_name, from_signatory, signatory, body, created_at)
 SELECT id, petition, NULLIF(parent, '')::uuid, number, NULLIF(author, ''), signed, NULLIF(signatory, ''::bytea), body, at
 FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::bigint[], $5::text[], $6::bool[], $7::bytea[], $8::text[], $9::timestamptz[])
 AS i(id, petition, parent, number, author, signed, signatory, body, at)`
	// Signatures go with the counters, which saves a way to the server and back. Naming the keys twice keeps the plan from
	// reading the whole table, see pqPrepare.
	pqMove = `WITH signed AS (
  INSERT INTO signatures (id, petition_id, number, state, digest, name, address, show_name, country, locale, statement_version,
   signed_at)
  SELECT id, petition, number, 'COUNTED', digest, name, address, shown, NULLIF(country, ''), NULLIF(locale, ''),
   NULLIF(statement, ''), at
  FROM unnest($13::uuid[], $14::uuid[], $15::bigint[], $16::bytea[], $17::bytea[], $18::bytea[], $19::bool[], $20::text[],
   $21::text[], $22::text[], $23::timestamptz[])
   AS i(id, petition, number, digest, name, address, shown, country, locale, statement, at)
 ), left_out AS (
  INSERT INTO unsummed (petition_id) SELECT * FROM unnest($24::uuid[]) ON CONFLICT DO NOTHING
 )
 UPDATE counters c SET total = i.total, issued = i.issued, version = i.version, as_of = i.as_of,
 named = i.named, threads = i.threads, comments = i.comments, comments_issued = i.comments_issued, trending = i.trending,
 unsummed_after = i.unsummed_after, unsummed_to = i.unsummed_to
 FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::timestamptz[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[],
 $10::float8[], $11::bigint[], $12::bigint[])
 AS i(petition, total, issued, version, as_of, named, threads, comments, comments_issued, trending, unsummed_after, unsummed_to)
 WHERE c.petition_id = i.petition AND c.petition_id = ANY($1::uuid[])`
	// Three tables in one statement: each of its own costs a way to the server and back.
	pqMoveSums = `WITH minutes AS (
  INSERT INTO signature_buckets AS b (petition_id, minute, added) SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::bigint[])
  ON CONFLICT (petition_id, span, minute) DO UPDATE SET added = b.added + excluded.added
 ), days AS (
  INSERT INTO signature_days AS b (petition_id, day, added) SELECT * FROM unnest($4::uuid[], $5::bigint[], $6::bigint[])
  ON CONFLICT (petition_id, day) DO UPDATE SET added = b.added + excluded.added
 )
 INSERT INTO signature_country_buckets AS b (petition_id, country, added) SELECT * FROM unnest($7::uuid[], $8::text[], $9::bigint[])
 ON CONFLICT (petition_id, country) DO UPDATE SET added = b.added + excluded.added`
	pqMoveReplies = `UPDATE comments c SET replies = c.replies + i.n
 FROM unnest($1::uuid[], $2::bigint[]) AS i(parent, n)
 WHERE c.id = i.parent AND c.id = ANY($1::uuid[])`
)

// pqPrepare stores keys, finds addresses and sums last hours: one way to the server for what are three questions.
//
// ON CONFLICT waits for a transaction that has written the same key until that has ended.
//
// The counter's lock keeps every other writer of these petitions out, so that an address that is absent here is still
// absent when the rows are inserted; the unique key is the guard if that should ever be wrong. A plain join would do,
// but its plan is kept: made while the table is small it reads the whole table for every batch, or walks along another
// index. LATERAL with a LIMIT leaves the planner the one index.
//
// The minutes of a petition lie together, so that a last hour is one look along an index.
var pqPrepare = `WITH kept AS (
  INSERT INTO idempotency_keys (id, input, answer, created_at)
  SELECT * FROM unnest($1::text[], $2::bytea[], $3::uuid[], $4::timestamptz[]) ON CONFLICT DO NOTHING RETURNING 1
 )
 SELECT s.digest, NULL::uuid, 0 FROM unnest($5::bytea[]) AS i(digest)
 CROSS JOIN LATERAL (SELECT digest FROM signatures WHERE digest >= i.digest ORDER BY digest LIMIT 1) AS s
 WHERE s.digest = i.digest
 UNION ALL SELECT NULL, i.id, ` + timespan.LastHour(`$7`, `$8`, isID) + ` FROM unnest($6::uuid[]) AS i(id)
 UNION ALL SELECT NULL, NULL, COUNT(*) FROM kept`

// isID is the condition that a column holds i.id.
func isID(column string) string { return column + ` = i.id` }

var postgresSQL = []string{
	pqLock, pqPrepare, pqTakenKeys, pqFindKeys, pqWritten, pqComment, pqSumUp, pqMove, pqMoveSums, pqMoveReplies,
}

type pqStore struct{ *statements }

// inTx runs fn in a transaction of the pool whose commits wait for the disk.
func (s *pqStore) inTx(ctx context.Context, fn func(context.Context, tx) error) error {
	return database.InTx(ctx, s.pool, func(t *sql.Tx) error { return fn(ctx, pqTx{s.session(t)}) })
}

type pqTx struct{ session }

// lock takes the counters in the order of their ids, as every writer does, so that two batches cannot each hold what
// the other waits for. A petition that is not there has no lock, and its entries are refused.
func (t pqTx) lock(ctx context.Context, petitions []uuid.UUID) (map[uuid.UUID]*counter, error) {
	out := make(map[uuid.UUID]*counter, len(petitions))
	err := t.each(ctx, pqLock, []any{uuids(petitions, same)}, func(rows *sql.Rows) error {
		c, err := scanCounter(rows)
		out[c.petition] = c
		return err
	})
	return out, err
}

// prepare asks which keys were there only if some were not written, which is rare. It cannot ask before: another batch
// may store the same key between the question and the insertion, and only the insertion waits for it.
func (t pqTx) prepare(ctx context.Context, ask inquiry) (found, error) {
	out := found{known: make(map[string]bool, len(ask.digests)), lastHour: make(map[uuid.UUID]int, len(ask.petitions))}
	if len(ask.keys) == 0 && len(ask.digests) == 0 {
		return out, nil
	}
	ids := texts(ask.keys, func(k idempotency.Record) string { return k.ID })
	kept := 0
	err := t.each(ctx, pqPrepare, []any{
		ids,
		blobs(ask.keys, func(k idempotency.Record) []byte { return k.Input }),
		uuids(ask.keys, func(k idempotency.Record) uuid.UUID { return k.Answer }),
		times(ask.keys, func(k idempotency.Record) time.Time { return k.At }),
		pq.ByteaArray(ask.digests), uuids(ask.petitions, same), ask.since, timespan.TimeOf(ask.since + 1),
	}, func(rows *sql.Rows) error {
		var digest sql.RawBytes // no copy: the key of the map makes one
		var petition uuid.NullUUID
		var n int
		err := rows.Scan(&digest, &petition, &n)
		switch {
		case digest != nil:
			out.known[string(digest)] = true
		case petition.Valid:
			out.lastHour[petition.UUID] = n
		default:
			kept = n
		}
		return err
	})
	if err != nil || kept == len(ask.keys) {
		return out, err
	}
	return out, t.each(ctx, pqTakenKeys, []any{ids}, func(rows *sql.Rows) error {
		var id string
		err := rows.Scan(&id)
		out.taken = append(out.taken, id)
		return err
	})
}

// findKeys reads what keys were answered. Those that were stored by this very transaction are not asked for.
func (t pqTx) findKeys(ctx context.Context, ids []string) (map[string]idempotency.Record, error) {
	out := make(map[string]idempotency.Record, len(ids))
	err := t.each(ctx, pqFindKeys, []any{texts(ids, same)}, func(rows *sql.Rows) error {
		var k idempotency.Record
		err := rows.Scan(&k.ID, &k.Input, &k.Answer)
		out[k.ID] = k
		return err
	})
	return out, err
}

// sign numbers the new ones alone, and leaves the rest to move. An ON CONFLICT would do without a look for addresses,
// but gives no number to what it leaves out: numbers must be known before the rows are written, and have no gaps.
func (t pqTx) sign(_ context.Context, rows []*signatureRow, known map[string]bool) error {
	for _, r := range rows {
		digest := string(r.Digest)
		if known[digest] {
			continue
		}
		known[digest] = true // a second one in this batch is not new any more
		r.counter.number(r)
	}
	return nil
}

// written looks for any row of the run, by ids that nobody else can have made.
func (t pqTx) written(ctx context.Context, signatures []*signatureRow, comments []*commentRow) (there bool, err error) {
	err = t.each(ctx, pqWritten, []any{
		uuids(signatures, func(r *signatureRow) uuid.UUID { return r.ID }),
		uuids(comments, func(r *commentRow) uuid.UUID { return r.ID }),
	}, func(rows *sql.Rows) error { return rows.Scan(&there) })
	return there, err
}

// insertComments writes comments whose numbers were given under the lock, so that none can be there already.
func (t pqTx) insertComments(ctx context.Context, rows []*commentRow) error {
	return t.exec(ctx, pqComment,
		uuids(rows, func(r *commentRow) uuid.UUID { return r.ID }),
		uuids(rows, func(r *commentRow) uuid.UUID { return r.counter.petition }),
		texts(rows, parentOf),
		ints(rows, func(r *commentRow) int { return r.number }),
		texts(rows, authorOf),
		bools(rows, func(r *commentRow) bool { return r.FromSignatory }),
		blobs(rows, func(r *commentRow) []byte { return r.Signatory }),
		texts(rows, func(r *commentRow) string { return r.Body }),
		times(rows, func(r *commentRow) time.Time { return r.at }))
}

// move writes absolute values, not differences: the rows are locked, so that nobody has moved them since they were
// read, and a batch that runs twice writes the same.
func (t pqTx) move(ctx context.Context, counters []*counter, signed []*signatureRow) error {
	if len(counters) == 0 {
		return nil
	}
	firsts := slices.DeleteFunc(slices.Clone(counters), func(c *counter) bool { return !c.first })
	return t.exec(ctx, pqMove,
		uuids(counters, func(c *counter) uuid.UUID { return c.petition }),
		ints(counters, func(c *counter) int { return c.total }),
		ints(counters, func(c *counter) int { return c.issued }),
		ints(counters, func(c *counter) int { return int(c.version) }),
		times(counters, func(c *counter) time.Time { return c.asOf }),
		ints(counters, func(c *counter) int { return c.named }),
		ints(counters, func(c *counter) int { return c.threads }),
		ints(counters, func(c *counter) int { return c.comments }),
		ints(counters, func(c *counter) int { return c.commentsIssued }),
		floats(counters, func(c *counter) float64 { return c.trending }),
		ints(counters, func(c *counter) int { return c.unsummedAfter }),
		ints(counters, func(c *counter) int { return c.unsummedTo }),

		uuids(signed, func(r *signatureRow) uuid.UUID { return r.ID }),
		uuids(signed, func(r *signatureRow) uuid.UUID { return r.counter.petition }),
		ints(signed, func(r *signatureRow) int { return r.number }),
		blobs(signed, func(r *signatureRow) []byte { return r.Digest }),
		blobs(signed, func(r *signatureRow) []byte { return r.Name }),
		blobs(signed, func(r *signatureRow) []byte { return r.Address }),
		bools(signed, func(r *signatureRow) bool { return r.ShowName }),
		texts(signed, func(r *signatureRow) string { return r.Country }),
		texts(signed, func(r *signatureRow) string { return r.Locale }),
		texts(signed, func(r *signatureRow) string { return r.Statement }),
		times(signed, func(r *signatureRow) time.Time { return r.at }),

		uuids(firsts, func(c *counter) uuid.UUID { return c.petition }))
}

// sumUp runs the same statement as Keep.
func (t pqTx) sumUp(ctx context.Context, petitions []uuid.UUID) error {
	if len(petitions) == 0 {
		return nil
	}
	return t.exec(ctx, pqSumUp, uuids(petitions, same))
}

// moveSums adds to rows that the counter's lock protects: the order in which the maps come does not matter to anybody.
func (t pqTx) moveSums(ctx context.Context, counters []*counter) error {
	if len(counters) == 0 {
		return nil
	}
	minutes := moves(counters, func(c *counter) map[int64]int { return c.minutes })
	days := moves(counters, func(c *counter) map[int64]int { return c.days })
	countries := moves(counters, func(c *counter) map[string]int { return c.countries })
	times := func(m move[int64]) int { return int(m.key) }
	return t.exec(ctx, pqMoveSums, petitionsOf(minutes), ints(minutes, times), numbersOf(minutes),
		petitionsOf(days), ints(days, times), numbersOf(days),
		petitionsOf(countries), texts(countries, func(m move[string]) string { return m.key }), numbersOf(countries))
}

// moveReplies adds to the parents that the counter's lock protects as well.
func (t pqTx) moveReplies(ctx context.Context, counters []*counter) error {
	replies := moves(counters, func(c *counter) map[uuid.UUID]int { return c.answers })
	if len(replies) == 0 {
		return nil
	}
	return t.exec(ctx, pqMoveReplies, uuids(replies, func(m move[uuid.UUID]) uuid.UUID { return m.key }), numbersOf(replies))
}
