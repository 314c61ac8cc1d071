package petitioning

import (
	"context"
	"errors"
	"fmt"
	"time"

	entsql "entgo.io/ent/dialect/sql"

	"petitiond/ent"
	"petitiond/ent/petition"
	"petitiond/ent/predicate"
	"petitiond/ent/slug"
	"petitiond/server/database"
	"petitiond/server/ledger"
)

// Mend repairs petitions after a wrong clock: it replaces times in the future by the current time and reopens what was
// closed too early. It returns how many petitions it has changed. The caller must know that the clock is right now.
func (s *Service) Mend(ctx context.Context) (petitions int, err error) {
	var errs []error
	// All of them, also if one fails: each looks for something of its own.
	for _, mend := range []func(context.Context) (int, error){s.redatePublic, s.reopenEarly, s.redateChanges, s.redateCredentials} {
		n, err := mend(ctx)
		petitions, errs = petitions+n, append(errs, err)
	}
	return petitions, errors.Join(errs...)
}

// mendDates replaces public times in the future. If no second clock confirms this one, it only logs that there are
// some: to a clock that is slow, correct times appear to be in the future, and replacing them could not be undone.
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

// confirmed returns a task that runs mend only if a second clock confirms this one.
func (s *Service) confirmed(mend func(context.Context) (int, error)) func(context.Context) error {
	return func(ctx context.Context) error {
		if !s.db.Clock.Confirmed() {
			return nil
		}
		_, err := mend(ctx)
		return err
	}
}

// latest returns the latest time that does not count as being in the future.
func (s *Service) latest() time.Time { return database.Latest(s.opt.Now()) }

// redatePublic sets the current time in petitions with public times in the future: in those published by a wrong clock,
// which could otherwise not be signed until that time, and in those created by it, which would come first among the
// newest. A start that somebody has planned stays.
func (s *Service) redatePublic(ctx context.Context) (int, error) {
	return s.redate(ctx, datedAhead(s.latest())...)
}

// datedAhead matches petitions that were published or created with a time in the future.
func datedAhead(latest time.Time) []predicate.Petition {
	return []predicate.Petition{
		petition.And(petition.StateEQ(petition.StateOPEN), petition.StartsAtGT(latest), startedWhenPublished),
		petition.And(petition.StateIn(
			petition.StateDRAFT, petition.StateIN_REVIEW, petition.StateREJECTED, petition.StateOPEN, petition.StatePAUSED,
			petition.StateCLOSED, petition.StateARCHIVED, petition.StateHIDDEN,
		), petition.CreatedAtGT(latest)), // an index begins with the state
	}
}

// redateChanges does the same for times of edits and of closing. Nothing is ordered by those, so no index finds them,
// and they are looked for less often.
func (s *Service) redateChanges(ctx context.Context) (int, error) {
	latest := s.latest()
	return s.redate(ctx, petition.Or(petition.UpdatedAtGT(latest), petition.ClosedAtGT(latest)))
}

// redateCredentials sets the current time in credentials that were made in the future. It returns 0: they are no
// petitions.
func (s *Service) redateCredentials(ctx context.Context) (int, error) {
	return 0, s.inTx(ctx, func(t *tx) error {
		// The age of a token decides whether a repeated request receives it once more.
		for _, table := range []string{"tokens", "api_keys"} {
			_, err := t.sql.ExecContext(ctx, `UPDATE `+table+` SET created_at = $1 WHERE created_at > $2`, s.opt.Now(), s.latest())
			if err != nil {
				return fmt.Errorf("dating credentials: %w", err)
			}
		}
		return nil
	})
}

// startedWhenPublished matches petitions whose start was not planned: it was set together with the slug.
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

// foundAtOnce is how many petitions one query finds.
const foundAtOnce = 100

// changeFound changes the petitions that match a condition, and returns how many it has changed. It repeats the query
// while there may be more, unless it could change none of those that it found.
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

// redate replaces all times of the petition that are in the future by the current time, except for a closing at the
// petition's end, which reopenEarly repairs.
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

// startedAhead reports whether the petition was published with a time in the future.
func (e *edit) startedAhead(ctx context.Context) (bool, error) {
	if !e.ahead(e.row.StartsAt) {
		return false, nil
	}
	return e.Petition.Query().Where(petition.ID(e.row.ID), startedWhenPublished).Exist(ctx)
}

// redateCreation rewrites times that otherwise never change: when the petition was created and when it got its slugs.
func (e *edit) redateCreation(ctx context.Context) error {
	_, err := e.sql.ExecContext(ctx, `UPDATE slugs SET created_at = $2 WHERE petition_id = $1 AND created_at > $3`,
		e.row.ID, e.now, database.Latest(e.now))
	if err != nil {
		return fmt.Errorf("redating slugs: %w", err)
	}
	if !e.ahead(&e.row.CreatedAt) {
		return nil
	}
	_, err = e.sql.ExecContext(ctx, `UPDATE petitions SET created_at = $2 WHERE id = $1`, e.row.ID, e.now)
	if err != nil {
		return fmt.Errorf("redating a petition: %w", err)
	}
	_, err = e.sql.ExecContext(ctx, `UPDATE petition_tags SET created = $2 WHERE petition_id = $1`, e.row.ID, e.now.UnixMicro())
	if err != nil {
		return fmt.Errorf("redating a petition under its tags: %w", err)
	}
	return nil
}

// closedAhead is closedEarly as a condition of a query.
func closedAhead(latest time.Time) predicate.Petition {
	return petition.And(petition.StateEQ(petition.StateCLOSED), petition.EndsAtGT(latest), petition.OutcomeIsNil(),
		func(s *entsql.Selector) { s.Where(entsql.ColumnsEQ(petition.FieldClosedAt, petition.FieldEndsAt)) })
}

// reopenEarly reopens petitions that CloseDue closed too early because of a wrong clock: at their end, which has not
// come yet. A petition whose outcome was recorded since stays closed. It returns how many were reopened.
func (s *Service) reopenEarly(ctx context.Context) (int, error) {
	opened, err := s.changeFound(ctx, closedAhead(s.latest()), func(ctx context.Context, e *edit) (ledger.Terms, error) {
		if !closedEarly(e.row, e.now) {
			return ledger.Terms{}, errUnchanged
		}
		return e.reopen(ctx)
	})
	if opened > 0 {
		s.opt.Logger.Warn("petitions that a wrong clock has closed were opened again", "petitions", opened)
	}
	return opened, err
}

// closedEarly reports whether CloseDue closed a petition too early because of a wrong clock.
func closedEarly(row *ent.Petition, now time.Time) bool {
	return endedByItself(row) && row.ClosedAt.After(database.Latest(now))
}
