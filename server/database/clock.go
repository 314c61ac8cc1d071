package database

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

const (
	// MaxSkew is how far the clock of this machine may be off. If it is off by more, nothing is written; and a stored
	// time that is further ahead than this must have been written by a wrong clock.
	MaxSkew = 5 * time.Second
	// settlingTime is how long a clock that has jumped must run evenly before it is trusted, on SQLite.
	settlingTime = 30 * time.Second
	// slewing is how fast the time follows a wall clock that nothing can be compared with, on SQLite. A clock that is
	// corrected gradually moves by half a millisecond a second; one that is set again and again, by less than MaxSkew at a
	// time, is soon further off than that.
	slewing = 0.05
	// clockEvery is how often the clock is compared.
	clockEvery = time.Second
)

// Latest returns the latest time that a clock which is right can have written by now.
func Latest(now time.Time) time.Time { return now.Add(MaxSkew) }

// Ahead returns how far a stored time lies in the future where a wrong clock has written it, else 0.
func Ahead(stored, now time.Time) time.Duration {
	if stored.After(Latest(now)) {
		return stored.Sub(now)
	}
	return 0
}

// DatesAhead is logged where something is dated ahead and no second clock tells that it is wrong.
const DatesAhead = "dates lie ahead: see to the clock of this machine, then run `petitiond recount`"

// ErrClock means that nothing can be written now, since the right time is not known.
var ErrClock = errors.New("the clock differs")

// Clock is the clock whose time is stored and decides, for example, whether a petition is still open. It advances with
// the monotonic clock of this machine, which cannot be set, and corrects itself once a second.
//
// On PostgreSQL it follows the clock of the database, which all replicas share. The wall clock of this machine does not
// influence it, but has to agree: if the two differ, there is no way to tell which of them is wrong.
//
// On SQLite there is only the wall clock, and the only error that can be noticed is a jump. Smaller differences are
// followed slowly, so that many small jumps are noticed like a large one, and the time never goes back. After a jump,
// it advances as if there had been none, until the wall clock has come back, or has run evenly for half a minute and is
// trusted.
type Clock struct {
	wall    func() time.Time     // the wall clock of this machine
	elapsed func() time.Duration // the monotonic clock, from an arbitrary start
	source  *sql.DB              // the database whose clock is right; nil on SQLite

	mu     sync.Mutex
	right  moment  // the right time, as last determined; guarded by mu
	jumped *moment // where the wall clock has jumped to, on SQLite; nil if it has not; guarded by mu
}

// moment pairs a time with the reading of the monotonic clock at that time.
type moment struct {
	time    time.Time
	elapsed time.Duration
}

// at returns the time at another reading of the monotonic clock.
func (m moment) at(elapsed time.Duration) time.Time { return m.time.Add(elapsed - m.elapsed) }

// newClock returns a clock that starts with the time of the wall clock. The functions are for tests; nil means the
// clocks of this machine.
func newClock(wall func() time.Time, elapsed func() time.Duration) *Clock {
	if wall == nil {
		wall = time.Now
	}
	if elapsed == nil {
		start := time.Now() // includes a monotonic reading
		elapsed = func() time.Duration { return time.Since(start) }
	}
	plain := func() time.Time { return cut(wall()) } // drops the monotonic reading, which would hide jumps
	return &Clock{wall: plain, elapsed: elapsed, right: moment{plain(), elapsed()}}
}

// Now returns the right time, as far as it is known, in UTC and truncated to microseconds.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return cut(c.right.at(c.elapsed()))
}

// Check returns an error that wraps ErrClock while the clock of this machine is off by more than MaxSkew: then nothing
// may be written. It only compares two readings, so it is cheap enough for every write, and it notices a jump at once.
func (c *Clock) Check() error {
	off := c.wall().Sub(c.Now())
	switch {
	case between(-MaxSkew, off, MaxSkew):
		return nil
	case c.source == nil:
		return fmt.Errorf("%w from what it was: it has jumped by %s", ErrClock, off.Round(time.Second))
	}
	return fmt.Errorf("%w from the database's by %s", ErrClock, off.Round(time.Second))
}

// Confirmed reports whether a second clock agrees. Only then does something that lies ahead of the time tell that a
// wrong clock has written it: by one clock alone nobody can tell it from a clock that is behind.
func (c *Clock) Confirmed() bool { return c.source != nil && c.Check() == nil }

func between(low, d, high time.Duration) bool { return low <= d && d <= high }

// Run corrects the clock once a second until ctx ends. It logs when the clock becomes wrong and when it is right again.
func (c *Clock) Run(ctx context.Context, log *slog.Logger) error {
	tick := time.NewTicker(clockEvery)
	defer tick.Stop()
	for wrong := false; ; {
		err := c.Check()
		switch {
		case err != nil && !wrong:
			log.Error(c.remedy(), "error", err.Error()) // by how much it differs
		case err == nil && wrong:
			log.Info("the clock can be trusted again")
		}
		wrong = err != nil
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			// The error does not matter: a database that does not answer cannot be written to either.
			_ = c.compare(ctx)
		}
	}
}

// remedy says what must happen before something can be written again. Of two clocks that differ nobody knows which is
// wrong.
func (c *Clock) remedy() string {
	if c.source == nil {
		return "nothing can be written until the clock of this machine has come back, or has run evenly for half a minute"
	}
	return "nothing can be written until the clocks of this machine and of the database agree: correct the wrong one"
}

// compare corrects the time by the database's clock or, on SQLite, by the wall clock.
func (c *Clock) compare(ctx context.Context) error {
	if c.source == nil {
		c.follow()
		return nil
	}
	return c.ask(ctx)
}

// ask corrects the time by the database's clock.
func (c *Clock) ask(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	conn, err := c.source.Conn(ctx) // first, so that the wait for one does not count as time that the answer took
	if err != nil {
		return fmt.Errorf("ask the database for its time: %w", err)
	}
	defer conn.Close()
	var theirs Time
	sent := c.elapsed()
	if err := conn.QueryRowContext(ctx, "SELECT clock_timestamp()").Scan(&theirs); err != nil {
		return fmt.Errorf("ask the database for its time: %w", err)
	}
	c.adjust(theirs.Time, sent, c.elapsed())
	return nil
}

// adjust corrects the time by a reading of the database's clock, taken at some moment between sent and received. When
// the answer was received, the right time was therefore between the reading and the reading plus the whole round trip.
// The clock is moved into that range, and not at all if it is in it already: a slow answer never makes it worse.
func (c *Clock) adjust(theirs time.Time, sent, received time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.right.at(received)
	if latest := theirs.Add(received - sent); now.After(latest) {
		now = latest
	}
	c.right = moment{later(now, theirs), received}
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// follow corrects the time by the wall clock, unless that has jumped recently. A clock that jumps again and again is
// not trusted before it has run evenly from the last jump on for settlingTime.
func (c *Clock) follow() {
	c.mu.Lock()
	defer c.mu.Unlock()
	is := moment{c.wall(), c.elapsed()}
	agrees := func(m moment) bool { return between(-MaxSkew, is.time.Sub(m.at(is.elapsed)), MaxSkew) }
	switch {
	case agrees(c.right):
		most := time.Duration(slewing * float64(is.elapsed-c.right.elapsed))
		is.time = c.right.at(is.elapsed).Add(max(-most, min(is.time.Sub(c.right.at(is.elapsed)), most)))
		c.right, c.jumped = is, nil
	case c.jumped == nil || !agrees(*c.jumped):
		c.jumped = &is
	case is.elapsed-c.jumped.elapsed >= settlingTime:
		c.right, c.jumped = is, nil
	}
}

// Now returns the time of this machine's clock in UTC, truncated to microseconds, which is all that PostgreSQL stores,
// and without a monotonic reading: a time is then equal to what is read back after it was written. A time that is
// stored, or that decides something, must come from a Clock instead.
func Now() time.Time {
	return cut(time.Now())
}

// cut drops what PostgreSQL cannot store: a time that was stored would otherwise differ from the one that is read back.
func cut(t time.Time) time.Time {
	return t.UTC().Truncate(time.Microsecond)
}

// Time is a time.Time that can be scanned from every column and expression. SQLite stores times as text, and returns
// text where the declared type of a column is lost, as in a UNION or max(). For values that may be NULL use NullTime.
type Time struct{ time.Time }

// NullTime is a Time that may be absent.
type NullTime struct{ sql.Null[Time] }

// Pointer returns the time, or nil.
func (n NullTime) Pointer() *time.Time {
	if !n.Valid {
		return nil
	}
	return &n.V.Time
}

// errNotTime does not quote the value, which may be anything, a name for example.
var errNotTime = errors.New("the column holds no time; use NullTime where it may be NULL")

// Scan accepts a time or its text.
func (t *Time) Scan(src any) error {
	switch v := src.(type) {
	case time.Time:
		t.Time = cut(v)
		return nil
	case string:
		return t.parse(v)
	case []byte:
		return t.parse(string(v))
	default:
		return errNotTime
	}
}

func (t *Time) parse(text string) error {
	for _, layout := range []string{
		"2006-01-02 15:04:05.999999999-07:00", "2006-01-02 15:04:05.999999999Z07", time.RFC3339Nano, time.DateTime,
	} {
		if v, err := time.Parse(layout, text); err == nil {
			t.Time = cut(v)
			return nil
		}
	}
	return errNotTime
}

// Value returns the time in UTC and truncated to microseconds.
func (t Time) Value() (driver.Value, error) {
	return cut(t.Time), nil
}
