package signing

import (
	"cmp"
	"context"
	"fmt"

	"github.com/google/uuid"

	"petitiond/ent"
	"petitiond/server/mail"
	"petitiond/server/reading"
	"petitiond/server/secret"
)

// subject returns the petition that a mail is about, or nil if not everybody may see it: then there is no mail.
func (s *Service) subject(ctx context.Context, id uuid.UUID) (*ent.Petition, error) {
	found, err := s.opt.Reading.As(reading.Anybody).PetitionsByID(ctx, []uuid.UUID{id}, reading.Selection{})
	if err != nil || len(found.Rows) == 0 {
		return nil, err
	}
	return found.Rows[0], nil
}

// order addresses a letter to a mailbox.
func (s *Service) order(r *row, about *ent.Petition, letter mail.Letter) (mail.Order, error) {
	address, err := s.opt.Keys.Open(secret.AddressSeal, r.address, r.id[:])
	if err != nil {
		return mail.Order{}, fmt.Errorf("opening an address: %w", err)
	}
	return mail.Order{To: string(address), Language: cmp.Or(r.locale, about.Language), Letter: letter}, nil
}

// confirmation asks a mailbox whether it has signed.
func (s *Service) confirmation(r *row, about *ent.Petition) mail.ConfirmSignature {
	return mail.ConfirmSignature{
		Title: about.Title, Petitioner: about.Petitioner, Link: s.link("/confirm", r.id),
		Code: grouped(code(s.opt.Keys, r.id)), Until: r.signed.Add(Lapse),
	}
}

// link leads to a page with the token of a signature.
func (s *Service) link(path string, signature uuid.UUID) string {
	return s.opt.Site + path + "?token=" + token(s.opt.Keys, signature)
}
