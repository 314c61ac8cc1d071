package petitioning_test

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"petitiond/ent"
	"petitiond/ent/petition"
	"petitiond/server/database"
	"petitiond/server/database/dbtest"
	"petitiond/server/petitioning"
)

func TestCommentsAndReplies(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		made := b.MustPublish(t)
		anonymous := b.MustComment(t, petitioning.Remark{Petition: made.Petition, Body: "First\r\nline\n"})
		b.Clock.Advance(time.Minute)
		named := b.MustComment(t, petitioning.Remark{Petition: made.Petition, Body: "Second", AuthorName: p(" Ada  Obi ")})
		reply := b.MustComment(t, petitioning.Remark{Petition: made.Petition, Parent: &anonymous, Body: "Reply", AuthorName: p("Li")})
		rows, err := b.Reads(b.As(t, "")).CommentsByID(b.As(t, ""), []uuid.UUID{anonymous, named, reply})
		ok(t, err)
		slices.SortFunc(rows, func(a, b *ent.Comment) int { return a.Number - b.Number })
		type said struct {
			ID, Petition         uuid.UUID
			Parent               *uuid.UUID
			Author               *string
			Body                 string
			At                   time.Time
			Number, Replies      int
			FromSignatory, Liked bool
		}
		var got []said
		for _, c := range rows {
			got = append(got, said{
				c.ID, c.PetitionID, c.ParentID, c.AuthorName, c.Body, c.CreatedAt, c.Number, c.Replies, c.FromSignatory, c.Likes > 0,
			})
		}
		equal(t, "comments", []said{
			{ID: anonymous, Petition: made.Petition, Body: "First\nline", At: monday, Number: 1, Replies: 1},
			{ID: named, Petition: made.Petition, Author: p("Ada Obi"), Body: "Second", At: b.Clock.Now(), Number: 2},
			{ID: reply, Petition: made.Petition, Parent: &anonymous, Author: p("Li"), Body: "Reply", At: b.Clock.Now(), Number: 3},
		}, got)
		for _, blank := range []string{"", "  ", "\u200b"} {
			id := b.MustComment(t, petitioning.Remark{Petition: b.MustPublish(t).Petition, Body: "Well", AuthorName: &blank})
			rows, err := b.Reads(b.As(t, "")).CommentsByID(b.As(t, ""), []uuid.UUID{id})
			ok(t, err)
			equal(t, "author with a blank name", (*string)(nil), rows[0].AuthorName)
		}
		figures := b.Figures(t, made.Petition)
		equal(t, "threads and comments", []int{2, 3}, []int{figures.Threads, figures.Comments})
		equal(t, "version of the count", 0, figures.Version)
		equal(t, "news", 3, b.News(t, made.Petition).Comment)
	})
}

func TestCommentFaults(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		made, other := b.MustPublish(t), b.MustPublish(t)
		thread := b.MustComment(t, petitioning.Remark{Petition: made.Petition, Body: "Thread"})
		reply := b.MustComment(t, petitioning.Remark{Petition: made.Petition, Parent: &thread, Body: "Reply"})
		hidden := b.MustComment(t, petitioning.Remark{Petition: made.Petition, Body: "Rude"})
		b.Exec(t, `UPDATE comments SET state = 'HIDDEN' WHERE id = $1`, hidden)
		unseen := b.MustComment(t, petitioning.Remark{Petition: other.Petition, Body: "Elsewhere"})
		ok(t, b.Hide(operator(t), other.Petition))
		seen := b.MustPublish(t)
		elsewhere := b.MustComment(t, petitioning.Remark{Petition: seen.Petition, Body: "Elsewhere"})
		at := func(parent uuid.UUID) func(*petitioning.Remark) {
			return func(r *petitioning.Remark) { r.Parent = &parent }
		}
		tests := []struct {
			name   string
			adjust func(*petitioning.Remark)
			want   []string
		}{
			{"ReplyToAReply", at(reply), []string{"INVALID input.parentId"}},
			{"ParentElsewhere", at(elsewhere), []string{"INVALID input.parentId"}},
			{"ParentUnseen", at(unseen), []string{"NOT_FOUND input.parentId"}},
			{"ParentHidden", at(hidden), []string{"NOT_FOUND input.parentId"}},
			{"ParentUnknown", at(uuid.New()), []string{"NOT_FOUND input.parentId"}},
			{"ParentNil", at(uuid.Nil), []string{"NOT_FOUND input.parentId"}},
			{"PetitionUnknown", func(r *petitioning.Remark) { r.Petition = uuid.New() }, []string{"NOT_FOUND input.petitionId"}},
			{"PetitionHidden", func(r *petitioning.Remark) { r.Petition = other.Petition }, []string{"NOT_FOUND input.petitionId"}},
			{"Everything", func(r *petitioning.Remark) {
				r.Body, r.AuthorName, r.Parent, r.IdempotencyKey = "", p("see example.org"), &reply, p("short")
			}, []string{"INVALID input.body", "INVALID input.authorName", "INVALID input.parentId", "INVALID input.idempotencyKey"}},
			{"TooLong", func(r *petitioning.Remark) {
				r.Body, r.AuthorName = strings.Repeat("é", 2001), p(strings.Repeat("é", 101))
			}, []string{"INVALID input.body", "INVALID input.authorName"}},
			{"BrokenText", func(r *petitioning.Remark) { r.Body, r.AuthorName = "a\x00b", p("a\xffb") }, []string{
				"INVALID input.body", "INVALID input.authorName",
			}},
			{"AtTheLimits", func(r *petitioning.Remark) {
				r.Body, r.AuthorName, r.Parent = strings.Repeat("é", 2000), p(strings.Repeat("é", 100)), &thread
			}, nil},
		}
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				before := value[int](t, b, `SELECT COUNT(*) FROM comments`)
				r := petitioning.Remark{Petition: made.Petition, Body: "Well"}
				tt.adjust(&r)
				_, err := b.Comment(b.As(t, ""), r)
				faults(t, err, tt.want...)
				equal(t, "is written", tt.want == nil, value[int](t, b, `SELECT COUNT(*) FROM comments`) == before+1)
			})
		}
	})
}

func TestCommentInEachState(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		made := b.MustPublish(t)
		const notFound, wrongState = "NOT_FOUND input.petitionId", "WRONG_STATE input.petitionId"
		for state, want := range map[petition.State][]string{
			petition.StateOPEN: nil, petition.StateCLOSED: nil, petition.StatePAUSED: {wrongState}, petition.StateARCHIVED: {wrongState},
			petition.StateDRAFT: {notFound}, petition.StateIN_REVIEW: {notFound}, petition.StateREJECTED: {notFound},
			petition.StateHIDDEN: {notFound},
		} {
			b.Move(t, made.Petition, state)
			_, err := b.Comment(b.As(t, ""), petitioning.Remark{Petition: made.Petition, Body: "Well"})
			faults(t, err, want...)
			if want != nil { // who sees it may not either
				_, err = b.Comment(b.As(t, made.EditToken), petitioning.Remark{Petition: made.Petition, Body: "Well"})
				faults(t, err, wrongState)
			}
		}
	})
}

func TestCommentRepeats(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		made := b.MustPublish(t)
		r := petitioning.Remark{Petition: made.Petition, Body: "Once", IdempotencyKey: p("5f0c1d8e-93b7-4a26-8e4d-b1a7c2f60935")}
		ids := make([]uuid.UUID, 10)
		var all sync.WaitGroup
		for i := range ids {
			all.Go(func() {
				var err error
				if ids[i], err = b.Comment(petitioning.WithActor(t.Context(), petitioning.Anonymous()), r); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		equal(t, "different answers", 1, len(slices.Compact(ids)))
		b.Move(t, made.Petition, petition.StatePAUSED)
		equal(t, "answer when comments have ended", ids[0], b.MustComment(t, r))
		r.Body = "Twice"
		_, err := b.Comment(b.As(t, ""), r)
		faults(t, err, "IDEMPOTENCY_MISMATCH input.idempotencyKey")
		equal(t, "comments", 1, b.Figures(t, made.Petition).Comments)
	})
}
