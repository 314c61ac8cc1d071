package reading_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"

	"petitiond/server/database"
	"petitiond/server/database/dbtest"
	"petitiond/server/keyset"
	"petitiond/server/reading"
	"petitiond/server/reading/history"
	"petitiond/server/sitetest"
)

// TestPlans has both databases explain the statements that are read most, on a filled site: they must find their rows
// by an index, and sort no more than a page.
func TestPlans(t *testing.T) {
	t.Parallel()
	sitetest.NotRaced(t)
	dbtest.EachCounting(t, func(t *testing.T, db *database.DB, counter *dbtest.Counter) {
		b := setup(t, db)
		b.Fill(t, sitetest.Volume{Petitions: 12_000, Signatures: 80_000, Hot: 20_000, Comments: 10_000, Talk: 10_000})
		for name, read := range b.hotReads() {
			if faults := b.Explain(t, counter, read); len(faults) > 0 {
				t.Errorf("%s:\n%s", name, strings.Join(faults, "\n"))
			}
		}
		for _, test := range []struct{ index, read string }{
			{"comment_liked", "CommentsLiked"},
			{"comment_answers", "Replies"},
			{"petition_created", "List"},
			{"petition_ending", "ListByEnd"},
			{"petitiontag_listed", "TagPage"},
			{"rank_state_trending_petition_id", "Trending"},
			{"signaturebucket_span_minute", "TrendingTags"},
		} {
			b.Exec(t, `DROP INDEX `+test.index)
			if faults := b.Explain(t, counter, b.hotReads()[test.read]); len(faults) == 0 {
				t.Errorf("nobody notices that %s is gone", test.index)
			}
		}
	})
}

// hotReads are what pages read.
func (b *bundle) hotReads() map[string]func(context.Context) error {
	id := func(kind string, n int) uuid.UUID {
		return uuid.MustParse(fmt.Sprintf("00000000-0000-7000-%s-%012x", kind, n))
	}
	hot, several, threads := id("8000", 1), []uuid.UUID(nil), []uuid.UUID(nil)
	for i := range 20 {
		several = append(several, id("8000", 1+5*i))
		threads = append(threads, id("8002", 5*i))
	}
	selection := reading.Selection{Figures: true}
	list := func(q reading.PetitionQuery) func(context.Context) error {
		q.Selection = selection
		return func(ctx context.Context) error {
			page, err := b.Reads(ctx).Petitions(ctx, q, keyset.Args{})
			if err == nil && page.PageInfo.HasNextPage {
				_, err = b.Reads(ctx).Petitions(ctx, q, keyset.Args{After: page.PageInfo.EndCursor()})
			}
			return err
		}
	}
	by := func(field reading.OrderField) *reading.Order {
		return &reading.Order{Field: field, Direction: reading.Desc}
	}
	comments := func(order reading.CommentOrder, of ...uuid.UUID) func(context.Context) error {
		return func(ctx context.Context) error {
			_, err := b.Reads(ctx).Comments(ctx, sitetest.ByOrder(order), keyset.Args{First: p(10)}, of...)
			return err
		}
	}
	signatures := func(of ...uuid.UUID) func(context.Context) error {
		return func(ctx context.Context) error {
			_, err := b.Reads(ctx).Signatures(ctx, keyset.Args{First: p(10)}, of...)
			return err
		}
	}
	return map[string]func(context.Context) error{
		"Page": b.readPage,
		"PageWithBody": func(ctx context.Context) error {
			_, err := b.Reads(ctx).PetitionBySlug(ctx, "slug-9", reading.Selection{Body: true})
			return err
		},
		"PetitionsByID": func(ctx context.Context) error {
			_, err := b.Reads(ctx).PetitionsByID(ctx, several, selection)
			return err
		},
		"Tags": func(ctx context.Context) error { _, err := b.Reads(ctx).TagsOf(ctx, several); return err },
		"Figures": func(ctx context.Context) error {
			_, err := b.Reads(ctx).Figures(ctx, several, reading.WithoutHours)
			return err
		},
		"News":               func(ctx context.Context) error { _, err := b.Reading.News(ctx, several); return err },
		"Comments":           comments(reading.Newest, hot),
		"CommentsLiked":      comments(reading.MostLiked, hot),
		"CommentsOfSeveral":  comments(reading.Newest, several...),
		"Signatures":         signatures(hot),
		"SignaturesOfSevera": signatures(several...),
		"Replies": func(ctx context.Context) error {
			_, err := b.Reads(ctx).Replies(ctx, reading.WithBodies, keyset.Args{}, threads...)
			return err
		},
		"List":        list(reading.PetitionQuery{}),
		"Trending":    list(reading.PetitionQuery{Order: by(reading.ByTrending)}),
		"ListByEnd":   list(reading.PetitionQuery{Order: by(reading.ByEndsAt)}),
		"ListByStart": list(reading.PetitionQuery{Order: by(reading.ByStartsAt)}),
		"ListOfAll":   list(reading.PetitionQuery{Filter: &reading.Filter{States: sitetest.States}}),
		"TagPage": func(ctx context.Context) error {
			_, err := b.Reads(ctx).TagPetitions(ctx, *by(reading.ByCreatedAt), selection, keyset.Args{}, id("8003", 5))
			return err
		},
		"TrendingTags": func(ctx context.Context) error { _, err := b.Reads(ctx).TrendingTags(ctx, 10); return err },
		"Hours": func(ctx context.Context) error {
			_, err := b.Reads(ctx).Figures(ctx, several, reading.WithHours)
			return err
		},
		"History": func(ctx context.Context) error { _, err := b.History(ctx, hot, history.Day, nil, nil); return err },
	}
}
