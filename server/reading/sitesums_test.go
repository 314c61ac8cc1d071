package reading_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"petitiond/server/database"
	"petitiond/server/database/dbtest"
	"petitiond/server/figures"
	"petitiond/server/keyset"
	"petitiond/server/reading"
)

// keeping returns a service that keeps sums, and the store in which it does.
func keeping(b *bundle) (*reading.Service, *reading.SiteSums) {
	sums := reading.NewSiteSums()
	return reading.New(reading.Options{Database: b.DB, Keys: b.Keys, Now: b.Clock.Now, SiteSums: sums}), sums
}

// TestSiteSumsAreKept asks for the same sums again and again: they are read once, until something in them changes.
func TestSiteSumsAreKept(t *testing.T) {
	t.Parallel()
	dbtest.EachCounting(t, func(t *testing.T, db *database.DB, counter *dbtest.Counter) {
		b := setup(t, db)
		signed := b.Signed(t, []time.Time{monday, monday}, "Bees", "Trees", "Moss")
		from, sums := keeping(b)
		expect := func(when string, statements, signatures, tags int) {
			t.Helper()
			counter.Reset()
			for range 9 {
				site, err := from.Statistics(b.As(t, ""))
				ok(t, err)
				equal(t, when+": signatures", [2]int{signatures, signatures}, [2]int{site.SignatureCount, site.SignaturesLastHour})
			}
			for first := 1; first <= 9; first++ {
				list, err := from.TrendingTags(b.As(t, ""), first)
				ok(t, err)
				equal(t, when+": trending tags", min(first, tags), len(list))
			}
			equal(t, when+": statements", statements, counter.Count())
		}
		expect("at first", 2, 2, 3)
		expect("again", 0, 2, 3)
		b.Signed(t, []time.Time{monday}, "Otters")
		sums.Drop(reading.CacheKeys(figures.Value{Petition: signed, Version: 7})...)
		expect("after a signature", 1, 3, 3) // the tags may lag
		sums.Drop(reading.CacheKeys(figures.Value{Petition: signed, Edition: 2})...)
		expect("after a publication", 2, 3, 4)
		sums.Drop(reading.CacheKeys(figures.Value{Petition: uuid.New(), Comment: 1})...)
		expect("after a comment", 0, 3, 4)
		sums.Clear()
		expect("after a doubt", 2, 3, 4)

		// What one answer does with its rows is nothing to another.
		one, err := from.TrendingTags(b.As(t, ""), 1)
		ok(t, err)
		other, err := from.TrendingTags(b.As(t, ""), 1)
		ok(t, err)
		equal(t, "they share a row", false, one[0].Tag == other[0].Tag || one[0] == other[0])
		equal(t, "tag", one[0].Tag.Key, other[0].Tag.Key)
	})
}

// TestSiteSumsAreReadInTurn lets many ask while no connection is free. Each then gets what was read after it asked, and
// yet few statements are run, with a store that changes make useless as without one.
func TestSiteSumsAreReadInTurn(t *testing.T) {
	t.Parallel()
	dbtest.EachCounting(t, func(t *testing.T, db *database.DB, counter *dbtest.Counter) {
		b := setup(t, db)
		b.Signed(t, []time.Time{monday}, "Bees")
		withStore, sums := keeping(b)
		for name, from := range map[string]*reading.Service{"Without": b.Reading, "With": withStore} {
			free := b.takeReaders(t)
			counter.Reset()
			var all sync.WaitGroup
			for range 32 {
				all.Go(func() {
					sums.Clear() // those who come next may not have what is being read
					if site, err := from.Statistics(b.As(t, "")); err != nil || site.SignatureCount != 1 {
						t.Errorf("%s: got %+v, %v", name, site, err)
					}
				})
			}
			time.Sleep(200 * time.Millisecond) // nearly all wait by then; those who come later only weaken the test
			free()
			all.Wait()
			if n := counter.Count(); n < 1 || n > 8 {
				t.Errorf("%s: 32 readers took %d statements, want a few", name, n)
			}
		}
	})
}

// TestSumsAreAwaited ends the time of those who wait. Nothing of that is kept.
func TestSumsAreAwaited(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		from, _ := keeping(b)
		free := b.takeReaders(t)
		first := make(chan error, 1)
		go func() {
			_, err := from.Statistics(b.As(t, ""))
			first <- err
		}()
		time.Sleep(50 * time.Millisecond) // for the first to wait; if it is late the other waits in its place
		ctx, cancel := context.WithTimeout(b.As(t, ""), 50*time.Millisecond)
		defer cancel()
		if _, err := from.Statistics(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("who had no more time got %v", err)
		}
		free()
		ok(t, <-first)
		_, err := from.Statistics(b.As(t, ""))
		ok(t, err)
	})
}

// takeReaders takes all connections for what takes long, until the function that it returns is called.
func (b *bundle) takeReaders(t *testing.T) (free func()) {
	t.Helper()
	var all []interface{ Close() error }
	for range b.DB.Read.Stats().MaxOpenConnections {
		conn, err := b.DB.Read.Conn(t.Context())
		ok(t, err)
		all = append(all, conn)
	}
	return func() {
		for _, conn := range all {
			ok(t, conn.Close())
		}
	}
}

// TestPagesPassWhatTakesLong reads what pages show while no connection for long statements is free. What takes long
// waits, within its time.
func TestPagesPassWhatTakesLong(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		of := b.Signed(t, []time.Time{monday}, "Bees")
		free := b.takeReaders(t)
		defer free()
		ctx, cancel := context.WithTimeout(b.As(t, ""), 10*time.Second)
		defer cancel()
		from := b.Reads(ctx)
		list, err := from.Petitions(ctx, reading.PetitionQuery{}, keyset.Args{First: p(1)})
		ok(t, err)
		equal(t, "petitions", 1, len(list.Edges))
		found, err := from.PetitionsByID(ctx, []uuid.UUID{of}, reading.Selection{Figures: true, Tags: true})
		ok(t, err)
		equal(t, "petition", 1, len(found.Rows))
		tag, err := from.TagByName(ctx, "bees")
		ok(t, err)
		pages, err := from.TagPetitions(ctx, reading.Order{Field: reading.ByCreatedAt, Direction: reading.Desc}, reading.Selection{}, keyset.Args{First: p(1)}, tag.ID)
		ok(t, err)
		equal(t, "petitions of the tag", 1, len(pages[tag.ID].Edges))

		for name, read := range map[string]func(context.Context) error{
			"search": func(ctx context.Context) error {
				_, err := from.Petitions(ctx, reading.PetitionQuery{Search: p("otter")}, keyset.Args{First: p(1)})
				return err
			},
			"filter": func(ctx context.Context) error {
				_, err := from.Petitions(ctx, reading.PetitionQuery{Filter: &reading.Filter{Tags: []string{"bees"}}}, keyset.Args{First: p(1)})
				return err
			},
			"total":      func(ctx context.Context) error { _, err := list.TotalCount(ctx); return err },
			"trending":   func(ctx context.Context) error { _, err := b.Reading.TrendingTags(ctx, 1); return err },
			"statistics": func(ctx context.Context) error { _, err := b.Reading.Statistics(ctx); return err },
			"sorted tag": func(ctx context.Context) error {
				order := reading.Order{Field: reading.ByEndsAt, Direction: reading.Desc}
				_, err := from.TagPetitions(ctx, order, reading.Selection{}, keyset.Args{First: p(1)}, tag.ID)
				return err
			},
		} {
			brief, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
			if err := read(brief); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s did not wait for those that take long: %v", name, err)
			}
			cancel()
		}
	})
}
