package petitioning

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"petitiond/server/ledger"
	"petitiond/server/state"
	"petitiond/server/text"
)

const commentMutation = "addComment"

// Remark is a comment to be written under a petition.
type Remark struct {
	Petition       uuid.UUID
	Parent         *uuid.UUID
	Body           string
	AuthorName     *string // nil or blank: anonymous
	IdempotencyKey *string `json:"-"`
}

// Comment writes a comment or a reply and returns its id. A reply to a reply is refused: there are only two levels.
func (s *Service) Comment(ctx context.Context, r Remark) (uuid.UUID, error) {
	f := inInput()
	key, err := s.idempotencyKey(ctx, f, commentMutation, r.IdempotencyKey, r)
	if err != nil {
		return uuid.Nil, err
	}
	// Before the place is checked: a comment that was written is answered again, also if the petition has closed since.
	if id, ok, err := s.replay(ctx, key); ok || err != nil {
		return id, s.unread(ctx, err)
	}
	row := ledger.Comment{ID: newID(), Petition: r.Petition, Parent: r.Parent, Key: key}
	row.Body = checked(f, checkComment, r.Body, "body")
	if author := filled(r.AuthorName); author != nil {
		name := checked(f, text.CheckName, *author, "authorName")
		row.Author = &name
	}
	// Not under a lock, as signing is: a comment that comes while its petition closes harms no count.
	if err := s.checkPlace(ctx, f, r); err != nil {
		return uuid.Nil, s.unread(ctx, err)
	}
	if err := f.err(); err != nil {
		return uuid.Nil, err
	}
	receipt, err := s.opt.Ledger.Comment(ctx, row)
	return receipt.Answer, s.refusal(ctx, err, r.Petition, f.field("petitionId"))
}

// checkPlace adds a fault if the petition does not accept comments, or the parent no replies.
func (s *Service) checkPlace(ctx context.Context, f *faults, r Remark) error {
	row, err := s.stateOf(ctx, r.Petition)
	switch {
	case err != nil:
		return err
	case row == nil:
		f.addError(NoPetition(f.field("petitionId")...))
		return nil
	case !state.Commentable(row.State):
		f.addError(errorf(WrongState, f.field("petitionId"), "This petition does not accept comments."))
	}
	if r.Parent == nil {
		return nil
	}
	// A hidden comment is not found either: to refuse the reply in other words would show that it is there.
	found, err := s.seen(ctx).CommentsByID(ctx, []uuid.UUID{*r.Parent})
	if err != nil {
		return fmt.Errorf("reading a parent comment: %w", err)
	}
	if len(found) == 0 {
		f.addError(errorf(NotFound, f.field("parentId"), "There is no such comment."))
		return nil
	}
	switch parent := found[0]; {
	case parent.PetitionID != r.Petition:
		f.addError(errorf(Invalid, f.field("parentId"), "Reply to a comment under the same petition."))
	case parent.ParentID != nil:
		f.addError(errorf(Invalid, f.field("parentId"), "Reply to the comment above: replies are two levels deep at most."))
	}
	return nil
}
