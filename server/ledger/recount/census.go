package recount

import (
	"context"
	"database/sql"
	"strings"
	"time"

	"github.com/google/uuid"

	"petitiond/server/database"
	"petitiond/server/ledger"
	"petitiond/server/ledger/sums"
	"petitiond/server/timespan"
)

// census reads the figures of petitions and counts their rows, in one transaction.
type census struct {
	q               ledger.Querier
	dialect         database.Dialect
	petitions       []uuid.UUID
	now             time.Time
	redates         bool // does what lies ahead count as of now, or as it is dated
	stored, counted map[uuid.UUID]*tally
}

// The statements of a census. PETITIONS stands for the condition that names the petitions by $1, MINUTE for that of a
// signature. Those that look at the times of rows have the latest right one as $2.
const (
	censusCounters = `SELECT petition_id, total, issued, pending, named, threads, comments, comments_issued, trending,
 as_of FROM counters WHERE PETITIONS`
	// What was taken back is read, too: it decides whether buckets can be compared one by one, see align.
	censusMinutes = `SELECT petition_id, span, minute, added - removed, removed FROM signature_buckets WHERE PETITIONS`
	// A signature without a country stands in the bucket of the empty one.
	censusCountries = `SELECT petition_id, country, added - removed FROM signature_country_buckets WHERE PETITIONS`
	// Rows are read along the index of numbers, some thousand at a time.
	censusSignatures = `SELECT petition_id, state, MINUTE, COALESCE(country, ''), COUNT(*), SUM(CASE WHEN show_name THEN 1 ELSE 0 END),
 SUM(CASE WHEN signed_at > $2 OR confirmed_at > $2 THEN 1 ELSE 0 END), COALESCE(MAX(number), 0) FROM signatures WHERE PETITIONS AND `
	censusNumbered   = censusSignatures + `number > $3 AND number <= $4 GROUP BY 1, 2, 3, 4`
	censusUnnumbered = censusSignatures + `number IS NULL GROUP BY 1, 2, 3, 4`
	// A signature that was never counted bears no number.
	censusLast     = `SELECT COALESCE(MAX(number), 0) FROM signatures WHERE PETITIONS`
	censusComments = `SELECT petition_id, SUM(CASE WHEN state = 'VISIBLE' THEN 1 ELSE 0 END),
 SUM(CASE WHEN state = 'VISIBLE' AND parent_id IS NULL THEN 1 ELSE 0 END), MAX(number),
 SUM(CASE WHEN created_at > $2 THEN 1 ELSE 0 END) FROM comments WHERE PETITIONS GROUP BY 1`
	// Only parents whose number is wrong come back: of a petition with a million comments that is none.
	censusReplies = `SELECT p.petition_id, p.id, p.replies, COUNT(r.id) FROM comments AS p
 LEFT JOIN comments AS r ON r.parent_id = p.id AND r.state = 'VISIBLE'
 WHERE p.PETITIONS GROUP BY p.petition_id, p.id, p.replies HAVING p.replies <> COUNT(r.id)`
)

var censusDays = `SELECT petition_id, ` + timespan.Day.SQL() + `, day, added - removed, removed FROM signature_days WHERE PETITIONS`

// take reads everything.
func (c *census) take(ctx context.Context) error {
	// Counters first: they make the tallies that the others fill.
	for _, read := range []func(context.Context) error{
		c.counters, c.buckets, c.countries, c.unsummed, c.signatures, c.comments, c.replies,
	} {
		if err := read(ctx); err != nil {
			return err
		}
	}
	if !c.redates {
		for _, t := range c.stored {
			t.leaveAhead()
		}
	}
	// What has no rows of its own follows from the minutes: trends and days are sums of them.
	for _, t := range c.counted {
		t.trending = trendOf(t.minutes)
		for minute, n := range t.minutes {
			t.days[bucketOf(timespan.Day, minute.start)] += n
		}
	}
	return nil
}

// each runs one of the statements and scans its rows.
func (c *census) each(ctx context.Context, text string, scan func(*sql.Rows) error, more ...any) error {
	var args database.Args
	// Args of the petitions come first, and so they are $1 in every statement.
	text = strings.NewReplacer(
		`PETITIONS`, args.Among(c.dialect, `petition_id`, c.petitions), `MINUTE`, c.dialect.MinuteSQL(`signed_at`),
	).Replace(text)
	rows, err := c.q.QueryContext(ctx, text, append(args, more...)...)
	if err != nil {
		return err
	}
	return database.Each(rows, scan)
}

// counters makes the tallies: without a counter there is nothing to compare.
func (c *census) counters(ctx context.Context) error {
	// The first statement: the others fill the tallies that are made here.
	return c.each(ctx, censusCounters, func(rows *sql.Rows) error {
		var petition uuid.UUID
		t := newTally()
		var asOf time.Time
		err := rows.Scan(&petition, &t.total, &t.issued, &t.pending, &t.named, &t.threads, &t.comments, &t.commentsIssued,
			&t.trending, &asOf)
		t.asOfAhead = int(database.Ahead(asOf, c.now).Seconds())
		c.stored[petition], c.counted[petition] = t, newTally()
		return err
	})
}

// buckets reads the stored sums of minutes, hours and days.
func (c *census) buckets(ctx context.Context) error {
	// The last minute in which a right clock can have dated something.
	minute := timespan.MinuteOf(database.Latest(c.now))
	err := c.bucketsOf(ctx, censusMinutes, bucketOf(timespan.Minute, minute), func(t *tally) (map[bucket]int, *int) {
		return t.minutes, &t.minutesAhead
	})
	if err != nil {
		return err
	}
	return c.bucketsOf(ctx, censusDays, bucketOf(timespan.Day, minute), func(t *tally) (map[bucket]int, *int) {
		return t.days, &t.daysAhead
	})
}

// bucketsOf sums buckets that lie ahead in the last one that does not, where they are redated.
func (c *census) bucketsOf(ctx context.Context, text string, last bucket, in func(*tally) (map[bucket]int, *int)) error {
	return c.each(ctx, text, func(rows *sql.Rows) error {
		var petition uuid.UUID
		var b bucket
		var net, removed int
		err := rows.Scan(&petition, &b.span, &b.start, &net, &removed)
		// A bucket whose petition has no counter belongs to nothing that is shown.
		t := c.stored[petition]
		if t == nil {
			return err
		}
		sums, ahead := in(t)
		if b.start > last.start {
			*ahead++
			if c.redates {
				b = last
			}
		}
		sums[b] += net
		t.removed += removed
		return err
	})
}

// countries reads what is stored of each country. They are not dated, so that nothing of them can lie ahead.
func (c *census) countries(ctx context.Context) error {
	return c.each(ctx, censusCountries, func(rows *sql.Rows) error {
		var petition uuid.UUID
		var country string
		var net int
		err := rows.Scan(&petition, &country, &net)
		if t := c.stored[petition]; t != nil {
			t.countries[country] = net
		}
		return err
	})
}

// unsummed adds the signatures that are in no sum yet to the sums, where readers find them. The table
// names the few petitions that have any; without it signatures would be looked for by each counter.
func (c *census) unsummed(ctx context.Context) error {
	text := `SELECT petition_id, minute, country, COUNT(*) FROM (` + sums.Unsummed(c.dialect, `c.PETITIONS
 AND c.petition_id IN (SELECT petition_id FROM unsummed)`) + `) AS u GROUP BY petition_id, minute, country`
	return c.each(ctx, text, func(rows *sql.Rows) error {
		var petition uuid.UUID
		var minute int64
		var country string
		var n int
		err := rows.Scan(&petition, &minute, &country, &n)
		if t := c.stored[petition]; t != nil {
			minute = c.dated(minute)
			t.minutes[bucketOf(timespan.Minute, minute)] += n
			t.days[bucketOf(timespan.Day, minute)] += n
			t.countries[country] += n
		}
		return err
	})
}

// dated returns the minute of a signature, or where it is redated the one that it will have.
func (c *census) dated(minute int64) int64 {
	if c.redates {
		return min(minute, timespan.MinuteOf(database.Latest(c.now)))
	}
	return minute
}

// signatures counts the rows by state, minute and country.
func (c *census) signatures(ctx context.Context) error {
	last := 0
	if err := c.each(ctx, censusLast, func(rows *sql.Rows) error { return rows.Scan(&last) }); err != nil {
		return err
	}
	latest := database.Latest(c.now)
	// By numbers and not by LIMIT and OFFSET, which would read all rows before a step again.
	for from := 0; from < last; from += stepRows {
		if err := c.each(ctx, censusNumbered, c.group, latest, from, from+stepRows); err != nil {
			return err
		}
	}
	return c.each(ctx, censusUnnumbered, c.group, latest)
}

// group adds signatures that share state, minute and country. Those that are redated count where they will be.
func (c *census) group(rows *sql.Rows) error {
	var petition uuid.UUID
	var state, country string
	var minute int64
	var n, named, ahead, number int
	if err := rows.Scan(&petition, &state, &minute, &country, &n, &named, &ahead, &number); err != nil {
		return err
	}
	t := c.counted[petition]
	if t == nil {
		return nil
	}
	// Among what is stored, since it is a fault of the rows themselves and not of the sums.
	c.stored[petition].signaturesAhead += ahead
	minute = c.dated(minute)
	// Whatever its state: a number that was withdrawn is not given again.
	t.issued = max(t.issued, number)
	// In any other state a signature counts for nothing: its number alone stays given.
	switch state {
	case "COUNTED":
		t.total += n
		t.named += named
		t.minutes[bucketOf(timespan.Minute, minute)] += n
		t.countries[country] += n
	case "PENDING":
		t.pending += n
	}
	return nil
}

// comments counts the visible comments, and finds the last number, which hidden ones keep.
func (c *census) comments(ctx context.Context) error {
	return c.each(ctx, censusComments, func(rows *sql.Rows) error {
		var petition uuid.UUID
		var all, threads, last, ahead int
		err := rows.Scan(&petition, &all, &threads, &last, &ahead)
		if t := c.counted[petition]; t != nil {
			t.comments, t.threads, t.commentsIssued = all, threads, last
			c.stored[petition].commentsAhead = ahead
		}
		return err
	}, database.Latest(c.now))
}

// replies notes the parents whose number of replies is wrong.
func (c *census) replies(ctx context.Context) error {
	// Both numbers at once: only the parents that come back are in the tallies, and so are the only ones to be
	// corrected.
	return c.each(ctx, censusReplies, func(rows *sql.Rows) error {
		var petition, parent uuid.UUID
		var stored, counted int
		err := rows.Scan(&petition, &parent, &stored, &counted)
		if c.stored[petition] != nil {
			c.stored[petition].replies[parent], c.counted[petition].replies[parent] = stored, counted
		}
		return err
	})
}
