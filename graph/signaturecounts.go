package graph

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"petitiond/graph/scalar"
	"petitiond/server/eventmark"
	"petitiond/server/figures"
	"petitiond/server/live"
	"petitiond/server/reading"
)

// counting is a subscription to the counts of petitions. A petition that the actor can no longer see ends its own share
// of it alone.
type counting struct {
	*Resolver

	watcher *live.Watcher
	hours   reading.Hours // whether a change of the last hour alone is worth an event
	shares  map[uuid.UUID]*share
	gone    int   // shares whose petition has gone
	end     error // when all of them have
}

// share is what the subscriber knows of one petition.
type share struct {
	told    *figures.Value // the newest value; nil before the first
	edition int            // for which gone holds: only with another one may a petition have been hidden, or shown again
	gone    bool
}

// counts follows the counts of the petitions with the ids in an argument, or of the one petition whose id is no list.
func (r *Resolver) counts(ctx context.Context, argument string, ids ...scalar.ID) (<-chan *figures.Value, error) {
	c := &counting{Resolver: r, hours: hoursAsked(ctx), shares: map[uuid.UUID]*share{}}
	aspect := figures.Count
	if c.hours {
		// Only for those who see it: it changes every minute, also where nobody signs.
		aspect |= figures.Hour
	}
	keys := make([]uuid.UUID, len(ids))
	for i, id := range ids {
		keys[i] = petitionKey(id)
	}
	// A subscription that goes on under rights of its own has been told of what has gone meanwhile: only a new one is
	// refused.
	w, unseen, err := r.watchAll(ctx, aspect, keys, eventmark.Continues(ctx))
	if errors.Is(err, errNoPetition) {
		err = noPetitions(argument, keys, unseen)
	}
	if err != nil {
		return nil, err
	}
	c.watcher = w
	all := map[uuid.UUID]bool{}
	for _, v := range w.Baseline() {
		c.shares[v.Petition], all[v.Petition] = &share{edition: v.Edition}, true
		if unseen[v.Petition] {
			c.shares[v.Petition].edition = 0 // no petition has it: the first value is looked at, and says that it has gone
		}
	}
	c.end = noPetitions(argument, keys, all)
	return follow(ctx, source[figures.Value]{wait: w.Wait, next: c.next, about: c.mark, end: w.Close}), nil
}

// next returns the next value that the subscriber does not know yet, or nil if there is none.
func (c *counting) next(ctx context.Context) (*figures.Value, error) {
	for {
		v, ok, err := c.watcher.Poll()
		if err != nil || !ok {
			return nil, err
		}
		s := c.shares[v.Petition]
		// Read before look, which may change it: of a petition that comes and goes only the change is worth an event.
		before := s.gone
		if err := c.look(ctx, s, v); err != nil {
			return nil, err
		}
		switch {
		case before && s.gone: // what becomes of it now is not for this subscriber
		case s.gone:
			return c.farewell(s, v)
		case before || s.told == nil || c.differs(s.told, v):
			s.told = &v
			return &v, nil
		}
	}
}

// look finds out whether the actor sees the petition of a value, if that may have changed.
func (c *counting) look(ctx context.Context, s *share, v figures.Value) error {
	if v.Edition == s.edition {
		return nil
	}
	// By a statement of its own and not by the value, which says nothing of who may see it.
	seen, err := c.reads(ctx).Sees(ctx, v.Petition)
	if err != nil {
		return err
	}
	switch {
	case s.gone && seen:
		c.gone--
	case !s.gone && !seen:
		c.gone++
	}
	// Whether a petition is seen changes with its edition only, so most values cost no statement.
	s.edition, s.gone = v.Edition, !seen
	return nil
}

// farewell returns the last value of a petition that has gone: the one that was told before, since what is newer may
// have been written after it was hidden.
func (c *counting) farewell(s *share, v figures.Value) (*figures.Value, error) {
	// Nothing is left to wait for. With one petition this is the first farewell.
	if c.gone == len(c.shares) {
		return nil, c.end
	}
	if s.told != nil {
		v = *s.told
	}
	v.Gone = true
	return &v, nil
}

// differs reports whether a value is worth an event: not if only the text of its petition has changed.
func (c *counting) differs(told *figures.Value, v figures.Value) bool {
	// By the version and not by the numbers: two changes may have brought the same number back.
	return told.Version != v.Version || bool(c.hours) && !told.SameHour(v)
}

// missing is the error for those ids in an argument that name no petition which the actor may see.
type missing struct {
	argument string
	indexes  []int
}

// noPetitions returns the error for the keys in an argument that are among the unseen. If it is no list, there is only
// one.
func noPetitions(argument string, keys []uuid.UUID, unseen map[uuid.UUID]bool) error {
	if argument == "" {
		return errNoPetition
	}
	e := missing{argument: argument, indexes: []int{}}
	for i, key := range keys {
		if unseen[key] {
			e.indexes = append(e.indexes, i)
		}
	}
	return e
}

// Error names the places of the ids, and nothing of what is or is not there.
func (e missing) Error() string {
	places := make([]string, len(e.indexes))
	for i, index := range e.indexes {
		places[i] = fmt.Sprintf("%s[%d]", e.argument, index)
	}
	return strings.TrimSuffix(errNoPetition.Message, ".") + ": " + strings.Join(places, ", ") + "."
}

// Unwrap makes it the same error as that for a single petition.
func (e missing) Unwrap() error { return errNoPetition }
