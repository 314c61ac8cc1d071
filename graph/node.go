package graph

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"petitiond/ent"
	"petitiond/graph/scalar"
	"petitiond/server/keyset"
	"petitiond/server/reading"
)

// petition returns the petition with what is wanted of it, or nil if the actor may see none with this id.
func (r *Resolver) petition(ctx context.Context, id uuid.UUID, w reading.Selection) (*ent.Petition, error) {
	found, err := r.reads(ctx).PetitionsByID(ctx, []uuid.UUID{id}, w)
	return r.only(ctx, found, w, err)
}

// only returns the one petition that was found, or nil.
func (r *Resolver) only(ctx context.Context, found reading.Found, w reading.Selection, err error) (*ent.Petition, error) {
	joinFound(ctx, found.Rows, w, found.Figures)
	return one(found.Rows, err)
}

// one returns the row for a single id, or nil.
func one[Row any](rows []*Row, err error) (*Row, error) {
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	return rows[0], nil
}

// petitionBy returns the petition with an id or a slug, or nil if the actor may see none.
func (r *Resolver) petitionBy(ctx context.Context, id *scalar.ID, slug *string) (*ent.Petition, error) {
	switch {
	// The schema cannot say that exactly one is required, short of an input type.
	case (id == nil) == (slug == nil):
		return nil, &keyset.ArgumentError{Argument: "id", Message: "Give either id or slug."}
	case id != nil:
		return r.petition(ctx, petitionKey(*id), selectedHere(ctx))
	}
	w := selectedHere(ctx)
	found, err := r.reads(ctx).PetitionBySlug(ctx, *slug, w)
	return r.only(ctx, found, w, err)
}

// trendingTags makes siblings of the tags, as joinPage does of a page's rows.
func (r *Resolver) trendingTags(ctx context.Context, first int) ([]*reading.TrendingTag, error) {
	list, err := r.reads(ctx).TrendingTags(ctx, first)
	tags := make([]*ent.Tag, len(list))
	for i, t := range list {
		tags[i] = t.Tag
	}
	// All lists of petitions of these tags are then read by one statement.
	join(ctx, tags)
	return list, err
}

// joinPage makes siblings of the rows of a page that was read.
func joinPage[N comparable](ctx context.Context, list *reading.Connection[N], err error) error {
	if err == nil {
		join(ctx, list.Nodes())
	}
	return err
}

// petitionPage returns a page of petitions with what is wanted of them.
func (r *Resolver) petitionPage(
	ctx context.Context, q reading.PetitionQuery, page keyset.Args,
) (*reading.PetitionConnection, error) {
	q.Selection = selectedInList(ctx)
	list, err := r.reads(ctx).Petitions(ctx, q, page)
	if err == nil {
		joinFound(ctx, list.Nodes(), q.Selection, list.Figures())
	}
	return list, err
}

// node returns the object with this id, or nil. It takes the way of several, which knows all types.
func (r *Resolver) node(ctx context.Context, id scalar.ID) (scalar.Node, error) {
	found, err := r.nodes(ctx, []*scalar.ID{&id})
	if err != nil {
		return nil, err
	}
	return found[0], nil
}

// nodes returns the objects with these ids, and nil for each id that no visible object has. It reads once for each
// type.
func (r *Resolver) nodes(ctx context.Context, ids []*scalar.ID) ([]scalar.Node, error) {
	list, err := rowsOf(ids, "ids", 0)
	if err != nil {
		return nil, err
	}
	// By id, since several arguments may name the same object, and the answer has their order.
	found := map[scalar.ID]scalar.Node{}
	w := selectedHere(ctx)
	petitions := func(ctx context.Context, keys []uuid.UUID) ([]*ent.Petition, error) {
		found, err := r.reads(ctx).PetitionsByID(ctx, keys, w)
		joinFound(ctx, found.Rows, w, found.Figures)
		return found.Rows, err
	}
	err = errors.Join(
		find(ctx, found, list, scalar.Petition, petitions, petitionID),
		find(ctx, found, list, scalar.Comment, joining(r.reads(ctx).CommentsByID), commentID),
		find(ctx, found, list, scalar.Signature, joining(r.reads(ctx).SignaturesByID), signatureID),
		find(ctx, found, list, scalar.Tag, joining(r.reads(ctx).TagsByID), tagID),
	)
	out := make([]scalar.Node, len(list))
	for i, id := range list {
		// In the order in which they were asked for, with nil where there is none: the client knows them by their
		// places.
		out[i] = found[id]
	}
	return out, err
}

// joining makes siblings of the rows that are read.
func joining[Row comparable](
	read func(context.Context, []uuid.UUID) ([]Row, error),
) func(context.Context, []uuid.UUID) ([]Row, error) {
	return func(ctx context.Context, keys []uuid.UUID) ([]Row, error) {
		rows, err := read(ctx, keys)
		join(ctx, rows)
		return rows, err
	}
}

// find adds the rows of one type.
func find[Row comparable](
	ctx context.Context, found map[scalar.ID]scalar.Node, ids []scalar.ID, tag byte,
	read func(context.Context, []uuid.UUID) ([]Row, error), key func(Row) uuid.UUID,
) error {
	keys := distinct(ids, func(id scalar.ID) uuid.UUID {
		if id.Is(tag) {
			return id.UUID
		}
		return uuid.Nil
	})
	if len(keys) == 0 {
		return nil
	}
	rows, err := read(ctx, keys)
	for _, row := range rows {
		found[scalar.NewID(tag, key(row))] = row
	}
	return err
}
