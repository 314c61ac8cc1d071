package graph

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"petitiond/ent"
	"petitiond/server/answerbudget"
	"petitiond/server/figures"
	"petitiond/server/keyset"
	"petitiond/server/reading"
	"petitiond/server/reading/history"
)

// The keys by which rows lead to other rows.
func petitionID(row *ent.Petition) uuid.UUID           { return row.ID }
func commentID(row *ent.Comment) uuid.UUID             { return row.ID }
func signatureID(row *ent.Signature) uuid.UUID         { return row.ID }
func tagID(row *ent.Tag) uuid.UUID                     { return row.ID }
func petitionOfComment(row *ent.Comment) uuid.UUID     { return row.PetitionID }
func petitionOfSignature(row *ent.Signature) uuid.UUID { return row.PetitionID }
func petitionOfCount(c *figures.Value) uuid.UUID       { return c.Petition }

func parentOfComment(row *ent.Comment) uuid.UUID {
	// Siblings with this key lead nowhere, and nothing is read for them.
	if row.ParentID == nil {
		return uuid.Nil
	}
	return *row.ParentID
}

// The edges to what is read for rows.
var (
	// The figures lead to counts, and these back to their petitions: so SignatureCount.petition of a petition costs
	// nothing.
	toFigures = &edge[*ent.Petition, none, *reading.Figures]{petitionID, func(
		ctx context.Context, s *siblings[*ent.Petition], from *reading.Reader, _ none, ids []uuid.UUID,
	) (map[uuid.UUID]*reading.Figures, error) {
		found, err := from.Figures(ctx, ids, hoursAsked(ctx))
		joinCounts(ctx, s.rows, found)
		return found, err
	}}
	toTags = &edge[*ent.Petition, none, []*ent.Tag]{petitionID, func(
		ctx context.Context, _ *siblings[*ent.Petition], from *reading.Reader, _ none, ids []uuid.UUID,
	) (map[uuid.UUID][]*ent.Tag, error) {
		found, err := from.TagsOf(ctx, ids)
		joinTags(ctx, found)
		return found, err
	}}
	toBody = &edge[*ent.Petition, none, string]{petitionID, func(
		ctx context.Context, _ *siblings[*ent.Petition], from *reading.Reader, _ none, ids []uuid.UUID,
	) (map[uuid.UUID]string, error) {
		return from.Bodies(ctx, ids)
	}}
	toHistory = &edge[*ent.Petition, historyArguments, history.Result]{petitionID, func(
		ctx context.Context, _ *siblings[*ent.Petition], from *reading.Reader, h historyArguments, ids []uuid.UUID,
	) (map[uuid.UUID]history.Result, error) {
		return from.Histories(ctx, ids, history.Query{Interval: h.step, From: h.from.time(), To: h.to.time()})
	}}
	toParent = &edge[*ent.Comment, none, *ent.Comment]{parentOfComment, func(
		ctx context.Context, _ *siblings[*ent.Comment], from *reading.Reader, _ none, ids []uuid.UUID,
	) (map[uuid.UUID]*ent.Comment, error) {
		rows, err := from.CommentsByID(ctx, ids)
		join(ctx, rows)
		return byKey(rows, commentID), err
	}}
)

// The edges to lists.
var (
	toSignatures = toList(petitionID, aboveSignature, func(
		from *reading.Reader, ctx context.Context, _ none, p keyset.Args, ids ...uuid.UUID,
	) (map[uuid.UUID]*reading.SignatureConnection, error) {
		return from.Signatures(ctx, p, ids...)
	})
	toComments  = toList(petitionID, aboveComment, (*reading.Reader).Comments)
	toReplies   = toList(commentID, aboveReply, (*reading.Reader).Replies)
	toPetitions = withSelection(toList(tagID, aboveTagged, tagPetitions))
)

// The edges back to the row under which others were read.
var (
	// They have no way to read: what stands above a row is known from the reading of the row, or it is read as by an
	// id.
	aboveReply     = &edge[*ent.Comment, none, *ent.Comment]{key: parentOfComment}
	aboveTagged    = &edge[*ent.Petition, none, *ent.Tag]{key: petitionID}
	aboveComment   = &edge[*ent.Comment, none, *ent.Petition]{key: petitionOfComment}
	aboveSignature = &edge[*ent.Signature, none, *ent.Petition]{key: petitionOfSignature}
	aboveCount     = &edge[*figures.Value, none, *ent.Petition]{key: petitionOfCount}
)

// belonging are the edges to the petition that rows belong to: to the one under which they were read, or to one that is
// read for the fields selected of it.
type belonging[Row comparable] struct {
	above *edge[Row, none, *ent.Petition]
	read  *edge[Row, reading.Selection, *ent.Petition]
}

var (
	ofComment   = belongs(aboveComment)
	ofSignature = belongs(aboveSignature)
	ofCount     = belongs(aboveCount)
)

// belongs declares both edges to the petition of rows, by the one that leads back to it.
func belongs[Row comparable](above *edge[Row, none, *ent.Petition]) belonging[Row] {
	return belonging[Row]{above, &edge[Row, reading.Selection, *ent.Petition]{above.key, func(
		ctx context.Context, _ *siblings[Row], from *reading.Reader, w reading.Selection, ids []uuid.UUID,
	) (map[uuid.UUID]*ent.Petition, error) {
		found, err := from.PetitionsByID(ctx, ids, w)
		joinFound(ctx, found.Rows, w, found.Figures)
		return byKey(found.Rows, petitionID), err
	}}}
}

// petitionOf returns the petition that a visible row belongs to: the one under which it was read, or else one that is
// read with what is selected of it here. Another alias may select more, so the selection is part of the edge's
// arguments.
func petitionOf[Row comparable](ctx context.Context, r *Resolver, row Row, of belonging[Row]) (*ent.Petition, error) {
	if found, ok := petitionAbove(ctx, row, of); ok {
		return found, nil
	}
	found, err := load(ctx, r, row, of.read, selectedHere(ctx))
	if found == nil && err == nil {
		err = errNoPetition // hidden since the row was read
	}
	return found, err
}

// petitionOfCounted returns the petition of a count, or nil if it has gone. Of a count that was not read under its
// petition, as that of an event, it reads nothing as long as the count tells all that is selected.
func petitionOfCounted(ctx context.Context, r *Resolver, c *figures.Value) (*ent.Petition, error) {
	switch _, above := known(ctx, c, aboveCount); {
	// First: what was read of it before it went must not be shown any more.
	case c.Gone:
		return nil, nil //nolint:nilnil // there is no petition that may be seen, as the contract tells
	case above || !toldByCount(ctx):
		return petitionOf(ctx, r, c, ofCount)
	}
	// A row with nothing but its id, which all fields that the count tells can be resolved from.
	row := &ent.Petition{ID: c.Petition}
	joinFound(ctx, []*ent.Petition{row}, reading.Selection{Figures: true}, map[uuid.UUID]*reading.Figures{c.Petition: {Value: *c}})
	return row, nil
}

// petitionAbove returns the petition under which a row was read. For a reply this may be the petition of the comment
// that it replies to.
func petitionAbove[Row comparable](ctx context.Context, row Row, of belonging[Row]) (*ent.Petition, bool) {
	if found, ok := known(ctx, row, of.above); ok {
		return found, true
	}
	if reply, ok := any(row).(*ent.Comment); ok {
		if above, ok := known(ctx, reply, aboveReply); ok {
			return known(ctx, above, aboveComment)
		}
	}
	return nil, false
}

// joinFound makes siblings of petitions that were read together, and records what was read with them.
func joinFound(ctx context.Context, rows []*ent.Petition, selection reading.Selection, counted map[uuid.UUID]*reading.Figures) {
	knowSelected(ctx, join(ctx, rows), selection, counted)
}

// knowSelected records what was read with the siblings, so it is not read again.
func knowSelected(
	ctx context.Context, s *siblings[*ent.Petition], selection reading.Selection, counted map[uuid.UUID]*reading.Figures,
) {
	if selection.Figures {
		know(s, toFigures, counted)
		joinCounts(ctx, s.rows, counted)
	}
	if selection.Tags {
		knowTags(ctx, s)
	}
	if selection.Body {
		bodies := make(map[uuid.UUID]string, len(s.rows))
		for _, row := range s.rows {
			bodies[row.ID] = row.Body
		}
		know(s, toBody, bodies)
	}
}

// knowTags records the tags that were read with the siblings, if they were.
func knowTags(ctx context.Context, s *siblings[*ent.Petition]) {
	tags := make(map[uuid.UUID][]*ent.Tag, len(s.rows))
	for _, row := range s.rows {
		// Nil means that they were not read. What is unknown of one is not recorded for any.
		if row.Edges.Tags == nil {
			return
		}
		tags[row.ID] = row.Edges.Tags
	}
	joinTags(ctx, tags)
	know(s, toTags, tags)
}

// joinTags makes siblings of the tags of petitions, which lead to lists of petitions.
func joinTags(ctx context.Context, tagged map[uuid.UUID][]*ent.Tag) {
	joinLater(ctx, func(l *loaders) { register(l, allOf(tagged, func(list []*ent.Tag) []*ent.Tag { return list })) })
}

// joinCounts makes siblings of the counts of petitions, which lead back to them.
func joinCounts(ctx context.Context, rows []*ent.Petition, counted map[uuid.UUID]*reading.Figures) {
	joinLater(ctx, func(l *loaders) {
		counts := make([]*figures.Value, 0, len(counted))
		for _, f := range counted {
			counts = append(counts, &f.Value)
		}
		// With register instead of join: the lock of the loaders is held already.
		know(register(l, counts), aboveCount, byKey(rows, petitionID))
	})
}

// parentOf returns the comment that a visible reply replies to.
func parentOf(ctx context.Context, r *Resolver, row *ent.Comment) (*ent.Comment, error) {
	if found, ok := known(ctx, row, aboveReply); ok {
		return found, nil
	}
	return load(ctx, r, row, toParent, none{})
}

// tagList is the arguments and the selection of a list of a tag's petitions.
type tagList struct {
	order     reading.Order
	selection reading.Selection
}

// withSelection records for the petitions of a list what was read with them.
func withSelection(
	e *edge[*ent.Tag, pageOf[tagList], *reading.PetitionConnection],
) *edge[*ent.Tag, pageOf[tagList], *reading.PetitionConnection] {
	return &edge[*ent.Tag, pageOf[tagList], *reading.PetitionConnection]{e.key, func(
		ctx context.Context, s *siblings[*ent.Tag], from *reading.Reader, p pageOf[tagList], tags []uuid.UUID,
	) (map[uuid.UUID]*reading.PetitionConnection, error) {
		found, err := e.read(ctx, s, from, p, tags)
		for _, list := range found {
			// The rows of all lists are siblings by now, so the first row leads to all of them.
			if rows := list.Nodes(); len(rows) > 0 { // they all share one map of figures
				knowSelected(ctx, siblingsOf(ctx, rows[0]), p.by.selection, list.Figures())
				break
			}
		}
		return found, err
	}}
}

// tagPetitions reads pages of the petitions of tags.
func tagPetitions(
	from *reading.Reader, ctx context.Context, l tagList, p keyset.Args, tags ...uuid.UUID,
) (map[uuid.UUID]*reading.PetitionConnection, error) {
	return from.TagPetitions(ctx, l.order, l.selection, p, tags...)
}

// petitionsOf returns a page of a tag's petitions.
func petitionsOf(
	ctx context.Context, r *Resolver, tag *ent.Tag, order reading.Order, p keyset.Args,
) (*reading.PetitionConnection, error) {
	return load(ctx, r, tag, toPetitions, page(tagList{order, selectedInList(ctx)}, p))
}

// figuresOf returns the numbers of a petition.
func figuresOf(ctx context.Context, r *Resolver, row *ent.Petition) (*reading.Figures, error) {
	found, err := load(ctx, r, row, toFigures, none{})
	if found == nil {
		// Never nil: resolvers return parts of it together with the error.
		found = &reading.Figures{}
		if err == nil {
			err = errNoPetition // hidden since the row was read
		}
	}
	return found, err
}

// renderedOf returns the body of a petition in HTML. What an operation renders is charged to its budget: otherwise a
// document of a few hundred bytes could ask for gigabytes.
func renderedOf(ctx context.Context, r *Resolver, row *ent.Petition) (string, error) {
	body, err := load(ctx, r, row, toBody, none{})
	if err == nil {
		// Before it is rendered: what one body has exceeded must keep the next from being rendered at all.
		err = errors.Join(answerbudget.From(ctx).Err(), ctx.Err())
	}
	if err != nil {
		return "", err
	}
	html, err := r.Reading.BodyHTML(ctx, row.ID, row.Version, body)
	if err != nil {
		return "", err
	}
	return html, answerbudget.From(ctx).Read(len(html))
}
