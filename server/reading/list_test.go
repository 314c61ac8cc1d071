package reading_test

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
	"petitiond/server/keyset"
	"petitiond/server/petitioning"
	"petitiond/server/reading"
	"petitiond/server/sitetest"
)

func petitionID(row *ent.Petition) uuid.UUID { return row.ID }

// orders are all orders of a list without a search, and that of a list that names none.
func orders() []*reading.Order {
	out := []*reading.Order{nil}
	for _, field := range []reading.OrderField{
		reading.ByCreatedAt, reading.ByStartsAt, reading.ByEndsAt, reading.BySignatureCount, reading.ByTrending,
	} {
		for _, direction := range []reading.Direction{reading.Asc, reading.Desc} {
			out = append(out, &reading.Order{Field: field, Direction: direction})
		}
	}
	return out
}

func filters() map[string]*reading.Filter {
	return map[string]*reading.Filter{
		"None":           nil,
		"Empty":          {},
		"AllStates":      {States: sitetest.States},
		"OneState":       {States: []petition.State{petition.StateCLOSED}},
		"RepeatedStates": {States: []petition.State{petition.StatePAUSED, petition.StateOPEN, petition.StatePAUSED}},
		"UnseenState":    {States: []petition.State{petition.StateDRAFT}},
		"NoSuchState":    {States: []petition.State{"OPEN') OR ('a' = 'a", petition.StateCLOSED}},
		"NoState":        {States: []petition.State{"open"}},
		"AnyTag":         {States: sitetest.States, Tags: []string{"#BEES", "水"}},
		"AllTags":        {States: sitetest.States, AllTags: []string{"climate  justice", "Bees"}},
		"BothTags":       {States: sitetest.States, Tags: []string{"zebra", "a_b"}, AllTags: []string{"STÄDTE"}},
		"UnknownTag":     {States: sitetest.States, Tags: []string{"nobody bears it"}},
		"NoTagAtAll":     {States: sitetest.States, Tags: []string{"!!!", "\x00", "\xff", ""}},
		"BrokenTags":     {States: sitetest.States, AllTags: []string{"be\x00es", "\xffbees"}},
		"Language":       {States: sitetest.States, Language: p("pt")},
		"Region":         {States: sitetest.States, Language: p("pt-br")},
		"MinSignatures":  {States: sitetest.States, MinSignatures: p(3)},
		"NoMinimum":      {States: sitetest.States, MinSignatures: p(-1)},
		"StartedAfter":   {States: sitetest.States, StartedAfter: p(monday.Add(-(30*24 + 4) * time.Hour))},
		"EndsBefore":     {States: sitetest.States, EndsBefore: p(monday.Add(4 * time.Hour))},
		"Everything": {
			States: sitetest.States, Tags: []string{"bees", "climate justice"}, AllTags: []string{"bees"}, Language: p("en"), MinSignatures: p(1),
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
				tried := orders()
				if !sitetest.Raced { // twice, in other pages and as another viewer
					tried = append(tried, orders()...)
				}
				for _, o := range tried {
					if n++; n == len(filters())*len(orders()) {
						b.ReadAsMany()
					}
					size, admin := n%7+1, n%3 == 0
					ctx := b.As(t, "")
					if admin {
						ctx = operator(t)
					}
					read := func(args keyset.Args) (*reading.PetitionConnection, error) {
						return b.Reads(ctx).Petitions(ctx, reading.PetitionQuery{Filter: f, Order: o}, args)
					}
					want := expected(site, admin, canonical(f), o)
					what := fmt.Sprintf("list by %v in pages of %d, admin %v", o, size, admin)
					equal(t, what, want, walk(t, size, n%2 == 0, petitionID, read))
					page, err := read(keyset.Args{First: p(1)})
					ok(t, err)
					total, err := page.TotalCount(ctx)
					ok(t, err)
					equal(t, what+", total", len(want), *total)
				}
			})
		}
	})
}

// canonical returns a filter with its language as petitions keep theirs.
func canonical(f *reading.Filter) *reading.Filter {
	if f == nil || f.Language == nil || *f.Language != "pt-br" {
		return f
	}
	c := *f
	c.Language = p("pt-BR")
	return &c
}

// TestBlankConditionsAreNone leaves fields of a filter blank, as a form for searching does.
func TestBlankConditionsAreNone(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		site := siteOf(t, b, 20, 5)
		ctx, starts := operator(t), reading.Order{Field: reading.ByStartsAt, Direction: reading.Desc}
		blank := reading.Filter{
			States: sitetest.States, Language: p(" "), Tags: []string{"", "\u200b"}, AllTags: []string{" "},
			StartedAfter: &time.Time{}, EndsBefore: &time.Time{},
		}
		some := blank
		some.Tags, some.AllTags = []string{" ", "bees"}, []string{"", "bees", "\t"}
		for given, means := range map[*reading.Filter]*reading.Filter{
			&blank: {States: sitetest.States},
			&some:  {States: sitetest.States, Tags: []string{"bees"}},
		} {
			got := walk(t, 3, false, petitionID, func(args keyset.Args) (*reading.PetitionConnection, error) {
				q := reading.PetitionQuery{Filter: given, Order: &starts, Search: p("\u200b ")}
				return b.Reads(ctx).Petitions(ctx, q, args)
			})
			equal(t, "petitions", expected(site, true, means, &starts), got)
		}
		tags, err := b.Reads(ctx).Tags(ctx, p("\u200b"), keyset.Args{})
		ok(t, err)
		all, err := b.Reads(ctx).Tags(ctx, nil, keyset.Args{})
		ok(t, err)
		equal(t, "tags", len(all.Edges), len(tags.Edges))
	})
}

func TestEveryPageSize(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		site := siteOf(t, b, 11, 2)
		for _, o := range orders() {
			want := expected(site, true, &reading.Filter{States: sitetest.States}, o)
			for size := 1; size <= 7; size++ {
				for _, backwards := range []bool{false, true} {
					got := walk(t, size, backwards, petitionID, func(args keyset.Args) (*reading.PetitionConnection, error) {
						return b.Reads(operator(t)).Petitions(operator(t), reading.PetitionQuery{Filter: &reading.Filter{States: sitetest.States}, Order: o}, args)
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
			f := &reading.Filter{States: rapid.SliceOfN(rapid.SampledFrom(sitetest.States), 1, 8).Draw(r, "states")}
			q := reading.PetitionQuery{Filter: f, Order: o}
			want := expected(site, true, f, o)
			whole, err := b.Reads(ctx).Petitions(ctx, q, keyset.Args{First: p(100)})
			ok(t, err)
			low, high := 0, len(want)
			args := keyset.Args{}
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
			page, err := b.Reads(ctx).Petitions(ctx, q, args)
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
		endless := b.MustPublish(t)
		ends := b.MustPublish(t, func(d *petitioning.Draft) { d.EndsAt = &far })
		for _, direction := range []reading.Direction{reading.Asc, reading.Desc} {
			page, err := b.Reads(b.As(t, "")).Petitions(b.As(t, ""), reading.PetitionQuery{
				Order: &reading.Order{Field: reading.ByEndsAt, Direction: direction},
			}, keyset.Args{})
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
		all := &reading.Filter{States: sitetest.States}
		asc := reading.Order{Field: reading.ByCreatedAt, Direction: reading.Asc}
		page, err := b.Reads(ctx).Petitions(ctx, reading.PetitionQuery{Filter: all, Order: &asc}, keyset.Args{First: p(1)})
		ok(t, err)
		good := page.Edges[0].Cursor()
		petitions := func(q reading.PetitionQuery) func(keyset.Args) error {
			return func(args keyset.Args) error { _, err := b.Reads(ctx).Petitions(ctx, q, args); return err }
		}
		ok(t, petitions(reading.PetitionQuery{Filter: all, Order: &asc})(keyset.Args{After: &good}))
		lists := map[string]func(keyset.Args) error{
			"OtherFilter":    petitions(reading.PetitionQuery{Filter: &reading.Filter{States: sitetest.States[:3]}, Order: &asc}),
			"OtherOrder":     petitions(reading.PetitionQuery{Filter: all, Order: &reading.Order{Field: reading.ByTrending, Direction: reading.Asc}}),
			"OtherDirection": petitions(reading.PetitionQuery{Filter: all}),
			"Search":         petitions(reading.PetitionQuery{Filter: all, Order: &asc, Search: p("petition")}),
			"Relevance":      petitions(reading.PetitionQuery{Filter: all, Search: p("petition")}),
			"Tags":           func(args keyset.Args) error { _, err := b.Reads(ctx).Tags(ctx, nil, args); return err },
			"TagPetitions": func(args keyset.Args) error {
				_, err := b.Reads(ctx).TagPetitions(ctx, asc, reading.Selection{}, args, uuid.New())
				return err
			},
			"Signatures": func(args keyset.Args) error { _, err := b.Reads(ctx).Signatures(ctx, args, site[0].id); return err },
			"Comments": func(args keyset.Args) error {
				_, err := b.Reads(ctx).Comments(ctx, sitetest.ByOrder(reading.Newest), args, site[0].id)
				return err
			},
			"Replies": func(args keyset.Args) error {
				_, err := b.Reads(ctx).Replies(ctx, reading.WithBodies, args, uuid.New())
				return err
			},
		}
		for name, list := range lists {
			for _, cursor := range []string{good, " ", "nonsense", good[1:], good + "A", "\x00", "\xff", strings.Repeat("A", 100_000)} {
				refused(t, list(keyset.Args{After: &cursor}), name+" after", "after")
				refused(t, list(keyset.Args{Before: &cursor}), name+" before", "before")
			}
			ok(t, list(keyset.Args{After: p("")}))
			ok(t, list(keyset.Args{Before: p(""), After: p("")}))
			for _, size := range []int{0, -1, 101} {
				refused(t, list(keyset.Args{First: &size}), name+" first", "first")
				refused(t, list(keyset.Args{Last: &size}), name+" last", "last")
			}
			refused(t, list(keyset.Args{First: p(1), Last: p(1)}), name+" both", "last")
		}
	})
}

// refused fails the test unless err blames the argument.
func refused(t testing.TB, err error, what, argument string) {
	t.Helper()
	var fault *keyset.ArgumentError
	if !errors.As(err, &fault) || fault.Argument != argument || !strings.HasSuffix(fault.Message, ".") {
		t.Errorf("%s: the error is %v, want one of the argument %s", what, err, argument)
	}
}

func TestListArguments(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("é", 201)
	tests := []struct {
		name     string
		query    reading.PetitionQuery
		argument string
	}{
		{"Language", reading.PetitionQuery{Filter: &reading.Filter{Language: p("english!")}}, "filter.language"},
		{"LanguageWithNul", reading.PetitionQuery{Filter: &reading.Filter{Language: p("e\x00n")}}, "filter.language"},
		{"BrokenLanguage", reading.PetitionQuery{Filter: &reading.Filter{Language: p("\xff")}}, "filter.language"},
		{"Wildcards", reading.PetitionQuery{Filter: &reading.Filter{Language: p("%")}}, "filter.language"},
		{"ManyTags", reading.PetitionQuery{Filter: &reading.Filter{Tags: make([]string, 21)}}, "filter.tags"},
		{"ManyOfAllTags", reading.PetitionQuery{Filter: &reading.Filter{AllTags: make([]string, 21)}}, "filter.allTags"},
		{"LongSearch", reading.PetitionQuery{Search: &long}, "search"},
		{"RelevanceWithoutSearch", reading.PetitionQuery{Order: &reading.Order{Field: reading.ByRelevance}}, "orderBy"},
		{"RelevanceOfBlank", reading.PetitionQuery{Search: p(" \t"), Order: &reading.Order{Field: reading.ByRelevance}}, "orderBy"},
		{"UnknownOrder", reading.PetitionQuery{Order: &reading.Order{Field: "LENGTH"}}, "orderBy"},
	}
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		for _, tt := range tests {
			_, err := b.Reads(b.As(t, "")).Petitions(b.As(t, ""), tt.query, keyset.Args{})
			refused(t, err, tt.name, tt.argument)
		}
		_, err := b.Reads(b.As(t, "")).TagPetitions(b.As(t, ""), reading.Order{Field: reading.ByRelevance}, reading.Selection{}, keyset.Args{}, uuid.New())
		refused(t, err, "relevance among the petitions of a tag", "orderBy")
		many := reading.Filter{States: make([]petition.State, 100_000)}
		for i := range many.States {
			many.States[i] = sitetest.States[i%len(sitetest.States)]
		}
		_, err = b.Reads(b.As(t, "")).Petitions(b.As(t, ""), reading.PetitionQuery{Filter: &many}, keyset.Args{})
		ok(t, err)
	})
}
