package graph

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"petitiond/ent"
	"petitiond/graph/scalar"
	"petitiond/server/budget"
	"petitiond/server/figures"
	"petitiond/server/keyset"
	"petitiond/server/reading"
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
	if row.ParentID == nil {
		return uuid.Nil
	}
	return *row.ParentID
}

// petitionOf gives the petition that a visible row belongs to: the one under which it was read, or else it is read
// with what is asked of it here. Another alias may ask for more, so that what is asked tells readings apart.
func petitionOf[Row comparable](ctx context.Context, p *reading.Reader, row Row, key func(Row) uuid.UUID) (*ent.Petition, error) {
	if found, ok := petitionAbove(ctx, row, key); ok {
		return found, nil
	}
	type petition reading.Wanted
	wanted := wantedHere(ctx)
	found, err := load(ctx, row, petition(wanted), key, petitionsByID(p, wanted))
	if found == nil && err == nil {
		err = errNoPetition // hidden since the row was read
	}
	return found, err
}

// petitionAbove gives the petition under which a row was read, or under which the comment was that it answers.
func petitionAbove[Row comparable](ctx context.Context, row Row, key func(Row) uuid.UUID) (*ent.Petition, bool) {
	if found, ok := known[*ent.Petition](ctx, row, owner[*ent.Petition]{}, key(row)); ok {
		return found, true
	}
	if reply, ok := any(row).(*ent.Comment); ok {
		if above, ok := known[*ent.Comment](ctx, reply, owner[*ent.Comment]{}, parentOfComment(reply)); ok {
			return known[*ent.Petition](ctx, above, owner[*ent.Petition]{}, above.PetitionID)
		}
	}
	return nil, false
}

// petitionsByID is byID for petitions, which know what they were read with.
func petitionsByID(p *reading.Reader, wanted reading.Wanted) fetch[*ent.Petition] {
	return func(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]*ent.Petition, error) {
		found, err := p.PetitionsByID(ctx, ids, wanted)
		joinFound(ctx, found.Rows, wanted, found.Figures)
		return byKey(found.Rows, petitionID), err
	}
}

// joinFound makes siblings of petitions that were read with what was wanted.
func joinFound(ctx context.Context, rows []*ent.Petition, wanted reading.Wanted, counted map[uuid.UUID]*reading.Figures) {
	knowWanted(ctx, join(ctx, rows), wanted, counted)
}

// knowWanted gives siblings what they were read with, so that nobody reads it again.
func knowWanted(
	ctx context.Context, s *siblings[*ent.Petition], wanted reading.Wanted, counted map[uuid.UUID]*reading.Figures,
) {
	if wanted.Figures {
		know(s, "figures", counted)
		joinCounts(ctx, s.rows, counted)
	}
	if wanted.Tags {
		knowTags(ctx, s)
	}
	if wanted.Body {
		bodies := make(map[uuid.UUID]string, len(s.rows))
		for _, row := range s.rows {
			bodies[row.ID] = row.Body
		}
		know(s, "body", bodies)
	}
}

// knowTags gives siblings the tags that were read with them, if they were.
func knowTags(ctx context.Context, s *siblings[*ent.Petition]) {
	tags := make(map[uuid.UUID][]*ent.Tag, len(s.rows))
	for _, row := range s.rows {
		if row.Edges.Tags == nil {
			return
		}
		tags[row.ID] = row.Edges.Tags
	}
	joinAll(ctx, tags, func(list []*ent.Tag) []*ent.Tag { return list })
	know(s, "tags", tags)
}

// joinCounts makes siblings of the counts of petitions, which lead back to them.
func joinCounts(ctx context.Context, rows []*ent.Petition, counted map[uuid.UUID]*reading.Figures) {
	joinLater(ctx, func(l *loaders) {
		counts := make([]*figures.Value, 0, len(counted))
		for _, f := range counted {
			counts = append(counts, &f.Value)
		}
		know(register(l, counts), owner[*ent.Petition]{}, byKey(rows, petitionID))
	})
}

// parentOf gives the comment that a visible reply answers.
func parentOf(ctx context.Context, p *reading.Reader, row *ent.Comment) (*ent.Comment, error) {
	if found, ok := known[*ent.Comment](ctx, row, owner[*ent.Comment]{}, parentOfComment(row)); ok {
		return found, nil
	}
	return load(ctx, row, "parent", parentOfComment, byID(p.CommentsByID, commentID))
}

// petitionsOf gives a page of a tag's petitions.
func petitionsOf(
	ctx context.Context, p *reading.Reader, tag *ent.Tag, order reading.Order, page keyset.Args,
) (*reading.PetitionConnection, error) {
	wanted := wantedInList(ctx)
	type wantedIn struct {
		reading.Order
		reading.Wanted
	}
	read := func(
		ctx context.Context, page keyset.Args, tags ...uuid.UUID,
	) (map[uuid.UUID]*reading.PetitionConnection, error) {
		return p.TagPetitions(ctx, order, wanted, page, tags...)
	}
	and := func(ctx context.Context, found map[uuid.UUID]*reading.PetitionConnection) {
		for _, list := range found {
			if rows := list.Nodes(); len(rows) > 0 { // the figures of all of them are the same map
				knowWanted(ctx, siblingsOf(ctx, rows[0]), wanted, list.Figures())
				return
			}
		}
	}
	return loadPageAnd(ctx, tag, tagID, "petitions", wantedIn{order, wanted}, page, read, and)
}

// figuresOf gives the numbers of a petition.
func figuresOf(ctx context.Context, p *reading.Reader, row *ent.Petition) (*reading.Figures, error) {
	counted := func(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]*reading.Figures, error) {
		found, err := p.Figures(ctx, ids)
		joinCounts(ctx, siblingsOf(ctx, row).rows, found)
		return found, err
	}
	found, err := load(ctx, row, "figures", petitionID, counted)
	if found == nil {
		found = &reading.Figures{}
		if err == nil {
			err = errNoPetition // hidden since the row was read
		}
	}
	return found, err
}

func tagsOf(ctx context.Context, p *reading.Reader, row *ent.Petition) ([]*ent.Tag, error) {
	return load(ctx, row, "tags", petitionID, joined(p.TagsOf, func(tags []*ent.Tag) []*ent.Tag { return tags }))
}

// renderedOf returns the body of a petition in HTML. What an operation renders counts against its budget: otherwise a
// document of a few hundred bytes could ask for gigabytes.
func renderedOf(ctx context.Context, p *reading.Reader, row *ent.Petition) (string, error) {
	body, err := load(ctx, row, "body", petitionID, p.Bodies)
	if err == nil {
		err = errors.Join(budget.From(ctx).Err(), ctx.Err())
	}
	if err != nil {
		return "", err
	}
	html := p.BodyHTML(row.ID, row.Version, body)
	return html, budget.From(ctx).Read(len(html))
}

// ordered gives the reader of a list in one order.
func ordered[Order, N any](
	order Order,
	read func(context.Context, Order, keyset.Args, ...uuid.UUID) (map[uuid.UUID]*reading.Connection[N], error),
) func(context.Context, keyset.Args, ...uuid.UUID) (map[uuid.UUID]*reading.Connection[N], error) {
	return func(ctx context.Context, page keyset.Args, of ...uuid.UUID) (map[uuid.UUID]*reading.Connection[N], error) {
		return read(ctx, order, page, of...)
	}
}

// historyOf gives the history of a petition.
func historyOf(
	ctx context.Context, p *reading.Reader, row *ent.Petition, step reading.Interval, from, to *time.Time,
) ([]*reading.CountPoint, error) {
	type history struct {
		step     reading.Interval
		from, to option[string]
	}
	read := func(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]reading.History, error) {
		return p.Histories(ctx, ids, step, from, to)
	}
	found, err := load(ctx, row, history{step, moment(from), moment(to)}, petitionID, read)
	if err == nil {
		err = found.Err // of this petition alone
	}
	return found.Points, err
}

// HistorySize returns how many points Petition.signatureHistory has at most, by its arguments.
func (r *Resolver) HistorySize(arguments map[string]any) int {
	step, _ := arguments["interval"].(string)
	from, begins := arguments["from"].(string)
	start, err := scalar.UnmarshalDateTime(from)
	if !begins || err != nil {
		return reading.HistoryMost
	}
	if to, ends := arguments["to"].(string); ends {
		if end, err := scalar.UnmarshalDateTime(to); err == nil {
			return r.Reading.HistorySize(reading.Interval(step), start, &end)
		}
	}
	return r.Reading.HistorySize(reading.Interval(step), start, nil)
}

// moment writes a time so that it can be compared: zones of two times are never the same.
func moment(t *time.Time) option[string] {
	if t == nil {
		return option[string]{}
	}
	return option[string]{t.UTC().Format(time.RFC3339Nano), true}
}
