package reading_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"petitiond/server/database"
	"petitiond/server/database/dbtest"
	"petitiond/server/petitioning"
	"petitiond/server/reading"
	"petitiond/server/sitetest"
)

// TestSearchIsTheSameOnBoth makes texts and searches of the same few pieces, at which the two databases cut
// words in ways of their own, and compares what is found. One thing is left out: of 1e5x PostgreSQL
// makes two words, a number and what follows it.
func TestSearchIsTheSameOnBoth(t *testing.T) {
	t.Parallel()
	sitetest.NotRaced(t)
	pieces := []string{
		"a", "b", "é", "ß", "1", "2", "15", "x2", "水", "火", "カ", "ー", "ア", "한", "х", "і", "ا", "ك", "α", "_", "-", ".", "'", "@", "/", " ", " ",
		"Ⅷ", "²", "½", "ı", "İ", "ﬁ", "क", "ा", "ก", "ं", "\u200d", "🐝", "ꭰ", "Ა", "ªº", "Ǆ", "ⓐ",
		"\U00016E40", "\U0001E900", "\U00030000", // letters younger than the tables of some databases
	}
	random := rand.New(rand.NewPCG(1, 2))
	text := func(n int) string {
		var out strings.Builder
		for range n {
			out.WriteString(pieces[random.IntN(len(pieces))])
		}
		return out.String()
	}
	bodies, queries := make([]string, 60), make([]string, 200)
	for i := range bodies {
		bodies[i] = "x" + text(24)
	}
	for i := range queries {
		queries[i] = text(1 + random.IntN(4))
	}
	results := map[database.Dialect]map[string][]string{}
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		for i, body := range bodies {
			in := petitioning.Imported{
				Draft: petitioning.Draft{Title: fmt.Sprintf("Title %d", i), Body: body, Petitioner: "Ada"}, State: "OPEN", CreatedAt: monday,
			}
			_, err := b.Import(operator(t), in)
			ok(t, err)
		}
		read := func() map[string][]string {
			all := map[string][]string{}
			for _, q := range queries {
				if strings.TrimSpace(q) == "" {
					continue
				}
				titles := b.Titles(t, reading.PetitionQuery{Search: &q})
				slices.Sort(titles)
				all[q] = titles
			}
			return all
		}
		results[db.Dialect] = read()
		b.ReadAsMany()
		equal(t, "what is found of what many petitions have", results[db.Dialect], read())
	})
	if len(results) == 2 {
		equal(t, "what both find", results[database.SQLite], results[database.Postgres])
	}
}
