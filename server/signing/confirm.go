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

// Confirmed is a signature that counts.
type Confirmed struct {
	ID, Petition uuid.UUID
	Number       int
	Name         []byte // sealed
	ShowName     bool
	Country      string // empty: none
	SignedAt     time.Time
}

// Confirm counts the signature of a token or code, and answers a repetition as it has answered the first time. The
// errors are ErrToken and those of the ledger. The petition is known also where the ledger refuses.
func (s *Service) Confirm(ctx context.Context, given string) (Confirmed, error) {
	look := s.byCode
	if strings.HasPrefix(strings.TrimSpace(given), TokenPrefix) {
		look = s.byToken
	}
	found, err := look(ctx, given)
	switch {
	case err != nil:
		return Confirmed{}, err
	case found == nil:
		return Confirmed{}, ErrToken
	}
	out := Confirmed{
		ID: found.id, Petition: found.petition, Name: found.name, ShowName: found.showName, Country: found.country,
		SignedAt: found.signed,
	}
	c := ledger.Confirmation{Signature: found.id, Petition: found.petition}
	if c.Comment, err = s.comment(found); err != nil {
		return Confirmed{}, err
	}
	// With the transaction that counts, so that a mailbox is thanked once, and told the link by which it can withdraw.
	thanks, err := s.entry(request{Petition: found.petition, Confirmed: &found.id})
	if err != nil {
		return Confirmed{}, err
	}
	c.Entry = &thanks
	receipt, err := s.opt.Ledger.Confirm(ctx, c)
	if errors.Is(err, ledger.ErrGone) {
		return Confirmed{}, ErrToken
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
