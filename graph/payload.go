package graph

import (
	"context"

	"github.com/google/uuid"

	"petitiond/ent"
	"petitiond/graph/model"
	"petitiond/server/signing"
)

// read returns the row that a mutation made or changed, for a field of its payload. The row is read again, and only if
// the field is selected. If it cannot be read, the field is null with an error: the mutation has succeeded all the
// same.
func read[Row any](ctx context.Context, field string, row func() (*Row, error)) *Row {
	// Without the field, a mutation costs no further statement after its commit.
	if !selected(ctx, field) {
		return nil
	}
	found, err := row()
	noteMissing(ctx, field, err)
	return found
}

// answer returns the payload of a mutation: with its user errors, or else with what it did.
func answer[Payload any](err error, refused func([]*model.UserError) *Payload, done func() *Payload) (*Payload, error) {
	faults, err := userErrors(err)
	if err != nil || len(faults) > 0 {
		return refused(faults), err
	}
	return done(), nil
}

func (r *Resolver) petitionPayload(ctx context.Context, id uuid.UUID, token string, err error) (*model.PetitionPayload, error) {
	return answer(err, func(faults []*model.UserError) *model.PetitionPayload {
		return &model.PetitionPayload{UserErrors: faults}
	}, func() *model.PetitionPayload {
		out := &model.PetitionPayload{Petition: r.changed(ctx, id), UserErrors: noFaults()}
		if token != "" {
			out.EditToken = &token
		}
		return out
	})
}

func (r *Resolver) signPayload(ctx context.Context, id uuid.UUID, err error) (*model.SignPetitionPayload, error) {
	return answer(err, func(faults []*model.UserError) *model.SignPetitionPayload {
		return &model.SignPetitionPayload{UserErrors: faults}
	}, func() *model.SignPetitionPayload {
		status := model.SigningStatusCounted
		if r.Domain.ConfirmsMailboxes() {
			status = model.SigningStatusConfirmationSent
		}
		return &model.SignPetitionPayload{Status: &status, Petition: r.changed(ctx, id), UserErrors: noFaults()}
	})
}

func (r *Resolver) confirmPayload(ctx context.Context, row *ent.Signature, err error) (*model.ConfirmSignaturePayload, error) {
	return answer(err, func(faults []*model.UserError) *model.ConfirmSignaturePayload {
		return &model.ConfirmSignaturePayload{UserErrors: faults}
	}, func() *model.ConfirmSignaturePayload {
		return &model.ConfirmSignaturePayload{Signature: row, Petition: r.changed(ctx, row.PetitionID), UserErrors: noFaults()}
	})
}

func ownPayload(own *signing.Own, err error) (*model.UpdateSignaturePayload, error) {
	return answer(err, func(faults []*model.UserError) *model.UpdateSignaturePayload {
		return &model.UpdateSignaturePayload{UserErrors: faults}
	}, func() *model.UpdateSignaturePayload {
		return &model.UpdateSignaturePayload{Signature: own, UserErrors: noFaults()}
	})
}

func requestPayload(err error) (*model.RequestPayload, error) {
	return answer(err, func(faults []*model.UserError) *model.RequestPayload {
		return &model.RequestPayload{UserErrors: faults}
	}, func() *model.RequestPayload { return &model.RequestPayload{Accepted: true, UserErrors: noFaults()} })
}

func (r *Resolver) commentPayload(ctx context.Context, id uuid.UUID, err error) (*model.CommentPayload, error) {
	return answer(err, func(faults []*model.UserError) *model.CommentPayload {
		return &model.CommentPayload{UserErrors: faults}
	}, func() *model.CommentPayload {
		made := read(ctx, "comment", func() (*ent.Comment, error) {
			return one(r.reads(ctx).CommentsByID(ctx, []uuid.UUID{id}))
		})
		return &model.CommentPayload{Comment: made, UserErrors: noFaults()}
	})
}

// changed returns the petition that a mutation made or changed.
func (r *Resolver) changed(ctx context.Context, id uuid.UUID) *ent.Petition {
	return read(ctx, "petition", func() (*ent.Petition, error) { return r.petition(ctx, id, selectedIn(ctx, "petition")) })
}

// noFaults is the list of a payload whose mutation has none.
func noFaults() []*model.UserError { return []*model.UserError{} }
