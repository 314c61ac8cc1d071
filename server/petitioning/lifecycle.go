package petitioning

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"petitiond/ent/petition"
	"petitiond/server/ledger"
)

// Publish opens a draft, or sends it to review where the instance reviews first. Publishing again is
// harmless.
func (s *Service) Publish(ctx context.Context, id uuid.UUID) error {
	field := []string{"id"}
	return s.change(ctx, id, field, func(ctx context.Context, e *edit) (ledger.Terms, error) {
		switch e.row.State {
		case petition.StateDRAFT:
		case petition.StateOPEN, petition.StateIN_REVIEW:
			return ledger.Terms{}, errUnchanged
		default:
			return ledger.Terms{}, errorf(WrongState, field, "Only a draft can be published.")
		}
		if e.row.EndsAt != nil && !e.now.Before(*e.row.EndsAt) {
			return ledger.Terms{}, errorf(WrongState, field, "The end of this petition has passed; set a later one first.")
		}
		if s.opt.Review {
			return e.counter.Terms(), e.Petition.UpdateOneID(id).SetState(petition.StateIN_REVIEW).Exec(ctx)
		}
		return e.open(ctx)
	})
}

// open makes a petition public: it gets its slug, its start, and signatures from then on.
func (e *edit) open(ctx context.Context) (ledger.Terms, error) {
	name, err := e.takeSlug(ctx, e.row.ID, e.row.Title, e.now)
	if err != nil {
		return ledger.Terms{}, err
	}
	start := e.now
	if e.row.StartsAt != nil && start.Before(*e.row.StartsAt) {
		start = *e.row.StartsAt
	}
	if err := e.Petition.UpdateOneID(e.row.ID).SetSlug(name).SetStartsAt(start).Exec(ctx); err != nil {
		return ledger.Terms{}, err
	}
	terms, err := e.enter(ctx, petition.StateOPEN)
	terms.Since = &start
	return terms, err
}

// enter moves the petition to another state, and the counts of its tags with it.
func (e *edit) enter(ctx context.Context, state petition.State) (ledger.Terms, error) {
	was, is := e.row.State == petition.StateOPEN, state == petition.StateOPEN
	if was != is {
		n := 1
		if was {
			n = -1
		}
		if err := e.countTags(ctx, e.row.ID, n); err != nil {
			return ledger.Terms{}, err
		}
	}
	terms := e.counter.Terms()
	terms.Accepting = is
	return terms, e.Petition.UpdateOneID(e.row.ID).SetState(state).Exec(ctx)
}

// Close ends the collection of signatures and may say what became of the petition. Closing again is
// harmless; it may still add the outcome that was not known before.
func (s *Service) Close(ctx context.Context, id uuid.UUID, outcome *petition.Outcome) error {
	field := []string{"input", "id"}
	return s.change(ctx, id, field, func(ctx context.Context, e *edit) (ledger.Terms, error) {
		switch e.row.State {
		case petition.StateOPEN, petition.StatePAUSED:
			return e.close(ctx, e.now, outcome)
		case petition.StateCLOSED:
			if outcome == nil || e.row.Outcome != nil {
				return ledger.Terms{}, errUnchanged
			}
			return e.counter.Terms(), e.Petition.UpdateOneID(id).SetOutcome(*outcome).Exec(ctx)
		}
		return ledger.Terms{}, errorf(WrongState, field, "Only an open or paused petition can be closed.")
	})
}

func (e *edit) close(ctx context.Context, at time.Time, outcome *petition.Outcome) (ledger.Terms, error) {
	row := e.Petition.UpdateOneID(e.row.ID).SetClosedAt(at).SetNillableOutcome(outcome)
	if err := row.Exec(ctx); err != nil {
		return ledger.Terms{}, err
	}
	return e.enter(ctx, petition.StateCLOSED)
}

// Hide takes a petition out of everybody's sight at once. It is for operators.
func (s *Service) Hide(ctx context.Context, id uuid.UUID) error {
	return s.change(ctx, id, nil, func(ctx context.Context, e *edit) (ledger.Terms, error) {
		if e.row.State == petition.StateHIDDEN {
			return ledger.Terms{}, errUnchanged
		}
		return e.enter(ctx, petition.StateHIDDEN)
	})
}

// CloseDue closes the petitions whose end has passed, with their end as the time of closing. The ledger has
// refused signatures since then; this only tells everybody.
func (s *Service) CloseDue(ctx context.Context) error {
	ids, err := s.writer.Petition.Query().
		Where(petition.StateIn(petition.StateOPEN, petition.StatePAUSED), petition.EndsAtLTE(s.opt.Now())).
		Limit(100).IDs(ctx)
	if err != nil {
		return fmt.Errorf("looking for petitions that end: %w", err)
	}
	ctx = WithActor(ctx, Operator())
	for _, id := range ids {
		err := s.change(ctx, id, nil, func(ctx context.Context, e *edit) (ledger.Terms, error) {
			end := e.row.EndsAt
			if !isPublic(e.row.State) || e.row.State == petition.StateCLOSED || end == nil || e.now.Before(*end) {
				return ledger.Terms{}, errUnchanged // somebody was faster
			}
			return e.close(ctx, *end, nil)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Operator gives the actor of the binary's commands and of what the server does by itself.
func Operator() *Actor { return &Actor{caller: adminCaller, scopes: Scopes()} }
