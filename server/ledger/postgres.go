package ledger

import (
	"context"
	"database/sql"
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
	// ON CONFLICT waits for a transaction that has written the same key until that has ended.
	pqKeepKeys = `INSERT INTO idempotency_keys (id, input, answer, created_at)
 SELECT * FROM unnest($1::text[], $2::bytea[], $3::uuid[], $4::timestamptz[]) ON CONFLICT DO NOTHING`
	// What this transaction wrote bears its number.
	pqTakenKeys = `SELECT id FROM idempotency_keys WHERE id = ANY($1::text[]) AND xmin <> pg_current_xact_id()::xid`
	pqFindKeys  = `SELECT id, input, answer FROM idempotency_keys WHERE id = ANY($1::text[])`
	// The counter's lock keeps every other writer of these petitions out, so that what is absent here is still absent when
	// the rows are inserted; the unique key is the guard if that should ever be wrong. A plain join would do, but its plan
	// is kept: made while the table is small it reads the whole table for every batch, or walks along another index. This
	// form leaves the planner the one index.
	pqFindSignatures = `SELECT s.digest FROM unnest($1::bytea[]) AS i(digest)
 CROSS JOIN LATERAL (SELECT digest FROM signatures WHERE digest >= i.digest ORDER BY digest LIMIT 1) AS s
 WHERE s.digest = i.digest`
	pqSign = `INSERT INTO signatures (id, petition_id, number, state, digest, name, address, show_name, country, locale,
 statement_version, signed_at)
 SELECT id, petition, number, 'COUNTED', digest, name, address, shown, NULLIF(country, ''), NULLIF(locale, ''),
 NULLIF(statement, ''), at
 FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::bytea[], $5::bytea[], $6::bytea[], $7::bool[], $8::text[], $9::text[],
 $10::text[], $11::timestamptz[])
 AS i(id, petition, number, digest, name, address, shown, country, locale, statement, at)`
	pqWritten = `SELECT (SELECT COUNT(*) FROM unnest($1::uuid[]) AS i(id)
  CROSS JOIN LATERAL (SELECT FROM signatures WHERE id = i.id LIMIT 1) AS s)
 + (SELECT COUNT(*) FROM unnest($2::uuid[]) AS i(id)
  CROSS JOIN LATERAL (SELECT FROM comments WHERE id = i.id LIMIT 1) AS c) > 0`
	pqComment = `INSERT INTO comments (id, petition_id, parent_id, number, author_name, from_signatory, signatory, body, created_at)
 SELECT id, petition, NULLIF(parent, '')::uuid, number, NULLIF(author, ''), signed, NULLIF(signatory, ''::bytea), body, at
 FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::bigint[], $5::text[], $6::bool[], $7::bytea[], $8::text[], $9::timestamptz[])
 AS i(id, petition, parent, number, author, signed, signatory, body, at)`
	// Naming the keys twice has the same reason: no kept plan that reads the whole table.
	pqMoveCounters = `UPDATE counters c SET total = i.total, issued = i.issued, version = i.version, as_of = i.as_of,
 named = i.named, threads = i.threads, comments = i.comments, comments_issued = i.comments_issued, trending = i.trending
 FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::timestamptz[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[],
 $10::float8[]) AS i(petition, total, issued, version, as_of, named, threads, comments, comments_issued, trending)
 WHERE c.petition_id = i.petition AND c.petition_id = ANY($1::uuid[])`
	// Three tables in one statement: each of its own costs a way to the server and back.
	pqMoveBuckets = `WITH minutes AS (
  INSERT INTO signature_buckets AS b (petition_id, minute, added) SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::bigint[])
  ON CONFLICT (petition_id, span, minute) DO UPDATE SET added = b.added + excluded.added
 ), days AS (
  INSERT INTO signature_days AS b (petition_id, day, added) SELECT * FROM unnest($4::uuid[], $5::bigint[], $6::bigint[])
  ON CONFLICT (petition_id, day) DO UPDATE SET added = b.added + excluded.added
 )
 INSERT INTO signature_country_buckets AS b (petition_id, country, added) SELECT * FROM unnest($7::uuid[], $8::text[], $9::bigint[])
 ON CONFLICT (petition_id, country) DO UPDATE SET added = b.added + excluded.added`
	pqMoveAnswers = `UPDATE comments c SET replies = c.replies + i.n
 FROM unnest($1::uuid[], $2::bigint[]) AS i(parent, n)
 WHERE c.id = i.parent AND c.id = ANY($1::uuid[])`
)

// One look along the index for each petition that was signed: the minutes of a petition lie together.
var pqLastHour = `SELECT i.id, ` + timespan.LastHour(`$2`, `b.petition_id = i.id`) + ` FROM unnest($1::uuid[]) AS i(id)`

var postgresSQL = []string{
	pqLock, pqKeepKeys, pqTakenKeys, pqFindKeys, pqFindSignatures, pqSign, pqWritten, pqComment, pqMoveCounters, pqMoveBuckets,
	pqMoveAnswers, pqLastHour,
}

type pqStore struct{ *statements }

// inTx runs fn in a transaction of the pool whose commits wait for the disk.
func (s *pqStore) inTx(ctx context.Context, fn func(context.Context, tx) error) error {
	return database.InTx(ctx, s.pool, func(t *sql.Tx) error { return fn(ctx, pqTx{s.session(t)}) })
}

type pqTx struct{ session }

// column makes the array of one column from rows. A batch goes as one array a column, because that costs one way to the
// server and one plan whatever its size; a statement of so many VALUES would be planned again for each number of rows.
func column[R, V any](rows []R, value func(R) V) []V {
	out := make([]V, len(rows))
	for i, r := range rows {
		out[i] = value(r)
	}
	return out
}

// The arrays by type. lib/pq writes those of its own types without reflection.
func texts[R any](rows []R, value func(R) string) any { return pq.StringArray(column(rows, value)) }

func blobs[R any](rows []R, value func(R) []byte) any   { return pq.ByteaArray(column(rows, value)) }
func bools[R any](rows []R, value func(R) bool) any     { return pq.BoolArray(column(rows, value)) }
func floats[R any](rows []R, value func(R) float64) any { return pq.Float64Array(column(rows, value)) }

func uuids[R any](rows []R, value func(R) uuid.UUID) any {
	return texts(rows, func(r R) string { return value(r).String() })
}

func ints[R any](rows []R, value func(R) int) any {
	return pq.Int64Array(column(rows, func(r R) int64 { return int64(value(r)) }))
}

// times writes times with all their digits: the server rounds to microseconds, as every time here is already.
func times[R any](rows []R, value func(R) time.Time) any {
	return texts(rows, func(r R) string { return value(r).UTC().Format(time.RFC3339Nano) })
}

// same is the column of rows that are values themselves.
func same[V any](v V) V { return v }

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

// keepKeys asks which keys were there only if some were not written, which is rare. It cannot ask before: another batch
// may store the same key between the question and the insertion, and only the insertion waits for it.
func (t pqTx) keepKeys(ctx context.Context, keys []idempotency.Record) (taken []string, err error) {
	if len(keys) == 0 {
		return nil, nil
	}
	ids := texts(keys, func(k idempotency.Record) string { return k.ID })
	wrote, err := t.wrote(ctx, pqKeepKeys, ids,
		blobs(keys, func(k idempotency.Record) []byte { return k.Input }),
		uuids(keys, func(k idempotency.Record) uuid.UUID { return k.Answer }),
		times(keys, func(k idempotency.Record) time.Time { return k.At }))
	if err != nil || wrote == int64(len(keys)) {
		return nil, err
	}
	err = t.each(ctx, pqTakenKeys, []any{ids}, func(rows *sql.Rows) error {
		var id string
		err := rows.Scan(&id)
		taken = append(taken, id)
		return err
	})
	return taken, err
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

// insertSignatures looks for the addresses first and inserts the new ones alone. An ON CONFLICT would do without the
// look, but gives no number to what it leaves out: numbers must be known before the rows are written, and have no gaps.
func (t pqTx) insertSignatures(ctx context.Context, rows []*signatureRow) error {
	known, err := t.knownDigests(ctx, rows)
	if err != nil {
		return err
	}
	var fresh []*signatureRow
	for _, r := range rows {
		digest := string(r.Digest)
		if known[digest] {
			continue
		}
		known[digest] = true // a second one in this batch is not new any more
		r.counter.number(r)
		fresh = append(fresh, r)
	}
	if len(fresh) == 0 {
		return nil
	}
	return t.exec(ctx, pqSign,
		uuids(fresh, func(r *signatureRow) uuid.UUID { return r.ID }),
		uuids(fresh, func(r *signatureRow) uuid.UUID { return r.counter.petition }),
		ints(fresh, func(r *signatureRow) int { return r.number }),
		blobs(fresh, func(r *signatureRow) []byte { return r.Digest }),
		blobs(fresh, func(r *signatureRow) []byte { return r.Name }),
		blobs(fresh, func(r *signatureRow) []byte { return r.Address }),
		bools(fresh, func(r *signatureRow) bool { return r.ShowName }),
		texts(fresh, func(r *signatureRow) string { return r.Country }),
		texts(fresh, func(r *signatureRow) string { return r.Locale }),
		texts(fresh, func(r *signatureRow) string { return r.Statement }),
		times(fresh, func(r *signatureRow) time.Time { return r.at }))
}

// knownDigests finds the addresses that have signed. A digest is of petition and address, so that it needs no petition.
func (t pqTx) knownDigests(ctx context.Context, rows []*signatureRow) (map[string]bool, error) {
	out := make(map[string]bool, len(rows))
	digests := blobs(rows, func(r *signatureRow) []byte { return r.Digest })
	err := t.each(ctx, pqFindSignatures, []any{digests}, func(rows *sql.Rows) error {
		// No copy: the key of the map below makes one.
		var digest sql.RawBytes
		err := rows.Scan(&digest)
		out[string(digest)] = true
		return err
	})
	return out, err
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

// moveCounters writes absolute values, not differences: the rows are locked, so that nobody has moved them since they
// were read, and a batch that runs twice writes the same.
func (t pqTx) moveCounters(ctx context.Context, counters []*counter) error {
	return t.exec(ctx, pqMoveCounters,
		uuids(counters, func(c *counter) uuid.UUID { return c.petition }),
		ints(counters, func(c *counter) int { return c.total }),
		ints(counters, func(c *counter) int { return c.issued }),
		ints(counters, func(c *counter) int { return int(c.version) }),
		times(counters, func(c *counter) time.Time { return c.asOf }),
		ints(counters, func(c *counter) int { return c.named }),
		ints(counters, func(c *counter) int { return c.threads }),
		ints(counters, func(c *counter) int { return c.comments }),
		ints(counters, func(c *counter) int { return c.commentsIssued }),
		floats(counters, func(c *counter) float64 { return c.trending }))
}

// parentOf returns the parent as the array holds it, where an empty string stands for NULL.
func parentOf(r *commentRow) string {
	if r.Parent == nil {
		return ""
	}
	return r.Parent.String()
}

// authorOf does the same for the author, who may have no name but never an empty one.
func authorOf(r *commentRow) string {
	if r.Author == nil {
		return ""
	}
	return *r.Author
}

// move is one addition to a bucket or to a parent's replies.
type move[K comparable] struct {
	petition uuid.UUID
	key      K
	n        int
}

// moves lists what all counters of a batch add, so that it goes as one array.
func moves[K comparable](counters []*counter, of func(*counter) map[K]int) []move[K] {
	var out []move[K]
	for _, c := range counters {
		for k, n := range of(c) {
			out = append(out, move[K]{c.petition, k, n})
		}
	}
	return out
}

// moveBuckets adds to rows that the counter's lock protects: the order in which the maps come does not matter to
// anybody.
func (t pqTx) moveBuckets(ctx context.Context, counters []*counter) error {
	minutes := moves(counters, func(c *counter) map[int64]int { return c.minutes })
	days := moves(counters, func(c *counter) map[int64]int { return c.days })
	countries := moves(counters, func(c *counter) map[string]int { return c.countries })
	if len(minutes) > 0 {
		times := func(m move[int64]) int { return int(m.key) }
		err := t.exec(ctx, pqMoveBuckets, petitionsOf(minutes), ints(minutes, times), numbersOf(minutes),
			petitionsOf(days), ints(days, times), numbersOf(days),
			petitionsOf(countries), texts(countries, func(m move[string]) string { return m.key }), numbersOf(countries))
		if err != nil {
			return err
		}
	}
	answers := moves(counters, func(c *counter) map[uuid.UUID]int { return c.answers })
	if len(answers) == 0 {
		return nil
	}
	return t.exec(ctx, pqMoveAnswers, uuids(answers, func(m move[uuid.UUID]) uuid.UUID { return m.key }), numbersOf(answers))
}

func petitionsOf[K comparable](list []move[K]) any {
	return uuids(list, func(m move[K]) uuid.UUID { return m.petition })
}

func numbersOf[K comparable](list []move[K]) any {
	return ints(list, func(m move[K]) int { return m.n })
}

// lastHour sums the minutes since a time, which include those that this transaction has just added.
func (t pqTx) lastHour(ctx context.Context, petitions []uuid.UUID, since int64) (map[uuid.UUID]int, error) {
	out := make(map[uuid.UUID]int, len(petitions))
	err := t.each(ctx, pqLastHour, []any{uuids(petitions, same), since}, func(rows *sql.Rows) error {
		var id uuid.UUID
		var n int
		err := rows.Scan(&id, &n)
		out[id] = n
		return err
	})
	return out, err
}
