package graph

import (
	"context"
	"slices"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"petitiond/graph/fastexec"
	"petitiond/server/fields"
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
	return fastexec.Fields(ctx, graphql.GetOperationContext(ctx), graphql.GetFieldContext(ctx).Field.Selections, types)
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
	// Both ways to the petitions of a page, as clients write either.
	for _, field := range fieldsHere(ctx, connectionTypes) {
		switch field.Name {
		case "nodes":
			note(ctx, &w, fastexec.Fields(ctx, op, field.Selections, petitionTypes))
		case "edges":
			for _, inner := range fastexec.Fields(ctx, op, field.Selections, edgeTypes) {
				if inner.Name == "node" {
					note(ctx, &w, fastexec.Fields(ctx, op, inner.Selections, petitionTypes))
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
			note(ctx, &w, fastexec.Fields(ctx, graphql.GetOperationContext(ctx), field.Selections, petitionTypes))
		}
	}
	return w
}

// columnsHere returns the columns that petitions need anywhere below the field that is being resolved, since what a
// petition leads to may lead back to it.
func columnsHere(ctx context.Context) fields.Columns {
	c := fields.OnlyID
	known := every(graphql.GetFieldContext(ctx).Field.Selections, func(field *ast.Field) bool {
		if field.ObjectDefinition.Name != "Petition" {
			return true
		}
		columns, ok := fields.ColumnsOf(field.Name)
		c |= columns
		// What a field in neither table needs of the row is unknown. The whole row is then read: a new field works, if
		// slowly.
		return ok || besideRow[field.Name]
	})
	// Every stops at the first field that is not known, and c is then incomplete.
	if !known {
		return 0 // the whole row
	}
	return c
}

// every reports whether all fields of a selection, at every depth and whatever their conditions, are as asked.
func every(selection ast.SelectionSet, is func(*ast.Field) bool) bool {
	return !slices.ContainsFunc(selection, func(s ast.Selection) bool {
		switch s := s.(type) {
		case *ast.Field:
			return !is(s) || !every(s.SelectionSet, is)
		case *ast.InlineFragment:
			return !every(s.SelectionSet, is)
		// Validation has refused fragments that lead back to themselves, so that this ends.
		case *ast.FragmentSpread:
			return !every(s.Definition.SelectionSet, is)
		}
		return true
	})
}

// asks reports whether the operation selects a field of that name of any object of the type.
func (l *loaders) asks(ctx context.Context, of, name string) bool {
	// Whatever @skip and @include say: at worst something is read that nobody needs.
	return !every(graphql.GetOperationContext(ctx).Operation.SelectionSet, func(field *ast.Field) bool {
		return field.Name != name || field.ObjectDefinition.Name != of
	})
}

// judge looks once for what the whole operation selects.
func (l *loaders) judge(ctx context.Context) {
	l.judged.Do(func() {
		l.bodies = reading.Bodies(l.asks(ctx, "Comment", "body"))
		l.hours = reading.Hours(l.asks(ctx, "SignatureCount", "lastHour"))
	})
}

// bodiesAsked reports whether the operation selects the body of any comment. If so, all lists of comments are read with
// bodies: two fields may yield the same comment, and a reply leads back to its parent.
func bodiesAsked(ctx context.Context) reading.Bodies {
	l := loadersFrom(ctx)
	l.judge(ctx)
	return l.bodies
}

// hoursAsked reports whether the operation selects the last hour of any count. If so, all figures are read with it.
func hoursAsked(ctx context.Context) reading.Hours {
	l := loadersFrom(ctx)
	l.judge(ctx)
	return l.hours
}

// besideRow are the fields of a petition that need nothing of its row except the id.
var besideRow = map[string]bool{
	"__typename": true, "body": true, "tags": true, "goal": true, "signatureCount": true, "count": true, "signatures": true,
	"commentCount": true, "comments": true, "signatureHistory": true,
}

// note adds what the fields of a petition need besides columns. Figures with the last hour are not read with the row:
// its sum is known by [toFigures] alone.
func note(ctx context.Context, w *reading.Selection, fields []graphql.CollectedField) {
	withRow := hoursAsked(ctx) == reading.WithoutHours
	for _, field := range fields {
		switch field.Name {
		case "goal", "signatureCount", "count", "commentCount":
			w.Figures = withRow
		case "body", "bodyHtml":
			w.Body = true
		case "tags":
			w.Tags = true
		case "signatures", "comments": // whose lengths are figures
			for _, inner := range fastexec.Fields(ctx, graphql.GetOperationContext(ctx), field.Selections, nil) {
				w.Figures = w.Figures || inner.Name == "totalCount" && withRow
			}
		}
	}
}

// Impersonal names what of an event is the same for all who may see the event at all: the leaf fields of a type, or a
// single field. A subscription that selects nothing else is executed once for all of them. The fields of a petition are
// those that its count tells.
var Impersonal = []string{
	"SignatureCount", "Statistics",
	"SignatureCount.petition", "Petition.id", "Petition.goal", "Petition.signatureCount", "Petition.count",
}

// LongTexts are the fields that alone make an answer long, and their bytes. Hardly any HTML is much longer than its
// source.
var LongTexts = map[string]int{"Petition.body": fields.BodyBytes, "Petition.bodyHtml": fields.BodyBytes}

// toldByCount reports whether a count tells all that is selected of its petition, which is being resolved.
func toldByCount(ctx context.Context) bool {
	return every(graphql.GetFieldContext(ctx).Field.Selections, func(field *ast.Field) bool {
		of := field.ObjectDefinition.Name
		return of != "Petition" || field.Name == "__typename" || slices.Contains(Impersonal, of+"."+field.Name)
	})
}
