package ledger

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/google/uuid"

	"petitiond/server/database"
	"petitiond/server/idempotency"
	"petitiond/server/ledger/sums"
	"petitiond/server/outbox"
	"petitiond/server/timespan"
)

// The statements of SQLite: one row each, run in a loop. A prepared statement costs microseconds there, and
// the immediate transaction is the lock.
const (
	// No FOR UPDATE, which SQLite does not know.
	liteLock = `SELECT ` + counterColumns + ` FROM counters WHERE petition_id = $1`
	// A second signature of an address does nothing, be the first one of this batch or of last year.
	liteSign = `INSERT INTO signatures (id, petition_id, number, state, digest, name, address, show_name, country, locale,
 statement_version, signed_at, updates) VALUES ($1, $2, $3, 'COUNTED', $4, $5, $6, $7, $8, $9, $10, $11, $12)
 ON CONFLICT (digest) DO NOTHING`
	liteWait = `INSERT INTO signatures (id, petition_id, state, digest, name, address, show_name, country, locale,
 statement_version, signed_at, token, code, reason, updates)
 VALUES ($1, $2, 'PENDING', $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) ON CONFLICT (digest) DO NOTHING`
	liteFind     = `SELECT ` + storedColumns + ` FROM json_each($1) AS i CROSS JOIN signatures AS s WHERE s.id = i.value`
	liteClosings = `SELECT p.id, p.closed_at FROM json_each($1) AS i CROSS JOIN petitions AS p
 WHERE p.id = i.value AND p.state = 'CLOSED' AND p.closed_at IS NOT NULL`
	liteConfirm = `UPDATE signatures SET state = 'COUNTED', number = $2, confirmed_at = $3, reason = NULL WHERE id = $1`
	liteErase   = `DELETE FROM signatures WHERE id IN (SELECT value FROM json_each($1))`
	liteUnsay   = Unsay + `= $1`
	liteNewest  = `SELECT signed_at FROM signatures WHERE petition_id = $1 AND number > 0 AND state = 'COUNTED'
 ORDER BY number DESC LIMIT $2`
	// Asked only after a COMMIT that was not answered.
	liteFindSignature = `SELECT 1 FROM signatures WHERE id = $1`
	liteFindComment   = `SELECT 1 FROM comments WHERE id = $1`
	liteComment       = `INSERT INTO comments (id, petition_id, parent_id, number, author_name, from_signatory, signatory, body, created_at)
 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`
	liteMoveCounter = `UPDATE counters SET total = $2, issued = $3, version = $4, as_of = $5, named = $6, threads = $7,
 comments = $8, comments_issued = $9, trending = $10, unsummed_after = $11, unsummed_to = $12, pending = $13
 WHERE petition_id = $1`
	liteLeave = `INSERT INTO unsummed (petition_id) VALUES ($1) ON CONFLICT DO NOTHING`
	// One statement for each table: in the same process none of them costs a way to a server.
	liteMoveMinute = `INSERT INTO signature_buckets (petition_id, minute, added, removed) VALUES ($1, $2, $3, $4)
 ON CONFLICT (petition_id, span, minute) DO UPDATE SET added = added + excluded.added, removed = removed + excluded.removed`
	liteMoveDay = `INSERT INTO signature_days (petition_id, day, added, removed) VALUES ($1, $2, $3, $4)
 ON CONFLICT (petition_id, day) DO UPDATE SET added = added + excluded.added, removed = removed + excluded.removed`
	liteMoveCountry = `INSERT INTO signature_country_buckets (petition_id, country, added, removed) VALUES ($1, $2, $3, $4)
 ON CONFLICT (petition_id, country) DO UPDATE SET added = added + excluded.added, removed = removed + excluded.removed`
	liteMoveReplies = `UPDATE comments SET replies = replies + $2 WHERE id = $1`
)

var sqliteSQL = append([]string{
	liteLock, idempotency.Insert, idempotency.Select, liteSign, liteWait, liteFind, liteClosings, liteConfirm, liteErase, liteUnsay, liteNewest, outbox.Insert,
	liteFindSignature, liteFindComment, liteComment, liteMoveCounter,
	liteLeave, liteMoveMinute, liteMoveDay, liteMoveCountry, liteMoveReplies, lastHourOfOne,
}, sums.SQLite...)

type sqliteStore struct{ *statements }

// inTx lets ctx end the wait for the transaction and keep it from its commit, but not end a statement: the
// driver would start a goroutine for each.
func (s *sqliteStore) inTx(ctx context.Context, fn func(context.Context, tx) error) error {
	return database.InTx(ctx, s.pool, func(t *sql.Tx) error {
		return fn(context.WithoutCancel(ctx), sqliteTx{s.session(t)})
	})
}

type sqliteTx struct{ session }

// get runs a query of at most one row and reports whether there was one.
func (t sqliteTx) get(ctx context.Context, text string, args []any, into ...any) (bool, error) {
	err := t.stmt(ctx, text).QueryRowContext(ctx, args...).Scan(into...)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// insert runs an insertion that leaves out what is there, and reports whether it wrote.
func (t sqliteTx) insert(ctx context.Context, text string, args ...any) (bool, error) {
	n, err := t.wrote(ctx, text, args...)
	return n == 1, err
}

// look only reads: the transaction is immediate, and SQLite has one writer.
func (t sqliteTx) look(ctx context.Context, ask inquiry) (found, error) {
	out := found{counters: map[uuid.UUID]*counter{}, lastHour: map[uuid.UUID]int{}}
	for _, id := range ask.petitions {
		err := t.each(ctx, liteLock, []any{id}, func(rows *sql.Rows) (err error) {
			out.counters[id], err = scanCounter(rows)
			return err
		})
		if err != nil {
			return out, err
		}
		n := 0
		if _, err := t.get(ctx, lastHourOfOne, []any{id, ask.since, timespan.TimeOf(ask.since + 1)}, &n); err != nil {
			return out, err
		}
		out.lastHour[id] = n
	}
	return out, nil
}

// findKeys reads what keys were answered.
func (t sqliteTx) findKeys(ctx context.Context, ids []string) (map[string]idempotency.Record, error) {
	out := map[string]idempotency.Record{}
	for _, id := range ids {
		var k idempotency.Record
		found, err := t.get(ctx, idempotency.Select, []any{id}, &k.ID, &k.Input, &k.Answer)
		if err != nil {
			return nil, err
		}
		if found {
			out[id] = k
		}
	}
	return out, nil
}

// sign tries each row with the number that is next, and takes the number only if the row was written. There is nobody
// beside this transaction who could have taken it.
func (t sqliteTx) sign(ctx context.Context, rows []*signatureRow, _ map[string]bool) error {
	for _, r := range rows {
		// The unique key decides, so that there is no look before the insertion as on PostgreSQL.
		wrote, err := t.signOne(ctx, r)
		if err != nil {
			return err
		}
		if wrote {
			r.counter.number(r)
		}
	}
	return nil
}

// signOne inserts a signature, unless its address has signed.
func (t sqliteTx) signOne(ctx context.Context, r *signatureRow) (wrote bool, err error) {
	country, locale, statement := null(r.Country), null(r.Locale), null(r.Statement)
	if w := r.Waiting; w != nil {
		return t.insert(ctx, liteWait, r.ID, r.counter.petition, r.Digest, r.Name, r.Address, r.ShowName, country, locale,
			statement, r.at, w.Token, w.Code, w.Reason, r.Updates)
	}
	return t.insert(ctx, liteSign, r.ID, r.counter.petition, r.counter.issued+1, r.Digest, r.Name, r.Address, r.ShowName,
		country, locale, statement, r.at, r.Updates)
}

// find reads signatures by their ids, in one statement: each by itself costs as much again.
func (t sqliteTx) find(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]*stored, error) {
	out := make(map[uuid.UUID]*stored, len(ids))
	err := t.each(ctx, liteFind, []any{database.UUIDList(ids)}, func(rows *sql.Rows) error {
		s, err := scanStored(rows)
		out[s.id] = s
		return err
	})
	return out, err
}

// closings reads when petitions were closed.
func (t sqliteTx) closings(ctx context.Context, petitions []uuid.UUID) (map[uuid.UUID]time.Time, error) {
	return t.closingsBy(ctx, liteClosings, database.UUIDList(petitions))
}

// confirm moves rows to the others.
func (t sqliteTx) confirm(ctx context.Context, rows []*stored) error {
	for _, s := range rows {
		if err := t.exec(ctx, liteConfirm, s.id, s.number, s.counter.at); err != nil {
			return err
		}
	}
	return nil
}

// erase deletes rows. It finds comments by the index of signatories.
func (t sqliteTx) erase(ctx context.Context, ids []uuid.UUID, signatories [][]byte, now time.Time) error {
	for _, signatory := range signatories {
		if err := t.exec(ctx, liteUnsay, signatory, now); err != nil {
			return err
		}
	}
	return t.exec(ctx, liteErase, database.UUIDList(ids))
}

// request writes one after the other.
func (t sqliteTx) request(ctx context.Context, rows []outbox.Row) error {
	for _, r := range rows {
		if err := t.exec(ctx, outbox.Insert, r.Args()...); err != nil {
			return err
		}
	}
	return nil
}

// newest reads along the index of numbers, from its end.
func (t sqliteTx) newest(ctx context.Context, petitions []uuid.UUID, most int) (map[uuid.UUID][]time.Time, error) {
	out := map[uuid.UUID][]time.Time{}
	for _, id := range petitions {
		err := t.each(ctx, liteNewest, []any{id, most}, func(rows *sql.Rows) error {
			var at time.Time
			err := rows.Scan(&at)
			out[id] = append(out[id], at)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// written looks for rows of the run until it finds one: a transaction is whole, so that one is enough.
func (t sqliteTx) written(ctx context.Context, signatures []*signatureRow, comments []*commentRow) (bool, error) {
	var one int
	for _, r := range signatures {
		if there, err := t.get(ctx, liteFindSignature, []any{r.ID}, &one); there || err != nil {
			return there, err
		}
	}
	for _, r := range comments {
		if there, err := t.get(ctx, liteFindComment, []any{r.ID}, &one); there || err != nil {
			return there, err
		}
	}
	return false, nil
}

// insertComments writes comments whose numbers were given within this transaction.
func (t sqliteTx) insertComments(ctx context.Context, rows []*commentRow) error {
	for _, r := range rows {
		err := t.exec(ctx, liteComment, r.ID, r.counter.petition, r.Parent, r.number, r.Author, r.FromSignatory, r.Signatory,
			r.Body, r.at)
		if err != nil {
			return err
		}
	}
	return nil
}

// move writes absolute values, as on PostgreSQL. The signatures stand there already.
func (t sqliteTx) move(ctx context.Context, m moved) error {
	for _, k := range m.keys {
		fresh, err := t.insert(ctx, idempotency.Insert, k.ID, k.Input, k.Answer, k.At)
		if err != nil {
			return err
		}
		// Looked up before and found free: it has come meanwhile, and the batch is run again with it.
		if !fresh {
			return errKeyTaken
		}
	}
	for _, c := range m.counters {
		err := t.exec(ctx, liteMoveCounter, c.petition, c.total, c.issued, c.version, c.asOf, c.named, c.threads,
			c.comments, c.commentsIssued, c.trending, c.unsummedAfter, c.unsummedTo, c.pending)
		if err != nil {
			return err
		}
		if !c.first {
			continue
		}
		if err := t.exec(ctx, liteLeave, c.petition); err != nil {
			return err
		}
	}
	return t.moveSums(ctx, m.summed)
}

// sumUp runs the same statements as Keep.
func (t sqliteTx) sumUp(ctx context.Context, petitions []uuid.UUID) error {
	if len(petitions) == 0 {
		return nil
	}
	for _, text := range sums.SQLite {
		if err := t.exec(ctx, text, database.UUIDList(petitions)); err != nil {
			return err
		}
	}
	return nil
}

// moveSums writes one row for each sum that the batch has touched, however many signatures fell into it.
func (t sqliteTx) moveSums(ctx context.Context, counters []*counter) error {
	for _, c := range counters {
		// In the order of maps: within the one transaction that writes, nobody can see or wait for an order.
		for minute, n := range c.minutes {
			if err := t.exec(ctx, liteMoveMinute, c.petition, minute, n.added, n.removed); err != nil {
				return err
			}
		}
		for day, n := range c.days {
			if err := t.exec(ctx, liteMoveDay, c.petition, day, n.added, n.removed); err != nil {
				return err
			}
		}
		for country, n := range c.countries {
			if err := t.exec(ctx, liteMoveCountry, c.petition, country, n.added, n.removed); err != nil {
				return err
			}
		}
	}
	return nil
}

// moveReplies writes one row for each parent.
func (t sqliteTx) moveReplies(ctx context.Context, counters []*counter) error {
	for _, c := range counters {
		for parent, n := range c.answers {
			if err := t.exec(ctx, liteMoveReplies, parent, n); err != nil {
				return err
			}
		}
	}
	return nil
}
