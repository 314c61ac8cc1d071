package graph

import (
	"context"
	"fmt"

	"github.com/99designs/gqlgen/graphql"
	"github.com/google/uuid"

	"petitiond/ent"
	"petitiond/graph/model"
	"petitiond/graph/scalar"
	"petitiond/server/petitioning"
)

// identify gives the public id of a row.
func identify(tag byte, key uuid.UUID) *scalar.ID {
	id := scalar.NewID(tag, key)
	return &id
}

// petitionKey gives the key of a petition's id, and one that no petition has for any other id: malformed,
// unknown and wrong ids are one thing.
func petitionKey(id scalar.ID) uuid.UUID {
	if !id.Is(scalar.Petition) {
		return uuid.Nil
	}
	return id.UUID
}

func commentKey(id *scalar.ID) *uuid.UUID {
	if id == nil {
		return nil
	}
	if !id.Is(scalar.Comment) {
		return &uuid.Nil
	}
	return &id.UUID
}

func signingOf(in model.SignPetitionInput) petitioning.Signing {
	return petitioning.Signing{
		Petition: petitionKey(in.PetitionID), Name: in.Name, Email: in.Email, Country: in.Country, ShowName: in.ShowName,
		Comment: in.Comment, StatementVersion: in.StatementVersion, Locale: in.Locale, IdempotencyKey: in.IdempotencyKey,
	}
}

func remarkOf(in model.AddCommentInput) petitioning.Remark {
	return petitioning.Remark{
		Petition: petitionKey(in.PetitionID), Parent: commentKey(in.ParentID), Body: in.Body, AuthorName: in.AuthorName,
		IdempotencyKey: in.IdempotencyKey,
	}
}

func updateOf(in model.UpdatePetitionInput) petitioning.Update {
	u := petitioning.Update{
		Petition: petitionKey(in.ID), Version: in.Version,
		Title: given(in.Title), Summary: given(in.Summary), Body: given(in.Body), Goal: given(in.Goal),
	}
	u.Nulls = nulls(in)
	if v, ok := in.Addressees.ValueOK(); ok {
		u.Addressees = &v
	}
	if v, ok := in.Tags.ValueOK(); ok {
		u.Tags = &v
	}
	if v, ok := in.EndsAt.ValueOK(); ok {
		u.EndsAt = &v
	}
	return u
}

// given gives the value of a field, or nil where it is absent or null.
func given[V any](o graphql.Omittable[*V]) *V { v, _ := o.ValueOK(); return v }

// nulls names the fields that were given as null although only endsAt can be cleared.
func nulls(in model.UpdatePetitionInput) []string {
	var out []string
	for _, field := range []struct {
		name string
		null bool
	}{
		{"title", in.Title.IsSet() && in.Title.Value() == nil},
		{"summary", in.Summary.IsSet() && in.Summary.Value() == nil},
		{"body", in.Body.IsSet() && in.Body.Value() == nil},
		{"addressees", in.Addressees.IsSet() && in.Addressees.Value() == nil},
		{"tags", in.Tags.IsSet() && in.Tags.Value() == nil},
		{"goal", in.Goal.IsSet() && in.Goal.Value() == nil},
	} {
		if field.null {
			out = append(out, field.name)
		}
	}
	return out
}

func petitionPayload(ctx context.Context, id uuid.UUID, token string, err error) (*model.PetitionPayload, error) {
	faults, err := userErrors(err)
	if err != nil || len(faults) > 0 {
		return &model.PetitionPayload{UserErrors: faults}, err
	}
	row, err := loadersFrom(ctx).petition.Load(ctx, id)
	out := &model.PetitionPayload{Petition: row, UserErrors: faults}
	if token != "" {
		out.EditToken = &token
	}
	return out, err
}

func signPayload(ctx context.Context, id uuid.UUID, err error) (*model.SignPetitionPayload, error) {
	faults, err := userErrors(err)
	if err != nil || len(faults) > 0 {
		return &model.SignPetitionPayload{UserErrors: faults}, err
	}
	status := model.SigningStatusCounted
	out := &model.SignPetitionPayload{Status: &status, UserErrors: faults}
	if selected(ctx, "petition") {
		out.Petition, err = loadersFrom(ctx).petition.Load(ctx, id)
	}
	return out, err
}

// selected reports whether the field that is being resolved was asked for a field of that name.
func selected(ctx context.Context, name string) bool {
	for _, field := range graphql.CollectFieldsCtx(ctx, nil) {
		if field.Name == name {
			return true
		}
	}
	return false
}

func commentPayload(ctx context.Context, id uuid.UUID, err error) (*model.CommentPayload, error) {
	faults, err := userErrors(err)
	if err != nil || len(faults) > 0 {
		return &model.CommentPayload{UserErrors: faults}, err
	}
	row, err := loadersFrom(ctx).comment.Load(ctx, id)
	return &model.CommentPayload{Comment: row, UserErrors: faults}, err
}

// figuresOf gives the numbers of a petition that was read already.
func figuresOf(ctx context.Context, id uuid.UUID) (*petitioning.Figures, error) {
	f, err := loadersFrom(ctx).figures.Load(ctx, id)
	if f == nil {
		f = &petitioning.Figures{}
		if err == nil {
			err = errGone // hidden since
		}
	}
	return f, err
}

// petitionOf gives the petition that a visible row belongs to.
func (r *Resolver) petitionOf(ctx context.Context, id uuid.UUID) (*ent.Petition, error) {
	row, err := loadersFrom(ctx).petition.Load(ctx, id)
	if row == nil && err == nil {
		err = errNoPetition
	}
	return row, err
}

func (r *Resolver) petitionBy(ctx context.Context, id *scalar.ID, slug *string) (*ent.Petition, error) {
	switch {
	case (id == nil) == (slug == nil):
		return nil, &petitioning.ArgumentError{Argument: "id", Message: "Give either id or slug."}
	case id != nil:
		return loadersFrom(ctx).petition.Load(ctx, petitionKey(*id))
	}
	key, found, err := r.Domain.PetitionIDBySlug(ctx, *slug)
	if err != nil || !found {
		return nil, err
	}
	return loadersFrom(ctx).petition.Load(ctx, key)
}

// node gives whatever has the id, or nil. A row that is nil must not become a Node that is not.
func node(ctx context.Context, id scalar.ID) (scalar.Node, error) {
	l := loadersFrom(ctx)
	switch id.Type {
	case scalar.Petition:
		return noded(l.petition.Load(ctx, id.UUID))
	case scalar.Comment:
		return noded(l.comment.Load(ctx, id.UUID))
	case scalar.Signature:
		return noded(l.signature.Load(ctx, id.UUID))
	case scalar.Tag:
		return noded(l.tag.Load(ctx, id.UUID))
	}
	return nil, nil //nolint:nilnil // the contract's null: no such object
}

func noded[V any](row *V, err error) (scalar.Node, error) {
	if row == nil {
		return nil, err
	}
	return row, err
}

// nodes loads all at once: the thunks gather before the first is asked for its row.
func nodes(ctx context.Context, ids []*scalar.ID) ([]scalar.Node, error) {
	list, err := between(0, 100, "ids", ids)
	if err != nil {
		return nil, err
	}
	gather(ctx, list)
	out := make([]scalar.Node, len(list))
	for i, id := range list {
		if out[i], err = node(ctx, id); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func gather(ctx context.Context, ids []scalar.ID) {
	l := loadersFrom(ctx)
	for _, id := range ids {
		switch id.Type {
		case scalar.Petition:
			l.petition.LoadThunk(ctx, id.UUID)
		case scalar.Comment:
			l.comment.LoadThunk(ctx, id.UUID)
		case scalar.Signature:
			l.signature.LoadThunk(ctx, id.UUID)
		case scalar.Tag:
			l.tag.LoadThunk(ctx, id.UUID)
		}
	}
}

// between checks the length of a list of ids.
func between(least, most int, name string, ids []*scalar.ID) ([]scalar.ID, error) {
	if len(ids) < least || len(ids) > most {
		return nil, &petitioning.ArgumentError{Argument: name, Message: fmt.Sprintf("Give %d to %d ids.", least, most)}
	}
	out := make([]scalar.ID, len(ids))
	for i, id := range ids {
		out[i] = *id
	}
	return out, nil
}

// What an argument means that was given as null.
func newestUnless(o *petitioning.CommentOrder) petitioning.CommentOrder {
	return or(o, petitioning.Newest)
}

func createdUnless(o *petitioning.Order) petitioning.Order {
	return or(o, petitioning.Order{Field: petitioning.ByCreatedAt, Direction: petitioning.Desc})
}

func trendingUnless(first *int) int { return or(first, 10) }

func or[V any](p *V, otherwise V) V {
	if p == nil {
		return otherwise
	}
	return *p
}
