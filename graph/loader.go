package graph

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/vikstrous/dataloadgen"

	"petitiond/ent"
	"petitiond/server/petitioning"
)

// gathering is how long a loader waits for more keys. What the look-ahead of a list has asked for waits once
// for the whole page.
const gathering = 500 * time.Microsecond

// loaders fetch what many fields of one answer ask for in one statement each. They live as long as the answer.
type loaders struct {
	petition     *dataloadgen.Loader[uuid.UUID, *ent.Petition]
	comment      *dataloadgen.Loader[uuid.UUID, *ent.Comment]
	signature    *dataloadgen.Loader[uuid.UUID, *ent.Signature]
	tag          *dataloadgen.Loader[uuid.UUID, *ent.Tag]
	body         *dataloadgen.Loader[uuid.UUID, string]
	figures      *dataloadgen.Loader[uuid.UUID, *petitioning.Figures]
	lastHour     *dataloadgen.Loader[uuid.UUID, int]
	tags         *dataloadgen.Loader[uuid.UUID, []*ent.Tag]
	signatures   *dataloadgen.Loader[pageOf[struct{}], *petitioning.SignatureConnection]
	comments     *dataloadgen.Loader[pageOf[petitioning.CommentOrder], *petitioning.CommentConnection]
	replies      *dataloadgen.Loader[pageOf[struct{}], *petitioning.CommentConnection]
	tagPetitions *dataloadgen.Loader[pageOf[petitioning.Order], *petitioning.PetitionConnection]
}

type loadersKey struct{}

func withLoaders(ctx context.Context, p *petitioning.Service) context.Context {
	return context.WithValue(ctx, loadersKey{}, &loaders{
		petition:  rows(p.PetitionsByID, func(row *ent.Petition) uuid.UUID { return row.ID }),
		comment:   rows(p.CommentsByID, func(row *ent.Comment) uuid.UUID { return row.ID }),
		signature: rows(p.SignaturesByID, func(row *ent.Signature) uuid.UUID { return row.ID }),
		tag:       rows(p.TagsByID, func(row *ent.Tag) uuid.UUID { return row.ID }),
		body:      values(p.Bodies),
		figures:   values(p.Figures),
		lastHour:  values(p.LastHour),
		tags:      values(p.TagsOf),
		signatures: pages(func(ctx context.Context, _ struct{}, page petitioning.PageArgs, of ...uuid.UUID) (map[uuid.UUID]*petitioning.SignatureConnection, error) {
			return p.Signatures(ctx, page, of...)
		}),
		comments: pages(p.Comments),
		replies: pages(func(ctx context.Context, _ struct{}, page petitioning.PageArgs, of ...uuid.UUID) (map[uuid.UUID]*petitioning.CommentConnection, error) {
			return p.Replies(ctx, page, of...)
		}),
		tagPetitions: pages(p.TagPetitions),
	})
}

func loadersFrom(ctx context.Context) *loaders {
	return ctx.Value(loadersKey{}).(*loaders) //nolint:forcetypeassert // Around puts them there for every answer
}

// values makes a loader that gives the zero value where there is none.
func values[V any](fetch func(context.Context, []uuid.UUID) (map[uuid.UUID]V, error)) *dataloadgen.Loader[uuid.UUID, V] {
	return dataloadgen.NewLoader(func(ctx context.Context, ids []uuid.UUID) ([]V, []error) {
		found, err := fetch(ctx, ids)
		if err != nil {
			return nil, []error{err}
		}
		out := make([]V, len(ids))
		for i, id := range ids {
			out[i] = found[id]
		}
		return out, nil
	}, dataloadgen.WithWait(gathering))
}

// rows makes a loader of rows by their ids; a row that the actor may not see is nil.
func rows[V any](fetch func(context.Context, []uuid.UUID) ([]V, error), id func(V) uuid.UUID) *dataloadgen.Loader[uuid.UUID, V] {
	return values(func(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]V, error) {
		list, err := fetch(ctx, ids)
		out := make(map[uuid.UUID]V, len(list))
		for _, row := range list {
			out[id(row)] = row
		}
		return out, err
	})
}

// pageOf is the key of one page of one parent's list. Pages that differ in nothing but the parent are read
// together.
type pageOf[Order comparable] struct {
	parent uuid.UUID
	list[Order]
}

// list is what the pages of many parents have in common: the order and the arguments of the page.
type list[Order comparable] struct {
	order         Order
	first, last   option[int]
	after, before option[string]
}

// option is a pointer that can be compared by its content.
type option[V comparable] struct {
	value V
	given bool
}

func optional[V comparable](p *V) option[V] {
	if p == nil {
		return option[V]{}
	}
	return option[V]{*p, true}
}

func (o option[V]) pointer() *V {
	if !o.given {
		return nil
	}
	return &o.value
}

func pageKey[Order comparable](parent uuid.UUID, order Order, p petitioning.PageArgs) pageOf[Order] {
	return pageOf[Order]{parent, list[Order]{order, optional(p.First), optional(p.Last), optional(p.After), optional(p.Before)}}
}

// pages makes a loader of pages: one read for each distinct list.
func pages[Order comparable, V any](fetch func(context.Context, Order, petitioning.PageArgs, ...uuid.UUID) (map[uuid.UUID]V, error)) *dataloadgen.Loader[pageOf[Order], V] {
	return dataloadgen.NewLoader(func(ctx context.Context, keys []pageOf[Order]) ([]V, []error) {
		parents := map[list[Order]][]uuid.UUID{}
		for _, k := range keys {
			parents[k.list] = append(parents[k.list], k.parent)
		}
		found, failed := map[list[Order]]map[uuid.UUID]V{}, map[list[Order]]error{}
		for l, of := range parents {
			page := petitioning.PageArgs{First: l.first.pointer(), Last: l.last.pointer(), After: l.after.pointer(), Before: l.before.pointer()}
			found[l], failed[l] = fetch(ctx, l.order, page, of...)
		}
		out, errs := make([]V, len(keys)), make([]error, len(keys))
		for i, k := range keys {
			out[i], errs[i] = found[k.list][k.parent], failed[k.list]
		}
		return out, errs
	}, dataloadgen.WithWait(gathering))
}

var errGone = errors.New("a row that is referred to cannot be read")
