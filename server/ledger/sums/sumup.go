package sums

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"petitiond/server/database"
	"petitiond/server/timespan"
)

// atOnce is how many petitions one transaction sums up: it holds their counters for some milliseconds.
const atOnce = 100

// Unsummed is the statement that reads petition_id, minute and country of the signatures that are in no sum yet, of the
// petitions whose counters c meet a condition. MINUTE stands for Dialect.MinuteSQL of signed_at. LATERAL with a LIMIT
// leaves PostgreSQL's planner the index of numbers, see pqLook in the ledger; SQLite takes the tables in this order.
func Unsummed(d database.Dialect, which string) string {
	rows := `signatures AS s WHERE ` + which + ` AND ` + timespan.Unsummed
	if d == database.Postgres {
		rows = `LATERAL (SELECT s.petition_id, s.signed_at, s.country FROM signatures AS s WHERE ` + timespan.Unsummed +
			` ORDER BY s.number LIMIT c.unsummed_to - c.unsummed_after) AS s WHERE ` + which
	}
	return `SELECT s.petition_id, MINUTE AS minute, COALESCE(s.country, '') AS country FROM counters AS c CROSS JOIN ` + rows
}

// The parts of the statements that sum them up. ROWS stands for where the rows come from.
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
)

// The statements that sum up what petitions have left, the list of these being $1, for stores that prepare what they
// run. On PostgreSQL they are one.
var (
	Postgres = forPetitions(database.Postgres, strings.ReplaceAll(`WITH u AS MATERIALIZED (`+Unsummed(database.Postgres, `c.PETITIONS`)+`), minutes AS (`+sumMinutes+`),
 days AS (`+sumDays+`), countries AS (`+sumCountries+`), forgotten AS (`+sumForget+`) `+sumMark, `ROWS`, `u`))
	SQLite = func() (all []string) {
		for _, text := range []string{sumMinutes, sumDays, sumCountries, sumForget, sumMark} {
			text = strings.ReplaceAll(text, `ROWS`, `(`+Unsummed(database.SQLite, `c.PETITIONS`)+`) AS u`)
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

// Execer runs statements in a transaction of the caller's.
type Execer interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// SumUp sums up what petitions have left, in the transaction that holds their counters.
func SumUp(ctx context.Context, q Execer, d database.Dialect, petitions []uuid.UUID) error {
	texts, list := SQLite, database.UUIDList(petitions)
	if d == database.Postgres {
		texts, list = []string{Postgres}, database.UUIDArray(petitions)
	}
	for _, text := range texts {
		if _, err := q.ExecContext(ctx, text, list); err != nil {
			return fmt.Errorf("summing signatures up: %w", err)
		}
	}
	return nil
}

// SumUpAll sums up the signatures that are in no sum yet, some petitions at a time.
func SumUpAll(ctx context.Context, db *database.DB) error {
	// Along the ids and not the first ones again and again: a counter that somebody holds is left out, and must not
	// stop the others.
	for last := uuid.Nil; ; {
		some, err := idsOf(db.Read.QueryContext(ctx,
			`SELECT petition_id FROM unsummed WHERE petition_id > $1 ORDER BY petition_id LIMIT $2`, last, atOnce))
		if err != nil || len(some) == 0 {
			return err
		}
		last = some[len(some)-1]
		err = database.InTx(ctx, db.Write, func(tx *sql.Tx) error {
			held, err := hold(ctx, tx, db.Dialect, some)
			if err != nil || len(held) == 0 {
				return err
			}
			return SumUp(ctx, tx, db.Dialect, held)
		})
		if err != nil {
			return fmt.Errorf("summing signatures up: %w", err)
		}
	}
}

// hold takes the counters of petitions that nobody else holds. A batch that holds one may sum it up itself, and else it
// comes in its next turn.
func hold(ctx context.Context, tx *sql.Tx, d database.Dialect, petitions []uuid.UUID) ([]uuid.UUID, error) {
	if d == database.SQLite { // the immediate transaction holds them all
		return petitions, nil
	}
	return idsOf(tx.QueryContext(ctx, `SELECT petition_id FROM counters WHERE petition_id = ANY($1::uuid[])
 ORDER BY petition_id FOR UPDATE SKIP LOCKED`, database.UUIDArray(petitions)))
}

// idsOf reads rows of an id each.
func idsOf(rows *sql.Rows, err error) (ids []uuid.UUID, _ error) {
	if err != nil {
		return nil, fmt.Errorf("finding signatures to sum up: %w", err)
	}
	if ids, err = database.IDs(rows); err != nil {
		return nil, fmt.Errorf("finding signatures to sum up: %w", err)
	}
	return ids, nil
}
