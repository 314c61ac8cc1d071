package signing

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/google/uuid"

	"petitiond/server/ledger"
)

// ErrToken says that there is no signature with a token or code.
var ErrToken = errors.New("signing: no signature has this token")

// Signature is a signature as its mailbox may see it.
type Signature struct {
	ID, Petition uuid.UUID
	Number       int    // 0: it waits
	Name         []byte // sealed
	ShowName     bool
	Country      string // empty: none
	SignedAt     time.Time
}

// Look returns the signature of a token or code, or ErrToken.
func (s *Service) Look(ctx context.Context, given string) (Signature, error) {
	found, err := s.byEither(ctx, given)
	if err != nil {
		return Signature{}, err
	}
	return found.shown(), nil
}

// byEither returns the signature of a token or code, or ErrToken.
func (s *Service) byEither(ctx context.Context, given string) (*row, error) {
	look := s.byCode
	if strings.HasPrefix(strings.TrimSpace(given), TokenPrefix) {
		look = s.byToken
	}
	found, err := look(ctx, given)
	if err == nil && found == nil {
		err = ErrToken
	}
	return found, err
}

func (r *row) shown() Signature {
	return Signature{
		ID: r.id, Petition: r.petition, Number: r.number, Name: r.name, ShowName: r.showName, Country: r.country, SignedAt: r.signed,
	}
}

// Confirm counts the signature of a token or code, and answers a repetition as it has answered the first time. The
// errors are ErrToken and those of the ledger. The petition is known also where the ledger refuses.
func (s *Service) Confirm(ctx context.Context, given string) (Signature, error) {
	found, err := s.byEither(ctx, given)
	if err != nil {
		return Signature{}, err
	}
	out := found.shown()
	c := ledger.Confirmation{Signature: found.id, Petition: found.petition}
	if c.Comment, err = s.comment(found); err != nil {
		return Signature{}, err
	}
	// With the transaction that counts, so that a mailbox is thanked once, and told the link by which it can withdraw.
	thanks, err := s.entry(request{Petition: found.petition, Confirmed: &found.id})
	if err != nil {
		return Signature{}, err
	}
	c.Entry = &thanks
	receipt, err := s.opt.Ledger.Confirm(ctx, c)
	if errors.Is(err, ledger.ErrGone) {
		return Signature{}, ErrToken
	}
	if err == nil {
		s.opt.Wake()
	}
	out.Number = receipt.Number
	return out, err
}

// Withdraw erases the signature of a token, with its comment, and returns its petition. The errors are ErrToken and
// those of the ledger.
func (s *Service) Withdraw(ctx context.Context, given string) (uuid.UUID, error) {
	found, err := s.byToken(ctx, given)
	switch {
	case err != nil:
		return uuid.Nil, err
	case found == nil:
		return uuid.Nil, ErrToken
	}
	return found.petition, s.opt.Ledger.Withdraw(ctx, ledger.Withdrawal{
		Signature: found.id, Petition: found.petition, Signatory: Signatory(s.opt.Keys, found.id),
	})
}
