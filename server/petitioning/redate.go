package petitioning

import (
	"context"
	"errors"
	"fmt"
	"time"

	entsql "entgo.io/ent/dialect/sql"

	"petitiond/ent/petition"
	"petitiond/ent/predicate"
	"petitiond/ent/slug"
	"petitiond/server/database"
	"petitiond/server/ledger"
)

// Redate gives the present time to petitions that a wrong clock has dated ahead where all see it: to those that it has
// published, so that they can be signed at once and not only when that time comes, and to those that it has created,
// which would lead the newest. A start that somebody has planned stays.
func (s *Service) Redate(ctx context.Context) error {
	latest := database.Latest(s.opt.Now())
	return s.redate(ctx,
		petition.And(petition.StateEQ(petition.StateOPEN), petition.StartsAtGT(latest), startedWhenPublished),
		petition.And(petition.StateIn(
			petition.StateDRAFT, petition.StateIN_REVIEW, petition.StateREJECTED, petition.StateOPEN, petition.StatePAUSED,
			petition.StateCLOSED, petition.StateARCHIVED, petition.StateHIDDEN,
		), petition.CreatedAtGT(latest))) // an index begins with the state
}

// redateChanges does the same where a wrong clock has merely edited or closed. That orders nothing, so that no index
// finds it, and is looked for less often.
func (s *Service) redateChanges(ctx context.Context) error {
	latest := database.Latest(s.opt.Now())
	return s.redate(ctx, petition.Or(petition.UpdatedAtGT(latest), petition.ClosedAtGT(latest)))
}

// startedWhenPublished matches petitions whose start nobody has planned: they got it together with a slug.
func startedWhenPublished(s *entsql.Selector) {
	named := entsql.Table(slug.Table)
	s.Where(entsql.Exists(entsql.Select(named.C(slug.FieldID)).From(named).Where(entsql.And(
		entsql.ColumnsEQ(named.C(slug.FieldPetitionID), s.C(petition.FieldID)),
		entsql.ColumnsEQ(named.C(slug.FieldCreatedAt), s.C(petition.FieldStartsAt)),
	))))
}

// redate goes through the petitions that match one of the conditions, some at a time.
func (s *Service) redate(ctx context.Context, ahead ...predicate.Petition) error {
	var errs []error
	for _, where := range ahead {
		ids, err := s.lookup.Petition.Query().Where(where).Limit(100).IDs(ctx)
		if err != nil {
			return fmt.Errorf("looking for petitions that a wrong clock has dated ahead: %w", err)
		}
		err = s.changeAll(ctx, ids, func(ctx context.Context, e *edit) (ledger.Terms, error) { return e.redate(ctx) })
		errs = append(errs, err)
		if len(ids) > 0 && err == nil {
			s.opt.Logger.Warn("petitions that a wrong clock had dated ahead were given the present time", "petitions", len(ids))
		}
	}
	return errors.Join(errs...)
}

// redate gives the present time to whatever of the petition lies ahead. What closed at its end waits to be opened again.
func (e *edit) redate(ctx context.Context) (ledger.Terms, error) {
	terms, row := e.counter.Terms(), e.Petition.UpdateOneID(e.row.ID)
	started, err := e.startedAhead(ctx)
	if err != nil {
		return ledger.Terms{}, err
	}
	closed := e.ahead(e.row.ClosedAt) && !closedEarly(e.row, e.now)
	if !started && !closed && !e.ahead(&e.row.CreatedAt) && !e.ahead(&e.row.UpdatedAt) {
		return ledger.Terms{}, errUnchanged // somebody was faster
	}
	if started {
		terms.Since = &e.now
		row.SetStartsAt(e.now)
	}
	if closed {
		row.SetClosedAt(e.now)
	}
	if err := row.Exec(ctx); err != nil {
		return ledger.Terms{}, err
	}
	return terms, e.redateCreation(ctx)
}

func (e *edit) ahead(at *time.Time) bool { return at != nil && at.After(database.Latest(e.now)) }

// startedAhead reports whether a wrong clock has published the petition.
func (e *edit) startedAhead(ctx context.Context) (bool, error) {
	if !e.ahead(e.row.StartsAt) {
		return false, nil
	}
	return e.Petition.Query().Where(petition.ID(e.row.ID), startedWhenPublished).Exist(ctx)
}

// redateCreation writes what otherwise never changes: when the petition was created and when it got its slugs.
func (e *edit) redateCreation(ctx context.Context) error {
	_, err := e.sql.ExecContext(ctx, `UPDATE slugs SET created_at = $2 WHERE petition_id = $1 AND created_at > $3`,
		e.row.ID, e.now, database.Latest(e.now))
	if err != nil {
		return fmt.Errorf("dating slugs anew: %w", err)
	}
	if !e.ahead(&e.row.CreatedAt) {
		return nil
	}
	_, err = e.sql.ExecContext(ctx, `UPDATE petitions SET created_at = $2 WHERE id = $1`, e.row.ID, e.now)
	if err != nil {
		return fmt.Errorf("dating a petition anew: %w", err)
	}
	_, err = e.sql.ExecContext(ctx, `UPDATE petition_tags SET created = $2 WHERE petition_id = $1`, e.row.ID, e.now.UnixMicro())
	if err != nil {
		return fmt.Errorf("dating a petition anew under its tags: %w", err)
	}
	return nil
}
