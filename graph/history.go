package graph

import (
	"context"
	"time"

	"petitiond/ent"
	"petitiond/graph/scalar"
	"petitiond/server/reading"
)

// history is the arguments of a history.
type history struct {
	step     reading.Interval
	from, to moment
}

// historyOf returns the history of a petition.
func historyOf(ctx context.Context, r *Resolver, row *ent.Petition, step reading.Interval, from, to *time.Time) ([]*reading.CountPoint, error) {
	found, err := load(ctx, r, row, toHistory, history{step, momentOf(from), momentOf(to)})
	if err == nil {
		err = found.Err // of this petition alone
	}
	if found.Points == nil && err == nil {
		found.Points = []*reading.CountPoint{} // there is one, without points
	}
	return found.Points, err
}

// HistorySize returns how many points Petition.signatureHistory has at most, by its arguments.
func (r *Resolver) HistorySize(arguments map[string]any) int {
	step, _ := arguments["interval"].(string)
	from, begins := arguments["from"].(string)
	start, err := scalar.UnmarshalDateTime(from)
	if !begins || err != nil {
		// The dearest, also where the argument cannot be read: the resolver refuses it, so it was merely priced too
		// high.
		return reading.HistoryMost
	}
	if to, ends := arguments["to"].(string); ends {
		if end, err := scalar.UnmarshalDateTime(to); err == nil && !end.IsZero() {
			return r.Reading.HistorySize(reading.Interval(step), start, &end)
		}
	}
	return r.Reading.HistorySize(reading.Interval(step), start, nil)
}

// moment is a time that can be compared with ==, in microseconds as in the databases: two values of time.Time may
// differ in their locations.
type moment struct{ option[time.Time] }

// momentOf takes the zero time, which stands for a blank text, for none.
func momentOf(t *time.Time) moment {
	if t == nil || t.IsZero() {
		return moment{}
	}
	return moment{option[time.Time]{t.UTC().Round(0), true}}
}

func (m moment) time() *time.Time { return m.pointer() }
