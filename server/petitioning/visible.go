package petitioning

import (
	"context"
	"errors"
	"slices"
	"strings"

	entsql "entgo.io/ent/dialect/sql"

	"petitiond/ent"
	"petitiond/ent/comment"
	"petitiond/ent/petition"
	"petitiond/ent/petitiontag"
	"petitiond/ent/signature"
	"petitiond/ent/slug"
	"petitiond/ent/tag"
)

var errReadOnly = errors.New("petitioning: this client only reads")

// publicStates are the states in which everybody sees a petition.
const publicStates = `('OPEN', 'PAUSED', 'CLOSED', 'ARCHIVED')`

// unseenStates are all the others, written out, so that an index finds them.
const unseenStates = `('DRAFT', 'IN_REVIEW', 'REJECTED', 'HIDDEN')`

// inPublic reports the same of one state.
func inPublic(state petition.State) bool {
	return strings.Contains(publicStates, `'`+string(state)+`'`)
}

// The conditions under which everybody sees a row beside its petition.
const (
	publicSignature = `show_name AND state = 'COUNTED'`
	publicComment   = `state = 'VISIBLE'`
)

// visible gives the SQL condition under which the actor of ctx sees the petitions of a table or alias. The
// reading client and the statements of the browse files take it from here and from nowhere else.
func visible(ctx context.Context, petitions string) string {
	a := ActorFrom(ctx)
	if a.IsAdmin() {
		return `TRUE`
	}
	condition := petitions + `.state IN ` + publicStates
	own := a.own()
	if len(own) == 0 {
		return condition
	}
	ids := make([]string, len(own))
	for i, id := range own {
		ids[i] = `'` + id.String() + `'`
	}
	return `(` + condition + ` OR ` + petitions + `.id IN (` + strings.Join(ids, `, `) + `))`
}

// unseen gives the condition under which nobody but its makers and moderators sees a petition of a table or alias.
func unseen(petitions string) string { return petitions + `.state IN ` + unseenStates }

// visibleStates leaves out the states in which the actor sees no petition. It saves looking, and guards nothing.
func visibleStates(ctx context.Context, states []petition.State) []petition.State {
	a := ActorFrom(ctx)
	if a.IsAdmin() || len(a.own()) > 0 {
		return states
	}
	return slices.DeleteFunc(states, func(state petition.State) bool { return !inPublic(state) })
}

// visibleParent is the same for rows that bear the id of their petition.
func visibleParent(ctx context.Context, column string) string {
	return `EXISTS (SELECT 1 FROM petitions AS seen WHERE seen.id = ` + column + ` AND ` + visible(ctx, `seen`) + `)`
}

// visibleList is the same for a list that belongs to one petition: it is asked once. It is no EXISTS, of which SQLite would
// make a join, and then sort the list.
func visibleList(ctx context.Context) string {
	return `(SELECT TRUE FROM petitions AS seen WHERE seen.id = ` + parent + ` AND ` + visible(ctx, `seen`) + ` LIMIT 1)`
}

// borne gives the condition that a petition which the actor sees bears the tag: nobody learns tags from drafts.
func borne(ctx context.Context, tagID string) string {
	return `EXISTS (SELECT 1 FROM petition_tags AS b JOIN petitions AS seen ON seen.id = b.petition_id
 WHERE b.tag_id = ` + tagID + ` AND ` + visible(ctx, `seen`) + `)`
}

// readOnly makes a client refuse every write.
func readOnly(c *ent.Client) {
	c.Use(func(ent.Mutator) ent.Mutator {
		return ent.MutateFunc(func(context.Context, ent.Mutation) (ent.Value, error) { return nil, errReadOnly })
	})
}

// guard makes a client hide what the actor may not see and refuse every write.
func guard(c *ent.Client) {
	readOnly(c)
	c.Intercept(ent.TraverseFunc(func(ctx context.Context, q ent.Query) error {
		switch q := q.(type) {
		case *ent.PetitionQuery:
			q.Where(func(s *entsql.Selector) { s.Where(entsql.ExprP(visible(ctx, petition.Table))) })
		case *ent.SignatureQuery:
			q.Where(func(s *entsql.Selector) { s.Where(entsql.ExprP(publicSignature)) })
			q.Where(seenThrough(ctx, signature.FieldPetitionID))
		case *ent.CommentQuery:
			q.Where(func(s *entsql.Selector) { s.Where(entsql.ExprP(publicComment)) })
			q.Where(seenThrough(ctx, comment.FieldPetitionID))
		case *ent.SlugQuery:
			q.Where(seenThrough(ctx, slug.FieldPetitionID))
		case *ent.PetitionTagQuery:
			q.Where(seenThrough(ctx, petitiontag.FieldPetitionID))
		case *ent.TagQuery:
			q.Where(func(s *entsql.Selector) { s.Where(entsql.ExprP(borne(ctx, s.C(tag.FieldID)))) })
		default: // counters, keys, tokens and the rest are nobody's to read this way
			return errUnreadable
		}
		return nil
	}))
}

var errUnreadable = errors.New("petitioning: this table is not read by its rows")

func seenThrough(ctx context.Context, column string) func(*entsql.Selector) {
	return func(s *entsql.Selector) { s.Where(entsql.ExprP(visibleParent(ctx, s.C(column)))) }
}
