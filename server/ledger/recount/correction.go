package recount

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"petitiond/server/figures"
	"petitiond/server/ledger"
	"petitiond/server/timespan"
)

// correction writes what the rows say to a petition whose counter the running transaction holds.
type correction struct {
	q        ledger.Querier
	petition uuid.UUID
	locked   ledger.Locked
	now      time.Time
}

// write corrects what differs and returns what there is to publish. Nothing is clamped: a figure becomes what was
// counted, whichever it was. Where nobody can say any more in which bucket a difference arose it is booked now,
// as signatures added or taken back.
func (c correction) write(ctx context.Context, stored, counted *tally) (figures.Value, error) {
	// The stored trend knows the seconds; what was counted knows minutes. It is not made coarser without need.
	trending := counted.trending
	if sameTrend(stored.trending, trending) {
		trending = stored.trending
	}
	for _, correct := range []func() error{
		// What lies ahead is moved first: the tallies are as if it had been.
		func() error { return c.redate(ctx, stored, max(stored.issued, counted.issued)) },
		func() error { return c.minutes(ctx, stored.minutes, counted.minutes) },
		func() error { return c.days(ctx, stored.days, counted.days) },
		func() error { return c.countries(ctx, stored.countries, counted.countries) },
		func() error { return c.replies(ctx, stored.replies, counted.replies) },
	} {
		if err := correct(); err != nil {
			return figures.Value{}, err
		}
	}
	// Last, since the value that it returns has the last hour, which is a sum of the minutes.
	return c.locked.Correct(ctx, c.q, ledger.Counted{
		Total: counted.total, Pending: counted.pending, Named: counted.named, Issued: counted.issued, Trending: trending,
		Threads: counted.threads, Comments: counted.comments, CommentsIssued: counted.commentsIssued,
	}, c.now)
}

// exec runs a statement within the transaction that holds the counter.
func (c correction) exec(ctx context.Context, text string, args ...any) error {
	if _, err := c.q.ExecContext(ctx, text, args...); err != nil {
		return fmt.Errorf("writing counted figures: %w", err)
	}
	return nil
}

// minutes writes those that differ, and hours, which come first: an hour takes the place of minutes in it that were not
// folded yet, and leaves it to them where it was folded too early.
func (c correction) minutes(ctx context.Context, stored, counted map[bucket]int) error {
	differing := wrong(stored, counted)
	slices.SortFunc(differing, func(a, b bucket) int { return cmp.Compare(b.span, a.span) })
	for _, b := range differing {
		// The whole bucket is written, not the difference: what it was made of is not known any more.
		n := counted[b]
		// Only the sum is known. The difference is booked in the present minute, where it does the least to the
		// history.
		if b == allTime {
			b, n = bucketOf(timespan.Minute, timespan.MinuteOf(c.now)), counted[b]-stored[b]
		} else if err := c.exec(ctx, `DELETE FROM signature_buckets WHERE petition_id = $1 AND span <= $2 AND minute >= $3 AND minute < $4`,
			c.petition, b.span, b.start, b.start+int64(b.span)); err != nil {
			return err
		}
		if n == 0 {
			continue
		}
		err := c.exec(ctx, `INSERT INTO signature_buckets (petition_id, span, minute, added, removed) VALUES ($1, $2, $3, $4, $5)
 ON CONFLICT (petition_id, span, minute) DO UPDATE SET added = signature_buckets.added + excluded.added,
 removed = signature_buckets.removed + excluded.removed`, c.petition, b.span, b.start, max(n, 0), max(-n, 0))
		if err != nil {
			return err
		}
	}
	return nil
}

// days writes those that differ.
func (c correction) days(ctx context.Context, stored, counted map[bucket]int) error {
	for _, b := range wrong(stored, counted) {
		n := counted[b]
		if b == allTime {
			// As with minutes: booked today, since nobody knows the day.
			b, n = bucketOf(timespan.Day, timespan.MinuteOf(c.now)), counted[b]-stored[b]
		} else if err := c.exec(ctx, `DELETE FROM signature_days WHERE petition_id = $1 AND day = $2`, c.petition, b.start); err != nil {
			return err
		}
		err := c.exec(ctx, `INSERT INTO signature_days (petition_id, day, added, removed) VALUES ($1, $2, $3, $4)
 ON CONFLICT (petition_id, day) DO UPDATE SET added = signature_days.added + excluded.added,
 removed = signature_days.removed + excluded.removed`, c.petition, b.start, max(n, 0), max(-n, 0))
		if err != nil {
			return err
		}
	}
	return nil
}

// countries writes those that differ; what was taken back stays known.
func (c correction) countries(ctx context.Context, stored, counted map[string]int) error {
	for _, country := range wrong(stored, counted) {
		// What is added less what was taken back is the sum that was counted.
		err := c.exec(ctx, `INSERT INTO signature_country_buckets (petition_id, country, added) VALUES ($1, $2, $3)
 ON CONFLICT (petition_id, country) DO UPDATE SET added = excluded.added + signature_country_buckets.removed`,
			c.petition, country, counted[country])
		if err != nil {
			return err
		}
	}
	return nil
}

// replies writes the numbers of replies that are wrong, which the census has found alone.
func (c correction) replies(ctx context.Context, stored, counted map[uuid.UUID]int) error {
	// By themselves: comments have no version that those who watch compare.
	for _, parent := range wrong(stored, counted) {
		if err := c.exec(ctx, `UPDATE comments SET replies = $2 WHERE id = $1`, parent, counted[parent]); err != nil {
			return err
		}
	}
	return nil
}
