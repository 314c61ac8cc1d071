package reading

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"petitiond/ent"
	"petitiond/server/database"
	"petitiond/server/keyset"
	"petitiond/server/reading/visibility"
)

// CommentOrder is an order of comments.
type CommentOrder string

// The orders of comments.
const (
	Newest    CommentOrder = "NEWEST"
	Oldest    CommentOrder = "OLDEST"
	MostLiked CommentOrder = "MOST_LIKED"
)

const commentColumns = `c.id, c.number, c.author_name, c.from_signatory, c.body, c.likes, c.replies, c.created_at, c.edited_at`

// Bodies says whether comments are read with their bodies, which make up most of their bytes.
type Bodies bool

// How comments are read.
const (
	WithBodies    Bodies = true
	WithoutBodies Bodies = false
)

// names returns commentColumns, with an empty text instead of the body if it is not wanted.
func (b Bodies) names() string {
	if b == WithBodies {
		return commentColumns
	}
	// The column stays, so that rows are scanned in one way.
	return strings.Replace(commentColumns, `c.body`, `''`, 1)
}

// CommentsATick is how many new comments are sent at once. If there are more, only the newest are sent: a subscriber
// that falls behind skips to the present.
const CommentsATick = 50

// CommentQuery asks for a list of comments.
type CommentQuery struct {
	Order  CommentOrder
	Bodies Bodies
}

// Comments returns a page of the comments of each petition that are not replies.
func (s *Reader) Comments(ctx context.Context, q CommentQuery, page keyset.Args, petitions ...uuid.UUID) (map[uuid.UUID]*CommentConnection, error) {
	dependOn(ctx, wordsOf, petitions...)
	dependOn(ctx, commentsOf, petitions...)
	return browse(ctx, s, list[*ent.Comment]{
		name: "comments " + string(q.Order), columns: q.Bodies.names(), from: `comments AS c`,
		where: `c.petition_id = ` + visibility.Parent + ` AND c.parent_id IS NULL AND ` + visibility.Here,
		seen:  s.viewer.CommentList(), order: q.Order.keys(), combined: true,
		scan:    q.Order.placing(new(commentRow).scanning()),
		belongs: func(c *ent.Comment, petition uuid.UUID) { c.PetitionID = petition },
	}, page, petitions...)
}

// Replies returns a page of the replies to each comment, the earliest first. Their totals are stored in the comment's
// row.
func (s *Reader) Replies(ctx context.Context, bodies Bodies, page keyset.Args, comments ...uuid.UUID) (map[uuid.UUID]*CommentConnection, error) {
	row := &commentRow{}
	return browse(ctx, s, list[*ent.Comment]{
		name: "replies", columns: bodies.names() + `, c.petition_id`, from: `comments AS c`,
		where: `c.parent_id = ` + visibility.Parent + ` AND ` + visibility.Here,
		seen:  s.viewer.Comments(`c.petition_id`), order: Oldest.keys(),
		scan:    Oldest.placing(row.scanning(&row.to.PetitionID)),
		belongs: func(c *ent.Comment, comment uuid.UUID) { c.ParentID = &comment },
	}, page, comments...)
}

// CommentsAfter returns the comments of a petition after the one with the given number, replies included, in their
// order. If there are more than most, it returns the newest: a subscriber that falls behind skips to the present.
func (s *Reader) CommentsAfter(ctx context.Context, petition uuid.UUID, number, most int) ([]*ent.Comment, error) {
	args := database.Args{petition, number, most}
	row := &commentRow{}
	text := `SELECT ` + commentColumns + `, c.parent_id FROM comments AS c WHERE c.petition_id = $1 AND c.number > $2 AND ` + visibility.Here +
		` ORDER BY c.number DESC LIMIT $3`
	// Not read, since all of them are of this petition.
	row.to.PetitionID = petition
	out, err := rowsOf(ctx, s, s.viewer.Comments(`c.petition_id`).Statement(text, args), row.scanning(&row.to.ParentID))
	if err != nil {
		return nil, fmt.Errorf("reading new comments: %w", err)
	}
	slices.Reverse(out)
	return out, nil
}

// keys are the columns of an order.
func (o CommentOrder) keys() keyset.Order {
	if o == MostLiked {
		return keyset.Order{Columns: []string{`c.likes`, `c.number`}, Desc: true}
	}
	return keyset.Order{Columns: []string{`c.number`}, Desc: o != Oldest}
}

// placing returns a function that scans a comment and its position in an order.
func (o CommentOrder) placing(scan func(scanner) (*ent.Comment, error)) func(scanner) (*ent.Comment, keyset.Cursor, error) {
	return func(row scanner) (*ent.Comment, keyset.Cursor, error) {
		c, err := scan(row)
		keys := []keyset.Key{keyset.Int(int64(c.Number))}
		if o == MostLiked {
			keys = append([]keyset.Key{keyset.Int(int64(c.Likes))}, keys...)
		}
		return c, keyset.Cursor{Keys: keys, ID: c.ID}, err
	}
}

// commentRow is where the rows of a statement are scanned, one after the other.
type commentRow struct {
	to                     ent.Comment
	number, likes, replies int64
	created                database.Time
	edited                 database.NullTime
}

// scanning returns a function that scans the rows of a statement: commentColumns, followed by more.
func (r *commentRow) scanning(more ...any) func(scanner) (*ent.Comment, error) {
	into := append([]any{
		&r.to.ID, &r.number, &r.to.AuthorName, &r.to.FromSignatory, &r.to.Body, &r.likes, &r.replies, &r.created, &r.edited,
	}, more...)
	return func(row scanner) (*ent.Comment, error) {
		err := row.Scan(into...)
		c := r.to
		c.Number, c.Likes, c.Replies = int(r.number), int(r.likes), int(r.replies)
		c.CreatedAt, c.EditedAt = r.created.Time, r.edited.Pointer()
		return &c, err
	}
}
