package ledger

import (
	"time"

	"github.com/google/uuid"

	"petitiond/server/database"
	"petitiond/server/figures"
	"petitiond/server/timespan"
)

// counter is the locked row of one petition together with what the running transaction adds to it.
type counter struct {
	petition       uuid.UUID
	total, issued  int
	version        int64
	asOf           time.Time
	goal           int
	named          int
	threads        int
	comments       int
	commentsIssued int
	trending       float64
	accepting      bool
	since, until   *time.Time
	// Signatures with numbers above the first and up to the second are in no sum yet, see unsummed.go.
	unsummedAfter, unsummedTo int

	begun     int               // issued when the transaction began
	first     bool              // the first of the petition's signatures are left out of the sums
	at        time.Time         // time of the batch, see timeAt
	moved     bool              // is there anything to write
	commented bool              // are there new comments
	minutes   map[int64]int     // signatures added, by minute
	days      map[int64]int     // the same by the first minute of the day
	countries map[string]int    // the same by country
	answers   map[uuid.UUID]int // replies added, by parent
}

// timeAt returns the time of what is written now. It is never before asOf, since two replicas know the time a little
// differently, but for an asOf so far ahead that a wrong clock has written it: then the real time decides.
func (c *counter) timeAt(now time.Time) time.Time {
	if c.asOf.After(now) && database.Ahead(c.asOf, now) == 0 {
		return c.asOf
	}
	return now
}

// accepts reports whether a signature of this batch is in: from the start on and before the end. It asks the
// time that the signature will bear, so that none is seen to lie behind the end where clocks differ.
func (c *counter) accepts() bool {
	return c.accepting && (c.since == nil || !c.at.Before(*c.since)) && (c.until == nil || c.at.Before(*c.until))
}

// moment returns the time of a row: its own, as both databases keep it, or that of the batch.
func (c *counter) moment(own time.Time) time.Time {
	if own.IsZero() {
		return c.at
	}
	return own.UTC().Truncate(time.Microsecond)
}

// counted reports whether the running transaction moved the total.
func (c *counter) counted() bool { return len(c.minutes) > 0 }

// added returns how many signatures the running transaction adds after a minute.
func (c *counter) added(since int64) (sum int) {
	for minute, n := range c.minutes {
		if minute > since {
			sum += n
		}
	}
	return sum
}

// count adds a new signature to the figures. Its number was given before.
func (c *counter) count(s *signatureRow) {
	c.total++
	if s.ShowName {
		c.named++
	}
	if c.minutes == nil {
		c.minutes, c.days, c.countries = map[int64]int{}, map[int64]int{}, map[string]int{}
	}
	minute := timespan.MinuteOf(s.at)
	c.minutes[minute]++
	c.days[timespan.Day.Start(minute)]++
	c.countries[s.Country]++
	c.trending = AddTrend(c.trending, s.at, 1)
	c.moved = true
}

// counts are what there is to tell of the counts, which bear the counter's version.
func (c *counter) counts(lastHour int) figures.Value {
	return figures.Value{
		Petition: c.petition, Total: c.total, Goal: c.goal, LastHour: &lastHour, Version: int(c.version), AsOf: c.asOf,
	}
}
