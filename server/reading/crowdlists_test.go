package reading_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"petitiond/ent"
	"petitiond/ent/petition"
	"petitiond/server/answerbudget"
	"petitiond/server/database"
	"petitiond/server/database/dbtest"
	"petitiond/server/figures"
	"petitiond/server/keyset"
	"petitiond/server/petitioning"
	"petitiond/server/reading"
	"petitiond/server/responsecache"
)

// TestCrowdReadsLists has many people read the pages of lists at once, and the tags of their petitions. Each is given
// what may be seen of the page that was asked for, as by who reads alone.
func TestCrowdReadsLists(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		hidden := map[uuid.UUID]bool{}
		for i := range 12 {
			id := b.MustPublish(t, func(d *petitioning.Draft) {
				d.Title, d.Tags = fmt.Sprintf("Petition %d of the crowd", i), []string{fmt.Sprintf("First %d", i), "Of all", fmt.Sprintf("Third %d", i)}
			}).Petition
			if hidden[id] = i%3 == 0; hidden[id] {
				b.Move(t, id, petition.StateHIDDEN)
			}
		}
		states := &reading.Filter{States: []petition.State{petition.StateOPEN, petition.StateHIDDEN}}
		actors := []context.Context{b.As(t, ""), operator(t)}
		directions := []reading.Direction{reading.Asc, reading.Desc}
		var crowd sync.WaitGroup
		for person := range 64 {
			crowd.Go(func() {
				random := rand.New(rand.NewPCG(7, uint64(person)))
				for range 10 {
					who, first := random.IntN(len(actors)), 1+random.IntN(5)
					selection := reading.Selection{Figures: random.IntN(2) == 0, Body: random.IntN(2) == 0}
					q := reading.PetitionQuery{Filter: states, Selection: selection, Order: &reading.Order{
						Field: reading.ByCreatedAt, Direction: directions[random.IntN(2)],
					}}
					found := b.walkAs(actors[who], t, q, first)
					if want := map[int]int{0: 8, 1: 12}[who]; len(found) != want {
						t.Errorf("%d petitions in the list, want %d", len(found), want)
					}
					for _, row := range found {
						if who == 0 && hidden[row.ID] {
							t.Error("a hidden petition is in the list of everybody")
						}
					}
				}
			})
		}
		crowd.Wait()
	})
}

// walkAs reads a list page by page, and the tags of each page.
func (b *bundle) walkAs(ctx context.Context, t *testing.T, q reading.PetitionQuery, first int) (all []*ent.Petition) {
	args := keyset.Args{First: &first}
	for {
		page, err := b.Reads(ctx).Petitions(ctx, q, args)
		if err != nil {
			t.Error(err)
			return nil
		}
		ids := make([]uuid.UUID, len(page.Edges))
		for i, row := range page.Nodes() {
			ids[i] = row.ID
			if f := page.Figures()[row.ID]; (row.Body != "") != q.Selection.Body || (f != nil) != q.Selection.Figures {
				t.Errorf("another part of a petition than %+v: %+v, %+v", q.Selection, row, f)
			}
		}
		tags, err := b.Reads(ctx).TagsOf(ctx, ids)
		if err != nil || len(tags) != len(ids) {
			t.Errorf("tags of %d petitions, want those of %d; error %v", len(tags), len(ids), err)
			return nil
		}
		for _, row := range page.Nodes() {
			number := strings.Fields(row.Title)[1]
			if of := tags[row.ID]; len(of) != 3 || of[0].Label != "First "+number || of[1].Label != "Of all" || of[2].Label != "Third "+number {
				t.Errorf("the tags of petition %s are %+v", number, of)
			}
		}
		all = append(all, page.Nodes()...)
		if !page.PageInfo.HasNextPage {
			return all
		}
		args.After = page.PageInfo.EndCursor()
	}
}

// TestEachIsChargedForAPage has many read the same page at once, some of them together: what it takes is counted for
// each answer, and each is dropped when a number that it shows changes.
func TestEachIsChargedForAPage(t *testing.T) {
	t.Parallel()
	const crowd, petitions, step = 32, 40, 256 << 10 // a row counts 2 KiB, and from 64 KiB on memory is taken in steps
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		var last uuid.UUID
		for range petitions {
			last = b.MustPublish(t).Petition
		}
		store := responsecache.New(responsecache.Options[bool]{
			Bytes: 1 << 20, Size: func(bool) int { return 1 }, Longest: time.Hour, Brief: time.Hour, Now: database.Now,
		})
		memory := answerbudget.NewMemory(1<<30, 2)
		var ready, readers sync.WaitGroup
		ready.Add(crowd)
		for i := range crowd {
			readers.Go(func() {
				_, _, err := store.Get(t.Context(), responsecache.Key{byte(i)}, func(r *responsecache.Recorder) (bool, responsecache.Verdict) {
					ctx := answerbudget.With(r.Within(b.As(t, "")), memory.Budget(1<<20))
					ready.Done()
					ready.Wait()
					q := reading.PetitionQuery{Selection: reading.Selection{Figures: true}}
					_, err := b.Reads(ctx).Petitions(ctx, q, keyset.Args{First: p(petitions)})
					return err == nil, responsecache.Keep
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		readers.Wait()
		equal(t, "bytes that are taken", crowd*step, int(memory.Taken()))
		store.Drop(reading.CacheKeys(figures.Value{Petition: last, Version: 1})...)
		for i := range crowd {
			if _, kept := store.Kept(responsecache.Key{byte(i)}); kept {
				t.Errorf("answer %d is kept, although a number has changed", i)
			}
		}
	})
}
