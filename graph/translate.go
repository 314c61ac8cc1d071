package graph

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/google/uuid"
	"github.com/vektah/gqlparser/v2/ast"

	"petitiond/ent"
	"petitiond/graph/fastexec"
	"petitiond/graph/model"
	"petitiond/graph/scalar"
	"petitiond/server/fields"
	"petitiond/server/keyset"
	"petitiond/server/petitioning"
	"petitiond/server/reading"
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

// updateOf hands on what an input gives: a field that is absent stays nil, and null is noted or, where it takes a value
// away, a pointer to nil.
func updateOf(in model.UpdatePetitionInput) petitioning.Update {
	u := petitioning.Update{Petition: petitionKey(in.ID), Version: in.Version}
	input, update := reflect.ValueOf(in), reflect.ValueOf(&u).Elem()
	for i := range input.NumField() {
		value, omittable := input.Field(i).Interface().(interface{ IsSet() bool })
		if !omittable || !value.IsSet() {
			continue
		}
		name, _, _ := strings.Cut(input.Type().Field(i).Tag.Get("json"), ",")
		given := input.Field(i).MethodByName("Value").Call(nil)[0]
		into := fields.Named(update, name)
		clears := given.Kind() == reflect.Pointer && into.Type().Elem() == given.Type()
		switch {
		case given.IsNil() && !clears:
			u.Nulls = append(u.Nulls, name)
		case given.Type() == into.Type():
			into.Set(given)
		default:
			at := reflect.New(given.Type())
			at.Elem().Set(given)
			into.Set(at)
		}
	}
	return u
}

func (r *Resolver) petitionPayload(ctx context.Context, id uuid.UUID, token string, err error) (*model.PetitionPayload, error) {
	faults, err := userErrors(err)
	if err != nil || len(faults) > 0 {
		return &model.PetitionPayload{UserErrors: faults}, err
	}
	row, err := r.petition(ctx, id, wantedIn(ctx, "petition"))
	noteMissing(ctx, "petition", err)
	out := &model.PetitionPayload{Petition: row, UserErrors: faults}
	if token != "" {
		out.EditToken = &token
	}
	return out, nil
}

func (r *Resolver) signPayload(ctx context.Context, id uuid.UUID, err error) (*model.SignPetitionPayload, error) {
	faults, err := userErrors(err)
	if err != nil || len(faults) > 0 {
		return &model.SignPetitionPayload{UserErrors: faults}, err
	}
	status := model.SigningStatusCounted
	out := &model.SignPetitionPayload{Status: &status, UserErrors: faults}
	if selected(ctx, "petition") {
		out.Petition, err = r.petition(ctx, id, wantedIn(ctx, "petition"))
		noteMissing(ctx, "petition", err)
	}
	return out, nil
}

// selected reports whether the field that is being resolved was asked for a field of that name.
func selected(ctx context.Context, name string) bool {
	for _, field := range fieldsHere(ctx, nil) {
		if field.Name == name {
			return true
		}
	}
	return false
}

// fieldsHere gives the fields that the field that is being resolved was asked for.
func fieldsHere(ctx context.Context, types []string) []graphql.CollectedField {
	return fastexec.Fields(graphql.GetOperationContext(ctx), graphql.GetFieldContext(ctx).Field.Selections, types)
}

// The types that a selection of each kind of field is about, as the executor names them.
var (
	petitionTypes   = []string{"Petition", "Node"}
	connectionTypes = []string{"PetitionConnection"}
	edgeTypes       = []string{"PetitionEdge"}
)

// wantedHere gives what the field that is being resolved, a petition, is asked for.
func wantedHere(ctx context.Context) reading.Wanted {
	w := reading.Wanted{Columns: columnsHere(ctx)}
	note(ctx, &w, fieldsHere(ctx, petitionTypes))
	return w
}

// wantedInList is the same for a connection of petitions.
func wantedInList(ctx context.Context) reading.Wanted {
	w := reading.Wanted{Columns: columnsHere(ctx)}
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

// wantedIn is the same for a petition in a field of what is being resolved.
func wantedIn(ctx context.Context, name string) reading.Wanted {
	w := reading.Wanted{Columns: columnsHere(ctx)}
	for _, field := range fieldsHere(ctx, nil) {
		if field.Name == name {
			note(ctx, &w, fastexec.Fields(graphql.GetOperationContext(ctx), field.Selections, petitionTypes))
		}
	}
	return w
}

// columnsHere gives the columns that the petitions need under the field that is being resolved: also those further below, since
// what a petition leads to may lead back to it.
func columnsHere(ctx context.Context) reading.Columns {
	c := reading.OnlyID
	if !columnsIn(graphql.GetFieldContext(ctx).Field.Selections, &c) {
		return 0
	}
	return c
}

// columnsIn adds the columns that a selection needs. It reports whether that is all; otherwise it needs the whole row.
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

// bodiesAsked tells whether the operation asks any comment for what it says. All lists of comments are then read with that: two
// fields may ask for the same one, and a reply leads back to the comment that it answers.
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

// besideRow are the fields of a petition that need nothing of its row but the id.
var besideRow = map[string]bool{
	"__typename": true, "body": true, "tags": true, "goal": true, "signatureCount": true, "count": true, "signatures": true,
	"commentCount": true, "comments": true, "signatureHistory": true,
}

// note adds what the fields of a petition need beside columns.
func note(ctx context.Context, w *reading.Wanted, fields []graphql.CollectedField) {
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

func (r *Resolver) commentPayload(ctx context.Context, id uuid.UUID, err error) (*model.CommentPayload, error) {
	faults, err := userErrors(err)
	if err != nil || len(faults) > 0 {
		return &model.CommentPayload{UserErrors: faults}, err
	}
	row, err := one(r.reads(ctx).CommentsByID(ctx, []uuid.UUID{id}))
	noteMissing(ctx, "comment", err)
	return &model.CommentPayload{Comment: row, UserErrors: faults}, nil
}

// petition gives the petition with what is wanted of it, or nil where there is none that the actor may see.
func (r *Resolver) petition(ctx context.Context, id uuid.UUID, w reading.Wanted) (*ent.Petition, error) {
	found, err := r.reads(ctx).PetitionsByID(ctx, []uuid.UUID{id}, w)
	return r.only(ctx, found, w, err)
}

// only gives the one petition that was found, or nil.
func (r *Resolver) only(ctx context.Context, found reading.Found, w reading.Wanted, err error) (*ent.Petition, error) {
	joinFound(ctx, found.Rows, w, found.Figures)
	return one(found.Rows, err)
}

// one gives the row that a single id was to find, or nil.
func one[Row any](rows []*Row, err error) (*Row, error) {
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	return rows[0], nil
}

func (r *Resolver) petitionBy(ctx context.Context, id *scalar.ID, slug *string) (*ent.Petition, error) {
	switch {
	case (id == nil) == (slug == nil):
		return nil, &keyset.ArgumentError{Argument: "id", Message: "Give either id or slug."}
	case id != nil:
		return r.petition(ctx, petitionKey(*id), wantedHere(ctx))
	}
	w := wantedHere(ctx)
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

// petitionPage gives a page of petitions with what is wanted of them.
func (r *Resolver) petitionPage(
	ctx context.Context, q reading.PetitionQuery, page keyset.Args,
) (*reading.PetitionConnection, error) {
	q.Wanted = wantedInList(ctx)
	list, err := r.reads(ctx).Petitions(ctx, q, page)
	if err == nil {
		joinFound(ctx, list.Nodes(), q.Wanted, list.Figures())
	}
	return list, err
}

func (r *Resolver) node(ctx context.Context, id scalar.ID) (scalar.Node, error) {
	found, err := r.nodes(ctx, []*scalar.ID{&id})
	if err != nil {
		return nil, err
	}
	return found[0], nil
}

// nodes gives whatever has the ids, and nil for each that nothing visible has. It reads once for each type.
func (r *Resolver) nodes(ctx context.Context, ids []*scalar.ID) ([]scalar.Node, error) {
	list, err := between(0, 100, "ids", ids)
	if err != nil {
		return nil, err
	}
	found := map[scalar.ID]scalar.Node{}
	w := wantedHere(ctx)
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

// between checks the length of a list of ids.
func between(least, most int, name string, ids []*scalar.ID) ([]scalar.ID, error) {
	if len(ids) < least || len(ids) > most {
		return nil, &keyset.ArgumentError{Argument: name, Message: fmt.Sprintf("Give %d to %d ids.", least, most)}
	}
	out := make([]scalar.ID, len(ids))
	for i, id := range ids {
		out[i] = *id
	}
	return out, nil
}

// What an argument means that was given as null.
func newestUnless(o *reading.CommentOrder) reading.CommentOrder {
	return or(o, reading.Newest)
}

func createdUnless(o *reading.Order) reading.Order {
	return or(o, reading.Order{Field: reading.ByCreatedAt, Direction: reading.Desc})
}

func trendingUnless(first *int) int { return or(first, 10) }

func or[V any](p *V, otherwise V) V {
	if p == nil {
		return otherwise
	}
	return *p
}
