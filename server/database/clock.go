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
	// MaxSkew is how far the clock of this machine may be off. Beyond it nothing is written, and a stored time
	// that lies further ahead was written by a wrong clock.
	MaxSkew = 5 * time.Second
	// settlingTime is how long a clock that has jumped must run evenly until it is believed, on SQLite.
	settlingTime = 30 * time.Second
	// clockEvery is how often the clock is compared.
	clockEvery = time.Second
)

// Latest returns the latest time that right clocks may have written by now.
func Latest(now time.Time) time.Time { return now.Add(MaxSkew) }

// ErrClock says that nothing is written now, since nobody can know what time it is.
var ErrClock = errors.New("the clock differs")

// Clock knows the time that is stored and that decides. It runs with the monotonic clock of this machine, which
// cannot be set, from a time that it compares once a second.
//
// On PostgreSQL that is the time of the database, which all replicas share. The wall clock of this machine does not
// enter into it, but has to agree: where the two differ nobody knows which of them is wrong.
//
// On SQLite there is one clock, so that all that can be noticed is a jump. Afterwards the time goes on as if there
// had been none, until the wall clock has come back, or has run evenly for half a minute and is believed.
type Clock struct {
	wall    func() time.Time     // of this machine
	elapsed func() time.Duration // by the monotonic clock, since some moment
	source  *sql.DB              // whose time is the right one; nil on SQLite

	mu     sync.Mutex
	right  moment  // guarded by mu
	jumped *moment // what the wall clock said after a jump, on SQLite; guarded by mu
}

// moment pairs a time with the reading of the monotonic clock at that time.
type moment struct {
	time    time.Time
	elapsed time.Duration
}

// at returns what time it is at a reading of the monotonic clock.
func (m moment) at(elapsed time.Duration) time.Time { return m.time.Add(elapsed - m.elapsed) }

func newClock(wall func() time.Time, elapsed func() time.Duration) *Clock {
	if wall == nil {
		wall = time.Now
	}
	if elapsed == nil {
		start := time.Now() // with a monotonic reading
		elapsed = func() time.Duration { return time.Since(start) }
	}
	plain := func() time.Time { return cut(wall()) } // without a monotonic reading, which would hide jumps
	return &Clock{wall: plain, elapsed: elapsed, right: moment{plain(), elapsed()}}
}

// Now returns the right time, as far as it is known: UTC, cut to microseconds.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return cut(c.right.at(c.elapsed()))
}

// Check returns an error that wraps ErrClock while the clock of this machine is off by more than MaxSkew: then
// nothing may be written. It costs nothing worth mentioning and notices a jump at once.
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

func between(low, d, high time.Duration) bool { return low <= d && d <= high }

// Run compares the clock once a second until ctx ends, and logs when it becomes wrong and when it is right again.
func (c *Clock) Run(ctx context.Context, log *slog.Logger) error {
	tick := time.NewTicker(clockEvery)
	defer tick.Stop()
	for wrong := false; ; {
		err := c.Check()
		switch {
		case err != nil && !wrong:
			log.Error("nothing is written until the clock of this machine is right", "error", err)
		case err == nil && wrong:
			log.Info("the clock can be trusted again")
		}
		wrong = err != nil
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			// A database that does not answer cannot be written to either.
			_ = c.compare(ctx)
		}
	}
}

// compare finds out what time it is.
func (c *Clock) compare(ctx context.Context) error {
	if c.source == nil {
		c.follow()
		return nil
	}
	return c.ask(ctx)
}

// ask asks the database for its time.
func (c *Clock) ask(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	conn, err := c.source.Conn(ctx) // the wait for one is not part of the time that the answer takes
	if err != nil {
		return fmt.Errorf("ask the database for its time: %w", err)
	}
	defer conn.Close()
	var told Time
	sent := c.elapsed()
	if err := conn.QueryRowContext(ctx, "SELECT clock_timestamp()").Scan(&told); err != nil {
		return fmt.Errorf("ask the database for its time: %w", err)
	}
	c.hear(told.Time, sent, c.elapsed())
	return nil
}

// hear takes the time that the database read between two moments. By the second one it is between the time that was
// told and that time plus all the time that the answer took: what this clock says is moved into that span, no further.
func (c *Clock) hear(told time.Time, sent, received time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.right.at(received)
	if latest := told.Add(received - sent); now.After(latest) {
		now = latest
	}
	c.right = moment{later(now, told), received}
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// follow takes the time of the wall clock, unless it has jumped a short time ago.
func (c *Clock) follow() {
	c.mu.Lock()
	defer c.mu.Unlock()
	is := moment{c.wall(), c.elapsed()}
	agrees := func(m moment) bool { return between(-MaxSkew, is.time.Sub(m.at(is.elapsed)), MaxSkew) }
	switch {
	case agrees(c.right):
		c.right, c.jumped = is, nil
	case c.jumped == nil || !agrees(*c.jumped):
		c.jumped = &is
	case is.elapsed-c.jumped.elapsed >= settlingTime:
		c.right, c.jumped = is, nil
	}
}

// Now returns what the clock of this machine says: UTC, cut to the microseconds that PostgreSQL keeps and without a
// monotonic part, so that what is written is what is read, compared and sorted. What is stored, and what decides,
// takes the time from a Clock.
func Now() time.Time {
	return cut(time.Now())
}

func cut(t time.Time) time.Time {
	return t.UTC().Truncate(time.Microsecond)
}

// Time is a time.Time that can be scanned from every column and expression. SQLite keeps times as text and
// gives them back as such where a column's declared type is lost, as in a UNION or max(). For what may be
// NULL use sql.Null[Time].
type Time struct{ time.Time }

// errNotTime quotes nothing: the column may hold anything.
var errNotTime = errors.New("the column holds no time; use sql.Null[Time] where it may be NULL")

// Scan takes a time or its text.
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
	for _, layout := range []string{"2006-01-02 15:04:05.999999999-07:00", "2006-01-02 15:04:05.999999999Z07", time.RFC3339Nano, time.DateTime} {
		if v, err := time.Parse(layout, text); err == nil {
			t.Time = cut(v)
			return nil
		}
	}
	return errNotTime
}

// Value gives the time as Now would.
func (t Time) Value() (driver.Value, error) {
	return cut(t.Time), nil
}
