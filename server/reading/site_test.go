package reading_test

import (
	"bytes"
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"petitiond/ent/petition"
	"petitiond/server/keyset"
	"petitiond/server/petitioning"
	"petitiond/server/reading"
	"petitiond/server/sitetest"
	"petitiond/server/text"
)

// known is what a test knows of a petition that it has made.
type known struct {
	petitioning.Imported
	id   uuid.UUID
	keys []string // of its tags
}

// siteOf fills a site with n petitions of all sorts: every state, times that are absent and times that are
// equal, tags in several spellings, and signatures of the last weeks. The same seed makes the same site.
func siteOf(t testing.TB, b *bundle, n int, seed uint64) []known {
	t.Helper()
	random := rand.New(rand.NewPCG(seed, seed))
	some := func(n int) bool { return random.IntN(n) == 0 }
	site := make([]known, n)
	for i := range site {
		k := known{Imported: petitioning.Imported{
			Draft: petitioning.Draft{
				Title: fmt.Sprintf("Petition %d", i), Body: "Something ought to be done.", Petitioner: "Somebody",
				Language: p(languages[random.IntN(len(languages))]),
			},
			State: sitetest.States[random.IntN(len(sitetest.States))], CreatedAt: monday.Add(-time.Duration(random.IntN(n)+40*24) * time.Hour),
		}}
		if some(2) {
			k.State = petition.StateOPEN
		}
		if !some(3) {
			k.StartsAt = p(monday.Add(-time.Duration(random.IntN(8)+30*24) * time.Hour))
		}
		if !some(3) {
			k.EndsAt = p(monday.Add(time.Duration(random.IntN(8)+1) * time.Hour))
		}
		for j := range random.IntN(5) {
			spelling := spelled[(i+j*j+random.IntN(3))%len(spelled)]
			if key := text.TagKey(spelling); !slices.Contains(k.keys, key) {
				k.Tags, k.keys = append(k.Tags, spelling), append(k.keys, key)
			}
		}
		if !some(4) {
			k.Signatures = crowd(random, random.IntN(7))
		}
		var err error
		if k.id, err = b.Import(operator(t), k.Imported); err != nil {
			t.Fatal(err)
		}
		site[i] = k
	}
	ok(t, b.RankAll(t.Context()))
	return site
}

var (
	languages = []string{"en", "pt", "pt-BR", "de"}
	spelled   = []string{"Climate Justice", "#climatejustice", "Bees", "BEES!", "Städte", "staedte", "a_b", "ab", "水", "Zebra", "éa"}
)

// crowd returns n signatures of the last weeks, most of them named, in the order of time.
func crowd(random *rand.Rand, n int) []petitioning.ImportedSignature {
	out := make([]petitioning.ImportedSignature, n)
	for i := range out {
		out[i] = petitioning.ImportedSignature{
			Name: fmt.Sprintf("Person %d", i), Address: fmt.Sprintf("person%d@example.org", i), ShowName: random.IntN(3) > 0,
			At: monday.Add(-time.Duration(random.Int64N(int64(20 * 24 * time.Hour)))).Truncate(time.Microsecond),
		}
	}
	slices.SortFunc(out, func(a, b petitioning.ImportedSignature) int { return a.At.Compare(b.At) })
	return out
}

// expected returns the ids of the petitions of a list in its order: what the contract says, in Go.
func expected(site []known, all bool, f *reading.Filter, o *reading.Order) []uuid.UUID {
	var list []known
	for _, k := range site {
		if (all || sitetest.IsPublic(k.State)) && k.meets(f) {
			list = append(list, k)
		}
	}
	order := reading.Order{Field: reading.ByCreatedAt, Direction: reading.Desc}
	if o != nil {
		order = *o
	}
	slices.SortFunc(list, func(a, b known) int { return a.compare(b, order) })
	var ids []uuid.UUID
	for _, k := range list {
		ids = append(ids, k.id)
	}
	return ids
}

func (k known) meets(f *reading.Filter) bool {
	if f == nil {
		f = &reading.Filter{}
	}
	bears := func(name string) bool { return slices.Contains(k.keys, text.TagKey(name)) }
	lacks := func(name string) bool { return !bears(name) }
	inState := slices.Contains(f.States, k.State) || len(f.States) == 0 && k.State == petition.StateOPEN
	return inState &&
		(len(f.Tags) == 0 || slices.ContainsFunc(f.Tags, bears)) &&
		!slices.ContainsFunc(f.AllTags, lacks) &&
		(f.Language == nil || *k.Language == *f.Language || strings.HasPrefix(*k.Language, *f.Language+"-")) &&
		(f.MinSignatures == nil || len(k.Signatures) >= *f.MinSignatures) &&
		(f.StartedAfter == nil || k.StartsAt != nil && k.StartsAt.After(*f.StartedAfter)) &&
		(f.EndsBefore == nil || k.EndsAt != nil && k.EndsAt.Before(*f.EndsBefore))
}

// compare orders two petitions. Absent times come last whichever the direction; equals follow by age in it.
func (k known) compare(other known, o reading.Order) int {
	sign := 1
	if o.Direction == reading.Desc {
		sign = -1
	}
	absent := func(a, b *time.Time) (int, bool) {
		switch {
		case a == nil && b == nil:
			return 0, false
		case a == nil:
			return 1, true
		case b == nil:
			return -1, true
		}
		return sign * a.Compare(*b), true
	}
	var n int
	switch o.Field {
	case reading.ByCreatedAt:
		n = sign * k.CreatedAt.Compare(other.CreatedAt)
	case reading.ByStartsAt:
		n, _ = absent(k.StartsAt, other.StartsAt)
	case reading.ByEndsAt:
		n, _ = absent(k.EndsAt, other.EndsAt)
	case reading.BySignatureCount:
		n = sign * cmp.Compare(len(k.Signatures), len(other.Signatures))
	case reading.ByTrending:
		n = sign * cmp.Compare(k.trend(), other.trend())
	}
	if n == 0 {
		n = sign * bytes.Compare(k.id[:], other.id[:])
	}
	return n
}

// trend is log2 of the sum over the signatures of 2^((t - t0) / 6 h), 0 without any.
func (k known) trend() float64 {
	if len(k.Signatures) == 0 {
		return 0
	}
	t0 := time.Date(2020, time.January, 1, 0, 0, 0, 0, time.UTC)
	newest := k.Signatures[len(k.Signatures)-1].At
	sum := 0.0
	for _, s := range k.Signatures {
		sum += math.Exp2(s.At.Sub(newest).Hours() / 6)
	}
	return newest.Sub(t0).Hours()/6 + math.Log2(sum)
}

// walk reads a list page by page, forwards or backwards, and gives the ids in the order of the list. What
// each page says of its neighbours must be true.
func walk[N any](t testing.TB, size int, backwards bool, id func(N) uuid.UUID, read func(keyset.Args) (*reading.Connection[N], error)) []uuid.UUID {
	t.Helper()
	var ids []uuid.UUID
	args := keyset.Args{First: &size}
	if backwards {
		args = keyset.Args{Last: &size}
	}
	for range 1000 {
		page, err := read(args)
		ok(t, err)
		var some []uuid.UUID
		for _, node := range page.Nodes() {
			some = append(some, id(node))
		}
		more := page.PageInfo.HasNextPage
		behind := page.PageInfo.HasPreviousPage
		if backwards {
			more, behind = behind, more
			ids = append(some, ids...)
			args.Before = page.PageInfo.StartCursor()
		} else {
			ids = append(ids, some...)
			args.After = page.PageInfo.EndCursor()
		}
		if behind != (len(ids) > len(some)) {
			t.Errorf("a page of %d says %v of rows behind it, after %d rows", size, behind, len(ids)-len(some))
		}
		if more && len(some) != size {
			t.Errorf("a page of %d has %d rows and says that there are more", size, len(some))
		}
		if !more {
			return ids
		}
	}
	t.Fatal("the list does not end")
	return nil
}
