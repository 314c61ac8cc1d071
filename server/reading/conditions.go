package reading

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"petitiond/ent/petition"
	"petitiond/server/database"
	"petitiond/server/keyset"
	"petitiond/server/reading/visibility"
	"petitiond/server/state"
	"petitiond/server/text"
)

// conditions are the checked filter of a list of petitions. They are immutable. They determine where petitions are
// chosen from (source), and both together determine how petitions are sorted (sorting).
type conditions struct {
	name     string // with filter and order: binds the cursors
	seen     visibility.Seen
	order    Order
	states   []petition.State            // among what everybody sees, or the operator
	ownIn    []petition.State            // among the viewer's own petitions, besides these
	own      func(*database.Args) string // AND … the conditions on the petitions' own rows
	terms    []text.SearchTerm           // of the search
	crowded  bool                        // too many words begin with the last of these
	narrow   []narrowing                 // the conditions on other tables; a search comes last
	byValues bool                        // how the list is best read depends on the values it is read with
}

// conditions checks a query.
func (s *Reader) conditions(ctx context.Context, name string, q PetitionQuery) (conditions, error) {
	order := or(q.Order, newestFirst)
	if err := order.check(q.Search != nil); err != nil {
		return conditions{}, err
	}
	f := or(q.Filter, Filter{}).filled()
	if err := f.checkTags(); err != nil {
		return conditions{}, err
	}
	own, err := f.own()
	if err != nil {
		return conditions{}, err
	}
	// The whole query: a cursor of one list must not be taken for another's, whose order it knows nothing of.
	digest := sha256.New()
	described := json.NewEncoder(digest)
	described.SetEscapeHTML(false) // names of tags come with any length, and one of < would be six times as long
	if err := described.Encode(q); err != nil {
		return conditions{}, fmt.Errorf("describing a list: %w", err)
	}
	c := conditions{
		name: name + " " + hex.EncodeToString(digest.Sum(nil)), seen: s.viewer.PetitionList(`p`), order: order, own: own,
		states: []petition.State{petition.StateOPEN},
	}
	// Only those whose petitions the viewer can meet at all, so that no index is walked for the others.
	if len(f.States) > 0 {
		c.states, c.ownIn = s.viewer.States(knownStates(f.States))
	}
	if c.terms = text.SearchTerms(deref(q.Search)); q.Search != nil && len(c.terms) == 0 {
		c.states, c.ownIn = nil, nil // nothing but punctuation: no petition matches
	}
	if c.crowded, err = s.crowded(ctx, c); err != nil {
		return conditions{}, fmt.Errorf("counting words: %w", err)
	}
	c.narrow = s.narrowings(c, f)
	c.byValues = len(c.narrow) > 0 || c.asksRows()
	return c, nil
}

// narrowings returns those of a query. A list that walks along the index of another table also needs one for the
// conditions on the petitions' rows: if few petitions met them, the walk would pass nearly all petitions.
func (s *Reader) narrowings(c conditions, f Filter) []narrowing {
	out := c.tagged(f)
	if f.MinSignatures != nil {
		out = append(out, c.signedBy(*f.MinSignatures))
	}
	if c.order.alongRanks() && c.asksRows() {
		out = append(out, narrowing{
			set: func(args *database.Args) string {
				return `SELECT p.id FROM petitions AS p WHERE TRUE` + c.own(args) + c.inStates()
			},
			probe: func(*database.Args) string { return `` }, // checked in any case
		})
	}
	if len(c.terms) > 0 {
		out = append(out, s.searched(c))
	}
	return out
}

// asksRows reports whether there are conditions on the petitions' own rows besides their states.
func (c conditions) asksRows() bool { return c.own(&database.Args{}) != "" }

// filled returns the filter without texts and times that were left blank.
func (f Filter) filled() Filter {
	if f.Language != nil && text.IsBlank(*f.Language) {
		f.Language = nil
	}
	for _, at := range []**time.Time{&f.StartedAfter, &f.EndsBefore} {
		if *at != nil && (*at).IsZero() {
			*at = nil
		}
	}
	return f
}

// own returns the conditions of a filter on the petitions' own rows.
func (f Filter) own() (func(*database.Args) string, error) {
	language := ""
	if f.Language != nil {
		code, fault := text.CheckLocale(*f.Language)
		if fault != "" {
			return nil, &keyset.ArgumentError{Argument: "filter.language", Message: fault}
		}
		language = code
	}
	return func(args *database.Args) (out string) {
		if language != "" {
			// `pt` means `pt-BR`, too, as everybody who filters by it expects; `pt-BR` means itself.
			out += ` AND (p.language = ` + args.Add(language) + ` OR p.language LIKE ` + args.Add(language+`-%`) + `)`
		}
		if f.StartedAfter != nil {
			out += ` AND p.starts_at > ` + args.Add(*f.StartedAfter)
		}
		if f.EndsBefore != nil {
			out += ` AND p.ends_at < ` + args.Add(*f.EndsBefore)
		}
		return out
	}, nil
}

// knownStates returns the valid ones of the states, each once: they are written into the text of statements.
func knownStates(states []petition.State) []petition.State {
	return slices.DeleteFunc(slices.Compact(slices.Sorted(slices.Values(states))), func(one petition.State) bool {
		return petition.StateValidator(one) != nil
	})
}

// inStates returns the condition on the states. They are written into the statement, which lets the planner know how
// many petitions are in each.
func (c conditions) inStates() string { return c.in(`p.state`) }

// in is inStates for another column.
func (c conditions) in(column string) string { return in(column, c.states) }

// in returns the condition that a column has one of the states.
func in(column string, states []petition.State) string {
	// None of those that were asked for is known and may be seen: an empty list in brackets would be no SQL.
	if len(states) == 0 {
		return ` AND FALSE`
	}
	return ` AND ` + column + ` IN ` + state.List(states)
}
