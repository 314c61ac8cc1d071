package petitioning

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/google/uuid"

	"petitiond/ent"
	"petitiond/ent/petition"
	"petitiond/server/fields"
	"petitiond/server/figures"
	"petitiond/server/ledger"
	"petitiond/server/state"
)

// edit is a petition that is being changed: its row, its locked counter, and the transaction that holds both.
type edit struct {
	*tx
	row     *ent.Petition
	counter ledger.Locked
	now     time.Time
}

// change runs fn on a petition that the actor may edit. The counter is locked first, so no signature can be counted
// meanwhile. Afterwards the version is incremented and the observer is notified. If fn returns errUnchanged, nothing is
// changed, and change returns nil.
func (s *Service) change(ctx context.Context, id uuid.UUID, field []string, fn func(context.Context, *edit) (ledger.Terms, error)) error {
	var told figures.Value
	err := s.inTx(ctx, func(t *tx) error {
		counter, err := ledger.Lock(ctx, t.sql, s.db.Dialect, id)
		if errors.Is(err, ledger.ErrNotFound) {
			return noneToEdit(field)
		}
		if err != nil {
			return err
		}
		// Read behind the lock: those who held it before have committed what they changed.
		row, err := t.Petition.Get(ctx, id)
		if err != nil {
			return err
		}
		// Here and not before, since what may be disclosed depends on the state.
		if err := mayEdit(ctx, row, field); err != nil {
			return err
		}
		e := &edit{tx: t, row: row, counter: counter, now: s.opt.Now()}
		terms, err := fn(ctx, e)
		if err != nil {
			return err
		}
		told, err = e.save(ctx, terms)
		return err
	})
	// As an error, so that the transaction is undone and neither version nor observer moves.
	if errors.Is(err, errUnchanged) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("changing a petition: %w", err)
	}
	s.opt.Observer.Committed(told)
	return nil
}

var errUnchanged = errors.New("nothing to change")

// save writes the terms and the incremented version.
func (e *edit) save(ctx context.Context, terms ledger.Terms) (figures.Value, error) {
	err := e.Petition.UpdateOneID(e.row.ID).AddVersion(1).SetUpdatedAt(e.now).Exec(ctx)
	if err != nil {
		return figures.Value{}, err
	}
	value, err := e.counter.Set(ctx, e.sql, terms, e.now)
	value.Edition = e.row.Version + 1
	return value, err
}

// NoPetition returns the error for a petition that the actor may not see, or may no longer see. Field is the path to
// the argument that names it, if one does.
func NoPetition(field ...string) *Error { return errorf(NotFound, field, "There is no such petition.") }

// mayEdit returns an error if the actor may not change the petition. To an actor who may not see it, it does not
// disclose that the petition exists.
func mayEdit(ctx context.Context, row *ent.Petition, field []string) error {
	switch {
	case ActorFrom(ctx).mayEdit(row.ID):
		return nil
	case state.Public(row.State):
		return errorf(Forbidden, field, "Only the petitioner may do this: send the edit token as Authorization: Bearer.")
	}
	return noneToEdit(field)
}

// noneToEdit is NoPetition for those who want to change one: most often they forgot their token. It is the same whether
// or not there is such a petition.
func noneToEdit(field []string) *Error {
	return errorf(NotFound, field, "There is no such petition, or you need its edit token to see it: send that as Authorization: Bearer.")
}

// Update edits a petition, unless it has changed since the version that the caller names. What needs no row is checked
// before the petition is locked: on SQLite nobody could sign any petition meanwhile.
func (s *Service) Update(ctx context.Context, u Update) error {
	f := inInput()
	given := u.check(f)
	return s.change(ctx, u.Petition, f.field("id"), func(ctx context.Context, e *edit) (ledger.Terms, error) {
		// Under the lock, so that of two edits of one version the second fails.
		if e.row.Version != u.Version {
			return ledger.Terms{}, errorf(VersionConflict, f.field("version"),
				"The petition was edited meanwhile. Read it again, then send the edit with its present version.")
		}
		present, err := e.content(ctx)
		if err != nil {
			return ledger.Terms{}, err
		}
		edited := present
		u.apply(given, &edited)
		// An end that has passed is no fault of an edit that leaves it as it is.
		if u.EndsAt != nil {
			checkEnd(f, edited.row.StartsAt, edited.row.EndsAt, e.now)
		}
		reopens := e.checkState(ctx, f, present, edited)
		if err := f.err(); err != nil {
			return ledger.Terms{}, err
		}
		if edited.equal(present) {
			return ledger.Terms{}, errUnchanged
		}
		err = e.write(ctx, present, edited)
		if err != nil || !reopens {
			return edited.terms(e.row.State), err
		}
		_, err = e.reopen(ctx)
		return edited.terms(petition.StateOPEN), err
	})
}

// content returns the current text of the petition in the form in which edits are checked.
func (e *edit) content(ctx context.Context) (content, error) {
	tags, err := e.tags().Of(ctx, e.row.ID)
	return content{row: *e.row, tags: tags, goal: e.counter.Terms().Goal}, err
}

// check returns what the edit gives, and adds all faults of it to f.
func (u Update) check(f *faults) (given content) {
	for _, field := range u.Nulls {
		f.add("This field cannot be null; leave it out to keep it as it is.", field)
	}
	for field, value := range u.given() {
		given.set(f, field, value)
	}
	if u.Tags != nil {
		given.tags = checkTagList(f, *u.Tags)
	}
	if u.Goal != nil {
		given.goal = checkGoal(f, *u.Goal)
	}
	return given
}

// given yields the fields that the edit gives and what it gives for them: nil takes it away.
func (u Update) given() iter.Seq2[fields.Field, any] {
	return func(yield func(fields.Field, any) bool) {
		for _, field := range fields.All {
			if field.Change == fields.Never {
				continue
			}
			value, given := field.Given(u)
			if field.Null && isBlank(value) {
				value = nil
			}
			if given && !yield(field, value) {
				return
			}
		}
	}
}

// apply puts what the edit gives, as check has returned it, in the place of what is there.
func (u Update) apply(given content, c *content) {
	for field := range u.given() {
		field.Set(&c.row, field.Value(&given.row))
	}
	if u.Tags != nil {
		c.tags = given.tags
	}
	if u.Goal != nil {
		c.goal = given.goal
	}
}

// checkState adds a fault for what the state of the petition does not allow. It reports whether the edit opens the
// petition again: a new end does that if the petition has ended by itself.
func (e *edit) checkState(ctx context.Context, f *faults, before, after content) (reopens bool) {
	admin := ActorFrom(ctx).IsAdmin()
	moved := !sameTime(before.row.EndsAt, after.row.EndsAt)
	reopens = moved && endedByItself(e.row)
	switch {
	case moved && !admin && e.endedForGood():
		f.addError(errorf(WrongState, f.field("endsAt"),
			"The petition ended more than seven days ago; now only the site's staff can move its end."))
	// Issued and not counted: a signature that was taken back was given for this text all the same.
	case reopens, state.Editable(e.row.State):
		if !admin && e.counter.Issued() > 0 {
			f.frozen(before, after)
		}
	case !admin:
		f.addError(errorf(WrongState, f.field("id"), "A petition in this state is not edited any more."))
	case moved:
		f.addError(errorf(WrongState, f.field("endsAt"),
			"The end of this petition cannot be moved: only one that has ended by itself, and has no outcome, opens again."))
	}
	return reopens
}

// sameTime reports whether two optional times are the same moment.
func sameTime(a, b *time.Time) bool { return a == b || a != nil && b != nil && a.Equal(*b) }

// frozen adds a fault for each text that an edit changes and that people have signed.
func (f *faults) frozen(before, after content) {
	for _, field := range fields.All {
		if field.Change == fields.UntilSigned && !field.Same(&before.row, &after.row) {
			f.addError(errorf(WrongState, f.field(field.Name),
				"People have signed this text; it stays as it is. Goal, tags and end may still change."))
		}
	}
}

// terms are those under which the petition collects signatures in a state.
func (c content) terms(in petition.State) ledger.Terms {
	return ledger.Terms{Accepting: state.Signable(in), Since: c.row.StartsAt, Until: c.row.EndsAt, Goal: c.goal}
}

// write stores an edit: the row, a new slug for a new title, the tags, and the search index.
func (e *edit) write(ctx context.Context, before, after content) error {
	row := e.Petition.UpdateOneID(e.row.ID)
	if err := after.assign(row.Mutation()); err != nil {
		return err
	}
	// The former slug stays and leads here, so that no link breaks.
	if after.row.Title != before.row.Title {
		name, err := e.takeSlug(ctx, e.row.ID, e.row.State, headline{after.row.Title, after.row.Language}, e.now)
		if err != nil {
			return err
		}
		row.SetSlug(name)
	}
	if err := row.Exec(ctx); err != nil {
		return err
	}
	if !slices.Equal(after.tags, before.tags) {
		if err := e.tags().Replace(ctx, e.row.ID, e.row.State, after.tags); err != nil {
			return err
		}
	}
	// Making terms takes longer than all the rest of an edit.
	if after.sameTerms(before) {
		return nil
	}
	return e.index(ctx, e.row.ID, after)
}
