package demo

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

// A viral curve is steady except for a share that is recent.
const (
	viralShare = 0.85           // of the signatures of a viral petition that are recent
	viralAge   = 36 * time.Hour // the average age of those
)

var (
	errNeverOpen = errors.New("the petition was not open at any time before now")
	errCountries = errors.New("the percentages of the countries exceed 100")
	errNamed     = errors.New("the share of public names is not between 0 and 1")
	errCurve     = errors.New("the curve must be steady, fading, fresh or viral")
)

// crowd describes the signatures of a petition, which are invented from the description when the content is loaded. The
// curves are: steady, the same all the time; fading, most at the start; fresh, many within the last minutes; and viral,
// most within the last days.
type crowd struct {
	Count     int
	Named     float64        // the share of those whose name is public
	Curve     string         // their distribution over time
	Countries map[string]int // in per cent; the rest state no country
	Until     *time.Time     // when signing stopped, if the petition neither ended nor was closed
}

// validate finds mistakes in the demo content when it is written, not when it is shown.
func (c crowd) validate() error {
	total := 0
	for _, percent := range c.Countries {
		total += percent
	}
	switch {
	case total > 100:
		return errCountries
	case c.Named < 0 || c.Named > 1:
		return errNamed
	case !slices.Contains([]string{"steady", "fading", "fresh", "viral"}, c.Curve):
		return errCurve
	}
	return nil
}

// source returns the random numbers for a file. Each file has its own, always the same: so editing one file does not
// change the signatures of the others.
func source(name string) *rand.Rand {
	return rand.New(rand.NewChaCha8(sha256.Sum256([]byte(name)))) //nolint:gosec // repeatable on purpose, and nothing here is secret
}

// gather invents the signatures of a petition, the earliest first.
func (d document) gather(now time.Time, people register, rng *rand.Rand) ([]Signature, error) {
	if d.Crowd.Count == 0 {
		return nil, nil
	}
	// Nothing but a time in which the petition was open can be filled with signatures.
	from, until := d.StartsAt, d.lastCall(now)
	if from.IsZero() || !from.Before(until) {
		return nil, errNeverOpen
	}
	if err := d.Crowd.validate(); err != nil {
		return nil, err
	}
	names, err := people.of(d.Language)
	if err != nil {
		return nil, err
	}
	signatures := make([]Signature, 0, d.Crowd.Count)
	for i, at := range d.Crowd.times(from, until, rng) {
		signatures = append(signatures, Signature{
			Name: names.draw(rng),
			// Of a domain that nobody has, and each once: addresses must differ, or the signatures would count as one.
			Address:  fmt.Sprintf("signatory-%06d@demo.example", i+1),
			Country:  d.Crowd.country(rng),
			ShowName: rng.Float64() < d.Crowd.Named,
			At:       at,
		})
	}
	return signatures, nil
}

// lastCall returns when signing ended, or now if it has not.
func (d document) lastCall(now time.Time) time.Time {
	for _, end := range []*time.Time{d.EndsAt, d.ClosedAt, d.Crowd.Until} {
		if end != nil && end.Before(now) {
			now = *end
		}
	}
	return now
}

// times draws the times of the signatures and returns them in order.
func (c crowd) times(from, until time.Time, rng *rand.Rand) []time.Time {
	times := make([]time.Time, 0, c.Count)
	for len(times) < c.Count {
		// A time before the start is drawn again. If it were moved to the start instead, signatures would pile up
		// there.
		if at := until.Add(-c.age(until.Sub(from), rng)).Truncate(time.Microsecond); !at.Before(from) {
			times = append(times, at)
		}
	}
	slices.SortFunc(times, time.Time.Compare)
	return times
}

// age draws how long before the end of the window a petition was signed.
func (c crowd) age(window time.Duration, rng *rand.Rand) time.Duration {
	early := rng.Float64() // less than 1: nobody signs at the very end
	switch {
	case c.Curve == "fading":
		return scale(window, 1-early*early*early)
	case c.Curve == "fresh":
		// Uniform in the logarithm of the age: many are only minutes old, however long the window is.
		return scale(time.Second, math.Pow(window.Seconds(), early))
	// The rest of a viral petition is steady, as its past was.
	case c.Curve == "viral" && rng.Float64() < viralShare:
		return scale(viralAge, rng.ExpFloat64())
	}
	return scale(window, 1-early)
}

// scale multiplies a duration by a factor.
func scale(d time.Duration, factor float64) time.Duration {
	return time.Duration(float64(d) * factor)
}

// country draws a country by the percentages. It goes through them in the order of the codes, since the order of a map
// changes from run to run.
func (c crowd) country(rng *rand.Rand) string {
	n := rng.IntN(100)
	for _, code := range slices.Sorted(maps.Keys(c.Countries)) {
		if n -= c.Countries[code]; n < 0 {
			return code
		}
	}
	return ""
}
