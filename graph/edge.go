package graph

import (
	"context"

	"github.com/google/uuid"

	"petitiond/ent"
	"petitiond/server/petitioning"
)

// The keys by which rows lead to other rows.
func petitionID(row *ent.Petition) uuid.UUID           { return row.ID }
func commentID(row *ent.Comment) uuid.UUID             { return row.ID }
func signatureID(row *ent.Signature) uuid.UUID         { return row.ID }
func tagID(row *ent.Tag) uuid.UUID                     { return row.ID }
func petitionOfComment(row *ent.Comment) uuid.UUID     { return row.PetitionID }
func petitionOfSignature(row *ent.Signature) uuid.UUID { return row.PetitionID }
func petitionOfCount(c *petitioning.Count) uuid.UUID   { return c.Petition }

func parentOfComment(row *ent.Comment) uuid.UUID {
	if row.ParentID == nil {
		return uuid.Nil
	}
	return *row.ParentID
}

// petitionOf gives the petition that a visible row belongs to.
func petitionOf[Row comparable](ctx context.Context, p *petitioning.Service, row Row, key func(Row) uuid.UUID) (*ent.Petition, error) {
	found, err := load(ctx, row, "petition", key, byID(p.PetitionsByID, petitionID))
	if found == nil && err == nil {
		err = errNoPetition // hidden since the row was read
	}
	return found, err
}

// figuresOf gives the numbers of a petition.
func figuresOf(ctx context.Context, p *petitioning.Service, row *ent.Petition) (*petitioning.Figures, error) {
	counted := joined(p.Figures, func(f *petitioning.Figures) []*petitioning.Count { return []*petitioning.Count{&f.Count} })
	found, err := load(ctx, row, "figures", petitionID, counted)
	if found == nil {
		found = &petitioning.Figures{}
		if err == nil {
			err = errNoPetition // hidden since the row was read
		}
	}
	return found, err
}

func tagsOf(ctx context.Context, p *petitioning.Service, row *ent.Petition) ([]*ent.Tag, error) {
	return load(ctx, row, "tags", petitionID, joined(p.TagsOf, func(tags []*ent.Tag) []*ent.Tag { return tags }))
}

// ordered gives the reader of a list in one order.
func ordered[Order, N any](
	order Order,
	read func(context.Context, Order, petitioning.PageArgs, ...uuid.UUID) (map[uuid.UUID]*petitioning.Connection[N], error),
) func(context.Context, petitioning.PageArgs, ...uuid.UUID) (map[uuid.UUID]*petitioning.Connection[N], error) {
	return func(ctx context.Context, page petitioning.PageArgs, of ...uuid.UUID) (map[uuid.UUID]*petitioning.Connection[N], error) {
		return read(ctx, order, page, of...)
	}
}
