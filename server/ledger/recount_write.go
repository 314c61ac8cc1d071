package ledger

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"petitiond/server/figures"
	"petitiond/server/timespan"
)

// mending writes what the rows say to a petition whose counter the running transaction holds.
type mending struct {
	q       Querier
	counter *counter
	now     time.Time
}

// write mends what differs and returns what there is to tell. Nothing is clamped: a figure becomes what was
// counted, whichever it was. Where nobody can say any more in which bucket a difference arose it is booked now,
// as signatures added or taken back.
func (m mending) write(ctx context.Context, stored, counted *tally) (figures.Value, error) {
	c := m.counter
	// The version belongs to the count alone. A time that lies ahead is replaced with a new version, too, or those who
	// hold the old one would take it for the newer.
	if c.total != counted.total || ahead(c.asOf, m.now) > 0 {
		c.version++
		c.asOf = c.timeAt(m.now)
	}
	c.total, c.named, c.threads, c.comments = counted.total, counted.named, counted.threads, counted.comments
	c.issued, c.commentsIssued = max(c.issued, counted.issued), max(c.commentsIssued, counted.commentsIssued)
	// The stored trend knows the seconds; what was counted knows minutes. It is not made coarser without need.
	if !sameTrend(c.trending, counted.trending) {
		c.trending = counted.trending
	}
	err := m.exec(ctx, `UPDATE counters SET total = $2, issued = $3, version = $4, as_of = $5, named = $6, threads = $7,
 comments = $8, comments_issued = $9, trending = $10, pending = $11 WHERE petition_id = $1`, c.petition, c.total, c.issued,
		c.version, c.asOf, c.named, c.threads, c.comments, c.commentsIssued, c.trending, counted.pending)
	if err != nil {
		return figures.Value{}, err
	}
	// What lies ahead is moved first: the tallies are as if it had been.
	for _, mend := range []func() error{
		func() error { return m.redate(ctx, stored) },
		func() error { return m.minutes(ctx, stored.minutes, counted.minutes) },
		func() error { return m.days(ctx, stored.days, counted.days) },
		func() error { return m.countries(ctx, stored.countries, counted.countries) },
		func() error { return m.replies(ctx, stored.replies, counted.replies) },
	} {
		if err := mend(); err != nil {
			return figures.Value{}, err
		}
	}
	value, err := readCounts(ctx, m.q, c, m.now)
	value.Comment = c.commentsIssued // figures of comments may have been mended, too
	return value, err
}

// exec runs a statement within the transaction that holds the counter.
func (m mending) exec(ctx context.Context, text string, args ...any) error {
	if _, err := m.q.ExecContext(ctx, text, args...); err != nil {
		return fmt.Errorf("writing counted figures: %w", err)
	}
	return nil
}

// minutes writes those that differ, and hours, which come first: an hour takes the place of minutes in it that were not
// folded yet, and leaves it to them where it was folded too early.
func (m mending) minutes(ctx context.Context, stored, counted map[bucket]int) error {
	differing := wrong(stored, counted)
	slices.SortFunc(differing, func(a, b bucket) int { return cmp.Compare(b.span, a.span) })
	for _, b := range differing {
		n := counted[b]
		// Only the sum is known. The difference is booked in the present minute, where it does the least to the history.
		if b == allTime {
			b, n = bucketOf(timespan.Minute, timespan.MinuteOf(m.now)), counted[b]-stored[b]
		} else if err := m.exec(ctx, `DELETE FROM signature_buckets WHERE petition_id = $1 AND span <= $2 AND minute >= $3 AND minute < $4`,
			m.counter.petition, b.span, b.start, b.start+int64(b.span)); err != nil {
			return err
		}
		if n == 0 {
			continue
		}
		err := m.exec(ctx, `INSERT INTO signature_buckets (petition_id, span, minute, added, removed) VALUES ($1, $2, $3, $4, $5)
 ON CONFLICT (petition_id, span, minute) DO UPDATE SET added = signature_buckets.added + excluded.added,
 removed = signature_buckets.removed + excluded.removed`, m.counter.petition, b.span, b.start, max(n, 0), max(-n, 0))
		if err != nil {
			return err
		}
	}
	return nil
}

// days writes those that differ.
func (m mending) days(ctx context.Context, stored, counted map[bucket]int) error {
	for _, b := range wrong(stored, counted) {
		n := counted[b]
		if b == allTime {
			// As with minutes: booked today, since nobody knows the day.
			b, n = bucketOf(timespan.Day, timespan.MinuteOf(m.now)), counted[b]-stored[b]
		} else if err := m.exec(ctx, `DELETE FROM signature_days WHERE petition_id = $1 AND day = $2`, m.counter.petition, b.start); err != nil {
			return err
		}
		err := m.exec(ctx, `INSERT INTO signature_days (petition_id, day, added, removed) VALUES ($1, $2, $3, $4)
 ON CONFLICT (petition_id, day) DO UPDATE SET added = signature_days.added + excluded.added,
 removed = signature_days.removed + excluded.removed`, m.counter.petition, b.start, max(n, 0), max(-n, 0))
		if err != nil {
			return err
		}
	}
	return nil
}

// countries writes those that differ; what was taken back stays known.
func (m mending) countries(ctx context.Context, stored, counted map[string]int) error {
	for _, country := range wrong(stored, counted) {
		// What is added less what was taken back is the sum that was counted.
		err := m.exec(ctx, `INSERT INTO signature_country_buckets (petition_id, country, added) VALUES ($1, $2, $3)
 ON CONFLICT (petition_id, country) DO UPDATE SET added = excluded.added + signature_country_buckets.removed`,
			m.counter.petition, country, counted[country])
		if err != nil {
			return err
		}
	}
	return nil
}

// replies writes the numbers of replies that are wrong, which the census has found alone.
func (m mending) replies(ctx context.Context, stored, counted map[uuid.UUID]int) error {
	for _, parent := range wrong(stored, counted) {
		if err := m.exec(ctx, `UPDATE comments SET replies = $2 WHERE id = $1`, parent, counted[parent]); err != nil {
			return err
		}
	}
	return nil
}
