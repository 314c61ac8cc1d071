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

const (
	viralShare = 0.85 // of the signatures of a petition that spread lately
	viralAge   = 36 * time.Hour
)

var (
	errNeverOpen = errors.New("the petition was not open at any time before now")
	errCountries = errors.New("the percentages of the countries exceed 100")
	errNamed     = errors.New("the share of public names is not between 0 and 1")
	errCurve     = errors.New("the curve is none of steady, fading, fresh and viral")
)

// crowd describes the signatures of a petition.
type crowd struct {
	Count     int
	Named     float64        // share whose name is public
	Curve     string         // how they are spread over time
	Countries map[string]int // per cent; the rest names no country
	Until     *time.Time     // when signing was stopped, if by neither end nor close
}

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

// source returns every file a repeatable stream of its own, so that an edit of
// one leaves the others as they were.
func source(name string) *rand.Rand {
	return rand.New(rand.NewChaCha8(sha256.Sum256([]byte(name)))) //nolint:gosec // repeatable on purpose, nothing secret
}

// gather makes up the signatures, the earliest first.
func (d document) gather(now time.Time, people register, rng *rand.Rand) ([]Signature, error) {
	if d.Crowd.Count == 0 {
		return nil, nil
	}
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
			Name:     names.draw(rng),
			Address:  fmt.Sprintf("signatory-%06d@demo.example", i+1),
			Country:  d.Crowd.country(rng),
			ShowName: rng.Float64() < d.Crowd.Named,
			At:       at,
		})
	}
	return signatures, nil
}

// lastCall is when signing ended, or now if it has not.
func (d document) lastCall(now time.Time) time.Time {
	for _, end := range []*time.Time{d.EndsAt, d.ClosedAt, d.Crowd.Until} {
		if end != nil && end.Before(now) {
			now = *end
		}
	}
	return now
}

// times draws when the signatures were given, in order.
func (c crowd) times(from, until time.Time, rng *rand.Rand) []time.Time {
	times := make([]time.Time, 0, c.Count)
	for len(times) < c.Count {
		// Draws before the start are thrown away rather than moved to it,
		// where they would pile up.
		if at := until.Add(-c.age(until.Sub(from), rng)).Truncate(time.Microsecond); !at.Before(from) {
			times = append(times, at)
		}
	}
	slices.SortFunc(times, time.Time.Compare)
	return times
}

// age draws how long before the end of the window a signature was given.
func (c crowd) age(window time.Duration, rng *rand.Rand) time.Duration {
	early := rng.Float64() // below 1: nobody signs in the instant of the end
	switch {
	case c.Curve == "fading":
		return scale(window, 1-early*early*early)
	case c.Curve == "fresh":
		// Even in the logarithm of the age, so that many are minutes old
		// whatever the length of the window.
		return scale(time.Second, math.Pow(window.Seconds(), early))
	case c.Curve == "viral" && rng.Float64() < viralShare:
		return scale(viralAge, rng.ExpFloat64())
	}
	return scale(window, 1-early)
}

func scale(d time.Duration, factor float64) time.Duration {
	return time.Duration(float64(d) * factor)
}

// country draws by the percentages, in the order of the codes because that of
// a map changes from run to run.
func (c crowd) country(rng *rand.Rand) string {
	n := rng.IntN(100)
	for _, code := range slices.Sorted(maps.Keys(c.Countries)) {
		if n -= c.Countries[code]; n < 0 {
			return code
		}
	}
	return ""
}
