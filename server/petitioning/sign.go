package petitioning

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"petitiond/ent"
	"petitiond/server/fields"
	"petitiond/server/idempotency"
	"petitiond/server/ledger"
	"petitiond/server/reading"
	"petitiond/server/secret"
	"petitiond/server/signing"
	"petitiond/server/state"
	"petitiond/server/text"
)

const (
	signMutation = "signPetition"
	statementMax = 100
)

// Signing is the input for a signature.
type Signing struct {
	Petition         uuid.UUID
	Name             string
	Email            string
	Country          *string
	ShowName         bool
	Comment          *string
	Updates          bool `json:",omitempty"` // keeps the digest of inputs from earlier versions
	StatementVersion *string
	Locale           *string
	IdempotencyKey   *string `json:"-"`
}

// Sign writes a signature, or on a site that confirms mailboxes a request for one, and returns when it is durable.
// Whether the address had signed before is not disclosed: the first signature stays, and a repeated one is dropped.
func (s *Service) Sign(ctx context.Context, in Signing) error {
	f := inInput()
	key, err := s.idempotencyKey(ctx, f, signMutation, in.IdempotencyKey, in)
	if err != nil {
		return err
	}
	row := s.checkSigning(f, in, s.ConfirmsMailboxes())
	if err := f.err(); err != nil {
		return err
	}
	// Whether the petition is open is not asked here: the ledger decides it under the lock that orders counts. It answers
	// a repeated request before that, so that a lost answer can be asked for again when the petition has closed.
	if row.Key = key; row.Waiting != nil {
		err = s.opt.Mailboxes.Ask(ctx, row)
	} else {
		_, err = s.opt.Ledger.Sign(ctx, row)
	}
	return s.refusal(ctx, err, in.Petition, f.field("petitionId"))
}

// checkSigning returns the row of a signature with encrypted name and address, which may have to wait for its mailbox,
// and adds all faults to f.
func (s *Service) checkSigning(f *faults, in Signing, waits bool) ledger.Signature {
	row := ledger.Signature{ID: newID(), Petition: in.Petition, ShowName: in.ShowName, Updates: in.Updates}
	name := checked(f, text.CheckName, in.Name, "name")
	address, fault := text.ParseAddress(in.Email)
	f.add(fault, "email")
	if country := filled(in.Country); country != nil {
		row.Country = checked(f, text.CheckCountry, *country, "country")
	}
	if locale := filled(in.Locale); locale != nil {
		row.Locale = checked(f, text.CheckLocale, *locale, "locale")
	}
	if statement := filled(in.StatementVersion); statement != nil {
		row.Statement = checked(f, checkStatement, *statement, "statementVersion")
	}
	reason := ""
	if comment := filled(in.Comment); comment != nil {
		reason = checked(f, checkComment, *comment, "comment")
	}
	switch {
	case waits:
		row.Waiting = &ledger.Waiting{}
		if reason != "" {
			row.Waiting.Reason = s.opt.Keys.Seal(secret.ReasonSeal, []byte(reason), row.ID[:])
		}
	case reason != "":
		row.Comment = signing.Comment(s.opt.Keys, row.ID, in.Petition, in.ShowName, name, reason)
	}
	// Sealed for this row, so that no name can be moved to another signature. The digest is of the address as its mailbox
	// is known, together with the petition: of another petition it would be another, and cannot be compared.
	row.Name = s.opt.Keys.Seal(secret.NameSeal, []byte(name), row.ID[:])
	row.Address = s.opt.Keys.Seal(secret.AddressSeal, []byte(address.Kept), row.ID[:])
	row.Digest = s.addressDigest(in.Petition, address)
	return row
}

// addressDigest returns what is known of an address within a petition.
func (s *Service) addressDigest(petition uuid.UUID, address text.Address) []byte {
	return s.opt.Keys.ShortDigest(secret.AddressDigest, petition[:], []byte(address.Canonical))
}

// checkStatement checks which statement was signed; what the versions mean is up to the frontend.
func checkStatement(v string) (string, string) {
	return text.CheckLine(v, "The statementVersion", 0, statementMax)
}

func checkComment(v string) (string, string) {
	return text.CheckText(v, "The comment", text.CommentMin, text.CommentMax)
}

// refusal turns the ledger's reason for not writing into an error of the domain. Only now is the petition read: a
// signature that counts costs no read.
func (s *Service) refusal(ctx context.Context, err error, id uuid.UUID, field []string) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ledger.ErrNotFound):
		return NoPetition(field...)
	case errors.Is(err, ledger.ErrClosed):
		return s.notOpen(ctx, id, field)
	case errors.Is(err, idempotency.ErrMismatch):
		return errKeyMismatch()
	case errors.Is(err, ledger.ErrBusy), errors.Is(err, ledger.ErrUnavailable):
		return s.failed(ctx, errUnavailable(), err)
	case errors.Is(err, ledger.ErrOutcomeUnknown):
		return s.failed(ctx, errOutcomeUnknown(), err)
	}
	return fmt.Errorf("writing to the ledger: %w", err)
}

// errUnavailable says that the same request may be sent again, even without a key.
func errUnavailable() *Error {
	e := errorf(Unavailable, nil, "The server cannot write just now; nothing was written. Try again in a moment.")
	e.RetryAfter = time.Second
	return e
}

// errOutcomeUnknown says that the row may be there: only with the key is it safe to send the request again.
func errOutcomeUnknown() *Error {
	e := errorf(OutcomeUnknown, nil,
		"The server lost sight of the outcome. Send the same request with the same idempotencyKey again.")
	e.RetryAfter = time.Second
	return e
}

// notOpen returns why a petition does not accept signatures, or that there is no such petition if the actor may not see
// it.
func (s *Service) notOpen(ctx context.Context, id uuid.UUID, field []string) error {
	row, err := s.stateOf(ctx, id)
	if err != nil {
		return err
	}
	if row == nil {
		return NoPetition(field...)
	}
	if state.Early(row.State, row.StartsAt, s.opt.Now()) {
		return errorf(WrongState, field, "This petition cannot be signed yet: signing begins on %s.", row.StartsAt.UTC().Format("2 January 2006 at 15:04 UTC"))
	}
	return errorf(WrongState, field, "This petition does not accept signatures.")
}

// stateOf returns a petition with its state and its start, or nil if the actor may not see it.
func (s *Service) stateOf(ctx context.Context, id uuid.UUID) (*ent.Petition, error) {
	state, _ := fields.ColumnsOf("state")
	starts, _ := fields.ColumnsOf("startsAt")
	found, err := s.seen(ctx).PetitionsByID(ctx, []uuid.UUID{id}, reading.Selection{Columns: state | starts})
	if err != nil {
		return nil, fmt.Errorf("reading a petition's state: %w", err)
	}
	if len(found.Rows) == 0 {
		return nil, nil //nolint:nilnil // there is none
	}
	return found.Rows[0], nil
}
