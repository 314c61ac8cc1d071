package graph

import (
	"context"

	"github.com/99designs/gqlgen/graphql"
	"github.com/google/uuid"

	"petitiond/ent"
	"petitiond/server/petitioning"
)

// ahead asks the loaders for what the selection will need of every petition of a page, so that each list
// costs one statement for the page, whenever its fields are resolved.
func ahead(ctx context.Context, rows []*ent.Petition) {
	if len(rows) < 2 || graphql.GetFieldContext(ctx) == nil {
		return
	}
	ids := make([]uuid.UUID, len(rows))
	for i, row := range rows {
		ids[i] = row.ID
	}
	op := graphql.GetOperationContext(ctx)
	for _, field := range petitionFields(ctx, op) {
		prefetch(ctx, field, op.Variables, ids)
	}
}

// petitionFields gives the fields selected of the petitions of the connection that is being resolved.
func petitionFields(ctx context.Context, op *graphql.OperationContext) []graphql.CollectedField {
	var out []graphql.CollectedField
	for _, field := range graphql.CollectFieldsCtx(ctx, nil) {
		switch field.Name {
		case "nodes":
			out = append(out, graphql.CollectFields(op, field.Selections, petitionTypes)...)
		case "edges":
			for _, inner := range graphql.CollectFields(op, field.Selections, nil) {
				if inner.Name == "node" {
					out = append(out, graphql.CollectFields(op, inner.Selections, petitionTypes)...)
				}
			}
		}
	}
	return out
}

var petitionTypes = []string{"Petition", "Node"}

// prefetch starts the loads of one field. Bad arguments are left to the field's own resolver.
func prefetch(ctx context.Context, field graphql.CollectedField, variables map[string]any, ids []uuid.UUID) {
	l := loadersFrom(ctx)
	switch field.Name {
	case "tags":
		l.tags.LoadAllThunk(ctx, ids)
	case "body", "bodyHtml":
		l.body.LoadAllThunk(ctx, ids)
	case "goal", "signatureCount", "commentCount":
		l.figures.LoadAllThunk(ctx, ids)
	case "count":
		l.figures.LoadAllThunk(ctx, ids)
	case "signatures":
		l.figures.LoadAllThunk(ctx, ids)
		if page, ok := pageArguments(field, variables); ok {
			for _, id := range ids {
				l.signatures.LoadThunk(ctx, pageKey(id, struct{}{}, page))
			}
		}
	case "comments":
		l.figures.LoadAllThunk(ctx, ids)
		if page, ok := pageArguments(field, variables); ok {
			for _, id := range ids {
				l.comments.LoadThunk(ctx, pageKey(id, commentOrder(field, variables), page))
			}
		}
	}
}

// pageArguments reads the arguments of a nested list from the document.
func pageArguments(field graphql.CollectedField, variables map[string]any) (petitioning.PageArgs, bool) {
	args := field.ArgumentMap(variables)
	first, ok1 := argument(args, "first", graphql.UnmarshalInt)
	last, ok2 := argument(args, "last", graphql.UnmarshalInt)
	after, ok3 := argument(args, "after", graphql.UnmarshalString)
	before, ok4 := argument(args, "before", graphql.UnmarshalString)
	return petitioning.PageArgs{First: first, Last: last, After: after, Before: before}, ok1 && ok2 && ok3 && ok4
}

func argument[V any](args map[string]any, name string, unmarshal func(any) (V, error)) (*V, bool) {
	raw, given := args[name]
	if !given || raw == nil {
		return nil, true
	}
	v, err := unmarshal(raw)
	return &v, err == nil
}

func commentOrder(field graphql.CollectedField, variables map[string]any) petitioning.CommentOrder {
	name, ok := argument(field.ArgumentMap(variables), "orderBy", graphql.UnmarshalString)
	if !ok || name == nil {
		return petitioning.Newest
	}
	return petitioning.CommentOrder(*name)
}
