package petitioning

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"petitiond/ent/petition"
	"petitiond/server/ledger"
	"petitiond/server/state"
)

// Publish opens a draft, or sends it to review if the instance reviews petitions first. Publishing a published petition
// changes nothing.
func (s *Service) Publish(ctx context.Context, id uuid.UUID) error {
	field := []string{"id"}
	return s.change(ctx, id, field, func(ctx context.Context, e *edit) (ledger.Terms, error) {
		switch {
		case e.row.State == petition.StateDRAFT:
		// No error: who repeats a request whose answer was lost is told the same.
		case state.Public(e.row.State), e.row.State == petition.StateIN_REVIEW:
			return ledger.Terms{}, errUnchanged
		default:
			return ledger.Terms{}, errorf(WrongState, field, "Only a draft can be published.")
		}
		if e.row.EndsAt != nil && !e.now.Before(*e.row.EndsAt) {
			return ledger.Terms{}, errorf(WrongState, field, "The end of this petition has passed; set a later one first.")
		}
		// Its slug and its start come when it is opened.
		if s.opt.Review {
			return e.enter(ctx, petition.StateIN_REVIEW)
		}
		return e.open(ctx)
	})
}

// open makes a petition public: it gets its slug and its start, and may be signed from then on.
func (e *edit) open(ctx context.Context) (ledger.Terms, error) {
	name, err := e.takeSlug(ctx, e.row.ID, petition.StateOPEN, headline{e.row.Title, e.row.Language}, e.now)
	if err != nil {
		return ledger.Terms{}, err
	}
	start := e.now
	// A start that was planned holds; one that has passed meanwhile becomes now, since nobody could sign the draft.
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

// enter moves the petition to another state, and the counts of its tags and its place among the ranks with it. The rank
// comes last: who holds it waits for nothing else, and so rerank can wait for it.
func (e *edit) enter(ctx context.Context, next petition.State) (ledger.Terms, error) {
	if err := e.tags().Enter(ctx, e.row.ID, e.row.State, next); err != nil {
		return ledger.Terms{}, err
	}
	terms := e.counter.Terms()
	terms.Accepting = state.Signable(next)
	if err := e.Petition.UpdateOneID(e.row.ID).SetState(next).Exec(ctx); err != nil {
		return ledger.Terms{}, err
	}
	return terms, e.Rank.UpdateOneID(e.row.ID).SetState(string(next)).Exec(ctx)
}

// Close ends the collection of signatures and may record the outcome. Closing a closed petition records the outcome
// that is given, also in place of another one: it may not have been known before, or may have been wrong.
func (s *Service) Close(ctx context.Context, id uuid.UUID, outcome *petition.Outcome) error {
	field := []string{"input", "id"}
	return s.change(ctx, id, field, func(ctx context.Context, e *edit) (ledger.Terms, error) {
		switch {
		case state.Closable(e.row.State):
			return e.close(ctx, outcome)
		case e.row.State == petition.StateCLOSED:
			if outcome == nil || e.row.Outcome != nil && *e.row.Outcome == *outcome {
				return ledger.Terms{}, errUnchanged
			}
			// Its terms stay: it has been closed before.
			return e.counter.Terms(), e.record(ctx, outcome)
		}
		return ledger.Terms{}, errorf(WrongState, field, "Only an open or paused petition can be closed.")
	})
}

// close ends the signing now, or at the petition's end if that has passed.
func (e *edit) close(ctx context.Context, outcome *petition.Outcome) (ledger.Terms, error) {
	at := e.now
	// Signatures were refused since its end, whenever somebody noticed.
	if end := e.row.EndsAt; end != nil && end.Before(at) {
		at = *end
	}
	if err := e.Petition.UpdateOneID(e.row.ID).SetClosedAt(at).Exec(ctx); err != nil {
		return ledger.Terms{}, err
	}
	if err := e.record(ctx, outcome); err != nil {
		return ledger.Terms{}, err
	}
	return e.enter(ctx, petition.StateCLOSED)
}

// record sets the outcome of the petition, if there is one, beside those that were recorded before.
func (e *edit) record(ctx context.Context, outcome *petition.Outcome) error {
	if outcome == nil {
		return nil
	}
	err := e.OutcomeRecord.Create().SetID(newID()).SetPetitionID(e.row.ID).SetOutcome(string(*outcome)).
		SetVersion(e.row.Version + 1).SetRecordedAt(e.now).Exec(ctx)
	if err != nil {
		return err
	}
	return e.Petition.UpdateOneID(e.row.ID).SetOutcome(*outcome).Exec(ctx)
}

// Hide hides a petition from everybody at once. It is for operators, and leaves a trace in the log.
func (s *Service) Hide(ctx context.Context, id uuid.UUID) error {
	was := petition.StateHIDDEN
	err := s.change(ctx, id, nil, func(ctx context.Context, e *edit) (ledger.Terms, error) {
		if was = e.row.State; was == petition.StateHIDDEN {
			return ledger.Terms{}, errUnchanged
		}
		return e.enter(ctx, petition.StateHIDDEN)
	})
	if err == nil && was != petition.StateHIDDEN {
		s.opt.Logger.InfoContext(ctx, "a petition was hidden", "petition", id, "was", was)
	}
	return err
}

// CloseDue closes the petitions whose end has passed, with their end as the time of closing. The ledger has refused
// signatures since then; this only makes it visible.
func (s *Service) CloseDue(ctx context.Context) error {
	ids, err := s.lookup.Petition.Query().
		Where(petition.StateIn(state.In(state.Closable)...), petition.EndsAtLTE(s.opt.Now())).
		Limit(100).IDs(ctx) // the rest have their turn a second later
	if err != nil {
		return fmt.Errorf("looking for petitions that end: %w", err)
	}
	_, err = s.changeAll(ctx, ids, func(ctx context.Context, e *edit) (ledger.Terms, error) {
		if !state.Closable(e.row.State) || e.row.EndsAt == nil || e.now.Before(*e.row.EndsAt) {
			return ledger.Terms{}, errUnchanged // another change came first
		}
		return e.close(ctx, nil)
	})
	return err
}

// changeAll changes petitions as the operator, and returns how many it has changed. If one fails, it continues with the
// others.
func (s *Service) changeAll(
	ctx context.Context, ids []uuid.UUID, fn func(context.Context, *edit) (ledger.Terms, error),
) (changed int, _ error) {
	ctx = WithActor(ctx, Operator())
	// Each in a transaction of its own, whose lock no other petition waits for.
	var errs []error
	for _, id := range ids {
		differs := false
		err := s.change(ctx, id, nil, func(ctx context.Context, e *edit) (ledger.Terms, error) {
			terms, err := fn(ctx, e)
			differs = err == nil
			return terms, err
		})
		if err == nil && differs {
			changed++
		}
		errs = append(errs, err)
	}
	return changed, errors.Join(errs...)
}

// Operator returns the actor of the binary's commands and of the server's own tasks.
func Operator() *Actor { return &Actor{caller: adminCaller, scopes: Scopes()} }
