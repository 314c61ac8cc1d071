package signing

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"petitiond/server/ledger"
	"petitiond/server/outbox"
	"petitiond/server/secret"
)

// Kind is the kind of those entries of the outbox that are requests.
const Kind = "signing"

// request is what somebody has asked for, as it waits in the outbox. Besides the petition it has one field.
type request struct {
	Petition  uuid.UUID
	Signature *ledger.Signature `json:",omitempty"` // somebody signs: this is the row that shall wait
	Resend    []byte            `json:",omitempty"` // somebody asks for the mail again: the digest of an address
	Confirmed *uuid.UUID        `json:",omitempty"` // a mailbox has confirmed this signature
}

// errRequest says that a request cannot be read: it is damaged, or of a later version of the program.
var errRequest = errors.New("signing: the request cannot be read")

// entry seals a request.
func (s *Service) entry(r request) (outbox.Row, error) {
	payload, err := json.Marshal(r)
	if err != nil {
		return outbox.Row{}, fmt.Errorf("writing a request down: %w", err)
	}
	return outbox.Seal(s.opt.Keys, outbox.Entry{Kind: Kind, Payload: payload}, s.opt.Now())
}

// Ask requests a signature, whose mailbox is told the rest. The answer, the work and the time that it takes do not
// depend on the address. Of Waiting the signature has its reason. The errors are those of the ledger.
func (s *Service) Ask(ctx context.Context, row ledger.Signature) error {
	key, waiting := row.Key, *row.Waiting
	waiting.Token = secret.Hash(token(s.opt.Keys, row.ID))
	waiting.Code = secret.Hash(code(s.opt.Keys, row.ID))
	row.Key, row.Waiting, row.At = nil, &waiting, s.opt.Now()
	return s.ask(ctx, ledger.Request{Petition: row.Petition, Key: key}, request{Petition: row.Petition, Signature: &row})
}

// Resend requests the last mail to an address once more, by the digest that the address has in this petition.
func (s *Service) Resend(ctx context.Context, petition uuid.UUID, digest []byte) error {
	return s.ask(ctx, ledger.Request{Petition: petition, Late: true}, request{Petition: petition, Resend: digest})
}

func (s *Service) ask(ctx context.Context, to ledger.Request, r request) (err error) {
	if to.Entry, err = s.entry(r); err != nil {
		return err
	}
	if err = s.opt.Ledger.Ask(ctx, to); err == nil {
		s.opt.Wake()
	}
	return err
}

// Handle carries a request out. Done twice it changes nothing more, and writes at most one more mail.
func (s *Service) Handle(ctx context.Context, d outbox.Delivery) error {
	var r request
	if json.Unmarshal(d.Payload, &r) != nil { // whose error could quote the payload
		return errRequest
	}
	switch {
	case r.Signature != nil:
		// If the address has signed already, this writes nothing.
		if _, err := s.opt.Ledger.Sign(ctx, *r.Signature); err != nil {
			return err
		}
		return s.write(ctx, d, r.Signature.Digest)
	case r.Resend != nil:
		return s.write(ctx, d, r.Resend)
	case r.Confirmed != nil:
		return s.thank(ctx, d, *r.Confirmed)
	}
	return errRequest
}
