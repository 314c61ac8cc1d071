package reading_test

import (
	"strings"
	"testing"

	"github.com/google/uuid"

	"petitiond/server/database"
	"petitiond/server/database/dbtest"
	"petitiond/server/petitioning"
)

func TestCommentsAfter(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		made, other := b.MustPublish(t), b.MustPublish(t)
		var parent uuid.UUID
		for i := range 9 {
			r := petitioning.Remark{Petition: made.Petition, Body: strings.Repeat("x", i+1)}
			if i%3 == 2 {
				r.Parent = &parent
			}
			if id := b.MustComment(t, r); i%3 == 0 {
				parent = id
			}
			b.MustComment(t, petitioning.Remark{Petition: other.Petition, Body: "Elsewhere"})
		}
		b.Exec(t, `UPDATE comments SET state = 'HIDDEN' WHERE petition_id = $1 AND number = 7`, made.Petition)
		tests := []struct {
			name        string
			after, most int
			want        []int
		}{
			{"All", 0, 50, []int{1, 2, 3, 4, 5, 6, 8, 9}},
			{"AfterOne", 4, 50, []int{5, 6, 8, 9}},
			{"Newest", 9, 50, nil},
			{"Beyond", 99, 50, nil},
			{"TheNewestOfMany", 2, 3, []int{6, 8, 9}},
		}
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				rows, err := b.Reads(b.As(t, "")).CommentsAfter(b.As(t, ""), made.Petition, tt.after, tt.most)
				ok(t, err)
				var got []int
				for _, c := range rows {
					got = append(got, c.Number)
					equal(t, "body", c.Number, len(c.Body))
				}
				equal(t, "numbers", tt.want, got)
			})
		}
	})
}
