package signing

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"petitiond/ent"
	"petitiond/server/database"
	"petitiond/server/figures"
	"petitiond/server/ledger"
	"petitiond/server/secret"
)

// Own is a signature as its signatory sees it: all that is stored of it, but for the address and what is made of that.
// Who has the link need not be who has the mailbox, to which the link was sent.
type Own struct {
	*ent.Signature         // but its secrets
	Name           *string // nil if it cannot be read
	Comment        *string // the reason for signing; nil: there is none, or it was taken back
}

// Own returns the signature with this id, or ErrToken.
func (s *Service) Own(ctx context.Context, id uuid.UUID) (*Own, error) {
	found, err := s.find(ctx, "id", id)
	if err != nil {
		return nil, err
	}
	if found == nil {
		return nil, ErrToken
	}
	return s.own(ctx, found)
}

// OwnOf returns the signature of a token, or ErrToken. A code does not suffice.
func (s *Service) OwnOf(ctx context.Context, given string) (*Own, error) {
	found, err := s.byToken(ctx, given)
	if err != nil {
		return nil, err
	}
	return s.own(ctx, found)
}

func (s *Service) own(ctx context.Context, r *row) (*Own, error) {
	out := &Own{Signature: r.shown()}
	out.Signature.Name = nil
	// A damaged name must not keep anybody from the rest, nor from withdrawing it.
	if name, err := s.opt.Keys.Open(secret.NameSeal, r.name, r.id[:]); err == nil {
		out.Name = filled(string(name))
	}
	if r.reason != nil {
		if reason, err := s.opt.Keys.Open(secret.ReasonSeal, r.reason, r.id[:]); err == nil {
			out.Comment = filled(string(reason))
		}
		return out, nil
	}
	rows, err := database.Reader{DB: s.db.Newest()}.QueryContext(ctx, `SELECT body FROM comments WHERE signatory = $1`,
		Signatory(s.opt.Keys, r.id))
	if err == nil {
		err = database.Each(rows, func(rows *sql.Rows) error { return rows.Scan(&out.Comment) })
	}
	if err != nil {
		return nil, fmt.Errorf("looking for the comment of a signature: %w", err)
	}
	return out, nil
}

// Amendment is what signatories change of their signatures. What is nil stays as it is.
type Amendment struct {
	ShowName, Updates *bool
	WithdrawComment   bool
}

// Amend changes a signature in a transaction of the caller's, and returns what there is to tell: nothing if everybody
// sees what they saw before. The error is ErrToken if the signature is gone. A name that becomes public, or no longer
// is, does so with the comment, too.
//
// It takes the counter, as the ledger does: so what is confirmed or withdrawn at the same moment is so before or after.
func (s *Service) Amend(ctx context.Context, tx *sql.Tx, petition, id uuid.UUID, a Amendment) (figures.Value, error) {
	counter, err := ledger.Lock(ctx, tx, s.db.Dialect, petition)
	if errors.Is(err, ledger.ErrNotFound) {
		return figures.Value{}, ErrToken
	}
	if err != nil {
		return figures.Value{}, err
	}
	r, err := findIn(ctx, tx, "id", id)
	if err != nil {
		return figures.Value{}, err
	}
	if r == nil {
		return figures.Value{}, ErrToken
	}
	before := r.showName
	if a.ShowName != nil {
		r.showName = *a.ShowName
	}
	if a.Updates != nil {
		r.updates = *a.Updates
	}
	if a.WithdrawComment {
		r.reason = nil
	}
	_, err = tx.ExecContext(ctx, `UPDATE signatures SET show_name = $2, updates = $3, reason = $4 WHERE id = $1`,
		r.id, r.showName, r.updates, r.reason)
	if err == nil && r.showName != before {
		err = s.sign(ctx, tx, r)
	}
	if err == nil && a.WithdrawComment {
		_, err = tx.ExecContext(ctx, ledger.Unsay+`= $1`, Signatory(s.opt.Keys, r.id), s.opt.Now())
	}
	switch {
	case err != nil:
		return figures.Value{}, fmt.Errorf("changing a signature: %w", err)
	case r.state != stateCounted || r.showName == before && !a.WithdrawComment:
		return figures.Value{}, nil
	case r.showName == before:
		return counter.Name(ctx, tx, 0)
	case before:
		return counter.Name(ctx, tx, -1)
	}
	return counter.Name(ctx, tx, 1)
}

// sign puts the name under the comment that came with a signature, or takes it away, as the signature has it now.
func (s *Service) sign(ctx context.Context, tx *sql.Tx, r *row) error {
	var author *string
	if r.showName {
		name, err := s.opt.Keys.Open(secret.NameSeal, r.name, r.id[:])
		if err != nil {
			return fmt.Errorf("opening a name: %w", err)
		}
		author = filled(string(name))
	}
	_, err := tx.ExecContext(ctx, `UPDATE comments SET author_name = $2 WHERE signatory = $1`, Signatory(s.opt.Keys, r.id), author)
	return err
}
