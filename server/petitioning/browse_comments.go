package petitioning

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"petitiond/ent"
	"petitiond/server/database"
)

// CommentOrder is an order of comments.
type CommentOrder string

// The orders of comments.
const (
	Newest    CommentOrder = "NEWEST"
	Oldest    CommentOrder = "OLDEST"
	MostLiked CommentOrder = "MOST_LIKED"
)

const commentColumns = `c.id, c.petition_id, c.parent_id, c.number, c.author_name, c.from_signatory, c.body, c.likes, c.replies,
 c.created_at, c.edited_at`

// Comments gives the page of each petition's comments that are no replies.
func (s *Service) Comments(ctx context.Context, order CommentOrder, page PageArgs, petitions ...uuid.UUID) (map[uuid.UUID]*CommentConnection, error) {
	dependOn(ctx, wordsOf, petitions...)
	dependOn(ctx, commentsOf, petitions...)
	l := commentListing("comments "+string(order), order)
	l.where = `c.petition_id = ` + parent + ` AND c.parent_id IS NULL AND ` + publicComment + ` AND ` +
		visibleList(ctx)
	l.together = true
	return browse(ctx, s, l, page, petitions...)
}

// Replies gives the page of each comment's replies, the earliest first. Their totals come from the row.
func (s *Service) Replies(ctx context.Context, page PageArgs, comments ...uuid.UUID) (map[uuid.UUID]*CommentConnection, error) {
	l := commentListing("replies", Oldest)
	l.where = `c.parent_id = ` + parent + ` AND ` + publicComment + ` AND ` + visibleParent(ctx, `c.petition_id`)
	return browse(ctx, s, l, page, comments...)
}

// CommentsAfter gives the comments of a petition after the one with the given number, replies among them, in
// their order: the first most of them, or the newest most where more have come, so that who falls behind
// skips to the present.
func (s *Service) CommentsAfter(ctx context.Context, petition uuid.UUID, number, most int) ([]*ent.Comment, error) {
	args := arguments{petition, number, most}
	text := `SELECT ` + commentColumns + ` FROM comments AS c WHERE c.petition_id = $1 AND c.number > $2 AND ` + publicComment +
		` AND ` + visibleParent(ctx, `c.petition_id`) + ` ORDER BY c.number DESC LIMIT $3`
	out, err := rowsOf(ctx, s, text, args, scanComment)
	if err != nil {
		return nil, fmt.Errorf("reading new comments: %w", err)
	}
	slices.Reverse(out)
	return out, nil
}

func commentListing(name string, order CommentOrder) listing[*ent.Comment] {
	l := listing[*ent.Comment]{name: name, columns: commentColumns, table: `comments AS c`}
	l.keys = keyset{columns: []string{`c.number`}, desc: order != Oldest}
	if order == MostLiked {
		l.keys.columns = []string{`c.likes`, `c.number`}
	}
	l.scan = func(row scanner) (*ent.Comment, cursor, error) {
		c, err := scanComment(row)
		keys := []cursorKey{intKey(int64(c.Number))}
		if order == MostLiked {
			keys = append([]cursorKey{intKey(int64(c.Likes))}, keys...)
		}
		return c, cursor{Keys: keys, ID: c.ID}, err
	}
	return l
}

func scanComment(row scanner) (*ent.Comment, error) {
	c, created, edited := &ent.Comment{}, database.Time{}, nullTime{}
	err := row.Scan(&c.ID, &c.PetitionID, &c.ParentID, &c.Number, &c.AuthorName, &c.FromSignatory, &c.Body, &c.Likes,
		&c.Replies, &created, &edited)
	c.CreatedAt, c.EditedAt = created.Time, edited.pointer()
	return c, err
}
