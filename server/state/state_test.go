package state_test

import (
	"slices"
	"testing"
	"time"

	"petitiond/ent/petition"
	"petitiond/server/state"
)

// TestEveryStateStandsInTheTable compares with the enum of the database, which knows no list of its values but a check.
func TestEveryStateStandsInTheTable(t *testing.T) {
	t.Parallel()
	all := state.In(func(petition.State) bool { return true })
	for _, s := range all {
		if err := petition.StateValidator(s); err != nil {
			t.Errorf("%s is no state of petitions: %v", s, err)
		}
	}
	if want := 8; len(all) != want || len(slices.Compact(slices.Sorted(slices.Values(all)))) != want {
		t.Errorf("the table has %v, want %d states", all, want)
	}
}

func TestRights(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		allows func(petition.State) bool
		want   string
	}{
		"Public":      {state.Public, `('OPEN', 'PAUSED', 'CLOSED', 'ARCHIVED')`},
		"Signable":    {state.Signable, `('OPEN')`},
		"Closable":    {state.Closable, `('OPEN', 'PAUSED')`},
		"Commentable": {state.Commentable, `('OPEN', 'CLOSED')`},
		"Editable":    {state.Editable, `('DRAFT', 'IN_REVIEW', 'REJECTED', 'OPEN', 'PAUSED')`},
		"Linked":      {state.Linked, `('OPEN', 'PAUSED', 'CLOSED', 'ARCHIVED', 'HIDDEN')`},
	} {
		if got := state.List(state.In(c.allows)); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
		if c.allows("UNHEARD_OF") {
			t.Errorf("%s of a state that there is not", name)
		}
	}
	if want := `('DRAFT', 'IN_REVIEW', 'REJECTED', 'HIDDEN')`; state.UnseenSQL != want {
		t.Errorf("unseen are %s, want %s", state.UnseenSQL, want)
	}
}

func TestSignableAt(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, time.March, 2, 10, 0, 0, 0, time.UTC)
	before, after := now.Add(-time.Microsecond), now.Add(time.Microsecond)
	for name, c := range map[string]struct {
		state        petition.State
		starts, ends *time.Time
		want, early  bool
	}{
		"NoTimes":     {petition.StateOPEN, nil, nil, true, false},
		"Between":     {petition.StateOPEN, &before, &after, true, false},
		"AtTheStart":  {petition.StateOPEN, &now, nil, true, false},
		"BeforeStart": {petition.StateOPEN, &after, nil, false, true},
		"AtTheEnd":    {petition.StateOPEN, nil, &now, false, false},
		"AfterTheEnd": {petition.StateOPEN, nil, &before, false, false},
		"Paused":      {petition.StatePAUSED, &before, &after, false, false},
		"PausedEarly": {petition.StatePAUSED, &after, nil, false, false},
	} {
		if got := state.SignableAt(c.state, c.starts, c.ends, now); got != c.want {
			t.Errorf("%s: signable %v, want %v", name, got, c.want)
		}
		if got := state.Early(c.state, c.starts, now); got != c.early {
			t.Errorf("%s: early %v, want %v", name, got, c.early)
		}
	}
}
