package petitioning

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"petitiond/ent"
	"petitiond/ent/petition"
	"petitiond/server/ledger"
	"petitiond/server/signing"
	"petitiond/server/text"
)

// ConfirmsMailboxes reports whether a signature counts only once its mailbox has confirmed it.
func (s *Service) ConfirmsMailboxes() bool { return s.opt.Confirmation }

// Confirm counts the signature to which a token or a code of a mail belongs, and returns it as its signatory may see
// it. Done again it changes nothing and returns the same.
func (s *Service) Confirm(ctx context.Context, token string) (*ent.Signature, error) {
	found, err := s.opt.Mailboxes.Confirm(ctx, token)
	return s.mailed(ctx, found, err)
}

// Mailed returns the signature to which a token or a code of a mail belongs, as its signatory may see it. It has no
// number while it waits.
func (s *Service) Mailed(ctx context.Context, token string) (*ent.Signature, error) {
	found, err := s.opt.Mailboxes.Look(ctx, token)
	return s.mailed(ctx, found, err)
}

// mailed returns what was found by a token, or an error of the domain.
func (s *Service) mailed(ctx context.Context, found *ent.Signature, err error) (*ent.Signature, error) {
	field := []string{"token"}
	switch {
	case errors.Is(err, signing.ErrToken):
		return nil, errorf(TokenInvalid, field, "No signature has this link or code. It may be mistyped, or the signature was "+
			"withdrawn, or was not confirmed within seven days. You can sign again.")
	case errors.Is(err, ledger.ErrClosed):
		return nil, s.notConfirmable(ctx, found.PetitionID, field)
	case err != nil:
		petition := uuid.Nil // not known if nothing could be read
		if found != nil {
			petition = found.PetitionID
		}
		return nil, s.unchanged(ctx, err, petition, field)
	}
	return found, nil
}

// Withdraw erases the signature to which a token of a mail belongs, and its comment.
func (s *Service) Withdraw(ctx context.Context, token string) error {
	field := []string{"token"}
	id, err := s.opt.Mailboxes.Withdraw(ctx, token)
	if errors.Is(err, signing.ErrToken) {
		return errNoLink(field)
	}
	return s.unchanged(ctx, err, id, field)
}

func errNoLink(field []string) *Error {
	return errorf(TokenInvalid, field, "No signature has this link: it is incomplete, or the signature was withdrawn before.")
}

// Resend has the last mail about a signature sent to its address again. What is known of the address is not disclosed.
func (s *Service) Resend(ctx context.Context, id uuid.UUID, email string) error {
	f := &faults{}
	address, fault := text.ParseAddress(email)
	f.add(fault, "email")
	row, err := s.stateOf(ctx, id)
	switch {
	case err != nil:
		return s.unread(ctx, err)
	case row == nil:
		f.addError(NoPetition("petitionId"))
	}
	if err := f.err(); err != nil {
		return err
	}
	return s.unchanged(ctx, s.opt.Mailboxes.Resend(ctx, id, s.addressDigest(id, address)), id, f.field("petitionId"))
}

// unchanged turns the reason for which nothing was changed into an error of the domain. What was asked for may be asked
// for again, without a key.
func (s *Service) unchanged(ctx context.Context, err error, id uuid.UUID, field []string) error {
	switch {
	case errors.Is(err, ledger.ErrOutcomeUnknown):
		e := errorf(OutcomeUnknown, nil, "The server lost sight of the outcome. Send the same request again.")
		e.RetryAfter = errOutcomeUnknown().RetryAfter
		return s.failed(ctx, e, err)
	case IsPassing(err):
		return s.failed(ctx, errUnavailable(), err)
	}
	return s.refusal(ctx, err, id, field)
}

// notConfirmable returns why a petition takes no confirmations.
func (s *Service) notConfirmable(ctx context.Context, id uuid.UUID, field []string) error {
	row, err := s.stateOf(ctx, id)
	switch {
	case err != nil:
		return s.unread(ctx, err)
	case row == nil:
		return NoPetition(field...)
	case row.State == petition.StatePAUSED:
		return errorf(WrongState, field, "This petition takes no confirmations just now. Try again later.")
	}
	return errorf(WrongState, field, "This petition has ended. Signatures could be confirmed until a day after that.")
}
