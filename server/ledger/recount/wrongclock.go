package recount

import (
	"context"
	"time"

	"petitiond/server/database"
	"petitiond/server/timespan"
)

// redated returns the time that is given to what a wrong clock has dated: the present, but where the latest time is in
// the next minute already the begin of that. So whatever lies ahead leaves its minute, hour or day for that of the
// latest time, where the sums of all buckets that begin later go, and nothing else does.
func redated(now time.Time) time.Time {
	if next := database.Latest(now).Truncate(time.Minute); next.After(now) {
		return next
	}
	return now
}

// redate gives another time to what a wrong clock has dated, and moves its sums there. Also of a petition whose
// signatures were taken back: what was taken back in a bucket stays with what was added there.
func (c correction) redate(ctx context.Context, stored *tally, issued int) error {
	for _, redate := range []struct {
		found int
		by    func(context.Context) error
	}{
		{stored.signaturesAhead, func(ctx context.Context) error { return c.redateSignatures(ctx, issued) }},
		{stored.commentsAhead, c.redateComments},
		{stored.minutesAhead, c.gatherMinutes},
		{stored.daysAhead, c.gatherDays},
	} {
		if redate.found == 0 {
			continue
		}
		if err := redate.by(ctx); err != nil {
			return err
		}
	}
	return nil
}

// redateSignatures goes along the index of numbers, as a census does, so that no statement is long.
func (c correction) redateSignatures(ctx context.Context, issued int) error {
	petition, at, latest := c.petition, redated(c.now), database.Latest(c.now)
	for _, column := range []string{`signed_at`, `confirmed_at`} {
		ahead := `UPDATE signatures SET ` + column + ` = $2 WHERE petition_id = $1 AND ` + column + ` > $3 AND `
		for from := 0; from < issued; from += stepRows {
			err := c.exec(ctx, ahead+`number > $4 AND number <= $5`, petition, at, latest, from, from+stepRows)
			if err != nil {
				return err
			}
		}
		// Those that never counted have no number.
		if err := c.exec(ctx, ahead+`number IS NULL`, petition, at, latest); err != nil {
			return err
		}
	}
	return nil
}

// redateComments does it in one statement: a petition has few comments beside its signatures.
func (c correction) redateComments(ctx context.Context) error {
	return c.exec(ctx, `UPDATE comments SET created_at = $2 WHERE petition_id = $1 AND created_at > $3`,
		c.petition, redated(c.now), database.Latest(c.now))
}

// gatherMinutes sums the minutes and hours that begin later than the present minute in this one.
func (c correction) gatherMinutes(ctx context.Context) error {
	petition, minute := c.petition, timespan.MinuteOf(database.Latest(c.now))
	err := c.exec(ctx, `INSERT INTO signature_buckets (petition_id, span, minute, added, removed)
 SELECT petition_id, `+timespan.Minute.SQL()+`, CAST($2 AS bigint), SUM(added), SUM(removed) FROM signature_buckets
 WHERE petition_id = $1 AND minute > $2 GROUP BY petition_id
 ON CONFLICT (petition_id, span, minute) DO UPDATE SET added = signature_buckets.added + excluded.added,
 removed = signature_buckets.removed + excluded.removed`, petition, minute)
	if err != nil {
		return err
	}
	return c.exec(ctx, `DELETE FROM signature_buckets WHERE petition_id = $1 AND minute > $2`, petition, minute)
}

// gatherDays sums the days that begin later than the present one in this one.
func (c correction) gatherDays(ctx context.Context) error {
	petition, day := c.petition, timespan.Day.Start(timespan.MinuteOf(database.Latest(c.now)))
	err := c.exec(ctx, `INSERT INTO signature_days (petition_id, day, added, removed)
 SELECT petition_id, CAST($2 AS bigint), SUM(added), SUM(removed) FROM signature_days
 WHERE petition_id = $1 AND day > $2 GROUP BY petition_id
 ON CONFLICT (petition_id, day) DO UPDATE SET added = signature_days.added + excluded.added,
 removed = signature_days.removed + excluded.removed`, petition, day)
	if err != nil {
		return err
	}
	return c.exec(ctx, `DELETE FROM signature_days WHERE petition_id = $1 AND day > $2`, petition, day)
}
