package graph

import (
	"context"

	"github.com/google/uuid"

	"petitiond/ent"
	"petitiond/graph/scalar"
	"petitiond/server/figures"
	"petitiond/server/reading"
)

// petitions follows the text and state of a petition, beginning with the present ones, until it is hidden.
func (r *Resolver) petitions(ctx context.Context, id scalar.ID) (<-chan *ent.Petition, error) {
	w, err := r.watch(ctx, figures.Edition, id)
	if err != nil {
		return nil, err
	}
	told := 0 // versions begin with 1
	wait := func(ctx context.Context) error {
		if told == 0 { // the present state comes without news
			return nil
		}
		return w.Wait(ctx)
	}
	return follow(ctx, source[ent.Petition]{wait: wait, about: editionMark, end: w.Close, next: func(ctx context.Context) (*ent.Petition, error) {
		if told > 0 {
			if _, ok, err := w.Poll(); err != nil || !ok {
				return nil, err
			}
		}
		// The whole row: what its fields need is not known yet, as the event is computed after this.
		found, err := r.reads(ctx).PetitionsByID(ctx, []uuid.UUID{id.UUID}, reading.Selection{})
		row, err := one(found.Rows, err)
		switch {
		case err != nil:
			return nil, err
		case row == nil:
			return nil, errNoPetition
		case row.Version == told: // this version was already sent: it was read before its news arrived
			return nil, nil //nolint:nilnil // nothing is new
		}
		told = row.Version
		return row, nil
	}}), nil
}
