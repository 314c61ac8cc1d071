package petitioning

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"petitiond/ent"
	"petitiond/ent/comment"
	"petitiond/ent/petition"
	"petitiond/ent/signature"
	"petitiond/ent/slug"
)

// narrowPetition are the columns that are read with every petition: all but the body.
var narrowPetition = slices.DeleteFunc(slices.Clone(petition.Columns), func(column string) bool {
	return column == petition.FieldBody || column == petition.FieldPetitionerAddress
})

// PetitionsByID gives the petitions of the ids that the actor may see.
func (s *Service) PetitionsByID(ctx context.Context, ids []uuid.UUID) ([]*ent.Petition, error) {
	q := s.reader.Petition.Query().Where(petition.IDIn(ids...))
	return q.Select(narrowPetition...).All(ctx) //nolint:wrapcheck // the caller says what it was about
}

// PetitionIDBySlug gives the petition that bears or bore the slug, and whether the actor may see one.
func (s *Service) PetitionIDBySlug(ctx context.Context, name string) (uuid.UUID, bool, error) {
	row, err := s.reader.Slug.Query().Where(slug.ID(name)).Only(ctx)
	if ent.IsNotFound(err) {
		return uuid.Nil, false, nil
	}
	if err != nil {
		return uuid.Nil, false, fmt.Errorf("finding a petition by its slug: %w", err)
	}
	return row.PetitionID, true, nil
}

// Bodies gives the Markdown of petitions.
func (s *Service) Bodies(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]string, error) {
	rows, err := s.reader.Petition.Query().Where(petition.IDIn(ids...)).Select(petition.FieldBody).All(ctx)
	out := make(map[uuid.UUID]string, len(rows))
	for _, row := range rows {
		out[row.ID] = row.Body
	}
	return out, err
}

// SignaturesByID gives the signatures of the ids that count and bear a public name.
func (s *Service) SignaturesByID(ctx context.Context, ids []uuid.UUID) ([]*ent.Signature, error) {
	return s.reader.Signature.Query().Where(signature.IDIn(ids...)).All(ctx)
}

// CommentsByID gives the comments of the ids that are visible.
func (s *Service) CommentsByID(ctx context.Context, ids []uuid.UUID) ([]*ent.Comment, error) {
	return s.reader.Comment.Query().Where(comment.IDIn(ids...)).All(ctx)
}

// Sees reports whether the actor may see the petition.
func (s *Service) Sees(ctx context.Context, id uuid.UUID) (bool, error) {
	return s.reader.Petition.Query().Where(petition.ID(id)).Exist(ctx)
}

// URL gives the web address of the petition with the slug.
func (s *Service) URL(slug string) string { return s.opt.PublicURL + "/p/" + slug }
