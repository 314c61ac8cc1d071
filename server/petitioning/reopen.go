package petitioning

import (
	"context"
	"time"

	"petitiond/ent"
	"petitiond/ent/petition"
	"petitiond/server/ledger"
	"petitiond/server/state"
)

// reopenWithin is how long after the end of a petition its petitioner may still move the end.
const reopenWithin = 7 * 24 * time.Hour

// endedByItself reports whether a petition has closed at its end and nobody has recorded an outcome since, by which it
// would be finished. A petition that was closed by hand has a time of closing before its end.
func endedByItself(row *ent.Petition) bool {
	return row.State == petition.StateCLOSED && row.Outcome == nil && row.ClosedAt != nil && row.EndsAt != nil &&
		row.ClosedAt.Equal(*row.EndsAt)
}

// endedForGood reports whether the end has passed so long ago that the petitioner can no longer move it, also where
// nobody has closed the petition yet.
func (e *edit) endedForGood() bool {
	return e.row.EndsAt != nil && e.row.EndsAt.Before(e.now.Add(-reopenWithin)) &&
		(endedByItself(e.row) || state.Closable(e.row.State))
}

// reopen opens a petition again that has ended by itself.
func (e *edit) reopen(ctx context.Context) (ledger.Terms, error) {
	if err := e.Petition.UpdateOneID(e.row.ID).ClearClosedAt().Exec(ctx); err != nil {
		return ledger.Terms{}, err
	}
	return e.enter(ctx, petition.StateOPEN)
}
