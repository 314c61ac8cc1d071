package petitioning

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"

	"petitiond/ent"
	"petitiond/ent/comment"
	"petitiond/ent/petition"
	"petitiond/ent/signature"
	"petitiond/ent/slug"
)

// What is read with every row: all but what is wide, and what nobody is ever shown.
var (
	narrowPetition  = without(petition.Columns, petition.FieldBody, petition.FieldPetitionerAddress)
	narrowSignature = without(signature.Columns, signature.FieldDigest, signature.FieldAddress)
	narrowComment   = without(comment.Columns, comment.FieldSignatory)
)

func without(columns []string, left ...string) []string {
	return slices.DeleteFunc(slices.Clone(columns), func(column string) bool { return slices.Contains(left, column) })
}

// PetitionsByID gives the petitions of the ids that the actor may see.
func (s *Service) PetitionsByID(ctx context.Context, ids []uuid.UUID) ([]*ent.Petition, error) {
	q := s.reader.Petition.Query().Where(petition.IDIn(ids...))
	return q.Select(narrowPetition...).All(ctx) //nolint:wrapcheck // the caller says what it was about
}

// PetitionIDBySlug gives the petition that bears or bore the slug, and whether the actor may see one.
func (s *Service) PetitionIDBySlug(ctx context.Context, name string) (uuid.UUID, bool, error) {
	if !utf8.ValidString(name) || strings.ContainsRune(name, 0) { // PostgreSQL would not even look
		return uuid.Nil, false, nil
	}
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
	q := s.reader.Signature.Query().Where(signature.IDIn(ids...))
	return q.Select(narrowSignature...).All(ctx) //nolint:wrapcheck // the caller says what it was about
}

// CommentsByID gives the comments of the ids that are visible.
func (s *Service) CommentsByID(ctx context.Context, ids []uuid.UUID) ([]*ent.Comment, error) {
	q := s.reader.Comment.Query().Where(comment.IDIn(ids...))
	return q.Select(narrowComment...).All(ctx) //nolint:wrapcheck // the caller says what it was about
}

// Sees reports whether the actor may see the petition.
func (s *Service) Sees(ctx context.Context, id uuid.UUID) (bool, error) {
	return s.reader.Petition.Query().Where(petition.ID(id)).Exist(ctx)
}

// URL gives the web address of the petition with the slug.
func (s *Service) URL(slug string) string { return s.opt.PublicURL + "/p/" + slug }
