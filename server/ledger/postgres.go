package ledger

import (
	"context"
	"database/sql"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/lib/pq"

	"petitiond/server/database"
	"petitiond/server/database/pgarray"
	"petitiond/server/idempotency"
	"petitiond/server/ledger/sums"
	"petitiond/server/outbox"
	"petitiond/server/timespan"
)

// The statements of PostgreSQL: a batch each, in arrays. An empty string in an array stands for NULL.
const (
	pqFindKeys = `SELECT k.id, k.input, k.answer FROM unnest($1::text[]) AS i(id)
 CROSS JOIN LATERAL (SELECT id, input, answer FROM idempotency_keys WHERE id >= i.id ORDER BY id LIMIT 1) AS k WHERE k.id = i.id`
	pqWritten = `SELECT (SELECT COUNT(*) FROM unnest($1::uuid[]) AS i(id)
  CROSS JOIN LATERAL (SELECT FROM signatures WHERE id = i.id LIMIT 1) AS s)
 + (SELECT COUNT(*) FROM unnest($2::uuid[]) AS i(id)
  CROSS JOIN LATERAL (SELECT FROM comments WHERE id = i.id LIMIT 1) AS c) > 0`
	pqComment = `INSERT INTO comments (id, petition_id, parent_id, number, author_name, from_signatory, signatory, body, created_at)
 SELECT id, petition, NULLIF(parent, '')::uuid, number, NULLIF(author, ''), signed, NULLIF(signatory, ''::bytea), body, at
 FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::bigint[], $5::text[], $6::bool[], $7::bytea[], $8::text[], $9::timestamptz[])
 AS i(id, petition, parent, number, author, signed, signatory, body, at)`
	pqWait = `INSERT INTO signatures (id, petition_id, state, digest, name, address, show_name, country, locale, statement_version,
  signed_at, token, code, reason, updates)
 SELECT id, petition, 'PENDING', digest, name, address, shown, NULLIF(country, ''), NULLIF(locale, ''), NULLIF(statement, ''), at,
  NULLIF(token, ''::bytea), NULLIF(code, ''::bytea), NULLIF(reason, ''::bytea), updates
 FROM (SELECT unnest($1::uuid[]) AS id, unnest($2::uuid[]) AS petition, unnest($3::bytea[]) AS digest, unnest($4::bytea[]) AS name,
  unnest($5::bytea[]) AS address, unnest($6::bool[]) AS shown, unnest($7::text[]) AS country, unnest($8::text[]) AS locale,
  unnest($9::text[]) AS statement, unnest($10::timestamptz[]) AS at, unnest($11::bool[]) AS updates, unnest($12::bytea[]) AS token,
  unnest($13::bytea[]) AS code, unnest($14::bytea[]) AS reason) AS i`
	// Those who hold the counters of signatures alone write to them, so that the rows stay as they are read.
	pqFind = `SELECT s.* FROM unnest($1::uuid[]) AS i(id)
 CROSS JOIN LATERAL (SELECT ` + storedColumns + ` FROM signatures AS s WHERE s.id = i.id LIMIT 1) AS s`
	pqClosings = `SELECT p.id, p.closed_at FROM unnest($1::uuid[]) AS i(id) CROSS JOIN LATERAL (SELECT id, closed_at
  FROM petitions WHERE id = i.id AND state = 'CLOSED' AND closed_at IS NOT NULL LIMIT 1) AS p`
	pqConfirm = `UPDATE signatures s SET state = 'COUNTED', number = i.number, confirmed_at = i.at, reason = NULL
 FROM (SELECT unnest($1::uuid[]) AS id, unnest($2::bigint[]) AS number, unnest($3::timestamptz[]) AS at) AS i
 WHERE s.id = i.id AND s.` + pqAmong
	pqErase  = `DELETE FROM signatures AS s WHERE s.` + pqAmong
	pqUnsay  = Unsay + `= ANY($1::bytea[])`
	pqNewest = `SELECT i.id, s.signed_at FROM unnest($1::uuid[]) AS i(id) CROSS JOIN LATERAL (SELECT signed_at FROM signatures
  WHERE petition_id = i.id AND number > 0 AND state = 'COUNTED' ORDER BY number DESC LIMIT $2) AS s`
	pqMoveReplies = `UPDATE comments c SET replies = c.replies + i.n
 FROM unnest($1::uuid[], $2::bigint[]) AS i(parent, n)
 WHERE c.id = i.parent AND c.id = ANY($1::uuid[])`
)

// pqLook locks counters in the order of their ids, as every writer does, so that two batches cannot each hold what the
// other waits for. With them come the addresses that are there and the last hours: one way to the server for what are
// three questions. The minutes of a petition lie together, so that a last hour is one look along an index.
//
// The counter's lock keeps every other writer of these petitions out, so that an address that is absent here is still
// absent when the rows are inserted; the unique key is the guard if that should ever be wrong. But only the counters
// themselves are read as they are once they are locked. All else is as it was when the statement began: a counter that
// lies elsewhere by now has moved since.
//
// A plain join would find addresses, but its plan is kept: made while the table is small it reads the whole table for
// every batch, or walks along another index. LATERAL with a LIMIT leaves the planner the one index.
var pqLook = `WITH held AS MATERIALIZED (
  SELECT ctid AS place, ` + counterColumns + ` FROM counters WHERE petition_id = ANY($1::uuid[]) ORDER BY petition_id FOR UPDATE
 )
 SELECT ` + counterColumns + `, ` + timespan.LastHour(`$3`, `$4`, isID) + `,
 place <> (SELECT ctid FROM counters AS c WHERE c.petition_id = i.petition_id),
 (SELECT array_agg(s.digest) FROM unnest($2::bytea[]) AS i(digest)
  CROSS JOIN LATERAL (SELECT digest FROM signatures WHERE digest >= i.digest ORDER BY digest LIMIT 1) AS s
  WHERE s.digest = i.digest)
 FROM held AS i`

// The statement that writes keys, signatures, counters and, in pqMoveSummed, sums: one way to the server for all of
// them. It counts the keys that it has stored. ON CONFLICT waits for a transaction that has written the same key until
// that has ended. Naming the petitions twice keeps the plan from reading the whole table, see pqLook. Arrays side by
// side in a SELECT are read row by row, where in a FROM each would be stored first.
const (
	pqMove       = pqMoveBegin + pqMoveEnd
	pqMoveSummed = pqMoveBegin + pqMoveSums + pqMoveEnd
	pqMoveBegin  = `WITH signed AS (
  INSERT INTO signatures (id, petition_id, number, state, digest, name, address, show_name, country, locale, statement_version,
   signed_at, updates)
  SELECT id, petition, number, 'COUNTED', digest, name, address, shown, NULLIF(country, ''), NULLIF(locale, ''),
   NULLIF(statement, ''), at, updates
  FROM (SELECT unnest($5::uuid[]) AS id, unnest($6::uuid[]) AS petition, unnest($7::bigint[]) AS number,
   unnest($8::bytea[]) AS digest, unnest($9::bytea[]) AS name, unnest($10::bytea[]) AS address, unnest($11::bool[]) AS shown,
   unnest($12::text[]) AS country, unnest($13::text[]) AS locale, unnest($14::text[]) AS statement,
   unnest($15::timestamptz[]) AS at, unnest($16::bool[]) AS updates) AS i
 ), counted AS (
  UPDATE counters c SET total = i.total, issued = i.issued, version = i.version, as_of = i.as_of,
  named = i.named, threads = i.threads, comments = i.comments, comments_issued = i.comments_issued, trending = i.trending,
  unsummed_after = i.unsummed_after, unsummed_to = i.unsummed_to, pending = i.pending
  FROM (SELECT unnest($17::uuid[]) AS petition, unnest($18::bigint[]) AS total, unnest($19::bigint[]) AS issued,
   unnest($20::bigint[]) AS version, unnest($21::timestamptz[]) AS as_of, unnest($22::bigint[]) AS named,
   unnest($23::bigint[]) AS threads, unnest($24::bigint[]) AS comments, unnest($25::bigint[]) AS comments_issued,
   unnest($26::float8[]) AS trending, unnest($27::bigint[]) AS unsummed_after, unnest($28::bigint[]) AS unsummed_to,
   unnest($29::bigint[]) AS pending) AS i
  WHERE c.petition_id = i.petition AND c.petition_id = ANY($17::uuid[])
 ), left_out AS (
  INSERT INTO unsummed (petition_id) SELECT unnest($30::uuid[]) ON CONFLICT DO NOTHING
 )`
	pqMoveSums = `, minutes AS (
  INSERT INTO signature_buckets AS b (petition_id, minute, added, removed)
  SELECT unnest($31::uuid[]), unnest($32::bigint[]), unnest($33::bigint[]), unnest($34::bigint[])
  ON CONFLICT (petition_id, span, minute) DO UPDATE SET added = b.added + excluded.added, removed = b.removed + excluded.removed
 ), days AS (
  INSERT INTO signature_days AS b (petition_id, day, added, removed)
  SELECT unnest($35::uuid[]), unnest($36::bigint[]), unnest($37::bigint[]), unnest($38::bigint[])
  ON CONFLICT (petition_id, day) DO UPDATE SET added = b.added + excluded.added, removed = b.removed + excluded.removed
 ), countries AS (
  INSERT INTO signature_country_buckets AS b (petition_id, country, added, removed)
  SELECT unnest($39::uuid[]), unnest($40::text[]), unnest($41::bigint[]), unnest($42::bigint[])
  ON CONFLICT (petition_id, country) DO UPDATE SET added = b.added + excluded.added, removed = b.removed + excluded.removed
 )`
	pqMoveEnd = `
 INSERT INTO idempotency_keys (id, input, answer, created_at)
 SELECT unnest($1::text[]), unnest($2::bytea[]), unnest($3::uuid[]), unnest($4::timestamptz[]) ON CONFLICT DO NOTHING`
)

// pqAmong is the condition that an id of the signatures s is in the array $1, which is sorted: that it is between the
// ends is what keeps the plan from reading the whole table, see pqLook.
const pqAmong = `id = ANY($1::uuid[]) AND s.id >= ($1::uuid[])[1] AND s.id <= ($1::uuid[])[cardinality($1::uuid[])]`

// isID is the condition that a column holds the petition of i.
func isID(column string) string { return column + ` = i.petition_id` }

var postgresSQL = []string{
	pqLook, pqFindKeys, pqWritten, pqWait, pqFind, pqClosings, pqConfirm, pqErase, pqUnsay, pqNewest, pqComment, sums.Postgres,
	pqMove, pqMoveSummed, pqMoveReplies, outbox.InsertArrays,
}

type pqStore struct{ *statements }

// inTx runs fn in a transaction of the pool whose commits wait for the disk.
func (s *pqStore) inTx(ctx context.Context, fn func(context.Context, tx) error) error {
	return database.InTx(ctx, s.pool, func(t *sql.Tx) error { return fn(ctx, pqTx{s.session(t)}) })
}

type pqTx struct{ session }

// look asks for everything at once.
func (t pqTx) look(ctx context.Context, ask inquiry) (found, error) {
	out := found{counters: map[uuid.UUID]*counter{}, known: map[string]bool{}, lastHour: map[uuid.UUID]int{}}
	err := t.each(ctx, pqLook, []any{
		pgarray.UUIDs(ask.petitions, pgarray.Same), pgarray.Blobs(ask.digests, pgarray.Same), ask.since, timespan.TimeOf(ask.since + 1),
	}, func(rows *sql.Rows) error {
		var n int
		var stale bool
		var known pq.ByteaArray
		c, err := scanCounter(rows, &n, &stale, &known)
		out.counters[c.petition], out.lastHour[c.petition], out.stale = c, n, out.stale || stale
		for _, digest := range known {
			out.known[string(digest)] = true
		}
		return err
	})
	return out, err
}

// findKeys reads what keys were answered.
func (t pqTx) findKeys(ctx context.Context, ids []string) (map[string]idempotency.Record, error) {
	out := make(map[string]idempotency.Record, len(ids))
	err := t.each(ctx, pqFindKeys, []any{pgarray.Texts(ids, pgarray.Same)}, func(rows *sql.Rows) error {
		var k idempotency.Record
		err := rows.Scan(&k.ID, &k.Input, &k.Answer)
		out[k.ID] = k
		return err
	})
	return out, err
}

// sign numbers the new ones alone, and leaves the rest to move, but for those that wait. An ON CONFLICT would do
// without a look for addresses, but gives no number to what it leaves out: numbers must be known before the rows are
// written, and have no gaps.
func (t pqTx) sign(ctx context.Context, rows []*signatureRow, known map[string]bool) error {
	var waiting []*signatureRow
	for _, r := range rows {
		digest := string(r.Digest)
		if known[digest] {
			continue
		}
		known[digest] = true // a second one in this batch is not new any more
		r.counter.number(r)
		if r.Waiting != nil {
			waiting = append(waiting, r)
		}
	}
	if len(waiting) == 0 {
		return nil
	}
	return t.exec(ctx, pqWait, columnsOfWaiting(waiting)...)
}

// find reads signatures by their ids.
func (t pqTx) find(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]*stored, error) {
	out := make(map[uuid.UUID]*stored, len(ids))
	err := t.each(ctx, pqFind, []any{pgarray.UUIDs(ids, pgarray.Same)}, func(rows *sql.Rows) error {
		s, err := scanStored(rows)
		out[s.id] = s
		return err
	})
	return out, err
}

// closings reads when petitions were closed.
func (t pqTx) closings(ctx context.Context, petitions []uuid.UUID) (map[uuid.UUID]time.Time, error) {
	return t.closingsBy(ctx, pqClosings, pgarray.UUIDs(petitions, pgarray.Same))
}

// confirm moves rows to the others.
func (t pqTx) confirm(ctx context.Context, rows []*stored) error {
	// Sorted, since pqAmong takes the ends of the array for its bounds.
	slices.SortFunc(rows, func(a, b *stored) int { return compareIDs(a.id, b.id) })
	return t.exec(ctx, pqConfirm,
		pgarray.UUIDs(rows, func(s *stored) uuid.UUID { return s.id }),
		pgarray.Ints(rows, func(s *stored) int { return s.number }),
		pgarray.Times(rows, func(s *stored) time.Time { return s.counter.at }))
}

// erase deletes rows. It finds comments by the index of signatories.
func (t pqTx) erase(ctx context.Context, ids []uuid.UUID, signatories [][]byte, now time.Time) error {
	// As in confirm.
	slices.SortFunc(ids, compareIDs)
	if len(signatories) > 0 {
		if err := t.exec(ctx, pqUnsay, pgarray.Blobs(signatories, pgarray.Same), now); err != nil {
			return err
		}
	}
	return t.exec(ctx, pqErase, pgarray.UUIDs(ids, pgarray.Same))
}

// request writes all of them at once.
func (t pqTx) request(ctx context.Context, rows []outbox.Row) error {
	return t.exec(ctx, outbox.InsertArrays, outbox.Arrays(rows)...)
}

// newest reads along the index of numbers, from its end.
func (t pqTx) newest(ctx context.Context, petitions []uuid.UUID, most int) (map[uuid.UUID][]time.Time, error) {
	out := map[uuid.UUID][]time.Time{}
	err := t.each(ctx, pqNewest, []any{pgarray.UUIDs(petitions, pgarray.Same), most}, func(rows *sql.Rows) error {
		var id uuid.UUID
		var at time.Time
		err := rows.Scan(&id, &at)
		out[id] = append(out[id], at)
		return err
	})
	return out, err
}

// written looks for any row of the run, by ids that nobody else can have made.
func (t pqTx) written(ctx context.Context, signatures []*signatureRow, comments []*commentRow) (there bool, err error) {
	err = t.each(ctx, pqWritten, []any{
		pgarray.UUIDs(signatures, func(r *signatureRow) uuid.UUID { return r.ID }),
		pgarray.UUIDs(comments, func(r *commentRow) uuid.UUID { return r.ID }),
	}, func(rows *sql.Rows) error { return rows.Scan(&there) })
	return there, err
}

// insertComments writes comments whose numbers were given under the lock, so that none can be there already.
func (t pqTx) insertComments(ctx context.Context, rows []*commentRow) error {
	return t.exec(ctx, pqComment,
		pgarray.UUIDs(rows, func(r *commentRow) uuid.UUID { return r.ID }),
		pgarray.UUIDs(rows, func(r *commentRow) uuid.UUID { return r.counter.petition }),
		pgarray.Texts(rows, parentOf),
		pgarray.Ints(rows, func(r *commentRow) int { return r.number }),
		pgarray.Texts(rows, authorOf),
		pgarray.Bools(rows, func(r *commentRow) bool { return r.FromSignatory }),
		pgarray.Blobs(rows, func(r *commentRow) []byte { return r.Signatory }),
		pgarray.Texts(rows, func(r *commentRow) string { return r.Body }),
		pgarray.Times(rows, func(r *commentRow) time.Time { return r.at }))
}

// move writes absolute values, not differences: the rows are locked, so that nobody has moved them since they were
// read, and a batch that runs twice writes the same. To the sums it adds; the counter's lock protects them, too, so
// that the order in which the maps come does not matter to anybody.
func (t pqTx) move(ctx context.Context, m moved) error {
	if len(m.counters) == 0 && len(m.keys) == 0 {
		return nil
	}
	// The longer statement only where there are sums: PostgreSQL would otherwise begin three insertions of nothing for
	// each batch.
	text, args := pqMove, slices.Concat(columnsOfKeys(m.keys), columnsOfSignatures(m.signed), columnsOfCounters(m.counters))
	if len(m.summed) > 0 {
		text, args = pqMoveSummed, append(args, columnsOfSums(m.summed)...)
	}
	stored, err := t.wrote(ctx, text, args...)
	if err == nil && int(stored) < len(m.keys) {
		err = errKeyTaken
	}
	return err
}

// sumUp runs the same statement as Keep.
func (t pqTx) sumUp(ctx context.Context, petitions []uuid.UUID) error {
	if len(petitions) == 0 {
		return nil
	}
	return t.exec(ctx, sums.Postgres, pgarray.UUIDs(petitions, pgarray.Same))
}

// moveReplies adds to the parents that the counter's lock protects as well.
func (t pqTx) moveReplies(ctx context.Context, counters []*counter) error {
	replies := moves(counters, func(c *counter) map[uuid.UUID]int { return c.answers })
	if len(replies) == 0 {
		return nil
	}
	return t.exec(ctx, pqMoveReplies,
		pgarray.UUIDs(replies, func(m move[uuid.UUID, int]) uuid.UUID { return m.key }),
		pgarray.Ints(replies, func(m move[uuid.UUID, int]) int { return m.n }))
}
