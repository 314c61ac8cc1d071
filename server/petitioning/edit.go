package petitioning

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"petitiond/ent"
	"petitiond/ent/petition"
	"petitiond/server/figures"
	"petitiond/server/ledger"
	"petitiond/server/state"
	"petitiond/server/text"
)

// edit is a petition under change: its row, its locked counter, and the transaction that holds both.
type edit struct {
	*tx
	row     *ent.Petition
	counter ledger.Locked
	now     time.Time
}

// change runs fn on a petition that the actor may edit. The counter is locked first, so that no signature
// slips past; afterwards the version has grown by one and everybody who watches is told. An fn that gives
// errUnchanged leaves everything as it is, which is no fault.
func (s *Service) change(ctx context.Context, id uuid.UUID, field []string, fn func(context.Context, *edit) (ledger.Terms, error)) error {
	var told figures.Value
	err := s.inTx(ctx, func(t *tx) error {
		counter, err := ledger.Lock(ctx, t.sql, s.db.Dialect, id)
		if errors.Is(err, ledger.ErrNotFound) {
			return NoPetition(field...)
		}
		if err != nil {
			return err
		}
		row, err := t.Petition.Get(ctx, id)
		if err != nil {
			return err
		}
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

// save writes the terms and the grown version.
func (e *edit) save(ctx context.Context, terms ledger.Terms) (figures.Value, error) {
	err := e.Petition.UpdateOneID(e.row.ID).AddVersion(1).SetUpdatedAt(e.now).Exec(ctx)
	if err != nil {
		return figures.Value{}, err
	}
	value, err := e.counter.Set(ctx, e.sql, terms, e.now)
	value.Edition = e.row.Version + 1
	return value, err
}

// NoPetition is the answer where a petition was expected that the actor may not see, or no longer. Field is the path to
// the argument that names it, if one does.
func NoPetition(field ...string) *Error { return errorf(NotFound, field, "There is no such petition.") }

// mayEdit says whether the actor may change the petition; who may not see it is not told that it exists.
func mayEdit(ctx context.Context, row *ent.Petition, field []string) error {
	switch {
	case ActorFrom(ctx).mayEdit(row.ID):
		return nil
	case state.Public(row.State):
		return errorf(Forbidden, field, "Only the petitioner may do this: send the edit token as Authorization: Bearer.")
	}
	return NoPetition(field...)
}

// Update is an edit of a petition. A nil field stays as it is.
type Update struct {
	Petition   uuid.UUID
	Version    int
	Title      *string
	Summary    *string
	Body       *string
	Addressees *[]string
	Tags       *[]string
	Goal       *int
	EndsAt     **time.Time // a nil inside clears it
	Nulls      []string    // fields other than endsAt that were given as null
}

// Update edits a petition, if nobody else has since the version that the caller names.
func (s *Service) Update(ctx context.Context, u Update) error {
	f := inInput()
	return s.change(ctx, u.Petition, f.field("id"), func(ctx context.Context, e *edit) (ledger.Terms, error) {
		if e.row.Version != u.Version {
			return ledger.Terms{}, errorf(VersionConflict, f.field("version"),
				"The petition was edited meanwhile. Read it again, then send the edit with its present version.")
		}
		content, err := e.content(ctx)
		if err != nil {
			return ledger.Terms{}, err
		}
		before := content
		u.apply(f, &content, e.now)
		e.judge(ctx, f, before, content)
		if err := f.err(); err != nil {
			return ledger.Terms{}, err
		}
		if content.equal(before) {
			return ledger.Terms{}, errUnchanged
		}
		return content.terms(e.row.State), e.write(ctx, before, content)
	})
}

// content gives the present text of the petition in the form in which edits are checked.
func (e *edit) content(ctx context.Context) (wording, error) {
	tags, err := e.tags(ctx)
	return wording{
		title: e.row.Title, summary: e.row.Summary, body: e.row.Body, language: e.row.Language,
		addressees: e.row.Addressees, tags: tags, goal: e.counter.Terms().Goal,
		startsAt: e.row.StartsAt, endsAt: e.row.EndsAt,
	}, err
}

func (e *edit) tags(ctx context.Context) ([]text.Tag, error) {
	rows, err := e.sql.QueryContext(ctx, `SELECT t.key, t.label FROM petition_tags pt JOIN tags t ON t.id = pt.tag_id
 WHERE pt.petition_id = $1 ORDER BY pt.position`, e.row.ID)
	if err != nil {
		return nil, fmt.Errorf("reading tags: %w", err)
	}
	defer rows.Close()
	var out []text.Tag
	for rows.Next() {
		var t text.Tag
		if err := rows.Scan(&t.Key, &t.Label); err != nil {
			return nil, fmt.Errorf("reading tags: %w", err)
		}
		out = append(out, t)
	}
	return out, rows.Err()
}

// apply puts the edit over the present text, all faults noted.
func (u Update) apply(f *faults, c *wording, now time.Time) {
	for _, field := range u.Nulls {
		f.add("This field cannot be null; leave it out to keep it as it is.", field)
	}
	if u.Title != nil {
		c.title = checked(f, checkTitle, *u.Title, "title")
	}
	if u.Summary != nil {
		c.summary = checked(f, checkSummary, *u.Summary, "summary")
	}
	if u.Body != nil {
		c.body = checked(f, checkBody, *u.Body, "body")
	}
	if u.Addressees != nil {
		c.addressees = checkAddressees(f, *u.Addressees)
	}
	if u.Tags != nil {
		c.tags = checkTagList(f, *u.Tags)
	}
	if u.Goal != nil {
		c.goal = checkGoal(f, *u.Goal)
	}
	if u.EndsAt != nil {
		c.endsAt = *u.EndsAt
		checkEnd(f, c.startsAt, c.endsAt, now)
	}
}

// judge says what the state of the petition does not allow.
func (e *edit) judge(ctx context.Context, f *faults, before, after wording) {
	if ActorFrom(ctx).IsAdmin() {
		return
	}
	if !state.Editable(e.row.State) {
		f.addError(errorf(WrongState, f.field("id"), "A petition in this state is not edited any more."))
		return
	}
	if e.counter.Issued() == 0 {
		return
	}
	for _, frozen := range []struct {
		field   string
		changed bool
	}{
		{"title", before.title != after.title},
		{"summary", before.summary != after.summary},
		{"body", before.body != after.body},
		{"addressees", !slices.Equal(before.addressees, after.addressees)},
	} {
		if frozen.changed {
			f.addError(errorf(WrongState, f.field(frozen.field),
				"People have signed this text; it stays as it is. Goal, tags and end may still change."))
		}
	}
}

// equal reports whether an edit has left everything that can be edited as it was.
func (c wording) equal(o wording) bool {
	sameEnd := c.endsAt == o.endsAt || c.endsAt != nil && o.endsAt != nil && c.endsAt.Equal(*o.endsAt)
	return sameEnd && c.title == o.title && c.summary == o.summary && c.body == o.body && c.goal == o.goal &&
		slices.Equal(c.addressees, o.addressees) && c.taggedAs(o)
}

// taggedAs reports whether two wordings have the same tags, however they are spelled.
func (c wording) taggedAs(o wording) bool {
	return slices.EqualFunc(c.tags, o.tags, func(a, b text.Tag) bool { return a.Key == b.Key })
}

func (c wording) terms(in petition.State) ledger.Terms {
	return ledger.Terms{Accepting: state.Signable(in), Since: c.startsAt, Until: c.endsAt, Goal: c.goal}
}

// write stores an edit: the row, a new slug for a new title, the tags, and what searches find.
func (e *edit) write(ctx context.Context, before, after wording) error {
	row := e.Petition.UpdateOneID(e.row.ID).SetTitle(after.title).SetSummary(after.summary).SetBody(after.body).
		SetAddressees(after.addressees).SetNillableEndsAt(after.endsAt)
	if after.endsAt == nil {
		row.ClearEndsAt() // not before setting it: PostgreSQL takes one assignment of a column
	}
	if after.title != before.title && state.Linked(e.row.State) {
		name, err := e.takeSlug(ctx, e.row.ID, after.title, e.now)
		if err != nil {
			return err
		}
		row.SetSlug(name)
	}
	if err := row.Exec(ctx); err != nil {
		return err
	}
	if !after.taggedAs(before) {
		if err := e.retag(ctx, after.tags); err != nil {
			return err
		}
	}
	return e.index(ctx, e.row.ID, after)
}

func (e *edit) retag(ctx context.Context, tags []text.Tag) error {
	open := e.row.State == petition.StateOPEN
	if open {
		if err := e.countTags(ctx, e.row.ID, -1); err != nil {
			return err
		}
	}
	if err := e.setTags(ctx, e.row.ID, tags); err != nil || !open {
		return err
	}
	return e.countTags(ctx, e.row.ID, 1)
}
