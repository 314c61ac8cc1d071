package signing

import (
	"context"
	"errors"
	"strings"

	"github.com/google/uuid"

	"petitiond/ent"
	"petitiond/server/ledger"
)

// Look returns the signature of a token or code, or ErrToken.
func (s *Service) Look(ctx context.Context, given string) (*ent.Signature, error) {
	found, err := s.byEither(ctx, given)
	if err != nil {
		return nil, err
	}
	return found.shown(), nil
}

// byEither returns the signature of a token or code, or ErrToken.
func (s *Service) byEither(ctx context.Context, given string) (*row, error) {
	if strings.HasPrefix(strings.TrimSpace(given), TokenPrefix) {
		return s.byToken(ctx, given)
	}
	return s.byCode(ctx, given)
}

// Confirm counts the signature of a token or code, and answers a repetition as it has answered the first time. The
// errors are ErrToken and those of the ledger. The petition is known also where the ledger refuses.
func (s *Service) Confirm(ctx context.Context, given string) (*ent.Signature, error) {
	found, err := s.byEither(ctx, given)
	if err != nil {
		return nil, err
	}
	out := found.shown()
	c := ledger.Confirmation{Signature: found.id, Petition: found.petition}
	if c.Comment, err = s.comment(found); err != nil {
		return nil, err
	}
	// With the transaction that counts, so that a mailbox is thanked once, and told the link by which it can withdraw.
	thanks, err := s.entry(request{Petition: found.petition, Confirmed: &found.id})
	if err != nil {
		return nil, err
	}
	c.Entry = &thanks
	receipt, err := s.opt.Ledger.Confirm(ctx, c)
	if errors.Is(err, ledger.ErrGone) {
		return nil, ErrToken
	}
	if err == nil {
		s.opt.Wake()
		out.Number = &receipt.Number
	}
	return out, err
}

// Withdraw erases the signature of a token, with its comment, and returns its petition. The errors are ErrToken and
// those of the ledger.
func (s *Service) Withdraw(ctx context.Context, given string) (uuid.UUID, error) {
	found, err := s.byToken(ctx, given)
	if err != nil {
		return uuid.Nil, err
	}
	return found.petition, s.opt.Ledger.Withdraw(ctx, ledger.Withdrawal{
		Signature: found.id, Petition: found.petition, Signatory: Signatory(s.opt.Keys, found.id),
	})
}
