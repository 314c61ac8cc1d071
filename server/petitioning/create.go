package petitioning

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"petitiond/ent/petition"
	"petitiond/server/fields"
	"petitiond/server/ledger"
	"petitiond/server/secret"
	"petitiond/server/text"
)

const (
	goalDefault    = 100
	goalMin        = 1
	goalMax        = 100_000_000
	createMutation = "createPetition"
	startGrace     = 90 * time.Second // how old a start may be that is meant as now
)

// Created is a new petition. EditToken is shown to its maker only: as a bearer credential it may see, edit, publish and
// close this petition. It is empty if a request is repeated too late to receive it again.
type Created struct {
	Petition  uuid.UUID
	EditToken string
}

// Create creates a draft that only the holder of its edit token and the operator can see.
func (s *Service) Create(ctx context.Context, d Draft) (Created, error) {
	f := inInput()
	key, err := s.idempotencyKey(ctx, f, createMutation, d.IdempotencyKey, d)
	if err != nil {
		return Created{}, err
	}
	// Before anything is checked: what was accepted once is answered again, although its start may lie in the past by now.
	if id, ok, err := s.replay(ctx, key); ok || err != nil {
		return s.recreated(ctx, id, s.unread(ctx, err))
	}
	now := s.opt.Now()
	content := s.checkDraft(f, d, now)
	if err := f.err(); err != nil {
		return Created{}, err
	}
	out := Created{Petition: newID()}
	err = s.inTx(ctx, func(t *tx) error {
		// The key comes first: a second request that runs at the same time waits here and then fails.
		if err := t.keep(ctx, key, out.Petition, now); err != nil {
			return err
		}
		if err := s.insertPetition(ctx, t, out.Petition, content, petition.StateDRAFT, now); err != nil {
			return err
		}
		out.EditToken, err = s.issueEditToken(ctx, t, out.Petition, now)
		return err
	})
	if err != nil {
		// The same request may have been first, or the answer to this COMMIT was lost: either way the key knows.
		if id, ok, again := s.replay(ctx, key); ok || Faults(again) != nil {
			return s.recreated(ctx, id, again)
		}
		return Created{}, fmt.Errorf("creating a petition: %w", err)
	}
	ActorFrom(ctx).addOwn(out.Petition)
	return out, nil
}

// recreated returns again what was returned when the petition was created.
func (s *Service) recreated(ctx context.Context, id uuid.UUID, err error) (Created, error) {
	if err != nil {
		return Created{}, err
	}
	bearer, err := s.repeatedToken(ctx, id)
	if IsPassing(err) { // the petition exists: the caller must not be told that nothing was done
		return Created{}, s.failed(ctx, errOutcomeUnknown(), err)
	}
	if err != nil {
		return Created{}, fmt.Errorf("finding the edit token of a repeated request: %w", err)
	}
	ActorFrom(ctx).addOwn(id)
	return Created{Petition: id, EditToken: bearer}, nil
}

// checkDraft returns the content of a draft, and adds all faults to f.
func (s *Service) checkDraft(f *faults, d Draft, now time.Time) content {
	c := content{goal: goalDefault}
	for _, field := range fields.All {
		if field.Draft {
			value, given := field.Given(d)
			if !given || !field.Required && isBlank(value) {
				value = field.Absent
			}
			c.set(f, field, value)
		}
	}
	c.tags = checkTagList(f, d.Tags)
	if d.Goal != nil {
		c.goal = checkGoal(f, *d.Goal)
	}
	c.row.StartsAt = checkStart(f, c.row.StartsAt, now)
	checkEnd(f, c.row.StartsAt, c.row.EndsAt, now)
	return c
}

// checked applies the rule of a field and adds its fault to f.
func checked(f *faults, rule func(string) (string, string), value string, path ...string) string {
	clean, fault := rule(value)
	f.add(fault, path...)
	return clean
}

// checkTagList returns the tags of a list, and adds a fault for each that is wrong, at its place.
func checkTagList(f *faults, values []string) []text.Tag {
	tags, wrong := text.CheckTags(values)
	for _, w := range wrong {
		path := []string{"tags"}
		if w.Index != text.WholeList {
			path = append(path, fmt.Sprint(w.Index))
		}
		f.add(w.Message, path...)
	}
	return tags
}

func checkGoal(f *faults, goal int) int {
	if goal < goalMin || goal > goalMax {
		f.add(fmt.Sprintf("The goal must be between %d and %d.", goalMin, goalMax), "goal")
	}
	return goal
}

// checkStart returns when signing starts. Who says "now" says a moment that has passed when it is read, by a clock that
// may differ from ours.
func checkStart(f *faults, start *time.Time, now time.Time) *time.Time {
	switch {
	case start == nil || !start.Before(now):
		return start
	case now.Sub(*start) > startGrace:
		f.add("The start must not lie in the past; leave it out to start when the petition is published.", "startsAt")
	}
	return &now
}

// checkEnd adds a fault to an end that nobody could sign before.
func checkEnd(f *faults, start, end *time.Time, now time.Time) {
	switch {
	case end == nil:
	case !now.Before(*end):
		f.add("The end must lie in the future.", "endsAt")
	case start != nil && !start.Before(*end):
		f.add("The end must come after the start.", "endsAt")
	}
}

// insertPetition inserts a petition and everything that belongs to it from the beginning.
func (s *Service) insertPetition(ctx context.Context, t *tx, id uuid.UUID, c content, state petition.State, now time.Time) error {
	name := draftSlug(id, headline{c.row.Title, c.row.Language})
	create := t.Petition.Create().SetID(id).SetSlug(name).SetState(state).SetCreatedAt(now).SetUpdatedAt(now)
	for _, field := range fields.All {
		value := field.Value(&c.row)
		// Bound to the petition: in another row it does not open.
		if address, ok := value.([]byte); ok && field.Sealed {
			value = s.opt.Keys.Seal(secret.AddressSeal, address, id[:])
		}
		if field.Draft && value != nil {
			if err := create.Mutation().SetField(field.Column, value); err != nil {
				return err
			}
		}
	}
	if err := create.Exec(ctx); err != nil {
		return err
	}
	if err := t.Slug.Create().SetID(name).SetPetitionID(id).SetCreatedAt(now).Exec(ctx); err != nil {
		return err
	}
	// It accepts nothing yet: that begins when it is opened.
	terms := ledger.Terms{Since: c.row.StartsAt, Until: c.row.EndsAt, Goal: c.goal}
	if err := ledger.Open(ctx, t.sql, id, terms, now); err != nil {
		return err
	}
	if err := t.Rank.Create().SetID(id).SetState(string(state)).Exec(ctx); err != nil {
		return err
	}
	if err := t.tags().Set(ctx, id, c.tags); err != nil {
		return err
	}
	return t.index(ctx, id, c)
}
