package reading_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/google/uuid"

	"petitiond/ent/petition"
	"petitiond/server/database"
	"petitiond/server/database/dbtest"
	"petitiond/server/keyset"
	"petitiond/server/petitioning"
	"petitiond/server/reading"
	"petitiond/server/sitetest"
)

// TestCrowdReadsWhatEachMaySee has many people read petitions, some of which only their makers see, at once, in the
// ways that read for several together: each is given what was asked for, as by who asks alone.
func TestCrowdReadsWhatEachMaySee(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		type one struct {
			created petitioning.Created
			public  bool
		}
		var all []one
		for i := range 12 {
			rename := func(d *petitioning.Draft) { d.Title = fmt.Sprintf("Petition %d of the crowd", i) }
			all = append(all, one{b.MustPublish(t, rename), i%3 > 0})
			for k := range i {
				b.MustSign(t, all[i].created.Petition, 100*i+k, func(s *petitioning.Signing) { s.ShowName = true })
				b.MustComment(t, petitioning.Remark{Petition: all[i].created.Petition, Body: fmt.Sprintf("Comment %d", k), AuthorName: p("Ada")})
			}
			if !all[i].public {
				b.Move(t, all[i].created.Petition, petition.StateHIDDEN)
			}
		}
		actors := []context.Context{b.As(t, ""), operator(t)}
		for _, o := range all {
			actors = append(actors, b.As(t, o.created.EditToken))
		}
		var crowd sync.WaitGroup
		for person := range 64 {
			crowd.Go(func() {
				random := rand.New(rand.NewPCG(7, uint64(person)))
				for range 20 {
					who, which := random.IntN(len(actors)), random.IntN(len(all))
					o, sees := all[which], all[which].public || who == 1 || who == which+2
					selection := reading.Selection{Figures: random.IntN(2) == 0, Body: random.IntN(2) == 0, Tags: random.IntN(2) == 0}
					b.readAs(actors[who], t, o.created.Petition, which, sees, selection)
				}
			})
		}
		crowd.Wait()
	})
}

// readAs reads a petition, which has as many signatures and comments as its number says, in every way.
func (b *bundle) readAs(ctx context.Context, t *testing.T, id uuid.UUID, number int, sees bool, w reading.Selection) {
	byID, err := b.Reads(ctx).PetitionsByID(ctx, []uuid.UUID{id}, w)
	bySlug, err2 := b.Reads(ctx).PetitionBySlug(ctx, fmt.Sprintf("petition-%d-of-the-crowd", number), w)
	signatures, err3 := b.Reads(ctx).Signatures(ctx, keyset.Args{First: p(50)}, id)
	comments, err4 := b.Reads(ctx).Comments(ctx, sitetest.ByOrder(reading.Newest), keyset.Args{First: p(50)}, id)
	for _, err := range []error{err, err2, err3, err4} {
		if err != nil {
			t.Error(err)
			return
		}
	}
	rows := 0
	if sees {
		rows = number
	}
	for what, found := range map[string]reading.Found{"id": byID, "slug": bySlug} {
		if sees != (len(found.Rows) == 1) {
			t.Errorf("by %s %d petitions are found, visible %v", what, len(found.Rows), sees)
			continue
		}
		if !sees {
			continue
		}
		if row := found.Rows[0]; row.ID != id || (row.Body != "") != w.Body || (row.Edges.Tags != nil) != w.Tags {
			t.Errorf("by %s another petition is found, or another part: %+v", what, row)
		}
		if f := found.Figures[id]; w.Figures != (f != nil) || f != nil && f.Total != rows || len(found.Figures) > 1 {
			t.Errorf("by %s the figures are %+v, want a total of %d", what, found.Figures, rows)
		}
	}
	if sees && (len(signatures[id].Edges) != rows || len(comments[id].Edges) != rows) {
		t.Errorf("petition %d has %d signatures and %d comments", number, len(signatures[id].Edges), len(comments[id].Edges))
	}
	if !sees && (len(signatures[id].Edges) > 0 || len(comments[id].Edges) > 0) {
		t.Error("signatures or comments of a petition that is not seen")
	}
	for i, s := range signatures[id].Nodes() {
		if s.PetitionID != id || *s.Number != rows-i {
			t.Errorf("signature %d is %d of %s", i, *s.Number, s.PetitionID)
		}
	}
}
