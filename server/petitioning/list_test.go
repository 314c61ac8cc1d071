package petitioning_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"petitiond/ent"
	"petitiond/ent/petition"
	"petitiond/server/database"
	"petitiond/server/database/dbtest"
	"petitiond/server/petitioning"
)

func petitionID(row *ent.Petition) uuid.UUID { return row.ID }

// orders are all orders of a list without a search, and that of a list that names none.
func orders() []*petitioning.Order {
	out := []*petitioning.Order{nil}
	for _, field := range []petitioning.OrderField{
		petitioning.ByCreatedAt, petitioning.ByStartsAt, petitioning.ByEndsAt, petitioning.BySignatureCount, petitioning.ByTrending,
	} {
		for _, direction := range []petitioning.Direction{petitioning.Asc, petitioning.Desc} {
			out = append(out, &petitioning.Order{Field: field, Direction: direction})
		}
	}
	return out
}

func filters() map[string]*petitioning.Filter {
	return map[string]*petitioning.Filter{
		"None":           nil,
		"Empty":          {},
		"AllStates":      {States: states},
		"OneState":       {States: []petition.State{petition.StateCLOSED}},
		"RepeatedStates": {States: []petition.State{petition.StatePAUSED, petition.StateOPEN, petition.StatePAUSED}},
		"UnseenState":    {States: []petition.State{petition.StateDRAFT}},
		"NoSuchState":    {States: []petition.State{"OPEN') OR ('a' = 'a", petition.StateCLOSED}},
		"NoState":        {States: []petition.State{"open"}},
		"AnyTag":         {States: states, Tags: []string{"#BEES", "水"}},
		"AllTags":        {States: states, AllTags: []string{"climate  justice", "Bees"}},
		"BothTags":       {States: states, Tags: []string{"zebra", "a_b"}, AllTags: []string{"STÄDTE"}},
		"UnknownTag":     {States: states, Tags: []string{"nobody bears it"}},
		"NoTagAtAll":     {States: states, Tags: []string{"!!!", "\x00", "\xff", ""}},
		"BrokenTags":     {States: states, AllTags: []string{"be\x00es", "\xffbees"}},
		"Language":       {States: states, Language: p("pt")},
		"Region":         {States: states, Language: p("pt-br")},
		"MinSignatures":  {States: states, MinSignatures: p(3)},
		"NoMinimum":      {States: states, MinSignatures: p(-1)},
		"StartedAfter":   {States: states, StartedAfter: p(monday.Add(-(30*24 + 4) * time.Hour))},
		"EndsBefore":     {States: states, EndsBefore: p(monday.Add(4 * time.Hour))},
		"Everything": {
			States: states, Tags: []string{"bees", "climate justice"}, AllTags: []string{"bees"}, Language: p("en"), MinSignatures: p(1),
			StartedAfter: p(monday.Add(-31 * 24 * time.Hour)), EndsBefore: p(monday.Add(9 * time.Hour)),
		},
	}
}

func TestPetitionLists(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		site := siteOf(t, b, 40, 1)
		n := 0
		for name, f := range filters() {
			t.Run(name, func(t *testing.T) {
				for _, o := range append(orders(), orders()...) {
					if n++; n == len(filters())*len(orders()) {
						petitioning.TakeAsMany(b.Service)
					}
					size, admin := n%7+1, n%3 == 0
					ctx := b.as(t, "")
					if admin {
						ctx = operator(t)
					}
					read := func(args petitioning.PageArgs) (*petitioning.PetitionConnection, error) {
						return b.Petitions(ctx, petitioning.PetitionQuery{Filter: f, Order: o}, args)
					}
					want := expected(site, admin, canonical(f), o)
					what := fmt.Sprintf("list by %v in pages of %d, admin %v", o, size, admin)
					equal(t, what, want, walk(t, size, n%2 == 0, petitionID, read))
					page, err := read(petitioning.PageArgs{First: p(1)})
					ok(t, err)
					total, err := page.TotalCount(ctx)
					ok(t, err)
					equal(t, what+", total", len(want), *total)
				}
			})
		}
	})
}

// canonical gives a filter with its language as petitions keep theirs.
func canonical(f *petitioning.Filter) *petitioning.Filter {
	if f == nil || f.Language == nil || *f.Language != "pt-br" {
		return f
	}
	c := *f
	c.Language = p("pt-BR")
	return &c
}

func TestEveryPageSize(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		site := siteOf(t, b, 11, 2)
		for _, o := range orders() {
			want := expected(site, true, &petitioning.Filter{States: states}, o)
			for size := 1; size <= 7; size++ {
				for _, backwards := range []bool{false, true} {
					got := walk(t, size, backwards, petitionID, func(args petitioning.PageArgs) (*petitioning.PetitionConnection, error) {
						return b.Petitions(operator(t), petitioning.PetitionQuery{Filter: &petitioning.Filter{States: states}, Order: o}, args)
					})
					equal(t, fmt.Sprintf("list by %v in pages of %d, backwards %v", o, size, backwards), want, got)
				}
			}
		}
	})
}

// TestPagesMeetTheModel cuts random pages out of random lists: any bounds, any size, either way.
func TestPagesMeetTheModel(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		site := siteOf(t, b, 16, 3)
		ctx := operator(t)
		rapid.Check(t, func(r *rapid.T) {
			o := rapid.SampledFrom(orders()).Draw(r, "order")
			f := &petitioning.Filter{States: rapid.SliceOfN(rapid.SampledFrom(states), 1, 8).Draw(r, "states")}
			q := petitioning.PetitionQuery{Filter: f, Order: o}
			want := expected(site, true, f, o)
			whole, err := b.Petitions(ctx, q, petitioning.PageArgs{First: p(100)})
			ok(t, err)
			low, high := 0, len(want)
			args := petitioning.PageArgs{}
			if len(want) > 0 && rapid.Bool().Draw(r, "bounded after") {
				low = rapid.IntRange(1, len(want)).Draw(r, "after")
				args.After = p(whole.Edges[low-1].Cursor())
			}
			if len(want) > 0 && rapid.Bool().Draw(r, "bounded before") {
				high = rapid.IntRange(0, len(want)-1).Draw(r, "before")
				args.Before = p(whole.Edges[high].Cursor())
			}
			high = max(low, high)
			size := rapid.IntRange(1, 18).Draw(r, "size")
			first, end := low, min(high, low+size)
			args.First = &size
			if rapid.Bool().Draw(r, "backwards") {
				args.First, args.Last = nil, &size
				first, end = max(low, high-size), high
			}
			page, err := b.Petitions(ctx, q, args)
			ok(t, err)
			var got []uuid.UUID
			for _, row := range page.Nodes() {
				got = append(got, row.ID)
			}
			if !slices.Equal(want[first:end], got) {
				r.Fatalf("the page is %v, want %v", got, want[first:end])
			}
		})
	})
}

func TestAbsentTimesComeLast(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		far := time.Date(9999, time.December, 31, 23, 59, 59, 0, time.UTC) // the last that the API takes
		endless := b.publish(t)
		ends := b.publish(t, func(d *petitioning.Draft) { d.EndsAt = &far })
		for _, direction := range []petitioning.Direction{petitioning.Asc, petitioning.Desc} {
			page, err := b.Petitions(b.as(t, ""), petitioning.PetitionQuery{
				Order: &petitioning.Order{Field: petitioning.ByEndsAt, Direction: direction},
			}, petitioning.PageArgs{})
			ok(t, err)
			equal(t, "order "+string(direction), []uuid.UUID{ends.Petition, endless.Petition},
				[]uuid.UUID{page.Edges[0].Node.ID, page.Edges[1].Node.ID})
		}
	})
}

func TestCursorsBelongToTheirList(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		site := siteOf(t, b, 12, 4)
		ctx := operator(t)
		all := &petitioning.Filter{States: states}
		asc := petitioning.Order{Field: petitioning.ByCreatedAt, Direction: petitioning.Asc}
		page, err := b.Petitions(ctx, petitioning.PetitionQuery{Filter: all, Order: &asc}, petitioning.PageArgs{First: p(1)})
		ok(t, err)
		good := page.Edges[0].Cursor()
		petitions := func(q petitioning.PetitionQuery) func(petitioning.PageArgs) error {
			return func(args petitioning.PageArgs) error { _, err := b.Petitions(ctx, q, args); return err }
		}
		ok(t, petitions(petitioning.PetitionQuery{Filter: all, Order: &asc})(petitioning.PageArgs{After: &good}))
		lists := map[string]func(petitioning.PageArgs) error{
			"OtherFilter":    petitions(petitioning.PetitionQuery{Filter: &petitioning.Filter{States: states[:3]}, Order: &asc}),
			"OtherOrder":     petitions(petitioning.PetitionQuery{Filter: all, Order: &petitioning.Order{Field: petitioning.ByTrending, Direction: petitioning.Asc}}),
			"OtherDirection": petitions(petitioning.PetitionQuery{Filter: all}),
			"Search":         petitions(petitioning.PetitionQuery{Filter: all, Order: &asc, Search: p("petition")}),
			"Relevance":      petitions(petitioning.PetitionQuery{Filter: all, Search: p("petition")}),
			"Tags":           func(args petitioning.PageArgs) error { _, err := b.Tags(ctx, nil, args); return err },
			"TagPetitions": func(args petitioning.PageArgs) error {
				_, err := b.TagPetitions(ctx, asc, petitioning.Wanted{}, args, uuid.New())
				return err
			},
			"Signatures": func(args petitioning.PageArgs) error { _, err := b.Signatures(ctx, args, site[0].id); return err },
			"Comments": func(args petitioning.PageArgs) error {
				_, err := b.Comments(ctx, said(petitioning.Newest), args, site[0].id)
				return err
			},
			"Replies": func(args petitioning.PageArgs) error {
				_, err := b.Replies(ctx, petitioning.WithBodies, args, uuid.New())
				return err
			},
		}
		for name, list := range lists {
			for _, cursor := range []string{good, "", "nonsense", good[1:], good + "A", "\x00", "\xff", strings.Repeat("A", 100_000)} {
				refused(t, list(petitioning.PageArgs{After: &cursor}), name+" after", "after")
				refused(t, list(petitioning.PageArgs{Before: &cursor}), name+" before", "before")
			}
			for _, size := range []int{0, -1, 101} {
				refused(t, list(petitioning.PageArgs{First: &size}), name+" first", "first")
				refused(t, list(petitioning.PageArgs{Last: &size}), name+" last", "last")
			}
			refused(t, list(petitioning.PageArgs{First: p(1), Last: p(1)}), name+" both", "last")
		}
	})
}

// refused fails the test unless err blames the argument.
func refused(t testing.TB, err error, what, argument string) {
	t.Helper()
	var fault *petitioning.ArgumentError
	if !errors.As(err, &fault) || fault.Argument != argument || !strings.HasSuffix(fault.Message, ".") {
		t.Errorf("%s: the error is %v, want one of the argument %s", what, err, argument)
	}
}

func TestListArguments(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("é", 201)
	tests := []struct {
		name     string
		query    petitioning.PetitionQuery
		argument string
	}{
		{"Language", petitioning.PetitionQuery{Filter: &petitioning.Filter{Language: p("english!")}}, "filter.language"},
		{"LanguageWithNul", petitioning.PetitionQuery{Filter: &petitioning.Filter{Language: p("e\x00n")}}, "filter.language"},
		{"BrokenLanguage", petitioning.PetitionQuery{Filter: &petitioning.Filter{Language: p("\xff")}}, "filter.language"},
		{"Wildcards", petitioning.PetitionQuery{Filter: &petitioning.Filter{Language: p("%")}}, "filter.language"},
		{"ManyTags", petitioning.PetitionQuery{Filter: &petitioning.Filter{Tags: make([]string, 21)}}, "filter.tags"},
		{"ManyOfAllTags", petitioning.PetitionQuery{Filter: &petitioning.Filter{AllTags: make([]string, 21)}}, "filter.allTags"},
		{"LongSearch", petitioning.PetitionQuery{Search: &long}, "search"},
		{"RelevanceWithoutSearch", petitioning.PetitionQuery{Order: &petitioning.Order{Field: petitioning.ByRelevance}}, "orderBy"},
		{"RelevanceOfBlank", petitioning.PetitionQuery{Search: p(" \t"), Order: &petitioning.Order{Field: petitioning.ByRelevance}}, "orderBy"},
		{"UnknownOrder", petitioning.PetitionQuery{Order: &petitioning.Order{Field: "LENGTH"}}, "orderBy"},
	}
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		for _, tt := range tests {
			_, err := b.Petitions(b.as(t, ""), tt.query, petitioning.PageArgs{})
			refused(t, err, tt.name, tt.argument)
		}
		_, err := b.TagPetitions(b.as(t, ""), petitioning.Order{Field: petitioning.ByRelevance}, petitioning.Wanted{}, petitioning.PageArgs{}, uuid.New())
		refused(t, err, "relevance among the petitions of a tag", "orderBy")
		many := petitioning.Filter{States: make([]petition.State, 100_000)}
		for i := range many.States {
			many.States[i] = states[i%len(states)]
		}
		_, err = b.Petitions(b.as(t, ""), petitioning.PetitionQuery{Filter: &many}, petitioning.PageArgs{})
		ok(t, err)
	})
}
