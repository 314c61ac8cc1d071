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
	pending        int
	named          int
	threads        int
	comments       int
	commentsIssued int
	trending       float64
	accepting      bool
	since, until   *time.Time
	// Signatures with numbers above the first and up to the second are in no sum yet, see unsummed.go.
	unsummedAfter, unsummedTo int

	closed    *time.Time        // when the petition was closed, where it is asked: see batch.prepare
	begun     int               // issued when the transaction began
	first     bool              // the first of the petition's signatures are left out of the sums
	at        time.Time         // time of the batch, see timeAt
	moved     bool              // is there anything to write
	commented bool              // are there new comments, or is one taken back
	doubted   bool              // may a run before have moved the counts, of which nobody was told
	taken     bool              // was a signature taken back that had counted
	untrended bool              // does the trend have to be computed from rows
	minutes   map[int64]sum     // signatures added and taken back, by minute
	days      map[int64]sum     // the same by the first minute of the day
	countries map[string]sum    // the same by country
	answers   map[uuid.UUID]int // replies added, by parent
}

// sum is what a transaction adds to a minute, a day or a country, and what it takes back in it.
type sum struct{ added, removed int }

func (s sum) plus(n sum) sum { return sum{s.added + n.added, s.removed + n.removed} }

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

// Grace is how long after the end of a petition those may confirm who have signed before it.
const Grace = 24 * time.Hour

// confirms reports whether a signature that waits since then may count now: while the petition accepts signatures, and
// for some time after its end.
func (c *counter) confirms(signed time.Time) bool {
	if c.accepts() {
		return true
	}
	end := c.closed
	if c.accepting && c.until != nil && !c.at.Before(*c.until) { // it has ended, which nobody has made visible yet
		end = c.until
	}
	return end != nil && signed.Before(*end) && !c.at.After(end.Add(Grace))
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

// added returns how many signatures the running transaction adds after a minute, less those that it takes back.
func (c *counter) added(since int64) (n int) {
	for minute, s := range c.minutes {
		if minute > since {
			n += s.added - s.removed
		}
	}
	return n
}

// wait notes that so many more signatures wait for their mailbox.
func (c *counter) wait(n int) {
	c.pending += n
	c.moved = true
}

// count adds a signature of this time and country to the figures. Its number was given before.
func (c *counter) count(signed time.Time, country string, named bool) {
	c.total++
	if named {
		c.named++
	}
	c.sum(signed, country, sum{added: 1})
	c.trending = AddTrend(c.trending, signed, 1)
}

// take takes a signature back that had counted: in the minute and on the day in which that is done, which is what
// histories tell. Its number is not given again.
func (c *counter) take(s *stored) {
	c.total--
	if s.named {
		c.named--
	}
	c.sum(c.at, s.country, sum{removed: 1})
	c.taken = true
	trend, ok := TakeTrend(c.trending, s.signed)
	c.trending, c.untrended = trend, c.untrended || !ok
}

// sum adds to the sums of a time and a country.
func (c *counter) sum(at time.Time, country string, n sum) {
	if c.minutes == nil {
		c.minutes, c.days, c.countries = map[int64]sum{}, map[int64]sum{}, map[string]sum{}
	}
	minute := timespan.MinuteOf(at)
	day := timespan.Day.Start(minute)
	c.minutes[minute] = c.minutes[minute].plus(n)
	c.days[day] = c.days[day].plus(n)
	c.countries[country] = c.countries[country].plus(n)
	c.moved = true
}

// counts are what there is to tell of the counts, which bear the counter's version.
func (c *counter) counts(lastHour int) figures.Value {
	return figures.Value{
		Petition: c.petition, Total: c.total, Goal: c.goal, LastHour: &lastHour, Version: int(c.version), AsOf: c.asOf,
	}
}
