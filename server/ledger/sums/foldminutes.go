package sums

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/google/uuid"

	"petitiond/server/database"
	"petitiond/server/timespan"
)

const (
	foldAtOnce  = 50                      // petitions that one look finds
	foldStretch = 2 * int64(timespan.Day) // minutes that one transaction folds at most
)

// The statements of folding. What is folded is of one petition, $1, and before the minute $2.
var (
	// The inner part walks along the index of minutes and ends soon; grouping all minutes would not.
	foldOldest = `SELECT petition_id, MIN(minute) FROM (SELECT petition_id, minute FROM signature_buckets
 WHERE span = ` + timespan.Minute.SQL() + ` AND minute < $1 ORDER BY minute LIMIT $2) AS aged GROUP BY petition_id`
	foldWhat = `petition_id = $1 AND span = ` + timespan.Minute.SQL() + ` AND minute < $2`
	foldInto = `INSERT INTO signature_buckets (petition_id, span, minute, added, removed)
 SELECT petition_id, ` + timespan.Hour.SQL() + `, ` + timespan.Hour.StartSQL(`minute`) + ` AS hour, SUM(added), SUM(removed)
 FROM signature_buckets WHERE ` + foldWhat + ` GROUP BY petition_id, hour
 ON CONFLICT (petition_id, span, minute) DO UPDATE SET added = signature_buckets.added + excluded.added,
 removed = signature_buckets.removed + excluded.removed`
	foldAway = `DELETE FROM signature_buckets WHERE ` + foldWhat
)

// Lock takes the counter of a petition until a transaction ends. It is no error if the petition has none.
type Lock func(ctx context.Context, tx *sql.Tx, petition uuid.UUID) error

// Fold turns minutes before a full hour into hours, one petition after another. Each transaction holds the petition's
// counter and moves whole hours, so that every sum is right before, within and after it. What another replica has
// folded meanwhile is not there any more.
func Fold(ctx context.Context, db *database.DB, aged int64, lock Lock) error {
	for {
		found, err := oldest(ctx, db, aged)
		if err != nil || len(found) == 0 {
			return err
		}
		// In no order: each is a transaction of its own, and holds one counter.
		for petition, first := range found {
			// A stretch at a time, so that the counter is not held for long where a petition has not been folded for
			// weeks.
			until := min(aged, timespan.Hour.Start(first+foldStretch))
			if err := fold(ctx, db, lock, petition, until); err != nil {
				return err
			}
		}
	}
}

// oldest returns petitions that have minutes before a time, with the first of them.
func oldest(ctx context.Context, db *database.DB, before int64) (map[uuid.UUID]int64, error) {
	rows, err := db.Read.QueryContext(ctx, foldOldest, before, foldAtOnce)
	if err != nil {
		return nil, fmt.Errorf("finding aged minutes: %w", err)
	}
	found := map[uuid.UUID]int64{}
	err = database.Each(rows, func(rows *sql.Rows) error {
		var petition uuid.UUID
		var first int64
		err := rows.Scan(&petition, &first)
		found[petition] = first
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("finding aged minutes: %w", err)
	}
	return found, nil
}

// fold folds a petition's minutes before a full hour. When nobody knows whether it was committed the next look
// tells.
func fold(ctx context.Context, db *database.DB, lock Lock, petition uuid.UUID, before int64) error {
	err := database.InTx(ctx, db.Write, func(tx *sql.Tx) error {
		// Buckets without a counter belong to nothing, and are folded all the same: they would be found again each
		// time.
		if err := lock(ctx, tx, petition); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, foldInto, petition, before); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, foldAway, petition, before)
		return err
	})
	if err != nil {
		return fmt.Errorf("folding minutes into hours: %w", err)
	}
	return nil
}
