package graph

import (
	"context"
	"time"

	"petitiond/ent"
	"petitiond/graph/scalar"
	"petitiond/server/reading/history"
)

// historyArguments are those of a history, as they can be compared.
type historyArguments struct {
	step     history.Interval
	from, to moment
}

// historyOf returns the history of a petition.
func historyOf(ctx context.Context, r *Resolver, row *ent.Petition, step history.Interval, from, to *time.Time) ([]*history.Point, error) {
	found, err := load(ctx, r, row, toHistory, historyArguments{step, momentOf(from), momentOf(to)})
	if err == nil {
		err = found.Err // of this petition alone
	}
	if found.Points == nil && err == nil {
		found.Points = []*history.Point{} // there is one, without points
	}
	return found.Points, err
}

// HistorySize returns how many points Petition.signatureHistory has at most, by its arguments.
func (r *Resolver) HistorySize(arguments map[string]any) int {
	// Arguments are those of JSON here, before anything has judged them.
	step, _ := arguments["interval"].(string)
	from, begins := arguments["from"].(string)
	start, err := scalar.UnmarshalDateTime(from)
	if !begins || err != nil {
		// The dearest, also where the argument cannot be read: the resolver refuses it, so it was merely priced too
		// high.
		return history.Most
	}
	if to, ends := arguments["to"].(string); ends {
		if end, err := scalar.UnmarshalDateTime(to); err == nil && !end.IsZero() {
			return r.Reading.HistorySize(history.Query{Interval: history.Interval(step), From: &start, To: &end})
		}
	}
	return r.Reading.HistorySize(history.Query{Interval: history.Interval(step), From: &start})
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
