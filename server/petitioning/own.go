package petitioning

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"petitiond/server/figures"
	"petitiond/server/signing"
)

// signatory returns the actor of a signature's token, who may see that signature and nothing more than others.
func (s *Service) signatory(ctx context.Context, bearer string) (*Actor, error) {
	if s.opt.Mailboxes == nil {
		return nil, ErrUnauthenticated
	}
	found, err := s.opt.Mailboxes.Look(ctx, bearer)
	if errors.Is(err, signing.ErrToken) {
		return nil, ErrUnauthenticated
	}
	if err != nil {
		return nil, err
	}
	return &Actor{caller: signing.TokenPrefix + found.ID.String(), signature: found.ID}, nil
}

// Own returns the signature whose token is the actor's credential, or nil if that is another one, or if the signature
// has been withdrawn meanwhile.
func (s *Service) Own(ctx context.Context) (*signing.Own, error) {
	id := ActorFrom(ctx).signature
	if id == uuid.Nil {
		return nil, nil //nolint:nilnil // there is none
	}
	own, err := s.opt.Mailboxes.Own(ctx, id)
	if errors.Is(err, signing.ErrToken) {
		return nil, nil //nolint:nilnil // there is none any more
	}
	return own, err
}

// OwnOf returns the signature of a token.
func (s *Service) OwnOf(ctx context.Context, token string) (*signing.Own, error) {
	own, err := s.opt.Mailboxes.OwnOf(ctx, token)
	if errors.Is(err, signing.ErrToken) {
		err = errNoLink([]string{"token"})
	}
	return own, err
}

// Amend changes the signature of a token and returns it as it is then.
func (s *Service) Amend(ctx context.Context, token string, a signing.Amendment) (*signing.Own, error) {
	field := inInput().field("token")
	id, err := s.amend(ctx, token, a)
	if err == nil {
		var own *signing.Own
		if own, err = s.opt.Mailboxes.Own(ctx, id); err == nil {
			return own, nil
		}
	}
	if errors.Is(err, signing.ErrToken) {
		return nil, errNoLink(field)
	}
	return nil, s.unread(ctx, err)
}

func (s *Service) amend(ctx context.Context, token string, a signing.Amendment) (uuid.UUID, error) {
	found, err := s.opt.Mailboxes.OwnOf(ctx, token)
	if err != nil {
		return uuid.Nil, err
	}
	var told figures.Value
	err = s.inTx(ctx, func(t *tx) (err error) {
		told, err = s.opt.Mailboxes.Amend(ctx, t.sql, found.PetitionID, found.ID, a)
		return err
	})
	if err == nil && told.Petition != uuid.Nil {
		s.opt.Observer.Committed(told)
	}
	return found.ID, err
}
