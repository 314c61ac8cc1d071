package ledger

import (
	"context"
	"database/sql"
	"time"

	"github.com/google/uuid"
	"github.com/lib/pq"

	"petitiond/server/database"
)

// The statements of PostgreSQL: a batch each, in arrays. An empty string in an array stands for NULL.
const (
	pqLock = `SELECT ` + counterColumns + ` FROM counters WHERE petition_id = ANY($1::uuid[])
 ORDER BY petition_id FOR UPDATE`
	pqKeepKeys = `INSERT INTO idempotency_keys (id, input, answer, created_at)
 SELECT * FROM unnest($1::text[], $2::bytea[], $3::uuid[], $4::timestamptz[]) ON CONFLICT DO NOTHING RETURNING id`
	pqFindKeys = `SELECT id, input, answer FROM idempotency_keys WHERE id = ANY($1::text[])`
	// The counter's lock keeps every other writer of these petitions out, so that what is absent here is
	// still absent when the rows are inserted; the unique key is the guard if that should ever be wrong.
	// A plain join would do, but its plan is kept: made while the table is small it reads the whole table for
	// every batch, or walks along another index. This form leaves the planner the one index.
	pqFindSignatures = `SELECT s.petition_id, s.digest
 FROM unnest($1::uuid[], $2::bytea[]) AS i(petition, digest)
 CROSS JOIN LATERAL (SELECT petition_id, digest FROM signatures WHERE (petition_id, digest) >= (i.petition, i.digest)
  ORDER BY petition_id, digest LIMIT 1) AS s
 WHERE s.petition_id = i.petition AND s.digest = i.digest`
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
	pqMoveMinutes = `INSERT INTO signature_buckets AS b (petition_id, minute, added)
 SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::bigint[])
 ON CONFLICT (petition_id, span, minute) DO UPDATE SET added = b.added + excluded.added`
	pqMoveDays = `INSERT INTO signature_days AS d (petition_id, day, added)
 SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::bigint[])
 ON CONFLICT (petition_id, day) DO UPDATE SET added = d.added + excluded.added`
	pqMoveCountries = `INSERT INTO signature_country_buckets AS b (petition_id, country, added, removed)
 SELECT petition, country, n, 0 FROM unnest($1::uuid[], $2::text[], $3::bigint[]) AS i(petition, country, n)
 ON CONFLICT (petition_id, country) DO UPDATE SET added = b.added + excluded.added`
	pqMoveAnswers = `UPDATE comments c SET replies = c.replies + i.n
 FROM unnest($1::uuid[], $2::uuid[], $3::bigint[]) AS i(petition, parent, n)
 WHERE c.id = i.parent AND c.petition_id = i.petition AND c.id = ANY($2::uuid[])`
	pqLastHour = `SELECT petition_id, SUM(added - removed) FROM signature_buckets
 WHERE petition_id = ANY($1::uuid[]) AND span = 1 AND minute > $2 GROUP BY petition_id`
)

var postgresSQL = []string{
	pqLock, pqKeepKeys, pqFindKeys, pqFindSignatures, pqSign, pqWritten, pqComment, pqMoveCounters, pqMoveMinutes, pqMoveDays,
	pqMoveCountries, pqMoveAnswers, pqLastHour,
}

type pqStore struct{ *statements }

func (s *pqStore) inTx(ctx context.Context, fn func(context.Context, tx) error) error {
	return database.InTx(ctx, s.pool, func(t *sql.Tx) error { return fn(ctx, pqTx{session{s.statements, t}}) })
}

type pqTx struct{ session }

// column makes the array of one column from rows.
func column[R, V any](rows []R, value func(R) V) []V {
	out := make([]V, len(rows))
	for i, r := range rows {
		out[i] = value(r)
	}
	return out
}

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

func times[R any](rows []R, value func(R) time.Time) any {
	return texts(rows, func(r R) string { return value(r).UTC().Format(time.RFC3339Nano) })
}

func same[V any](v V) V { return v }

func (t pqTx) lock(ctx context.Context, petitions []uuid.UUID) (map[uuid.UUID]*counter, error) {
	out := make(map[uuid.UUID]*counter, len(petitions))
	err := t.each(ctx, pqLock, []any{uuids(petitions, same)}, func(rows *sql.Rows) error {
		c, err := scanCounter(rows)
		out[c.petition] = c
		return err
	})
	return out, err
}

func (t pqTx) keepKeys(ctx context.Context, keys []keyRow) (taken []string, err error) {
	if len(keys) == 0 {
		return nil, nil
	}
	wrote := make(map[string]bool, len(keys))
	err = t.each(ctx, pqKeepKeys, []any{
		texts(keys, func(k keyRow) string { return k.id }),
		blobs(keys, func(k keyRow) []byte { return k.input }),
		uuids(keys, func(k keyRow) uuid.UUID { return k.answer }),
		times(keys, func(k keyRow) time.Time { return k.at }),
	}, func(rows *sql.Rows) error {
		var id string
		err := rows.Scan(&id)
		wrote[id] = true
		return err
	})
	for _, k := range keys {
		if !wrote[k.id] {
			taken = append(taken, k.id)
		}
	}
	return taken, err
}

func (t pqTx) findKeys(ctx context.Context, ids []string) (map[string]keyRow, error) {
	out := make(map[string]keyRow, len(ids))
	err := t.each(ctx, pqFindKeys, []any{texts(ids, same)}, func(rows *sql.Rows) error {
		var k keyRow
		err := rows.Scan(&k.id, &k.input, &k.answer)
		out[k.id] = k
		return err
	})
	return out, err
}

func (t pqTx) insertSignatures(ctx context.Context, rows []*signatureRow) error {
	known, err := t.knownAddresses(ctx, rows)
	if err != nil {
		return err
	}
	var fresh []*signatureRow
	for _, r := range rows {
		address := addressOf(r.counter.petition, r.Digest)
		if known[address] {
			continue
		}
		known[address] = true // a second one in this batch is not new any more
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

func addressOf(petition uuid.UUID, digest []byte) string {
	return string(petition[:]) + string(digest)
}

func (t pqTx) knownAddresses(ctx context.Context, rows []*signatureRow) (map[string]bool, error) {
	out := make(map[string]bool, len(rows))
	err := t.each(ctx, pqFindSignatures, []any{
		uuids(rows, func(r *signatureRow) uuid.UUID { return r.counter.petition }),
		blobs(rows, func(r *signatureRow) []byte { return r.Digest }),
	}, func(rows *sql.Rows) error {
		var petition uuid.UUID
		var digest []byte
		err := rows.Scan(&petition, &digest)
		out[addressOf(petition, digest)] = true
		return err
	})
	return out, err
}

func (t pqTx) written(ctx context.Context, signatures []*signatureRow, comments []*commentRow) (there bool, err error) {
	err = t.each(ctx, pqWritten, []any{
		uuids(signatures, func(r *signatureRow) uuid.UUID { return r.ID }),
		uuids(comments, func(r *commentRow) uuid.UUID { return r.ID }),
	}, func(rows *sql.Rows) error { return rows.Scan(&there) })
	return there, err
}

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

func parentOf(r *commentRow) string {
	if r.Parent == nil {
		return ""
	}
	return r.Parent.String()
}

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

func moves[K comparable](counters []*counter, of func(*counter) map[K]int) []move[K] {
	var out []move[K]
	for _, c := range counters {
		for k, n := range of(c) {
			out = append(out, move[K]{c.petition, k, n})
		}
	}
	return out
}

func (t pqTx) moveBuckets(ctx context.Context, counters []*counter) error {
	err := moveAll(ctx, t, pqMoveMinutes, counters, func(c *counter) map[int64]int { return c.minutes }, keysOfTime)
	if err != nil {
		return err
	}
	err = moveAll(ctx, t, pqMoveDays, counters, func(c *counter) map[int64]int { return c.days }, keysOfTime)
	if err != nil {
		return err
	}
	err = moveAll(ctx, t, pqMoveCountries, counters, func(c *counter) map[string]int { return c.countries },
		func(m []move[string]) any { return texts(m, func(m move[string]) string { return m.key }) })
	if err != nil {
		return err
	}
	return moveAll(ctx, t, pqMoveAnswers, counters, func(c *counter) map[uuid.UUID]int { return c.answers },
		func(m []move[uuid.UUID]) any { return uuids(m, func(m move[uuid.UUID]) uuid.UUID { return m.key }) })
}

func keysOfTime(m []move[int64]) any { return ints(m, func(m move[int64]) int { return int(m.key) }) }

// moveAll runs a statement with what it adds for all counters, if there is anything: petitions, keys, numbers.
func moveAll[K comparable](ctx context.Context, t pqTx, text string, counters []*counter, of func(*counter) map[K]int, keys func([]move[K]) any) error {
	m := moves(counters, of)
	if len(m) == 0 {
		return nil
	}
	return t.exec(ctx, text, uuids(m, func(m move[K]) uuid.UUID { return m.petition }), keys(m), ints(m, func(m move[K]) int { return m.n }))
}

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
