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

// Mend makes right what a wrong clock has left of petitions: it dates anew what lies ahead and opens again what was closed
// early. It returns how many petitions it has changed. Who asks for it knows that the clock is right.
func (s *Service) Mend(ctx context.Context) (petitions int, err error) {
	var errs []error
	for _, mend := range []func(context.Context) (int, error){s.redatePublic, s.reopenEarly, s.redateChanges} {
		n, err := mend(ctx)
		petitions, errs = petitions+n, append(errs, err)
	}
	return petitions, errors.Join(errs...)
}

// mendDates dates anew what all see. Where no second clock tells that this one is right, it only says that there is
// something: by a clock that is behind what is right lies ahead, and nobody could undo it.
func (s *Service) mendDates(ctx context.Context) error {
	if s.db.Clock.Confirmed() {
		_, err := s.redatePublic(ctx)
		return err
	}
	found := 0
	for _, where := range append(datedAhead(s.latest()), closedAhead(s.latest())) {
		n, err := s.lookup.Petition.Query().Where(where).Count(ctx)
		if err != nil {
			return fmt.Errorf("looking for petitions that are dated ahead: %w", err)
		}
		found += n
	}
	if found > 0 {
		s.opt.Logger.Warn(database.DatesAhead, "datesOfPetitions", found)
	}
	return nil
}

// confirmed makes a task of a mend that is left out where no second clock tells that this one is right.
func (s *Service) confirmed(mend func(context.Context) (int, error)) func(context.Context) error {
	return func(ctx context.Context) error {
		if !s.db.Clock.Confirmed() {
			return nil
		}
		_, err := mend(ctx)
		return err
	}
}

// latest returns the latest time that does not lie ahead.
func (s *Service) latest() time.Time { return database.Latest(s.opt.Now()) }

// redatePublic gives the present time to petitions that a wrong clock has dated ahead where all see it: to those that it has
// published, so that they can be signed at once and not only when that time comes, and to those that it has created,
// which would lead the newest. A start that somebody has planned stays.
func (s *Service) redatePublic(ctx context.Context) (int, error) {
	return s.redate(ctx, datedAhead(s.latest())...)
}

// datedAhead matches petitions that a wrong clock has published or created.
func datedAhead(latest time.Time) []predicate.Petition {
	return []predicate.Petition{
		petition.And(petition.StateEQ(petition.StateOPEN), petition.StartsAtGT(latest), startedWhenPublished),
		petition.And(petition.StateIn(
			petition.StateDRAFT, petition.StateIN_REVIEW, petition.StateREJECTED, petition.StateOPEN, petition.StatePAUSED,
			petition.StateCLOSED, petition.StateARCHIVED, petition.StateHIDDEN,
		), petition.CreatedAtGT(latest)), // an index begins with the state
	}
}

// redateChanges does the same where a wrong clock has merely edited or closed. That orders nothing, so that no index
// finds it, and is looked for less often.
func (s *Service) redateChanges(ctx context.Context) (int, error) {
	latest := s.latest()
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

// redate changes the petitions that match one of the conditions, and returns how many there were.
func (s *Service) redate(ctx context.Context, ahead ...predicate.Petition) (changed int, err error) {
	var errs []error
	for _, where := range ahead {
		n, err := s.changeFound(ctx, where, func(ctx context.Context, e *edit) (ledger.Terms, error) { return e.redate(ctx) })
		changed, errs = changed+n, append(errs, err)
	}
	if changed > 0 {
		s.opt.Logger.Warn("petitions that a wrong clock had dated ahead were given the present time", "petitions", changed)
	}
	return changed, errors.Join(errs...)
}

// foundAtOnce is how many petitions one look finds.
const foundAtOnce = 100

// changeFound changes the petitions that match a condition, and returns how many it has changed. It looks again while
// there may be more, unless it has changed none of those that it found.
func (s *Service) changeFound(
	ctx context.Context, where predicate.Petition, fn func(context.Context, *edit) (ledger.Terms, error),
) (changed int, err error) {
	for {
		ids, err := s.lookup.Petition.Query().Where(where).Limit(foundAtOnce).IDs(ctx)
		if err != nil {
			return changed, fmt.Errorf("looking for petitions that a wrong clock has changed: %w", err)
		}
		n, err := s.changeAll(ctx, ids, fn)
		changed += n
		if len(ids) < foundAtOnce || n == 0 || ctx.Err() != nil {
			return changed, err
		}
	}
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
