package graph

import (
	"context"
	"slices"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"petitiond/graph/fastexec"
	"petitiond/server/reading"
)

// selected reports whether a field of that name is selected in the field that is being resolved.
func selected(ctx context.Context, name string) bool {
	for _, field := range fieldsHere(ctx, nil) {
		if field.Name == name {
			return true
		}
	}
	return false
}

// fieldsHere returns the fields that are selected in the field that is being resolved.
func fieldsHere(ctx context.Context, types []string) []graphql.CollectedField {
	return fastexec.Fields(graphql.GetOperationContext(ctx), graphql.GetFieldContext(ctx).Field.Selections, types)
}

// The types that a selection of each kind of field is about, as the executor names them.
var (
	petitionTypes   = []string{"Petition", "Node"}
	connectionTypes = []string{"PetitionConnection"}
	edgeTypes       = []string{"PetitionEdge"}
)

// selectedHere returns what is selected of the petition that is being resolved.
func selectedHere(ctx context.Context) reading.Selection {
	w := reading.Selection{Columns: columnsHere(ctx)}
	note(ctx, &w, fieldsHere(ctx, petitionTypes))
	return w
}

// selectedInList is the same for a connection of petitions.
func selectedInList(ctx context.Context) reading.Selection {
	w := reading.Selection{Columns: columnsHere(ctx)}
	op := graphql.GetOperationContext(ctx)
	for _, field := range fieldsHere(ctx, connectionTypes) {
		switch field.Name {
		case "nodes":
			note(ctx, &w, fastexec.Fields(op, field.Selections, petitionTypes))
		case "edges":
			for _, inner := range fastexec.Fields(op, field.Selections, edgeTypes) {
				if inner.Name == "node" {
					note(ctx, &w, fastexec.Fields(op, inner.Selections, petitionTypes))
				}
			}
		}
	}
	return w
}

// selectedIn is the same for a petition in a field of what is being resolved.
func selectedIn(ctx context.Context, name string) reading.Selection {
	w := reading.Selection{Columns: columnsHere(ctx)}
	for _, field := range fieldsHere(ctx, nil) {
		if field.Name == name {
			note(ctx, &w, fastexec.Fields(graphql.GetOperationContext(ctx), field.Selections, petitionTypes))
		}
	}
	return w
}

// columnsHere returns the columns that petitions need anywhere below the field that is being resolved, since what a
// petition leads to may lead back to it.
func columnsHere(ctx context.Context) reading.Columns {
	c := reading.OnlyID
	if !columnsIn(graphql.GetFieldContext(ctx).Field.Selections, &c) {
		return 0
	}
	return c
}

// columnsIn adds the columns that a selection needs. If it returns false, the selection needs the whole row.
func columnsIn(selection ast.SelectionSet, c *reading.Columns) bool {
	for _, s := range selection {
		known := false
		switch s := s.(type) {
		case *ast.Field:
			known = columnsOf(s, c) && columnsIn(s.SelectionSet, c)
		case *ast.InlineFragment:
			known = columnsIn(s.SelectionSet, c)
		case *ast.FragmentSpread:
			known = columnsIn(s.Definition.SelectionSet, c)
		}
		if !known {
			return false
		}
	}
	return true
}

// columnsOf is columnsIn for one field.
func columnsOf(field *ast.Field, c *reading.Columns) bool {
	if field.ObjectDefinition.Name != "Petition" {
		return true
	}
	columns, ok := reading.ColumnsOf(field.Name)
	*c |= columns
	return ok || besideRow[field.Name]
}

// bodiesAsked reports whether the operation selects the body of any comment. If so, all lists of comments are read with
// bodies: two fields may yield the same comment, and a reply leads back to its parent.
func bodiesAsked(ctx context.Context) reading.Bodies {
	l := loadersFrom(ctx)
	l.judged.Do(func() { l.bodies = bodiesIn(graphql.GetOperationContext(ctx).Operation.SelectionSet) })
	return l.bodies
}

func bodiesIn(selection ast.SelectionSet) reading.Bodies {
	return reading.Bodies(slices.ContainsFunc(selection, func(s ast.Selection) bool {
		switch s := s.(type) {
		case *ast.Field:
			asked := s.Name == "body" && s.ObjectDefinition.Name == "Comment"
			return asked || bool(bodiesIn(s.SelectionSet))
		case *ast.InlineFragment:
			return bool(bodiesIn(s.SelectionSet))
		case *ast.FragmentSpread:
			return bool(bodiesIn(s.Definition.SelectionSet))
		}
		return true
	}))
}

// besideRow are the fields of a petition that need nothing of its row except the id.
var besideRow = map[string]bool{
	"__typename": true, "body": true, "tags": true, "goal": true, "signatureCount": true, "count": true, "signatures": true,
	"commentCount": true, "comments": true, "signatureHistory": true,
}

// note adds what the fields of a petition need besides columns.
func note(ctx context.Context, w *reading.Selection, fields []graphql.CollectedField) {
	for _, field := range fields {
		switch field.Name {
		case "goal", "signatureCount", "count", "commentCount":
			w.Figures = true
		case "body", "bodyHtml":
			w.Body = true
		case "tags":
			w.Tags = true
		case "signatures", "comments": // whose lengths are figures
			for _, inner := range fastexec.Fields(graphql.GetOperationContext(ctx), field.Selections, nil) {
				w.Figures = w.Figures || inner.Name == "totalCount"
			}
		}
	}
}
