package ledger

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"github.com/lib/pq"

	"petitiond/server/database"
	"petitiond/server/timespan"
)

// A signature belongs to the sums of its minute, its day and its country. Under a crowd many signatures of a batch
// share them; where signatures are spread over many petitions each would move three sums of its own. So a petition may
// have a few signatures that are in no sum yet: the counter says which, by their numbers, and whoever reads sums adds
// these rows. The table unsummed names the petitions that have any. They are summed up by the batch that would leave
// too many, and by Keep after some seconds.

// few is how many signatures of a petition in one batch may be left: more of them share their sums well enough.
const few = 4

// sumUpAtOnce is how many petitions one transaction sums up: it holds their counters for some milliseconds.
const sumUpAtOnce = 100

// leave leaves the signatures of the running transaction out of the sums, and reports whether it may: together with
// those that were left before they must be fewer than most, and what was taken back stands in sums alone.
func (c *counter) leave(most int) bool {
	if c.taken {
		return false
	}
	left, added := c.unsummedTo-c.unsummedAfter, c.issued-c.begun
	// An earlier version of the program that runs beside gives numbers, too, and sums them at once. Those that are left
	// must be a range that it is not in.
	if left > 0 && c.unsummedTo != c.begun || added > few || left+added >= most {
		return false
	}
	if left == 0 {
		c.unsummedAfter, c.first = c.begun, true
	}
	c.unsummedTo = c.issued
	return true
}

// UnsummedRows is the statement that reads petition_id, minute and country of the signatures that are in no sum yet, of
// the petitions whose counters c meet a condition. MINUTE stands for Dialect.MinuteSQL of signed_at. LATERAL with a
// LIMIT leaves PostgreSQL's planner the index of numbers, see pqPrepare; SQLite takes the tables in this order.
func UnsummedRows(d database.Dialect, which string) string {
	rows := `signatures AS s WHERE ` + which + ` AND ` + timespan.Unsummed
	if d == database.Postgres {
		rows = `LATERAL (SELECT s.petition_id, s.signed_at, s.country FROM signatures AS s WHERE ` + timespan.Unsummed +
			` ORDER BY s.number LIMIT c.unsummed_to - c.unsummed_after) AS s WHERE ` + which
	}
	return `SELECT s.petition_id, MINUTE AS minute, COALESCE(s.country, '') AS country FROM counters AS c CROSS JOIN ` + rows
}

// The statements that sum them up; on PostgreSQL they are one. ROWS stands for where the rows come from.
var (
	sumMinutes = `INSERT INTO signature_buckets (petition_id, minute, added)
 SELECT petition_id, minute, COUNT(*) FROM ROWS GROUP BY petition_id, minute
 ON CONFLICT (petition_id, span, minute) DO UPDATE SET added = signature_buckets.added + excluded.added`
	sumDays = `INSERT INTO signature_days (petition_id, day, added)
 SELECT petition_id, day, COUNT(*) FROM (SELECT petition_id, ` + timespan.Day.StartSQL(`minute`) + ` AS day FROM ROWS) AS d
 GROUP BY petition_id, day
 ON CONFLICT (petition_id, day) DO UPDATE SET added = signature_days.added + excluded.added`
	sumCountries = `INSERT INTO signature_country_buckets (petition_id, country, added)
 SELECT petition_id, country, COUNT(*) FROM ROWS GROUP BY petition_id, country
 ON CONFLICT (petition_id, country) DO UPDATE SET added = signature_country_buckets.added + excluded.added`
	sumForget = `DELETE FROM unsummed WHERE PETITIONS`
	sumMark   = `UPDATE counters SET unsummed_after = unsummed_to WHERE PETITIONS`

	pqSumUp = forPetitions(database.Postgres, strings.ReplaceAll(`WITH u AS MATERIALIZED (`+UnsummedRows(database.Postgres, `c.PETITIONS`)+`), minutes AS (`+sumMinutes+`),
 days AS (`+sumDays+`), countries AS (`+sumCountries+`), forgotten AS (`+sumForget+`) `+sumMark, `ROWS`, `u`))
	liteSumUp = func() (all []string) {
		for _, text := range []string{sumMinutes, sumDays, sumCountries, sumForget, sumMark} {
			text = strings.ReplaceAll(text, `ROWS`, `(`+UnsummedRows(database.SQLite, `c.PETITIONS`)+`) AS u`)
			all = append(all, forPetitions(database.SQLite, text))
		}
		return all
	}()
)

// forPetitions writes a statement for one database: PETITIONS is the condition that names petitions by the list $1, and
// MINUTE the minute of a signature.
func forPetitions(d database.Dialect, text string) string {
	petitions := `petition_id IN (SELECT value FROM json_each($1))`
	if d == database.Postgres {
		petitions = `petition_id = ANY($1::uuid[])`
	}
	return strings.NewReplacer(`PETITIONS`, petitions, `MINUTE`, d.MinuteSQL(`signed_at`)).Replace(text)
}

// textsOf is an array of ids for connections other than the ledger's.
func textsOf(petitions []uuid.UUID) any {
	out := make(pq.StringArray, len(petitions))
	for i, id := range petitions {
		out[i] = id.String()
	}
	return out
}

// listOf is the list $1 of a statement for petitions.
func listOf(d database.Dialect, petitions []uuid.UUID) any {
	if d == database.Postgres {
		return textsOf(petitions)
	}
	list, _ := json.Marshal(petitions) //nolint:errchkjson // ids always marshal
	return string(list)
}

// sumUp sums up what petitions have left, in the transaction that holds their counters.
func sumUp(ctx context.Context, q Querier, d database.Dialect, petitions []uuid.UUID) error {
	texts := liteSumUp
	if d == database.Postgres {
		texts = []string{pqSumUp}
	}
	for _, text := range texts {
		if _, err := q.ExecContext(ctx, text, listOf(d, petitions)); err != nil {
			return fmt.Errorf("summing signatures up: %w", err)
		}
	}
	return nil
}

// SumUp sums up the signatures that are in no sum yet, some petitions at a time.
func (l *Ledger) SumUp(ctx context.Context) error {
	for last := uuid.Nil; ; {
		some, err := petitionsOfRows(l.db.Read.QueryContext(ctx,
			`SELECT petition_id FROM unsummed WHERE petition_id > $1 ORDER BY petition_id LIMIT $2`, last, sumUpAtOnce))
		if err != nil || len(some) == 0 {
			return err
		}
		last = some[len(some)-1]
		err = database.InTx(ctx, l.db.Write, func(tx *sql.Tx) error {
			held, err := l.hold(ctx, tx, some)
			if err != nil || len(held) == 0 {
				return err
			}
			return sumUp(ctx, tx, l.db.Dialect, held)
		})
		if err != nil {
			return fmt.Errorf("summing signatures up: %w", err)
		}
	}
}

// hold takes the counters of petitions that nobody else holds. Whoever does may sum them up himself, and else they come
// in their next turn.
func (l *Ledger) hold(ctx context.Context, tx *sql.Tx, petitions []uuid.UUID) ([]uuid.UUID, error) {
	if l.db.Dialect == database.SQLite { // the immediate transaction holds them all
		return petitions, nil
	}
	return petitionsOfRows(tx.QueryContext(ctx, `SELECT petition_id FROM counters WHERE petition_id = ANY($1::uuid[])
 ORDER BY petition_id FOR UPDATE SKIP LOCKED`, textsOf(petitions)))
}

// petitionsOfRows reads rows of an id each.
func petitionsOfRows(rows *sql.Rows, err error) (ids []uuid.UUID, _ error) {
	if err != nil {
		return nil, fmt.Errorf("finding signatures to sum up: %w", err)
	}
	if ids, err = database.IDs(rows); err != nil {
		return nil, fmt.Errorf("finding signatures to sum up: %w", err)
	}
	return ids, nil
}
