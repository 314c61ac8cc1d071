package reading_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"petitiond/server/database"
	"petitiond/server/database/dbtest"
	"petitiond/server/figures"
	"petitiond/server/keyset"
	"petitiond/server/reading"
	"petitiond/server/responsecache"
	"petitiond/server/sitetest"
)

// TestEveryReadSaysWhatItDependsOn keeps what everybody sees of a petition, and changes the petition: it is kept no
// longer. What happens to another petition leaves it alone, but for what sums them all.
func TestEveryReadSaysWhatItDependsOn(t *testing.T) {
	t.Parallel()
	passedOn := []string{
		"Replies",       // whose comment was read before, and has said it
		"CommentsAfter", // for subscriptions, of which nothing is kept
	}
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		m := mark(t, b)
		change := func(petition uuid.UUID, edition int) []responsecache.Topic {
			return reading.CacheKeys(figures.Value{Petition: petition, Version: 1, Comment: 1, Edition: edition})
		}
		for i, s := range sights(b, m) {
			if s.rule == nobody { // what is not found is kept for a moment only: nobody can tell of what
				continue
			}
			store := responsecache.New(responsecache.Options[bool]{
				Bytes: 1 << 20, Size: func(bool) int { return 1 }, Longest: time.Hour, Brief: time.Hour, Now: database.Now,
			})
			key := responsecache.Key{byte(i)}
			_, _, err := store.Get(t.Context(), key, func(r *responsecache.Recorder) (bool, responsecache.Verdict) {
				seen, err := s.sees(r.Within(b.As(t, "")))
				ok(t, err)
				return seen, responsecache.Keep
			})
			ok(t, err)
			kept := func() bool {
				_, kept := store.Kept(key)
				return kept
			}
			store.Drop(change(uuid.New(), 0)...)
			if sums := s.method == "Statistics"; kept() == sums {
				t.Errorf("%s: something else was signed and commented, and it is kept: %v", s.method, kept())
			}
			store.Drop(change(m.Petition, 2)...)
			if kept() != slices.Contains(passedOn, s.method) {
				t.Errorf("%s: the petition changed, and it is kept: %v", s.method, kept())
			}
		}
	})
}

// What is touched is dropped, and nothing else.
func TestTopicsAreExact(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		m := mark(t, b)
		reads := map[string]func(context.Context) error{
			"text": func(ctx context.Context) error {
				_, err := b.Reads(ctx).PetitionsByID(ctx, []uuid.UUID{m.Petition}, reading.Selection{Body: true})
				return err
			},
			"figures": func(ctx context.Context) error {
				_, err := b.Reads(ctx).PetitionsByID(ctx, []uuid.UUID{m.Petition}, reading.Selection{Figures: true})
				return err
			},
			"comments": func(ctx context.Context) error {
				_, err := b.Reads(ctx).Comments(ctx, sitetest.ByOrder(reading.Newest), keyset.Args{}, m.Petition)
				return err
			},
			"signatures": func(ctx context.Context) error {
				_, err := b.Reads(ctx).Signatures(ctx, keyset.Args{}, m.Petition)
				return err
			},
			"list": func(ctx context.Context) error {
				_, err := b.Reads(ctx).Petitions(ctx, reading.PetitionQuery{}, keyset.Args{})
				return err
			},
		}
		for name, test := range map[string]struct {
			value figures.Value
			drops []string
		}{
			"Signed":    {figures.Value{Version: 7}, []string{"figures", "signatures"}},
			"Commented": {figures.Value{Comment: 1}, []string{"figures", "comments", "signatures"}},
			"Edited":    {figures.Value{Version: 7, Edition: 3}, []string{"comments", "figures", "list", "signatures", "text"}},
		} {
			store := responsecache.New(responsecache.Options[bool]{
				Bytes: 1 << 20, Size: func(bool) int { return 1 }, Longest: time.Hour, Brief: time.Hour, Now: database.Now,
			})
			for read, do := range reads {
				_, _, err := store.Get(t.Context(), responsecache.Key{read[0], read[1]}, func(r *responsecache.Recorder) (bool, responsecache.Verdict) {
					ok(t, do(r.Within(b.As(t, ""))))
					return true, responsecache.Keep
				})
				ok(t, err)
			}
			test.value.Petition = m.Petition
			store.Drop(reading.CacheKeys(test.value)...)
			var dropped []string
			for read := range reads {
				if _, kept := store.Kept(responsecache.Key{read[0], read[1]}); !kept {
					dropped = append(dropped, read)
				}
			}
			slices.Sort(dropped)
			slices.Sort(test.drops)
			equal(t, name, test.drops, dropped)
		}
	})
}

// TestMinuteKey keeps what shows a last hour until the minute has passed, and the rest longer.
func TestMinuteKey(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		id := b.Signed(t, []time.Time{monday})
		store := responsecache.New(responsecache.Options[bool]{
			Bytes: 1 << 20, Size: func(bool) int { return 1 }, Longest: time.Hour, Brief: time.Hour, Now: database.Now,
		})
		read := map[string]func(context.Context) error{
			"hours": func(ctx context.Context) error {
				_, err := b.Reads(ctx).Figures(ctx, []uuid.UUID{id}, reading.WithHours)
				return err
			},
			"counts": func(ctx context.Context) error {
				_, err := b.Reads(ctx).Figures(ctx, []uuid.UUID{id}, reading.WithoutHours)
				return err
			},
			"site": func(ctx context.Context) error { _, err := b.Reading.Statistics(ctx); return err },
		}
		for name, f := range read {
			_, _, err := store.Get(t.Context(), responsecache.Key{name[0]}, func(r *responsecache.Recorder) (bool, responsecache.Verdict) {
				ok(t, f(r.Within(b.As(t, ""))))
				return true, responsecache.Keep
			})
			ok(t, err)
		}
		store.Drop(reading.MinuteKey())
		for name, want := range map[string]bool{"hours": false, "counts": true, "site": false} {
			_, kept := store.Kept(responsecache.Key{name[0]})
			equal(t, name+" are kept", want, kept)
		}
	})
}
