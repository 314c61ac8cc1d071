package petitioning

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"petitiond/ent/petition"
	"petitiond/server/ledger"
	"petitiond/server/state"
	"petitiond/server/text"
)

// Imported is a petition with a history: from another system, or invented for a demonstration. Its text is checked by
// the same rules as any other; its times are accepted as they are.
type Imported struct {
	Draft
	ID               uuid.UUID // Nil: a new one
	State            petition.State
	Outcome          *petition.Outcome
	CreatedAt        time.Time
	ClosedAt         *time.Time
	Signatures       []ImportedSignature // in the order in which they are numbered
	Comments         []ImportedComment
	StartsAt, EndsAt *time.Time // replace those of the draft, and may be in the past
}

// ImportedSignature is a signature of the past.
type ImportedSignature struct {
	Name, Address, Country string
	ShowName               bool
	At                     time.Time
}

// ImportedComment is a comment of the past with its replies.
type ImportedComment struct {
	Author        *string
	FromSignatory bool
	Body          string
	At            time.Time
	Replies       []ImportedComment
}

// Import writes a petition with its signatures and comments. It is for the operator's commands: nothing has to be
// confirmed, and it is not one transaction.
func (s *Service) Import(ctx context.Context, in Imported) (uuid.UUID, error) {
	f := &faults{}
	now := s.opt.Now()
	c := s.checkDraft(f, in.Draft, now)
	if err := f.err(); err != nil {
		return uuid.Nil, fmt.Errorf("importing a petition: %w", err)
	}
	c.row.StartsAt, c.row.EndsAt = in.StartsAt, in.EndsAt
	id := in.ID
	if id == uuid.Nil {
		id = newID()
	}
	err := s.inTx(ctx, func(t *tx) error {
		early := c
		early.row.EndsAt = nil // until the past signatures are written
		if err := s.insertPetition(ctx, t, id, early, petition.StateDRAFT, in.CreatedAt); err != nil {
			return err
		}
		// For the signatures of the past it accepts everything, whatever its state and its times will be: settle sets those.
		locked, err := ledger.Lock(ctx, t.sql, s.db.Dialect, id)
		if err != nil {
			return err
		}
		_, err = locked.Set(ctx, t.sql, ledger.Terms{Accepting: true, Goal: c.goal}, now)
		return err
	})
	if err != nil {
		return uuid.Nil, fmt.Errorf("importing a petition: %w", err)
	}
	// Not in the transaction above: the ledger has its own, and thousands of rows would hold the lock for long. Nor in the
	// time of those who sign: on a slow machine a batch of them may take longer than people wait.
	if err := s.importPeople(ledger.Unhurried(ctx), id, in); err != nil {
		return uuid.Nil, fmt.Errorf("importing the people of a petition: %w", err)
	}
	return id, s.settle(ctx, id, in, c)
}

// settle sets the final state, slug and times of an imported petition.
func (s *Service) settle(ctx context.Context, id uuid.UUID, in Imported, c content) error {
	ctx = WithActor(ctx, Operator())
	return s.change(ctx, id, nil, func(ctx context.Context, e *edit) (ledger.Terms, error) {
		row := e.Petition.UpdateOneID(id).SetNillableEndsAt(in.EndsAt).SetNillableClosedAt(in.ClosedAt)
		if err := e.record(ctx, in.Outcome); err != nil {
			return ledger.Terms{}, err
		}
		if state.Linked(in.State) {
			name, err := e.takeSlug(ctx, id, in.State, headline{c.row.Title, c.row.Language}, in.CreatedAt)
			if err != nil {
				return ledger.Terms{}, err
			}
			row.SetSlug(name)
		}
		if err := row.Exec(ctx); err != nil {
			return ledger.Terms{}, err
		}
		if _, err := e.enter(ctx, in.State); err != nil {
			return ledger.Terms{}, err
		}
		return c.terms(in.State), nil
	})
}

// importPeople writes signatures and comments through the ledger, in their order.
func (s *Service) importPeople(ctx context.Context, id uuid.UUID, in Imported) error {
	if err := s.importSignatures(ctx, id, in.Signatures); err != nil {
		return err
	}
	for _, c := range in.Comments {
		parent, err := s.importComment(ctx, id, nil, c)
		if err != nil {
			return err
		}
		for _, reply := range c.Replies {
			if _, err := s.importComment(ctx, id, &parent, reply); err != nil {
				return err
			}
		}
	}
	return nil
}

// importSignatures queues the signatures one after another, which keeps their order, and waits for all.
func (s *Service) importSignatures(ctx context.Context, id uuid.UUID, list []ImportedSignature) error {
	// Queued before the first one is waited for: they go in batches, and a site with thousands of them is filled in
	// seconds.
	waits := make([]func() error, 0, len(list))
	for _, in := range list {
		row, err := s.importedSignature(id, in)
		if err != nil {
			return err
		}
		waits = append(waits, s.opt.Ledger.SignLater(ctx, row))
	}
	for _, wait := range waits {
		if err := wait(); err != nil {
			return err
		}
	}
	return nil
}

// importedSignature checks a signature as one that is given now, and dates it as it was given.
func (s *Service) importedSignature(id uuid.UUID, in ImportedSignature) (ledger.Signature, error) {
	f := &faults{}
	signing := Signing{Petition: id, Name: in.Name, Email: in.Address, Country: &in.Country, ShowName: in.ShowName}
	row := s.checkSigning(f, signing, false) // it was confirmed where it was given
	row.At = in.At
	return row, f.err()
}

// importComment writes a comment or a reply. It is not queued like signatures: a reply needs its parent to be there.
func (s *Service) importComment(ctx context.Context, id uuid.UUID, parent *uuid.UUID, in ImportedComment) (uuid.UUID, error) {
	f := &faults{}
	row := ledger.Comment{ID: newID(), Petition: id, Parent: parent, FromSignatory: in.FromSignatory, At: in.At}
	row.Body = checked(f, checkComment, in.Body, "body")
	if author := filled(in.Author); author != nil {
		name := checked(f, text.CheckName, *author, "author")
		row.Author = &name
	}
	if err := f.err(); err != nil {
		return uuid.Nil, err
	}
	_, err := s.opt.Ledger.Comment(ctx, row)
	return row.ID, err
}

// Empty reports whether there is no petition at all.
func (s *Service) Empty(ctx context.Context) (bool, error) {
	some, err := s.lookup.Petition.Query().Exist(ctx)
	if err != nil {
		return false, fmt.Errorf("looking for any petition: %w", err)
	}
	return !some, nil
}
